"""The people of a unit, changed within minutes by two administrators of the province; the offline roots stay.

A delegation is the whole list of one unit and takes the place of the unit's list before it. It gives only what the
roots' bounds allow, and nothing to a server's key. It can also take a key away, of a lost phone or of a server: all of
its roles but ROOT and DELEGATION.
"""

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.clock import MAX_AHEAD_S
from protocol.codec import decode
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import Sha256, Text, UnitCode, one_spelling
from protocol.quantities import DAY_S, EpochS
from protocol.roles import DELEGABLE, MACHINES, Holder, Role, Roots, distinct
from protocol.signing import Family, open_signed

MAX_DELEGATION_BYTES: Final = 65_536


class Delegation(msgspec.Struct, frozen=True, array_like=True):
    """Who else is trusted at and below one unit."""

    unit: UnitCode
    era: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
    """The roots' era of DELEGATION."""
    version: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    """Counts the lists of this unit."""
    epoch: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    """Version of the roots under which it was signed."""
    issued: EpochS
    expires: EpochS
    """Of its holders. What it revokes stays revoked until another list of the unit takes its place."""
    holders: Annotated[tuple[Holder, ...], Meta(max_length=200)]
    revoked: Annotated[tuple[Sha256, ...], Meta(max_length=200)] = ()
    """SHA-256 of public keys that count no more at and below this unit."""
    reason: Text = ""


def open_delegation(data: bytes, roots: Roots, held: Delegation | None, at_s: int | None) -> Delegation:
    """The delegation in these bytes, if it may take the place of the one held for its unit.

    `at_s` is the latest that the time may be (epoch seconds), None where the reader does not know it: then its
    administrators are judged at the roots' `issued`. Raises `SignatureError` or `ProtocolError`.
    """
    envelope = open_signed(data, Family.DELEGATION, roots.domain, max_bytes=MAX_DELEGATION_BYTES)
    delegation = decode(envelope.payload, Delegation, max_bytes=MAX_DELEGATION_BYTES)
    signers = [
        holder
        for signature in envelope.signatures
        for holder in roots.holders_of(signature.kid, Role.DELEGATION, roots.issued if at_s is None else at_s)
        if covers(holder.scope, delegation.unit) and roots.signed(signature, holder)
    ]
    needed = roots.persons_needed(Role.DELEGATION)
    if distinct(signers) < needed:
        raise SignatureError(
            "bad-signature",
            f"a delegation needs {needed} administrators of {delegation.unit}, {distinct(signers)} signed",
        )
    _expect_current(delegation, roots, held)
    _expect_dated(delegation, roots, at_s)
    machines = _machines(roots)
    for holder in delegation.holders:
        for wrong in _beyond(holder, delegation, roots, machines):
            raise ProtocolError("bounds", wrong, field="Delegation.holders")
    return delegation


def unit_of(data: bytes, roots: Roots) -> str:
    """The unit that these bytes say they are for, not yet believed. Raises `ProtocolError`."""
    envelope = open_signed(data, Family.DELEGATION, roots.domain, max_bytes=MAX_DELEGATION_BYTES)
    return decode(envelope.payload, Delegation, max_bytes=MAX_DELEGATION_BYTES).unit


def supersedes(delegation: Delegation, held: Delegation | None) -> bool:
    """Whether it is newer than the one held; of an older era nothing is newer."""
    return held is None or (delegation.era, delegation.version) > (held.era, held.version)


def holders_in_force(delegation: Delegation, roots: Roots) -> tuple[Holder, ...]:
    """Its holders with the ends of their time: their own, the delegation's, the bound's, the roots'.

    It was opened under older roots, perhaps: whom these would not let it name any more counts no longer.
    """
    if delegation.era != roots.era(Role.DELEGATION):
        return ()
    found = []
    machines = _machines(roots)
    for holder in delegation.holders:
        if any(True for _ in _beyond(holder, delegation, roots, machines)):
            continue
        days = [row.days for row in roots.bounds if _allows(row.role, row.scope, holder)]
        ends = min(holder.not_after, delegation.expires, delegation.issued + min(days) * DAY_S, roots.expires)
        found.append(msgspec.structs.replace(holder, not_after=ends))
    return tuple(found)


def covers(scope: tuple[str, ...], unit: str) -> bool:
    """Whether one of these units is the unit, or above it."""
    return any(unit == own or unit.startswith(f"{own}-") for own in scope)


def _expect_current(delegation: Delegation, roots: Roots, held: Delegation | None) -> None:
    if delegation.epoch > roots.version:
        raise ProtocolError(
            "roots-newer", f"signed under roots {delegation.epoch}, these are {roots.version}", field="Delegation.epoch"
        )
    if delegation.era != roots.era(Role.DELEGATION):
        raise ProtocolError("era", "of another era of DELEGATION than the roots name", field="Delegation.era")
    if not supersedes(delegation, held):
        raise ProtocolError(
            "not-newer",
            f"version {delegation.version} of {delegation.unit} is not above {held.version if held else 0}",
            field="Delegation.version",
        )
    if delegation.expires <= delegation.issued:
        raise ProtocolError("bad-record", "not after issued", field="Delegation.expires")


def _expect_dated(delegation: Delegation, roots: Roots, at_s: int | None) -> None:
    """A date ahead would stretch the days of a bound. Who does not know the time knows when the roots end."""
    latest = roots.expires if at_s is None else at_s + MAX_AHEAD_S
    if delegation.issued > latest:
        raise ProtocolError("future", f"issued {delegation.issued - latest} s too late", field="Delegation.issued")


def _machines(roots: Roots) -> frozenset[bytes]:
    """Keys that lie on servers."""
    return frozenset(row.key for row in roots.holders if MACHINES & set(row.roles))


def _beyond(holder: Holder, delegation: Delegation, roots: Roots, machines: frozenset[bytes]) -> Iterator[str]:
    """What this list may not give to this holder."""
    if holder.key in machines:
        yield f"the key of {holder.person} is a server's; a person needs one of their own"
    if holder.person != one_spelling(holder.person):
        yield f"the name {holder.person!r} is to be written as {one_spelling(holder.person)!r}"
    for role in holder.roles:
        if role not in DELEGABLE:
            yield f"{role.name} cannot be delegated"
        bounds = tuple(unit for row in roots.bounds if row.role is role for unit in row.scope)
        for unit in holder.scope:
            if not covers((delegation.unit,), unit) or not covers(bounds, unit):
                yield f"the list of {delegation.unit} may not give {role.name} of {unit} to {holder.person}"


def _allows(role: Role, scope: tuple[str, ...], holder: Holder) -> bool:
    return role in holder.roles and any(covers(scope, unit) for unit in holder.scope)
