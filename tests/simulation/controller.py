"""The simulated controller: what it answers and owes is its real, pure logic; dictionaries stand for its database."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from controller.boxes import rules as boxes
from controller.boxes.models import Stage as BoxStage
from controller.bridge.answers import Needs, Picture, Received, acknowledgements, after_beat, after_hello, in_step
from controller.orders.rules import Answer, owed
from protocol.codec import decode, encode
from protocol.delegation import Delegation
from protocol.manifest import NO_ASSIGNMENT, PlaceInOrder
from protocol.order import Order
from protocol.report import Beat, Fault, FaultCode, Hello, LogBatch, Receipt, Stage, chain_hash
from protocol.roles import Role, Roots
from protocol.signing import Family, family_of, open_signed, sign1, verify1
from tests.simulation.people import DOMAIN
from tests.support.small_controller import key

MAX_LOG_BYTES: Final = 131_072


@dataclass
class Known:
    """What it knows of one box."""

    id: str
    units: tuple[str, ...]
    public_key: bytes
    assignment: bytes = b""
    assigned: PlaceInOrder = NO_ASSIGNMENT
    """What it last wrote for the box."""
    in_force: PlaceInOrder = NO_ASSIGNMENT
    """What the box last said to be in force."""
    wanted: PlaceInOrder = NO_ASSIGNMENT
    """The newest that it had at its last hello."""
    roots_version: int = 0
    chain: bytes = bytes(8)
    rows: dict[bytes, list[bytes]] = field(default_factory=dict)
    """By chain, the hash of each row of the play log that is stored, the first first."""
    answers: dict[bytes, list[Answer]] = field(default_factory=dict)
    faults: dict[FaultCode, tuple[int, bool]] = field(default_factory=dict)
    told: dict[FaultCode, int] = field(default_factory=dict)
    """When it was last told that a fault came, true time."""
    bits: int = 0
    """Of the newest beat."""
    mark: boxes.Mark = field(default_factory=boxes.Mark)
    seen_ms: int | None = None
    doing: int | None = None
    clock: int | None = None

    @property
    def log_seq(self) -> int:
        return len(self.rows.get(self.chain, ()))

    def shown(self) -> frozenset[FaultCode]:
        """The faults that its page shows."""
        told = {code for code, (_, raised) in self.faults.items() if raised}
        return frozenset(told | {FaultCode(bit) for bit in range(self.bits.bit_length()) if self.bits >> bit & 1})


class Controller:
    """`say(box, bytes, is an order)` is its way down."""

    def __init__(self, now_ms: Callable[[], int], say: Callable[[str, bytes, bool], None]) -> None:
        self.up = True
        self.signer = "controller"
        """Whose key it has."""
        self.known: dict[str, Known] = {}
        self.orders: dict[bytes, tuple[Order, bytes]] = {}
        """Every order that officers have given."""
        self.conflicts: list[str] = []
        """What boxes said that cannot be."""
        self._now_ms = now_ms
        self._say = say
        self._roots: list[tuple[Roots, bytes]] = []
        self._lists: dict[str, tuple[Delegation, bytes]] = {}

    # --- what persons give it

    def trust(self, raw: bytes) -> None:
        """New roots, or a new delegation."""
        payload = open_signed(raw, family_of(raw), DOMAIN).payload
        if family_of(raw) is Family.ROOTS:
            self._roots.append((decode(payload, Roots, max_bytes=len(payload)), raw))
        else:
            record = decode(payload, Delegation, max_bytes=len(payload))
            self._lists[record.unit] = record, raw

    def give(self, order: Order, raw: bytes) -> list[str]:
        """An order with its signatures; the boxes that it concerns."""
        self.orders[order.id] = order, raw
        return [name for name, known in self.known.items() if set(known.units) & set(order.area)]

    # --- what boxes say

    def take(self, name: str, kind: str, payload: bytes) -> None:
        """Raises ProtocolError for what nobody can read."""
        if not self.up:
            return
        known = self.known[name]
        match kind:
            case "hello":
                self._greeted(name, decode(self._opened(known, payload, Family.HELLO), Hello))
            case "beat":
                self._beaten(name, decode(payload, Beat))
            case "log":
                opened = self._opened(known, payload, Family.LOG, MAX_LOG_BYTES)
                batch = decode(opened, LogBatch, max_bytes=MAX_LOG_BYTES)
                self._store_rows(known, batch)
                self._acknowledge(name, Received(log=(batch.chain, len(known.rows[batch.chain]))))
            case "receipt":
                self._receipted(name, decode(self._opened(known, payload, Family.RECEIPT), Receipt))
            case "fault":
                fault = decode(self._opened(known, payload, Family.FAULT), Fault)
                if fault.at >= known.faults.get(fault.code, (0, False))[0]:
                    known.faults[fault.code] = (fault.at, fault.raised)
                if fault.raised:
                    known.told[fault.code] = self._now_ms()
                self._acknowledge(name, Received(faults=[(fault.code, fault.at)]))

    def _opened(self, known: Known, payload: bytes, family: Family, max_bytes: int = 4_096) -> bytes:
        return verify1(payload, family, DOMAIN, known.public_key, max_bytes=max_bytes)

    def _greeted(self, name: str, hello: Hello) -> None:
        known = self.known[name]
        mark = boxes.after_hello(known.mark, hello, self._now_ms())
        if mark is None:
            return
        known.mark, known.seen_ms = mark, self._now_ms()
        known.chain, known.roots_version, known.in_force = hello.chain, hello.roots_version, hello.place_in_force
        known.wanted = (hello.wanted_era, hello.wanted_epoch, hello.wanted)
        known.rows.setdefault(hello.chain, [])
        self._send(name, after_hello(hello, self.picture(name)))

    def _beaten(self, name: str, beat: Beat) -> None:
        known = self.known[name]
        mark = boxes.after_beat(known.mark, beat.at, self._now_ms() // 1000)
        if mark is None:
            return
        known.mark, known.seen_ms = mark, self._now_ms()
        known.bits, known.doing, known.clock, known.in_force = beat.faults, beat.doing, beat.clock, beat.place_in_force
        needs = after_beat(beat, self.picture(name))
        if needs is None:
            known.roots_version = self._newest_roots()
        else:
            self._send(name, needs)

    def _store_rows(self, known: Known, batch: LogBatch) -> None:
        rows = known.rows.setdefault(batch.chain, [])
        digest = batch.before
        for row in batch.rows:
            before = rows[row.seq - 2] if 2 <= row.seq <= len(rows) + 1 else bytes(32)
            if row.seq <= len(rows) + 1 and before != digest:
                self.conflicts.append(f"{known.id}: row {row.seq} does not follow the row before it")
            digest = chain_hash(digest, row)
            if row.seq == len(rows) + 1:
                rows.append(digest)
            elif row.seq <= len(rows) and rows[row.seq - 1] != digest:
                self.conflicts.append(f"{known.id}: row {row.seq} came with two contents")

    def _receipted(self, name: str, receipt: Receipt) -> None:
        rows = self.known[name].answers.setdefault(receipt.order, [])
        rows[:] = [row for row in rows if row.stage is not receipt.stage]
        order = self.orders.get(receipt.order)
        left_s = 0 if order is None else order[0].expires - self._now_ms() / 1000
        rows.append(Answer(receipt.stage, receipt.code, receipt.first_sample, receipt.at, receipt.grade, left_s))
        self._acknowledge(name, Received(receipts=[(receipt.order, receipt.stage)]))

    # --- what it tells them

    def _send(self, name: str, needs: Needs) -> None:
        known = self.known[name]
        if needs.roots:
            for record, raw in self._roots:
                if record.version > needs.since:
                    self._say(name, raw, False)
        for unit in needs.lists:
            self._say(name, self._lists[unit][1], False)
        for raw in needs.orders:
            self._say(name, raw, True)
        if needs.assignment and known.assignment:
            self._say(name, known.assignment, False)
        if needs.acknowledge:
            self._acknowledge(name, Received())

    def _acknowledge(self, name: str, received: Received) -> None:
        for ack in acknowledgements(self.known[name].id, self.picture(name), received):
            self._say(name, sign1(encode(ack), Family.ACK, DOMAIN, key(self.signer)), False)

    def send_what_is_owed(self, name: str) -> None:
        """Now and then, as its courier does: what the box has not answered."""
        for raw in self.picture(name).owed.values():
            self._say(name, raw, True)

    # --- what it believes

    def picture(self, name: str) -> Picture:
        known, now_s = self.known[name], self._now_ms() / 1000
        mine = {
            order.id: raw
            for order, raw in self.orders.values()
            if order.expires > now_s and set(order.area) & set(known.units)
        }
        return Picture(
            place=known.assigned,
            roots_version=self._newest_roots(),
            known_roots=known.roots_version,
            chain=known.chain,
            log_seq=known.log_seq,
            accepted=tuple(order for order in mine if self._accepted(known, order)),
            lists=self._lists_of(known.units),
            owed={order: raw for order, raw in mine.items() if owed(known.answers.get(order, ()))},
        )

    def in_step(self, name: str) -> bytes:
        """The digest of what it takes this box to hold."""
        return in_step(self.picture(name))

    def health(self, name: str) -> boxes.Level:
        """How its page shows this box."""
        known = self.known[name]
        seen = None if known.seen_ms is None else dt.datetime.fromtimestamp(known.seen_ms / 1000, dt.UTC)
        said = boxes.Said(
            BoxStage.APPROVED,
            seen,
            known.doing,
            known.clock,
            known.bits,
            known.in_force,
            known.wanted,
            known.assigned,
        )
        return boxes.judge(said, dt.datetime.fromtimestamp(self._now_ms() / 1000, dt.UTC))[0]

    def stages(self, name: str, order: bytes) -> set[Stage]:
        return {row.stage for row in self.known[name].answers.get(order, ())}

    def _accepted(self, known: Known, order: bytes) -> bool:
        return any(answer.stage is not Stage.REJECTED for answer in known.answers.get(order, ()))

    def _newest_roots(self) -> int:
        return max((record.version for record, _ in self._roots), default=0)

    def _lists_of(self, units: Sequence[str]) -> dict[str, int]:
        era = self._roots[-1][0].era(Role.DELEGATION) if self._roots else 0
        return {
            unit: record.version for unit, (record, _) in self._lists.items() if unit in units and record.era == era
        }
