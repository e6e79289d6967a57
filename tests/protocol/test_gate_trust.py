"""Who may sign orders by a delegation, and who no longer: Hoa and Minh administer, Nga and Quang are of the commune."""

import unicodedata
from typing import Any

import msgspec
import pytest

from protocol.clock import ClockReading
from protocol.codec import encode
from protocol.compose import order_id
from protocol.delegation import Delegation, open_delegation
from protocol.errors import ProtocolError, SignatureError
from protocol.gate import Accept, Me, Reject, RejectCode, judge
from protocol.ids import sha256
from protocol.order import Order
from protocol.quantities import DAY_S
from protocol.report import ClockQuality
from protocol.roles import Bound, Era, Holder, Role, Roots, Threshold, open_first_roots, open_next_roots
from protocol.signing import Domain, Family, KeySigner, sign
from protocol.trust import Trust
from tests.protocol.people import (
    CLOCK,
    COMMUNE,
    CONTROLLER,
    DOMAIN,
    FLOOD,
    HAMLET,
    HOA,
    HOA_PHONE,
    LAN,
    MINH,
    NOW_S,
    OTHER_COMMUNE,
    PROVINCE,
    ROOT_A,
    ROOT_B,
    ROOTS,
    STOP,
    TUAN,
    box,
    changed,
    holder,
    key,
    signed,
)

NGA, QUANG = key("Nga's panel"), key("Quang")
BOUNDS = (Bound(Role.COMMUNE, (PROVINCE,), 30), Bound(Role.STOP, (COMMUNE, HAMLET), 100))
HERE = msgspec.structs.replace(ROOTS, bounds=BOUNDS)
LIST = Delegation(
    unit=COMMUNE,
    era=0,
    version=1,
    epoch=7,
    issued=NOW_S - DAY_S,
    expires=NOW_S + 60 * DAY_S,
    holders=(
        holder(NGA, "Nga", Role.COMMUNE, scope=(COMMUNE,)),
        holder(QUANG, "Quang", Role.STOP, Role.COMMUNE, scope=(COMMUNE, HAMLET)),
    ),
)
WARNING = changed(FLOOD, id=order_id(NGA.public_key, b"dike breaks!"), role=Role.COMMUNE)


def opened(delegation: Delegation = LIST, *signers: KeySigner, roots: Roots = HERE, **more: Any) -> Delegation:
    data = sign(encode(delegation), Family.DELEGATION, DOMAIN, *(signers or (HOA, MINH)))
    return open_delegation(data, roots, more.get("held"), more.get("at_s", NOW_S))


def other(**fields: Any) -> Delegation:
    return msgspec.structs.replace(LIST, **fields)


def code(
    raw: bytes, *delegations: Delegation, roots: Roots = HERE, at_s: int = NOW_S, me: Me | None = None
) -> str | None:
    clock = ClockReading(at_s * 1000, at_s * 1000, ClockQuality.NTP)
    verdict = judge(raw, Trust(roots, delegations), clock, me or box())
    return verdict.code if isinstance(verdict, Reject) else None


def later(order: Order, at_s: int) -> Order:
    """The same order, given at this moment."""
    return changed(order, issued=at_s - 10, not_before=at_s - 10, expires=at_s + 600)


# Taking a delegation


def test_two_administrators_give_a_commune_its_people() -> None:
    assert code(signed(WARNING, NGA), opened()) is None
    assert code(signed(WARNING, NGA)) is RejectCode.SIGNATURE


@pytest.mark.parametrize("signers", [(HOA,), (HOA, HOA), (HOA, HOA_PHONE), (HOA, LAN), (HOA, TUAN), (LAN, ROOT_A)])
def test_one_administrator_is_not_two(signers: tuple[KeySigner, ...]) -> None:
    with pytest.raises(SignatureError):
        opened(LIST, *signers)


def test_administrators_count_for_their_units_and_in_their_time() -> None:
    for fields in ({"scope": (OTHER_COMMUNE,)}, {"not_after": NOW_S - 1}, {"not_before": NOW_S + 1}):
        rows = tuple(
            msgspec.structs.replace(row, **fields) if row.key == MINH.public_key else row for row in HERE.holders
        )
        with pytest.raises(SignatureError):
            opened(roots=msgspec.structs.replace(HERE, holders=rows))


