"""Who may say what: the roots, one signed file, and how one version follows another (The Update Framework's ideas).

The first roots are taken on trust of the channel (`open_first_roots`) or of a fingerprint; every later version must be
signed by the root keys of the version before it and by its own. What a province changes within minutes, the people of
its communes, is in `delegation`; both together are `trust`.
"""

import enum
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.codec import decode, pack
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import Name, PublicKey, UnitCode, key_id, one_spelling, sha256
from protocol.manifest import Policy
from protocol.passkey import Party
from protocol.passkey import verify as verify_passkey
from protocol.quantities import EpochS
from protocol.signing import Domain, Envelope, Family, Signature, open_signed

MAX_ROOTS_BYTES: Final = 1_048_576
FINGERPRINT_BYTES: Final = 16


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
    EXCEPTION = 9
    """A dated exception to quiet hours."""
    STOP = 10
    """Stops and locks the speakers of an area."""


MACHINES: Final = frozenset({Role.SCHEDULE, Role.TIMESTAMP})
"""Roles of keys that lie on a server, day and night."""
FEWEST: Final = {Role.EMERGENCY: 2, Role.DELEGATION: 2, Role.EXCEPTION: 2}
"""So many persons at least, whatever the roots say."""
TRIALS: Final = frozenset({"demo", "test"})
"""Environments in which one root holder may be enough: nobody's village hangs on them."""
DELEGABLE: Final = frozenset({Role.COMMUNE, Role.CONTENT, Role.STOP})


class Holder(msgspec.Struct, frozen=True, array_like=True):
    """One key, whose it is, and what it may do where and when."""

    key: PublicKey
    person: Name
    """Two keys of one person count as one signer, so a name has one spelling. A machine has a name here too."""
    roles: Annotated[tuple[Role, ...], Meta(min_length=1, max_length=11)]
    scope: Annotated[tuple[UnitCode, ...], Meta(min_length=1, max_length=64)]
    """Units at or below which it counts."""
    not_before: EpochS = 0
    not_after: EpochS = 0xFFFF_FFFF
    party: Annotated[int, Meta(ge=0, le=4)] = 0
    """0: it signs bytes itself. n: it is a passkey of the n-th of the roots' parties and signs assertions alone."""


class Threshold(msgspec.Struct, frozen=True, array_like=True):
    """How many distinct persons a role takes; where a role is not listed: as many as FEWEST says, else 1."""

    role: Role
    persons: Annotated[int, Meta(ge=1, le=8)]


class Era(msgspec.Struct, frozen=True, array_like=True):
    """Counters of a role begin anew: what a thief drove forward is forgotten, what was signed before counts no more."""

    role: Role
    number: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]


class Bound(msgspec.Struct, frozen=True, array_like=True):
    """What a delegation may give away: this role, at or below these units, for so many days at most."""

    role: Role
    scope: Annotated[tuple[UnitCode, ...], Meta(min_length=1, max_length=64)]
    days: Annotated[int, Meta(ge=1, le=3660)]


class Roots(msgspec.Struct, frozen=True, array_like=True):
    """Everybody who is trusted, in one version."""

    version: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    province: UnitCode
    environment: Annotated[str, Meta(pattern=r"^[a-z]{1,12}\Z")]
    issued: EpochS
    expires: EpochS
    thresholds: Annotated[tuple[Threshold, ...], Meta(max_length=11)]
    holders: Annotated[tuple[Holder, ...], Meta(min_length=1, max_length=2000)]
    eras: Annotated[tuple[Era, ...], Meta(max_length=11)] = ()
    """0 for a role that is not listed."""
    policies: Annotated[tuple[Policy, ...], Meta(max_length=4)] = ()
    """Hours and volume that no schedule of the online key can widen; a manifest's policies are stacked upon them."""
    parties: Annotated[tuple[Party, ...], Meta(max_length=4)] = ()
    bounds: Annotated[tuple[Bound, ...], Meta(max_length=16)] = ()
    """What DELEGATION may give away; nothing where this is empty."""
    events: Annotated[tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,12}\Z")], ...], Meta(max_length=32)] = ()
    """Events of which a COMMUNE may warn by one signature."""

    @property
    def domain(self) -> Domain:
        return Domain(self.province, self.environment)

    def persons_needed(self, role: Role) -> int:
        """Distinct persons that must sign for this role."""
        listed = next((row.persons for row in self.thresholds if row.role is role), 1)
        return max(listed, FEWEST.get(role, 1))

    def era(self, role: Role) -> int:
        return next((row.number for row in self.eras if row.role is role), 0)

    def holders_of(self, kid: bytes, role: Role, at: int) -> tuple[Holder, ...]:
        """The keys that this id may mean, that hold the role at this moment (epoch seconds)."""
        return tuple(
            holder
            for holder in self.holders
            if key_id(holder.key) == kid and role in holder.roles and holder.not_before <= at <= holder.not_after
        )

    def signed(self, signature: Signature, holder: Holder) -> bool:
        """Whether this holder made this signature, in the one way in which its key signs."""
        if holder.party == 0:
            return signature.verify(holder.key)
        return holder.party <= len(self.parties) and verify_passkey(
            signature, holder.key, self.parties[holder.party - 1]
        )


