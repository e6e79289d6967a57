"""A track as a stream of samples: files decoded block by block, joined, cut, faded, at their gain, never clipped.

A box has little memory and a relay may last for hours, so no file is ever whole in it. Everything here is decoding and
arithmetic; no device and no clock.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import soundfile

from agent.ports.sound import SoundError, Track

Samples = npt.NDArray[np.float32]

RATE_HZ: Final = 48_000
BLOCK_FRAMES: Final = 480
"""10 ms."""
KNEE: Final = 0.8
"""Below this level samples pass unchanged; above it they bend towards 1 and never reach it."""
SHORTFALL_MS: Final = 100
"""A file that ends so much earlier than it says is damaged."""


def frames(duration_ms: int) -> int:
    """Samples in so many milliseconds."""
    return duration_ms * RATE_HZ // 1000


def milliseconds(count: int) -> int:
    """Duration of so many samples."""
    return count * 1000 // RATE_HZ


def factor(gain_cb: int) -> float:
    """Amplitude factor of a gain in hundredths of a bel."""
    return float(10.0 ** (gain_cb / 200.0))


def limited(samples: Samples) -> Samples:
    """Samples bent softly above the knee, so that a gain above 0 dB or a loud file cannot clip."""
    loud = np.abs(samples)
    if not np.any(loud > KNEE):
        return samples
    bent = np.sign(samples) * (KNEE + (1.0 - KNEE) * np.tanh((loud - KNEE) / (1.0 - KNEE)))
    return np.where(loud > KNEE, bent, samples).astype(np.float32)


def pcm16(samples: Samples) -> bytes:
    """Native 16-bit integers, as devices take them."""
    return bytes(np.rint(limited(samples) * 32767.0).astype(np.int16).data)


class File:
    """One sound file, from an offset on, as 48 kHz mono. Raises SoundError, never anything else."""

    def __init__(self, path: Path, skip: int = 0) -> None:
        self._path = path
        try:
            self._file = soundfile.SoundFile(path)
            if self._file.samplerate != RATE_HZ:
                rate = self._file.samplerate
                self._file.close()
                raise self._damaged(f"{rate} samples a second instead of {RATE_HZ}; publish it again")
            self.length = int(self._file.frames)
            if skip:
                self._file.seek(min(skip, self.length))
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            raise self._damaged(str(error)) from error
        self._left = self.length - min(skip, self.length)

    def read(self, count: int) -> Samples:
        """At most so many samples; fewer only at the end."""
        try:
            decoded = self._file.read(min(count, self._left), dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise self._damaged(str(error)) from error
        if len(decoded) < min(count, self._left) and self._left - len(decoded) > frames(SHORTFALL_MS):
            raise self._damaged(f"it ends {milliseconds(self._left - len(decoded))} ms too early")
        self._left = self._left - len(decoded) if len(decoded) else 0
        return np.asarray(decoded.mean(axis=1), dtype=np.float32)

    def close(self) -> None:
        self._file.close()

    def _damaged(self, why: str) -> SoundError:
        return SoundError(f"{self._path.name}: cannot be sounded: {why}", device=False)


class Source:
    """A track's samples in order; `read` until it gives fewer than asked."""

    def __init__(self, track: Track) -> None:
        """Opens the first file. Raises SoundError."""
        self._gain = np.float32(factor(track.gain_cb))
        self._paths = list(track.sources)
        self._file: File | None = None
        self._left: int | None = None if track.length_ms is None else frames(track.length_ms)
        self._fade = frames(track.fade_out_ms) if track.length_ms is not None else 0
        self._open_at(frames(track.offset_ms))

    def read(self, count: int) -> Samples:
        """The next samples, at most `count`; fewer only at the end. Raises SoundError."""
        wanted = count if self._left is None else min(count, self._left)
        parts: list[Samples] = []
        have = 0
        while have < wanted and self._file is not None:
            part = self._file.read(wanted - have)
            if len(part) == 0:
                self._next_file()
                continue
            parts.append(part)
            have += len(part)
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return self._shaped(samples)

    def fade_out(self, duration_ms: int) -> None:
        """End after this time, fading from here; an earlier end stays."""
        left = frames(duration_ms)
        if self._left is None or self._left > left:
            self._left = left
            self._fade = left

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        self._paths = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _shaped(self, samples: Samples) -> Samples:
        samples = samples * self._gain
        if self._left is None:
            return samples
        remaining = self._left - np.arange(len(samples), dtype=np.float32)
        self._left -= len(samples)
        if self._fade and len(samples) and remaining[-1] <= self._fade:
            samples = samples * np.minimum(1.0, remaining / self._fade).astype(np.float32)
        return samples

    def _open_at(self, skip: int) -> None:
        while self._paths:
            file = File(self._paths.pop(0), skip)
            if skip < file.length or not self._paths:
                self._file = file
                return
            skip -= file.length
            file.close()

    def _next_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = File(self._paths.pop(0)) if self._paths else None


def duration_ms(paths: Sequence[Path]) -> int:
    """Length of files one after another, from their headers. Raises SoundError."""
    total = 0
    for path in paths:
        file = File(path)
        total += file.length
        file.close()
    return milliseconds(total)
