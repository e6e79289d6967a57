"""The button at the box: with no network, no controller and no time it is written down, and then heard."""

from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from agent.core.lamps import Lamp
from agent.core.panel import Contact, selector
from agent.drivers.gpio.zero import ZeroPins
from protocol.order import MessageType
from protocol.report import ClockQuality, FaultCode, Stage
from protocol.timeline import explain
from tests.support.panel_box import LAMPS, LINES, PanelBox, tell
from tests.support.small_controller import AN_PHU, alert, signed


def test_held_with_the_key_turned_it_is_written_down_and_heard(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.raise_alarm()
        (order,) = box.own_orders
        assert (order.type, order.event, order.area) == (MessageType.ALERT, "flood", AN_PHU[-1:])
        await box.pass_ms(3_000)
        assert box.speaker.sounding == (f"{order.id.hex()}#1",)
        assert box.amplifier.on
        await box.pass_ms(300_000)
        assert {row.cause for row in box.heard} == {order.id.hex()}
        assert not box.amplifier.on
        (held,) = box.parts.store.book.orders(0)
        assert held.stage is Stage.DONE

    tell(tmp_path, story)


def test_the_box_explains_that_it_was_its_own_button(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.raise_alarm()
        await box.pass_ms(3_000)
        said = explain(box.parts.keeper.holdings(), box.parts.clock.now_ms(), "vi")
        assert "nút bấm của chính hộp này" in said

    tell(tmp_path, story)


def test_its_first_sample_comes_150_ms_after_three_seconds_at_most(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.KEY)
        await box.pass_ms(1_000)
        pressed = box.parts.clock.now_ms()
        box.press(Contact.EMERGENCY)
        await box.pass_ms(30_000)
        assert 3_000 <= box.heard[0].first_sample_ms - pressed <= 3_150
        assert box.heard[0].sources[0] == "tone:wail"

    tell(tmp_path, story)


@pytest.mark.parametrize("trusts", [True, False])
def test_it_sounds_on_a_box_that_does_not_know_the_time_or_has_never_seen_its_province(
    tmp_path: Path, trusts: bool
) -> None:
    async def story(box: PanelBox) -> None:
        await box.raise_alarm()
        await box.pass_ms(10_000)
        assert box.speaker.sounding

    tell(tmp_path, story, quality=ClockQuality.NONE, trusts=trusts)


def test_nobody_raises_it_without_key_or_code_and_a_short_press_raises_nothing(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.hold(Contact.EMERGENCY, 5_000)
        box.press(Contact.KEY)
        await box.pass_ms(1_000)
        await box.hold(Contact.EMERGENCY, 2_900)
        assert box.own_orders == []
        await box.hold(Contact.EMERGENCY, 3_100)
        assert len(box.own_orders) == 1

    tell(tmp_path, story)


def test_the_selector_chooses_the_message(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.hold(selector(4), 200)
        await box.raise_alarm()
        assert [order.event for order in box.own_orders] == ["fire"]

    tell(tmp_path, story)


def test_the_stop_button_ends_the_boxs_own_alarm_and_the_programme_within_a_second(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.raise_alarm()
        await box.pass_ms(3_000)
        assert box.speaker.sounding
        box.press(Contact.STOP)
        await box.pass_ms(1_000)
        assert box.speaker.sounding == ()
        await box.pass_ms(60_000)
        assert box.speaker.sounding == ()
        assert box.own.is_locked
        stages = {held.order.type: held.stage for held in box.parts.store.book.orders(0)}
        assert stages[MessageType.ALERT] is Stage.CANCELLED

    tell(tmp_path, story)


def test_the_stop_button_cannot_silence_an_alarm_of_the_province(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        box.parts.inbox.take(signed(alert(1, at_s=box.parts.clock.now_ms() // 1000)))
        await box.pass_ms(3_000)
        assert box.speaker.sounding
        box.press(Contact.STOP)
        await box.pass_ms(1_000)
        assert box.speaker.sounding

    tell(tmp_path, story)


def test_a_lock_is_opened_with_the_key_and_three_seconds_and_a_new_alarm_needs_none_of_that(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.hold(Contact.STOP, 200)
        await box.hold(Contact.STOP, 4_000)
        assert box.own.is_locked
        box.press(Contact.KEY)
        await box.pass_ms(100)
        await box.hold(Contact.STOP, 3_100)
        assert not box.own.is_locked
        await box.hold(Contact.STOP, 200)
        assert box.own.is_locked
        await box.hold(Contact.EMERGENCY, 3_100)
        await box.pass_ms(3_000)
        assert not box.own.is_locked
        assert box.speaker.sounding

    tell(tmp_path, story)


def test_fault_48_the_button_wins_over_a_less_severe_order_that_goes_on_afterwards(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        order = alert(1, at_s=box.parts.clock.now_ms() // 1000, expires=box.parts.clock.now_ms() // 1000 + 3_600)
        box.parts.inbox.take(signed(order))
        await box.pass_ms(2_500)
        assert box.speaker.sounding == (f"{order.id.hex()}#1",)
        await box.raise_alarm()
        await box.pass_ms(1_000)
        (own,) = box.own_orders
        assert box.speaker.sounding == (f"{own.id.hex()}#1",)
        await box.pass_ms(600_000)
        assert {held.stage for held in box.parts.store.book.orders(0)} == {Stage.DONE}

    tell(tmp_path, story)


def test_fault_48_a_stuck_button_raises_one_alarm_and_is_noticed_until_it_is_loose(
    tmp_path: Path,
) -> None:
    async def story(box: PanelBox) -> None:
        box.press(Contact.KEY)
        await box.pass_ms(100)
        box.press(Contact.EMERGENCY)
        await box.pass_ms(31_000)
        assert FaultCode.PANEL in box.parts.faults.active()
        await box.pass_ms(3_600_000)
        assert len(box.own_orders) == 1
        assert FaultCode.PANEL in box.parts.faults.active()
        box.release(Contact.EMERGENCY)
        box.release(Contact.KEY)
        await box.pass_ms(100)
        assert FaultCode.PANEL not in box.parts.faults.active()

    tell(tmp_path, story)


def test_fault_48_a_button_that_is_down_when_the_box_starts_raises_nothing_and_is_noticed(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.pass_ms(40_000)
        assert box.own_orders == []
        assert FaultCode.PANEL in box.parts.faults.active()

    tell(tmp_path, story, pressed=(Contact.MAINS, Contact.KEY, Contact.EMERGENCY))


def test_the_press_survives_a_power_cut_before_its_first_sample(tmp_path: Path) -> None:
    async def cut(box: PanelBox) -> None:
        await box.raise_alarm()
        assert box.heard == []

    async def after(box: PanelBox) -> None:
        await box.pass_ms(10_000)
        assert [name.partition("#")[0] for name in box.speaker.sounding] == [box.own_orders[0].id.hex()]

    tell(tmp_path, cut)
    tell(tmp_path, after)


def test_a_box_that_comes_up_without_the_time_does_not_go_on_with_an_alarm_that_may_be_of_last_week(
    tmp_path: Path,
) -> None:
    async def cut(box: PanelBox) -> None:
        await box.raise_alarm()

    async def after(box: PanelBox) -> None:
        await box.pass_ms(30_000)
        assert len(box.own_orders) == 1
        assert box.speaker.sounding == ()

    tell(tmp_path, cut)
    tell(tmp_path, after, quality=ClockQuality.NONE)


def test_an_alarm_goes_on_when_the_clock_learns_the_time_meanwhile(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.raise_alarm()
        await box.pass_ms(5_000)
        box.parts.clock.jump(400 * 86_400_000)
        box.parts.clock.quality = ClockQuality.NTP
        await box.pass_ms(60_000)
        assert box.speaker.sounding
        await box.pass_ms(900_000)
        assert box.speaker.sounding == ()

    tell(tmp_path, story, quality=ClockQuality.NONE)


def test_through_gpiozeros_mock_pins_an_edge_becomes_an_order_and_a_sound_and_a_lamp(tmp_path: Path) -> None:
    factory = MockFactory()

    async def story(box: PanelBox) -> None:
        status = factory.pin(LAMPS[Lamp.STATUS].number)
        await box.pass_ms(50)
        assert status.state
        factory.pin(LINES[Contact.KEY].number).drive_low()
        await box.pass_ms(100)
        factory.pin(LINES[Contact.EMERGENCY].number).drive_low()
        await box.pass_ms(6_000)
        (order,) = box.own_orders
        assert box.speaker.sounding == (f"{order.id.hex()}#1",)
        factory.pin(LINES[Contact.STOP].number).drive_low()
        await box.pass_ms(1_000)
        assert not box.speaker.sounding

    tell(tmp_path, story, through=lambda fake: ZeroPins(fake.clock, factory), pressed=())
