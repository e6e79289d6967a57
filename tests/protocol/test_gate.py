"""The judge of orders, one rule after the other.

Hoa and Minh answer for the province, Lan and Dung for one commune, Tuấn is a technician. The box stands in a hamlet.
"""

from dataclasses import replace
from itertools import permutations
from typing import Any

import msgspec
import pytest

from protocol.clock import ClockReading
from protocol.codec import encode
from protocol.compose import order_id
from protocol.delegation import Delegation
from protocol.gate import Accept, Accepted, Ending, Known, Me, Reject, RejectCode, ReplayWindow, judge
from protocol.ids import key_id
from protocol.messages import OWN_WORDS
from protocol.order import MAX_ORDER_BYTES, ROLES, MessageType, Order, Severity, Sound, Status
from protocol.refusals import sentence
from protocol.report import ClockQuality
from protocol.roles import Role, Roots, Threshold
from protocol.signing import Domain, Family, KeySigner, SignedBy, assemble, sign, to_be_signed
from protocol.trust import Trust
from tests.protocol.people import (
    CANCEL,
    CLOCK,
    COMMUNE,
    CONTROLLER,
    DOMAIN,
    DUNG,
    FLOOD,
    HAMLET,
    HOA,
    HOA_PHONE,
    LAN,
    MINH,
    NOW_MS,
    NOW_S,
    OTHER_COMMUNE,
    PROVINCE,
    REINSTATE,
    ROOTS,
    STOP,
    TRUST,
    TUAN,
    box,
    changed,
    holder,
    key,
    signed,
)


def code(raw: bytes, *, roots: Roots = ROOTS, clock: ClockReading = CLOCK, me: Me | None = None) -> RejectCode | None:
    """The code with which the box refuses these bytes; None where it accepts."""
    verdict = judge(raw, Trust(roots), clock, me or box())
    return verdict.code if isinstance(verdict, Reject) else None


def accepted(raw: bytes, *, roots: Roots = ROOTS, me: Me | None = None) -> Accept:
    verdict = judge(raw, Trust(roots), CLOCK, me or box())
    assert isinstance(verdict, Accept), verdict
    return verdict


def by(order: Order, *signers: KeySigner) -> bytes:
    """The order as one of the first of these, signed by all of them."""
    return signed(changed(order, id=order_id(signers[0].public_key, order.id[4:])), *signers)


def with_holders(*holders: Any) -> Roots:
    return msgspec.structs.replace(ROOTS, holders=holders)


def known(order: Order = FLOOD, level: int = 0) -> dict[bytes, Known]:
    """What the box remembers after it has accepted this order."""
    return {order.id: Known(level, order.status, order.type)}


def ending(order: Order, level: int = 0) -> dict[bytes, tuple[Ending, ...]]:
    """What the box remembers that this order ends, or will end when it comes."""
    return dict.fromkeys(order.references, (Ending(level, order.status, order.type),))


def busy(count: int = 20, **fields: Any) -> Me:
    """A box that has just accepted so many orders of this kind; where nothing is said, alerts like the flood's."""
    row = Accepted(NOW_MS, Severity.EXTREME, 0, Status.ACTUAL, MessageType.ALERT)
    return box(recent=(replace(row, **fields),) * count)


def update(**fields: Any) -> Order:
    order = changed(FLOOD, id=order_id(HOA.public_key, b"update flood"), sequence=2, type=MessageType.UPDATE)
    return changed(order, references=(FLOOD.id,), **fields)


# What is accepted, and what the box learns from it


def test_an_order_of_two_persons_of_the_province_is_accepted() -> None:
    verdict = accepted(signed(FLOOD))
    assert verdict.order == FLOOD
    assert verdict.id == FLOOD.id
    assert [who.person for who in verdict.signers] == ["Hoa", "Minh"]
    assert verdict.level == 0
    assert verdict.first_signer_key == HOA.public_key


def test_a_cancel_of_one_person_is_accepted_where_one_is_enough() -> None:
    verdict = accepted(signed(CANCEL, HOA), me=box(known=known()))
    assert [who.person for who in verdict.signers] == ["Hoa"]


def test_two_persons_of_the_commune_raise_it_at_the_level_of_the_commune() -> None:
    assert accepted(by(FLOOD, LAN, DUNG)).level == 1


def test_one_of_the_province_and_one_of_the_commune_speak_as_the_commune() -> None:
    assert accepted(signed(FLOOD, HOA, LAN)).level == 1


@pytest.mark.parametrize("signers", list(permutations((LAN, HOA, MINH))))
def test_a_signature_to_spare_is_refused_for_a_relay_could_take_it_and_lower_the_level(
    signers: tuple[KeySigner, ...],
) -> None:
    assert code(signed(FLOOD, *signers)) is RejectCode.SURPLUS
    assert code(signed(CANCEL, HOA, MINH), me=box(known=known())) is RejectCode.SURPLUS


def test_where_three_must_sign_three_may() -> None:
    roots = msgspec.structs.replace(ROOTS, thresholds=(Threshold(Role.ROOT, 2), Threshold(Role.EMERGENCY, 3)))
    assert accepted(signed(FLOOD, LAN, HOA, MINH), roots=roots).level == 1
    assert code(signed(FLOOD, HOA, MINH), roots=roots) is RejectCode.THRESHOLD


