"""What a box does when those whom it trusts change, when its speakers are stopped, and when two controllers speak."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agent.services.keeper import MAX_STOPS_OVER
from agent.services.service_desk import About, ServiceDesk
from agent.store.memory import MAX_LISTS_ELSEWHERE
from protocol.approval import QuietException
from protocol.codec import encode
from protocol.compose import order_id
from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.manifest import Assignment, Hours, Level, Policy
from protocol.order import MessageType, Order
from protocol.report import ClockQuality, FaultCode, Grade, Stage
from protocol.roles import Bound, Era, Holder, Role, Roots, root_fingerprint
from protocol.signing import Family, sign, sign1
from protocol.timeline.model import HeldOrder
from tests.support import virtual_time
from tests.support.box_parts import BOX, NOW_MS, NOW_S, Parts, assignment, offer, parts, signed_manifest
from tests.support.small_controller import (
    DOMAIN,
    Programme,
    alert,
    approval,
    key,
    roots,
    signed,
    signed_roots,
    tone,
)

DAMAGE = b"this was a database" * 400


def administered(**changes: Any) -> Roots:
    """Two administrators; what they may give away; else as `roots`."""
    base = roots(1, at_s=NOW_S)
    admins = tuple(
        Holder(key(name).public_key, name, (Role.DELEGATION, Role.EXCEPTION), ("77",)) for name in ("Sơn", "Thủy")
    )
    bounds = tuple(Bound(role, ("77",), 400) for role in (Role.COMMUNE, Role.CONTENT, Role.STOP))
    return replace(base, holders=(*base.holders, *admins), bounds=bounds, events=("flood",), **changes)


def delegation(version: int = 1, *holders: Holder, revoked: tuple[bytes, ...] = (), era: int = 0) -> bytes:
    record = Delegation("77-1001", era, version, 1, NOW_S, NOW_S + 86_400 * 400, holders, revoked)
    return sign(encode(record), Family.DELEGATION, DOMAIN, key("Sơn"), key("Thủy"))


def officer(name: str, *given: Role, **dates: int) -> Holder:
    return Holder(key(name).public_key, name, given, ("77-1001",), **dates)


def next_roots(before: Roots, **changes: Any) -> bytes:
    return signed_roots(replace(before, version=before.version + 1, **changes))


def by(name: str, kind: MessageType, number: int, **changes: Any) -> Order:
    values: dict[str, Any] = {"sound": None} if kind not in (MessageType.ALERT, MessageType.UPDATE) else {}
    identity = order_id(key(name).public_key, number.to_bytes(12, "big"))
    return alert(number, at_s=NOW_S, id=identity, type=kind, **values | changes)


def playing(box: Parts) -> list[HeldOrder]:
    return [held for held in box.keeper.holdings().orders if held.ended_ms is None]


def at_hand(box: Parts) -> Parts:
    """Roots with administrators, and a place."""
    box.inbox.take_first(signed_roots(administered()))
    return box.assigned()


async def fetched(box: Parts) -> None:
    while await box.fetcher.step():
        pass


def test_a_new_officer_counts_as_soon_as_two_administrators_have_signed(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            warning = by("Nga", MessageType.ALERT, 1, role=Role.COMMUNE)
            box.inbox.take(signed(warning, "Nga"))
            assert playing(box) == []
            box.inbox.take(delegation(1, officer("Nga", Role.COMMUNE)))
            box.inbox.take(signed(warning, "Nga"))
            assert [held.order.id for held in playing(box)] == [warning.id]

    virtual_time.run(main())


def test_a_lost_phone_signs_nothing_from_the_moment_the_list_is_here(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            box.inbox.take(delegation(1, officer("Nga", Role.COMMUNE)))
            box.inbox.take(delegation(2, officer("Nga's new phone", Role.COMMUNE), revoked=(lost("Nga"),)))
            box.inbox.take(signed(by("Nga", MessageType.ALERT, 1, role=Role.COMMUNE), "Nga"))
            assert playing(box) == []
            box.inbox.take(delegation(1, officer("Nga", Role.COMMUNE)))
            box.inbox.take(signed(by("Nga", MessageType.ALERT, 2, role=Role.COMMUNE), "Nga"))
            assert playing(box) == []
            fresh = by("Nga's new phone", MessageType.ALERT, 1, role=Role.COMMUNE)
            box.inbox.take(signed(fresh, "Nga's new phone"))
            assert [held.order.id for held in playing(box)] == [fresh.id]

    virtual_time.run(main())


def lost(name: str) -> bytes:
    return sha256(key(name).public_key)


def test_a_list_under_newer_roots_that_is_repeated_asks_for_them_ever_more_rarely(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered()))
            at_hand(box)
            record = Delegation("77-1001", 0, 1, 2, NOW_S, NOW_S + 86_400 * 400, ())
            raw = sign(encode(record), Family.DELEGATION, DOMAIN, key("Sơn"), key("Thủy"))
            asked = 0

            async def fetching() -> None:
                nonlocal asked
                while True:
                    await box.wakes.roots.wait()
                    asked += 1

            running = asyncio.create_task(fetching())
            for _ in range(90 * 12):
                box.inbox.take(raw)
                await box.clock.sleep_ms(5_000)
                box.watch.look()
            running.cancel()
            assert asked == 9
            box.inbox.take(next_roots(administered()))
            assert [row.version for row in box.store.trust.delegations()] == [1]

    virtual_time.run(main())


def test_a_delegation_of_another_place_or_of_one_administrator_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            elsewhere = Delegation("77-1002", 0, 1, 1, NOW_S, NOW_S + 9, ())
            box.inbox.take(sign(encode(elsewhere), Family.DELEGATION, DOMAIN, key("Sơn"), key("Thủy")))
            mine = Delegation("77-1001", 0, 1, 1, NOW_S, NOW_S + 9, ())
            box.inbox.take(sign(encode(mine), Family.DELEGATION, DOMAIN, key("Sơn")))
            assert list(box.store.trust.delegations()) == []

    virtual_time.run(main())


def test_lists_survive_a_restart_and_a_damaged_database(tmp_path: Path) -> None:
    async def first() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            box.inbox.take(delegation(3, officer("Nga", Role.COMMUNE)))
            box.inbox.take(signed(by("Hoa", MessageType.STOP, 1), "Hoa"))

    async def again() -> None:
        with parts(tmp_path) as box:
            (held,) = box.store.trust.delegations()
            assert (held.version, [row.person for row in held.holders]) == (3, ["Nga"])
            assert len(box.store.book.stops()) == 1
            assert box.store.desired.wanted() is not None

    virtual_time.run(first())
    virtual_time.run(again())
    (tmp_path / "box.sqlite3").write_bytes(DAMAGE)
    virtual_time.run(again())


def test_after_a_damaged_database_an_older_assignment_is_refused_and_the_box_has_its_place(tmp_path: Path) -> None:
    older, _ = offer(Programme(), 3)
    flood = alert(1, at_s=NOW_S)

    async def first() -> None:
        with parts(tmp_path) as box:
            at_hand(box).assigned(generation=4)

    async def second() -> None:
        with parts(tmp_path) as box:
            box.inbox.take(signed(flood))
            assert [held.order.id for held in playing(box)] == [flood.id]
            box.inbox.take(older)
            wanted = box.store.desired.wanted()
            assert wanted is not None
            assert wanted.generation == 4

    virtual_time.run(first())
    (tmp_path / "box.sqlite3").write_bytes(DAMAGE)
    virtual_time.run(second())


def test_after_a_damaged_database_a_cancelled_alarm_stays_cancelled_until_it_is_reinstated(tmp_path: Path) -> None:
    flood, storm = alert(7, at_s=NOW_S), alert(8, at_s=NOW_S, event="storm")
    cancel = by("Minh", MessageType.CANCEL, 1, references=(flood.id,), expires=NOW_S + 10)
    stop = by("Lan", MessageType.STOP, 1)
    fire = by("Lan", MessageType.ALERT, 2, event="fire")

    async def first() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            for order, signers in ((flood, ()), (cancel, ("Minh",)), (storm, ()), (fire, ("Lan", "Hoa"))):
                box.inbox.take(signed(order, *signers))
            box.inbox.take(signed(stop, "Lan"))
            box.store.book.progress(fire.id, Stage.CANCELLED, NOW_MS, None, Grade.NONE)
            box.store.trust.raise_floor(NOW_MS + 20_000)
            box.store.book.progress(storm.id, Stage.DONE, NOW_MS, None, Grade.NONE)

    async def second() -> None:
        with parts(tmp_path) as box:
            box.clock.jump(30_000)
            box.inbox.take(signed(flood))
            assert playing(box) == []
            box.inbox.take(signed(by("Hoa", MessageType.REINSTATE, 9, references=(cancel.id,)), "Hoa"))
            assert {held.order.id for held in playing(box)} == {flood.id}
            box.inbox.take(signed(by("Lan", MessageType.REINSTATE, 3, references=(stop.id,)), "Lan"))
            assert {held.order.id for held in playing(box)} == {flood.id, fire.id}

    virtual_time.run(first())
    (tmp_path / "box.sqlite3").write_bytes(DAMAGE)
    virtual_time.run(second())


def test_a_box_that_lost_its_roots_takes_others_only_by_their_fingerprint_and_says_the_way_out(tmp_path: Path) -> None:
    async def first() -> None:
        with parts(tmp_path) as box:
            at_hand(box)

    async def without() -> None:
        with parts(tmp_path) as box:
            box.watch.look()
            assert FaultCode.TRUST in box.faults.active()
            assert "controller.roots" in box.store.outbox.faults()[0].detail
            box.inbox.take_first(signed_roots(administered()))
            assert box.store.trust.roots() is None

    async def told() -> None:
        with parts(tmp_path, fingerprint=root_fingerprint(administered())) as box:
            box.inbox.take_first(signed_roots(administered()))
            assert box.store.trust.roots() == administered()
            assert FaultCode.TRUST not in box.faults.active()

    virtual_time.run(first())
    (tmp_path / "box.sqlite3").write_bytes(DAMAGE)
    (tmp_path / "trust.2").write_bytes(DAMAGE)
    virtual_time.run(without())
    virtual_time.run(told())


@pytest.mark.parametrize(
    ("stopped_by", "silent"), [("Hoa", True), ("Lan", False)], ids=["province stops", "commune stops"]
)
def test_a_stop_silences_an_emergency_of_its_level_and_none_of_a_higher_one(
    tmp_path: Path, stopped_by: str, silent: bool
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            flood = alert(7, at_s=NOW_S)
            box.inbox.take(signed(flood))
            assert len(playing(box)) == 1
            stop = by(stopped_by, MessageType.STOP, 1)
            box.inbox.take(signed(stop, stopped_by))
            assert (playing(box) == []) is silent
            assert [lock.from_ms for lock in box.keeper.holdings().locks] == [NOW_MS]
            box.inbox.take(signed(by(stopped_by, MessageType.REINSTATE, 2, references=(stop.id,)), stopped_by))
            assert [held.order.id for held in playing(box)] == [flood.id]
            assert box.keeper.holdings().locks == ()
            assert playing(box)[0].rounds == (1 if silent else 0)

    virtual_time.run(main())


def test_a_commune_cannot_open_what_the_province_has_stopped(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            stop = by("Hoa", MessageType.STOP, 1)
            box.inbox.take(signed(stop, "Hoa"))
            box.inbox.take(signed(by("Lan", MessageType.REINSTATE, 1, references=(stop.id,)), "Lan"))
            assert len(box.store.book.stops()) == 1

    virtual_time.run(main())


def test_a_lock_with_an_end_opens_by_itself_and_one_without_stays_for_months(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            box.inbox.take(signed(by("Hoa", MessageType.STOP, 1, until=NOW_S + 60), "Hoa"))
            box.inbox.take(signed(by("Hoa", MessageType.STOP, 2), "Hoa"))
            assert {lock.until_ms for lock in box.keeper.holdings().locks} == {(NOW_S + 60) * 1000, None}
            box.store.book.prune(NOW_MS + 200 * 86_400_000)
            assert [stop.order.until for stop in box.store.book.stops()] == [None]

    virtual_time.run(main())


def test_a_cancelled_alarm_is_reinstated_in_one_act_and_all_its_passes_sound_again(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            flood = alert(7, at_s=NOW_S)
            cancel = by("Minh", MessageType.CANCEL, 1, references=(flood.id,))
            box.inbox.take(signed(flood))
            box.inbox.take(signed(cancel, "Minh"))
            assert playing(box) == []
            box.inbox.take(signed(by("Hoa", MessageType.REINSTATE, 8, references=(cancel.id,)), "Hoa"))
            (again,) = playing(box)
            assert (again.order.id, again.rounds, again.first_pass) == (flood.id, 1, 2)
            stages = {receipt.stage for receipt in box.store.outbox.receipts() if receipt.order == flood.id}
            assert Stage.CANCELLED not in stages

    virtual_time.run(main())


@pytest.mark.parametrize("then", ["alone", "stopped and opened", "cancelled and reinstated"])
def test_a_reinstatement_that_names_an_alarm_before_it_comes_neither_silences_it_nor_keeps_it_silent(
    tmp_path: Path, then: str
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            flood = alert(7, at_s=NOW_S)
            box.inbox.take(signed(by("Minh", MessageType.REINSTATE, 1, references=(flood.id,)), "Minh"))
            box.inbox.take(signed(flood))
            if then != "alone":
                kind, names = (
                    (MessageType.STOP, ()) if then.startswith("stopped") else (MessageType.CANCEL, (flood.id,))
                )
                ending = by("Hoa", kind, 8, references=names)
                box.inbox.take(signed(ending, "Hoa"))
                assert playing(box) == []
                box.inbox.take(signed(by("Hoa", MessageType.REINSTATE, 9, references=(ending.id,)), "Hoa"))
            assert [held.order.id for held in playing(box)] == [flood.id]

    virtual_time.run(main())


def test_a_cancel_that_names_a_stop_before_it_comes_opens_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            stop = by("Hoa", MessageType.STOP, 2)
            box.inbox.take(signed(by("Minh", MessageType.CANCEL, 1, references=(stop.id,)), "Minh"))
            box.inbox.take(signed(stop, "Hoa"))
            assert [held.order.id for held in box.store.book.stops()] == [stop.id]

    virtual_time.run(main())


def test_what_is_done_is_not_reinstated_and_what_an_update_replaced_does_not_come_back(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            flood = alert(7, at_s=NOW_S)
            update = alert(8, at_s=NOW_S, type=MessageType.UPDATE, references=(flood.id,))
            cancel = by("Minh", MessageType.CANCEL, 1, references=(update.id,))
            box.inbox.take(signed(update))
            box.inbox.take(signed(cancel, "Minh"))
            box.inbox.take(signed(flood))
            assert playing(box) == []
            box.inbox.take(signed(by("Hoa", MessageType.REINSTATE, 9, references=(cancel.id,)), "Hoa"))
            assert [held.order.id for held in playing(box)] == [update.id]
            done = alert(10, at_s=NOW_S)
            stop = by("Hoa", MessageType.STOP, 11)
            box.inbox.take(signed(done))
            box.store.book.progress(done.id, Stage.DONE, NOW_MS, None, Grade.NONE)
            box.inbox.take(signed(stop, "Hoa"))
            box.inbox.take(signed(by("Hoa", MessageType.REINSTATE, 12, references=(stop.id,)), "Hoa"))
            rounds = {each.order.id: each.rounds for each in box.store.book.orders(0)}
            assert rounds[done.id] == 0

    virtual_time.run(main())


def test_roots_that_follow_take_over_and_forged_ones_are_shown(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            forged = sign(encode(replace(administered(), version=9)), Family.ROOTS, DOMAIN, key("thief"))
            box.inbox.take(forged)
            assert FaultCode.TRUST in box.faults.active()
            box.inbox.take(next_roots(administered()))
            held = box.store.trust.roots()
            assert held is not None
            assert held.version == 2
            assert FaultCode.TRUST not in box.faults.active()

    virtual_time.run(main())


def test_a_box_that_has_roots_takes_no_other_first_ones_and_one_without_takes_none_from_the_broker(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        thiefs = replace(
            administered(), version=9, holders=(Holder(key("thief").public_key, "x", (Role.ROOT,), ("77",)),)
        )
        with parts(tmp_path) as box:
            box.inbox.take(signed_roots(administered()))
            assert box.store.trust.roots() is None
            at_hand(box)
            box.inbox.take_first(sign(encode(thiefs), Family.ROOTS, DOMAIN, key("thief")))
            held = box.store.trust.roots()
            assert held is not None
            assert held.version == 1

    virtual_time.run(main())


def test_a_leaked_online_key_that_drove_counters_and_time_forward_is_recovered_from(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            stolen = replace(assigned(1), generation=0xFFFF_FFFF, epoch=0xFFFF_FFFF, issued=NOW_S + 200)
            box.inbox.take(sign1(encode(stolen), Family.ASSIGNMENT, DOMAIN, key("controller")))
            assert box.store.desired.wanted() == stolen
            held = administered()
            people = tuple(row for row in held.holders if row.person != "controller")
            new_key = Holder(key("controller 2").public_key, "controller", (Role.SCHEDULE,), ("77",))
            box.inbox.take(
                next_roots(held, holders=(*people, new_key), eras=(Era(Role.SCHEDULE, 1),), issued=NOW_S + 10)
            )
            mended = replace(assigned(1), era=1)
            for signer in ("controller", "controller 2"):
                box.inbox.take(sign1(encode(mended), Family.ASSIGNMENT, DOMAIN, key(signer)))
            assert box.store.desired.wanted() == mended
            box.inbox.take(sign1(encode(stolen), Family.ASSIGNMENT, DOMAIN, key("controller")))
            assert box.store.desired.wanted() == mended

    virtual_time.run(main())


def assigned(generation: int) -> Assignment:
    return assignment(generation, signed_manifest(Programme().manifest()))


def test_a_technician_is_told_that_the_programme_of_a_new_era_is_not_in_force_yet_though_it_has_the_same_number(
    tmp_path: Path,
) -> None:
    async def silent() -> None:
        return

    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            await fetched(box)
            box.inbox.take(next_roots(administered(), eras=(Era(Role.SCHEDULE, 1),)))
            box.inbox.take(sign1(encode(replace(assigned(1), era=1)), Family.ASSIGNMENT, DOMAIN, key("controller")))
            desk = ServiceDesk(
                About(BOX, "loa-thử", "0.1.0", NOW_MS), box.clock, box.store, uplink=box.uplink, keeper=box.keeper,
                faults=box.faults, wakes=box.wakes, missing=lambda: 0, sounding=lambda: None, checks=(),
                speak_code=silent,
            )  # fmt: skip
            before = await desk.fetch({})
            await fetched(box)
            after = await desk.fetch({})
            assert (before["generation"], before["wanted"], before["newest"]) == (1, 1, False)
            assert (after["generation"], after["wanted"], after["newest"]) == (1, 1, True)

    virtual_time.run(main())


def test_the_time_floor_that_a_stolen_key_raised_falls_back_to_the_day_of_the_new_roots(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            box.store.trust.raise_floor(NOW_MS + 10**10)
            box.clock.raise_floor(NOW_MS + 10**10)
            box.inbox.take(next_roots(administered(), eras=(Era(Role.TIMESTAMP, 1),), issued=NOW_S + 10))
            assert box.store.trust.floor_ms() == (NOW_S + 10 - 300) * 1000
            assert box.clock.floor_ms() == (NOW_S + 10 - 300) * 1000

    virtual_time.run(main())


def test_a_new_era_moves_no_floor_of_time_forward(tmp_path: Path) -> None:
    """The root holders' machine was a year ahead: the box would be mute for a year."""

    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            held, kept = box.clock.floor_ms(), box.store.trust.floor_ms()
            assert held < NOW_MS
            ahead = NOW_S + 365 * 86_400
            box.inbox.take(
                next_roots(administered(), eras=(Era(Role.SCHEDULE, 1),), issued=ahead, expires=ahead + 86_400)
            )
            roots_now = box.store.trust.roots()
            assert roots_now is not None
            assert roots_now.version == 2
            assert box.store.trust.floor_ms() == kept
            assert box.clock.floor_ms() <= held
            assert box.clock.reading().tells_time

    virtual_time.run(main())


