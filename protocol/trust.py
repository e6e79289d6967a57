"""Everybody whom one place trusts: the roots, and the delegations of its units (design §4)."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final

import msgspec

from protocol.codec import decode
from protocol.delegation import Delegation, covers, holders_in_force
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import key_id, sha256
from protocol.manifest import Assignment
from protocol.roles import Holder, Role, Roots, distinct
from protocol.signing import Domain, Envelope, Family, open1

UNTOUCHABLE: Final = frozenset({Role.ROOT, Role.DELEGATION})
"""No delegation takes these roles away: two administrators could lock out all others."""


@dataclass(frozen=True)
class Trust:
    """The roots in force, and of each unit of the place the newest delegation."""

    roots: Roots
    delegations: tuple[Delegation, ...] = field(default=())

    @property
    def version(self) -> int:
        return self.roots.version

    @property
    def domain(self) -> Domain:
        return self.roots.domain

    def persons_needed(self, role: Role) -> int:
        """Distinct persons that must sign for this role."""
        return self.roots.persons_needed(role)

    @cached_property
    def revoked(self) -> frozenset[bytes]:
        """SHA-256 of the keys that a delegation has taken away, also one whose own time is over."""
        era = self.roots.era(Role.DELEGATION)
        return frozenset(name for row in self.delegations if row.era == era for name in row.revoked)

    @cached_property
    def holders(self) -> tuple[Holder, ...]:
        """All of them; a key that stands in several lists has the name of the first, the roots before delegations.

        All else is each line's own: roles, scope, time, `party`.
        """
        names: dict[bytes, str] = {}
        found = []
        delegated = (
            holder
            for row in sorted(self.delegations, key=lambda row: row.unit)
            for holder in holders_in_force(row, self.roots)
        )
        for holder in (*self.roots.holders, *delegated):
            name = names.setdefault(holder.key, holder.person)
            roles = self.roles_left(holder)
            if roles:
                found.append(msgspec.structs.replace(holder, person=name, roles=roles))
        return tuple(found)

    def roles_left(self, holder: Holder) -> tuple[Role, ...]:
        """The roles of this line that no delegation has taken away."""
        if sha256(holder.key) not in self.revoked:
            return holder.roles
        return tuple(role for role in holder.roles if role in UNTOUCHABLE)

    def holders_of(self, kid: bytes, role: Role, at: int) -> tuple[Holder, ...]:
        """The keys that this id may mean, that hold the role at this moment (epoch seconds)."""
        return tuple(
            holder
            for holder in self._by_kid.get(kid, ())
            if role in holder.roles and holder.not_before <= at <= holder.not_after
        )

    def signers(self, envelope: Envelope, role: Role, at: int) -> tuple[Holder, ...]:
        """The role's holders whose signatures verify, in the order of the envelope; a person may be there twice."""
        return tuple(
            holder
            for signature in envelope.signatures
            for holder in self.holders_of(signature.kid, role, at)
            if self.roots.signed(signature, holder)
        )

    @cached_property
    def _by_kid(self) -> dict[bytes, tuple[Holder, ...]]:
        found: dict[bytes, tuple[Holder, ...]] = {}
        for holder in self.holders:
            kid = key_id(holder.key)
            found[kid] = (*found.get(kid, ()), holder)
        return found


def open_machine(data: bytes, family: Family, trust: Trust, role: Role, at_s: int, *, max_bytes: int) -> bytes:
    """The payload of a COSE_Sign1 that a holder of this role signed: a manifest, an acknowledgement.

    `at_s` is the reader's time in epoch seconds, `max_bytes` the family's limit. Raises `SignatureError` when nobody
    who holds the role at that moment signed these bytes, `ProtocolError` when they are not such a message.

    A manifest is good where an assignment brings it: whose place it is for, `open_assignment` asks.
    """
    return _open_machine(data, family, trust, role, at_s, max_bytes=max_bytes)[0]


def open_assignment(data: bytes, trust: Trust, at_s: int, *, max_bytes: int) -> Assignment:
    """The assignment in these bytes, if a holder of SCHEDULE signed it whose scope has a unit of the box's place.

    Raises as `open_machine`; `SignatureError` "scope" for a key of another place, `ProtocolError` "era" for one that
    was made before the counters of SCHEDULE began anew, "bad-place" for units that are no way down from the province.
    """
    payload, signers = _open_machine(data, Family.ASSIGNMENT, trust, Role.SCHEDULE, at_s, max_bytes=max_bytes)
    assignment = decode(payload, Assignment, max_bytes=max_bytes)
    if not any(unit in holder.scope for holder in signers for unit in assignment.units):
        place, person = assignment.units[-1], signers[0].person
        raise SignatureError(
            "scope", f"{person} may not make schedules for {place}; the roots name the scope of each key"
        )
    if not _is_a_place(assignment.units, trust.domain.province):
        message = f"{', '.join(assignment.units)} are no place: the province comes first, then each step down"
        raise ProtocolError("bad-place", message, field="Assignment.units")
    if assignment.era != trust.roots.era(Role.SCHEDULE):
        raise ProtocolError("era", "of another era of SCHEDULE than the roots name", field="Assignment.era")
    return assignment


def _is_a_place(units: tuple[str, ...], province: str) -> bool:
    """Whether each unit lies one step below the one before; the level of an order is counted on this path."""
    steps = all(lower.rpartition("-")[0] == upper for upper, lower in pairwise(units))
    return units[0] == province and steps


def _open_machine(
    data: bytes, family: Family, trust: Trust, role: Role, at_s: int, *, max_bytes: int
) -> tuple[bytes, tuple[Holder, ...]]:
    """The payload, and the holders that its signature may be of."""
    envelope = open1(data, family, trust.domain, max_bytes=max_bytes)
    signers = trust.signers(envelope, role, at_s)
    if not signers:
        raise SignatureError("bad-signature", f"no holder of {role.name} signed this {family.name.lower()}")
    return envelope.payload, signers


__all__ = ["Trust", "covers", "distinct", "open_assignment", "open_machine"]
