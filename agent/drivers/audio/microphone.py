"""The box's own microphone: PortAudio in a process of its own, for one press; and a fake."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from agent.drivers.audio.capture import BLOCK, RATE_HZ
from agent.drivers.audio.captured import Captured, GoneError
from agent.ports.microphone import Take
from agent.ports.sound import SoundError

SILENCE_CB: Final = -960
"""What 16 bits can tell from nothing."""


class PortAudioMicrophone:
    """Implements the port `Microphone`; `capture` runs for each press and is killed with it: it may hang."""

    def __init__(self, device: str | None = None) -> None:
        """`device`: part of the input's name; None for the default."""
        self._device = device

    async def listen(self, take: Take) -> None:
        try:
            captured = await Captured.begin(self._device, BLOCK)
            try:
                while True:
                    _, block = await captured.read()
                    take(block, level_cb(block))
            finally:
                await captured.close()
        except GoneError as error:
            raise gone(str(error)) from error


@dataclass
class FakeMicrophone:
    """Implements the port `Microphone`: the test speaks, or pulls it out."""

    is_there: bool = True
    refusal: Exception | None = None
    """What listening raises instead, as a driver may that has a defect."""
    level_cb: int = -200
    """How loud it is at the microphone."""
    tone_hz: int = 0
    """What it hears, in whole turns a block; 0 for silence, whatever `level_cb` says."""
    opened: int = 0
    """How often somebody has begun to listen."""
    is_open: bool = False
    _out: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, take: Take) -> None:
        if self.refusal is not None:
            raise self.refusal
        if not self.is_there:
            raise gone("it is not plugged in")
        self.opened += 1
        self.is_open = True
        try:
            block = _tone(self.tone_hz)
            while not self._out.is_set():
                take(block, self.level_cb)
                await asyncio.sleep(BLOCK / RATE_HZ)
        finally:
            self.is_open = False
        raise gone("it was unplugged")

    def unplug(self) -> None:
        self.is_there = False
        self._out.set()


def _tone(hz: int) -> bytes:
    """One block, 14 dB below full scale."""
    turns = 2 * np.pi * hz * np.arange(BLOCK) / RATE_HZ
    return bytes((0.2 * 32_767 * np.sin(turns)).astype("<i2").tobytes())


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
