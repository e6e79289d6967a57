"""A panel with the commune's token: its press counts for the whole commune, where the gate takes it."""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from agent.core.panel import Contact
from agent.services.courier import Courier
from agent.services.reporter import Reporter, Sender
from agent.services.wake import Wake
from protocol.codec import decode
from protocol.gate import RATE_LIMIT
from protocol.order import MessageType, Severity
from protocol.priority import OWN_LEVEL
from protocol.report import ClockQuality, Hello, Stage
from protocol.roles import Holder, Role
from protocol.signing import Family, verify1
from tests.support.box_parts import BOX, NOW_S, SIGNER, acknowledgement
from tests.support.panel_box import CODE, PanelBox, tell
from tests.support.small_controller import AN_PHU, DOMAIN, alert, key, roots, signed, signed_roots


def trusts(box: PanelBox, *, lists_the_token: bool = True) -> None:
    """Roots that name the panel of An Phú, and what it may warn of."""
    known = roots(1, at_s=NOW_S)
    panel = (Holder(key("panel").public_key, "Trụ sở An Phú", (Role.COMMUNE,), AN_PHU[1:]),)
    holders = (*known.holders, *(panel if lists_the_token else ()))
    box.parts.inbox.take_first(signed_roots(replace(known, holders=holders, events=("flood",))))
    box.parts.assigned()


async def press(box: PanelBox) -> None:
    """With key and code."""
    box.press(Contact.KEY)
    assert await box.panel.enter(CODE)
    await box.hold(Contact.EMERGENCY, 3_200)


async def goes_up(box: PanelBox) -> list[tuple[str, bytes]]:
    """The orders and receipts that go up, in their order."""
    parts = box.parts
    sender = Sender(BOX, lambda: DOMAIN, SIGNER, "0.1.0", NOW_S * 1000)
    reporter = Reporter(
        sender,
        parts.uplink,
        parts.clock,
        parts.store,
        faults=parts.faults,
        wake=Wake(),
        sounding=lambda: None,
        token=key("panel").public_key,
    )
    running = asyncio.create_task(reporter.run())
    await box.pass_ms(2_000)
    running.cancel()
    return [row for row in parts.uplink.published if row[0] in ("order", "receipt")]


def test_the_press_is_the_communes_order_and_goes_up_before_its_receipt(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box)
        await press(box)
        (held,) = box.parts.store.book.orders(0)
        assert (held.order.role, held.order.area, held.level) == (Role.COMMUNE, AN_PHU[1:], 1)
        await box.pass_ms(3_000)
        assert box.speaker.sounding
        sent = await goes_up(box)
        assert [kind for kind, _ in sent][:2] == ["order", "receipt"]
        assert sent[0][1] == box.parts.store.book.raw(held.order.id)

    tell(tmp_path, story, trusts=False, token="panel")


def test_a_token_that_is_not_listed_or_without_the_time_sounds_this_box_alone(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box, lists_the_token=box.parts.clock.quality is ClockQuality.NONE)
        await press(box)
        (held,) = box.parts.store.book.orders(0)
        assert held.level == OWN_LEVEL
        await box.pass_ms(3_000)
        assert box.speaker.sounding

    tell(tmp_path / "a", story, trusts=False, token="panel")
    tell(tmp_path / "b", story, trusts=False, token="panel", quality=ClockQuality.NONE)


def test_fault_41_the_key_alone_opens_no_token_and_after_two_minutes_neither_does_the_code(
    tmp_path: Path,
) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box)
        await box.raise_alarm()
        assert await box.panel.enter(CODE)
        await box.pass_ms(121_000)
        await box.hold(Contact.EMERGENCY, 3_200)
        assert [held.level for held in box.parts.store.book.orders(0)] == [OWN_LEVEL, OWN_LEVEL]

    tell(tmp_path, story, trusts=False, token="panel")


