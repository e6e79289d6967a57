"""Microphone, service switch, duress and lamps on a whole box in virtual time."""

from pathlib import Path

import pytest

from agent.core.lamps import Lamp
from agent.core.panel import Contact
from agent.drivers.gpio.fake import FakePins
from agent.ports.pins import Changed, Line, Lost, Pins
from agent.services.panel import LOOK_FOR_LINES_MS
from protocol.report import ClockQuality, FaultCode, Stage
from tests.support.panel_box import CODE, DURESS, LEAD_IN_MS, PanelBox, tell
from tests.support.small_controller import alert, signed


async def province_alarms(box: PanelBox) -> str:
    """An alarm of the province begins to sound; its id."""
    now_s = box.parts.clock.now_ms() // 1000
    order = alert(1, at_s=now_s, expires=now_s + 3_600)
    box.parts.inbox.take(signed(order))
    await box.pass_ms(LEAD_IN_MS + 1_000)
    assert box.speaker.sounding == (f"{order.id.hex()}#1",)
    return order.id.hex()


def voices(box: PanelBox) -> list[str]:
    return [voice.rank.name for voice in box.parts.keeper.holdings().voices]


def test_the_microphone_is_heard_while_it_is_held_and_the_lamp_says_so(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.MICROPHONE)
        await box.pass_ms(100)
        assert voices(box) == ["MICROPHONE"]
        lit = []
        for _ in range(13):
            await box.pass_ms(100)
            lit.append(box.is_lit(Lamp.ON_AIR))
        assert not all(lit), "nobody hears it while the amplifier settles"
        lit = []
        for _ in range(37):
            await box.pass_ms(100)
            lit.append(box.is_lit(Lamp.ON_AIR))
        assert all(lit[3:])
        box.release(Contact.MICROPHONE)
        await box.pass_ms(100)
        assert voices(box) == []
        assert not box.is_lit(Lamp.ON_AIR)
        assert not box.microphone.is_open
        (inlet,) = box.speaker.inlets.values()
        assert 5_000 <= inlet.pushed // (2 * 48) <= 5_200
        assert inlet.closed
        await box.pass_ms(3_000)
        (heard,) = box.heard
        assert heard.play == f"voice:{heard.cause}"
        assert 3_400 <= heard.ended_ms - heard.first_sample_ms <= 3_900
        assert not box.amplifier.on

    tell(tmp_path, story)


def test_fault_34_an_alarm_silences_the_microphone_unless_the_key_is_turned(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.MICROPHONE)
        await box.pass_ms(5_000)
        (voice,) = box.speaker.sounding
        now_s = box.parts.clock.now_ms() // 1000
        order = alert(1, at_s=now_s, expires=now_s + 3_600)
        box.parts.inbox.take(signed(order))
        await box.pass_ms(300)
        assert box.speaker.sounding == (f"{order.id.hex()}#1",)
        box.press(Contact.KEY)
        await box.pass_ms(500)
        assert box.speaker.sounding == (voice,)
        box.release(Contact.KEY)
        await box.pass_ms(500)
        assert box.speaker.sounding == (f"{order.id.hex()}#1",)

    tell(tmp_path, story)


