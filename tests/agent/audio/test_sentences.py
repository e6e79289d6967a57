"""Where sentences begin: found in real speech, with a room's noise, and behind a chime."""

import numpy as np
import pytest

from agent.drivers.audio.engine.sentences import BEFORE_MS, Sentences
from agent.drivers.audio.source import BLOCK_FRAMES, Joined, Samples, frames
from agent.drivers.audio.tones import Tone
from agent.ports.sound import ToneKind, files
from agent.services.recordings import Recordings

RECORDINGS = Recordings()


def sound(*names: str) -> Samples:
    joined = Joined(files(*(RECORDINGS.path(name) for name in names)), 0)
    samples = joined.read(frames(60_000))
    joined.close()
    return samples


def begins(samples: Samples, message_ms: int = 0, offset_ms: int = 0) -> list[int]:
    """As the mixer gives them, block by block."""
    found, begin = Sentences(message_ms, frames(offset_ms)), frames(offset_ms)
    told = [found.note(samples[at : at + BLOCK_FRAMES]) for at in range(begin, len(samples), BLOCK_FRAMES)]
    return [begin for begin in told if begin is not None]


def near(found: list[int], expected: list[int]) -> bool:
    """Within what one look is long, and never behind the first sound."""
    return len(found) == len(expected) and all(
        -20 <= at - where <= 0 for at, where in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [("1", [0, 1_300, 2_900]), ("2", [0, 1_200]), ("5", [0, 1_500, 6_280]), ("90", [0, 1_300, 2_640])],
)
def test_the_sentences_of_the_prepared_messages_begin_behind_full_stops_and_not_behind_commas(
    message: str, expected: list[int]
) -> None:
    assert near(begins(sound(message)), expected)


def test_a_message_begins_behind_its_chime_however_soft_it_is() -> None:
    loud = np.concatenate((Tone(ToneKind.CHIME, frames(3_000)).read(frames(3_000)), sound("1")))
    soft = np.concatenate((loud[: frames(3_000)], loud[frames(3_000) :] * np.float32(0.05)))
    for tape in (loud, soft):
        assert near(begins(tape, 3_000), [3_000, 4_300, 5_900])


def test_the_hum_of_a_room_is_a_pause_all_the_same() -> None:
    speech = sound("1")
    hum = np.random.default_rng(1).normal(0, 0.003, len(speech)).astype(np.float32)
    assert near(begins(speech + hum), [0, 1_300, 2_900])


def test_what_is_taken_up_in_its_middle_counts_from_its_beginning() -> None:
    assert near(begins(sound("1"), offset_ms=1_300), [2_900])


def test_a_sentence_is_taken_up_before_its_first_sound() -> None:
    """Its first consonant is not cut off."""
    speech = sound("1")
    third = begins(speech)[-1]
    lead = speech[frames(third) : frames(third + BEFORE_MS)]
    assert np.abs(lead).max() < 0.03 < np.abs(speech[frames(third) : frames(third + 200)]).max()


def test_a_siren_and_silence_have_no_sentences() -> None:
    time_s = np.arange(frames(5_000)) / 48_000
    assert begins(np.sin(2 * np.pi * 600 * time_s).astype(np.float32)) == [0]
    assert begins(np.zeros(frames(5_000), np.float32)) == [0]
