"""The faults that need no real process, each injected into the simulated province (faults.md)."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from protocol.codec import encode
from protocol.compose import order_id
from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.manifest import Assignment
from protocol.order import MessageType, Severity, Sound, Status
from protocol.report import ClockQuality, FaultCode, Stage
from protocol.roles import Era, Holder, Role
from protocol.signing import Domain, Family, sign
from tests.simulation import people
from tests.simulation.people import COMMUNE_A, EPOCH_S, PROVINCE, Pen
from tests.simulation.world import (
    Broker,
    Cut,
    Forge,
    Give,
    Heal,
    Jump,
    NoisyBits,
    PlugIn,
    PowerCut,
    ReplayAll,
    Schedule,
    Step,
    Unplug,
    Wait,
    World,
    run,
)
from tests.support.small_controller import Programme, key

DAY_MS = 86_400_000
REPEATED = (("sound", Sound(1, chime=0, repeats=3, gap_s=5)),)


def heard(world: World, name: str, order: str) -> int:
    """How many passes of this order began on this box."""
    return world.referee.heard(world.boxes[name], world.orders[order][0].id)


def everybody(world: World, order: str) -> list[int]:
    return [heard(world, name, order) for name in world.boxes]


def play(folder: Path, *script: Step, seed: int = 0) -> World:
    world = run(folder, script, seed=seed).world
    assert world is not None
    return world


@pytest.mark.parametrize("ms", [3_600_000, DAY_MS, 3_650 * DAY_MS], ids=["an hour", "a day", "ten years"])
def test_fault_11_a_clock_that_jumps_ahead_brings_no_burst_of_missed_items(tmp_path: Path, ms: int) -> None:
    world = play(tmp_path, Schedule("news", 1_200), Wait(5), Jump("a1", ms), Wait(2_000))
    assert [row.cause for row in world.boxes["a1"].sounded] == []
    assert [row.cause for row in world.boxes["a2"].sounded] == ["news"]


@pytest.mark.parametrize("ms", [-3_600_000, -365 * DAY_MS], ids=["an hour", "a year"])
def test_fault_12_a_clock_that_jumps_back_replays_nothing(tmp_path: Path, ms: int) -> None:
    world = play(
        tmp_path, Give("flood"), Schedule("news", 60), Wait(200), Jump("a1", ms), Wait(3_700), ReplayAll(), Wait(60)
    )
    assert [row.cause for row in world.boxes["a1"].sounded].count("news") == 1
    assert heard(world, "a1", "flood") == 1


BACK = pytest.mark.parametrize("ms", [-5_000, -240_000, -3_600_000], ids=["five seconds", "four minutes", "an hour"])
MANY = (("sound", Sound(1, chime=0, repeats=6, gap_s=2)),)


@pytest.mark.parametrize("ms", [-2_000, -5_000, -240_000], ids=["two seconds", "five seconds", "four minutes"])
@pytest.mark.parametrize("after_s", [0.2, 3, 20], ids=["before its first sample", "in a pass", "in a later pass"])
def test_fault_12_an_alarm_goes_on_when_the_clock_is_set_back(tmp_path: Path, ms: int, after_s: float) -> None:
    """It was accepted by the clock of before: that instant has passed, whatever the clock says now.

    Set back further than signed messages allow, the box knows no time at all any more, and is silent (design §5).
    """
    world = play(tmp_path, Give("flood", changes=MANY), Wait(after_s), Jump("a1", ms), Wait(120))
    assert heard(world, "a1", "flood") == 6
    assert world.boxes["a1"].sounded[-1].to_ms < world.given_ms[world.orders["flood"][0].id] + 100_000


def test_fault_12_the_amplifier_waits_for_nothing_when_the_clock_is_set_back(tmp_path: Path) -> None:
    """I12 after every step: the power was on for a bulletin that is an hour away now."""
    script = [Schedule("news", 20), Wait(19.2), Jump("a1", -3_600_000), Wait(60)]
    world = play(tmp_path, *script)
    assert world.boxes["a1"].sounded == []
    assert world.boxes["a1"].switched != []


@pytest.mark.parametrize("ms", [2_000, 300_000], ids=["two seconds", "five minutes"])
@pytest.mark.parametrize("after_s", [0.2, 1, 3, 12.5, 20])
def test_fault_11_an_alarm_goes_on_when_the_clock_is_set_ahead(tmp_path: Path, ms: int, after_s: float) -> None:
    world = play(tmp_path, Give("flood", changes=MANY), Wait(after_s), Jump("a1", ms), Wait(120))
    assert heard(world, "a1", "flood") == 6


@pytest.mark.parametrize("ms", [3_600_000, -1_000_000], ids=["EXPIRED by a fast clock", "FUTURE by a slow one"])
def test_fault_12_an_order_that_a_wrong_clock_refused_sounds_when_the_clock_is_right(tmp_path: Path, ms: int) -> None:
    """A restart after the clock was set right: before it the box would not believe the earlier time for two hours."""
    script = [Jump("a1", ms), PowerCut("a1", 1), Give("flood"), Wait(30), Jump("a1", -ms), PowerCut("a1", 1), Wait(90)]
    world = play(tmp_path, *script)
    assert everybody(world, "flood") == [1, 1, 1]


def test_fault_12_a_clock_that_is_behind_holds_back_neither_an_alarm_nor_a_stop_that_begin_at_once(
    tmp_path: Path,
) -> None:
    """Four minutes slow, which the gate allows."""
    slow = (Jump("a1", -240_000), PowerCut("a1", 1), Wait(20))
    stop = Give("stop", ("Hoa",), kind=MessageType.STOP)
    world = play(tmp_path, *slow, Give("flood", changes=MANY), Wait(30), stop, Wait(60))
    rows = world.boxes["a1"].sounded
    assert rows[0].from_ms < world.given_ms[world.orders["flood"][0].id] + 5_000
    assert rows[-1].to_ms < world.given_ms[world.orders["stop"][0].id] + 1_000


@BACK
def test_fault_12_what_was_cancelled_stays_so_when_the_clock_is_set_back(tmp_path: Path, ms: int) -> None:
    cancel = Give("no", ("Minh",), kind=MessageType.CANCEL, about=("flood",))
    world = play(tmp_path, Give("flood", changes=MANY), Wait(20), cancel, Wait(20), Jump("a1", ms), Wait(3_800))
    assert max(row.to_ms for row in world.boxes["a1"].sounded) < (EPOCH_S + 30) * 1000


@BACK
def test_fault_12_a_stop_holds_when_the_clock_is_set_back(tmp_path: Path, ms: int) -> None:
    stop = Give("stop", ("Hoa",), kind=MessageType.STOP)
    world = play(tmp_path, stop, Wait(10), Jump("a1", ms), Wait(5), Schedule("news", 60 + ms // 1000), Wait(120))
    assert world.boxes["a1"].sounded == []


def test_fault_12_a_box_that_boots_in_1970_stays_silent_and_its_floor_holds(tmp_path: Path) -> None:
    def in_1970(world: World) -> None:
        box = world.boxes["a1"]
        assert box.clock.floor_ms() >= (EPOCH_S - 3_600) * 1000
        assert box.on.keeper.holdings().orders == ()

    run(
        tmp_path,
        [Wait(5), Jump("a1", -EPOCH_S * 1000), PowerCut("a1", 5, int(ClockQuality.NONE)), Give("flood"), Wait(60)],
        then=in_1970,
    )


def test_fault_13_an_order_that_has_expired_stays_dead_when_the_time_is_spoofed_back(tmp_path: Path) -> None:
    world = play(
        tmp_path,
        Cut("a1"),
        Give("flood"),
        Wait(1_000),
        Give("later", ("Minh", "Hoa"), ("77-9999",)),
        Heal("a1"),
        Wait(30),
        Jump("a1", -950_000),
        ReplayAll(),
        Wait(60),
    )
    assert heard(world, "a1", "flood") == 0
    assert heard(world, "a2", "flood") == 1


def test_fault_14_a_box_that_drifted_for_30_days_starts_when_its_own_clock_says_so(tmp_path: Path) -> None:
    drift_ms = 30 * 86_400 * 100 // 1_000
    world = play(tmp_path, Schedule("news", 600), Jump("a1", drift_ms), Wait(700))
    (off,), (right,) = world.boxes["a1"].sounded, world.boxes["a2"].sounded
    assert right.from_ms - off.from_ms == drift_ms
    assert abs(off.wall_from_ms - right.wall_from_ms) <= 20


def test_fault_15_nothing_sounds_twice_or_is_lost_when_the_clock_is_corrected_by_a_leap_second(tmp_path: Path) -> None:
    world = play(tmp_path, Schedule("news", 60), Wait(59), Jump("a1", -1_000), Wait(100))
    assert [row.cause for row in world.boxes["a1"].sounded] == ["news"]


def test_fault_16_the_same_message_a_hundred_times_sounds_once(tmp_path: Path) -> None:
    world = play(tmp_path, Broker(copies=100), Give("flood"), Wait(60))
    assert everybody(world, "flood") == [1, 1, 1]
    assert world.stages("a1", world.orders["flood"][0].id) == {Stage.ACCEPTED, Stage.STARTED, Stage.DONE}


def test_fault_17_a_cancel_that_comes_before_its_alert_silences_it(tmp_path: Path) -> None:
    world = play(
        tmp_path,
        Cut("a1"),
        Give("flood", changes=REPEATED),
        Give("no", ("Minh",), kind=MessageType.CANCEL, about=("flood",)),
        Wait(5),
        Heal("a1"),
        Wait(1),
        Broker(shuffle_ms=4_000),
        ReplayAll(),
        Wait(120),
    )
    assert heard(world, "a1", "flood") == 0


def test_fault_17_when_only_the_cancel_came_first_nothing_sounds(tmp_path: Path) -> None:
    def reversed_order(world: World) -> None:
        box = world.boxes["a1"]
        flood, no = (world.orders[name][1] for name in ("flood", "no"))
        world.deliver(box, no)
        world.deliver(box, flood)
        assert box.on.keeper.holdings().orders == ()

    run(
        tmp_path,
        [Cut("a1"), Broker(drop=True), Give("flood"), Give("no", ("Minh",), kind=MessageType.CANCEL, about=("flood",))],
        then=reversed_order,
    )


def test_fault_18_an_update_that_comes_before_its_alert_sounds_and_the_alert_does_not(tmp_path: Path) -> None:
    def reversed_order(world: World) -> None:
        box = world.boxes["a1"]
        for name in ("update", "flood"):
            world.deliver(box, world.orders[name][1])
        assert [held.order.id for held in box.on.keeper.holdings().orders] == [world.orders["update"][0].id]

    script = [Cut("a1"), Broker(drop=True), Give("flood"), Give("update", kind=MessageType.UPDATE, about=("flood",))]
    run(tmp_path, script, then=reversed_order)


@pytest.mark.parametrize("late_s", [1, 60, 3_600])
def test_fault_19_an_order_delivered_after_it_expired_never_sounds_and_is_receipted(
    tmp_path: Path, late_s: int
) -> None:
    world = play(tmp_path, Cut("a1"), Give("flood"), Wait(900 + late_s), Heal("a1"), ReplayAll(), Wait(90))
    assert everybody(world, "flood") == [0, 1, 1]
    answers = world.answers("a1", world.orders["flood"][0].id)
    assert [(row.stage, row.code) for row in answers] == [(Stage.REJECTED, "EXPIRED")]


def test_fault_19_a_box_that_was_without_power_for_a_month_sounds_no_order_of_before(tmp_path: Path) -> None:
    month = 30 * 86_400
    script = [Cut("a1"), Give("flood"), PowerCut("a1", month), Heal("a1"), ReplayAll(), Wait(90)]
    world = run(tmp_path, script, places=("a1",)).world
    assert world is not None
    assert everybody(world, "flood") == [0]


@pytest.mark.parametrize("after_s", [0.2, 0.7, 1.2])
def test_fault_19_a_clock_that_is_set_past_the_expiry_between_hand_over_and_first_sample_stops_the_sound(
    tmp_path: Path, after_s: float
) -> None:
    world = play(tmp_path, Give("flood"), Wait(after_s), Jump("a1", 1_000_000), Wait(60))
    assert everybody(world, "flood") == [0, 1, 1]
    assert world.stages("a1", world.orders["flood"][0].id) == {Stage.ACCEPTED, Stage.EXPIRED}


def test_fault_20_when_an_order_expires_while_it_sounds_the_sentence_ends_and_no_other_begins(tmp_path: Path) -> None:
    short = (("expires", EPOCH_S + 12), ("sound", Sound(1, chime=0, repeats=10, gap_s=0)))
    world = play(tmp_path, Give("flood", changes=short), Wait(120))
    assert everybody(world, "flood") == [1, 1, 1]
    (row,) = world.boxes["a1"].sounded
    assert row.to_ms > (EPOCH_S + 12) * 1000


def test_fault_24_a_hostile_broker_forges_replays_and_misdelivers_in_vain(tmp_path: Path) -> None:
    world = play(
        tmp_path,
        Give("flood", area=(COMMUNE_A,)),
        Wait(60),
        Broker(misdeliver=True, copies=3, shuffle_ms=2_000),
        Give("fire", area=(COMMUNE_A,), changes=(("event", "fire"), ("sound", Sound(2, chime=0, repeats=1, gap_s=0)))),
        ReplayAll(),
        *(NoisyBits(at, at * 7) for at in range(60)),
        Forge(("thief", "thief's brother")),
        Wait(120),
    )
    assert everybody(world, "flood") == [1, 1, 0]
    assert everybody(world, "fire") == [1, 1, 0]
    assert FaultCode.ORDER_REFUSED in world.controller.known["a1"].shown(), "the anomaly shows"


def test_fault_24_whoever_repeats_old_messages_all_day_does_not_wear_the_card_out(tmp_path: Path) -> None:
    """I9 after every step: deliveries, again and again, of an order that was heard and of one that came too late."""

    class AgainAndAgain(Step):
        async def do(self, world: World) -> None:
            for _ in range(1_000):
                for name in ("flood", "late"):
                    world.boxes["a1"].on.inbox.take(world.orders[name][1])
                await world.sleep(0.1)

    def sent_again(world: World) -> None:
        late = world.orders["late"][0].id
        assert world.stages("a1", late) == {Stage.REJECTED}

    script = [Give("flood"), Wait(60), Cut("a1"), Give("late"), Wait(1_000), Heal("a1"), AgainAndAgain(), Wait(60)]
    run(tmp_path, script, places=("a1",), then=sent_again)


def test_fault_30_an_order_that_comes_by_another_way_while_the_broker_is_dead_sounds_once(tmp_path: Path) -> None:
    class ByAnotherWay(Step):
        async def do(self, world: World) -> None:
            world.deliver(world.boxes["a1"], world.orders["flood"][1])

    world = play(tmp_path, Cut("a1"), Give("flood"), ByAnotherWay(), Wait(30), Heal("a1"), Wait(60))
    assert everybody(world, "flood") == [1, 1, 1]


def test_fault_35_of_two_emergencies_the_more_severe_sounds_first_and_both_are_receipted(tmp_path: Path) -> None:
    world = play(
        tmp_path,
        Give("rain", changes=(("severity", Severity.MODERATE), *REPEATED)),
        Give("dam", ("Minh", "Hoa"), changes=(("severity", Severity.EXTREME), *REPEATED)),
        Wait(240),
    )
    rows = world.boxes["a1"].sounded
    dam, rain = (world.orders[name][0].id.hex() for name in ("dam", "rain"))
    ended = max(row.to_ms for row in rows if row.cause == dam)
    assert all(row.from_ms >= ended for row in rows if row.cause == rain and row.from_ms > rows[0].to_ms)
    for name in ("dam", "rain"):
        assert Stage.DONE in world.stages("a1", world.orders[name][0].id)


def test_fault_40_of_two_controllers_with_one_key_the_higher_epoch_wins_and_the_conflict_shows(tmp_path: Path) -> None:
    def second_controller(world: World) -> None:
        box = world.boxes["a1"]
        mine = box.on.store.desired.wanted()
        assert mine is not None
        newer = replace(mine, epoch=2, generation=1)
        world.deliver(box, people.signed_assignment(newer))
        old_goes_on: Assignment = replace(mine, generation=mine.generation + 5, issued=mine.issued + 60)
        world.deliver(box, people.signed_assignment(old_goes_on))
        assert box.on.store.desired.wanted() == newer
        assert box.has_fault(FaultCode.CONFLICT)
        # Each of them has Hoa's next number to give; the box takes the one that comes first, and only that.
        first, second = (
            Pen({"Hoa": 7}).order(world.now_s, MessageType.ALERT, ("Hoa", "Minh"), (PROVINCE,)) for _ in "12"
        )
        twin = replace(second[0], event="fire", id=order_id(key("Hoa").public_key, b"the twin one"))
        world.deliver(box, first[1])
        world.deliver(box, people.signed(twin, "Hoa", "Minh"))
        assert [held.order.id for held in box.on.keeper.holdings().orders] == [first[0].id]
        assert box.has_fault(FaultCode.ORDER_REFUSED)

    run(tmp_path, [Wait(1)], then=second_controller)


def test_fault_41_with_every_byte_of_a_stolen_box_no_other_box_sounds(tmp_path: Path) -> None:
    world = play(
        tmp_path,
        Give("flood", area=(COMMUNE_A,)),
        Wait(60),
        ReplayAll(),
        Forge(("a1",)),
        Forge(("a1", "b1"), number=2),
        Forge(("a1", "Hoa"), number=3),
        Wait(60),
    )
    assert everybody(world, "flood") == [1, 1, 0]
    assert len(world.boxes["b1"].sounded) == 0


def test_fault_42_an_order_of_last_month_of_a_drill_or_of_another_province_never_sounds_as_the_real_thing(
    tmp_path: Path,
) -> None:
    class Foreign(Step):
        async def do(self, world: World) -> None:
            flood = world.orders["flood"][0]
            there = {"province": "79"}, {"environment": "demo"}
            for changes in there:
                assert await refused_as(world, people.signed(replace(flood, **changes), "Hoa", "Minh")) == "DOMAIN"
            elsewhere = sign(encode(flood), Family.ORDER, Domain("77", "demo"), key("Hoa"), key("Minh"))
            assert await refused_as(world, elsewhere) == "SIGNATURE"
            _, drill = Pen({"Hoa": 60}).order(
                world.now_s,
                MessageType.CANCEL,
                ("Hoa",),
                (PROVINCE,),
                status=Status.EXERCISE,
                references=(flood.id,),
            )
            assert await refused_as(world, drill) == "STATUS"
            again = replace(flood, id=order_id(key("Hoa").public_key, b"another word"))
            assert await refused_as(world, people.signed(again, "Hoa", "Minh")) == "REPLAY"

    world = play(tmp_path, Give("flood", changes=REPEATED), Wait(1), Foreign(), Wait(60))
    assert everybody(world, "flood") == [3, 3, 3]
    assert {row.cause for row in world.boxes["a1"].sounded} == {world.orders["flood"][0].id.hex()}
    script = [Give("flood"), Wait(60), PowerCut("a1", 30 * 86_400), ReplayAll(), Wait(60)]
    month = run(tmp_path / "month", script, places=("a1",)).world
    assert month is not None
    assert everybody(month, "flood") == [1]


async def refused_as(world: World, raw: bytes) -> str:
    """With which code this box refuses these bytes, as its fault says."""
    box = world.boxes["a1"]
    box.on.faults.cleared(FaultCode.ORDER_REFUSED)
    await world.sleep(0.01)
    world.deliver(box, raw)
    rows = box.on.database.rows(
        "SELECT detail FROM faults WHERE code = ? AND raised = 1 ORDER BY at_ms DESC LIMIT 1",
        int(FaultCode.ORDER_REFUSED),
    )
    assert box.has_fault(FaultCode.ORDER_REFUSED)
    return str(rows[0][0]).partition(":")[0]


@pytest.mark.parametrize(
    "signers",
    [("Hoa",), ("Hoa", "Hoa"), ("Lan", "Dung"), ("Hoa", "controller"), ("root", "Sơn"), ("controller",)],
    ids=" and ".join,
)
def test_fault_44_too_few_or_the_wrong_signers_raise_nothing(tmp_path: Path, signers: tuple[str, ...]) -> None:
    world = play(tmp_path, Forge(signers), Wait(60))
    assert all(box.sounded == [] for box in world.boxes.values())


def test_fault_44_a_signer_who_was_taken_out_between_signing_and_delivery_does_not_count(tmp_path: Path) -> None:
    def rotate(world: World) -> None:
        world.trust(people.signed_roots(people.roots(2, without=("Minh",))))

    class Rotate(Step):
        async def do(self, world: World) -> None:
            rotate(world)

    world = play(tmp_path, Cut("a1"), Give("flood"), Wait(5), Rotate(), Wait(5), Heal("a1"), Wait(90))
    assert heard(world, "a2", "flood") == 1
    assert heard(world, "a1", "flood") == 0


def test_fault_44_keys_rotated_between_signing_and_delivery_still_count_while_they_are_listed(tmp_path: Path) -> None:
    class Rotate(Step):
        async def do(self, world: World) -> None:
            world.trust(people.signed_roots(people.roots(2)))

    world = play(tmp_path, Cut("a1"), Give("flood"), Rotate(), Wait(5), Heal("a1"), Wait(90))
    assert everybody(world, "flood") == [1, 1, 1]


def test_fault_45_of_a_thousand_orders_in_a_minute_the_limit_holds_and_the_most_severe_is_heard_first(
    tmp_path: Path,
) -> None:
    def flood_of_orders(world: World) -> None:
        box = world.boxes["a1"]
        for number in range(1, 1_001):
            _, raw = Pen({"Hoa": number}).order(
                world.now_s, MessageType.ALERT, ("Hoa", "Minh"), (PROVINCE,), severity=Severity.SEVERE
            )
            world.deliver(box, raw)
        worst, raw = Pen({"Minh": 1}).order(
            world.now_s, MessageType.ALERT, ("Minh", "Hoa"), (PROVINCE,), severity=Severity.EXTREME
        )
        world.deliver(box, raw)
        held = box.on.keeper.holdings().orders
        assert len(held) == 21
        assert worst.id in {each.order.id for each in held}

    class Storm(Step):
        async def do(self, world: World) -> None:
            flood_of_orders(world)

    run(tmp_path, [Storm(), Wait(75)], then=a_minute_later)


def a_minute_later(world: World) -> None:
    box = world.boxes["a1"]
    assert bytes.fromhex(box.sounded[0].cause)[:4] == sha256(key("Minh").public_key)[:4]
    numbers = [held.order.sequence for held in box.on.store.book.orders(0) if held.order.severity is Severity.SEVERE]
    assert numbers[:20] == list(range(2, 22)), "what came first is heard first"
    assert sorted(numbers[20:]) == list(range(982, 1_002)), "and of the rest the newest a minute later"


def test_fault_45_what_the_limit_refused_is_kept_a_minute_later_and_the_more_severe_is_never_kept_waiting(
    tmp_path: Path,
) -> None:
    """Of one severity the first twenty of a minute are heard at once, the newest of the rest after it."""
    short = (("sound", Sound(1, chime=0, repeats=1, gap_s=0)),)
    mild = [
        Give(f"mild {number}", ("Hoa", "Minh"), changes=(("severity", Severity.MODERATE), ("expires", EPOCH_S + 1_800)))
        for number in range(25)
    ]
    worst = Give("worst", ("Minh", "Hoa"), changes=(*short, ("severity", Severity.EXTREME)))
    taken: list[int] = []

    class Count(Step):
        async def do(self, world: World) -> None:
            taken.append(len(world.boxes["a1"].on.store.book.orders(0)))

    script = [*mild, worst, Wait(2), Count(), Wait(120), Count()]
    world = run(tmp_path, script, places=("a1",)).world
    assert world is not None
    assert taken == [21, 26]
    assert world.boxes["a1"].sounded[1].cause == world.orders["worst"][0].id.hex()


def test_a_leaked_online_key_changes_no_word_that_sounds(tmp_path: Path) -> None:
    """The walk "leaked online key": the thief has the controller's key for ten minutes, then it is taken away."""

    class Theft(Step):
        async def do(self, world: World) -> None:
            mine = Programme()
            mine.add("lies", "2026-11-24T13:02:00", b"not a sound", 10_000)
            lies = people.signed_manifest(replace(mine.manifest(), approvals=()))
            world._files[sha256(lies)] = lies
            for box in world.boxes.values():
                record = Assignment(
                    box.id, 0xFFFF_FFFF, sha256(lies), len(lies), box.units, world.now_s, world.now_s + 10**7,
                    epoch=0xFFFF_FFFF,
                )  # fmt: skip
                world.deliver(box, people.signed_assignment(record))

    class Recovery(Step):
        async def do(self, world: World) -> None:
            fresh = Holder(key("controller 2").public_key, "controller", (Role.SCHEDULE,), (PROVINCE,))
            base = people.roots(2, without=("controller",), eras=(Era(Role.SCHEDULE, 1),))
            world.trust(people.signed_roots(replace(base, holders=(*base.holders, fresh))))
            for name, box in world.boxes.items():
                mine = people.signed_manifest(Programme().manifest(), "controller 2")
                world._files[sha256(mine)] = mine
                record = Assignment(
                    box.id, 1, sha256(mine), len(mine), box.units, world.now_s, world.now_s + 10**7, era=1
                )
                known = world.controller.known[name]
                known.assignment, known.assigned = (
                    people.signed_assignment(record, "controller 2"),
                    record.place_in_order,
                )
                world._later(box, known.assignment)
            world.controller.signer = "controller 2"

    def recovered(world: World) -> None:
        for box in world.boxes.values():
            wanted = box.on.store.desired.wanted()
            assert wanted is not None
            assert (wanted.era, wanted.generation) == (1, 1)

    run(tmp_path, [Theft(), Wait(600), Recovery(), Wait(60)], then=recovered)


