"""What comes down: believed for its signatures, acted upon once, answered every time."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.core.tape import spoken_ms
from agent.services.enrolment import Enrolment
from protocol.codec import encode
from protocol.order import MessageType, Order, Sound
from protocol.report import ClockQuality, FaultCode, Grade, Stage
from protocol.roles import Holder, Role
from protocol.signing import Family, sign1
from tests.support import virtual_time
from tests.support.box_parts import (
    NOW_MS,
    NOW_S,
    Parts,
    acknowledgement,
    assignment,
    offer,
    parts,
    signed_manifest,
)
from tests.support.small_controller import DOMAIN, Programme, alert, key, roots, signed, signed_roots, tone


def receipts(box: Parts) -> list[tuple[bytes, Stage, str]]:
    return [(receipt.order, receipt.stage, receipt.code) for receipt in box.store.outbox.receipts()]


def test_the_same_order_a_hundred_times_is_accepted_once_and_answered_each_time(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            order = alert(1, at_s=NOW_S)
            for _ in range(100):
                box.inbox.take(signed(order))
                assert receipts(box) == [(order.id, Stage.ACCEPTED, "")]
                box.inbox.take(acknowledgement(box.store))
                assert receipts(box) == []
            assert len(box.keeper.holdings().orders) == 1

    virtual_time.run(main())


def test_a_cancel_that_comes_before_its_alert_keeps_it_from_ever_sounding(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            order = alert(1, at_s=NOW_S)
            box.inbox.take(signed(alert(2, at_s=NOW_S, type=MessageType.CANCEL, references=(order.id,), sound=None)))
            box.inbox.take(signed(order))
            assert box.keeper.holdings().orders == ()
            assert (order.id, Stage.REJECTED, "CANCELLED") in receipts(box)

    virtual_time.run(main())


def test_a_cancel_wakes_the_player_with_the_order_ended(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            order = alert(1, at_s=NOW_S)
            box.inbox.take(signed(order))
            box.keeper.changed.clear()
            box.clock.jump(3_000)
            box.inbox.take(signed(alert(2, at_s=NOW_S, type=MessageType.CANCEL, references=(order.id,), sound=None)))
            assert box.keeper.changed.is_set()
            (held,) = box.keeper.holdings().orders
            assert held.ended_ms == box.clock.now_ms()

    virtual_time.run(main())


@pytest.mark.parametrize("signers", [("Hoa",), ("stranger", "Minh"), ("stranger", "other")])
def test_an_order_without_two_trusted_persons_never_sounds_and_is_shown_as_an_anomaly(
    tmp_path: Path, signers: tuple[str, ...]
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            box.inbox.take(signed(alert(1, at_s=NOW_S), *signers))
            assert box.keeper.holdings().orders == ()
            assert FaultCode.ORDER_REFUSED in box.faults.active()
            assert not any(stage is Stage.ACCEPTED for _, stage, _ in receipts(box))

    virtual_time.run(main())


def test_an_expired_order_never_sounds_and_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            order = alert(1, at_s=NOW_S - 700)
            box.inbox.take(signed(order))
            assert box.keeper.holdings().orders == ()
            assert receipts(box) == [(order.id, Stage.REJECTED, "EXPIRED")]

    virtual_time.run(main())


def test_an_order_for_elsewhere_is_neither_heard_nor_answered(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            box.inbox.take(signed(alert(1, at_s=NOW_S, area=("77-1002",))))
            assert box.keeper.holdings().orders == ()
            assert receipts(box) == []

    virtual_time.run(main())


def test_an_order_signed_under_newer_roots_waits_for_them(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts(1).assigned()
            order = alert(1, at_s=NOW_S, epoch=2)
            box.inbox.take(signed(order))
            assert box.keeper.holdings().orders == ()
            box.trusts(2)
            assert len(box.keeper.holdings().orders) == 1
            assert receipts(box) == [(order.id, Stage.ACCEPTED, "")]

    virtual_time.run(main())


def test_an_order_that_came_before_the_time_was_known_sounds_once_it_is(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path, ClockQuality.NONE) as box:
            box.trusts().assigned()
            order = alert(1, at_s=NOW_S)
            box.inbox.take(signed(order))
            assert receipts(box) == [(order.id, Stage.REJECTED, "NO_TIME")]
            box.watch.look()
            assert FaultCode.CLOCK in box.faults.active()
            box.clock.quality = ClockQuality.RTC
            box.watch.look()
            assert (order.id, Stage.ACCEPTED, "") in receipts(box)
            assert FaultCode.CLOCK not in box.faults.active()

    virtual_time.run(main())


def test_an_order_with_a_sound_of_its_own_needs_it_at_hand(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            programme = Programme()
            programme.add("one", "2026-11-24T06:00:00", tone(500), 500)
            name = next(iter(programme.sounds))
            box.trusts().assigned(programme)
            order = alert(1, at_s=NOW_S, sound=Sound(name, chime=1, repeats=1))
            box.inbox.take(signed(order))
            assert receipts(box) == [(order.id, Stage.REJECTED, "NO_SOUND")]
            while await box.fetcher.step():
                pass
            box.inbox.take(signed(order))
            assert (order.id, Stage.ACCEPTED, "") in receipts(box)
            assert box.keeper.holdings().orders[0].tape_ms == 3_000 + 500

    virtual_time.run(main())


def test_words_are_planned_for_in_place_of_a_sound_that_is_not_at_hand(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            programme = Programme()
            programme.add("one", "2026-11-24T06:00:00", tone(500), 500)
            box.trusts().assigned(programme)
            blob = Sound(bytes(32), chime=2, repeats=1)
            box.inbox.take(signed(alert(1, at_s=NOW_S, sound=blob, board="Nước lên nhanh.", event="other")))
            (held,) = box.keeper.holdings().orders
            assert held.tape_ms == 8_000 + spoken_ms("Nước lên nhanh.")

    virtual_time.run(main())


def test_the_roots_are_only_replaced_by_newer_ones_that_the_root_key_signed(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            forged = roots(9, at_s=NOW_S)
            box.inbox.take(signed_roots(forged).replace(b"Hoa", b"Hoe"))
            assert box.store.trust.roots() is None
            box.trusts(2)
            box.trusts(1)
            held = box.store.trust.roots()
            assert held is not None
            assert held.version == 2

    virtual_time.run(main())


def test_only_a_newer_assignment_of_this_box_signed_by_the_schedule_role_counts(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take(offer(Programme(), 5)[0])
            assert box.store.desired.wanted() is None
            box.trusts()
            box.inbox.take(offer(Programme(), 5, signer="Hoa")[0])
            manifest = signed_manifest(Programme().manifest())
            foreign = assignment(5, manifest, box="b" * 16)
            box.inbox.take(sign1(encode(foreign), Family.ASSIGNMENT, DOMAIN, key("controller")))
            assert box.store.desired.wanted() is None
            for generation in (5, 4, 5):
                box.inbox.take(offer(Programme(), generation)[0])
            wanted = box.store.desired.wanted()
            assert wanted is not None
            assert wanted.generation == 5

    virtual_time.run(main())


def test_an_assignment_of_a_machine_that_speaks_for_another_commune_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            trusted = roots(1, at_s=NOW_S)
            elsewhere = Holder(key("neighbour").public_key, "neighbour", (Role.SCHEDULE,), ("77-1002",))
            box.inbox.take_first(signed_roots(replace(trusted, holders=(*trusted.holders, elsewhere))))
            box.inbox.take(offer(Programme(), 5, signer="neighbour")[0])
            assert box.store.desired.wanted() is None
            box.inbox.take(offer(Programme(), 1)[0])
            assert box.store.desired.wanted() is not None

    virtual_time.run(main())


def test_an_acknowledgement_counts_only_from_the_controller_and_only_for_this_box(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            box.inbox.take(signed(alert(1, at_s=NOW_S)))
            box.inbox.take(acknowledgement(box.store, signer="Hoa"))
            box.inbox.take(acknowledgement(box.store, box="b" * 16))
            assert len(receipts(box)) == 1
            box.inbox.take(acknowledgement(box.store))
            assert receipts(box) == []

    virtual_time.run(main())


def test_a_restart_remembers_every_order_and_does_not_take_it_again(tmp_path: Path) -> None:
    order = alert(1, at_s=NOW_S)

    async def first() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            box.inbox.take(signed(order))

    async def second() -> None:
        with parts(tmp_path) as box:
            assert len(box.keeper.holdings().orders) == 1
            box.inbox.take(signed(order))
            box.inbox.take(signed(alert(1, at_s=NOW_S, event="storm", id=order.id[:4] + b"x" * 12)))
            assert {(name, stage, code) for name, stage, code in receipts(box)} == {
                (order.id, Stage.ACCEPTED, ""),
                (order.id[:4] + b"x" * 12, Stage.REJECTED, "REPLAY"),
            }

    virtual_time.run(first())
    virtual_time.run(second())


def test_after_the_database_was_rebuilt_a_live_alarm_goes_on_an_ended_one_does_not_and_older_roots_are_not_taken(
    tmp_path: Path,
) -> None:
    order, live = alert(1, at_s=NOW_S), alert(2, at_s=NOW_S)

    async def first() -> None:
        with parts(tmp_path) as box:
            box.trusts(2).assigned()
            box.inbox.take(signed(order))
            box.inbox.take(signed(live))
            box.store.book.progress(order.id, Stage.DONE, NOW_MS, None, Grade.NONE)

    async def second() -> None:
        with parts(tmp_path) as box:
            box.trusts(1).assigned()
            held = box.store.trust.roots()
            assert held is not None
            assert held.version == 2
            box.inbox.take(signed(order))
            box.inbox.take(signed(live))
            assert [each.order.id for each in box.keeper.holdings().orders if each.ended_ms is None] == [live.id]
            assert set(receipts(box)) == {(order.id, Stage.ACCEPTED, ""), (live.id, Stage.ACCEPTED, "")}
            newer = alert(3, at_s=NOW_S)
            box.inbox.take(signed(newer))
            going_on = [each.order.id for each in box.keeper.holdings().orders if each.ended_ms is None]
            assert going_on == [live.id, newer.id]

    virtual_time.run(first())
    (tmp_path / "box.sqlite3").write_bytes(b"this was a database once" * 400)
    virtual_time.run(second())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(noise=st.lists(st.binary(max_size=300), max_size=10), flips=st.lists(st.integers(0, 2_000), max_size=10))
def test_hostile_bytes_change_nothing(tmp_path: Path, noise: list[bytes], flips: list[int]) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            before = (receipts(box), box.store.desired.wanted(), box.keeper.holdings().orders)
            real = signed(alert(1, at_s=NOW_S))
            spoilt = [
                bytes([*real[: at % len(real)], real[at % len(real)] ^ 1, *real[at % len(real) + 1 :]]) for at in flips
            ]
            for raw in (*noise, *spoilt):
                box.inbox.take(raw)
            after = (receipts(box), box.store.desired.wanted(), box.keeper.holdings().orders)
            assert before[1:] == after[1:]
            assert not any(stage is Stage.ACCEPTED for _, stage, _ in after[0])

    virtual_time.run(main())


def _told(box: Parts, order: Order) -> set[str]:
    return {receipt.code for receipt in box.store.outbox.receipts() if receipt.order == order.id}


@pytest.mark.parametrize("back_min", [2, 45, 60 * 24 * 30])
def test_an_order_that_expired_stays_expired_when_the_clock_is_set_back(tmp_path: Path, back_min: int) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            order = alert(1, at_s=NOW_S)
            watch = asyncio.create_task(box.watch.run())
            await asyncio.sleep(601)
            box.clock.jump(-back_min * 60_000)
            box.inbox.take(signed(order))
            assert _told(box, order) <= {"EXPIRED", "NO_TIME"}
            await asyncio.sleep(3 * 3600)
            box.inbox.take(signed(order))
            assert box.keeper.holdings().orders == ()
            watch.cancel()

    virtual_time.run(main())


def test_what_the_box_knows_to_have_passed_survives_a_restart_and_comes_from_signed_words_only(tmp_path: Path) -> None:
    order = alert(1, at_s=NOW_S)

    async def first() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            watch = asyncio.create_task(box.watch.run())
            box.clock.jump(10 * 365 * 86_400_000)  # somebody spoofs the network time
            await asyncio.sleep(3_600)
            box.clock.jump(-10 * 365 * 86_400_000)
            await asyncio.sleep(60)
            assert NOW_MS + 3_290_000 < box.store.trust.floor_ms() <= box.clock.now_ms()
            watch.cancel()

    async def second() -> None:
        with parts(tmp_path) as box:  # its clock shows NOW again
            box.inbox.take(signed(order))
            assert _told(box, order) == {"NO_TIME"}
            box.clock.jump(3_700_000)
            newer = alert(2, at_s=NOW_S + 3_700)
            box.inbox.take(signed(newer))
            assert [held.order.id for held in box.keeper.holdings().orders] == [newer.id]

    virtual_time.run(first())
    virtual_time.run(second())


def test_after_the_clock_was_set_right_from_a_time_to_come_orders_are_heard_again_within_two_hours(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            box.clock.jump(365 * 86_400_000)
            watch = asyncio.create_task(box.watch.run())
            await asyncio.sleep(60)
            box.clock.jump(-365 * 86_400_000)
            await asyncio.sleep(60)
            assert FaultCode.CLOCK in box.faults.active()
            await asyncio.sleep(7_200)
            assert FaultCode.CLOCK not in box.faults.active()
            order = alert(1, at_s=box.clock.now_ms() // 1000)
            box.inbox.take(signed(order))
            assert _told(box, order) == {""}
            watch.cancel()

    virtual_time.run(main())


def test_no_more_than_twenty_orders_a_minute_are_taken_though_the_clock_was_set_back(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            box.watch.look()
            box.clock.jump(-120_000)
            orders = [alert(number, at_s=NOW_S) for number in range(1, 30)]
            for order in orders:
                box.inbox.take(signed(order))
            assert len(box.keeper.holdings().orders) == 20

    virtual_time.run(main())


def test_what_was_one_too_many_gets_its_turn_a_minute_later_the_newest_first(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts().assigned()
            orders = [alert(number, at_s=NOW_S - 100 + number) for number in range(1, 101)]
            for order in orders:
                box.inbox.take(signed(order))
            assert [held.order for held in box.keeper.holdings().orders] == orders[:20]
            await box.clock.sleep_ms(59_000)
            box.watch.look()
            assert len(box.keeper.holdings().orders) == 20
            await box.clock.sleep_ms(1_000)
            box.watch.look()
            assert {held.order.id for held in box.keeper.holdings().orders[20:]} == {order.id for order in orders[80:]}

    virtual_time.run(main())


def test_noise_that_nobody_signed_takes_no_place_from_an_order_that_waits(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts(1).assigned()
            order = alert(1, at_s=NOW_S, epoch=2)
            box.inbox.take(signed(order))
            for number in range(2, 100):
                box.inbox.take(signed(alert(number, at_s=NOW_S, epoch=2), "nobody", "somebody"))
            box.trusts(2)
            assert [held.order for held in box.keeper.holdings().orders] == [order]

    virtual_time.run(main())


def test_noise_makes_a_box_ask_for_newer_roots_once_a_minute_at_most(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts(1).assigned()
            asked: list[int] = []

            async def fetching() -> None:
                while True:
                    await box.wakes.roots.wait()
                    asked.append(box.clock.boot_ms())

            fetcher = asyncio.create_task(fetching())
            for number in range(1, 121):
                box.inbox.take(signed(alert(number, at_s=NOW_S, epoch=9), "nobody", "somebody"))
                await box.clock.sleep_ms(1_000)
            fetcher.cancel()
            assert len(asked) == 2

    virtual_time.run(main())


def fetching_roots(box: Parts) -> Enrolment:
    box.store.trust.keep_broker(box.office.broker)
    return Enrolment(
        "x",
        "0",
        office=box.office,
        trust=box.store.trust,
        take=box.inbox.take_first,
        wakes=box.wakes,
        draw=lambda: 0.5,
    )


async def noise(box: Parts, minutes: int, *signers: str) -> None:
    """An order every five seconds under roots that do not exist; the box looks after itself as ever."""
    for number in range(minutes * 12):
        box.inbox.take(signed(alert(1_000 + number, at_s=NOW_S, epoch=9), *signers))
        await box.clock.sleep_ms(5_000)
        box.watch.look()


def test_noise_brings_ever_fewer_fetches_of_roots_that_stay_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts(1).assigned()
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            running = asyncio.create_task(fetching_roots(box).run())
            await box.clock.sleep_ms(1)
            at_start = box.office.roots_asked
            await noise(box, 90, "nobody", "somebody")
            running.cancel()
            assert box.office.roots_asked - at_start == 9

    virtual_time.run(main())


def test_after_hours_of_noise_an_alarm_that_trusted_persons_signed_under_new_roots_is_heard_at_once(
    tmp_path: Path,
) -> None:
    """Nobody's noise makes the pauses of what is signed longer."""

    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts(1).assigned()
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            running = asyncio.create_task(fetching_roots(box).run())
            await noise(box, 180, "nobody", "somebody")
            box.office.newest_roots = signed_roots(roots(2, at_s=NOW_S))
            order = alert(1, at_s=NOW_S + 180 * 60, epoch=2)
            box.inbox.take(signed(order))
            await box.clock.sleep_ms(1)
            running.cancel()
            assert [held.order for held in box.keeper.holdings().orders] == [order]

    virtual_time.run(main())