def test_two_keys_of_one_person_of_the_province_and_one_of_the_commune_speak_as_the_commune() -> None:
    roots = msgspec.structs.replace(ROOTS, thresholds=(Threshold(Role.ROOT, 2), Threshold(Role.EMERGENCY, 3)))
    assert code(signed(FLOOD, HOA, HOA_PHONE, LAN), roots=roots) is RejectCode.THRESHOLD


def test_a_key_under_a_second_name_does_not_make_two_of_the_province() -> None:
    """Of Lan's two lines in force the one counts that speaks at the level, and both are one signer."""
    officers = (holder(LAN, "Lan", Role.COMMUNE, scope=(COMMUNE,)), holder(DUNG, "Dung", Role.COMMUNE, scope=(HAMLET,)))
    thresholds = (Threshold(Role.ROOT, 2), Threshold(Role.COMMUNE, 2))
    roots = msgspec.structs.replace(ROOTS, holders=(*ROOTS.holders[:2], *officers), thresholds=thresholds)
    warning = changed(FLOOD, role=Role.COMMUNE, id=order_id(LAN.public_key, b"flood at dam"), area=(HAMLET,))
    for scope in (COMMUNE, HAMLET):
        lists = Delegation(COMMUNE, 0, 1, 7, NOW_S, NOW_S + 999, (holder(LAN, "Lan 2", Role.COMMUNE, scope=(scope,)),))
        verdict = judge(signed(warning, LAN, DUNG), Trust(roots, (lists,)), CLOCK, box())
        assert isinstance(verdict, Accept), verdict
        assert verdict.level == 2
        assert [who.person for who in verdict.signers] == ["Lan", "Dung"]


def test_a_line_that_does_not_speak_here_is_not_named() -> None:
    here, lower = (holder(LAN, "Lan", Role.COMMUNE, scope=(unit,)) for unit in (COMMUNE, HAMLET))
    warning = changed(FLOOD, role=Role.COMMUNE, id=order_id(LAN.public_key, b"flood at dam"))
    for first, second in ((here, lower), (lower, here)):
        lists = Delegation(COMMUNE, 0, 1, 7, NOW_S, NOW_S + 999, (second,))
        verdict = judge(signed(warning, LAN), Trust(with_holders(first), (lists,)), CLOCK, box())
        assert isinstance(verdict, Accept), verdict
        assert [who.scope for who in verdict.signers] == [(COMMUNE,)]


def test_an_order_under_older_roots_is_accepted_while_its_signers_are_still_listed() -> None:
    assert accepted(signed(changed(FLOOD, epoch=6)))


def test_an_order_that_begins_later_is_accepted_now() -> None:
    assert accepted(signed(changed(FLOOD, not_before=NOW_S + 1_800)))


def test_a_test_is_accepted_and_is_for_the_planner_to_keep_silent() -> None:
    assert accepted(signed(changed(FLOOD, status=Status.TEST))).order.status is Status.TEST


# Size and canonical form


def test_an_order_of_more_than_900_bytes_is_refused_unread() -> None:
    long = changed(FLOOD, board="x" * 300, reason="x" * 200, cap=bytes(32), references=(bytes(16),) * 8)
    raw = sign(encode(long), Family.ORDER, DOMAIN, HOA, MINH)
    assert len(raw) > MAX_ORDER_BYTES
    assert judge(raw, TRUST, CLOCK, box()) == Reject(RejectCode.TOO_LONG)


def test_an_order_of_900_bytes_is_read() -> None:
    long = changed(FLOOD, board="x" * 300, area=(COMMUNE, *(f"77-{26_500 + number}" for number in range(10, 31))))
    missing = MAX_ORDER_BYTES - len(signed(changed(long, reason="x" * 30)))
    raw = signed(changed(long, reason="x" * (30 + missing)))
    assert len(raw) == MAX_ORDER_BYTES
    assert code(raw) is None


def test_an_order_with_a_prepared_message_and_two_signatures_fits_in_300_bytes() -> None:
    names = tuple(f"77-{26_500 + number}" for number in range(6))
    assert len(signed(changed(FLOOD, area=(COMMUNE, *names[:5]), sequence=2**32 - 1, epoch=2**16))) <= 300


def test_bytes_that_are_no_order_are_refused() -> None:
    assert code(b"") is RejectCode.MALFORMED
    assert code(b"\xd8\x62\x80") is RejectCode.MALFORMED
    assert code(signed(FLOOD)[:-1]) is RejectCode.MALFORMED


def test_an_order_that_leaves_out_a_default_is_refused() -> None:
    shorter = b"\x93" + encode(FLOOD)[1:-1]
    assert encode(FLOOD)[0] == 0x94
    assert code(sign(shorter, Family.ORDER, DOMAIN, HOA, MINH)) is RejectCode.MALFORMED