class Lists(Step):
    """Two administrators have signed this list of commune A; the controller has it."""

    def __init__(self, version: int, *holders: Holder, revoked: tuple[bytes, ...] = ()) -> None:
        super().__init__()
        object.__setattr__(self, "what", (version, holders, revoked))

    async def do(self, world: World) -> None:
        version, holders, revoked = self.what  # type: ignore[attr-defined]
        now = world.now_s
        record = Delegation(COMMUNE_A, 0, version, 1, now, now + 86_400 * 100, holders, revoked)
        world.trust(people.signed_delegation(record))


def officer(name: str) -> Holder:
    return Holder(key(name).public_key, "Nga", (Role.COMMUNE,), (COMMUNE_A,))


BY_ONE: tuple[tuple[str, Any], ...] = (("role", Role.COMMUNE),)


def test_a_new_officer_and_a_lost_phone(tmp_path: Path) -> None:
    """The walks "new officer" and "lost phone" from the list to the loudspeaker."""
    lost = (sha256(key("Nga").public_key),)
    world = play(
        tmp_path,
        Give("too early", ("Nga",), (COMMUNE_A,), changes=(*BY_ONE, ("expires", EPOCH_S + 30))),
        Wait(40),
        Lists(1, officer("Nga")),
        Give("flood", ("Nga",), (COMMUNE_A,), changes=BY_ONE),
        Wait(60),
        Lists(2, officer("Nga's new phone"), revoked=lost),
        Wait(5),
        Give("thief", ("Nga",), (COMMUNE_A,), changes=BY_ONE),
        Give("fire", ("Nga's new phone",), (COMMUNE_A,), changes=(*BY_ONE, ("event", "fire"))),
        Wait(60),
    )
    assert everybody(world, "too early") == [0, 0, 0]
    assert everybody(world, "flood") == [1, 1, 0]
    assert everybody(world, "thief") == [0, 0, 0]
    assert everybody(world, "fire") == [1, 1, 0]


