"""The ear of machines without sound: what is written as it would sound is heard, and only while the horn sounds."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from agent.drivers.amplifier import AlwaysOn
from agent.drivers.audio.engine.recorder import wav_header
from agent.drivers.audio.played import PlayedAgain
from agent.drivers.audio.source import RATE_HZ, File, pcm16
from agent.drivers.audio.speaker import EngineSpeaker, command
from agent.drivers.clock import FakeClock, SystemClock
from agent.drivers.ear.recorded import Horn, RecordedMicrophone, written
from agent.ports.sound import Track
from agent.services.proof import Ears, Witness
from agent.services.recordings import Recordings
from agent.services.unheard import Unheard
from protocol.report import Grade
from tests.agent.audio.sounds import track
from tests.support import virtual_time

FLOOD = Recordings().path("1")
FIRE = Recordings().path("2")
WALL = 1_795_000_000_000


def lay(folder: Path, first_ms: int, length_ms: int, value: float, *, whole: bool = True) -> None:
    """A recording in which all samples are alike."""
    samples = np.full(length_ms * RATE_HZ // 1000, value, np.float32)
    ending = "wav" if whole else "wav.part"
    (folder / f"{first_ms:013d}-p.{ending}").write_bytes(wav_header(len(samples)) + pcm16(samples))


def test_what_was_written_is_found_at_its_instant_and_silence_around_it(tmp_path: Path) -> None:
    lay(tmp_path, WALL + 100, 200, 0.25)
    lay(tmp_path, WALL + 400, 100, 0.5, whole=False)
    (tmp_path / "0000000000001-p.json").write_text("{}")
    (tmp_path / "somebody's.wav").write_bytes(b"RIFF")
    air = written(tmp_path, WALL, RATE_HZ * 600 // 1000).reshape(6, -1)
    assert air.mean(axis=1).round(3).tolist() == [0, 0.25, 0.25, 0, 0.5, 0]
    assert written(tmp_path, WALL + 450, RATE_HZ // 10).reshape(2, -1).mean(axis=1).round(3).tolist() == [0.5, 0]


def test_it_hears_the_road_alone_while_the_amplifier_is_off_or_the_wire_is_cut(tmp_path: Path) -> None:
    lay(tmp_path, WALL, 60_000, 0.5)

    async def story() -> None:
        horn = Horn(AlwaysOn())
        listening = await RecordedMicrophone(FakeClock(WALL), tmp_path, horn.sounds).listen()

        async def level() -> float:
            return float((await listening.read()).samples.mean())

        await horn.power(True)
        assert await level() == pytest.approx(0.05 * 440 / 500, abs=0.002), "twenty metres are 60 ms"
        assert await level() == pytest.approx(0.05, abs=0.002)
        horn.is_connected = False
        assert await level() == pytest.approx(0.0, abs=0.002)
        assert float((await listening.read()).samples.std()) > 0
        horn.is_connected = True
        assert await level() == pytest.approx(0.05, abs=0.002)
        await horn.power(False)
        assert await level() == pytest.approx(0.0, abs=0.002)
        await listening.close()

    virtual_time.run(story())


def note(faults: list[str]) -> Callable[[object, bool, str], None]:
    return lambda code, raised, detail: faults.append(f"{code} {raised} {detail}")


def witnessed(path: Path, start_ms: int = 0) -> Track:
    return replace(track(path, start_ms=start_ms, length_ms=8_000), witnessed=True)


@pytest.mark.parametrize(
    ("expected", "connected", "grade"),
    [(FLOOD, True, Grade.ACOUSTIC), (FIRE, True, Grade.RENDERED), (FLOOD, False, Grade.RENDERED)],
)
def test_fault_38_the_row_is_graded_by_what_the_engine_wrote_and_a_cut_wire_is_noticed(
    tmp_path: Path, expected: Path, connected: bool, grade: Grade
) -> None:
    faults: list[str] = []
    alarms: list[str] = []

    async def story() -> tuple[Grade, str]:
        clock = SystemClock("system")
        horn = Horn(AlwaysOn(), connected)
        await horn.power(True)
        speaker = EngineSpeaker(clock, start=partial(command, wav=tmp_path))
        microphone = RecordedMicrophone(clock, tmp_path, horn.sounds)
        witness = Witness(clock, Ears(microphone, None), Unheard(note(faults)), alarms.append)
        sounding = await speaker.start(witnessed(FLOOD, clock.now_ms() + 500))
        first = await sounding.started()
        assert first is not None
        mixed = sounding.mixed if expected == FLOOD else partial(PlayedAgain, witnessed(expected))
        testimony = witness.began(witnessed(FLOOD), mixed, first, emergency=True)
        sounded = await sounding.ended()
        verdict = testimony.verdict(sounded.grade)
        testimony.close()
        await speaker.close()
        return verdict

    assert File(expected).length > 8 * RATE_HZ
    found, why = asyncio.run(story())
    assert found is grade, why
    assert bool(alarms) is (grade is not Grade.ACOUSTIC)
    assert any(" True " in fault for fault in faults) is (grade is not Grade.ACOUSTIC)