@pytest.mark.parametrize(
    "order",
    [
        changed(FLOOD, sound=None),
        changed(CANCEL, sound=Sound(1)),
        changed(CANCEL, references=()),
        update(sound=None),
        changed(CANCEL, references=(CANCEL.id,)),
        changed(FLOOD, references=(CANCEL.id,)),
        changed(FLOOD, until=NOW_S + 60),
        changed(STOP, sound=Sound(1)),
        changed(STOP, references=(FLOOD.id,)),
        changed(STOP, until=STOP.issued),
        changed(STOP, status=Status.EXERCISE),
        changed(REINSTATE, references=()),
        changed(REINSTATE, references=(STOP.id, REINSTATE.id)),
        changed(REINSTATE, until=NOW_S + 60),
    ],
    ids=[
        "alert without sound",
        "cancel with sound",
        "cancel of nothing",
        "update without sound",
        "cancel of itself",
        "alert that ends something",
        "alert with a lock's end",
        "stop with sound",
        "stop of an order",
        "stop that ends when it begins",
        "stop as a drill",
        "reinstatement of nothing",
        "reinstatement of itself",
        "reinstatement with a lock's end",
    ],
)
def test_an_order_without_sense_is_refused(order: Order) -> None:
    assert code(signed(order)) is RejectCode.SHAPE


@pytest.mark.parametrize("kind", MessageType)
@pytest.mark.parametrize("role", Role)
def test_each_type_is_signed_as_a_role_that_is_there_for_it(kind: MessageType, role: Role) -> None:
    right = {
        MessageType.ALERT: {Role.EMERGENCY, Role.COMMUNE},
        MessageType.UPDATE: {Role.EMERGENCY, Role.COMMUNE},
        MessageType.CANCEL: {Role.CANCEL, Role.COMMUNE},
        MessageType.STOP: {Role.STOP, Role.CANCEL, Role.COMMUNE},
        MessageType.REINSTATE: {Role.STOP, Role.CANCEL, Role.COMMUNE},
    }
    assert ROLES[kind] == right[kind]
    order = {MessageType.UPDATE: update(), MessageType.CANCEL: CANCEL, MessageType.STOP: STOP}.get(kind, FLOOD)
    order = changed(REINSTATE if kind is MessageType.REINSTATE else order, role=role)
    assert (code(signed(order)) is RejectCode.SHAPE) is (role not in right[kind])


def test_a_stop_that_ends_by_itself_is_accepted() -> None:
    assert accepted(signed(changed(STOP, until=STOP.issued + 1), LAN)).order.until == STOP.issued + 1


def test_a_stop_and_its_reinstatement_take_one_person_and_their_place() -> None:
    assert accepted(signed(STOP, LAN)).level == 1
    assert accepted(signed(REINSTATE, LAN), me=box(known=known(STOP, 1))).level == 1


# Domain and roots


def test_an_order_of_another_province_is_refused() -> None:
    assert code(signed(changed(FLOOD, province="79"))) is RejectCode.DOMAIN


def test_an_order_of_the_trial_system_is_refused_by_the_real_one() -> None:
    production = Domain(PROVINCE, "production")
    assert code(signed(FLOOD), me=box(domain=production)) is RejectCode.DOMAIN


def test_an_order_that_claims_this_domain_but_was_signed_for_another_is_refused() -> None:
    raw = sign(encode(FLOOD), Family.ORDER, Domain("79", "test"), HOA, MINH)
    assert code(raw) is RejectCode.SIGNATURE


def test_roots_of_another_domain_judge_nothing() -> None:
    assert code(signed(FLOOD), roots=msgspec.structs.replace(ROOTS, environment="demo")) is RejectCode.DOMAIN


def test_an_order_under_roots_that_the_box_does_not_have_yet_waits_for_them() -> None:
    assert code(signed(changed(FLOOD, epoch=8))) is RejectCode.ROOTS_NEWER


@pytest.mark.parametrize(
    ("late_ms", "expected"), [(-1, None), (0, RejectCode.ROOTS_EXPIRED), (1, RejectCode.ROOTS_EXPIRED)]
)
def test_no_order_is_taken_under_roots_that_may_have_expired(late_ms: int, expected: RejectCode | None) -> None:
    roots = msgspec.structs.replace(ROOTS, expires=NOW_S + 60)
    hi = roots.expires * 1_000 + late_ms
    assert code(signed(FLOOD), roots=roots, clock=ClockReading(hi - 60_000, hi, ClockQuality.NITZ)) is expected
    floor = ClockReading(hi, hi, ClockQuality.FLOOR)
    assert code(signed(FLOOD), roots=roots, clock=floor) is RejectCode.NO_TIME


def test_of_what_too_few_have_signed_nothing_is_said_of_roots_that_have_expired() -> None:
    roots, clock = msgspec.structs.replace(ROOTS, expires=NOW_S), CLOCK
    assert code(signed(FLOOD, TUAN), roots=roots, clock=clock) is RejectCode.SIGNATURE
    assert code(signed(FLOOD, HOA), roots=roots, clock=clock) is RejectCode.THRESHOLD


# Persons


@pytest.mark.parametrize("signers", [(TUAN,), (CONTROLLER, TUAN), (key("nobody"), key("somebody"))])
def test_signers_without_the_role_count_for_nothing(signers: tuple[KeySigner, ...]) -> None:
    assert code(signed(FLOOD, *signers)) is RejectCode.SIGNATURE


@pytest.mark.parametrize("signers", [(HOA,), (HOA, HOA), (HOA, HOA_PHONE), (HOA, TUAN), (HOA, CONTROLLER)])
def test_one_person_is_not_two(signers: tuple[KeySigner, ...]) -> None:
    assert code(signed(FLOOD, *signers)) is RejectCode.THRESHOLD