def test_a_box_that_knows_the_time_begins_with_no_roots_that_have_ended_and_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered(issued=NOW_S - 86_400, expires=NOW_S)))
            assert box.store.trust.roots() is None
            assert FaultCode.TRUST in box.faults.active()
            box.inbox.take_first(signed_roots(administered()))
            assert box.store.trust.roots() is not None
            assert FaultCode.TRUST not in box.faults.active()

    virtual_time.run(main())


def test_a_box_without_time_begins_with_what_it_is_given(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path, quality=ClockQuality.NONE) as box:
            box.inbox.take_first(signed_roots(administered(issued=NOW_S - 86_400, expires=NOW_S)))
            assert box.store.trust.roots() is not None

    virtual_time.run(main())


def test_a_list_that_is_dated_ahead_of_the_boxs_time_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            rows = (officer("Nga", Role.COMMUNE),)
            for version, ahead in ((1, 86_400), (2, 301)):
                record = Delegation("77-1001", 0, version, 1, NOW_S + ahead, NOW_S + 86_400 * 400, rows)
                box.inbox.take(sign(encode(record), Family.DELEGATION, DOMAIN, key("Sơn"), key("Thủy")))
            assert list(box.store.trust.delegations()) == []
            box.inbox.take(delegation(1, *rows))
            assert len(box.store.trust.delegations()) == 1

    virtual_time.run(main())