def test_a_list_signed_for_another_system_is_refused() -> None:
    data = sign(encode(LIST), Family.DELEGATION, Domain(PROVINCE, "production"), HOA, MINH)
    with pytest.raises(SignatureError):
        open_delegation(data, HERE, None, NOW_S)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"era": 1}, "era"),
        ({"epoch": 8}, "roots-newer"),
        ({"expires": LIST.issued}, "bad-record"),
        ({"holders": (holder(NGA, "Nga", Role.EMERGENCY, scope=(COMMUNE,)),)}, "bounds"),
        ({"holders": (holder(NGA, "Nga", Role.COMMUNE, Role.CANCEL, scope=(COMMUNE,)),)}, "bounds"),
        ({"holders": (holder(NGA, "Nga", Role.CONTENT, scope=(COMMUNE,)),)}, "bounds"),
        ({"holders": (holder(NGA, "Nga", Role.COMMUNE, scope=(PROVINCE,)),)}, "bounds"),
        ({"holders": (holder(NGA, "Nga", Role.COMMUNE, scope=(COMMUNE, OTHER_COMMUNE)),)}, "bounds"),
        ({"holders": (holder(NGA, "Nga", Role.COMMUNE, scope=(COMMUNE[:-1],)),)}, "bounds"),
        ({"unit": OTHER_COMMUNE, "holders": (holder(NGA, "Nga", Role.STOP, scope=(OTHER_COMMUNE,)),)}, "bounds"),
        ({"holders": (*LIST.holders, holder(LAN, "Lan", Role.COMMUNE, scope=(OTHER_COMMUNE,)))}, "bounds"),
    ],
)
def test_a_list_that_gives_more_than_it_may_is_refused_whole(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        opened(other(**fields))
    assert caught.value.code == code


@pytest.mark.parametrize(("version", "good"), [(1, False), (2, False), (3, True)])
def test_only_a_higher_version_takes_the_place_of_a_list(version: int, good: bool) -> None:
    held = other(version=2)
    if good:
        assert opened(other(version=version), held=held).version == version
    else:
        with pytest.raises(ProtocolError, match="not above 2"):
            opened(other(version=version), held=held)


# How long its people count


def test_its_people_count_until_the_first_of_three_ends() -> None:
    bound = LIST.issued + 30 * DAY_S
    for at_s, expected in ((bound, None), (bound + 1, RejectCode.SIGNATURE)):
        assert code(signed(later(WARNING, at_s), NGA), opened(), at_s=at_s) is expected
    ends = opened(other(expires=NOW_S + DAY_S))
    for at_s, expected in ((NOW_S + DAY_S, None), (NOW_S + DAY_S + 1, RejectCode.SIGNATURE)):
        assert code(signed(later(WARNING, at_s), NGA), ends, at_s=at_s) is expected
    row = holder(NGA, "Nga", Role.COMMUNE, scope=(COMMUNE,), not_after=NOW_S + 60)
    own = opened(other(holders=(row,)))
    for at_s, expected in ((NOW_S + 60, None), (NOW_S + 61, RejectCode.SIGNATURE)):
        assert code(signed(later(WARNING, at_s), NGA), own, at_s=at_s) is expected


def test_of_several_bounds_that_allow_it_the_shortest_holds() -> None:
    """Quang stops for 100 days, and warns for 30: as one line he counts for 30."""
    stop = changed(STOP, id=order_id(QUANG.public_key, b"stop  speech"))
    at_s = LIST.issued + 31 * DAY_S
    assert code(signed(later(stop, at_s), QUANG), opened(), at_s=at_s) is RejectCode.SIGNATURE
    stops_alone = opened(other(holders=(holder(QUANG, "Quang", Role.STOP, scope=(COMMUNE,)),)), at_s=at_s)
    for days, expected in ((100, None), (101, RejectCode.SIGNATURE)):
        at_s = LIST.issued + days * DAY_S
        lasting = msgspec.structs.replace(stops_alone, expires=at_s + DAY_S)
        assert code(signed(later(stop, at_s), QUANG), lasting, at_s=at_s) is expected


def test_a_new_era_forgets_the_lists_of_the_old_one() -> None:
    new = msgspec.structs.replace(HERE, version=8, eras=(Era(Role.DELEGATION, 1),))
    assert code(signed(WARNING, NGA), LIST, roots=new) is RejectCode.SIGNATURE
    assert code(signed(WARNING, NGA), other(era=1), roots=new) is None


def test_roots_that_narrow_a_bound_take_away_what_an_older_list_gave() -> None:
    stop = changed(STOP, id=order_id(QUANG.public_key, b"stop  speech"))
    warning = changed(WARNING, id=order_id(QUANG.public_key, b"dike breaks!"))
    assert code(signed(stop, QUANG), LIST) is None
    assert code(signed(warning, QUANG), LIST) is None
    for bounds in ((BOUNDS[1],), (Bound(Role.COMMUNE, (OTHER_COMMUNE,), 30), BOUNDS[1])):
        narrow = msgspec.structs.replace(HERE, version=8, bounds=bounds)
        assert code(signed(warning, QUANG), LIST, roots=narrow) is RejectCode.SIGNATURE
        assert code(signed(stop, QUANG), LIST, roots=narrow) is RejectCode.SIGNATURE


# Taking a key away


def test_a_lost_phone_is_revoked_and_the_persons_other_key_is_not() -> None:
    taken = opened(other(revoked=(sha256(HOA_PHONE.public_key),)))
    order = changed(FLOOD, id=order_id(HOA_PHONE.public_key, b"flood at dam"), role=Role.CANCEL)
    cancel = changed(STOP, id=order.id, role=Role.STOP)
    assert code(signed(cancel, HOA_PHONE)) is None
    assert code(signed(cancel, HOA_PHONE), taken) is RejectCode.SIGNATURE
    assert code(signed(changed(STOP, id=order_id(HOA.public_key, b"stop  speech")), HOA), taken) is None


def test_a_delegated_key_is_revoked_too_and_stays_so_when_the_list_has_ended() -> None:
    taken = other(revoked=(sha256(NGA.public_key),))
    assert code(signed(WARNING, NGA), taken) is RejectCode.SIGNATURE
    province = other(unit=PROVINCE, holders=LIST.holders, revoked=(), expires=NOW_S + DAY_S)
    ended = msgspec.structs.replace(taken, holders=(), expires=NOW_S - 1)
    assert code(signed(WARNING, NGA), province) is None
    assert code(signed(WARNING, NGA), province, ended) is RejectCode.SIGNATURE


def test_a_list_takes_every_role_of_a_key_but_those_of_a_root_and_an_administrator() -> None:
    everyone = tuple(sha256(row.key) for row in HERE.holders)
    trust = Trust(HERE, (other(holders=(), revoked=everyone),))
    assert {(row.person, row.roles) for row in trust.holders} == {
        ("Hoa", (Role.DELEGATION,)),
        ("Minh", (Role.DELEGATION,)),
        ("Sơn", (Role.ROOT,)),
        ("Thủy", (Role.ROOT,)),
    }


def test_an_emergency_signer_who_is_an_administrator_too_is_taken_away_by_a_list() -> None:
    assert isinstance(judge(signed(FLOOD), Trust(HERE), CLOCK, box()), Accept)
    taken = opened(other(holders=(), revoked=(sha256(HOA.public_key),)))
    assert code(signed(FLOOD), taken) is RejectCode.SIGNATURE
    assert code(signed(changed(FLOOD, id=order_id(MINH.public_key, b"flood at dam")), MINH, HOA), taken) is (
        RejectCode.THRESHOLD
    )
    assert opened(other(version=2), held=taken).version == 2, "Hoa goes on as an administrator"


# Whose keys a list may name, and how


def test_a_list_gives_nothing_to_the_key_of_a_server() -> None:
    named = other(holders=(*LIST.holders, holder(CONTROLLER, "Nga too", Role.COMMUNE, scope=(COMMUNE,))))
    with pytest.raises(ProtocolError, match="a server's") as caught:
        opened(named)
    assert caught.value.code == "bounds"


def test_a_key_that_the_roots_make_a_servers_later_has_no_force_from_a_list() -> None:
    warning = changed(WARNING, id=order_id(NGA.public_key, b"dike breaks!"))
    assert code(signed(warning, NGA), opened()) is None
    server = msgspec.structs.replace(
        HERE, version=8, holders=(*HERE.holders, holder(NGA, "controller 2", Role.SCHEDULE))
    )
    assert code(signed(warning, NGA), LIST, roots=server) is RejectCode.SIGNATURE
    assert [row.roles for row in Trust(server, (LIST,)).holders if row.key == NGA.public_key] == [(Role.SCHEDULE,)]


@pytest.mark.parametrize("name", ["Hòa", "Nga ", " Nga", "Nga  Võ", "Nga\u00a0Võ", "Nga\u200b", "Nga\tVõ"])
def test_a_name_that_looks_like_another_is_refused(name: str) -> None:
    """The first is written with a combining grave accent; the others with what nobody sees."""
    if name == "Hòa":
        name = unicodedata.normalize("NFD", name)
    with pytest.raises(ProtocolError, match="is to be written as"):
        opened(other(holders=(holder(NGA, name, Role.COMMUNE, scope=(COMMUNE,)),)))
    with pytest.raises(ProtocolError, match="is to be written as"):
        open_first_roots(roots(holders=(*HERE.holders, holder(NGA, name, Role.STOP))))


def test_a_list_that_was_taken_when_names_were_free_gives_nothing_to_such_a_name() -> None:
    old = other(holders=(holder(NGA, "Nga ", Role.COMMUNE, scope=(COMMUNE,)),))
    assert code(signed(WARNING, NGA), old) is RejectCode.SIGNATURE


# Dates ahead


def test_a_list_that_is_dated_ahead_is_refused_so_that_no_bound_is_stretched() -> None:
    """A list for 30 days, dated a year ahead, would count for thirteen months."""
    assert opened(other(issued=NOW_S + 300)).issued == NOW_S + 300
    for ahead in (301, 300 * DAY_S):
        with pytest.raises(ProtocolError) as caught:
            opened(other(issued=NOW_S + ahead, expires=NOW_S + 400 * DAY_S))
        assert caught.value.code == "future"


def test_a_box_without_time_takes_a_list_no_later_than_the_end_of_its_roots() -> None:
    late = HERE.expires + 1
    assert opened(other(issued=HERE.expires, expires=late), at_s=None).issued == HERE.expires
    with pytest.raises(ProtocolError) as caught:
        opened(other(issued=late, expires=late + DAY_S), at_s=None)
    assert caught.value.code == "future"


def test_nobody_of_a_list_counts_longer_than_the_roots() -> None:
    ahead = other(issued=HERE.expires - DAY_S, expires=HERE.expires + 60 * DAY_S)
    assert {row.not_after for row in Trust(HERE, (ahead,)).holders if row.key == NGA.public_key} == {HERE.expires}


def test_a_revocation_of_another_era_says_nothing() -> None:
    stale = other(era=0, revoked=(sha256(LAN.public_key),))
    new = msgspec.structs.replace(HERE, eras=(Era(Role.DELEGATION, 1),))
    assert code(signed(STOP, LAN), stale) is RejectCode.SIGNATURE
    assert code(signed(STOP, LAN), stale, roots=new) is None


# One person, one key


def test_one_key_under_two_names_is_one_person() -> None:
    two = msgspec.structs.replace(HERE, thresholds=(Threshold(Role.ROOT, 2), Threshold(Role.STOP, 2)))
    renamed = other(holders=(holder(LAN, "Lan under another name", Role.STOP, scope=(COMMUNE,)),))
    assert code(signed(STOP, LAN, LAN), renamed, roots=two) is RejectCode.THRESHOLD
    assert code(signed(STOP, LAN, MINH), renamed, roots=two) is None


def test_a_key_that_stands_in_several_lists_has_the_name_of_the_first() -> None:
    province = other(unit=PROVINCE, holders=(holder(NGA, "Nga", Role.COMMUNE, scope=(COMMUNE,)),))
    hamlet = other(unit=HAMLET, holders=(holder(NGA, "Nga of the hamlet", Role.COMMUNE, scope=(HAMLET,)),))
    for order in ((hamlet, province), (province, hamlet)):
        verdict = judge(signed(WARNING, NGA), Trust(HERE, order), CLOCK, box())
        assert isinstance(verdict, Accept)
        assert {row.person for row in verdict.signers} == {"Nga"}
    renamed = other(holders=(holder(LAN, "Somebody", Role.COMMUNE, scope=(COMMUNE,)),))
    row = next(row for row in Trust(HERE, (renamed,)).holders if row.roles == (Role.COMMUNE,))
    assert row == Holder(LAN.public_key, "Lan", (Role.COMMUNE,), (COMMUNE,), 0, LIST.issued + 30 * DAY_S, 0)


def test_an_emergency_takes_two_persons_whatever_the_roots_say() -> None:
    one = msgspec.structs.replace(HERE, thresholds=(Threshold(Role.ROOT, 2), Threshold(Role.EMERGENCY, 1)))
    assert code(signed(FLOOD, HOA), roots=one) is RejectCode.THRESHOLD
    three = msgspec.structs.replace(HERE, thresholds=(Threshold(Role.EMERGENCY, 3),))
    assert code(signed(FLOOD), roots=three) is RejectCode.THRESHOLD
    assert code(signed(FLOOD, HOA, MINH, LAN), roots=three) is None


# Roots


def roots(**fields: Any) -> bytes:
    signers = fields.pop("signers", (ROOT_A, ROOT_B))
    return sign(encode(msgspec.structs.replace(HERE, **fields)), Family.ROOTS, DOMAIN, *signers)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"holders": (*ROOTS.holders, ROOTS.holders[0])}, "a key stands twice"),
        ({"holders": (*ROOTS.holders, holder(NGA, "server", Role.SCHEDULE, Role.CONTENT))}, "needs its own"),
        ({"holders": (*ROOTS.holders, holder(NGA, "Nga", Role.STOP, party=2))}, "party that is not listed"),
        ({"thresholds": (Threshold(Role.ROOT, 3),)}, "3 persons with role ROOT are needed, 2 named"),
        ({"expires": ROOTS.issued}, "not after issued"),
        ({"environment": "prod", "thresholds": ()}, "ROOT takes 2 persons at least"),
        ({"bounds": (Bound(Role.EMERGENCY, (PROVINCE,), 1),)}, "EMERGENCY cannot be delegated"),
        ({"thresholds": (Threshold(Role.ROOT, 2), Threshold(Role.STOP, 2), Threshold(Role.STOP, 1))}, "stands twice"),
        ({"eras": (Era(Role.SCHEDULE, 2), Era(Role.SCHEDULE, 1))}, "eras: a role stands twice"),
    ],
)
def test_what_no_roots_may_be_whoever_signed_them(fields: dict[str, Any], message: str) -> None:
    assert open_first_roots(roots()) == HERE
    with pytest.raises(ProtocolError, match=message):
        open_first_roots(roots(**fields))
    with pytest.raises(ProtocolError, match=message):
        open_next_roots(roots(version=8, **fields), HERE)


