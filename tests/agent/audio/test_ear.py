"""A real microphone through a real sound server: the null sink's monitor hears what the box plays."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.drivers.clock import SystemClock
from agent.drivers.ear.played import PlayedAgain
from agent.drivers.ear.portaudio import PortAudioMicrophone
from agent.ports.ear import EarError
from agent.services.proof import Ears, Witness
from agent.services.recordings import Recordings
from agent.services.unheard import Unheard
from protocol.report import Grade
from tests.agent.audio.null_sink import NullSink
from tests.agent.audio.sounds import ready_speaker, track

pytestmark = pytest.mark.sound

FLOOD = Recordings().path("1")
CHIME = Recordings().path("chime")
LENGTH_MS = 8_000


async def witnessed(sounds: Path, expected: Path, faults: list[str]) -> tuple[Grade, str]:
    """Play one file while the ear expects another (or the same); the grade of the row, and why."""
    clock = SystemClock("system")
    speaker = await ready_speaker(clock)
    ears = Ears(PortAudioMicrophone(clock, "default"), None, PlayedAgain)
    witness = Witness(clock, ears, Unheard(note(faults)), faults.append)
    sounding = await speaker.start(track(sounds, start_ms=clock.now_ms() + 500, length_ms=LENGTH_MS))
    first = await sounding.started()
    assert first is not None
    testimony = witness.began(track(expected, length_ms=LENGTH_MS), first, emergency=True)
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
    assert asyncio.run(witnessed(FLOOD, FLOOD, faults)) == (Grade.ACOUSTIC, "")
    assert not [fault for fault in faults if " True " in fault]


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