def open_first_roots(data: bytes, fingerprint: bytes | None = None, at_s: int | None = None) -> Roots:
    """The first roots that a box takes: signed by its own root keys, and by nobody else that the box could know.

    Whoever can give a box its first roots owns it; so they come over the channel that `box.toml` pins, or they must
    have this `fingerprint` (see `root_fingerprint`). `at_s` is the latest that the time may be (epoch seconds; None
    where the reader does not know it): roots that have ended are no beginning. Raises `SignatureError` or
    `ProtocolError`.
    """
    roots = _roots_in(data)
    _expect_signed(open_signed(data, Family.ROOTS, roots.domain), roots, roots.issued)
    if fingerprint is not None and root_fingerprint(roots) != fingerprint:
        raise SignatureError(
            "fingerprint", f"these roots have the fingerprint {root_fingerprint(roots).hex()}, not {fingerprint.hex()}"
        )
    if at_s is not None and at_s >= roots.expires:
        raise ProtocolError("expired", "these roots have ended; fetch newer ones", field="Roots.expires")
    return roots


def open_next_roots(data: bytes, held: Roots) -> Roots:
    """A later version than the one held: signed by the root keys of that one, and by its own.

    Versions between the two may be left out while enough root keys are the same. Raises `SignatureError` where too few
    signed, `ProtocolError` `not-newer` where the version does not rise.
    """
    roots = _roots_in(data)
    if roots.domain != held.domain:
        raise ProtocolError(
            "domain",
            f"roots of {roots.province}/{roots.environment}, expected {held.province}/{held.environment}",
        )
    if roots.version <= held.version:
        raise ProtocolError("not-newer", f"version {roots.version} is not above {held.version}", field="Roots.version")
    if roots.issued < held.issued:
        raise ProtocolError("not-newer", "issued before the version that it follows", field="Roots.issued")
    for row in held.eras:
        if roots.era(row.role) < row.number:
            raise ProtocolError("not-newer", f"the era of {row.role.name} falls", field="Roots.eras")
    envelope = open_signed(data, Family.ROOTS, roots.domain)
    _expect_signed(envelope, held, roots.issued)
    _expect_signed(envelope, roots, roots.issued)
    return roots


def root_fingerprint(roots: Roots) -> bytes:
    """16 bytes that stand for the root keys and how many of them must sign; the same while those are the same."""
    keys = sorted(holder.key for holder in roots.holders if Role.ROOT in holder.roles)
    return sha256(pack([roots.province, roots.environment, roots.persons_needed(Role.ROOT), keys]))[:FINGERPRINT_BYTES]


def flaws(roots: Roots) -> tuple[str, ...]:
    """What no roots may be, whoever signed them; one sentence each."""
    found = []
    keys = [holder.key for holder in roots.holders]
    if len(set(keys)) < len(keys):
        found.append("holders: a key stands twice; name all roles of a key in one line")
    for holder in roots.holders:
        if MACHINES & set(holder.roles) and not set(holder.roles) <= MACHINES:
            found.append(f"holders: the key of {holder.person} is a server's and a person's; a server needs its own")
        if holder.party > len(roots.parties):
            found.append(f"holders: {holder.person} has a passkey of a party that is not listed")
        if holder.person != one_spelling(holder.person):
            found.append(f"holders: the name {holder.person!r} is to be written as {one_spelling(holder.person)!r}")
    persons = {holder.person for holder in roots.holders if Role.ROOT in holder.roles}
    if len(persons) < roots.persons_needed(Role.ROOT):
        found.append(
            f"holders: {roots.persons_needed(Role.ROOT)} persons with role ROOT are needed, {len(persons)} named"
        )
    if roots.environment not in TRIALS and roots.persons_needed(Role.ROOT) < 2:
        found.append("thresholds: ROOT takes 2 persons at least")
    if roots.expires <= roots.issued:
        found.append("expires: not after issued")
    for name, rows in (("thresholds", roots.thresholds), ("eras", roots.eras)):
        if len({row.role for row in rows}) < len(rows):
            found.append(f"{name}: a role stands twice")
    found += [f"bounds: {row.role.name} cannot be delegated" for row in roots.bounds if row.role not in DELEGABLE]
    return tuple(found)


def distinct(holders: Iterable[Holder]) -> int:
    """How many persons these are: neither one person's two keys nor one key under two names counts twice."""
    rows = tuple(holders)
    return min(len({holder.person for holder in rows}), len({holder.key for holder in rows}))


def _roots_in(data: bytes) -> Roots:
    """What the bytes say, not yet believed. The domain for which they are signed stands in them."""
    payload = open_signed(data, Family.ROOTS, Domain("0", "x"), max_bytes=MAX_ROOTS_BYTES).payload
    roots = decode(payload, Roots, max_bytes=MAX_ROOTS_BYTES)
    wrong = flaws(roots)
    if wrong:
        raise ProtocolError("bad-record", "; ".join(wrong), field="Roots")
    return roots


def _expect_signed(envelope: Envelope, by: Roots, at_s: int) -> None:
    signers = [
        holder
        for signature in envelope.signatures
        for holder in by.holders_of(signature.kid, Role.ROOT, at_s)
        if by.signed(signature, holder)
    ]
    needed = by.persons_needed(Role.ROOT)
    if distinct(signers) < needed:
        raise SignatureError(
            "bad-signature",
            f"the roots need {needed} root signatures of version {by.version}, {distinct(signers)} verify",
        )