def test_an_approval_that_is_dated_ahead_sounds_nothing_and_counts_as_soon_as_the_time_is_known(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            programme = bulletin()
            (named,) = programme.bulletins
            signed_today = approval(named, issued=NOW_S, expires=NOW_S + 86_400)
            raw = signed_manifest(replace(programme.manifest(), approvals=(signed_today,)))
            box.office.files.update({sha256(raw): raw, **programme.sounds})
            box.inbox.take(sign1(encode(assignment(2, raw)), Family.ASSIGNMENT, DOMAIN, key("controller")))
            await fetched(box)
            box.clock.jump(-301_000)
            box.keeper.look_again()
            assert entries(box) == []
            box.watch.look()
            box.clock.jump(301_000)
            box.clock.quality = ClockQuality.RTC
            box.watch.look()
            assert entries(box) == ["tin"]

    virtual_time.run(main())


@pytest.mark.parametrize(
    "other",
    [
        lambda mine: replace(mine, site="somewhere else"),
        lambda mine: replace(mine, epoch=1, generation=99, issued=mine.issued + 5),
    ],
    ids=["one number twice", "an older epoch goes on"],
)
def test_two_controllers_with_one_key_are_noticed_and_the_higher_epoch_wins(
    tmp_path: Path, other: Callable[[Assignment], Assignment]
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            mine = replace(assigned(2), epoch=2)
            box.inbox.take(sign1(encode(mine), Family.ASSIGNMENT, DOMAIN, key("controller")))
            box.inbox.take(sign1(encode(mine), Family.ASSIGNMENT, DOMAIN, key("controller")))
            assert FaultCode.CONFLICT not in box.faults.active()
            box.inbox.take(sign1(encode(other(mine)), Family.ASSIGNMENT, DOMAIN, key("controller")))
            assert FaultCode.CONFLICT in box.faults.active()
            assert box.store.desired.wanted() == mine

    virtual_time.run(main())


def bulletin() -> Programme:
    programme = Programme()
    programme.add("tin", "2026-11-24T20:00:00", tone(1_000), 1_000)
    return programme


def test_a_manifest_that_names_a_sound_which_nobody_approved_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            programme = bulletin()
            bare = signed_manifest(replace(programme.manifest(), approvals=()))
            box.office.files.update({sha256(bare): bare, **programme.sounds})
            record = replace(assignment(2, bare))
            box.inbox.take(sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key("controller")))
            await fetched(box)
            assert FaultCode.MANIFEST_REFUSED in box.faults.active()
            force = box.store.desired.in_force()
            assert force is None or force.assignment.generation == 1
            assert not any(row for row in box.store.shelf.sizes() if row in programme.sounds)

    virtual_time.run(main())


def test_when_an_approvers_key_is_taken_away_what_it_approved_falls_silent_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered()))
            box.assigned(bulletin())
            await fetched(box)
            manifest = box.keeper.holdings().manifest
            assert manifest is not None
            assert [entry.id for entry in manifest.entries] == ["tin"]
            box.inbox.take(delegation(1, revoked=(lost("Hoa"),)))
            manifest = box.keeper.holdings().manifest
            assert manifest is not None
            assert manifest.entries == ()

    virtual_time.run(main())


