"""A real microphone through a real sound server: the null sink's monitor hears what the box plays."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from agent.drivers.audio.played import PlayedAgain
from agent.drivers.clock import SystemClock
from agent.drivers.ear.portaudio import PortAudioMicrophone
from agent.ports.ear import EarError
from agent.ports.sound import Track
from agent.services.proof import Ears, Witness
from agent.services.recordings import Recordings
from agent.services.unheard import Unheard
from protocol.report import Grade
from tests.agent.audio.null_sink import NullSink
from tests.agent.audio.sounds import ready_speaker, track

pytestmark = pytest.mark.sound

FLOOD = Recordings().path("1")


def witnessed_track(path: Path, start_ms: int = 0) -> Track:
    return replace(track(path, start_ms=start_ms, length_ms=8_000), witnessed=True)


async def witnessed(
    sounds: Path, expected: Path | None, faults: list[str], then: Callable[[], object] = lambda: None
) -> tuple[Grade, str]:
    """Play a file while the ear expects what was mixed, or another file; the grade of the row, and why."""
    clock = SystemClock("system")
    speaker = await ready_speaker(clock)
    ears = Ears(PortAudioMicrophone(clock, "default"))
    witness = Witness(clock, ears, Unheard(note(faults)), faults.append)
    sounding = await speaker.start(witnessed_track(sounds, clock.now_ms() + 500))
    first = await sounding.started()
    assert first is not None
    then()
    other = sounding.mixed if expected is None else partial(PlayedAgain, witnessed_track(expected))
    testimony = witness.began(witnessed_track(sounds), other, first, emergency=True)
    await sounding.ended()
    verdict = testimony.verdict(Grade.CLAIMED)
    testimony.close()
    await speaker.close()
    return verdict


def note(faults: list[str]) -> Callable[[object, bool, str], None]:
    def fault(code: object, raised: bool, detail: str) -> None:
        faults.append(f"{code} {raised} {detail}")

    return fault


def test_what_comes_out_of_the_sound_card_is_heard_by_the_microphone(null_sink: NullSink) -> None:
    faults: list[str] = []
    assert null_sink.environment
    assert asyncio.run(witnessed(FLOOD, None, faults)) == (Grade.ACOUSTIC, "")
    assert not [fault for fault in faults if " True " in fault]


def test_what_was_mixed_is_compared_and_no_file_is_read_a_second_time(null_sink: NullSink, tmp_path: Path) -> None:
    """It is gone as soon as the player process has it open."""
    faults: list[str] = []
    assert null_sink.environment
    shutil.copy(FLOOD, tmp_path / "flood.ogg")
    assert asyncio.run(witnessed(tmp_path / "flood.ogg", None, faults, (tmp_path / "flood.ogg").unlink)) == (
        Grade.ACOUSTIC,
        "",
    )


def test_another_message_than_the_one_that_should_sound_is_not_heard(null_sink: NullSink) -> None:
    faults: list[str] = []
    assert null_sink.environment
    grade, why = asyncio.run(witnessed(Recordings().path("2"), FLOOD, faults))
    assert grade is Grade.CLAIMED
    assert why.startswith("acoustic ")
    assert [fault for fault in faults if " True " in fault]


def test_a_microphone_that_nobody_knows_is_an_error_that_names_those_that_exist(null_sink: NullSink) -> None:
    async def story() -> None:
        assert null_sink.environment
        with pytest.raises(EarError, match=r"no input is named .*; it may be one of: .*pulse"):
            await PortAudioMicrophone(SystemClock("system"), "micrô của Tuấn").listen()

    asyncio.run(story())


def test_whether_a_microphone_is_there_is_known_without_opening_it(null_sink: NullSink) -> None:
    async def story() -> None:
        assert null_sink.environment
        assert await PortAudioMicrophone(SystemClock("system"), "pulse").look() == "pulse"
        assert await PortAudioMicrophone(SystemClock("system"), "default").look()
        with pytest.raises(EarError, match=r"no input is named .*; it may be one of: .*pulse") as refused:
            await PortAudioMicrophone(SystemClock("system"), "micrô của Tuấn").look()
        assert "micrô không trả lời" in refused.value.said("vi")

    asyncio.run(story())