def test_fault_34_a_forgotten_microphone_is_closed_after_20_s_and_does_not_mask_an_alarm(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.microphone.level_cb = -600
        box.press(Contact.MICROPHONE)
        await box.pass_ms(10_000)
        await province_alarms(box)
        await box.pass_ms(10_000)
        assert voices(box) == []
        box.microphone.level_cb = -100
        await box.pass_ms(10_000)
        assert voices(box) == []

    tell(tmp_path, story)


def test_fault_34_a_speaking_microphone_is_closed_after_120_s(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.MICROPHONE)
        await box.pass_ms(119_500)
        assert voices(box) == ["MICROPHONE"]
        await box.pass_ms(1_000)
        assert voices(box) == []

    tell(tmp_path, story)


@pytest.mark.parametrize(
    ("quality", "key", "passes"),
    [
        (ClockQuality.NTP, False, False),
        (ClockQuality.NTP, True, True),
        (ClockQuality.NONE, False, True),
    ],
)
def test_quiet_hours_hold_for_the_microphone_but_with_the_key_or_without_the_time(
    tmp_path: Path, quality: ClockQuality, key: bool, passes: bool
) -> None:
    async def story(box: PanelBox) -> None:
        if key:
            box.press(Contact.KEY)
        box.press(Contact.MICROPHONE)
        await box.pass_ms(100)
        (voice,) = box.parts.keeper.holdings().voices
        assert voice.in_quiet_hours is passes

    tell(tmp_path, story, quality=quality)


def test_a_microphone_that_is_unplugged_is_closed_and_noticed_until_it_works_again(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.MICROPHONE)
        await box.pass_ms(1_000)
        box.microphone.unplug()
        await box.pass_ms(100)
        assert voices(box) == []
        assert FaultCode.PANEL in box.parts.faults.active()

    tell(tmp_path, story)


def test_a_microphone_whose_driver_fails_is_closed_noticed_and_its_lamp_goes_out(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.microphone.refusal = OSError(11, "Resource temporarily unavailable")
        box.press(Contact.MICROPHONE)
        await box.pass_ms(500)
        assert voices(box) == []
        assert FaultCode.PANEL in box.parts.faults.active()
        lit = []
        for _ in range(25):
            await box.pass_ms(100)
            lit.append(box.is_lit(Lamp.ON_AIR))
        assert not any(lit)

    tell(tmp_path, story)


class Wayward:
    """Pins whose driver has a defect: it raises what no driver should."""

    def __init__(self, pins: FakePins) -> None:
        self._pins = pins
        self.fails = False

    def watch(self, line: Line, changed: Changed, lost: Lost) -> bool:
        self._perhaps()
        return self._pins.watch(line, changed, lost)

    def drive(self, line: Line, on: bool) -> None:
        self._perhaps()
        self._pins.drive(line, on)

    def close(self) -> None:
        self._pins.close()

    def _perhaps(self) -> None:
        if self.fails:
            raise OSError(5, "Input/output error")


def test_a_driver_that_raises_anything_costs_a_fault_until_it_works_and_the_button_works_on(tmp_path: Path) -> None:
    made: list[Wayward] = []

    def through(pins: FakePins) -> Pins:
        made.append(Wayward(pins))
        return made[0]

    async def story(box: PanelBox) -> None:
        box.press(Contact.MICROPHONE)
        await box.pass_ms(2_000)
        assert voices(box) == ["MICROPHONE"]
        made[0].fails = True
        box.press(Contact.KEY)
        await box.pass_ms(3_000)
        assert FaultCode.PANEL in box.parts.faults.active()
        assert voices(box) == []
        made[0].fails = False
        await box.pass_ms(2_000)
        assert FaultCode.PANEL not in box.parts.faults.active()
        await box.hold(Contact.EMERGENCY, 3_200)
        assert len(box.own_orders) == 1

    tell(tmp_path, story, through=through)


def test_contacts_whose_driver_raises_anything_at_the_start_lock_no_alarm(tmp_path: Path) -> None:
    def through(pins: FakePins) -> Pins:
        broken = Wayward(pins)
        broken.fails = True
        return broken

    async def story(box: PanelBox) -> None:
        assert FaultCode.PANEL in box.parts.faults.active()
        await province_alarms(box)
        assert box.amplifier.on

    tell(tmp_path, story, through=through)


def test_a_chip_that_comes_late_is_found_and_the_button_works(tmp_path: Path) -> None:
    def late(pins: FakePins) -> Pins:
        pins.is_there = False
        return pins

    async def story(box: PanelBox) -> None:
        assert FaultCode.PANEL in box.parts.faults.active()
        box.press(Contact.EMERGENCY)  # it is held while the chip comes, as where its contact hangs
        box.pins.is_there = True
        await box.pass_ms(LOOK_FOR_LINES_MS + 100)
        assert FaultCode.PANEL not in box.parts.faults.active()
        box.press(Contact.KEY)
        await box.pass_ms(5_000)
        assert box.own_orders == []
        box.release(Contact.EMERGENCY)
        box.release(Contact.KEY)
        await box.pass_ms(1_000)
        await box.raise_alarm()
        assert len(box.own_orders) == 1

    tell(tmp_path, story, through=late)


def test_a_chip_that_goes_away_is_a_fault_ends_what_was_pressed_and_is_found_again(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.KEY)
        box.press(Contact.MICROPHONE)
        await box.pass_ms(1_000)
        assert voices(box) == ["KEYED_MICROPHONE"]
        box.pins.unplug()
        await box.pass_ms(1_000)
        assert voices(box) == []
        assert FaultCode.PANEL in box.parts.faults.active()
        await box.pass_ms(60_000)
        box.release(Contact.MICROPHONE)
        box.release(Contact.KEY)
        box.pins.is_there = True
        await box.pass_ms(LOOK_FOR_LINES_MS + 100)
        assert FaultCode.PANEL not in box.parts.faults.active()
        assert FaultCode.MAINS not in box.parts.faults.active()
        await box.raise_alarm()
        assert len(box.own_orders) == 1

    tell(tmp_path, story)


def test_the_service_switch_holds_while_its_chip_is_away_and_is_followed_once_it_is_back(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.SERVICE)
        await box.pass_ms(1_000)
        box.pins.unplug()
        box.parts.inbox.take(signed(alert(1, at_s=box.parts.clock.now_ms() // 1000)))
        await box.pass_ms(LEAD_IN_MS + 1_000)
        assert not box.amplifier.on
        box.release(Contact.SERVICE)
        box.pins.is_there = True
        await box.pass_ms(LOOK_FOR_LINES_MS + LEAD_IN_MS + 1_500)
        assert box.amplifier.on
        assert FaultCode.SERVICE not in box.parts.faults.active()

    tell(tmp_path, story)


def test_the_service_switch_silences_at_once_and_the_alarm_sounds_when_it_is_back(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        order = await province_alarms(box)
        box.press(Contact.SERVICE)
        await box.pass_ms(200)
        assert box.speaker.sounding == ()
        assert not box.amplifier.on
        assert FaultCode.SERVICE in box.parts.faults.active()
        await box.pass_ms(30 * 60_000)
        assert not box.amplifier.on
        assert len(box.heard) == 1
        stages = {held.order.id.hex(): held.stage for held in box.parts.store.book.orders(0)}
        assert stages[order] is Stage.STARTED
        assert FaultCode.AUDIO_DEVICE not in [fault.code for fault in box.parts.store.outbox.faults()]
        box.release(Contact.SERVICE)
        await box.pass_ms(LEAD_IN_MS + 1_500)
        assert box.speaker.sounding, "at once, and not when the device would have been tried again"
        await box.pass_ms(40_000)
        assert [row.complete for row in box.heard] == [False, True]
        assert FaultCode.SERVICE not in box.parts.faults.active()

    tell(tmp_path, story)


def test_with_the_service_switch_on_at_the_start_nothing_ever_has_power(tmp_path: Path) -> None:
    async def before(box: PanelBox) -> None:
        await province_alarms(box)

    async def story(box: PanelBox) -> None:
        assert box.parts.store.book.orders(0), "an alarm that is to be heard from the first turn on"
        await box.raise_alarm()
        await box.pass_ms(20_000)
        assert box.amplifier.switched == []
        assert box.heard == []

    tell(tmp_path, before)
    tell(tmp_path, story, pressed=(Contact.MAINS, Contact.SERVICE))


def test_a_service_switch_that_cannot_be_read_is_a_fault_and_locks_no_alarm(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        assert FaultCode.PANEL in box.parts.faults.active()
        await province_alarms(box)
        assert box.amplifier.on

    tell(tmp_path, story, wired=(Contact.KEY,), extra={Contact.SERVICE: Line(60, True)})


def test_the_service_switch_is_reported_again_after_an_hour(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.SERVICE)
        await box.pass_ms(61 * 60_000)
        told = [fault.detail for fault in box.parts.store.outbox.faults() if fault.code is FaultCode.SERVICE]
        assert told[-1] == "the amplifier has been locked for 60 minutes"

    tell(tmp_path, story)


def test_a_duress_code_is_accepted_sounds_nothing_reports_and_lights_no_fault(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        assert await box.panel.enter(DURESS)
        await box.hold(Contact.EMERGENCY, 3_200)
        await box.pass_ms(5_000)
        assert box.parts.store.book.orders(0) == []
        assert box.amplifier.switched == []
        assert [fault.code for fault in box.parts.store.outbox.faults() if fault.raised] == [FaultCode.DURESS]
        assert not box.is_lit(Lamp.FAULT)

    tell(tmp_path, story)


def test_nothing_that_the_box_logs_tells_of_a_duress_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.MICROPHONE)
        await box.pass_ms(3_000)
        assert await box.panel.enter(DURESS)
        await box.pass_ms(3_000)
        assert FaultCode.DURESS in box.parts.faults.active()
        assert voices(box) == []

    tell(tmp_path, story)
    logged = "".join(capsys.readouterr())
    assert "the microphone is closed" in logged
    assert "duress" not in logged.lower()


def test_a_right_code_unlocks_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        assert not await box.panel.enter("00000000")
        await box.hold(Contact.EMERGENCY, 3_200)
        assert box.own_orders == []
        assert await box.panel.enter(CODE)
        await box.hold(Contact.EMERGENCY, 3_200)
        assert len(box.own_orders) == 1

    tell(tmp_path, story)


def test_talking_from_the_terminal_lasts_as_long_as_the_terminal_says_so(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        assert (await box.panel.talk({"on": True}))["open"]
        for _ in range(5):
            await box.pass_ms(1_000)
            assert (await box.panel.talk({"on": True, "again": True}))["open"]
        assert voices(box) == ["MICROPHONE"]
        await box.pass_ms(4_000)
        assert voices(box) == []
        assert not (await box.panel.talk({"on": True, "again": True}))["open"]

    tell(tmp_path, story)


def test_what_is_wired_to_a_line_that_cannot_be_had_is_a_fault_and_the_rest_works(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        assert FaultCode.PANEL in box.parts.faults.active()
        assert box.is_lit(Lamp.FAULT)
        await box.raise_alarm()
        assert len(box.own_orders) == 1

    tell(tmp_path, story, wired=(Contact.KEY, Contact.EMERGENCY), extra={Contact.STOP: Line(60, True)})


def test_a_disk_that_takes_nothing_keeps_no_alarm_from_sounding(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.disk_is_full = True
        await box.raise_alarm()
        await box.pass_ms(5_000)
        assert FaultCode.STORE in box.parts.faults.active()
        assert box.speaker.sounding
        await box.hold(Contact.STOP, 200)
        await box.pass_ms(1_000)
        assert box.speaker.sounding == ()
        assert box.own.is_locked
        await box.hold(Contact.EMERGENCY, 3_200)
        await box.pass_ms(1_000)
        assert box.speaker.sounding

    tell(tmp_path, story)


def test_an_alarm_on_a_disk_that_then_fails_is_stopped_all_the_same(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.raise_alarm()
        await box.pass_ms(3_000)
        box.disk_is_full = True
        await box.hold(Contact.STOP, 200)
        await box.pass_ms(1_000)
        assert box.speaker.sounding == ()
        await box.hold(Contact.STOP, 3_200)
        assert not box.own.is_locked

    tell(tmp_path, story)


def test_a_fault_of_the_panel_that_was_mended_while_the_box_was_off_is_over(tmp_path: Path) -> None:
    async def broken(box: PanelBox) -> None:
        await box.pass_ms(40_000)
        assert {FaultCode.PANEL, FaultCode.TAMPER} <= set(box.parts.faults.active())

    async def mended(box: PanelBox) -> None:
        await box.pass_ms(1_000)
        assert not {FaultCode.PANEL, FaultCode.TAMPER} & set(box.parts.faults.active())

    tell(tmp_path, broken, pressed=(Contact.MAINS, Contact.STOP, Contact.TAMPER))
    tell(tmp_path, mended, wired=(Contact.STOP,))


def test_a_relay_that_does_not_switch_is_a_fault_until_it_does_and_the_alarm_sounds_then(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.amplifier.is_broken = True
        await box.raise_alarm()
        await box.pass_ms(60_000)
        assert FaultCode.PANEL in box.parts.faults.active()
        assert box.heard == []
        box.amplifier.is_broken = False
        await box.pass_ms(LEAD_IN_MS + 2_000)
        assert box.speaker.sounding
        assert box.amplifier.on
        assert FaultCode.PANEL not in box.parts.faults.active()

    tell(tmp_path, story)


def test_a_relay_that_cannot_be_had_stays_a_fault_and_the_amplifier_is_not_said_to_be_on(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.pass_ms(20_000)
        assert FaultCode.PANEL in box.parts.faults.active()
        await box.raise_alarm()
        await box.pass_ms(20_000)
        assert FaultCode.PANEL in box.parts.faults.active()
        assert box.heard == [], "nobody would hear it, so nobody may believe it"

    tell(tmp_path, story, wired=(Contact.KEY, Contact.EMERGENCY), relay=Line(60, False))
