"""Who may sign: README §4, written anew. A `Grant` is one row of the roots or of a delegation that still counts."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

from tests.oracle import envelope, records
from tests.oracle.cbor import RefusedError, write
from tests.oracle.envelope import Envelope
from tests.oracle.records import Delegation, Party, Roots

LEAST = {records.EMERGENCY: 2, records.DELEGATION: 2, records.EXCEPTION: 2}
MACHINES = {records.SCHEDULE, records.TIMESTAMP}
BOUNDED = {records.COMMUNE, records.CONTENT, records.STOP}
UNTOUCHABLE = {records.ROOT, records.DELEGATION}
TRIALS = ("demo", "test")
DAY_S = 86400
AHEAD_S = 300
YEAR_S = 366 * DAY_S


@dataclass(frozen=True)
class OracleTrust:
    roots: Roots
    delegations: tuple[Delegation, ...] = ()

    @cached_property
    def grants(self) -> "list[Grant]":
        return _grants_of(self)


@dataclass(frozen=True)
class Grant:
    key: bytes
    person: str
    roles: tuple[int, ...]
    scope: tuple[str, ...]
    first_s: int
    last_s: int
    party: int


def covers(above: str, below: str) -> bool:
    return below == above or below.startswith(above + "-")


def takes(roots: Roots, role: int) -> int:
    return max(dict(roots.thresholds).get(role, 1), LEAST.get(role, 1))


def era(roots: Roots, role: int) -> int:
    return dict(roots.eras).get(role, 0)


def people(grants: Iterable[Grant]) -> int:
    listed = list(grants)
    return min(len({grant.person for grant in listed}), len({grant.key for grant in listed}))


def _grants_of(trust: OracleTrust) -> list[Grant]:
    counting = sorted((one for one in trust.delegations if _counts(one, trust.roots)), key=lambda one: one.unit)
    sets = [(trust.roots.holders, None)] + [(one.holders, one) for one in counting]
    names: dict[bytes, str] = {}
    found = []
    for holders, delegation in sets:
        for holder in holders:
            if delegation is not None and not _within(holder, delegation, trust.roots):
                continue
            names.setdefault(holder.key, holder.person)
            last = holder.not_after if delegation is None else _end(holder, delegation, trust.roots)
            name = names[holder.key]
            found.append(Grant(holder.key, name, holder.roles, holder.scope, holder.not_before, last, holder.party))
    revoked = {digest for one in counting for digest in one.revoked}
    left = [_without(one) if sha256(one.key).digest() in revoked else one for one in found]
    return [one for one in left if one.roles]


def _without(grant: Grant) -> Grant:
    """What a revocation leaves of it."""
    return replace(grant, roles=tuple(role for role in grant.roles if role in UNTOUCHABLE))


def well_spelled(name: str) -> bool:
    """NFC, no controls and formats, no white space but one U+0020 between words."""
    categories = [unicodedata.category(char) for char in name]
    spaces = [char for char, category in zip(name, categories, strict=True) if category[0] == "Z"]
    return (
        unicodedata.is_normalized("NFC", name)
        and not {"Cc", "Cf"} & set(categories)
        and set(spaces) <= {" "}
        and "  " not in name
        and name.strip(" ") == name
    )


def _counts(delegation: Delegation, roots: Roots) -> bool:
    return (
        delegation.era == era(roots, records.DELEGATION)
        and delegation.epoch <= roots.version
        and delegation.expires > delegation.issued
    )


def _within(holder: records.Holder, delegation: Delegation, roots: Roots) -> bool:
    machines = {one.key for one in roots.holders if MACHINES & set(one.roles)}
    own = holder.key not in machines and well_spelled(holder.person) and set(holder.roles) <= BOUNDED
    return own and all(
        covers(delegation.unit, unit)
        and any(bound.role == role and any(covers(top, unit) for top in bound.scope) for bound in roots.bounds)
        for unit in holder.scope
        for role in holder.roles
    )


def _end(holder: records.Holder, delegation: Delegation, roots: Roots) -> int:
    days = [
        bound.days
        for bound in roots.bounds
        if bound.role in holder.roles and any(covers(top, unit) for top in bound.scope for unit in holder.scope)
    ]
    return min(holder.not_after, delegation.expires, delegation.issued + min(days) * DAY_S, roots.expires)


def party_of(roots: Roots, number: int) -> Party | None:
    return roots.parties[number - 1] if number else None


def signers(opened: Envelope, roots: Roots, grants: Iterable[Grant], role: int, at_ms: int) -> list[Grant]:
    """The grants of `role` that count at this moment and whose signature on this message verifies."""
    domain = (roots.province, roots.environment)
    return [
        grant
        for grant in grants
        if role in grant.roles
        and grant.first_s <= at_ms // 1000 <= grant.last_s
        and grant.party <= len(roots.parties)
        and any(
            envelope.verifies(opened, one, domain, grant.key, party_of(roots, grant.party)) for one in opened.signatures
        )
    ]


def first_roots(raw: bytes, at_s: int | None = None) -> Roots | None:
    found = _roots(raw, None)
    return None if found is None or (at_s is not None and found.expires <= at_s) else found


def next_roots(raw: bytes, held: Roots) -> Roots | None:
    return _roots(raw, held)


def _roots(raw: bytes, held: Roots | None) -> Roots | None:
    try:
        opened = envelope.open_envelope(raw, envelope.ROOTS)
        new = records.roots(opened.payload)
        _good(new)
    except RefusedError:
        return None
    if held is not None and not _follows(new, held):
        return None
    for judge in (new,) if held is None else (held, new):
        signed = signers(opened, judge, OracleTrust(judge).grants, records.ROOT, new.issued * 1000)
        if people(signed) < takes(judge, records.ROOT):
            return None
    return new


def _good(roots: Roots) -> None:
    holders = OracleTrust(roots).grants
    sound = (
        len({one.key for one in holders}) == len(holders)
        and all(one.party <= len(roots.parties) for one in holders)
        and all(_machine_or_person(one) for one in holders)
        and people(one for one in holders if records.ROOT in one.roles) >= takes(roots, records.ROOT)
        and all(well_spelled(one.person) for one in holders)
        and (roots.environment in TRIALS or takes(roots, records.ROOT) >= 2)
        and roots.expires > roots.issued
        and all(len({role for role, _ in rows}) == len(rows) for rows in (roots.thresholds, roots.eras))
        and all(bound.role in BOUNDED for bound in roots.bounds)
    )
    if not sound:
        raise RefusedError("no roots are good in which this is so")


def _machine_or_person(holder: Grant) -> bool:
    machine = MACHINES & set(holder.roles)
    return not machine or set(holder.roles) <= MACHINES


def _follows(new: Roots, held: Roots) -> bool:
    return (
        (new.province, new.environment) == (held.province, held.environment)
        and new.version > held.version
        and new.issued >= held.issued
        and all(era(new, role) >= era(held, role) for role in range(11))
    )


def fingerprint(roots: Roots) -> bytes:
    keys = sorted(holder.key for holder in roots.holders if records.ROOT in holder.roles)
    return sha256(write([roots.province, roots.environment, takes(roots, records.ROOT), keys])).digest()[:16]


def delegation(raw: bytes, roots: Roots, held: Delegation | None, at_s: int | None) -> Delegation | None:
    try:
        opened = envelope.open_envelope(raw, envelope.DELEGATION)
        new = records.delegation(opened.payload)
    except RefusedError:
        return None
    newer = held is None or held.unit != new.unit or held.era != new.era or new.version > held.version
    judged_at, latest = (roots.issued, roots.expires) if at_s is None else (at_s, at_s + AHEAD_S)
    signed = signers(opened, roots, OracleTrust(roots).grants, records.DELEGATION, judged_at * 1000)
    covering = [one for one in signed if any(covers(top, new.unit) for top in one.scope)]
    within = all(_within(holder, new, roots) for holder in new.holders)
    dated = new.issued <= latest
    good = newer and within and dated and _counts(new, roots) and people(covering) >= takes(roots, records.DELEGATION)
    return new if good else None


def approval(raw: bytes, trust: OracleTrust, at_s: int) -> records.Approval | None:
    try:
        opened = envelope.open_envelope(raw, envelope.APPROVAL)
        found = records.approval(opened.payload)
    except RefusedError:
        return None
    signed = signers(opened, trust.roots, trust.grants, records.CONTENT, found.issued * 1000)
    covering = [one for one in signed if any(covers(top, found.scope) for top in one.scope)]
    good = (
        found.epoch <= trust.roots.version
        and found.issued < found.expires <= found.issued + YEAR_S
        and found.issued <= at_s + AHEAD_S
        and people(covering) >= takes(trust.roots, records.CONTENT)
    )
    return found if good else None


def exception(raw: bytes, trust: OracleTrust, at_s: int) -> records.QuietException | None:
    try:
        opened = envelope.open_envelope(raw, envelope.EXCEPTION)
        found = records.exception(opened.payload)
    except RefusedError:
        return None
    signed = signers(opened, trust.roots, trust.grants, records.EXCEPTION, found.issued * 1000)
    covering = [one for one in signed if trust.roots.province in one.scope]
    good = (
        found.epoch <= trust.roots.version
        and found.start < found.end <= found.start + DAY_S
        and found.end <= found.issued + YEAR_S
        and found.issued <= at_s + AHEAD_S
        and people(covering) >= takes(trust.roots, records.EXCEPTION)
    )
    return found if good else None
