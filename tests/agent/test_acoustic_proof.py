"""The comparison itself: what is heard, what is not, what cannot be told, and what is never kept."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.core.proof import (
    AGREES,
    FRAME,
    HEARD,
    RATE_HZ,
    TICK,
    AcousticProof,
    ElectricalProof,
    Fullness,
    Samples,
)
from agent.core.testimony import Findings, graded
from agent.drivers.audio.played import PlayedAgain
from agent.drivers.ear import Missing
from agent.drivers.ear.line import IioLine
from agent.ports.ear import EarError
from agent.ports.sound import FramesSound, RelaySound, Sound, SoundError, Track
from protocol.report import Grade
from tests.support import village_air as air

SECONDS = 25


def compared(played: Samples, microphone: Samples, block: int = RATE_HZ // 10) -> AcousticProof:
    """As the box does it, block by block."""
    proof = AcousticProof()
    proof.play(np.concatenate((played, np.zeros(2 * RATE_HZ, np.float32))))
    for begin in range(0, len(microphone), block):
        proof.hear(microphone[begin : begin + block])
    return proof


def song(seed: int = 1, seconds: float = SECONDS) -> Samples:
    return air.music(random.Random(seed), seconds)


@pytest.mark.parametrize("delay_ms", [0, 37, 250, 500])
def test_it_is_heard_at_every_delay_that_a_microphone_can_have(delay_ms: int) -> None:
    draw = random.Random(2)
    heard = air.through_the_air(song(), draw, delay_ms=delay_ms)
    proof = compared(song(), air.amid(heard, air.white(draw, len(heard)), -5))
    assert proof.heard_at(HEARD)


def test_a_neighbour_that_plays_the_same_later_than_any_microphone_of_this_box_hears_it_is_not_the_box() -> None:
    draw = random.Random(2)
    heard = air.through_the_air(song(), draw, delay_ms=1_200)
    proof = compared(song(), air.amid(heard, air.white(draw, len(heard)), 20))
    assert not proof.heard_at(HEARD)
    assert proof.comparable


def test_another_programme_is_not_heard_and_that_means_something() -> None:
    draw = random.Random(3)
    proof = compared(song(1), air.amid(air.through_the_air(song(2), draw), air.white(draw, SECONDS * RATE_HZ), 20))
    assert not proof.heard_at(HEARD)
    assert proof.comparable
    assert not proof.deaf


def test_a_steady_tone_looks_the_same_at_every_delay_so_nothing_is_said_of_it() -> None:
    time_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    tone = np.asarray(0.3 * np.sin(2 * np.pi * 1_000 * time_s), np.float32)
    proof = compared(tone, tone)
    assert not proof.heard_at(HEARD)
    assert not proof.comparable


def test_two_bulletins_that_begin_with_the_same_words_are_not_the_same() -> None:
    opening = song(9, 8)
    one, other = np.concatenate((opening, song(1, 17))), np.concatenate((opening, song(2, 17)))
    proof = compared(one, other)
    assert not proof.heard_at(HEARD)
    assert proof.comparable


def test_of_three_seconds_nothing_is_said() -> None:
    proof = compared(song(seconds=3), song(seconds=3))
    assert not proof.heard_at(HEARD)
    assert not proof.comparable


def test_a_microphone_without_even_noise_is_deaf() -> None:
    proof = compared(song(), np.zeros(SECONDS * RATE_HZ, np.float32))
    assert proof.deaf
    assert not proof.heard_at(HEARD)


def test_a_comparison_ahead_of_what_was_played_is_an_error_and_no_verdict() -> None:
    with pytest.raises(ValueError, match="must be known before"):
        AcousticProof().hear(song())


def arrays(value: object) -> Iterator[np.ndarray]:
    """Every array that hangs on this object, however deep."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from arrays(item)
    elif hasattr(value, "__dict__"):
        yield from arrays(vars(value))


