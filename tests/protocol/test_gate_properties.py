"""What holds for every order: the judge always answers, and enough distinct persons of the place stand behind a yes."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from protocol.clock import ClockReading
from protocol.codec import encode
from protocol.compose import order_id
from protocol.gate import Accept, Accepted, Ending, Known, Me, Reject, ReplayWindow, judge
from protocol.order import ENDS, ROLES, SOUNDING, MessageType, Order, Severity, Sound, Status
from protocol.report import ClockQuality
from protocol.roles import Role, Roots, Threshold
from protocol.signing import Family, sign
from protocol.trust import Trust
from tests.protocol.people import (
    CLOCK,
    COMMUNE,
    FLOOD,
    HAMLET,
    NOW_S,
    OTHER_COMMUNE,
    PROVINCE,
    ROOTS,
    TRUST,
    box,
    changed,
    holder,
    key,
    signed,
)
from tests.protocol.strategies import records

UNITS = (PROVINCE, COMMUNE, HAMLET, OTHER_COMMUNE, "79")
KEYS = {name: key(name) for name in ("Hoa", "Hoa's phone", "Minh", "Lan", "Dung", "Tuấn")}
PERSON = {name: name.partition("'")[0] for name in KEYS}

CLOCKS = st.builds(
    lambda hi, width, quality: ClockReading(hi - width, hi, quality),
    st.integers(-(2**40), 2**50),
    st.integers(0, 2**40),
    st.sampled_from(ClockQuality),
)

BOXES = st.builds(
    box,
    seen=st.sets(st.binary(min_size=16, max_size=16), max_size=3) | st.just({FLOOD.id}),
    windows=st.dictionaries(
        st.sampled_from([signer.public_key for signer in KEYS.values()]),
        st.builds(ReplayWindow, st.integers(0, 99), st.integers(0, 2**64 - 1)),
    ),
    ended=st.dictionaries(
        st.just(FLOOD.id),
        st.tuples(st.builds(Ending, st.integers(0, 2), st.sampled_from(Status), st.sampled_from(MessageType))),
    ),
    known=st.dictionaries(
        st.just(bytes(16)),
        st.builds(Known, st.integers(0, 2), st.sampled_from(Status), st.sampled_from(MessageType)),
    ),
    recent=st.lists(
        st.builds(
            Accepted,
            st.integers(NOW_S * 1000 - 90_000, NOW_S * 1000),
            st.sampled_from(Severity),
            st.integers(0, 2),
            st.sampled_from(Status),
            st.sampled_from(MessageType),
        ),
        max_size=25,
    ).map(tuple),
)


@st.composite
def rosters(draw: st.DrawFn) -> Roots:
    """Any roots of the domain: who may do what, where, and how many it takes."""
    places = st.sets(st.sampled_from(UNITS), min_size=1).map(lambda scope: tuple(sorted(scope)))
    roles = st.sets(st.sampled_from([Role.EMERGENCY, Role.CANCEL, Role.COMMUNE, Role.STOP, Role.CONTENT]), min_size=1)
    holders = tuple(
        holder(KEYS[name], PERSON[name], *sorted(draw(roles)), scope=draw(places))
        for name in draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, unique=True))
    )
    thresholds = tuple(Threshold(role, draw(st.integers(1, 4))) for role in (Role.EMERGENCY, Role.CANCEL, Role.STOP))
    return _with(holders=holders, thresholds=thresholds)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Orders that are often right in everything but their signers."""
    type_ = draw(st.sampled_from(MessageType))
    names = st.sampled_from([order_id(KEYS[name].public_key, b"flood at dam") for name in sorted(KEYS)])
    statuses = [Status.ACTUAL, Status.TEST] if type_ is MessageType.STOP else list(Status)
    return changed(
        FLOOD,
        id=draw(names),
        role=draw(st.sampled_from(sorted(ROLES[type_]))),
        type=type_,
        sound=Sound(1) if type_ in SOUNDING else None,
        references=(bytes(16),) if type_ in ENDS else (),
        status=draw(st.sampled_from(statuses)),
        area=tuple(draw(st.lists(st.sampled_from(UNITS), min_size=1, max_size=3, unique=True))),
        sequence=draw(st.integers(1, 99)),
        epoch=draw(st.integers(6, 8)),
    )


