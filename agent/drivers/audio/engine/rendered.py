"""Whether what was mixed is what the sources hold: the grade RENDERED, its score, and why it is lower. Pure.

For every second of a track the samples that left for the device are correlated with those that its sources gave. Gain
and fades do not change a correlation; bit errors, dropped blocks, a voice over it, hard limiting do. A file of silence
or one that was recorded far too loud is no failure of the box, but nobody hears the bulletin: both are named.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from agent.drivers.audio.source import RATE_HZ, Samples
from protocol.report import Grade

WINDOW: Final = RATE_HZ
"""Samples that are compared at a time: 1 s."""
WITNESSED_EVERY: Final = 10
"""Of so many seconds one is read anew."""
STEP: Final = RATE_HZ // 10
"""Samples of one byte of the envelope."""
ENVELOPE_BYTES: Final = 100_000
"""The envelope of a relay of a whole day is that of its first hours."""
ALIKE: Final = 0.95
"""A second counts as rendered from this correlation on."""
ENOUGH: Final = 0.9
"""Share of seconds that must be."""
SILENCE: Final = 10 ** (-60 / 20)
"""RMS below which a second is silence: 60 dB below full scale."""
HELD_SILENCE_S: Final = 30
"""So long a silence inside a bulletin is no pause any more."""
MUTE_S: Final = 3
"""So long a sound that is nothing but silence is a mistake."""
FULL: Final = 0.999
CLIPPED_RUN: Final = 3
"""So many samples in a row at full scale were cut off there."""
CLIPPED: Final = 0.05
"""Share of seconds with clipping that is worth a word."""


@dataclass(frozen=True)
class Proof:
    """What can be said of a track from its samples."""

    grade: Grade
    score: float | None
    reason: str
    silent: bool
    envelope: bytes
    """A byte per 100 ms: RMS level in half decibels below full scale, 255 for silence."""


@dataclass
class Answers:
    """What a second reading of the sources said of single seconds."""

    confirmed: int = 0
    contradicted: int = 0


Ask = Callable[[int, Samples, Answers], None]
"""The first sample's place in the track, what was mixed from there on, where to note the answer."""


class Rendered:
    """Takes what was mixed, block by block, beside what it was mixed from."""

    def __init__(self, *, live: bool = False, ask: Ask | None = None) -> None:
        """`ask` has a second of every ten, the first one too, read anew."""
        self._live = live
        self._ask = None if live else ask
        self._answers = Answers()
        self._position = 0
        self._kept: list[Samples] = []
        self._sums = np.zeros(3)
        self._filled = 0
        self._clips = False
        self._run_s = 0
        self.seconds = 0
        self.alike = 0
        self.silent_s = 0
        self.longest_silence_s = 0
        self.clipped_s = 0
        self._step = 0
        self._energy = 0.0
        self._envelope = bytearray()

    def note(self, raw: Samples, mixed: Samples) -> None:
        """So sounded, and so were the samples of its source before gain and fades."""
        if len(raw) == 0:
            return
        if self._ask is not None and self.seconds % WITNESSED_EVERY == 0:
            self._kept.append(mixed)
        self._sums += np.dot(raw, mixed), np.dot(raw, raw), np.dot(mixed, mixed)
        self._clips = self._clips or _is_clipped(raw)
        self._filled += len(raw)
        if self._filled >= WINDOW:
            self._close_window()
        self._step += len(mixed)
        self._energy += float(np.dot(mixed, mixed))
        if self._step >= STEP:
            if len(self._envelope) < ENVELOPE_BYTES:
                self._envelope.append(_level(self._energy / self._step))
            self._step, self._energy = 0, 0.0

    def verdict(self, *, underruns: int = 0) -> Proof:
        """At the end."""
        if self._filled:
            self._close_window()
        sounding = self.seconds - self.silent_s
        envelope = bytes(self._envelope)
        mute = sounding == 0 and self.seconds >= MUTE_S
        silent = not self._live and (mute or self.longest_silence_s >= HELD_SILENCE_S)
        score = self.alike / sounding if sounding else 0.0
        reasons = []
        if silent:
            reasons.append(f"silence for {self.longest_silence_s} s")
        if sounding and score < ENOUGH:
            reasons.append(f"{sounding - self.alike} of {sounding} s were not as in the source")
        if self.clipped_s > CLIPPED * max(1, sounding):
            reasons.append(f"clipped in {self.clipped_s} of {sounding} s")
        if self._answers.contradicted:
            looked = self._answers.contradicted + self._answers.confirmed
            reasons.append(f"read anew, {self._answers.contradicted} of {looked} s were different")
        if underruns:
            reasons.append(f"decoded too late {underruns} times")
        good = sounding > 0 and score >= ENOUGH and not silent and not self._answers.contradicted
        grade = Grade.RENDERED if good else Grade.CLAIMED
        return Proof(grade, round(score, 3) if sounding else None, ", ".join(reasons), silent, envelope)

    def _close_window(self) -> None:
        cross, source, mixed = self._sums
        if self._ask is not None and self._kept and self._filled >= WINDOW:
            self._ask(self._position, np.concatenate(self._kept), self._answers)
        self._kept = []
        self._position += self._filled
        self.seconds += 1
        if np.sqrt(source / self._filled) < SILENCE:
            self.silent_s += 1
            self._run_s += 1
            self.longest_silence_s = max(self.longest_silence_s, self._run_s)
        else:
            self._run_s = 0
            self.alike += _are_alike(cross, source, mixed)
        self.clipped_s += self._clips
        self._sums = np.zeros(3)
        self._filled, self._clips = 0, False


def alike(source: Samples, mixed: Samples) -> bool:
    """Whether these are the same but for their gain; silence is like silence."""
    energy = float(np.dot(source, source))
    if math.sqrt(energy / max(1, len(source))) < SILENCE:
        return True
    return _are_alike(float(np.dot(source, mixed)), energy, float(np.dot(mixed, mixed)))


def _are_alike(cross: float, source: float, mixed: float) -> bool:
    return bool(mixed > 0 and cross / math.sqrt(source * mixed) >= ALIKE)


def _is_clipped(samples: Samples) -> bool:
    full = np.abs(samples) >= FULL
    if not full.any():
        return False
    return bool(np.convolve(full, np.ones(CLIPPED_RUN), "valid").max(initial=0) >= CLIPPED_RUN)


def _level(mean_square: float) -> int:
    if mean_square <= 0:
        return 255
    return min(255, max(0, round(-20 * math.log10(mean_square))))