def different(seconds: int) -> Samples:
    """Noise of which no two samples are the same."""
    return np.random.default_rng(5).permutation(np.linspace(-1, 1, seconds * RATE_HZ, dtype=np.float32))


def size(proof: AcousticProof) -> int:
    return sum(array.nbytes for array in arrays(proof))


def test_privacy_nothing_of_the_microphone_outlives_one_spectrum_but_sums() -> None:
    """After half a minute no stretch of the microphone's waveform is in the object, but for the last 64 ms."""
    played, said = song(seconds=32), different(30)
    proof = compared(played, said)
    waveforms = [array for array in arrays(proof) if array.dtype == np.float32 and array.ndim == 1]
    assert waveforms
    for array in waveforms:
        assert not np.isin(array, said[:-FRAME]).any()
    # What is left are spectra of what was played, and sums of one second; neither grows.
    twice = compared(song(seconds=62), different(60))
    assert size(twice) <= size(proof) + FRAME * 8


def test_privacy_the_sums_of_a_second_are_gone_after_it() -> None:
    proof = compared(song(), air.white(random.Random(1), 10 * RATE_HZ))
    kept = vars(proof._heard)["_sums"].copy()
    proof.hear(air.white(random.Random(2), 3 * RATE_HZ))
    now = vars(proof._heard)["_sums"]
    likeness = abs(np.vdot(kept, now)) / (np.linalg.norm(kept) * np.linalg.norm(now) + 1e-9)
    assert likeness < 0.2


@pytest.mark.parametrize("sound", [RelaySound("vov1", "https://radio.example/vov1"), FramesSound("mic")])
def test_live_sound_is_not_compared_with_what_would_have_sounded_in_its_place(sound: Sound) -> None:
    live = Track((sound,), offset_ms=0, start_ms=0, length_ms=None, gain_cb=0, fade_out_ms=0, name="p", cause="c")
    with pytest.raises(SoundError, match="live sound is gone"):
        PlayedAgain(live)


# The line


