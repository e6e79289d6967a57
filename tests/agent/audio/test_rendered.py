"""Whether what was mixed is what the sources hold: what is noticed, and what is forgiven."""

import numpy as np
import pytest

from agent.drivers.audio.engine.rendered import Proof, Rendered
from agent.drivers.audio.source import BLOCK_FRAMES, RATE_HZ, Samples
from protocol.report import Grade


def speech(seconds: int, level: float = 0.2) -> Samples:
    """Noise that swells and dies away like syllables."""
    count = seconds * RATE_HZ
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * np.arange(count) / RATE_HZ)
    return np.asarray(np.random.default_rng(7).normal(0, level, count) * swell, np.float32).clip(-0.99, 0.99)


def judged(source: Samples, mixed: Samples, *, live: bool = False) -> Proof:
    rendered = Rendered(live=live)
    for at in range(0, len(source), BLOCK_FRAMES):
        rendered.note(source[at : at + BLOCK_FRAMES], mixed[at : at + BLOCK_FRAMES])
    return rendered.verdict()


def test_what_is_mixed_as_it_is_at_any_gain_is_rendered() -> None:
    source = speech(10)
    for gain in (1.0, 0.1, -0.0 + 2.0):
        proof = judged(source, source * np.float32(gain))
        assert (proof.grade, proof.score, proof.reason, proof.silent) == (Grade.RENDERED, 1.0, "", False)
    assert len(judged(source, source).envelope) == 100


def test_a_fade_at_the_end_is_no_failure() -> None:
    source = speech(10)
    faded = source * np.minimum(1, (len(source) - np.arange(len(source))) / 9_600).astype(np.float32)
    assert judged(source, faded).grade is Grade.RENDERED


@pytest.mark.parametrize("kind", ["another sound", "nothing", "bit errors", "shifted by a block"])
def test_what_is_not_the_source_is_only_claimed_and_says_how_much(kind: str) -> None:
    source = speech(10)
    other = {
        "another sound": np.asarray(np.random.default_rng(8).normal(0, 0.2, len(source)), np.float32),
        "nothing": np.zeros_like(source),
        "bit errors": source + np.where(np.arange(len(source)) % 50 == 0, 0.9, 0).astype(np.float32),
        "shifted by a block": np.roll(source, BLOCK_FRAMES),
    }[kind]
    mixed = np.concatenate((source[: 5 * RATE_HZ], other[5 * RATE_HZ :]))
    proof = judged(source, mixed)
    assert (proof.grade, proof.score) == (Grade.CLAIMED, 0.5)
    assert proof.reason == "5 of 10 s were not as in the source"


def test_fault_39_half_a_minute_of_silence_in_a_file_is_noticed_a_pause_is_not() -> None:
    pause = np.concatenate((speech(5), np.zeros(20 * RATE_HZ, np.float32), speech(5)))
    assert (judged(pause, pause).grade, judged(pause, pause).silent) == (Grade.RENDERED, False)
    hole = np.concatenate((speech(5), np.zeros(31 * RATE_HZ, np.float32), speech(5)))
    proof = judged(hole, hole)
    assert (proof.grade, proof.silent, proof.reason) == (Grade.CLAIMED, True, "silence for 31 s")
    assert not judged(hole, hole, live=True).silent


def test_fault_39_clipping_is_named() -> None:
    loud = (speech(10) * 20).clip(-1, 1)
    proof = judged(loud, loud * np.float32(0.5))
    assert proof.grade is Grade.RENDERED
    assert proof.reason == "clipped in 10 of 10 s"


def test_a_track_of_less_than_nothing_is_neither_silent_nor_rendered() -> None:
    proof = Rendered().verdict()
    assert (proof.grade, proof.score, proof.silent) == (Grade.CLAIMED, None, False)