def test_a_person_taken_off_the_list_no_longer_counts() -> None:
    rest = tuple(who for who in ROOTS.holders if who.person != "Minh")
    assert code(signed(FLOOD, HOA, MINH), roots=with_holders(*rest)) is RejectCode.THRESHOLD


def test_a_signature_over_another_order_counts_for_nothing() -> None:
    others = to_be_signed(encode(changed(FLOOD, area=(HAMLET,))), Family.ORDER, DOMAIN)
    mine = to_be_signed(encode(FLOOD), Family.ORDER, DOMAIN)
    raw = assemble(
        encode(FLOOD),
        Family.ORDER,
        (SignedBy(HOA.public_key, HOA.sign(mine)), SignedBy(MINH.public_key, MINH.sign(others))),
    )
    assert code(raw) is RejectCode.THRESHOLD


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({}, None),
        ({"not_after": NOW_S}, None),
        ({"not_after": NOW_S - 1}, RejectCode.THRESHOLD),
        ({"not_before": NOW_S + 1}, RejectCode.THRESHOLD),
    ],
)
def test_a_substitute_counts_between_their_dates(dates: dict[str, Any], expected: RejectCode | None) -> None:
    roots = with_holders(ROOTS.holders[0], holder(MINH, "Minh", Role.EMERGENCY, **dates))
    assert code(signed(FLOOD), roots=roots) is expected


def test_a_key_that_may_have_run_out_has_run_out() -> None:
    roots = with_holders(ROOTS.holders[0], holder(MINH, "Minh", Role.EMERGENCY, not_after=NOW_S))
    vague = ClockReading(NOW_MS - 60_000, NOW_MS + 60_000, ClockQuality.NITZ)
    assert code(signed(FLOOD), roots=roots, clock=vague) is RejectCode.THRESHOLD


def test_who_may_cancel_may_not_raise_and_the_other_way_round() -> None:
    roots = with_holders(holder(HOA, "Hoa", Role.EMERGENCY), holder(MINH, "Minh", Role.CANCEL))
    assert code(signed(FLOOD), roots=roots) is RejectCode.THRESHOLD
    assert code(signed(CANCEL, HOA), roots=roots) is RejectCode.SIGNATURE
    assert code(by(CANCEL, MINH), roots=roots) is None


def test_two_keys_with_one_key_id_are_told_apart_by_the_signature() -> None:
    twin, other = key("stranger 13480"), key("stranger 195040")  # found by trying: a key id has only 4 bytes
    assert key_id(twin.public_key) == key_id(other.public_key)
    roots = with_holders(holder(other, "Minh", Role.EMERGENCY), holder(twin, "Lan", Role.EMERGENCY), *ROOTS.holders[:1])
    assert [who.person for who in accepted(signed(FLOOD, HOA, twin), roots=roots).signers] == ["Hoa", "Lan"]


# Place


def test_persons_of_the_commune_may_not_order_the_province() -> None:
    assert code(by(changed(FLOOD, area=(PROVINCE,)), LAN, DUNG)) is RejectCode.SCOPE


def test_a_person_of_another_commune_does_not_make_the_second_here() -> None:
    elsewhere = holder(DUNG, "Dung", Role.EMERGENCY, scope=(OTHER_COMMUNE,))
    roots = with_holders(*(who for who in ROOTS.holders if who.person != "Dung"), elsewhere)
    assert code(by(changed(FLOOD, area=(COMMUNE, OTHER_COMMUNE)), LAN, DUNG), roots=roots) is RejectCode.SCOPE


def test_the_lowest_unit_that_is_hit_decides_who_may_speak_for_it() -> None:
    assert accepted(by(changed(FLOOD, area=(PROVINCE, COMMUNE)), LAN, DUNG)).level == 1


@pytest.mark.parametrize("area", [(PROVINCE,), (COMMUNE,), (HAMLET,), (OTHER_COMMUNE, COMMUNE)])
def test_an_order_for_a_unit_above_the_box_is_for_the_box(area: tuple[str, ...]) -> None:
    assert code(signed(changed(FLOOD, area=area))) is None


@pytest.mark.parametrize("area", [(OTHER_COMMUNE,), ("77-26506-04",), ("77-2650",), ("79",)])
def test_an_order_for_elsewhere_is_not_for_the_box(area: tuple[str, ...]) -> None:
    assert code(signed(changed(FLOOD, area=area))) is RejectCode.AREA


# Status


def test_a_test_ends_nothing() -> None:
    assert code(signed(changed(CANCEL, status=Status.TEST), HOA)) is RejectCode.STATUS
    assert code(signed(update(status=Status.TEST))) is RejectCode.STATUS


def test_a_drill_does_not_end_the_real_thing_nor_the_other_way_round() -> None:
    real, drill = (box(known=known(changed(FLOOD, status=status))) for status in (Status.ACTUAL, Status.EXERCISE))
    assert code(signed(changed(CANCEL, status=Status.EXERCISE), HOA), me=real) is RejectCode.STATUS
    assert code(signed(update(status=Status.EXERCISE)), me=real) is RejectCode.STATUS
    assert code(signed(CANCEL, HOA), me=drill) is RejectCode.STATUS
    assert code(signed(changed(CANCEL, status=Status.EXERCISE), HOA), me=drill) is None
    assert code(signed(CANCEL, HOA), me=real) is None


