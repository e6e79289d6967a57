"""Did it sound? What was played is compared with what a microphone or a line beside the amplifier gave. Pure.

Acoustic: both sides become short spectra (64 ms). Where the box is heard, the phases of the two keep step for a second
at one delay, however loud the market is beside it: |Σ Y*·X|² over that second, summed over frequencies and seconds,
stands out at this delay. By how much it must stand out is not guessed but measured in the same air: at delays of two to
four seconds, which no microphone of this box can have, the same sums are what chance gives. (A correlator of whitened
spectra, Knapp and Carter 1976, with the constant false alarm rate of a radar.) `make bench NAME=proof` measures it
beside the band envelopes of the first design.

Nothing is recorded: of what the microphone gave, one spectrum's worth of samples (64 ms) waits for its other half, and
one second of sums. What outlives that second are a few dozen numbers without any speech in them.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from agent import config

Samples = npt.NDArray[np.float32]
Spectra = npt.NDArray[np.complex64]
Levels = npt.NDArray[np.float64]

RATE_HZ: Final = 16_000
FRAME: Final = 1_024
"""64 ms: of a room's answer, what is heard as one with its cause."""
HOP: Final = 512
LOW_HZ: Final = 300
HIGH_HZ: Final = 4_000
"""Between these a horn loudspeaker gives sound."""
LAGS: Final = tuple(range(-8, 24))
"""Delays in hops that a microphone of this box may have: −256 to 736 ms. Sound needs 3 ms a metre; the rest is what
sound servers know wrongly of their own latency, on both sides."""
DECOYS: Final = tuple(range(50, 122, 2))
"""Delays that it cannot have, 1.6 to 3.9 s."""
TOGETHER: Final = 31
"""Hops for which phases are taken to keep step: a second, in which clocks 100 ppm apart slip by 0.1 ms."""
MOST: Final = 3.5
"""Spreads of chance, above which a second proves no more."""
WINDOW_MS: Final = 25_000
LEAST_MS: Final = 4_000
"""Of sound, before anything is said about it."""
AHEAD_MS: Final = 500
"""By so much `play` must be ahead of `hear`, at least."""
HEARD: Final = float(config.HEARD)
"""A score from here on is heard. Chosen above the negatives of training; the benchmark measures it on others."""
COMPARABLE: Final = 2.0
"""Spreads of chance by which a perfect ear's delay stands out; below, silence cannot be told: a steady tone looks the
same at every delay."""

TICK_MS: Final = 50
TICK: Final = RATE_HZ * TICK_MS // 1000
LINE_LAGS: Final = range(11)
"""Ticks by which a line's measurement may be late: 0 to 500 ms."""
AGREES: Final = 0.5
"""A rank correlation from here on is proof of the line."""
SILENCE: Final = 0.001
"""60 dB below full scale."""
CLIPPED: Final = 0.999