def current(sound: Samples, seed: int, delay: int = 2) -> list[float]:
    """What an amplifier draws: its own and its sound's, a measuring chip's delay later."""
    dice = np.random.default_rng(seed)
    power = (sound[: len(sound) // TICK * TICK].reshape(-1, TICK) ** 2).mean(axis=1)
    later = np.concatenate((np.zeros(delay), power))[: len(power)]
    return [float(level) for level in 300 + 3_000 * later + dice.normal(0, 3, len(later))]


def felt(played: Samples, levels: list[float]) -> ElectricalProof:
    proof = ElectricalProof()
    proof.play(played)
    for level in levels:
        proof.feel(level)
    return proof


@pytest.mark.parametrize("seed", range(20))
def test_a_current_that_follows_the_sound_agrees_and_another_songs_does_not(seed: int) -> None:
    assert felt(song(seed), current(song(seed), seed)).score >= AGREES
    other = felt(song(seed), current(song(seed + 100), seed))
    assert other.score < AGREES
    assert other.comparable


def test_an_amplifier_that_is_on_without_a_sound_does_not_agree() -> None:
    assert felt(song(), current(np.zeros(SECONDS * RATE_HZ, np.float32), 1)).score < AGREES


def test_a_line_that_stands_still_proves_nothing() -> None:
    assert felt(song(), [512.0] * 500).score == 0.0


def test_the_kernels_file_of_a_measuring_chip_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "in_voltage0_raw"
    line = IioLine(file)
    with pytest.raises(EarError, match="no measurement"):
        asyncio.run(line.level())
    file.write_text("1023\n")
    assert asyncio.run(line.level()) == 1023.0
    file.write_text("")
    with pytest.raises(EarError, match="no measurement"):
        asyncio.run(line.level())


# The file itself


def test_an_hour_of_silence_in_a_file_and_a_clipped_one_are_noticed() -> None:
    fullness = Fullness()
    fullness.note(song(seconds=2))
    assert fullness.silent_now_ms < 500
    for _ in range(3_600):
        fullness.note(np.zeros(RATE_HZ, np.float32))
    assert abs(fullness.silent_now_ms - 3_600_000) < 500
    fullness.note(np.clip(40 * song(seconds=10), -1, 1).astype(np.float32))
    assert fullness.silent_ms >= 3_600_000
    clipped = Fullness()
    clipped.note(np.clip(40 * song(seconds=10), -1, 1).astype(np.float32))
    assert clipped.clipped > 0.05


# What follows for the row


def findings(*windows: tuple[bool, bool], name: str = "acoustic") -> Findings:
    """Windows as (heard, comparable)."""
    found = Findings(name, HEARD)
    for heard, comparable in windows:
        found.judge(40.0 if heard else 1.25, heard, comparable, deaf=False)
    return found


HEARD_IT, MUTE, UNSURE = (True, True), (False, True), (False, False)


@pytest.mark.parametrize(
    ("acoustic", "electrical", "grade", "why"),
    [
        (findings(HEARD_IT), None, Grade.ACOUSTIC, ""),
        (findings(*[HEARD_IT] * 4, MUTE), None, Grade.ACOUSTIC, ""),
        (findings(*[HEARD_IT] * 3, MUTE), None, Grade.RENDERED, "acoustic: heard in 3 of 4 parts"),
        (findings(MUTE), None, Grade.RENDERED, "acoustic 1.25 < 5"),
        (findings(UNSURE), None, Grade.RENDERED, "acoustic: too short or too even to tell"),
        (findings(MUTE), findings(HEARD_IT, name="electrical"), Grade.ELECTRICAL, "acoustic 1.25 < 5"),
        (findings(HEARD_IT), findings(MUTE, name="electrical"), Grade.ACOUSTIC, ""),
        (None, findings(HEARD_IT, name="electrical"), Grade.ELECTRICAL, ""),
        (None, None, Grade.RENDERED, ""),
    ],
)
def test_a_row_has_the_best_grade_that_is_proven_and_says_what_is_missing(
    acoustic: Findings | None, electrical: Findings | None, grade: Grade, why: str
) -> None:
    assert graded(Grade.RENDERED, acoustic, electrical, 0.0) == (grade, why)


def test_an_ear_that_gives_noise_again_counts_again() -> None:
    found = Findings("acoustic", HEARD)
    found.judge(0.0, False, True, deaf=True)
    assert (found.last, found.said) == (None, "acoustic: the microphone gives silence, not even noise")
    found.judge(1.25, False, True, deaf=False)
    assert (found.last, found.said) == (False, "acoustic 1.25 < 5")


def test_a_clipped_sound_is_said_in_the_row() -> None:
    assert graded(Grade.CLAIMED, findings(HEARD_IT), None, 0.05) == (
        Grade.ACOUSTIC,
        "clipped: 5.0% of it at full scale",
    )


def test_a_chip_whose_bus_hangs_stops_nothing_is_left_alone_for_a_while_and_measures_again(tmp_path: Path) -> None:
    """A pipe that nobody fills hangs whoever reads it."""

    async def main() -> None:
        pipe = tmp_path / "in_voltage0_raw"
        os.mkfifo(pipe)
        line = IioLine(pipe, patience_s=0.1, rest_s=0.2)
        for _ in range(3):
            with pytest.raises(EarError, match=r"longer than 0\.1 s, so the chip is left alone for 0\.2 s"):
                await line.level()
        await asyncio.to_thread(pipe.write_text, "17", "ascii")
        await asyncio.sleep(0.3)
        pipe.unlink()
        pipe.write_text("1023", "ascii")
        assert await line.level() == 1023.0

    asyncio.run(main())


def test_a_box_whose_microphone_cannot_be_opened_by_this_installation_still_plays() -> None:
    with pytest.raises(EarError, match="PyAudio"):
        asyncio.run(Missing("PyAudio is not there", vi="").listen())
