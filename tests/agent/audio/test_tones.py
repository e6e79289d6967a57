"""Generated sounds: never too loud, never cracking, the same however they are cut into blocks, at the right notes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.drivers.audio.source import RATE_HZ, Samples
from agent.drivers.audio.tones import SIREN_HIGH_HZ, SIREN_LOW_HZ, SWEEP_HIGH_HZ, Tone
from agent.ports.sound import ToneKind


def whole(kind: ToneKind, seconds: float = 9.0) -> Samples:
    return Tone(kind, round(seconds * RATE_HZ)).read(1 << 30)


def hertz_over_time(samples: Samples, window: int = 2_400) -> list[float]:
    """The loudest note of each 50 ms."""
    pieces = samples[: len(samples) // window * window].reshape(-1, window) * np.hanning(window)
    return [float(np.argmax(np.abs(np.fft.rfft(piece, 1 << 15))) * RATE_HZ / (1 << 15)) for piece in pieces]


@pytest.mark.parametrize("kind", ToneKind)
def test_a_tone_is_as_long_as_asked_and_neither_too_loud_nor_cracking(kind: ToneKind) -> None:
    samples = whole(kind)
    assert len(samples) == 9 * RATE_HZ
    assert np.abs(samples).max() <= 0.8
    assert np.abs(samples[[0, -1]]).max() < 0.01
    steepest = 2 * np.pi * SWEEP_HIGH_HZ / RATE_HZ * 0.55
    assert np.abs(np.diff(samples)).max() < (steepest if kind is ToneKind.SWEEP else 0.12)


@given(st.sampled_from(ToneKind), st.integers(0, 30_000), st.lists(st.integers(1, 5_000), min_size=1, max_size=8))
def test_a_tone_is_the_same_from_any_place_and_in_any_blocks(kind: ToneKind, skip: int, blocks: list[int]) -> None:
    tone = Tone(kind, 40_000, skip)
    joined = np.concatenate([tone.read(count) for count in blocks])
    at_once = Tone(kind, 40_000).read(40_000)[skip : skip + sum(blocks)]
    assert np.allclose(joined, at_once, atol=1e-6)


def test_the_sirens_sound_the_notes_that_they_are_known_by() -> None:
    for kind, period in ((ToneKind.WAIL, 4.0), (ToneKind.YELP, 0.32)):
        notes = hertz_over_time(whole(kind), 2_400 if period > 1 else 960)
        assert min(notes) == pytest.approx(SIREN_LOW_HZ, abs=80)
        assert max(notes) == pytest.approx(SIREN_HIGH_HZ, abs=80)
    two = hertz_over_time(whole(ToneKind.TWO_TONE), 24_000)
    assert two[:4] == pytest.approx([960, 770, 960, 770], abs=5)
    assert hertz_over_time(whole(ToneKind.TEST))[50] == pytest.approx(1_000, abs=2)
    sweep = hertz_over_time(whole(ToneKind.SWEEP))
    assert sweep == sorted(sweep)