def test_an_officer_counts_within_fifteen_minutes_of_the_signatures_also_where_the_link_was_away_for_twelve(
    tmp_path: Path,
) -> None:
    """Design §4: DELEGATION adds and takes away within 15 minutes, the offline roots untouched."""
    told: list[bool] = []

    class Look(Step):
        async def do(self, world: World) -> None:
            told.append(world.now_s - EPOCH_S <= 900)

    world = play(
        tmp_path,
        Cut("a1"),
        Lists(1, officer("Nga")),
        Wait(720),
        Heal("a1"),
        Wait(60),
        Give("flood", ("Nga",), (COMMUNE_A,), changes=BY_ONE),
        Wait(30),
        Look(),
    )
    assert everybody(world, "flood") == [1, 1, 0]
    assert told == [True]


def test_stopping_silences_within_seconds_and_reinstating_brings_the_alarm_back(tmp_path: Path) -> None:
    long = (("sound", Sound(1, chime=0, repeats=4, gap_s=2)),)
    world = play(
        tmp_path,
        Give("flood", changes=long),
        Wait(15),
        Give("stop", ("Hoa",), kind=MessageType.STOP),
        Wait(60),
        Give("open", ("Hoa",), kind=MessageType.REINSTATE, about=("stop",)),
        Wait(120),
    )
    rows = world.boxes["a1"].sounded
    stop_ms = world.orders["stop"][0].issued * 1000
    open_ms = world.orders["open"][0].issued * 1000
    assert not [row for row in rows if stop_ms + 5_000 < row.from_ms < open_ms]
    assert len([row for row in rows if row.from_ms > open_ms]) == 4
    assert Stage.DONE in world.stages("a1", world.orders["flood"][0].id)


