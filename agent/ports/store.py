"""What the box remembers. Every call that changes something returns after it is on the disk (fsync).

All calls belong to the event loop's thread, except those of an `Intake`, which a download's thread owns meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.ports.journal import PlayJournal
from protocol.delegation import Delegation
from protocol.gate import Accept, Accepted, Ending, Known, ReplayWindow
from protocol.manifest import Assignment, Manifest
from protocol.order import Order
from protocol.report import Ack, Fault, FaultCode, Grade, LogRow, Receipt, Stage
from protocol.roles import Roots


class Trust(Protocol):
    """The roots, the delegations of the place, and what enrolment told."""

    def roots(self) -> Roots | None: ...

    def keep_roots(self, raw: bytes, roots: Roots) -> bool:
        """Only called with a higher version than the one kept.

        True where the era of a server's key has begun: the floor of time that was kept has come down to the roots'
        `issued`, less what a signer's clock may be ahead, where it was higher.
        """
        ...

    def has_lost_roots(self) -> bool:
        """There were roots, and nobody can read them any more. Not the same as a box that never had any."""
        ...

    def delegations(self) -> Sequence[Delegation]:
        """Of each unit the newest."""
        ...

    def keep_delegation(self, raw: bytes, delegation: Delegation) -> None:
        """Only called with one that supersedes what is kept of its unit."""
        ...

    def broker(self) -> str | None:
        """URL of the broker that the controller named last."""
        ...

    def keep_broker(self, url: str) -> None: ...

    def floor_ms(self) -> int:
        """An instant that has certainly passed; only rises."""
        ...

    def raise_floor(self, at_ms: int) -> None:
        """This instant has passed. Raises StoreError."""
        ...

    def settle(self) -> None:
        """Write what has waited for its turn, in a flood of orders. Raises nothing: what cannot be written waits on."""
        ...

    def try_disk(self) -> None:
        """Write something and read it back. Raises StoreError."""
        ...


@dataclass(frozen=True)
class InForce:
    """An assignment whose manifest and sounds are all at hand."""

    assignment: Assignment
    manifest: Manifest
    """Less what a newer one has withdrawn from it."""
    adopted_ms: int
    """Wall instant at which it came into force."""


class Desired(Protocol):
    """The newest assignment, and the one in force."""

    def wanted(self) -> Assignment | None:
        """The newest that was received; the box's place in the tree holds from here at once."""
        ...

    def wanted_bytes(self) -> bytes | None:
        """The same as it was signed."""
        ...

    def keep_wanted(self, raw: bytes, assignment: Assignment) -> None:
        """Only called with a later one than the one kept. Lists of places where the box was long ago are dropped."""
        ...

    def in_force(self) -> InForce | None: ...

    def previous_manifest(self) -> bytes | None:
        """Hash of the manifest that was in force before; its sounds stay."""
        ...

    def adopt(self, assignment: Assignment, manifest: Manifest, at_ms: int) -> None:
        """The wanted one comes into force."""
        ...

    def withdraw(self, left: Manifest) -> None:
        """Of the manifest in force only this is left; the assignment stays in force with its generation."""
        ...


class Intake(Protocol):
    """A blob on its way in: a file that grows, and survives a power cut with what it has."""

    @property
    def received(self) -> int:
        """Bytes already here; a download continues behind them."""
        ...

    def write(self, chunk: bytes) -> None:
        """Raises StoreError when the disk fails, or when more arrives than was announced."""
        ...

    def restart(self) -> None:
        """Forget what was received."""
        ...

    def close(self) -> None:
        """Let go; what was received stays for the next time."""
        ...


class Shelf(Protocol):
    """Blobs by their SHA-256: manifests and sounds."""

    def path(self, name: bytes) -> Path | None:
        """Where a complete blob lies; None when it is not here."""
        ...

    def sizes(self) -> Mapping[bytes, int]:
        """Every complete blob and its bytes."""
        ...

    def take_in(self, name: bytes, size: int) -> Intake: ...

    def admit(self, intake: Intake) -> bool:
        """Check the hash of what was received and make it a blob. False (and nothing kept) when it is another's."""
        ...

    def forget(self, name: bytes) -> None:
        """It is damaged or no longer wanted: `path` gives it to nobody any more, though the disk may refuse.

        Raises StoreError when it does.
        """
        ...

    def sweep(self) -> None:
        """Remove what is no blob; only while nothing is being taken in."""
        ...