# Once only


def test_the_same_order_once_more_is_a_duplicate_and_not_a_replay() -> None:
    me = box(seen={FLOOD.id}, windows={HOA.public_key: ReplayWindow().with_(1)})
    assert code(signed(FLOOD), me=me) is RejectCode.DUPLICATE


def test_another_order_with_a_used_sequence_is_a_replay() -> None:
    other = changed(FLOOD, id=order_id(HOA.public_key, b"another one."))
    assert code(signed(other), me=box(windows={HOA.public_key: ReplayWindow().with_(1)})) is RejectCode.REPLAY


def test_a_sequence_that_has_left_the_window_is_a_replay_though_it_was_never_seen() -> None:
    me = box(windows={HOA.public_key: ReplayWindow().with_(65)})
    assert code(signed(changed(FLOOD, sequence=1)), me=me) is RejectCode.REPLAY
    assert code(signed(changed(FLOOD, sequence=2)), me=me) is None


def test_each_first_signer_counts_for_themself() -> None:
    me = box(windows={MINH.public_key: ReplayWindow().with_(1)})
    assert code(signed(FLOOD, HOA, MINH), me=me) is None


def test_a_relay_that_exchanges_the_signatures_uses_up_nobodys_sequences() -> None:
    verdict = accepted(signed(FLOOD, MINH, HOA))
    assert verdict.first_signer_key == HOA.public_key


@pytest.mark.parametrize("signers", [(MINH, LAN), (MINH, TUAN), (MINH,)])
def test_an_order_whose_first_signer_did_not_sign_is_refused(signers: tuple[KeySigner, ...]) -> None:
    assert code(signed(FLOOD, *signers)) is RejectCode.SIGNATURE
    assert code(signed(changed(FLOOD, id=bytes(16)), *signers)) is RejectCode.SIGNATURE


def test_of_two_keys_with_one_key_id_the_lower_counts_whatever_a_relay_exchanges() -> None:
    twins = (key("stranger 13480"), key("stranger 195040"))
    roots = with_holders(holder(twins[0], "Song", Role.EMERGENCY), holder(twins[1], "Sinh", Role.EMERGENCY))
    order = changed(FLOOD, id=order_id(twins[0].public_key, b"flood at dam"))
    firsts = {accepted(signed(order, *pair), roots=roots).first_signer_key for pair in (twins, twins[::-1])}
    assert firsts == {min(who.public_key for who in twins)}


# Ended before it came


def test_a_cancel_before_its_alert_silences_it() -> None:
    cancel = accepted(signed(CANCEL, HOA))
    me = box(ended=ending(cancel.order, cancel.level))
    assert code(signed(FLOOD), me=me) is RejectCode.CANCELLED


def test_an_update_before_its_alert_takes_its_place() -> None:
    newer = accepted(signed(update()))
    me = box(ended=ending(newer.order, newer.level))
    assert code(signed(FLOOD), me=me) is RejectCode.CANCELLED


def test_a_cancel_of_the_commune_before_an_alert_of_the_province_does_not_silence_it() -> None:
    cancel = accepted(by(CANCEL, LAN))
    assert cancel.level == 1
    me = box(ended=ending(cancel.order, cancel.level))
    assert code(signed(FLOOD, HOA, MINH), me=me) is None
    theirs = changed(FLOOD, id=order_id(LAN.public_key, b"flood at dam"))
    own, lower = (Ending(level, Status.ACTUAL, MessageType.CANCEL) for level in (1, 2))
    assert code(signed(theirs, LAN, DUNG), me=box(ended={theirs.id: (own,)})) is RejectCode.CANCELLED
    assert code(signed(theirs, LAN, DUNG), me=box(ended={theirs.id: (lower,)})) is None


def test_an_ending_of_another_status_says_nothing() -> None:
    drill, real = (Ending(0, status, MessageType.CANCEL) for status in (Status.EXERCISE, Status.ACTUAL))
    assert code(signed(FLOOD), me=box(ended={FLOOD.id: (drill,)})) is None
    assert code(signed(FLOOD), me=box(ended={FLOOD.id: (drill, real)})) is RejectCode.CANCELLED


@pytest.mark.parametrize("kind", MessageType)
def test_what_came_first_and_names_an_alert_or_a_stop_ends_it_only_if_its_type_can(kind: MessageType) -> None:
    first = (Ending(0, Status.ACTUAL, kind),)
    ends_alerts = kind in (MessageType.UPDATE, MessageType.CANCEL)
    assert code(signed(FLOOD), me=box(ended={FLOOD.id: first})) is (RejectCode.CANCELLED if ends_alerts else None)
    ends_stops = kind is MessageType.REINSTATE
    assert code(signed(STOP, LAN), me=box(ended={STOP.id: first})) is (RejectCode.CANCELLED if ends_stops else None)


@pytest.mark.parametrize(
    ("signer", "raised_at", "expected"),
    [(HOA, 0, None), (HOA, 1, None), (LAN, 1, None), (LAN, 0, RejectCode.AUTHORITY)],
)
def test_silencing_needs_the_level_that_raised_it(
    signer: KeySigner, raised_at: int, expected: RejectCode | None
) -> None:
    assert code(by(CANCEL, signer), me=box(known=known(level=raised_at))) is expected