def test_stop_with_key_and_code_ends_the_communes_alarm_and_without_them_it_does_not(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box)
        await press(box)
        (held,) = box.parts.store.book.orders(0)
        box.release(Contact.KEY)
        await box.pass_ms(3_000)
        await box.hold(Contact.STOP, 200)
        await box.pass_ms(1_000)
        assert box.speaker.sounding
        assert box.own.is_locked
        box.press(Contact.KEY)
        await box.pass_ms(100)
        await box.hold(Contact.STOP, 200)
        await box.pass_ms(1_000)
        assert box.speaker.sounding == ()
        stages = {row.order.id: row.stage for row in box.parts.store.book.orders(0)}
        assert stages[held.order.id] is Stage.CANCELLED

    tell(tmp_path, story, trusts=False, token="panel")


def test_a_press_that_was_one_too_many_for_the_commune_is_not_heard_after_a_stop(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box)
        token, now_s = key("panel"), box.parts.clock.now_ms() // 1000
        for number in range(1, RATE_LIMIT + 1):
            box.parts.inbox.take(signed(alert(number, at_s=now_s, expires=now_s + 15, severity=Severity.EXTREME)))
        await box.pass_ms(20_000)
        box.own.alarm(1, token)
        assert len(box.own_orders) == 1, "it sounds this box alone"
        box.own.stop(token)
        await box.pass_ms(3 * 60_000)
        assert box.speaker.sounding == ()
        assert {row.level for row in box.parts.store.book.orders(0)} == {0, OWN_LEVEL}, "nothing of the commune's"

    tell(tmp_path, story, trusts=False, token="panel")


def test_a_stop_with_the_token_ends_all_alarms_of_the_panel_however_many_they_are(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box)
        for _ in range(RATE_LIMIT + 1):
            box.own.alarm(1, key("panel"))
        box.own.stop(key("panel"))
        alarms = [row for row in box.parts.store.book.orders(0) if row.order.type is MessageType.ALERT]
        assert {row.stage for row in alarms} == {Stage.CANCELLED}
        await box.pass_ms(10_000)
        assert box.speaker.sounding == ()

    tell(tmp_path, story, trusts=False, token="panel")


def test_an_order_of_the_boxs_own_key_does_not_go_up_and_is_not_in_its_digest(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        await box.raise_alarm()
        sent = await goes_up(box)
        assert {kind for kind, _ in sent} == {"receipt"}
        hello = decode(verify1(box.parts.uplink.of("hello")[-1], Family.HELLO, DOMAIN, SIGNER.public_key), Hello)
        assert hello.orders == ()

    tell(tmp_path, story)


def test_where_the_broker_is_silent_the_press_goes_over_https_once_it_can_and_else_it_does_not(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box)
        parts = box.parts
        token = key("panel").public_key
        courier = asyncio.create_task(Courier(token, parts.office, parts.clock, parts.store, parts.wakes.courier).run())
        parts.office.down = True
        await press(box)
        await box.pass_ms(10_000)
        parts.office.down = False
        await box.pass_ms(15_000)
        (held,) = parts.store.book.orders(0)
        assert parts.office.given == [parts.store.book.raw(held.order.id)]
        await box.pass_ms(60_000)
        assert len(parts.office.given) == 1
        box.parts.inbox.take(acknowledgement(parts.store))
        await box.hold(Contact.EMERGENCY, 3_200)
        box.parts.inbox.take(acknowledgement(parts.store))
        await box.pass_ms(60_000)
        assert len(parts.office.given) == 1, "the broker has carried the second"
        courier.cancel()

    tell(tmp_path, story, trusts=False, token="panel")


def test_pressed_without_the_time_it_sounds_here_and_in_the_commune_once_the_time_is_known(tmp_path: Path) -> None:
    async def story(box: PanelBox) -> None:
        trusts(box)
        await press(box)
        await box.pass_ms(20_000)
        assert [held.level for held in box.parts.store.book.orders(0)] == [OWN_LEVEL]
        box.parts.clock.quality = ClockQuality.NTP
        await box.pass_ms(5_000)
        found = {held.order.type.name: held for held in box.parts.store.book.orders(0) if held.stage < Stage.DONE}
        assert found["ALERT"].level == 1
        assert box.speaker.sounding == (f"{found['ALERT'].order.id.hex()}#1",)
        await box.pass_ms(600_000)
        assert {row.cause for row in box.heard[2:]} == {found["ALERT"].order.id.hex()}

    tell(tmp_path, story, trusts=False, token="panel", quality=ClockQuality.NONE)
