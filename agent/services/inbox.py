"""What comes down: each message is verified, written to the disk, and only then acted upon.

The broker is a pipe: nothing is believed because of the topic that it came on, and every message may come late, twice,
or never.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from agent.core import tape
from agent.core.asking import Asking
from agent.core.trusted import trust_at
from agent.core.waiting import WaitingRoom
from agent.errors import StoreError
from agent.ports.clock import Clock
from agent.ports.store import Store
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from agent.services.recordings import Recordings
from agent.services.wake import Wakes
from protocol.clock import MAX_AHEAD_S
from protocol.codec import decode
from protocol.delegation import open_delegation, unit_of
from protocol.errors import ProtocolError, SignatureError
from protocol.gate import RATE_PERIOD_MS, Accept, Me, Reject, judge
from protocol.manifest import Assignment
from protocol.order import MessageType, Order
from protocol.quantities import SECOND_MS
from protocol.refusals import RejectCode
from protocol.report import Ack, ClockQuality, FaultCode
from protocol.roles import Role, Roots, open_first_roots, open_next_roots, root_fingerprint
from protocol.signing import Family, family_of
from protocol.trust import Trust, open_assignment, open_machine

log = structlog.get_logger()

MAX_ASSIGNMENT_BYTES: Final = 4_096
MAX_ACK_BYTES: Final = 16_384
LOST_ROOTS: Final = (
    "the list of signers in this box cannot be read any more, and no other is taken on the channel's word alone: "
    "write its fingerprint, which `loalang roots show` prints, as controller.roots into box.toml, and start again"
)

# Somebody trusted signed these, for a place that is ours: they are answered. The rest may be anybody's noise.
ANSWERED: Final = frozenset(
    {
        RejectCode.THRESHOLD,
        RejectCode.ROOTS_EXPIRED,
        RejectCode.SCOPE,
        RejectCode.EVENT,
        RejectCode.STATUS,
        RejectCode.REPLAY,
        RejectCode.AUTHORITY,
        RejectCode.CANCELLED,
        RejectCode.NO_TIME,
        RejectCode.EXPIRED,
        RejectCode.FUTURE,
        RejectCode.LIFETIME,
        RejectCode.RATE,
        RejectCode.NO_SOUND,
    }
)
# Judged again when the roots or the knowledge of time have changed, or a minute has passed.
WAITS: Final = frozenset({RejectCode.ROOTS_NEWER, RejectCode.ROOTS_EXPIRED, RejectCode.NO_TIME, RejectCode.RATE})
# What the judge says of a good order where there is no place yet: perhaps its signers are in a list of that place.
WITHOUT_A_PLACE: Final = frozenset({RejectCode.SIGNATURE, RejectCode.THRESHOLD, RejectCode.AREA})
# An honest controller sends none of these to this box.
ANOMALIES: Final = frozenset(
    {
        RejectCode.TOO_LONG,
        RejectCode.MALFORMED,
        RejectCode.SHAPE,
        RejectCode.DOMAIN,
        RejectCode.SURPLUS,
        RejectCode.SIGNATURE,
        RejectCode.EVENT,
        RejectCode.THRESHOLD,
        RejectCode.SCOPE,
        RejectCode.STATUS,
        RejectCode.REPLAY,
        RejectCode.AUTHORITY,
        RejectCode.LIFETIME,
    }
)


@dataclass(frozen=True)
class Identity:
    """Who this box is, and whose first roots it takes."""

    box: str
    fingerprint: bytes | None = None
    """Of the first roots, where `box.toml` names it; else the channel's word is taken once."""