def test_an_approval_that_ends_silences_its_bulletin_within_the_hour(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            programme = bulletin()
            (named,) = programme.bulletins
            short = replace(programme.manifest(), approvals=(approval(named, expires=NOW_S + 1_800),))
            raw = signed_manifest(short)
            box.office.files.update({sha256(raw): raw, **programme.sounds})
            box.inbox.take(sign1(encode(assignment(2, raw)), Family.ASSIGNMENT, DOMAIN, key("controller")))
            await fetched(box)
            box.keeper.look_again()
            assert entries(box) == ["tin"]
            box.clock.jump(1_800_000)
            box.keeper.look_again()
            assert entries(box) == []

    virtual_time.run(main())


def test_a_controller_whose_clock_is_ahead_gets_no_manifest_refused_for_what_was_approved_just_now(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            programme, ahead = bulletin(), NOW_S + 900
            (named,) = programme.bulletins
            raw = signed_manifest(
                replace(programme.manifest(), approvals=(approval(named, issued=ahead, expires=ahead + 86_400),))
            )
            box.office.files.update({sha256(raw): raw, **programme.sounds})
            record = replace(assignment(2, raw), issued=ahead)
            box.inbox.take(sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key("controller")))
            await fetched(box)
            force = box.store.desired.in_force()
            assert force is not None
            assert force.assignment == record
            assert entries(box) == []
            box.clock.jump(600_000)
            box.keeper.look_again()
            assert entries(box) == ["tin"]

    virtual_time.run(main())


def entries(box: Parts) -> list[str]:
    manifest = box.keeper.holdings().manifest
    return [] if manifest is None else [entry.id for entry in manifest.entries]


def test_the_roots_hours_hold_whatever_the_servers_key_says_and_two_persons_make_an_exception(tmp_path: Path) -> None:
    hours = (Policy(Level.PROVINCE, quiet=(Hours(21 * 3600, 5 * 3600),)),)

    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered(policies=hours)))
            tet = QuietException(1, NOW_S, ("77",), NOW_S + 100, NOW_S + 200, "Tết")
            good = sign(encode(tet), Family.EXCEPTION, DOMAIN, key("Sơn"), key("Thủy"))
            alone = sign(encode(replace(tet, start=NOW_S)), Family.EXCEPTION, DOMAIN, key("Sơn"))
            raw = signed_manifest(replace(Programme().manifest(), exceptions=(good, alone)))
            box.office.files[sha256(raw)] = raw
            box.inbox.take(sign1(encode(assignment(1, raw)), Family.ASSIGNMENT, DOMAIN, key("controller")))
            await fetched(box)
            held = box.keeper.holdings()
            assert held.bounds == hours
            assert [tuple(row) for row in held.exceptions] == [((NOW_S + 100) * 1000, (NOW_S + 200) * 1000)]

    virtual_time.run(main())


