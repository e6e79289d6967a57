"""A box whose power drops when its amplifier starts: it tries more softly, then only what must be heard (fault 47)."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agent.core.brownout import CALM_MS, ENDS, WITHIN_MS, Lives, Measure, calm, woke
from agent.drivers.amplifier import FakeAmplifier
from agent.drivers.audio.fake import FakeSounding, FakeSpeaker
from agent.drivers.clock import FakeClock
from agent.ports.sound import Track, files
from agent.services.brownout import BrownOut
from agent.services.recordings import Recordings
from agent.store.lives import LivesFile
from protocol.priority import Rank
from protocol.report import FaultCode
from protocol.timeline import Voice, at
from tests.support import virtual_time
from tests.support.box_parts import NOW_MS, Parts, parts
from tests.support.panel_box import PanelBox, tell
from tests.support.small_controller import Programme, tone

FLOOD = Recordings().path("1")


class Ear(FakeSpeaker):
    """Remembers how loud each track was to be."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.gains_cb: list[int] = []

    async def start(self, track: Track) -> FakeSounding:
        self.gains_cb.append(track.gain_cb)
        return await super().start(track)


class House:
    """A box on a weak supply, boot after boot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.boots = 0

    def boot(self, *, dies: bool, lasts_s: float = 5.0) -> tuple[Measure, list[int], bool]:
        """A life in which something sounds; it ends with the amplifier on, or in order. What was in force in it."""
        self.boots += 1
        (self.folder / "boot_id").write_text(f"boot {self.boots}")
        found: list[tuple[Measure, list[int], bool]] = []

        async def main() -> None:
            with parts(self.folder) as box:
                box.clock.jump(self.boots * 30_000)
                await self._live(box, found, dies=dies, lasts_s=lasts_s)

        virtual_time.run(main())
        return found[0]

    async def _live(
        self, box: Parts, found: list[tuple[Measure, list[int], bool]], *, dies: bool, lasts_s: float
    ) -> None:
        ear = Ear(box.clock)
        kept = LivesFile(self.folder, self.folder / "boot_id")
        power = BrownOut(FakeAmplifier(box.clock), ear, clock=box.clock, kept=kept, keeper=box.keeper)
        running = asyncio.create_task(power.run())
        await power.amplifier.power(True)
        await power.speaker.start(Track(files(FLOOD), 0, 0, None, -10, 0, "play", "cause"))
        await asyncio.sleep(lasts_s)
        now = box.clock.now_ms()
        box.keeper.speak(Voice("v", Rank.LIVE, now, now + 60_000, in_quiet_hours=True))
        found.append((power.measure, ear.gains_cb, at(box.keeper.holdings(), now + 1) is not None))
        if not dies:
            await power.amplifier.power(False)
        running.cancel()
        await ear.close()


class Disk:
    """Takes its time for each write."""

    def __init__(self, takes_ms: int) -> None:
        self._takes_s = takes_ms / 1000

    async def write(self, work: Callable[[], None]) -> None:
        await asyncio.sleep(self._takes_s)
        work()


def written(folder: Path, takes_ms: int, story: Callable[[BrownOut, FakeAmplifier], Awaitable[None]]) -> None:
    """What happens while such a disk is written."""

    async def main() -> None:
        with parts(folder) as box:
            amplifier = FakeAmplifier(box.clock)
            await story(
                BrownOut(
                    amplifier,
                    FakeSpeaker(box.clock),
                    clock=box.clock,
                    kept=LivesFile(folder),
                    keeper=box.keeper,
                    aside=Disk(takes_ms).write,
                ),
                amplifier,
            )

    virtual_time.run(main())


def test_the_power_waits_for_the_note_that_tells_of_it_and_nothing_else_does(tmp_path: Path) -> None:
    async def story(power: BrownOut, amplifier: FakeAmplifier) -> None:
        switching = asyncio.create_task(power.power(True))
        await asyncio.sleep(0.19)
        assert not amplifier.on
        assert not LivesFile(tmp_path).load().amplifier_on
        await asyncio.sleep(0.02)
        assert amplifier.on
        assert LivesFile(tmp_path).load().amplifier_on
        await switching
        await power.power(False)
        assert not LivesFile(tmp_path).load().amplifier_on

    written(tmp_path, 200, story)


def test_a_disk_that_hangs_holds_back_no_alarm(tmp_path: Path) -> None:
    async def story(power: BrownOut, amplifier: FakeAmplifier) -> None:
        await power.power(True)
        assert amplifier.on

    written(tmp_path, 3_600_000, story)


def test_whoever_switches_it_off_while_the_note_is_written_keeps_it_off(tmp_path: Path) -> None:
    async def story(power: BrownOut, amplifier: FakeAmplifier) -> None:
        switching = asyncio.create_task(power.power(True))
        await asyncio.sleep(0.1)
        await power.power(False)
        await switching
        await asyncio.sleep(1)
        assert not any(on for _, on in amplifier.switched)
        assert not LivesFile(tmp_path).load().amplifier_on

    written(tmp_path, 200, story)


def test_fault_47_a_brown_out_loop_lowers_the_sound_and_then_leaves_emergencies_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    lives = [house.boot(dies=True) for _ in range(2 * ENDS + 1)]
    assert [measure for measure, _, _ in lives] == [
        *[Measure.FULL] * ENDS,
        *[Measure.LOWER] * ENDS,
        Measure.ORDERS_ONLY,
    ]
    assert [gains for _, gains, _ in lives] == [[-10]] * ENDS + [[-70]] * (ENDS + 1)
    assert [others for _, _, others in lives] == [True] * (2 * ENDS) + [False]


def test_fault_47_lives_that_end_in_order_count_for_nothing_and_a_calm_stretch_takes_a_step_back(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    for _ in range(3 * ENDS):
        assert house.boot(dies=False)[0] is Measure.FULL
    for _ in range(ENDS):
        house.boot(dies=True)
    assert house.boot(dies=False, lasts_s=CALM_MS / 1000 + 10)[0] is Measure.FULL


def test_ends_that_lie_far_apart_are_no_loop() -> None:
    lives = Lives("a", amplifier_on=True)
    for number in range(1, 10):
        lives = woke(lives, str(number), NOW_MS + number * WITHIN_MS // 2)
        assert lives.measure is Measure.FULL
        lives = Lives(lives.boot, True, lives.ends_ms, lives.measure)


def test_a_daemon_that_is_started_again_in_one_life_tells_nothing() -> None:
    lives = Lives("a", True, (NOW_MS, NOW_MS))
    assert woke(lives, "a", NOW_MS).measure is Measure.FULL
    assert woke(lives, "b", NOW_MS).measure is Measure.LOWER
    assert calm(Lives("a", measure=Measure.ORDERS_ONLY)).measure is Measure.LOWER


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"boot": "a", "amplifier_on": 1, "ends_ms": 3, "measure": 0}'])
def test_a_file_that_cannot_be_read_is_a_new_beginning(tmp_path: Path, text: str) -> None:
    (tmp_path / "lives.json").write_text(text)
    assert LivesFile(tmp_path).load() == Lives()


def test_fault_47_a_programme_in_the_middle_of_its_slot_gets_no_power_in_the_first_turn_either(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("now")
    made = Programme()
    first = dt.datetime.fromtimestamp(NOW_MS / 1000 - 60, ZoneInfo("Asia/Ho_Chi_Minh"))
    made.add("news", first.strftime("%Y-%m-%dT%H:%M:%S"), tone(300_000), 300_000)

    async def before(box: PanelBox) -> None:
        box.parts.trusts().assigned(made)
        fetching = asyncio.create_task(box.parts.fetcher.run())
        await box.pass_ms(20_000)
        fetching.cancel()
        assert box.speaker.sounding, "with all its power it sounds"

    async def story(box: PanelBox) -> None:
        await box.pass_ms(20_000)
        assert box.amplifier.switched == []
        assert box.heard == []

    tell(tmp_path, before, trusts=False)
    LivesFile(tmp_path).keep(Lives("before", measure=Measure.ORDERS_ONLY))
    tell(tmp_path, story, trusts=False)


def test_fault_47_what_the_power_does_not_carry_is_a_fault_and_an_alarm_is_tried_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("now")
    LivesFile(tmp_path).keep(Lives("before", measure=Measure.ORDERS_ONLY))

    async def story(box: PanelBox) -> None:
        assert FaultCode.MAINS in box.parts.faults.active()
        await box.raise_alarm()
        await box.pass_ms(3_000)
        assert box.speaker.sounding

    tell(tmp_path, story)