_EPSILON: Final = 1e-9
_SILENT: Final = 1e-5
"""Size of a line, in the spectrum of a frame, below which a microphone is dead: a sine at full scale has 256."""
_QUIET: Final = 0.026
"""The same of what is played: 80 dB below full scale."""
_EMPHASIS: Final = 0.5
_SOMETIMES: Final = 4
"""Whether the sound differs from itself is asked at every fourth frame only."""
_FORGETS: Final = 0.03
_BINS: Final = slice(LOW_HZ * FRAME // RATE_HZ, HIGH_HZ * FRAME // RATE_HZ + 1)
_COUNT: Final = _BINS.stop - _BINS.start
_WINDOW: Final = np.hanning(FRAME).astype(np.float32)
_SOONEST: Final = LAGS[0]
_LATEST: Final = DECOYS[-1]


class Spectrograph:
    """Samples in, spectra of the horn's bands out; keeps less than a frame of samples."""

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(0, np.float32)

    def of(self, samples: Samples) -> Spectra:
        """Samples at RATE_HZ in pieces of any length; spectra of shape (frames, bins)."""
        line = np.concatenate((self._rest, samples))
        count = max(0, (len(line) - FRAME) // HOP + 1)
        self._rest = line[count * HOP :].copy()
        if count == 0:
            return np.zeros((0, _COUNT), np.complex64)
        frames = np.lib.stride_tricks.sliding_window_view(line, FRAME)[::HOP][:count]
        return np.asarray(np.fft.rfft(frames * _WINDOW, axis=1)[:, _BINS], np.complex64)


class Score:
    """How far each possible delay has stood out so far: all that is kept of a window, but for one second's sums."""

    def __init__(self) -> None:
        self._stands_out: Levels = np.zeros(len(LAGS))
        self._parts = 0
        self._begin_part()

    def _begin_part(self) -> None:
        delays = len(LAGS) + len(DECOYS)
        self._sums: Spectra = np.zeros((delays, _COUNT), np.complex64)
        self._weight: Levels = np.zeros(delays)
        self._frames = 0

    def add(self, heard: Spectra, possible: Spectra, chance: Spectra, weight: Levels) -> None:
        """One frame's phases, shape (bins,); what was played at each delay before it, shape (delays, bins).

        `weight`: Σ|X|² of each of these delays.
        """
        phases = heard.conj()
        self._sums[: len(LAGS)] += phases * possible
        self._sums[len(LAGS) :] += phases * chance
        self._weight += weight
        self._frames += 1
        if self._frames == TOGETHER:
            self._conclude()
            self._begin_part()

    def _conclude(self) -> None:
        """By how many spreads of chance each delay stands out in this second.

        Among its neighbours too: a note that two songs hold at the same time stands out at no delay. No second counts
        for more than MOST: two bulletins that begin with the same words are not the same.
        """
        ratio = (self._sums.real**2 + self._sums.imag**2).sum(axis=1) / np.maximum(self._weight, _EPSILON)
        possible, chance = ratio[: len(LAGS)], ratio[len(LAGS) :]
        spread = float(chance.std())
        if spread < _EPSILON:
            return
        usual = max(float(chance.mean()), float(np.median(possible)))
        self._stands_out += np.clip((possible - usual) / spread, -MOST, MOST)
        self._parts += 1

    @property
    def value(self) -> float:
        """The best delay's sum over the seconds, in its spreads: 1 to 3 by chance, MOST times √seconds at the most."""
        return float(self._stands_out.max()) / float(np.sqrt(max(1, self._parts)))

    @property
    def mean(self) -> float:
        """By how many spreads the best delay stands out in a second, at most MOST."""
        return float(self._stands_out.max()) / max(1, self._parts)


class AcousticProof:
    """A microphone's samples beside the played ones, window after window."""

    def __init__(self) -> None:
        self._player, self._ear = Spectrograph(), Spectrograph()
        self._played: Spectra = np.zeros((_LATEST, _COUNT), np.complex64)
        """Before the first frame lies silence, so that every delay has its frame."""
        self._weight: Levels = np.zeros(_LATEST)
        self._mean: Samples = np.zeros(_COUNT, np.float32)
        self._next = _LATEST
        """Place in `_played` of what sounded when the microphone's next frame was heard."""
        self.begin_window()

    def begin_window(self) -> None:
        """Forget the scores; what was played goes on."""
        self._heard, self._perfect = Score(), Score()
        self._sounding = self._frames = 0
        self._alive = False

    def play(self, samples: Samples) -> None:
        """The next played samples, at RATE_HZ; the first belongs to the same instant as the first of `hear`.

        It keeps what `hear` still needs: whoever plays hours ahead of it holds hours of spectra.
        """
        fresh = self._whitened(self._player.of(samples))
        self._played = np.concatenate((self._played, fresh))
        self._weight = np.concatenate((self._weight, (fresh.real**2 + fresh.imag**2).sum(axis=1)))

    def hear(self, samples: Samples) -> None:
        """The next samples of the microphone, in pieces of any length. Raises ValueError when `play` is not ahead."""
        for frame in _phases(self._ear.of(samples), _SILENT):
            self._compare(frame)
            self._next += 1
        spent = self._next - _LATEST
        self._played, self._weight, self._next = self._played[spent:].copy(), self._weight[spent:].copy(), _LATEST

    @property
    def sounding_ms(self) -> int:
        """How much of the window was sound, and not a pause."""
        return self._sounding * HOP * 1000 // RATE_HZ

    @property
    def score(self) -> float:
        return self._heard.value

    @property
    def window_ms(self) -> int:
        return self._frames * HOP * 1000 // RATE_HZ

    @property
    def deaf(self) -> bool:
        """Whether the microphone gave nothing at all in this window, not even noise."""
        return not self._alive

    def heard_at(self, threshold: float) -> bool:
        return self.sounding_ms >= LEAST_MS and self.score >= threshold

    @property
    def comparable(self) -> bool:
        """Whether not to be heard means anything: sound for some seconds, and not the same tone all the time."""
        return self.sounding_ms >= LEAST_MS and self._perfect.mean >= COMPARABLE

    def _compare(self, heard: Spectra) -> None:
        now = self._next
        if now - _SOONEST >= len(self._played):
            raise ValueError("what was played must be known before what was heard")
        # The frames of all delays, the soonest first, as two views of what was played.
        possible = slice(now - LAGS[-1], now - _SOONEST + 1)
        chance = slice(now - _LATEST, now - DECOYS[0] + 1, DECOYS[1] - DECOYS[0])
        frames = self._played[possible][::-1], self._played[chance][::-1]
        weight = np.concatenate((self._weight[possible][::-1], self._weight[chance][::-1]))
        self._heard.add(heard, *frames, weight)
        if self._frames % _SOMETIMES == 0:
            self._perfect.add(_phases(self._played[now], _SILENT), *frames, weight)
        self._sounding += bool(self._weight[now] > 0)
        self._frames += 1
        self._alive = self._alive or bool(heard.any())

    def _whitened(self, spectra: Spectra) -> Spectra:
        """Phases, each as important as its line stands above its own mean: consonants count beside vowels."""
        power = spectra.real**2 + spectra.imag**2
        above = np.empty_like(power)
        for number, frame in enumerate(power):
            self._mean += (_FORGETS if self._mean.any() else 1.0) * (frame - self._mean)
            above[number] = frame / (self._mean + _EPSILON)
        return np.asarray(_phases(spectra, _QUIET) * above ** (_EMPHASIS / 2), np.complex64)


def _phases(spectra: Spectra, floor: float) -> Spectra:
    """Of length 1, but for lines that are no sound."""
    size = np.abs(spectra)
    return np.asarray(spectra * ((size > floor) / np.maximum(size, _EPSILON)), np.complex64)


class ElectricalProof:
    """The level of a line (amplifier current, line tone), asked every TICK_MS, beside the level of what was played.

    An amplifier draws as much as it gives, so the two rise and fall together, whatever the scale: ranks are compared
    (Spearman), at the delays that a measuring chip may have. An amplifier that is on without a sound has a level, and
    no such likeness.
    """

    def __init__(self) -> None:
        self._rest: Samples = np.zeros(0, np.float32)
        self._played: list[float] = []
        self._felt: list[float] = []

    def play(self, samples: Samples) -> None:
        """The next played samples, at RATE_HZ."""
        line = np.concatenate((self._rest, samples))
        ticks = len(line) // TICK
        self._rest = line[ticks * TICK :].copy()
        levels = np.sqrt((line[: ticks * TICK].reshape(ticks, TICK) ** 2).mean(axis=1))
        self._played += [float(level) for level in levels]

    def feel(self, level: float) -> None:
        """The line's level a tick after the one before, in whatever unit."""
        self._felt.append(level)

    def begin_window(self) -> None:
        done = min(len(self._felt), len(self._played))
        self._felt, self._played = self._felt[done:], self._played[done:]

    @property
    def felt_ms(self) -> int:
        return len(self._felt) * TICK_MS

    @property
    def score(self) -> float:
        """The highest rank correlation, −1 to 1; 0 where nothing rises or falls."""
        felt, played = np.array(self._felt), np.array(self._played[: len(self._felt)])
        felt = felt[: len(played)]
        least = LEAST_MS // TICK_MS
        return max(
            (_likeness(played[: len(played) - lag], felt[lag:]) for lag in LINE_LAGS if len(played) - lag >= least),
            default=0.0,
        )

    @property
    def comparable(self) -> bool:
        """Whether a line without this likeness means anything: long enough, and not the same loudness all the time."""
        played = np.array(self._played[: len(self._felt)])
        return len(played) * TICK_MS >= LEAST_MS and bool(played.std() > 0.3 * played.mean())


class Fullness:
    """Whether a sound is one: how long it was silent, and how much of it was cut off at full scale."""

    def __init__(self) -> None:
        self._samples = self._clipped = self._silent = self._longest = 0

    def note(self, samples: Samples) -> None:
        """The next samples, at RATE_HZ."""
        loud = np.abs(samples)
        for piece in np.array_split(loud, max(1, len(loud) // TICK)):
            quiet = bool(len(piece)) and float(piece.max()) < SILENCE
            self._silent = self._silent + len(piece) if quiet else 0
            self._longest = max(self._longest, self._silent)
        self._clipped += int((loud >= CLIPPED).sum())
        self._samples += len(samples)

    @property
    def silent_ms(self) -> int:
        """The longest silence."""
        return self._longest * 1000 // RATE_HZ

    @property
    def silent_now_ms(self) -> int:
        return self._silent * 1000 // RATE_HZ

    @property
    def clipped(self) -> float:
        """Share of the samples at full scale, 0 to 1."""
        return self._clipped / self._samples if self._samples else 0.0


def _likeness(one: Levels, other: Levels) -> float:
    ranks = [np.argsort(np.argsort(levels)).astype(np.float64) for levels in (one, other)]
    if min(float(np.ptp(one)), float(np.ptp(other))) < _EPSILON:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