def test_an_order_under_expired_roots_waits_for_new_ones_and_then_sounds(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered(expires=NOW_S + 30)))
            box.assigned()
            box.clock.jump(31_000)
            box.watch.look()
            assert FaultCode.TRUST in box.faults.active()
            flood = alert(1, at_s=NOW_S)
            box.inbox.take(signed(flood))
            assert playing(box) == []
            box.inbox.take(next_roots(administered(), expires=NOW_S + 10**7))
            assert [held.order.id for held in playing(box)] == [flood.id]

    virtual_time.run(main())


def test_the_lists_of_a_place_where_the_box_was_before_mean_nothing_and_are_not_told(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered()))
            move(box, 1, "77-1002")
            box.inbox.take(listed("77-1002", revoked=(lost("Hoa"),)))
            assert [row.unit for row in box.store.trust.delegations()] == ["77-1002"]
            move(box, 2, "77-1001")
            flood = alert(1, at_s=NOW_S)
            box.inbox.take(signed(flood))
            assert [held.order.id for held in playing(box)] == [flood.id]
            assert box.reporter._hello().delegations == ()

    virtual_time.run(main())


def listed(
    unit: str, *holders: Holder, version: int = 1, issued: int = NOW_S, revoked: tuple[bytes, ...] = ()
) -> bytes:
    record = Delegation(unit, 0, version, 1, issued, NOW_S + 86_400, holders, revoked)
    return sign(encode(record), Family.DELEGATION, DOMAIN, key("Sơn"), key("Thủy"))


