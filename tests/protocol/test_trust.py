"""Who is trusted: roots that follow one another, delegations, what a thief of an online key cannot do."""

from typing import Any

import msgspec
import pytest

from protocol.codec import encode
from protocol.delegation import Delegation, holders_in_force, open_delegation, supersedes
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import sha256
from protocol.manifest import Assignment
from protocol.roles import (
    Bound,
    Era,
    Holder,
    Role,
    Roots,
    Threshold,
    distinct,
    flaws,
    open_first_roots,
    open_next_roots,
    root_fingerprint,
)
from protocol.signing import Family, KeySigner, sign, sign1
from protocol.trust import Trust, open_assignment
from tests.protocol.examples import ASSIGNMENT, DELEGATION, MESSAGES
from tests.protocol.people import (
    BOX_ID,
    COMMUNE,
    CONTROLLER,
    DOMAIN,
    DUNG,
    HAMLET,
    HOA,
    LAN,
    MINH,
    NOW_S,
    OTHER_COMMUNE,
    PROVINCE,
    ROOT_A,
    ROOT_B,
    ROOTS,
    TRUST,
    TUAN,
    holder,
    key,
)

ROOT_C = key("root C")


def next_roots(**changes: Any) -> Roots:
    return msgspec.structs.replace(ROOTS, version=8, issued=ROOTS.issued + 60, **changes)


def by(roots: Roots, *signers: KeySigner) -> bytes:
    return sign(encode(roots), Family.ROOTS, roots.domain, *signers)


def without(*keys: KeySigner) -> tuple[Holder, ...]:
    gone = {one.public_key for one in keys}
    return tuple(row for row in ROOTS.holders if row.key not in gone)


def delegated(*signers: KeySigner, **changes: Any) -> bytes:
    record = msgspec.structs.replace(DELEGATION, **changes)
    return sign(encode(record), Family.DELEGATION, DOMAIN, *(signers or (HOA, MINH)))


def code_of(caught: pytest.ExceptionInfo[ProtocolError]) -> str:
    return caught.value.code


def test_first_roots_are_signed_by_their_own_root_keys() -> None:
    assert open_first_roots(MESSAGES["roots"].data) == ROOTS
    for signers in ((ROOT_A,), (ROOT_A, ROOT_A), (ROOT_A, HOA), (LAN, DUNG)):
        with pytest.raises(SignatureError, match="2 root signatures"):
            open_first_roots(by(ROOTS, *signers))


def test_a_box_that_was_told_a_fingerprint_takes_no_other_first_roots() -> None:
    mine = msgspec.structs.replace(ROOTS, holders=(holder(ROOT_C, "Thief", Role.ROOT), *without(ROOT_A, ROOT_B)))
    mine = msgspec.structs.replace(mine, thresholds=(Threshold(Role.ROOT, 1),))
    assert open_first_roots(by(mine, ROOT_C)) == mine
    with pytest.raises(SignatureError) as caught:
        open_first_roots(by(mine, ROOT_C), root_fingerprint(ROOTS))
    assert code_of(caught) == "fingerprint"
    assert open_first_roots(MESSAGES["roots"].data, root_fingerprint(ROOTS)) == ROOTS


def test_first_roots_that_have_ended_are_no_beginning_for_a_box_that_knows_the_time() -> None:
    data = MESSAGES["roots"].data
    assert open_first_roots(data, at_s=ROOTS.expires - 1) == ROOTS
    assert open_first_roots(data, at_s=None) == ROOTS
    with pytest.raises(ProtocolError) as caught:
        open_first_roots(data, at_s=ROOTS.expires)
    assert code_of(caught) == "expired"


def test_one_root_holder_is_enough_for_trials_alone() -> None:
    alone = next_roots(thresholds=())
    for environment in ("test", "demo"):
        assert flaws(msgspec.structs.replace(alone, environment=environment)) == ()
    real = msgspec.structs.replace(alone, environment="prod")
    assert flaws(real) == ("thresholds: ROOT takes 2 persons at least",)
    assert flaws(msgspec.structs.replace(real, thresholds=(Threshold(Role.ROOT, 2),))) == ()


def test_the_fingerprint_stays_while_the_root_keys_and_their_number_stay() -> None:
    assert root_fingerprint(next_roots(holders=without(LAN))) == root_fingerprint(ROOTS)
    fewer = (Threshold(Role.ROOT, 1),)
    assert root_fingerprint(next_roots(thresholds=fewer)) != root_fingerprint(ROOTS)


