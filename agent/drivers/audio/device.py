"""One open output of PortAudio: 48 kHz, one channel, 16 bits, blocks of 10 ms."""

import contextlib
import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pyaudio

from agent.drivers.audio.paced import gone
from agent.drivers.audio.source import BLOCK_FRAMES, RATE_HZ, Samples, milliseconds, pcm16
from agent.ports.sound import SoundError

PERIOD_FRAMES: Final = 3 * BLOCK_FRAMES
"""PortAudio buffers three periods: 90 ms by which a busy machine may be late, and which an alarm has to wait for."""

_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
_SILENT = _HANDLER(lambda *_: None)


def _hush_alsa() -> None:
    """Keep libasound from printing a page of devices that do not exist; real errors come back as exceptions."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_SILENT)


class Device:
    """An open output stream. Every call may raise SoundError."""

    def __init__(self, name: str | None) -> None:
        """`name`: part of the device's name; None for the default. Devices are looked for anew each time."""
        _hush_alsa()
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
                    frames_per_buffer=PERIOD_FRAMES,
                )
                self._capacity = int(self._stream.get_write_available())
        except SoundError:
            self._audio.terminate()
            raise

    def ahead_ms(self) -> int:
        """How long it takes until the next sample written is heard."""
        with _device_errors():
            return milliseconds(max(0, self._capacity - int(self._stream.get_write_available())))

    def write(self, block: Samples) -> None:
        """Waits until there is room."""
        with _device_errors():
            self._stream.write(pcm16(block), exception_on_underflow=False)

    def pause(self) -> None:
        with _device_errors():
            self._stream.stop_stream()

    def go_on(self) -> None:
        with _device_errors():
            self._stream.start_stream()

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
            f"no output is called {name!r}; sound.device in box.toml may be one of: {known}",
            vi=f"không có đầu ra nào tên {name!r}; sound.device trong box.toml có thể là một trong: {known}",
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


def try_device(name: str | None) -> str:
    """Open the device and close it; its name. Raises SoundError."""
    device = Device(name)
    device.close()
    return device.name
