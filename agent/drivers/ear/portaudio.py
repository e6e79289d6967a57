"""A microphone through PortAudio, in a process of its own: opened for a track, killed after it.

A sound server that hangs holds that process and no thread of the daemon, which has the panel's code to judge.
"""

import time
from pathlib import Path
from typing import Final

import numpy as np

from agent.drivers.audio.captured import PATIENCE_S, PROGRAM, Captured, GoneError
from agent.drivers.audio.played import folded
from agent.drivers.audio.source import RATE_HZ
from agent.ports.clock import Clock
from agent.ports.ear import Block, EarError

BLOCK_FRAMES: Final = RATE_HZ // 10
NS_PER_MS: Final = 1_000_000


class PortAudioMicrophone:
    """`device`: part of an input's name, or "default"; `program`: gives its sound, see `capture`."""

    def __init__(self, clock: Clock, device: str, program: Path = PROGRAM, patience_s: float = PATIENCE_S) -> None:
        self._clock = clock
        self._device = None if device == "default" else device
        self._program = program
        self._patience_s = patience_s

    async def look(self) -> str:
        try:
            return await Captured.look(self._device, self._program, self._patience_s)
        except GoneError as error:
            raise _gone(str(error)) from error

    async def listen(self) -> "OpenMicrophone":
        try:
            captured = await Captured.begin(self._device, BLOCK_FRAMES, self._program, self._patience_s)
        except GoneError as error:
            raise _gone(str(error)) from error
        opened = OpenMicrophone(self._clock, captured)
        try:
            await opened.wait_for_sound()
        except BaseException:
            await opened.close()
            raise
        return opened


class OpenMicrophone:
    """An open input."""

    def __init__(self, clock: Clock, captured: Captured) -> None:
        self._clock = clock
        self._captured = captured
        self._first: Block | None = None

    async def wait_for_sound(self) -> None:
        """Only now it is certain that it is there. Raises EarError."""
        self._first = await self.read()

    async def read(self) -> Block:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            first_ns, pcm = await self._captured.read()
        except GoneError as error:
            raise _gone(str(error)) from error
        ago_ms = (time.monotonic_ns() - first_ns) // NS_PER_MS
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
        return Block(folded(samples), self._clock.boot_ms() - ago_ms)

    async def close(self) -> None:
        await self._captured.close()


def _gone(why: str) -> EarError:
    return EarError(f"the microphone does not answer: {why}", vi=f"micrô không trả lời: {why}")
