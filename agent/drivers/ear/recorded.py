"""An ear for machines without sound: it hears what `agent.drivers.audio.engine.recorder` writes, as it grows.

From far away, and beside a road: a tenth as loud, and with noise. It is deaf to it, but not to the road, while the
amplifier is off or the horn's wire is cut.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from agent.core.proof import RATE_HZ, Samples
from agent.drivers.audio import source
from agent.drivers.audio.played import FOLD, folded
from agent.ports.clock import Clock
from agent.ports.ear import Block
from agent.ports.sound import Amplifier

BLOCK_MS: Final = 500
LATE_MS: Final = 200
"""So long what was mixed may wait before it stands in the file."""
AWAY_MS: Final = 60
"""Twenty metres."""
LEVEL: Final = 0.1
NOISE: Final = 0.005
HEADER: Final = 44
"""Bytes before the samples of a WAV file."""
INSTANT: Final = 13
"""Digits of a recording's first instant, with which its name begins."""


@dataclass
class Horn:
    """An amplifier and the pretended horn behind it. Implements the port `Amplifier`."""

    amplifier: Amplifier
    is_connected: bool = True
    _is_on: bool = False

    async def power(self, on: bool) -> None:
        await self.amplifier.power(on)
        self._is_on = on

    def sounds(self) -> bool:
        return self.is_connected and self._is_on


class RecordedMicrophone:
    """Implements the port `Microphone`."""

    def __init__(self, clock: Clock, folder: Path, sounds: Callable[[], bool] = lambda: True) -> None:
        """`folder` takes the recordings; `sounds`: whether anything comes out of the horn now."""
        self._clock = clock
        self._folder = folder
        self._sounds = sounds

    async def look(self) -> str:
        return str(self._folder)

    async def listen(self) -> "OpenFolder":
        return OpenFolder(self._clock, self._folder, self._sounds)


class OpenFolder:
    """Implements the port `Listening`."""

    def __init__(self, clock: Clock, folder: Path, sounds: Callable[[], bool]) -> None:
        self._clock = clock
        self._folder = folder
        self._sounds = sounds
        self._at_ms = clock.boot_ms()
        self._road = np.random.default_rng()

    async def read(self) -> Block:
        at_ms, self._at_ms = self._at_ms, self._at_ms + BLOCK_MS
        await self._clock.sleep_ms(max(0, self._at_ms + LATE_MS - self._clock.boot_ms()))
        heard = self._road.normal(0.0, NOISE, BLOCK_MS * RATE_HZ // 1000).astype(np.float32)
        if self._sounds():
            left_ms = self._clock.now_ms() - self._clock.boot_ms() + at_ms - AWAY_MS
            heard += np.float32(LEVEL) * folded(written(self._folder, left_ms, FOLD * len(heard)))
        return Block(heard, at_ms)

    async def close(self) -> None:
        """Nothing is open between two blocks."""


def written(folder: Path, from_ms: int, count: int) -> Samples:
    """So many samples of what was written from this wall instant on; silence where nothing was."""
    air = np.zeros(count, np.float32)
    names = {path.name.removesuffix(".part") for path in folder.glob("*.wav*") if path.name[:INSTANT].isdigit()}
    for name in sorted(names)[-2:]:
        skip = source.frames(from_ms - int(name[:INSTANT]))
        begin = max(0, -skip)
        samples = _samples(folder / name, max(0, skip), count - begin)
        air[begin : begin + len(samples)] += samples
    return air


def _samples(wav: Path, skip: int, count: int) -> Samples:
    """Of a recording that may still be written, and gets its name meanwhile."""
    for path in (wav.with_name(f"{wav.name}.part"), wav):
        try:
            with path.open("rb") as file:
                return _read(file, skip, count)
        except FileNotFoundError:
            continue
    return np.zeros(0, np.float32)


def _read(file: BinaryIO, skip: int, count: int) -> Samples:
    file.seek(HEADER + 2 * skip)
    taken = file.read(2 * max(0, count))
    return np.frombuffer(taken[: len(taken) // 2 * 2], "<i2").astype(np.float32) / np.float32(32_768)