def move(box: Parts, generation: int, unit: str) -> None:
    record = replace(assigned(generation), units=("77", unit))
    box.inbox.take(sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key("controller")))


def test_lists_of_any_unit_fill_no_box_that_has_no_place_and_those_of_its_place_count_once_it_has_one(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered()))
            warning = by("Nga", MessageType.ALERT, 1, role=Role.COMMUNE)
            flood = alert(7, at_s=NOW_S)
            box.inbox.take(signed(flood))
            for number in range(40):
                box.inbox.take(listed(f"77-{2000 + number}"))
            box.inbox.take(signed(warning, "Nga"))
            box.inbox.take(listed("77-1001", officer("Nga", Role.COMMUNE)))
            assert box.store.trust.delegations() == ()
            box.assigned()
            assert [row.unit for row in box.store.trust.delegations()] == ["77-1001"]
            assert {held.order.id for held in playing(box)} == {warning.id, flood.id}
            assert FaultCode.ORDER_REFUSED not in box.faults.active()

    virtual_time.run(main())


def test_a_box_that_is_moved_again_and_again_keeps_few_lists_and_takes_no_older_one_where_it_has_been(
    tmp_path: Path,
) -> None:
    def whole(box: Parts) -> list[Delegation]:
        return [row for row in box.store.trust.delegations() if row.revoked]

    def place(number: int) -> str:
        return f"77-{2000 + number}"

    async def first() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered()))
            for number in range(20):
                move(box, number + 1, place(number))
                box.inbox.take(listed(place(number), version=2, issued=NOW_S - number, revoked=(lost("Nga"),)))
                assert place(number) in {row.unit for row in whole(box)}
            assert len(whole(box)) == MAX_LISTS_ELSEWHERE + 1

    async def again() -> None:
        with parts(tmp_path) as box:
            assert len(whole(box)) == MAX_LISTS_ELSEWHERE + 1
            move(box, 100, place(15))
            for version, count in ((1, 0), (2, 1)):
                box.inbox.take(listed(place(15), version=version, revoked=(lost("Nga"),)))
                assert [row.version for row in whole(box) if row.unit == place(15)] == [2] * count
            move(box, 101, place(15))

    virtual_time.run(first())
    (tmp_path / "box.sqlite3").write_bytes(DAMAGE)
    virtual_time.run(again())