@pytest.mark.parametrize("signers", [(ROOT_A,), (ROOT_A, ROOT_A), (ROOT_A, HOA), (HOA, MINH)])
def test_roots_take_as_many_root_persons_as_they_say(signers: tuple[KeySigner, ...]) -> None:
    with pytest.raises(SignatureError, match="2 root signatures"):
        open_first_roots(roots(signers=signers))
    with pytest.raises(SignatureError, match="2 root signatures"):
        open_next_roots(roots(version=8, signers=signers), HERE)


def test_the_next_roots_are_signed_by_the_old_root_keys_and_by_the_new() -> None:
    third, fourth = key("root C"), key("root D")
    rest = tuple(row for row in HERE.holders if Role.ROOT not in row.roles)
    new = (*rest, holder(third, "Hà", Role.ROOT), holder(fourth, "Tú", Role.ROOT))
    for signers in ((ROOT_A, ROOT_B), (third, fourth), (ROOT_A, third), (ROOT_A, ROOT_B, third)):
        with pytest.raises(SignatureError):
            open_next_roots(roots(version=8, holders=new, signers=signers), HERE)
    assert open_next_roots(roots(version=8, holders=new, signers=(ROOT_A, ROOT_B, third, fourth)), HERE).version == 8


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"version": 7}, "not-newer"),
        ({"version": 6}, "not-newer"),
        ({"version": 8, "issued": ROOTS.issued - 1}, "not-newer"),
        ({"version": 8}, "not-newer"),
        ({"version": 8, "eras": (Era(Role.SCHEDULE, 2),)}, "not-newer"),
        ({"version": 8, "eras": (Era(Role.SCHEDULE, 3),)}, None),
        ({"version": 800, "eras": (Era(Role.SCHEDULE, 4), Era(Role.STOP, 1))}, None),
    ],
)
def test_a_version_rises_and_no_era_falls(fields: dict[str, Any], expected: str | None) -> None:
    held = msgspec.structs.replace(HERE, eras=(Era(Role.SCHEDULE, 3),))
    if expected is None:
        assert open_next_roots(roots(**fields), held).version == fields["version"]
        return
    with pytest.raises(ProtocolError) as caught:
        open_next_roots(roots(**fields), held)
    assert caught.value.code == expected


def test_root_keys_are_judged_at_the_moment_of_the_new_version() -> None:
    dated = tuple(
        msgspec.structs.replace(row, not_after=NOW_S) if row.key == ROOT_B.public_key else row for row in HERE.holders
    )
    held = msgspec.structs.replace(HERE, holders=dated)
    assert open_next_roots(roots(version=8, issued=NOW_S), held).version == 8
    with pytest.raises(SignatureError):
        open_next_roots(roots(version=8, issued=NOW_S + 1), held)