SIGNERS = st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=5)


def _with(**fields: Any) -> Roots:
    return msgspec.structs.replace(ROOTS, **fields)


@given(rosters(), orders(), SIGNERS, BOXES)
def test_whoever_is_obeyed_is_enough_distinct_persons_of_this_place(
    roots: Roots, order: Order, names: list[str], me: Me
) -> None:
    verdict = judge(signed(order, *(KEYS[name] for name in names)), Trust(roots), CLOCK, me)
    deepest = max((me.units.index(unit) for unit in order.area if unit in me.units), default=-1)
    above = set(me.units[1 if order.role is Role.COMMUNE else 0 : deepest + 1])
    entitled = {
        who.person
        for who in roots.holders
        if order.role in who.roles
        and above & set(who.scope)
        and any(KEYS[name].public_key == who.key for name in names)
    }
    enough = len(entitled) >= roots.persons_needed(order.role)
    if isinstance(verdict, Accept):
        assert enough
        assert {who.person for who in verdict.signers} == entitled
        assert verdict.first_signer_key in {KEYS[name].public_key for name in names}
        assert order.id == order_id(verdict.first_signer_key, b"flood at dam")
        assert order.id not in me.seen
        assert (1 if order.role is Role.COMMUNE else 0) <= verdict.level <= deepest
    else:
        assert verdict.order == order


@given(rosters(), st.permutations(sorted(KEYS)), st.integers(1, 6), st.integers(1, 6))
def test_with_a_signature_more_or_less_nothing_that_is_obeyed_is_obeyed_any_more(
    roots: Roots, names: list[str], count: int, other: int
) -> None:
    order = changed(FLOOD, id=order_id(KEYS[names[0]].public_key, b"flood at dam"))
    verdict, altered = (
        judge(signed(order, *(KEYS[name] for name in names[:many])), Trust(roots), CLOCK, box())
        for many in (count, other)
    )
    assert not (isinstance(verdict, Accept) and isinstance(altered, Accept)) or count == other


@given(orders(), SIGNERS, CLOCKS, BOXES)
def test_nothing_is_obeyed_that_may_have_expired(order: Order, names: list[str], clock: ClockReading, me: Me) -> None:
    verdict = judge(signed(order, *(KEYS[name] for name in names)), TRUST, clock, me)
    if isinstance(verdict, Accept):
        assert clock.tells_time
        assert clock.hi_ms < order.expires * 1_000
        assert order.expires - order.issued <= 7_200


@given(records(Order), CLOCKS, BOXES)
def test_the_judge_answers_to_any_order_that_two_persons_signed(order: Order, clock: ClockReading, me: Me) -> None:
    raw = sign(encode(order), Family.ORDER, me.domain, KEYS["Hoa"], KEYS["Minh"])
    assert isinstance(judge(raw, TRUST, clock, me), Accept | Reject)


@given(st.binary(max_size=1_000), CLOCKS, BOXES)
def test_the_judge_answers_to_any_bytes(raw: bytes, clock: ClockReading, me: Me) -> None:
    for start in (b"", b"\xd8\x62", b"\xd8\x62\x84\x44\xa1\x10\x19\xfd\xec\xa0"):
        assert isinstance(judge(start + raw, TRUST, clock, me), Reject)


@given(st.lists(st.integers(1, 200), max_size=60))
def test_a_window_knows_the_last_64_and_calls_all_older_ones_seen(sequences: list[int]) -> None:
    window, taken = ReplayWindow(), set[int]()
    for sequence in sequences:
        high = window.high
        if not window.seen(sequence):
            assert sequence not in taken
            taken.add(sequence)
            window = window.with_(sequence)
        assert window.high >= high
        assert window.bits < 1 << 64
    for sequence in range(1, 260):
        assert window.seen(sequence) == (sequence in taken or sequence <= max(taken, default=0) - 64)