def test_an_alarm_that_comes_before_the_box_has_a_place_sounds_once_it_has_one_and_noise_takes_no_room(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.inbox.take_first(signed_roots(administered()))
            flood = alert(1, at_s=NOW_S)
            expired = alert(2, at_s=NOW_S - 4_000)
            box.inbox.take(signed(flood))
            box.inbox.take(signed(expired))
            for number in range(1, 51):
                box.inbox.take(signed(by("thief", MessageType.ALERT, number), "thief"))
            box.assigned()
            assert [held.order.id for held in playing(box)] == [flood.id]
            told = {(row.order, row.stage, row.code) for row in box.store.outbox.receipts()}
            assert told == {(flood.id, Stage.ACCEPTED, ""), (expired.id, Stage.REJECTED, "EXPIRED")}

    virtual_time.run(main())


def test_an_alarm_goes_on_when_the_lock_that_silenced_it_comes_to_its_own_end(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            flood, short = alert(7, at_s=NOW_S), alert(8, at_s=NOW_S, expires=NOW_S + 50)
            called_off, late = alert(9, at_s=NOW_S), alert(10, at_s=NOW_S)
            for order in (flood, short, called_off):
                box.inbox.take(signed(order))
            box.inbox.take(signed(by("Minh", MessageType.CANCEL, 1, references=(called_off.id,)), "Minh"))
            box.inbox.take(signed(by("Hoa", MessageType.STOP, 11, until=NOW_S + 61), "Hoa"))
            box.inbox.take(signed(late))
            for order in (flood, short):
                box.store.book.progress(order.id, Stage.CANCELLED, NOW_MS, None, Grade.NONE)
            watching = asyncio.create_task(box.watch.run())
            await asyncio.sleep(60.9)
            assert playing(box) == []
            await asyncio.sleep(0.15)
            assert {(held.order.id, held.rounds) for held in playing(box)} == {(flood.id, 1), (late.id, 1)}
            assert box.store.book.stops() == []
            watching.cancel()

    virtual_time.run(main())


def test_an_alarm_stays_silent_while_another_lock_lasts_and_goes_on_when_that_is_opened(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            flood, stays = alert(7, at_s=NOW_S), by("Minh", MessageType.STOP, 1)
            box.inbox.take(signed(flood))
            box.inbox.take(signed(by("Hoa", MessageType.STOP, 8, until=NOW_S + 60), "Hoa"))
            box.inbox.take(signed(stays, "Minh"))
            box.clock.jump(61_000)
            box.watch.look()
            assert (playing(box), len(box.store.book.stops())) == ([], 1)
            open_ = by("Minh", MessageType.REINSTATE, 2, references=(stays.id,))
            box.inbox.take(signed(open_, "Minh"))
            assert [(held.order.id, held.rounds) for held in playing(box)] == [(flood.id, 1)]

    virtual_time.run(main())


def test_an_alarm_that_came_after_the_end_of_a_lock_is_not_begun_anew_by_it(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            box.inbox.take(signed(by("Hoa", MessageType.STOP, 1, until=NOW_S + 60), "Hoa"))
            box.clock.jump(61_000)
            flood = alert(7, at_s=NOW_S + 61)
            box.inbox.take(signed(flood))
            box.watch.look()
            assert [(held.order.id, held.rounds) for held in playing(box)] == [(flood.id, 0)]

    virtual_time.run(main())


def test_a_stop_that_comes_after_its_own_end_silences_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            flood = alert(7, at_s=NOW_S)
            box.inbox.take(signed(flood))
            box.clock.jump(61_000)
            box.inbox.take(signed(by("Hoa", MessageType.STOP, 8, until=NOW_S + 60), "Hoa"))
            box.watch.look()
            assert [(held.order.id, held.rounds) for held in playing(box)] == [(flood.id, 0)]
            assert box.store.book.stops() == []

    virtual_time.run(main())


def test_a_box_without_the_time_opens_no_lock(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            box.inbox.take(signed(by("Hoa", MessageType.STOP, 1, until=NOW_S + 60), "Hoa"))
            box.clock.jump(61_000)
            box.clock.quality = ClockQuality.NONE
            box.watch.look()
            assert len(box.store.book.stops()) == 1

    virtual_time.run(main())


def test_hundreds_of_locks_that_are_over_are_no_burden_for_the_planner(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            at_hand(box)
            for number in range(1, 160):
                box.inbox.take(signed(by("Hoa", MessageType.STOP, number, until=NOW_S + 2 * number), "Hoa"))
                await box.clock.sleep_ms(2_000)
                box.watch.look()
                assert len(box.keeper.holdings().locks) <= MAX_STOPS_OVER + 1
            for number in range(1, 160, 2):
                stop = by("Minh", MessageType.STOP, number)
                box.inbox.take(signed(stop, "Minh"))
                box.inbox.take(signed(by("Minh", MessageType.REINSTATE, number + 1, references=(stop.id,)), "Minh"))
                await box.clock.sleep_ms(3_000)
            assert (box.store.book.stops(), box.keeper.holdings().locks) == ([], ())

    virtual_time.run(main())
