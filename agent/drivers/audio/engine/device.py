"""One open output of PortAudio: 48 kHz, one channel, 16 bits, blocks of 10 ms."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pyaudio

from agent.drivers.audio.hush import hushed
from agent.drivers.audio.paced import gone
from agent.drivers.audio.source import RATE_HZ, Samples, frames, pcm16
from agent.ports.sound import SoundError

PERIODS: Final = 3
"""PortAudio buffers at least so many periods."""
GAP_MS: Final = 10.0
"""So far behind the time, and a period and a half, by which sound servers count, the device falls at once when it ran
dry. (PyAudio's own report of that, an exception, closes the stream.)"""
DRIFT: Final = 1e-3
"""The device's clock is slower than the system's by at most so much."""


class Device:
    """An open output stream. Every call may raise SoundError."""

    def __init__(self, name: str | None, buffer_ms: int) -> None:
        """`name`: part of the device's name; None for the default. Devices are looked for anew each time.

        `buffer_ms`: by so much the feeder may be late, and so long an alarm has to wait.
        """
        self.underruns = 0
        self._gap_ms = GAP_MS + 1.5 * buffer_ms / PERIODS
        self._written = 0
        self._behind_ms = self._looked_ms = 0.0
        with hushed():
            self._open(name, frames(buffer_ms) // PERIODS)
        self._forget_the_pace()

    def _open(self, name: str | None, period: int) -> None:
        self._audio = pyaudio.PyAudio()
        try:
            with _device_errors():
                index = self._index(name)
                self.name = str(self._info(index)["name"])
                self._stream = self._audio.open(
                    rate=RATE_HZ,
                    channels=1,
                    format=pyaudio.paInt16,
                    output=True,
                    output_device_index=index,
                    frames_per_buffer=period,
                )
                self._capacity = int(self._stream.get_write_available())
        except SoundError:
            self._audio.terminate()
            raise

    def ahead_ms(self) -> float:
        """How long it takes until the next sample written is heard; a device that ran dry is counted."""
        with _device_errors():
            ahead = max(0, self._capacity - int(self._stream.get_write_available()))
        if self._written > 2 * self._capacity:
            self._look_at_the_pace(ahead)
        return ahead * 1000 / RATE_HZ

    def _look_at_the_pace(self, ahead: int) -> None:
        """What was heard so far is as long as the time that has passed, unless there was nothing for a while."""
        now = time.monotonic() * 1000
        behind_ms = now - (self._written - ahead) * 1000 / RATE_HZ
        if behind_ms > self._behind_ms + self._gap_ms:
            self.underruns += self._behind_ms > 0
            self._behind_ms = behind_ms
        else:
            self._behind_ms = min(behind_ms, self._behind_ms + (now - self._looked_ms) * DRIFT)
        self._looked_ms = now

    def _forget_the_pace(self) -> None:
        self._written, self._behind_ms, self._looked_ms = 0, 0.0, time.monotonic() * 1000

    def write(self, block: Samples) -> None:
        """Waits until there is room."""
        with _device_errors():
            self._stream.write(pcm16(block), exception_on_underflow=False)
        self._written += len(block)

    def pause(self) -> None:
        with _device_errors():
            self._stream.stop_stream()

    def go_on(self) -> None:
        self._forget_the_pace()
        with _device_errors():
            self._stream.start_stream()

    def lacks(self, name: str | None) -> str:
        """Why this other output cannot be had, as far as the list of them says; empty: it is there."""
        try:
            self._index(name)
        except SoundError as error:
            return str(error)
        return ""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()
        self._audio.terminate()

    def _index(self, name: str | None) -> int | None:
        if name is None:
            return None
        infos = [self._audio.get_device_info_by_index(index) for index in range(self._audio.get_device_count())]
        outputs = [info for info in infos if int(info["maxOutputChannels"]) > 0]
        for info in outputs:
            if name in str(info["name"]):
                return int(info["index"])
        known = ", ".join(str(info["name"]) for info in outputs) or "none"
        raise SoundError(
            f"no output is called {name!r}; [sound] in box.toml may name one of: {known}",
            vi=f"không có đầu ra nào tên {name!r}; [sound] trong box.toml có thể ghi một trong: {known}",
            device=True,
        )

    def _info(self, index: int | None) -> dict[str, Any]:
        if index is None:
            return dict(self._audio.get_default_output_device_info())
        return dict(self._audio.get_device_info_by_index(index))


@contextmanager
def _device_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise gone(str(error)) from error
