"""What was mixed is compared with the file itself, now and then, and not only with what the decoder gave."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile

from agent.drivers.audio.engine.rendered import Answers, Rendered
from agent.drivers.audio.engine.witness import read_anew
from agent.drivers.audio.source import BLOCK_FRAMES, RATE_HZ, Samples
from agent.ports.sound import Accent, SpeechSound, Track
from protocol.report import Grade
from tests.agent.audio.sounds import track


def noise(path: Path, seconds: int, seed: int = 1) -> Samples:
    samples = np.random.default_rng(seed).normal(0, 0.1, seconds * RATE_HZ).astype(np.float32)
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")
    return samples


def proof_of(asked: Track, samples: Samples) -> tuple[Grade, str]:
    """As if the decoder had given these samples, and the mixer handed them on."""
    rendered = Rendered(ask=lambda position, mixed, answers: read_anew(asked, position, mixed, answers))
    for at in range(0, len(samples), BLOCK_FRAMES):
        block = samples[at : at + BLOCK_FRAMES]
        rendered.note(block, block * np.float32(0.3))
    verdict = rendered.verdict()
    return verdict.grade, verdict.reason


def test_what_the_file_holds_is_rendered_from_any_place_and_over_a_playlist(tmp_path: Path) -> None:
    first, second = noise(tmp_path / "a.wav", 15), noise(tmp_path / "b.flac", 20, seed=2)
    both = np.concatenate((first, second))
    asked = track(tmp_path / "a.wav", tmp_path / "b.flac", offset_ms=4_321)
    assert proof_of(asked, both[4_321 * 48 :]) == (Grade.RENDERED, "")


def test_a_decoder_that_gives_something_else_is_found_out(tmp_path: Path) -> None:
    noise(tmp_path / "a.wav", 35)
    other = noise(tmp_path / "b.wav", 35, seed=2)
    grade, reason = proof_of(track(tmp_path / "a.wav"), other)
    assert (grade, reason) == (Grade.CLAIMED, "read anew, 4 of 4 s were different")


def test_another_place_of_the_file_is_another_sound(tmp_path: Path) -> None:
    sound = noise(tmp_path / "a.wav", 35)
    grade, reason = proof_of(track(tmp_path / "a.wav"), sound[BLOCK_FRAMES:])
    assert (grade, reason) == (Grade.CLAIMED, "read anew, 4 of 4 s were different")


def test_a_file_that_cannot_be_read_any_more_says_nothing(tmp_path: Path) -> None:
    answers = Answers()
    read_anew(track(tmp_path / "gone.wav"), 0, np.ones(RATE_HZ, np.float32), answers)
    assert answers == Answers()


def test_an_error_that_nobody_foresaw_says_nothing_and_ends_no_second_opinion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "espeak-ng"
    script.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for accent in (Accent.NORTH, cast(Accent, "spoken by nobody")):
        answers = Answers()
        spoken = Track((SpeechSound("lũ", accent),), 0, 0, None, 0, 0, "play", "cause")
        read_anew(spoken, 0, np.ones(RATE_HZ, np.float32), answers)
        assert answers == Answers()