def test_the_next_roots_are_signed_by_the_old_root_keys_and_by_the_new_ones() -> None:
    new = next_roots(holders=(holder(ROOT_C, "Vân", Role.ROOT), *without(ROOT_B)))
    assert open_next_roots(by(new, ROOT_A, ROOT_B, ROOT_C), ROOTS) == new
    with pytest.raises(SignatureError, match="of version 8"):
        open_next_roots(by(new, ROOT_A, ROOT_B), ROOTS)
    with pytest.raises(SignatureError, match="of version 7"):
        open_next_roots(by(new, ROOT_A, ROOT_C), ROOTS)


@pytest.mark.parametrize("version", [7, 6, 1])
def test_roots_never_go_back(version: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        open_next_roots(by(msgspec.structs.replace(next_roots(), version=version), ROOT_A, ROOT_B), ROOTS)
    assert code_of(caught) == "not-newer"


def test_neither_the_day_of_issue_nor_an_era_falls() -> None:
    held = msgspec.structs.replace(ROOTS, eras=(Era(Role.SCHEDULE, 2),))
    older = msgspec.structs.replace(next_roots(eras=held.eras), issued=ROOTS.issued - 1)
    fallen = next_roots(eras=(Era(Role.SCHEDULE, 1),))
    for roots in (older, fallen, next_roots()):
        with pytest.raises(ProtocolError) as caught:
            open_next_roots(by(roots, ROOT_A, ROOT_B), held)
        assert code_of(caught) == "not-newer"
    open_next_roots(by(next_roots(eras=(Era(Role.SCHEDULE, 3),)), ROOT_A, ROOT_B), held)


def test_roots_of_another_province_follow_nothing() -> None:
    with pytest.raises(ProtocolError) as caught:
        open_next_roots(by(next_roots(province="79"), ROOT_A, ROOT_B), ROOTS)
    assert code_of(caught) == "domain"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"holders": (*ROOTS.holders, holder(LAN, "Lan again", Role.CONTENT))}, "a key stands twice"),
        (
            {"holders": (*without(CONTROLLER), holder(CONTROLLER, "server", Role.SCHEDULE, Role.EMERGENCY))},
            "a server's",
        ),
        ({"holders": (*without(CONTROLLER), holder(CONTROLLER, "server", Role.TIMESTAMP, Role.CONTENT))}, "a server's"),
        ({"holders": without(ROOT_B)}, "2 persons with role ROOT"),
        ({"expires": ROOTS.issued}, "not after issued"),
        ({"bounds": (Bound(Role.EMERGENCY, (PROVINCE,), 9),)}, "EMERGENCY cannot be delegated"),
        ({"parties": ()}, "a passkey of a party"),
    ],
)
def test_roots_that_would_undo_the_rules_are_refused_whoever_signed_them(changes: dict[str, Any], said: str) -> None:
    roots = next_roots(**changes)
    assert any(said in sentence for sentence in flaws(roots))
    for read in (open_first_roots, lambda data: open_next_roots(data, ROOTS)):
        with pytest.raises(ProtocolError, match=said):
            read(by(roots, ROOT_A, ROOT_B))


@pytest.mark.parametrize("role", [Role.EMERGENCY, Role.DELEGATION, Role.EXCEPTION])
def test_two_persons_are_needed_whatever_the_roots_say(role: Role) -> None:
    assert msgspec.structs.replace(ROOTS, thresholds=(Threshold(role, 1),)).persons_needed(role) == 2
    assert msgspec.structs.replace(ROOTS, thresholds=(Threshold(role, 3),)).persons_needed(role) == 3


def test_neither_two_keys_of_one_person_nor_one_key_under_two_names_are_two_persons() -> None:
    assert distinct([holder(HOA, "Hoa", Role.CONTENT), holder(MINH, "Hoa", Role.CONTENT)]) == 1
    assert distinct([holder(HOA, "Hoa", Role.CONTENT), holder(HOA, "Hòa", Role.CONTENT)]) == 1
    assert distinct([holder(HOA, "Hoa", Role.CONTENT), holder(MINH, "Minh", Role.CONTENT)]) == 2


def test_two_administrators_give_a_commune_its_officer_and_one_cannot() -> None:
    assert open_delegation(delegated(), ROOTS, None, NOW_S) == DELEGATION
    for signers in ((HOA,), (HOA, HOA), (HOA, LAN), (TUAN, LAN)):
        with pytest.raises(SignatureError, match="2 administrators"):
            open_delegation(delegated(*signers), ROOTS, None, NOW_S)


