"""Sounds that are reckoned: attention chime, sirens, test tone, sweep. No file can be missing or damaged (fault 39).

The sirens are those that outdoor warning and CAP equipment names: wail, yelp, two-tone (hi-lo). Their notes lie between
400 and 1200 Hz, where horn loudspeakers are loudest. Phases are summed over exact periods, so that any stretch can be
reckoned by itself and joins the one before it without a crack.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from agent.ports.sound import ToneKind

Samples = npt.NDArray[np.float32]
Seconds = npt.NDArray[np.float64]

RATE_HZ: Final = 48_000
LEVEL: Final = 0.5
"""Amplitude, 6 dB below full scale."""
RAMP_S: Final = 0.005
"""Every tone begins and ends softly: a crack is no warning."""
TEST_HZ: Final = 1_000.0
CHIME_HZ: Final = (880.0, 698.5, 523.3)
CHIME_NOTE_S: Final = 0.55
CHIME_FALL_S: Final = 0.3
CHIME_S: Final = 3.0
"""After so long it begins again."""
SIREN_LOW_HZ: Final = 500.0
SIREN_HIGH_HZ: Final = 1_100.0
WAIL_S: Final = 4.0
YELP_S: Final = 0.32
HIGH_HZ: Final = 960.0
LOW_HZ: Final = 770.0
NOTE_S: Final = 0.5
SWEEP_LOW_HZ: Final = 200.0
SWEEP_HIGH_HZ: Final = 8_000.0


class Tone:
    """A tone as a stream: see `source.Stream`."""

    def __init__(self, kind: ToneKind, length: int, skip: int = 0) -> None:
        """`length` and `skip` in samples."""
        self.length: int = length
        self._wave = _WAVES[kind](length / RATE_HZ)
        self._at = min(skip, length)

    def read(self, count: int) -> Samples:
        """At most so many samples; none at its end."""
        end = min(self.length, self._at + count)
        places = np.arange(self._at, end)
        self._at = end
        edge = np.minimum(places + 1, self.length - places) / (RAMP_S * RATE_HZ)
        return np.asarray(LEVEL * self._wave(places / RATE_HZ) * np.minimum(1.0, edge), np.float32)

    def close(self) -> None:
        """Nothing to let go."""


Wave = Callable[[Seconds], Seconds]


def _test(_: float) -> Wave:
    return lambda t: np.sin(2 * np.pi * TEST_HZ * t)


def _chime(_: float) -> Wave:
    """Each note rings on under the next; after the third, silence for a second."""

    def wave(t: Seconds) -> Seconds:
        out = np.zeros_like(t)
        for number, hertz in enumerate(CHIME_HZ):
            since = t % CHIME_S - number * CHIME_NOTE_S
            rings = np.where(since >= 0, np.exp(-np.maximum(since, 0) / CHIME_FALL_S), 0.0)
            out += rings * np.minimum(1.0, np.maximum(since, 0) / RAMP_S) * np.sin(2 * np.pi * hertz * since)
        return out / 1.6

    return wave


def _siren(period_s: float) -> Callable[[float], Wave]:
    """Frequency rises and falls like a raised cosine; the phase is its integral."""
    middle, swing = (SIREN_HIGH_HZ + SIREN_LOW_HZ) / 2, (SIREN_HIGH_HZ - SIREN_LOW_HZ) / 2

    def wave(t: Seconds) -> Seconds:
        turns = middle * t - swing * period_s / (2 * np.pi) * np.sin(2 * np.pi * t / period_s)
        return np.sin(2 * np.pi * turns)

    return lambda _: wave


def _two_tone(_: float) -> Wave:
    """Both notes make whole turns in their time, so that each begins where the other ended."""

    def wave(t: Seconds) -> Seconds:
        within = t % (2 * NOTE_S)
        return np.where(within < NOTE_S, np.sin(2 * np.pi * HIGH_HZ * within), np.sin(2 * np.pi * LOW_HZ * within))

    return wave


def _sweep(length_s: float) -> Wave:
    """Exponential, from low to high once in the whole length (Farina 2000)."""
    octaves = np.log(SWEEP_HIGH_HZ / SWEEP_LOW_HZ)
    scale = SWEEP_LOW_HZ * max(length_s, RAMP_S) / octaves
    return lambda t: np.sin(2 * np.pi * scale * np.expm1(t / max(length_s, RAMP_S) * octaves))


_WAVES: Final[dict[ToneKind, Callable[[float], Wave]]] = {
    ToneKind.CHIME: _chime,
    ToneKind.WAIL: _siren(WAIL_S),
    ToneKind.YELP: _siren(YELP_S),
    ToneKind.TWO_TONE: _two_tone,
    ToneKind.TEST: _test,
    ToneKind.SWEEP: _sweep,
}