@pytest.mark.parametrize("after_s", [0.3, 1.2, 5], ids=["before its first sample", "just before it", "while it sounds"])
def test_an_alarm_that_is_stopped_in_its_last_pass_is_not_done_and_comes_back(tmp_path: Path, after_s: float) -> None:
    world = play(
        tmp_path,
        Give("flood"),
        Wait(after_s),
        Give("stop", ("Hoa",), kind=MessageType.STOP),
        Wait(30),
        Give("open", ("Hoa",), kind=MessageType.REINSTATE, about=("stop",)),
        Wait(90),
    )
    rows = world.boxes["a1"].sounded
    assert rows[-1].to_ms - rows[-1].from_ms > 10_000
    assert rows[-1].from_ms > world.given_ms[world.orders["open"][0].id]
    assert Stage.DONE in world.stages("a1", world.orders["flood"][0].id)


def test_fault_36_an_alarm_that_gives_way_to_a_higher_one_while_the_device_is_away_still_sounds(tmp_path: Path) -> None:
    """It waited for the device when the higher one came: it has not sounded, so it is not done (seed 59)."""
    world = play(
        tmp_path,
        Unplug("a1"),
        Give("rain", changes=(("severity", Severity.MINOR),)),
        Wait(3),
        Give("dam", ("Minh", "Hoa"), changes=(("severity", Severity.EXTREME),)),
        Wait(2),
        PlugIn("a1"),
        Wait(120),
    )
    assert everybody(world, "dam") == [1, 1, 1]
    assert heard(world, "a1", "rain") == 1