def test_an_administrator_whose_time_is_over_or_whose_place_is_elsewhere_does_not_count() -> None:
    for changes in ({"not_after": NOW_S - 1}, {"scope": (OTHER_COMMUNE,)}):
        hoa = holder(HOA, "Hoa", Role.DELEGATION)
        roots = msgspec.structs.replace(ROOTS, holders=(*without(HOA), msgspec.structs.replace(hoa, **changes)))
        with pytest.raises(SignatureError):
            open_delegation(delegated(), roots, None, NOW_S)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"holders": (holder(LAN, "Lan", Role.EMERGENCY, scope=(COMMUNE,)),)}, "bounds"),
        ({"holders": (holder(LAN, "Lan", Role.DELEGATION, scope=(COMMUNE,)),)}, "bounds"),
        ({"holders": (holder(LAN, "Lan", Role.COMMUNE, scope=(OTHER_COMMUNE,)),)}, "bounds"),
        ({"holders": (holder(LAN, "Lan", Role.COMMUNE, scope=(PROVINCE,)),)}, "bounds"),
        ({"epoch": 8}, "roots-newer"),
        ({"era": 1}, "era"),
        ({"expires": DELEGATION.issued}, "bad-record"),
    ],
)
def test_a_delegation_gives_only_what_the_roots_let_it(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        open_delegation(delegated(**changes), ROOTS, None, NOW_S)
    assert code_of(caught) == code


def test_without_bounds_in_the_roots_nothing_is_delegated() -> None:
    with pytest.raises(ProtocolError) as caught:
        open_delegation(delegated(), msgspec.structs.replace(ROOTS, bounds=()), None, NOW_S)
    assert code_of(caught) == "bounds"


def test_only_a_newer_list_takes_the_place_of_a_units_list_and_a_new_era_begins_anew() -> None:
    driven = msgspec.structs.replace(DELEGATION, version=0xFFFF_FFFF)
    with pytest.raises(ProtocolError) as caught:
        open_delegation(delegated(version=2), ROOTS, driven, NOW_S)
    assert code_of(caught) == "not-newer"
    later = msgspec.structs.replace(ROOTS, eras=(Era(Role.DELEGATION, 1),))
    mended = open_delegation(delegated(version=1, era=1), later, driven, NOW_S)
    assert supersedes(mended, driven)
    assert holders_in_force(driven, later) == ()


def test_a_substitute_ends_with_the_earliest_of_three_days() -> None:
    def ends(bound_days: int, **changes: Any) -> int:
        bounds = (Bound(Role.COMMUNE, (PROVINCE,), bound_days), Bound(Role.CONTENT, (PROVINCE,), 3000))
        roots = msgspec.structs.replace(ROOTS, bounds=bounds)
        (row,) = holders_in_force(msgspec.structs.replace(DELEGATION, **changes), roots)
        return row.not_after

    assert ends(400) == NOW_S + 14 * 86_400
    assert ends(400, expires=NOW_S + 5) == NOW_S + 5
    assert ends(7) == DELEGATION.issued + 7 * 86_400


def test_a_delegated_officer_counts_like_one_of_the_roots() -> None:
    newcomer = key("newcomer")
    rows = (Holder(newcomer.public_key, "Nga", (Role.STOP,), (COMMUNE,)),)
    trust = Trust(ROOTS, (msgspec.structs.replace(DELEGATION, holders=rows),))
    assert [row.person for row in trust.holders_of(sha256(newcomer.public_key)[:4], Role.STOP, NOW_S)] == ["Nga"]
    assert TRUST.holders_of(sha256(newcomer.public_key)[:4], Role.STOP, NOW_S) == ()


def test_a_key_that_stands_in_two_lists_keeps_the_name_of_the_roots() -> None:
    rows = (Holder(HOA.public_key, "somebody else", (Role.COMMUNE,), (COMMUNE,)),)
    trust = Trust(ROOTS, (msgspec.structs.replace(DELEGATION, holders=rows),))
    assert {row.person for row in trust.holders if row.key == HOA.public_key} == {"Hoa"}


@pytest.mark.parametrize(
    ("lost", "left"),
    [(LAN, ()), (CONTROLLER, ()), (TUAN, ()), (ROOT_A, (Role.ROOT,)), (HOA, (Role.DELEGATION,))],
)
def test_a_lost_key_is_taken_away_but_never_as_a_roots_or_an_administrators(
    lost: KeySigner, left: tuple[Role, ...]
) -> None:
    taken = msgspec.structs.replace(DELEGATION, holders=(), revoked=(sha256(lost.public_key),))
    trust = Trust(ROOTS, (taken,))
    assert tuple(role for row in trust.holders if row.key == lost.public_key for role in row.roles) == left


def test_a_revocation_of_an_older_era_means_nothing() -> None:
    taken = msgspec.structs.replace(DELEGATION, holders=(), revoked=(sha256(LAN.public_key),))
    later = msgspec.structs.replace(ROOTS, eras=(Era(Role.DELEGATION, 1),))
    assert LAN.public_key in {row.key for row in Trust(later, (taken,)).holders}


def test_what_a_thief_drove_forward_is_forgotten_with_the_next_era_of_schedules() -> None:
    driven = msgspec.structs.replace(ASSIGNMENT, generation=0xFFFF_FFFF, epoch=0xFFFF_FFFF)
    mended = msgspec.structs.replace(ASSIGNMENT, generation=1, epoch=1, era=1)
    assert mended.is_later(driven)
    assert not driven.is_later(mended)
    later = Trust(msgspec.structs.replace(ROOTS, eras=(Era(Role.SCHEDULE, 1),)))

    def opened(record: Assignment) -> Assignment:
        return open_assignment(
            sign1(encode(record), Family.ASSIGNMENT, DOMAIN, CONTROLLER), later, NOW_S, max_bytes=4096
        )

    assert opened(mended) == mended
    with pytest.raises(ProtocolError) as caught:
        opened(driven)
    said = "of another era of SCHEDULE than the roots name"
    assert (code_of(caught), caught.value.field, caught.value.message) == ("era", "Assignment.era", said)


@pytest.mark.parametrize(
    "units",
    [(COMMUNE, HAMLET), (PROVINCE, HAMLET), (PROVINCE, COMMUNE, OTHER_COMMUNE), (HAMLET, COMMUNE, PROVINCE), ("79",)],
)
def test_an_assignment_to_units_that_are_no_way_down_from_the_province_is_refused(units: tuple[str, ...]) -> None:
    """On a path without the province a commune's order would have the province's level; on two paths two of them."""
    everywhere = tuple(
        msgspec.structs.replace(row, scope=(*row.scope, COMMUNE, HAMLET, "79")) if Role.SCHEDULE in row.roles else row
        for row in ROOTS.holders
    )
    record = msgspec.structs.replace(ASSIGNMENT, units=units)
    raw = sign1(encode(record), Family.ASSIGNMENT, DOMAIN, CONTROLLER)
    with pytest.raises(ProtocolError) as caught:
        open_assignment(raw, Trust(msgspec.structs.replace(ROOTS, holders=everywhere)), NOW_S, max_bytes=4096)
    said = f"{', '.join(units)} are no place: the province comes first, then each step down"
    assert (code_of(caught), caught.value.field, caught.value.message) == ("bad-place", "Assignment.units", said)


def test_of_a_server_of_another_place_it_is_said_for_which_place_it_may_not() -> None:
    elsewhere = tuple(
        msgspec.structs.replace(row, scope=(OTHER_COMMUNE,)) if Role.SCHEDULE in row.roles else row
        for row in ROOTS.holders
    )
    trust = Trust(msgspec.structs.replace(ROOTS, holders=elsewhere))
    with pytest.raises(SignatureError) as caught:
        open_assignment(MESSAGES["assignment"].data, trust, NOW_S, max_bytes=4096)
    said = f"controller may not make schedules for {HAMLET}; the roots name the scope of each key"
    assert (code_of(caught), caught.value.message) == ("scope", said)


def test_a_servers_time_begins_with_its_first_second_and_has_its_last_whole() -> None:
    def opened_at(at_s: int) -> Assignment:
        rows = tuple(
            msgspec.structs.replace(row, not_before=NOW_S, not_after=NOW_S + 9) if Role.SCHEDULE in row.roles else row
            for row in ROOTS.holders
        )
        trust = Trust(msgspec.structs.replace(ROOTS, holders=rows))
        return open_assignment(MESSAGES["assignment"].data, trust, at_s, max_bytes=4096)

    assert opened_at(NOW_S) == opened_at(NOW_S + 9) == ASSIGNMENT
    for at_s in (NOW_S - 1, NOW_S + 10):
        with pytest.raises(SignatureError) as caught:
            opened_at(at_s)
        said = ("bad-signature", "no holder of SCHEDULE signed this assignment")
        assert (code_of(caught), caught.value.message) == said


def test_of_two_controllers_the_higher_epoch_wins_whatever_the_generation() -> None:
    old = msgspec.structs.replace(ASSIGNMENT, epoch=1, generation=900)
    new = msgspec.structs.replace(ASSIGNMENT, epoch=2, generation=1)
    assert new.is_later(old)
    assert not old.is_later(new)
    assert not old.is_later(old)


def test_the_examples_are_of_the_box_and_its_place() -> None:
    assert (ASSIGNMENT.box, ASSIGNMENT.units) == (BOX_ID, (PROVINCE, COMMUNE, HAMLET))
    assert isinstance(DELEGATION, Delegation)