def test_who_stopped_or_who_is_above_opens_again() -> None:
    assert code(signed(REINSTATE, LAN), me=box(known=known(STOP, 0))) is RejectCode.AUTHORITY
    assert code(by(REINSTATE, HOA), me=box(known=known(STOP, 0))) is None


def test_the_commune_cannot_replace_what_the_province_ordered() -> None:
    me = box(known=known())
    assert code(by(update(), LAN, DUNG), me=me) is RejectCode.AUTHORITY
    assert code(signed(update(), HOA, MINH), me=me) is None


@pytest.mark.parametrize("kind", MessageType)
def test_each_type_ends_what_it_is_there_for(kind: MessageType) -> None:
    me = box(known={FLOOD.id: Known(1, Status.ACTUAL, kind)})
    alarm = kind in (MessageType.ALERT, MessageType.UPDATE)
    stopped = kind in (MessageType.CANCEL, MessageType.STOP)
    assert code(signed(update()), me=me) is (None if alarm else RejectCode.STATUS)
    assert code(signed(CANCEL, HOA), me=me) is (None if alarm else RejectCode.STATUS)
    reinstate = signed(changed(REINSTATE, references=(FLOOD.id,)), LAN)
    assert code(reinstate, me=me) is (None if stopped else RejectCode.STATUS)


def test_all_that_an_order_refers_to_is_looked_at() -> None:
    cancel = changed(CANCEL, references=(b"unknown to a box", FLOOD.id, update().id))
    both = known(FLOOD) | known(update(), 0)
    assert code(signed(cancel, HOA), me=box(known=both)) is None
    assert code(by(cancel, LAN), me=box(known=known(FLOOD, 1) | known(update(), 0))) is RejectCode.AUTHORITY
    assert code(signed(cancel, HOA), me=box(known=both | known(changed(STOP, id=FLOOD.id)))) is RejectCode.STATUS


# A commune's one signature

HAI = key("Hải's panel")
WITH_HAI = msgspec.structs.replace(ROOTS, holders=(*ROOTS.holders, holder(HAI, "Hải", Role.COMMUNE, scope=(COMMUNE,))))
WARNING = changed(FLOOD, id=order_id(HAI.public_key, b"dike breaks!"), role=Role.COMMUNE)


def test_a_commune_warns_of_a_listed_event_by_one_signature_in_prepared_words() -> None:
    assert accepted(signed(WARNING, HAI), roots=WITH_HAI).level == 1
    assert code(signed(changed(WARNING, event="storm"), HAI), roots=WITH_HAI) is RejectCode.EVENT
    assert code(signed(changed(WARNING, sound=Sound(bytes(32))), HAI), roots=WITH_HAI) is RejectCode.EVENT


def test_a_commune_warns_of_a_listed_event_in_its_own_words_too() -> None:
    own = changed(WARNING, sound=Sound(OWN_WORDS), board="Đê ở thôn 3 sắp vỡ.")
    assert accepted(signed(own, HAI), roots=WITH_HAI).level == 1
    assert code(signed(changed(own, event="storm"), HAI), roots=WITH_HAI) is RejectCode.EVENT


def test_two_persons_may_say_what_a_commune_may_not() -> None:
    has_it = box(has_sound=lambda message: True)
    assert code(signed(changed(FLOOD, event="storm", sound=Sound(bytes(32)))), me=has_it) is None


def test_a_commune_stops_and_cancels_whatever_the_event() -> None:
    stop = changed(STOP, id=order_id(HAI.public_key, b"stop  speech"), role=Role.COMMUNE, event="noise")
    assert code(signed(stop, HAI), roots=WITH_HAI) is None


@pytest.mark.parametrize(("scope", "level"), [((PROVINCE,), None), ((PROVINCE, COMMUNE), 1), ((COMMUNE, HAMLET), 1)])
def test_a_communes_one_signature_never_counts_for_the_province(scope: tuple[str, ...], level: int | None) -> None:
    roots = with_holders(holder(HAI, "Hải", Role.COMMUNE, scope=scope))
    assert code(signed(changed(WARNING, area=(PROVINCE,)), HAI), roots=roots) is RejectCode.SCOPE
    verdict = judge(signed(WARNING, HAI), Trust(roots), CLOCK, box())
    assert (verdict.level if isinstance(verdict, Accept) else None) == level


@pytest.mark.parametrize(("seconds", "expected"), [(3600, None), (3601, RejectCode.LIFETIME)])
def test_a_communes_warning_lives_one_hour_and_its_stop_two(seconds: int, expected: RejectCode | None) -> None:
    warning = changed(WARNING, expires=WARNING.issued + seconds)
    assert code(signed(warning, HAI), roots=WITH_HAI) is expected
    again = changed(warning, type=MessageType.UPDATE, references=(FLOOD.id,))
    assert code(signed(again, HAI), roots=WITH_HAI) is expected
    stop = changed(STOP, id=warning.id, role=Role.COMMUNE, expires=STOP.issued + 2 * 3600)
    assert code(signed(stop, HAI), roots=WITH_HAI) is None


# Time