def test_an_order_under_expired_roots_that_is_repeated_makes_no_more_fetches_than_noise(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            ending = replace(roots(1, at_s=NOW_S), expires=NOW_S + 60)
            box.inbox.take_first(signed_roots(ending))
            box.assigned()
            box.office.newest_roots = signed_roots(ending)
            running = asyncio.create_task(fetching_roots(box).run())
            await box.clock.sleep_ms(61_000)
            at_start = box.office.roots_asked
            raw = signed(alert(1, at_s=NOW_S))
            for _ in range(90 * 12):
                box.inbox.take(raw)
                await box.clock.sleep_ms(5_000)
                box.watch.look()
            running.cancel()
            assert 0 < box.office.roots_asked - at_start <= 9

    virtual_time.run(main())


def test_an_alarm_under_new_roots_that_comes_just_after_noise_is_heard_a_minute_later(tmp_path: Path) -> None:
    """The noise has made the box ask for roots before there were any: the alarm's question is put off, not left out."""

    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts(1).assigned()
            box.store.trust.keep_broker(box.office.broker)
            box.office.newest_roots = signed_roots(roots(1, at_s=NOW_S))
            enrolment = Enrolment(
                "x",
                "0",
                office=box.office,
                trust=box.store.trust,
                take=box.inbox.take_first,
                wakes=box.wakes,
                draw=lambda: 0.5,
            )
            running = asyncio.create_task(enrolment.run())
            await box.clock.sleep_ms(100_000)
            box.inbox.take(signed(alert(9, at_s=NOW_S, epoch=7), "thief"))
            await box.clock.sleep_ms(10_000)
            box.office.newest_roots = signed_roots(roots(2, at_s=NOW_S))
            order = alert(1, at_s=NOW_S + 110, epoch=2)
            box.inbox.take(signed(order))
            for _ in range(12):
                await box.clock.sleep_ms(5_000)
                box.watch.look()
            await box.clock.sleep_ms(1)
            running.cancel()
            assert [held.order for held in box.keeper.holdings().orders] == [order]

    virtual_time.run(main())


def test_noise_under_roots_that_have_expired_is_not_answered(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(replace(roots(1, at_s=NOW_S), expires=NOW_S + 60)))
            box.assigned()
            box.clock.jump(61_000)
            box.inbox.take(signed(alert(1, at_s=NOW_S), "nobody", "somebody"))
            assert receipts(box) == []
            box.inbox.take(signed(alert(2, at_s=NOW_S)))
            assert receipts(box) == [(alert(2, at_s=NOW_S).id, Stage.REJECTED, "ROOTS_EXPIRED")]

    virtual_time.run(main())


def test_one_wrong_date_in_a_signed_word_does_not_make_a_box_with_the_right_time_mute(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            far_s = NOW_S + 3_650 * 86_400
            box.inbox.take_first(signed_roots(roots(1, at_s=far_s)))
            assert FaultCode.CLOCK in box.faults.active()
            assert box.clock.floor_ms() <= box.clock.now_ms()
            box.assigned()
            box.inbox.take(signed(alert(1, at_s=NOW_S)))
            assert len(box.keeper.holdings().orders) == 1

    virtual_time.run(main())


def test_what_has_certainly_passed_is_saved_every_ten_minutes_and_not_more_often(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.trusts()
            watch = asyncio.create_task(box.watch.run())
            saved = set()
            for _ in range(720):
                await asyncio.sleep(5)
                saved.add(box.store.trust.floor_ms())
                assert box.clock.floor_ms() - box.store.trust.floor_ms() <= 605_000
            assert len(saved) in (6, 7)
            watch.cancel()

    virtual_time.run(main())
