"""What the box holds signed, and what enrolment told: the trust and the desired state of design §2 and §4."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
import structlog

from agent.errors import StoreError
from agent.ports.store import InForce
from agent.store.database import Database, put_state
from protocol.clock import MAX_AHEAD_S
from protocol.codec import Record, decode, encode, unpack
from protocol.delegation import Delegation, supersedes
from protocol.errors import ProtocolError
from protocol.manifest import Assignment, Manifest
from protocol.quantities import DAY_MS, SECOND_MS
from protocol.roles import MACHINES, Roots
from protocol.signing import MAX_MESSAGE_BYTES, TAG_SIGN, TAG_SIGN1

log = structlog.get_logger()

MAX_MANIFEST_BYTES: Final = 4_194_304
MAX_LISTS_ELSEWHERE: Final = 6
"""As many lists as one more place has."""
MAX_MARKS: Final = 500
"""Of more places: a broker that keeps old lists must not have them taken by moving a box about."""
MARK: Final = "\x00"


class Memory:
    """Implements the ports `Trust` and `Desired`.

    What is written here was verified when it came; it is kept as the verified record, beside the signed bytes that
    prove it, so that a start needs no signer's key to still be listed.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._roots = _load(database, "roots.record", Roots, "roots")
        self._delegations = {row.unit: row for row in _lists(database)}
        self._wanted = _load(database, "wanted.record", Assignment, "wanted")
        self._in_force = self._load_in_force()
        self._floor_in_file_ms = 0
        """As this run wrote it into the trust file: once a start and once a day, for cards wear out."""

    def roots(self) -> Roots | None:
        return self._roots

    def keep_roots(self, raw: bytes, roots: Roots) -> bool:
        if self._roots is not None and roots.version <= self._roots.version:
            raise StoreError(f"roots {roots.version} do not replace {self._roots.version}: the version only rises")
        with self._database.change() as connection:
            put_state(connection, "roots", raw)
            put_state(connection, "roots.record", encode(roots))
            connection.execute("DELETE FROM state WHERE key = 'roots.lost'")
            anew = self._roots is not None and _begins_anew(self._roots, roots)
            if anew:
                floor_ms = min(self.floor_ms(), max(0, roots.issued - MAX_AHEAD_S) * SECOND_MS)
                put_state(connection, "floor_ms", floor_ms.to_bytes(8, "big"))
        self._database.keep_trust()
        self._roots = roots
        return anew

    def has_lost_roots(self) -> bool:
        if self._roots is not None:
            return False
        return any(self._database.state(key) is not None for key in ("roots", "roots.record", "roots.lost"))

    def delegations(self) -> Sequence[Delegation]:
        return tuple(self._delegations.values())

    def keep_delegation(self, raw: bytes, delegation: Delegation) -> None:
        if not supersedes(delegation, self._delegations.get(delegation.unit)):
            raise StoreError(f"version {delegation.version} of {delegation.unit} does not replace a newer one")
        with self._database.change() as connection:
            put_state(connection, f"delegation/{delegation.unit}", raw)
            put_state(connection, f"delegation.record/{delegation.unit}", encode(delegation))
        self._delegations[delegation.unit] = delegation
        self._database.keep_trust()

    def broker(self) -> str | None:
        found = self._database.state("broker")
        return None if found is None else found.decode()

    def keep_broker(self, url: str) -> None:
        if url != self.broker():
            with self._database.change() as connection:
                put_state(connection, "broker", url.encode())

    def floor_ms(self) -> int:
        return int.from_bytes(self._database.state("floor_ms") or b"\0", "big")

    def settle(self) -> None:
        self._database.settle_trust()

    def raise_floor(self, at_ms: int) -> None:
        if at_ms <= self.floor_ms():
            return
        with self._database.change() as connection:
            put_state(connection, "floor_ms", at_ms.to_bytes(8, "big"))
        if at_ms - self._floor_in_file_ms >= DAY_MS:
            self._database.keep_trust()
            self._floor_in_file_ms = at_ms

    def forget_floor(self) -> None:
        """What was taken for certain was wrong, says the technician."""
        with self._database.change() as connection:
            put_state(connection, "floor_ms", b"\0")
        self._database.keep_trust()

    def try_disk(self) -> None:
        token = secrets.token_bytes(8)
        with self._database.change() as connection:
            put_state(connection, "tried", token)
        if self._database.state("tried") != token:
            raise StoreError(
                "the disk does not keep what is written; replace the card",
                vi="thẻ nhớ không giữ được những gì đã ghi; hãy thay thẻ",
            )

    def wanted(self) -> Assignment | None:
        return self._wanted

    def wanted_bytes(self) -> bytes | None:
        return self._database.state("wanted")

    def keep_wanted(self, raw: bytes, assignment: Assignment) -> None:
        if self._wanted is not None and not assignment.is_later(self._wanted):
            raise StoreError(f"generation {assignment.generation} does not replace {self._wanted.generation}")
        left = _with_few_elsewhere(self._delegations, assignment.units)
        with self._database.change() as connection:
            put_state(connection, "wanted", raw)
            put_state(connection, "wanted.record", encode(assignment))
            for unit in self._delegations:
                if left.get(unit) != self._delegations[unit]:
                    keys = (f"delegation/{unit}", f"delegation.record/{unit}")
                    connection.execute("DELETE FROM state WHERE key IN (?, ?)", keys)
                    if unit in left:
                        put_state(connection, f"delegation.record/{unit}", encode(left[unit]))
        self._delegations = left
        self._wanted = assignment
        self._database.keep_trust()

    def in_force(self) -> InForce | None:
        return self._in_force

    def previous_manifest(self) -> bytes | None:
        return self._database.state("previous.manifest")

    def adopt(self, assignment: Assignment, manifest: Manifest, at_ms: int) -> None:
        before = self._in_force
        with self._database.change() as connection:
            if before is not None and before.assignment.manifest != assignment.manifest:
                put_state(connection, "previous.manifest", before.assignment.manifest)
            put_state(connection, "current.assignment", encode(assignment))
            put_state(connection, "current.manifest", encode(manifest))
            put_state(connection, "current.adopted_ms", at_ms.to_bytes(8, "big"))
        self._in_force = InForce(assignment, manifest, at_ms)

    def withdraw(self, left: Manifest) -> None:
        if self._in_force is None:
            raise StoreError("nothing is in force: there is nothing to withdraw from")
        with self._database.change() as connection:
            put_state(connection, "current.manifest", encode(left))
        self._in_force = replace(self._in_force, manifest=left)

    def _load_in_force(self) -> InForce | None:
        assignment = _load(self._database, "current.assignment", Assignment)
        manifest = _load(self._database, "current.manifest", Manifest)
        if assignment is None or manifest is None:
            return None
        return InForce(assignment, manifest, int.from_bytes(self._database.state("current.adopted_ms") or b"\0", "big"))