@pytest.mark.parametrize("quality", [ClockQuality.NONE, ClockQuality.FLOOR])
def test_a_box_without_the_time_obeys_nothing(quality: ClockQuality) -> None:
    clock = ClockReading(0, 2**48, quality)
    assert code(signed(FLOOD), clock=clock) is RejectCode.NO_TIME
    assert code(signed(CANCEL, HOA), clock=clock) is RejectCode.NO_TIME


def test_without_the_time_a_key_is_judged_at_the_moment_of_the_order() -> None:
    clock = ClockReading(0, 2**48, ClockQuality.FLOOR)
    for ends, expected in ((FLOOD.issued, RejectCode.NO_TIME), (FLOOD.issued - 1, RejectCode.THRESHOLD)):
        roots = with_holders(ROOTS.holders[0], holder(MINH, "Minh", Role.EMERGENCY, not_after=ends))
        assert code(signed(FLOOD), roots=roots, clock=clock) is expected


@pytest.mark.parametrize("quality", [quality for quality in ClockQuality if quality >= ClockQuality.NITZ])
def test_any_clock_that_bounds_the_time_is_enough_for_an_emergency(quality: ClockQuality) -> None:
    assert code(signed(FLOOD), clock=ClockReading(NOW_MS - 60_000, NOW_MS, quality)) is None


@pytest.mark.parametrize(
    ("late_ms", "expected"), [(-1, None), (0, "EXPIRED"), (1_000, "EXPIRED"), (30 * 86_400_000, "EXPIRED")]
)
def test_an_expired_order_never_sounds(late_ms: int, expected: str | None) -> None:
    hi = FLOOD.expires * 1_000 + late_ms
    assert code(signed(FLOOD), clock=ClockReading(hi, hi, ClockQuality.RTC)) == expected


def test_an_order_that_may_have_expired_has_expired() -> None:
    hi = FLOOD.expires * 1_000
    assert code(signed(FLOOD), clock=ClockReading(hi - 60_000, hi, ClockQuality.NITZ)) is RejectCode.EXPIRED


@pytest.mark.parametrize(("ahead_s", "expected"), [(300, None), (301, RejectCode.FUTURE)])
def test_an_order_from_the_future_is_refused_beyond_five_minutes(ahead_s: int, expected: RejectCode | None) -> None:
    issued = NOW_S + ahead_s
    assert code(signed(changed(FLOOD, issued=issued, expires=issued + 60))) is expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"issued": NOW_S, "expires": NOW_S + 7_200}, None),
        ({"issued": NOW_S, "expires": NOW_S + 7_201}, RejectCode.LIFETIME),
        ({"issued": NOW_S + 60, "expires": NOW_S + 60}, RejectCode.LIFETIME),
        ({"issued": NOW_S + 60, "expires": NOW_S + 30}, RejectCode.LIFETIME),
        ({"not_before": FLOOD.expires}, RejectCode.LIFETIME),
        ({"not_before": FLOOD.expires - 1}, None),
    ],
)
def test_an_order_lives_two_hours_at_most(times: dict[str, int], expected: RejectCode | None) -> None:
    assert code(signed(changed(FLOOD, **times))) is expected


# Rate and sound


def test_twenty_orders_a_minute_are_enough_but_they_keep_no_cancel_out() -> None:
    assert code(signed(FLOOD), me=busy(19)) is None
    assert code(signed(FLOOD), me=busy(20, at_ms=NOW_MS - 59_999)) is RejectCode.RATE
    assert code(signed(CANCEL, HOA), me=busy(200)) is None


@pytest.mark.parametrize("kind", [MessageType.CANCEL, MessageType.STOP, MessageType.REINSTATE])
def test_sixty_silent_orders_a_minute_are_enough_whatever_their_severity_but_they_keep_no_alarm_out(
    kind: MessageType,
) -> None:
    assert code(signed(CANCEL, HOA), me=busy(59, type=kind)) is None
    assert code(signed(CANCEL, HOA), me=busy(60, type=kind, severity=Severity.MINOR)) is RejectCode.RATE
    assert code(signed(FLOOD), me=busy(200, type=kind)) is None


def test_acceptances_older_than_a_minute_or_from_before_a_clock_jump_do_not_count() -> None:
    times = (*[NOW_MS - 60_000] * 20, *[NOW_MS - 1_000] * 19, *[NOW_MS + 60_000] * 20)
    row = busy(1).recent[0]
    calm = box(recent=tuple(replace(row, at_ms=at_ms) for at_ms in times))
    assert code(signed(FLOOD), me=calm) is None


def test_a_flood_of_lesser_alarms_does_not_keep_out_a_worse_one() -> None:
    lesser = busy(severity=Severity.SEVERE)
    assert code(signed(FLOOD), me=lesser) is None
    assert code(signed(changed(FLOOD, severity=Severity.SEVERE)), me=lesser) is RejectCode.RATE
    assert code(signed(changed(FLOOD, severity=Severity.MINOR)), me=lesser) is RejectCode.RATE


def test_a_flood_of_one_commune_does_not_keep_out_the_province_but_the_provinces_does_the_communes() -> None:
    assert code(signed(FLOOD, HOA, MINH), me=busy(level=1)) is None
    assert code(by(FLOOD, LAN, DUNG), me=busy(level=1)) is RejectCode.RATE
    assert code(by(FLOOD, LAN, DUNG), me=busy(level=0)) is RejectCode.RATE
    assert code(signed(CANCEL, HOA), me=busy(60, type=MessageType.STOP, level=1)) is None