class Inbox:
    """`take` is given every message; it never raises for what is in it."""

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        store: Store,
        *,
        recordings: Recordings,
        keeper: Keeper,
        faults: Faults,
        wakes: Wakes,
    ) -> None:
        self._identity = identity
        self._clock = clock
        self._trust = store.trust
        self._desired = store.desired
        self._book = store.book
        self._outbox = store.outbox
        self._shelf = store.shelf
        self._recordings = recordings
        self._keeper = keeper
        self._faults = faults
        self._wakes = wakes
        self._waiting = WaitingRoom()
        self._asking = {is_signed: Asking() for is_signed in (True, False)}
        """For newer roots, by whether somebody who is trusted has signed what asks."""
        self._takers: dict[Family, Callable[[bytes], None]] = {
            Family.ROOTS: self._take_roots,
            Family.DELEGATION: self._take_delegation,
            Family.ASSIGNMENT: self._take_assignment,
            Family.ORDER: self._take_order,
            Family.ACK: self._take_ack,
        }

    def hand_on(self, family: Family, take: Callable[[bytes], None]) -> None:
        """Messages of this family are for somebody else, who may raise ProtocolError and StoreError."""
        self._takers[family] = take

    def take(self, raw: bytes) -> None:
        """One message from anywhere."""
        self._guarded(lambda: self._taker(family_of(raw))(raw), len(raw))

    def take_own(self, raw: bytes) -> None:
        """An order of this box's own panel: judged now or never, since whoever pressed may press STOP meanwhile."""
        self._guarded(lambda: self._judge_order(raw, may_wait=False), len(raw))

    def take_first(self, raw: bytes) -> None:
        """Roots over the channel that `box.toml` pins: the only ones that need none before them."""
        self._guarded(lambda: self._take_first_roots(raw), len(raw))

    def _guarded(self, take: Callable[[], None], size: int) -> None:
        try:
            take()
        except ProtocolError as error:
            log.warning("message refused", code=error.code, reason=str(error), size=size)
        except StoreError as error:
            self._faults.raised(FaultCode.STORE, str(error))
        else:
            self._faults.cleared(FaultCode.STORE)

    def try_again(self) -> None:
        """Judge once more what had to wait for newer roots, for the time, for a place or for its turn."""
        for raw in self._waiting.take():
            self.take(raw)

    def try_the_due(self) -> None:
        """What was too much a minute ago: judge it once more, and ask for the roots that are owed."""
        for is_signed, asking in self._asking.items():
            if asking.owes:
                self.ask_for_newer_roots(is_signed=is_signed)
        for raw in self._waiting.take(due_ms=self._clock.boot_ms()):
            self.take(raw)

    def _taker(self, family: Family) -> Callable[[bytes], None]:
        if family not in self._takers:
            raise ProtocolError("bad-family", f"a box takes no {family.name.lower()}")
        return self._takers[family]

    def _take_first_roots(self, raw: bytes) -> None:
        if self._trust.roots() is not None:
            self._take_roots(raw)
            return
        if self._trust.has_lost_roots() and self._identity.fingerprint is None:
            self._faults.raised(FaultCode.TRUST, LOST_ROOTS)
            raise ProtocolError("lost-roots", LOST_ROOTS)
        reading = self._clock.reading()
        at_s = reading.hi_ms // SECOND_MS if reading.tells_time else None
        try:
            roots = open_first_roots(raw, self._identity.fingerprint, at_s)
        except ProtocolError as error:
            self._faults.raised(FaultCode.TRUST, f"the first roots are refused: {error}")
            raise
        log.warning("the first roots are taken", fingerprint=root_fingerprint(roots).hex(), version=roots.version)
        self._keep_roots(raw, roots)

    def _take_roots(self, raw: bytes) -> None:
        held = self._roots()
        try:
            roots = open_next_roots(raw, held)
        except SignatureError as error:
            self._faults.raised(FaultCode.TRUST, f"roots refused: {error}")
            raise
        except ProtocolError as error:
            if error.code != "not-newer":
                raise
            return
        self._keep_roots(raw, roots)

    def _keep_roots(self, raw: bytes, roots: Roots) -> None:
        if self._trust.keep_roots(raw, roots):
            self._clock.lower_floor(self._trust.floor_ms())
        self._passed(roots.issued)
        self._faults.cleared(FaultCode.TRUST)
        log.info("roots", version=roots.version, holders=len(roots.holders))
        self._trusts_others()

    def _take_delegation(self, raw: bytes) -> None:
        roots, place = self._roots(), self._place()
        held = {row.unit: row for row in self._trust.delegations()}
        reading = self._clock.reading()
        at_s = reading.hi_ms // SECOND_MS if reading.tells_time else None
        unit = unit_of(raw, roots)
        if place and unit not in place:
            raise ProtocolError("not-mine", f"a delegation of {unit}", field="Delegation.unit")
        try:
            delegation = open_delegation(raw, roots, held.get(unit), at_s)
        except ProtocolError as error:
            if error.code == "roots-newer":
                self._waiting.put_list(raw)
                self.ask_for_newer_roots(is_signed=True)
            if error.code == "not-newer":
                return
            raise
        if not place:
            log.info("a list waits: this box has no place yet", unit=unit)
            self._waiting.put_list(raw)
            return
        self._trust.keep_delegation(raw, delegation)
        self._passed(delegation.issued)
        log.info("delegation", unit=delegation.unit, version=delegation.version, holders=len(delegation.holders))
        self._trusts_others()

    def _trusts_others(self) -> None:
        """Who is trusted has changed: what waited is judged again, and what sounds is looked at anew."""
        self._keeper.adopted()
        self._wakes.fetcher.set()
        self._wakes.reporter.set()
        self.try_again()

    def _take_assignment(self, raw: bytes) -> None:
        assignment = open_assignment(raw, self._trusted(), self._now_s(), max_bytes=MAX_ASSIGNMENT_BYTES)
        if assignment.box != self._identity.box:
            raise ProtocolError("not-mine", f"an assignment of box {assignment.box}", field="Assignment.box")
        held = self._desired.wanted()
        if held is not None and not assignment.is_later(held):
            self._look_for_a_second_controller(raw, assignment, held)
            return
        if held is not None and held.era == assignment.era and held.epoch < assignment.epoch:
            log.warning("another controller has taken over", epoch=assignment.epoch, before=held.epoch)
        self._desired.keep_wanted(raw, assignment)
        self._passed(assignment.issued)
        log.info("assignment", generation=assignment.generation, manifest=assignment.manifest.hex()[:12])
        self._wakes.fetcher.set()
        self._wakes.reporter.set()
        if held is None or held.units != assignment.units:
            self._wakes.subscriptions.set()
            self.try_again()

    def _look_for_a_second_controller(self, raw: bytes, assignment: Assignment, held: Assignment) -> None:
        """The same number for something else, or an older epoch that goes on writing: two controllers have one key."""
        twice = (assignment.epoch, assignment.generation) == (held.epoch, held.generation)
        goes_on = assignment.epoch < held.epoch and assignment.issued > held.issued
        if (twice and raw != self._desired.wanted_bytes()) or goes_on:
            detail = (
                f"two controllers with one key: epoch {assignment.epoch} generation {assignment.generation} "
                f"beside epoch {held.epoch} generation {held.generation}; stop one of them"
            )
            log.warning("conflict", detail=detail)
            self._faults.raised(FaultCode.CONFLICT, detail)

    def _take_ack(self, raw: bytes) -> None:
        trust, at_s = self._trusted(), self._now_s()
        payload = open_machine(raw, Family.ACK, trust, Role.SCHEDULE, at_s, max_bytes=MAX_ACK_BYTES)
        ack = decode(payload, Ack, max_bytes=MAX_ACK_BYTES)
        if ack.box != self._identity.box:
            raise ProtocolError("not-mine", f"an acknowledgement for box {ack.box}", field="Ack.box")
        if self._outbox.acknowledge(ack):
            self._wakes.reporter.set()

    def _take_order(self, raw: bytes) -> None:
        self._judge_order(raw, may_wait=True)

    def _judge_order(self, raw: bytes, *, may_wait: bool) -> None:
        place, reading = self._place(), self._clock.reading()
        trust = trust_at(self._roots(), self._trust.delegations(), place)
        verdict = judge(raw, trust, reading, self._me(trust, place, reading.hi_ms - self._clock.now_ms()))
        if isinstance(verdict, Accept):
            self._accept(raw, verdict)
        elif may_wait and not place and verdict.code in WITHOUT_A_PLACE and verdict.order is not None:
            self._wait_for_a_place(raw, verdict.order, verdict)
        else:
            self._reject(raw, verdict, may_wait=may_wait)

    def _accept(self, raw: bytes, verdict: Accept) -> None:
        order = verdict.order
        self._book.accept(raw, verdict, self._clock.now_ms(), self._tape_ms(order))
        self._passed(order.issued)
        log.info(
            "order accepted",
            order=order.id.hex(),
            type=order.type.name,
            status=order.status.name,
            about=order.event,
            signers=[holder.person for holder in verdict.signers],
        )
        if order.type is MessageType.REINSTATE:
            self._keeper.adopted()
        else:
            self._keeper.touch()
        self._wakes.reporter.set()

    def _reject(self, raw: bytes, verdict: Reject, *, may_wait: bool) -> None:
        code, order = verdict.code, verdict.order
        name = None if order is None else order.id.hex()
        if code is RejectCode.DUPLICATE and order is not None:
            log.info("order received again", order=name)
            self._book.answer_again(order.id)
            self._wakes.reporter.set()
            return
        log.warning("order rejected", order=name, code=str(code), reason=verdict.sentence("en"))
        if may_wait and code in WAITS and order is not None:
            due_ms = self._clock.boot_ms() + RATE_PERIOD_MS if code is RejectCode.RATE else None
            self._waiting.put(raw, order, is_signed=verdict.is_signed, due_ms=due_ms)
        if code is RejectCode.ROOTS_NEWER:
            self.ask_for_newer_roots(is_signed=verdict.is_signed)
        if code is RejectCode.ROOTS_EXPIRED:
            self.ask_for_newer_roots(is_signed=True)
            self._faults.raised(FaultCode.TRUST, verdict.sentence("en"))
        if code in ANOMALIES:
            self._faults.raised(FaultCode.ORDER_REFUSED, f"{code}: {verdict.sentence('en')}")
        if code in ANSWERED and order is not None:
            self._book.reject(order.id, str(code), self._clock.now_ms())
            self._wakes.reporter.set()

    def ask_for_newer_roots(self, *, is_signed: bool) -> None:
        """Now, or when the pause of such questions is over. `is_signed`: by somebody who is trusted."""
        roots = self._trust.roots()
        version = 0 if roots is None else roots.version
        asking = self._asking[is_signed].after_a_wish(self._clock.boot_ms(), version)
        self._asking[is_signed] = asking
        if not asking.owes:
            self._wakes.roots.set()

    def _wait_for_a_place(self, raw: bytes, order: Order, verdict: Reject) -> None:
        """An alarm that is given while a box is being installed sounds as soon as it has its place, and is answered.

        Refused it would be a false line in the roll call; forgotten it would be late by a beat, after which the
        controller sends it again.
        """
        log.warning("order not judged yet: this box has no place", code=str(verdict.code))
        self._waiting.put(raw, order, is_signed=verdict.is_signed)

    def _me(self, trust: Trust, place: tuple[str, ...], ahead_ms: int) -> Me:
        """`ahead_ms`: from the time that acceptances are written down with to the judge's latest possible time."""
        since = self._clock.now_ms() - RATE_PERIOD_MS
        return Me(
            domain=trust.domain,
            units=place,
            seen=self._book.seen(),
            windows=self._book.windows(),
            known=self._book.known(),
            ended=self._book.ended(),
            recent=tuple(replace(row, at_ms=row.at_ms + ahead_ms) for row in self._book.accepted_since(since)),
            has_sound=self._has_sound,
        )

    def _has_sound(self, message: int | bytes) -> bool:
        if isinstance(message, int):
            return message in self._recordings
        return self._shelf.path(message) is not None and message in self._durations_ms()

    def _tape_ms(self, order: Order) -> int:
        durations, built_in = self._durations_ms(), self._recordings.lengths_ms

        def other_ms(piece: tape.Piece) -> int:
            known = durations.get(piece) if isinstance(piece, bytes) else None
            return tape.without_its_sound_ms(order, built_in) if known is None else known

        return tape.length_ms(tape.of_order(order), built_in, other_ms)

    def _durations_ms(self) -> Mapping[bytes, int]:
        force = self._desired.in_force()
        blobs = () if force is None else force.manifest.blobs
        return {blob.hash: blob.duration_ms for blob in blobs if blob.is_sound}

    def _now_s(self) -> int:
        return self._clock.now_ms() // SECOND_MS

    def _passed(self, issued_s: int) -> None:
        """Somebody who is trusted wrote down the time. Their clock may have been ahead, by as much as the gate lets.

        Further ahead than a synchronised clock allows, it is their date that is wrong. One such date would raise the
        floor above the true time, and the box would be mute for as long.
        """
        at_ms, reading = (issued_s - MAX_AHEAD_S) * SECOND_MS, self._clock.reading()
        if reading.quality >= ClockQuality.NTP and at_ms > reading.hi_ms:
            detail = f"a signed message is dated {(at_ms - reading.hi_ms) // SECOND_MS} s ahead of this box's time"
            log.warning("a wrong date", issued=issued_s, detail=detail)
            self._faults.raised(FaultCode.CLOCK, f"{detail}; its date was not believed: set the signer's clock right")
            return
        self._clock.raise_floor(at_ms)

    def _roots(self) -> Roots:
        roots = self._trust.roots()
        if roots is None:
            raise ProtocolError("no-roots", "nothing can be verified before the roots are here; they are being fetched")
        return roots

    def _trusted(self) -> Trust:
        return trust_at(self._roots(), self._trust.delegations(), self._place())

    def _place(self) -> tuple[str, ...]:
        """The box's units; empty before it has a place."""
        assignment = self._desired.wanted()
        return () if assignment is None else assignment.units
