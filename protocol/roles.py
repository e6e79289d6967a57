"""Who may say what: the roots, one signed file.

The roots travel as COSE_Sign by the province's root keys; a box is born with those keys' public halves (`box.toml`).
The first version; rotation, delegation and passkeys build on the same record.
"""

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

from protocol.codec import decode
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import Name, PublicKey, UnitCode, key_id
from protocol.manifest import Assignment
from protocol.quantities import EpochS
from protocol.signing import Domain, Family, open1, open_signed


class Role(enum.IntEnum):
    """What a key may sign (design §4)."""

    ROOT = 0
    EMERGENCY = 1
    CANCEL = 2
    COMMUNE = 3
    CONTENT = 4
    SCHEDULE = 5
    TIMESTAMP = 6
    FIRMWARE = 7
    DELEGATION = 8


class Holder(msgspec.Struct, frozen=True, array_like=True):
    """One key, whose it is, and what it may do where and when."""

    key: PublicKey
    person: Name
    """Two keys of one person count as one signer. A machine has a name here too."""
    roles: Annotated[tuple[Role, ...], Meta(min_length=1, max_length=9)]
    scope: Annotated[tuple[UnitCode, ...], Meta(min_length=1, max_length=64)]
    """Units at or below which it counts."""
    not_before: EpochS = 0
    not_after: EpochS = 0xFFFF_FFFF


class Threshold(msgspec.Struct, frozen=True, array_like=True):
    """How many distinct persons a role takes; 1 where a role is not listed."""

    role: Role
    persons: Annotated[int, Meta(ge=1, le=8)]


class Roots(msgspec.Struct, frozen=True, array_like=True):
    """Everybody who is trusted, in one version."""

    version: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    province: UnitCode
    environment: Annotated[str, Meta(pattern=r"^[a-z]{1,12}\Z")]
    issued: EpochS
    expires: EpochS
    thresholds: Annotated[tuple[Threshold, ...], Meta(max_length=9)]
    holders: Annotated[tuple[Holder, ...], Meta(min_length=1, max_length=2000)]

    @property
    def domain(self) -> Domain:
        return Domain(self.province, self.environment)

    def persons_needed(self, role: Role) -> int:
        """Distinct persons that must sign for this role."""
        return next((row.persons for row in self.thresholds if row.role is role), 1)

    def holders_of(self, kid: bytes, role: Role, at: int) -> tuple[Holder, ...]:
        """The keys that this id may mean, that hold the role at this moment (epoch seconds)."""
        return tuple(
            holder
            for holder in self.holders
            if key_id(holder.key) == kid and role in holder.roles and holder.not_before <= at <= holder.not_after
        )


def open_roots(data: bytes, domain: Domain, root_keys: tuple[bytes, ...], *, persons_needed: int = 1) -> Roots:
    """The roots in these bytes, if enough of the pinned root keys signed them.

    `root_keys` are raw public keys, one a person. Raises `SignatureError` or `ProtocolError`.
    """
    envelope = open_signed(data, Family.ROOTS, domain)
    by = {
        key
        for key in root_keys
        for signature in envelope.signatures
        if signature.kid == key_id(key) and signature.verify(key)
    }
    if len(by) < persons_needed:
        raise SignatureError("bad-signature", f"the roots need {persons_needed} root signatures, {len(by)} verify")
    roots = decode(envelope.payload, Roots, max_bytes=1_048_576)
    if roots.domain != domain:
        raise ProtocolError(
            "domain", f"roots of {roots.province}/{roots.environment}, expected {domain.province}/{domain.environment}"
        )
    return roots


def open_machine(data: bytes, family: Family, roots: Roots, role: Role, at_s: int, *, max_bytes: int) -> bytes:
    """The payload of a COSE_Sign1 that a holder of this role signed: a manifest, an acknowledgement.

    `at_s` is the reader's time in epoch seconds, `max_bytes` the family's limit. Raises `SignatureError` when nobody
    who holds the role at that moment signed these bytes, `ProtocolError` when they are not such a message.

    A manifest is good where an assignment brings it: whose place it is for, `open_assignment` asks.
    """
    return _open_machine(data, family, roots, role, at_s, max_bytes=max_bytes)[0]


def open_assignment(data: bytes, roots: Roots, at_s: int, *, max_bytes: int) -> Assignment:
    """The assignment in these bytes, if a holder of SCHEDULE signed it whose scope has a unit of the box's place.

    Raises as `open_machine`; `SignatureError` "scope" for a key of another place.
    """
    payload, signers = _open_machine(data, Family.ASSIGNMENT, roots, Role.SCHEDULE, at_s, max_bytes=max_bytes)
    assignment = decode(payload, Assignment, max_bytes=max_bytes)
    if not any(unit in holder.scope for holder in signers for unit in assignment.units):
        place, person = assignment.units[-1], signers[0].person
        raise SignatureError(
            "scope", f"{person} may not make schedules for {place}; the roots name the scope of each key"
        )
    return assignment


def _open_machine(
    data: bytes, family: Family, roots: Roots, role: Role, at_s: int, *, max_bytes: int
) -> tuple[bytes, tuple[Holder, ...]]:
    """The payload, and the holders that its signature may be of."""
    envelope = open1(data, family, roots.domain, max_bytes=max_bytes)
    signature = envelope.signatures[0]
    signers = tuple(holder for holder in roots.holders_of(signature.kid, role, at_s) if signature.verify(holder.key))
    if not signers:
        raise SignatureError("bad-signature", f"no holder of {role.name} signed this {family.name.lower()}")
    return envelope.payload, signers