def _lists(database: Database) -> Iterator[Delegation]:
    for unit in sorted({*database.keys("delegation/"), *database.keys("delegation.record/")}):
        found = _load(database, f"delegation.record/{unit}", Delegation, f"delegation/{unit}")
        if found is None:
            log.warning("a list cannot be read; it is fetched anew", unit=unit)
        else:
            yield found


def _with_few_elsewhere(lists: Mapping[str, Delegation], units: tuple[str, ...]) -> dict[str, Delegation]:
    """What stays when the box has this place: its lists, those of other places that were written last, and of more
    places what their next list must not be older than.
    """
    elsewhere = sorted((row for row in lists.values() if row.unit not in units), key=lambda row: -row.issued)
    whole = [row for row in elsewhere if not _is_mark(row)][:MAX_LISTS_ELSEWHERE]
    marks = [row for row in map(_mark, (row for row in elsewhere if row not in whole)) if row is not None]
    here = [row for row in lists.values() if row.unit in units]
    return {row.unit: row for row in (*here, *whole, *marks[:MAX_MARKS])}


def _mark(row: Delegation) -> Delegation | None:
    """In the place of a list that is not kept: names nobody, and is superseded by that list or a later one.

    None for a first list, to which none is older.
    """
    if _is_mark(row):
        return row
    if row.version == 1:
        return None
    return msgspec.structs.replace(row, version=row.version - 1, holders=(), revoked=(), reason=MARK)


def _is_mark(row: Delegation) -> bool:
    return (row.holders, row.revoked, row.reason) == ((), (), MARK)


def _load(database: Database, key: str, family: type[Record], signed: str | None = None) -> Record | None:
    """A kept record, if need be out of the bytes that were signed and verified, under the key `signed`.

    None when there is none, or none that this version reads.
    """
    record = database.state(key)
    found = None if record is None else _decoded(record, family)
    raw = None if found is not None or signed is None else database.state(signed)
    return found if raw is None else _decoded(_payload(raw), family)


def _payload(raw: bytes) -> bytes:
    """Of a COSE_Sign or COSE_Sign1 (RFC 9052 §4.1, §4.2); empty where it is none."""
    try:
        parts: Any = unpack(raw.removeprefix(TAG_SIGN).removeprefix(TAG_SIGN1), max_bytes=MAX_MESSAGE_BYTES)
    except ProtocolError:
        return b""
    is_message = isinstance(parts, list) and len(parts) == 4 and isinstance(parts[2], bytes)
    return parts[2] if is_message else b""


def _decoded(data: bytes, family: type[Record]) -> Record | None:
    try:
        return decode(data, family, max_bytes=MAX_MANIFEST_BYTES)
    except ProtocolError:
        return None


def _begins_anew(before: Roots, after: Roots) -> bool:
    """Whether a server's counters begin anew: a thief of its key may have driven the time floor forward too."""
    return any(after.era(role) > before.era(role) for role in MACHINES)