@dataclass(frozen=True)
class Remembered:
    """An order that this box accepted."""

    order: Order
    accepted_ms: int
    level: int
    tape_ms: int
    stage: Stage
    ended_ms: int | None
    """When it was cancelled, replaced, or done."""
    rounds: int = 0
    """How often it was ended and reinstated."""


@dataclass(frozen=True)
class Stopped:
    """An accepted stop that nobody has reinstated."""

    order: Order
    level: int
    accepted_ms: int


class OrderBook(Protocol):
    """Orders accepted, sequences seen, and the receipts that answer them."""

    def orders(self, since_ms: int) -> Sequence[Remembered]:
        """Those that expire after this instant, oldest first."""
        ...

    def seen(self) -> Collection[bytes]:
        """Ids of all orders that were accepted in the last 90 days, whatever became of the database meanwhile."""
        ...

    def windows(self) -> Mapping[bytes, ReplayWindow]: ...

    def known(self) -> Mapping[bytes, Known]: ...

    def ended(self) -> Mapping[bytes, tuple[Ending, ...]]:
        """By id, the accepted orders that end it and are not ended themselves."""
        ...

    def accepted_since(self, since_ms: int) -> tuple[Accepted, ...]:
        """What was accepted after this instant, dated by the box's own time."""
        ...

    def stops(self) -> Sequence[Stopped]:
        """Stops in effect; those whose own end has come too, until `open_locks` has looked at them."""
        ...

    def stops_over(self, since_ms: int) -> Sequence[Stopped]:
        """Stops whose own end came after this instant, and since the start: a plan of that time needs them."""
        ...

    def next_opening_ms(self) -> int | None:
        """When the next of the stops in effect comes to its own end."""
        ...

    def open_locks(self, now_ms: int) -> bool:
        """End what comes to its own end now, as a reinstatement does. True where an order goes on that it silenced."""
        ...

    def accept(self, raw: bytes, verdict: Accept, at_ms: int, tape_ms: int) -> None:
        """Order, replay window, cancellations and first receipts in one transaction."""
        ...

    def raw(self, order: bytes) -> bytes | None:
        """An accepted order as it was signed; None where it is not remembered."""
        ...

    def reject(self, order: bytes, code: str, at_ms: int) -> None:
        """A receipt REJECTED; the same again for the same code changes nothing but that it is sent again.

        A restart forgets it: an order without an answer comes again.
        """
        ...

    def answer_again(self, order: bytes) -> None:
        """Every receipt of this order goes out again."""
        ...

    def prune(self, now_ms: int) -> None:
        """Drop orders that expired, and cancels that came, more than 90 days ago; `now_ms` has certainly passed."""
        ...

    def progress(self, order: bytes, stage: Stage, at_ms: int, first_sample_ms: int | None, grade: Grade) -> bool:
        """The next stage, or STARTED with a better grade; False when it was noted before or the order has ended."""
        ...


class Outbox(Protocol):
    """What the controller has not acknowledged yet."""

    def chain(self) -> bytes: ...

    def log_seq(self) -> int: ...

    def acked_seq(self) -> int: ...

    def rows_after(self, seq: int, limit: int) -> tuple[bytes, tuple[LogRow, ...]]:
        """Chain hash up to `seq`, and the rows behind it."""
        ...

    def receipts(self) -> Sequence[Receipt]: ...

    def faults(self) -> Sequence[Fault]: ...

    def note_fault(self, code: FaultCode, raised: bool, at_ms: int, detail: str) -> None: ...

    def active_faults(self) -> Collection[FaultCode]:
        """Those whose newest note says raised."""
        ...

    def prune(self, now_ms: int) -> None:
        """Drop what the controller has and nobody asks the box for any more; `now_ms` has certainly passed."""
        ...

    def acknowledge(self, ack: Ack) -> bool:
        """False when it says nothing new; rows of another chain are none of this box's."""
        ...


@dataclass(frozen=True)
class Store:
    """All that the box remembers."""

    trust: Trust
    desired: Desired
    book: OrderBook
    outbox: Outbox
    shelf: Shelf
    journal: PlayJournal
