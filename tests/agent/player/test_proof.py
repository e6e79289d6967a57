"""A box that listens to itself: what it hears grades the row, and what it does not hear is a fault (fault 38)."""

import asyncio
import random
from pathlib import Path

import numpy as np
import soundfile

from agent.core.proof import HOP, RATE_HZ, TICK, Samples
from agent.drivers.audio.played import PlayedAgain, folded
from agent.drivers.ear.fake import FakeLine, FakeMicrophone
from agent.services.proof import Ears, Witness
from agent.services.unheard import Unheard
from protocol.ids import sha256
from protocol.report import FaultCode, Grade, Result, Stage
from tests.agent.audio.sounds import track
from tests.agent.player.studio import RECORDINGS, Studio, at, entry, order
from tests.support import virtual_time
from tests.support.village_air import music, through_the_air, white

NOON = at("12:00:00")


class Village:
    """What is in the air around a box, and what its amplifier draws; a studio whose bulletins are music."""

    def __init__(self, folder: Path, *, microphone: bool = True, line: bool = False) -> None:
        self.studio = Studio(folder, wall=at("11:59:00"))
        self.sounds: list[tuple[int, Samples]] = []
        """Wall instant of the first sample, and what comes out of the loudspeaker."""
        self.microphone = FakeMicrophone(self.studio.clock, self.air)
        self.line_works = True
        self.noise: float = 0.01
        self._dice = random.Random(7)
        fitted = FakeLine(self.current) if line else None
        ears = Ears(self.microphone if microphone else None, fitted)
        self.studio.player = self.studio.build(ears=ears)

    def bulletin(self, seconds: int, name: str, seed: int = 1) -> Samples:
        """Publish music of this length; its samples."""
        sound = music(random.Random(seed), seconds)
        path = self.studio.folder / f"{name}.flac"
        soundfile.write(path, np.repeat(sound, 3), 48_000)
        data = path.read_bytes()
        (self.studio.folder / sha256(data).hex()).write_bytes(data)
        return sound

    def comes_out(self, at_ms: int, sound: Samples) -> None:
        """The loudspeaker gives it, 200 ms away from the microphone."""
        self.sounds.append((at_ms, through_the_air(sound, self._dice, delay_ms=200)))

    def air(self, at_ms: int, count: int) -> Samples:
        heard = white(self._dice, count) * np.float32(self.noise)
        for begins_ms, sound in self.sounds:
            place = (at_ms - begins_ms) * RATE_HZ // 1000
            part = sound[max(0, place) : max(0, place + count)]
            start = max(0, -place)
            heard[start : start + len(part)] += part
        return heard

    def current(self) -> float | None:
        """In milliampere: the amplifier's own, and its sound's."""
        if not self.line_works:
            return None
        now, drawn = self.studio.clock.now_ms(), 300.0 + self._dice.uniform(-5, 5)
        for begins_ms, sound in self.sounds:
            place = (now - begins_ms) * RATE_HZ // 1000
            part = sound[max(0, place - TICK) : max(0, place)]
            drawn += 3_000 * float((part**2).mean()) if len(part) else 0.0
        return drawn

    @property
    def rows(self) -> list[tuple[Result, Grade, str]]:
        journal = self.studio.journal
        return [(row.result, row.grade, row.detail) for row in journal.rows]

    @property
    def faults(self) -> list[bool]:
        """Without the first word that all is well, which ends what a daemon before this one has raised."""
        told = [raised for code, raised in self.studio.faults if code is FaultCode.NOT_HEARD]
        return told[1:] if told[:1] == [False] else told


