"""Live voice: who may speak where, and which frames of it are ever heard."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest

from protocol.clock import ClockReading
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.live import Admitted, Denied, Listener, LiveSession, Stream, VoiceGroup, judge, signed_group
from protocol.refusals import RejectCode
from protocol.report import ClockQuality
from protocol.roles import Role, Threshold
from protocol.signing import Domain, Family, KeySigner, sign
from protocol.trust import Trust
from tests.protocol.people import (
    BOX_ID,
    CLOCK,
    COMMUNE,
    DOMAIN,
    DUNG,
    FLOOD,
    HAMLET,
    HOA,
    LAN,
    LIVE,
    MINH,
    NOW_MS,
    NOW_S,
    OTHER_COMMUNE,
    PROVINCE,
    ROOTS,
    SPEAKER,
    TUAN,
    holder,
)

SPEAKERS = msgspec.structs.replace(
    ROOTS,
    holders=(
        holder(LAN, "Lan", Role.COMMUNE, scope=(COMMUNE,)),
        holder(DUNG, "Dung", Role.COMMUNE, scope=(OTHER_COMMUNE,)),
        holder(HOA, "Hoa", Role.COMMUNE, Role.EMERGENCY),
        holder(MINH, "Minh", Role.EMERGENCY),
        holder(TUAN, "Tuấn", Role.EMERGENCY, scope=(COMMUNE,)),
    ),
)
TRUST = Trust(SPEAKERS)


def changed(**fields: Any) -> LiveSession:
    return msgspec.structs.replace(LIVE, **fields)


def listener(**fields: Any) -> Listener:
    given: dict[str, Any] = {
        "domain": DOMAIN,
        "box": BOX_ID,
        "units": (PROVINCE, COMMUNE, HAMLET),
        "seen": (),
        "alarms": {},
    }
    return Listener(**(given | fields))


def asked(
    session: LiveSession = LIVE,
    *signers: KeySigner,
    trust: Trust = TRUST,
    clock: ClockReading = CLOCK,
    **box: Any,
) -> Admitted | Denied:
    raw = sign(encode(session), Family.LIVE, DOMAIN, *(signers or (LAN,)))
    return judge(raw, trust, clock, listener(**box))


def code(session: LiveSession = LIVE, *signers: KeySigner, **more: Any) -> RejectCode:
    verdict = asked(session, *signers, **more)
    assert isinstance(verdict, Denied), verdict
    return verdict.code


def test_one_person_speaks_to_the_own_commune() -> None:
    verdict = asked()
    assert isinstance(verdict, Admitted)
    assert (verdict.session, verdict.level, [one.person for one in verdict.signers]) == (LIVE, 1, ["Lan"])


def test_nobody_speaks_elsewhere() -> None:
    assert code(changed(area=(OTHER_COMMUNE,))) is RejectCode.AREA
    assert code(LIVE, DUNG) is RejectCode.SCOPE
    assert code(changed(area=(OTHER_COMMUNE, COMMUNE)), DUNG) is RejectCode.SCOPE


def test_a_commune_is_never_the_province() -> None:
    assert code(changed(area=(PROVINCE,))) is RejectCode.SCOPE
    assert code(LIVE, HOA) is RejectCode.SCOPE  # whose scope is the province alone


def test_boxes_that_are_named_are_the_only_ones() -> None:
    assert isinstance(asked(changed(boxes=(BOX_ID,))), Admitted)
    assert code(changed(boxes=("a" * 16,))) is RejectCode.AREA


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.COMMUNE, Role.EMERGENCY)])
def test_no_other_role_speaks(role: Role) -> None:
    assert code(changed(role=role), HOA) is RejectCode.SHAPE


def test_a_stranger_is_not_heard() -> None:
    assert code(LIVE, MINH) is RejectCode.SIGNATURE


def test_as_many_sign_as_the_role_takes_and_no_more() -> None:
    two = Trust(msgspec.structs.replace(SPEAKERS, thresholds=(Threshold(Role.ROOT, 2), Threshold(Role.COMMUNE, 2))))
    assert code(LIVE, LAN, trust=two) is RejectCode.THRESHOLD
    assert code(LIVE, LAN, DUNG) is RejectCode.SURPLUS


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"issued": NOW_S - 900, "not_before": NOW_S - 900, "expires": NOW_S}, RejectCode.EXPIRED),
        ({"issued": NOW_S + 301, "not_before": NOW_S + 301, "expires": NOW_S + 900}, RejectCode.FUTURE),
        ({"expires": LIVE.issued + 1_801}, RejectCode.LIFETIME),
        ({"not_before": LIVE.expires}, RejectCode.LIFETIME),
        ({"epoch": 8}, RejectCode.ROOTS_NEWER),
        ({"province": "79", "area": (COMMUNE,)}, RejectCode.DOMAIN),
        ({"attached": FLOOD.id}, RejectCode.AUTHORITY),
    ],
)
def test_a_session_that_is_wrong_in_one_way_is_denied_for_it(fields: Mapping[str, Any], expected: RejectCode) -> None:
    assert code(changed(**fields)) is expected


PROVINCES: Final = msgspec.structs.replace(LIVE, role=Role.EMERGENCY, area=(PROVINCE,))


def test_two_persons_of_the_province_speak_everywhere_in_it_at_its_level() -> None:
    for area in ((PROVINCE,), (COMMUNE,), (OTHER_COMMUNE, HAMLET)):
        verdict = asked(msgspec.structs.replace(PROVINCES, area=area), HOA, MINH)
        assert isinstance(verdict, Admitted)
        assert (verdict.level, [one.person for one in verdict.signers]) == (0, ["Hoa", "Minh"])


def test_one_person_of_the_province_does_not_speak_be_it_with_two_signatures() -> None:
    for signers in ((HOA,), (HOA, HOA), (HOA, LAN), (LAN,)):
        assert code(PROVINCES, *signers) in (RejectCode.THRESHOLD, RejectCode.SIGNATURE)
    assert code(PROVINCES, HOA, MINH, TUAN) is RejectCode.SURPLUS


def test_one_of_the_province_and_one_of_the_commune_speak_as_the_commune_and_nowhere_else() -> None:
    verdict = asked(msgspec.structs.replace(PROVINCES, area=(COMMUNE,)), HOA, TUAN)
    assert isinstance(verdict, Admitted)
    assert verdict.level == 1
    assert code(PROVINCES, HOA, TUAN) is RejectCode.SCOPE


def test_the_province_speaks_inside_its_own_alarm_and_two_of_a_commune_do_not() -> None:
    inside = msgspec.structs.replace(PROVINCES, area=(COMMUNE,), attached=FLOOD.id)
    assert isinstance(asked(inside, HOA, MINH, alarms={FLOOD.id: 0}), Admitted)
    assert code(inside, HOA, TUAN, alarms={FLOOD.id: 0}) is RejectCode.AUTHORITY


def test_half_an_hour_is_not_too_long() -> None:
    assert isinstance(asked(changed(expires=LIVE.issued + 1_800)), Admitted)


def test_a_session_is_heard_once() -> None:
    assert code(seen=(LIVE.id,)) is RejectCode.DUPLICATE


def test_a_box_without_time_listens_to_nobody() -> None:
    assert code(clock=ClockReading(0, NOW_MS, ClockQuality.FLOOR)) is RejectCode.NO_TIME


def test_roots_that_have_ended_let_nobody_speak() -> None:
    ended = Trust(msgspec.structs.replace(SPEAKERS, expires=NOW_S))
    assert code(trust=ended) is RejectCode.ROOTS_EXPIRED


def test_it_speaks_inside_an_alarm_of_its_level_and_not_inside_a_higher_one() -> None:
    inside = changed(attached=FLOOD.id)
    assert isinstance(asked(inside, alarms={FLOOD.id: 1}), Admitted)
    assert isinstance(asked(inside, alarms={FLOOD.id: 2}), Admitted)
    assert code(inside, alarms={FLOOD.id: 0}) is RejectCode.AUTHORITY
    assert code(inside, alarms={bytes(16): 1}) is RejectCode.AUTHORITY


def test_an_order_is_no_session_and_what_is_too_long_is_not_read() -> None:
    order = sign(encode(FLOOD), Family.ORDER, DOMAIN, LAN)
    long = sign(encode(LIVE), Family.LIVE, DOMAIN, *([LAN] * 8)) + bytes(4_096)
    verdicts = [judge(raw, TRUST, CLOCK, listener()) for raw in (order, long, b"")]
    assert [one.code for one in verdicts if isinstance(one, Denied)] == [
        RejectCode.MALFORMED,
        RejectCode.TOO_LONG,
        RejectCode.MALFORMED,
    ]


def group(first: int = 0, count: int = 3, *, by: KeySigner = SPEAKER, domain: Domain = DOMAIN, **fields: Any) -> bytes:
    given: dict[str, Any] = {"session": LIVE.id, "frames": tuple(bytes([first + n + 1]) for n in range(count))}
    return signed_group(VoiceGroup(first=first, last=False, **(given | fields)), domain, by)


def ended(first: int) -> bytes:
    return signed_group(VoiceGroup(LIVE.id, first, (), last=True), DOMAIN, SPEAKER)


def test_groups_are_heard_in_their_order() -> None:
    stream = Stream(LIVE, DOMAIN)
    assert [stream.take(group(first), NOW_MS).first for first in (0, 3, 9)] == [0, 3, 9]


def test_a_forged_group_is_never_heard() -> None:
    stream = Stream(LIVE, DOMAIN)
    mended = bytearray(group())
    mended[-1] ^= 1
    word_put_in = group().replace(b"\x41\x02", b"\x41\x07")
    assert word_put_in != group()
    for raw in (group(by=LAN), bytes(mended), word_put_in, group(domain=Domain(PROVINCE, "demo")), b"", bytes(9_000)):
        with pytest.raises(ProtocolError):
            stream.take(raw, NOW_MS)
    assert stream.take(group(), NOW_MS).first == 0


def test_a_group_that_was_heard_is_not_heard_again() -> None:
    stream = Stream(LIVE, DOMAIN)
    stream.take(group(0), NOW_MS)
    stream.take(group(3), NOW_MS)
    for raw in (group(0), group(3), group(5)):
        with pytest.raises(ProtocolError, match="was here"):
            stream.take(raw, NOW_MS)


def test_a_group_of_another_session_is_not_heard_even_under_the_same_key() -> None:
    stream = Stream(LIVE, DOMAIN)
    with pytest.raises(ProtocolError, match="another session"):
        stream.take(group(session=bytes(16)), NOW_MS)


def test_nothing_is_heard_after_the_end_or_before_the_beginning() -> None:
    stream = Stream(changed(not_before=NOW_S), DOMAIN)
    with pytest.raises(ProtocolError, match="not begun"):
        stream.take(group(0), NOW_MS - 1)
    assert stream.take(group(0), LIVE.expires * 1000 - 1).first == 0
    with pytest.raises(ProtocolError, match="over"):
        stream.take(group(3), LIVE.expires * 1000)
    assert stream.take(ended(3), NOW_MS).last
    assert stream.over
    with pytest.raises(ProtocolError, match="over"):
        stream.take(group(3), NOW_MS)