def test_neither_tests_nor_drills_keep_out_a_real_alarm_nor_tests_a_drill() -> None:
    drill, test = (signed(changed(FLOOD, status=status)) for status in (Status.EXERCISE, Status.TEST))
    tests, drills = busy(status=Status.TEST), busy(status=Status.EXERCISE)
    assert [code(order, me=tests) for order in (signed(FLOOD), drill, test)] == [None, None, RejectCode.RATE]
    assert [code(order, me=drills) for order in (signed(FLOOD), drill)] == [None, RejectCode.RATE]
    assert code(drill, me=busy()) is RejectCode.RATE


def test_an_order_whose_sound_is_not_here_is_refused() -> None:
    assert code(signed(changed(FLOOD, sound=Sound(bytes(32))))) is RejectCode.NO_SOUND
    has_it = box(has_sound=lambda message: message == bytes(32))
    assert code(signed(changed(FLOOD, sound=Sound(bytes(32)))), me=has_it) is None


def test_words_that_a_box_can_speak_stand_for_a_blob_that_is_not_here_and_for_nothing_else() -> None:
    blob = Sound(bytes(32))
    assert code(signed(changed(FLOOD, sound=blob, board="Nước lên nhanh."))) is None
    assert code(signed(changed(FLOOD, sound=Sound(4711), board="Nước lên nhanh."))) is RejectCode.NO_SOUND
    drill = signed(changed(FLOOD, sound=blob, board="Nước lên nhanh.", status=Status.EXERCISE))
    assert code(drill) is None
    assert code(drill, me=box(has_sound=lambda message: False)) is RejectCode.NO_SOUND


def test_an_order_in_its_own_words_needs_no_recording_but_in_a_drill_its_announcement() -> None:
    own = changed(FLOOD, sound=Sound(OWN_WORDS), board="Nước lên nhanh.")
    has_nothing = box(has_sound=lambda message: False)
    assert code(signed(own), me=has_nothing) is None
    drill = signed(changed(own, status=Status.EXERCISE))
    assert code(drill) is None
    assert code(drill, me=has_nothing) is RejectCode.NO_SOUND


@pytest.mark.parametrize(
    ("board", "expected"),
    [
        ("", RejectCode.SHAPE),
        (" \n ", RejectCode.SHAPE),
        ("… !?", RejectCode.SHAPE),
        ("\u0301", RejectCode.SHAPE),
        ("… ơ", None),
        ("115", None),
        ("½", None),
    ],
)
def test_an_order_in_its_own_words_has_words_that_can_be_spoken(board: str, expected: RejectCode | None) -> None:
    assert code(signed(changed(FLOOD, sound=Sound(OWN_WORDS), board=board))) is expected
    assert code(signed(changed(FLOOD, board=board))) is None, "a prepared message needs none"


def test_a_drill_that_cannot_be_announced_as_one_is_refused() -> None:
    drill = signed(changed(FLOOD, status=Status.EXERCISE))
    assert code(drill) is None
    assert code(drill, me=box(has_sound=lambda message: message == 1)) is RejectCode.NO_SOUND


# The order of the questions, and their answers


def test_what_is_wrong_first_is_what_is_said() -> None:
    wrong_in_every_way = changed(
        FLOOD, epoch=9, area=(OTHER_COMMUNE,), expires=NOW_S - 1, sound=Sound(bytes(32)), severity=Severity.MINOR
    )
    assert code(signed(wrong_in_every_way, TUAN)) is RejectCode.ROOTS_NEWER
    known = changed(wrong_in_every_way, epoch=7)
    assert code(signed(known, TUAN)) is RejectCode.SIGNATURE
    assert code(signed(known, HOA)) is RejectCode.THRESHOLD
    assert code(signed(known)) is RejectCode.AREA
    here = changed(known, area=(COMMUNE,))
    assert code(signed(here), me=box(seen={FLOOD.id})) is RejectCode.DUPLICATE
    assert code(signed(here)) is RejectCode.EXPIRED
    assert code(signed(changed(here, expires=NOW_S + 60))) is RejectCode.NO_SOUND


def test_a_refusal_carries_the_order_where_it_could_be_read() -> None:
    verdict = judge(signed(FLOOD, HOA), TRUST, CLOCK, box())
    assert verdict == Reject(RejectCode.THRESHOLD, FLOOD, is_signed=True)
    assert judge(signed(FLOOD, TUAN), TRUST, CLOCK, box()) == Reject(RejectCode.SIGNATURE, FLOOD, is_signed=False)
    assert judge(b"\x00", TRUST, CLOCK, box()) == Reject(RejectCode.MALFORMED, None)


@pytest.mark.parametrize("refusal", RejectCode)
def test_every_refusal_has_a_sentence_in_both_languages(refusal: RejectCode) -> None:
    vietnamese, english = sentence(refusal, "vi"), sentence(refusal, "en")
    assert vietnamese != english
    assert vietnamese.endswith(".")
    assert english.endswith(".")
    assert len(refusal) <= 32  # a receipt's field
    assert Reject(refusal).sentence("vi-VN") == vietnamese
    assert Reject(refusal).sentence("km") == english