def test_a_bulletin_that_the_microphone_hears_is_proven(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        village.comes_out(NOON, village.bulletin(40, "b40"))
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b40"))
            await studio.until(at("12:01:00"))
            assert village.rows == [(Result.PLAYED, Grade.ACOUSTIC, "")]
            assert studio.faults == [(FaultCode.NOT_HEARD, False)], "a fault from before a restart is over"

    virtual_time.run(story())


def test_a_bulletin_is_heard_in_a_market_that_is_as_loud_as_itself(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        sound = village.bulletin(50, "b50")
        village.comes_out(NOON, sound)
        village.noise = float(sound.std())
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b50"))
            await studio.until(at("12:01:00"))
            assert [grade for _, grade, _ in village.rows] == [Grade.ACOUSTIC]

    virtual_time.run(story())


def test_fault_38_an_alarm_with_the_amplifier_off_is_known_within_100_seconds(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        async with village.studio as studio:
            alarm = studio.accept(order(1, studio, repeats=3))
            first_ms = studio.clock.now_ms()
            while not village.faults:
                await studio.pass_ms(1_000)
                assert studio.clock.now_ms() - first_ms <= 100_000
            told = [(name, stage) for name, stage, at_ms in studio.stages if at_ms - first_ms <= 100_000]
            assert (alarm, Stage.NOT_HEARD) in told
            await studio.pass_ms(300_000)
            assert [stage for _, stage, _ in studio.stages].count(Stage.NOT_HEARD) == 1
            assert studio.stages[-1][1] is Stage.DONE
            assert {grade for _, grade, _ in village.rows} == {Grade.CLAIMED}
            assert all(detail.startswith("acoustic ") and detail.endswith(" < 5") for _, _, detail in village.rows)

    virtual_time.run(story())


def test_an_alarm_that_is_heard_is_proven_to_the_controller(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        async with village.studio as studio:
            studio.accept(order(1, studio, chime=0))
            while studio.player.sounding is None:
                await studio.pass_ms(10)
            message, _ = soundfile.read(RECORDINGS.path("1"), dtype="float32")
            village.comes_out(studio.first_samples[0] or 0, folded(message))
            await studio.pass_ms(120_000)
            assert village.rows == [(Result.PLAYED, Grade.ACOUSTIC, "")]
            assert [stage for _, stage, _ in studio.stages] == [Stage.STARTED, Stage.STARTED, Stage.DONE]
            assert studio.grades == [Grade.CLAIMED, Grade.ACOUSTIC, Grade.ACOUSTIC]
            assert village.faults == []

    virtual_time.run(story())


def test_fault_38_a_line_that_is_cut_is_a_fault_within_100_seconds_and_over_when_it_is_heard_again(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        sound = village.bulletin(300, "b300")
        village.comes_out(NOON, sound[: 60 * RATE_HZ])
        village.comes_out(at("12:03:20"), sound[200 * RATE_HZ :])
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b300"))
            await studio.until(at("12:01:15"))
            assert village.faults == []
            await studio.until(at("12:02:40"))
            assert village.faults == [True]
            await studio.until(at("12:06:00"))
            assert village.faults == [True, False]
            ((result, grade, detail),) = village.rows
            assert (result, grade) == (Result.PLAYED, Grade.CLAIMED)
            assert detail == "acoustic: heard in 7 of 12 parts"

    virtual_time.run(story())


def test_another_programme_than_the_own_is_not_heard_and_two_in_a_row_are_a_fault(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        village.bulletin(20, "b20"), village.bulletin(20, "b20-two", seed=2)
        village.comes_out(NOON, music(random.Random(3), 120))
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b20"), entry("s2", "12:01:00", "b20-two"))
            await studio.until(at("12:00:50"))
            assert village.faults == []
            await studio.until(at("12:02:00"))
            assert village.faults == [True]
            assert [(grade, detail.split(" ")[0]) for _, grade, detail in village.rows] == [
                (Grade.CLAIMED, "acoustic"),
                (Grade.CLAIMED, "acoustic"),
            ]

    virtual_time.run(story())


def test_a_microphone_that_is_unplugged_is_no_fault_of_the_sound(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        village.comes_out(NOON, village.bulletin(120, "b120"))
        village.microphone.plugged_in = False
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b120"))
            await studio.until(at("12:03:00"))
            ((result, grade, detail),) = village.rows
            assert (result, grade) == (Result.PLAYED, Grade.CLAIMED)
            assert detail == "acoustic: the microphone does not answer: it is not plugged in"
            assert village.faults == []

    virtual_time.run(story())


def test_a_microphone_that_is_plugged_in_again_hears_the_rest(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        village.comes_out(NOON, village.bulletin(120, "b120"))
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b120"))
            await studio.until(at("12:00:30"))
            village.microphone.plugged_in = False
            await studio.until(at("12:00:40"))
            village.microphone.plugged_in = True
            await studio.until(at("12:03:00"))
            assert village.rows == [(Result.PLAYED, Grade.ACOUSTIC, "")]

    virtual_time.run(story())


def test_a_microphone_that_gives_not_even_noise_is_no_witness(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path)
        village.bulletin(60, "b60")
        village.noise = 0.0
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b60"))
            await studio.until(at("12:03:00"))
            assert village.rows[0][1:] == (
                Grade.CLAIMED,
                "acoustic: the microphone gives silence, not even noise",
            )
            assert village.faults == []

    virtual_time.run(story())


def test_a_microphone_that_stays_away_costs_no_memory_while_the_line_is_measured(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path, line=True)
        village.microphone.plugged_in = False
        clock = village.studio.clock
        path = village.studio.folder / "b60.flac"
        village.bulletin(60, "b60")
        ears = Ears(village.microphone, FakeLine(village.current))
        witness = Witness(clock, ears, Unheard(lambda *_: None), lambda _: None)
        long = track(*[path] * 10)
        testimony = witness.began(long, lambda: PlayedAgain(long), clock.now_ms(), emergency=False)
        await clock.sleep_ms(600_000)
        held = vars(vars(testimony)["_air"])["_played"]
        assert len(held) < 45 * RATE_HZ / HOP
        testimony.close()

    virtual_time.run(story())


def test_an_amplifier_whose_current_follows_the_sound_is_electrical_proof(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path, microphone=False, line=True)
        village.comes_out(NOON, village.bulletin(60, "b60"))
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b60"))
            await studio.until(at("12:03:00"))
            assert village.rows == [(Result.PLAYED, Grade.ELECTRICAL, "")]

    virtual_time.run(story())


def test_fault_38_an_amplifier_that_is_on_and_draws_nothing_for_the_sound_is_not_heard(tmp_path: Path) -> None:
    async def story() -> None:
        village = Village(tmp_path, microphone=False, line=True)
        village.bulletin(120, "b120")
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b120"))
            await studio.until(at("12:01:40"))
            assert village.faults == [True]
            await studio.until(at("12:03:00"))
            assert village.rows[0][1] is Grade.CLAIMED
            assert village.rows[0][2].startswith("electrical ")

    virtual_time.run(story())


def test_with_a_horn_cut_off_behind_the_amplifier_the_row_is_electrical_and_says_what_is_missing(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        village = Village(tmp_path, line=True)
        sound = village.bulletin(60, "b60")
        village.comes_out(NOON, sound)
        village.microphone = FakeMicrophone(village.studio.clock, lambda _, count: white(random.Random(5), count))
        ears = Ears(village.microphone, FakeLine(village.current))
        village.studio.player = village.studio.build(ears=ears)
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b60"))
            await studio.until(at("12:03:00"))
            ((_, grade, detail),) = village.rows
            assert grade is Grade.ELECTRICAL
            assert detail.startswith("acoustic ")

    virtual_time.run(story())


def test_the_microphone_is_open_only_while_the_box_itself_sounds(tmp_path: Path) -> None:
    before: set[str] = set()

    async def story() -> None:
        village = Village(tmp_path)
        village.comes_out(NOON, village.bulletin(40, "b40"))
        async with village.studio as studio:
            studio.adopt(entry("s1", "12:00:00", "b40"))
            before.update(path.name for path in studio.folder.iterdir())
            await studio.until(at("11:59:59"))
            assert village.microphone.opened == 0
            await studio.until(at("12:00:20"))
            assert village.microphone.open == 1
            await studio.until(at("12:00:41"))
            await asyncio.sleep(0)
            assert village.microphone.open == 0

    virtual_time.run(story())
    assert {path.name for path in tmp_path.iterdir()} == before
