"""The demo's ear: it must know the right sound at any volume, and must not take another for it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from controller.demo.measure import Recording, correlation, heard_by_fake, heard_by_recorder, loudest_hz

RATE = 48_000


def speech_like(seed: int, seconds: float = 2.0) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).normal(size=int(RATE * seconds))
    return np.convolve(noise, np.ones(40) / 40, mode="same") * 0.3


def written(path: Path, samples: NDArray[np.float64]) -> Path:
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


def recorded(path: Path, samples: NDArray[np.float64], at_ms: int = 0, length_ms: int | None = None) -> Recording:
    return Recording(written(path, samples), at_ms, length_ms)


def test_a_recording_of_the_sound_is_known_at_half_volume_and_after_a_pause(tmp_path: Path) -> None:
    sound = speech_like(1)
    recording = np.concatenate([np.zeros(RATE // 4), sound * 0.5])
    likeness, lag_ms = correlation(recorded(tmp_path / "r.wav", recording), written(tmp_path / "s.wav", sound))
    assert likeness > 0.99
    assert lag_ms == pytest.approx(250, abs=0.1)


def test_another_sound_of_the_same_length_is_not_taken_for_it(tmp_path: Path) -> None:
    likeness, _ = correlation(recorded(tmp_path / "r.wav", speech_like(2)), written(tmp_path / "s.wav", speech_like(1)))
    assert likeness < 0.2


def test_a_sound_of_which_only_half_was_played_is_told_from_the_whole(tmp_path: Path) -> None:
    sound = speech_like(1)
    half = sound[: sound.size // 2]
    likeness, _ = correlation(recorded(tmp_path / "r.wav", half), written(tmp_path / "s.wav", sound))
    assert likeness < 0.8


def test_the_loudest_note_of_a_stretch_is_found_beside_a_louder_stretch(tmp_path: Path) -> None:
    times = np.arange(RATE) / RATE
    notes = [0.9 * np.sin(2 * np.pi * 300 * times), 0.2 * np.sin(2 * np.pi * 700 * times), np.zeros(RATE)]
    stretches = [recorded(tmp_path / "r.wav", np.concatenate(notes), at_ms, 1_000) for at_ms in (0, 1_000, 2_000)]
    assert [round(loudest_hz(stretch)) for stretch in stretches] == [300, 700, 0]


def test_silence_is_like_nothing(tmp_path: Path) -> None:
    silence = recorded(tmp_path / "r.wav", np.zeros(RATE))
    assert correlation(silence, written(tmp_path / "s.wav", speech_like(1)))[0] == 0.0


def test_a_line_that_is_being_written_is_left_for_the_next_look(tmp_path: Path) -> None:
    log = tmp_path / "sounded.jsonl"
    whole = json.dumps({"play": "s1@x#1.1", "first_sample_ms": 5, "ended_ms": 9, "complete": True})
    log.write_text(f'{whole}\n{{"play": "s2@x#1.1", "first_sa')
    assert [heard.play for heard in heard_by_fake("box-01", log)] == ["s1@x#1.1"]


def test_every_play_is_found_in_its_recording_by_the_sidecar(tmp_path: Path) -> None:
    """An alarm over a bulletin: each is looked for where it began."""
    plays = [
        {"name": "s1@x#1.1", "first_sample_ms": 7, "at_ms": 0, "sounded_ms": 900},
        {"name": "a2#1", "first_sample_ms": 707, "at_ms": 700, "sounded_ms": None},
    ]
    (tmp_path / "0007-s1@x#1.1.json").write_text(json.dumps({"first_sample_ms": 7, "plays": plays}))
    wav = tmp_path / "0007-s1@x#1.1.wav"
    assert [(h.play, h.first_sample_ms, h.recording) for h in heard_by_recorder("real", tmp_path)] == [
        ("s1@x#1.1", 7, Recording(wav, 0, 900)),
        ("a2#1", 707, Recording(wav, 700, None)),
    ]


def test_what_sounds_beside_it_in_a_recording_is_no_part_of_a_play(tmp_path: Path) -> None:
    sound, other = speech_like(1), speech_like(2)
    both = recorded(tmp_path / "r.wav", np.concatenate([other, sound]), at_ms=2_000, length_ms=2_000)
    likeness, lag_ms = correlation(both, written(tmp_path / "s.wav", sound))
    assert likeness > 0.99
    assert lag_ms == 0
