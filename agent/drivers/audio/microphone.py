"""The box's own microphone: PyAudio (PortAudio), opened for one press and closed with it; and a fake."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from agent.ports.microphone import Take
from agent.ports.sound import SoundError

RATE_HZ: Final = 48_000
BLOCK: Final = 960
"""20 ms."""
SILENCE_CB: Final = -960
"""What 16 bits can tell from nothing."""
PENDING: Final = 50
"""So many blocks may wait for the event loop; then the oldest are dropped."""


class PortAudioMicrophone:
    """Implements the port `Microphone`."""

    def __init__(self, device: str | None = None) -> None:
        """`device`: part of the input's name; None for the default."""
        self._device = device

    async def listen(self, take: Take) -> None:
        try:
            import pyaudio
        except ImportError as error:
            raise gone(f"PyAudio is not installed: {error}") from error

        loop = asyncio.get_running_loop()
        blocks: asyncio.Queue[bytes] = asyncio.Queue(PENDING)

        def put(block: bytes) -> None:
            if blocks.full():
                blocks.get_nowait()
            blocks.put_nowait(block)

        def called(block: bytes, *_: object) -> tuple[None, int]:
            """In PortAudio's thread."""
            loop.call_soon_threadsafe(put, block)
            return None, pyaudio.paContinue

        port = await asyncio.to_thread(pyaudio.PyAudio)
        try:
            stream = await asyncio.to_thread(self._open, port, called)
            try:
                while stream.is_active():
                    block = await asyncio.wait_for(blocks.get(), 2)
                    take(block, level_cb(block))
            finally:
                stream.close()
        except (OSError, ValueError, TimeoutError) as error:
            raise gone(str(error) or "no sound comes") from error
        finally:
            port.terminate()
        raise gone("the stream ended")

    def _open(self, port: Any, called: Any) -> Any:
        import pyaudio

        names = {place: port.get_device_info_by_index(place) for place in range(port.get_device_count())}
        inputs = {place: row for place, row in names.items() if row["maxInputChannels"] > 0}
        chosen = next((place for place, row in inputs.items() if self._device and self._device in row["name"]), None)
        if self._device and chosen is None:
            raise ValueError(f"no input is named {self._device!r}")
        return port.open(
            rate=RATE_HZ,
            channels=1,
            format=pyaudio.paInt16,
            input=True,
            input_device_index=chosen,
            frames_per_buffer=BLOCK,
            stream_callback=called,
        )


@dataclass
class FakeMicrophone:
    """Implements the port `Microphone`: the test speaks, or pulls it out."""

    is_there: bool = True
    level_cb: int = -200
    """How loud it is at the microphone."""
    opened: int = 0
    """How often somebody has begun to listen."""
    is_open: bool = False
    _out: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, take: Take) -> None:
        if not self.is_there:
            raise gone("it is not plugged in")
        self.opened += 1
        self.is_open = True
        try:
            while not self._out.is_set():
                take(bytes(2 * BLOCK), self.level_cb)
                await asyncio.sleep(BLOCK / RATE_HZ)
        finally:
            self.is_open = False
        raise gone("it was unplugged")

    def unplug(self) -> None:
        self.is_there = False
        self._out.set()


def level_cb(block: bytes) -> int:
    """Root mean square of 16-bit samples, centibel below full scale."""
    samples = np.frombuffer(block, dtype="<i2").astype(np.float64)
    if not samples.size:
        return SILENCE_CB
    power = float(np.mean(np.square(samples / 32_768)))
    return SILENCE_CB if power <= 0 else max(SILENCE_CB, round(100 * np.log10(power)))


def gone(why: str) -> SoundError:
    return SoundError(
        f"the microphone gives nothing ({why}); look at its plug", device=True, vi=f"micrô không có tín hiệu ({why})"
    )
