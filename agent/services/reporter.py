"""What goes up: hello on every connect, beats, receipts, faults and the play log, at least once.

Whatever matters is a row in the outbox. It is sent, and sent again after a while or on the next connect, until the
controller says that it has it. The controller counts each once by its name.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from agent.core import health
from agent.core.holdings import live_ids
from agent.core.trusted import versions
from agent.errors import LinkError, StoreError
from agent.ports.clock import Clock
from agent.ports.link import Uplink
from agent.ports.store import Store
from agent.services.faults import Faults
from agent.services.wake import Wake
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.ids import key_id
from protocol.manifest import NO_ASSIGNMENT, Assignment, PlaceInOrder
from protocol.priority import OWN_LEVEL
from protocol.quantities import SECOND_MS
from protocol.report import MAX_LOG_ROWS, Beat, Fault, FaultCode, Hello, LogBatch, Receipt, Stage, holdings_digest
from protocol.roles import Role
from protocol.signing import Domain, Family, Signer, sign1
from protocol.timeline import Segment, SegmentKind

log = structlog.get_logger()

SEND_AGAIN_MS: Final = 20_000
LOOK_AGAIN_MS: Final = 1_000


@dataclass(frozen=True)
class Sender:
    """In whose name reports are signed."""

    box: str
    domain: Callable[[], Domain]
    """Known with the first roots; raises LinkError before."""
    signer: Signer
    version: str
    boot_ms: int
    """Wall instant at which the daemon started."""
    session: bytes = b""
    """8 random bytes of this run."""

    def sign(self, payload: bytes, family: Family) -> bytes:
        return sign1(payload, family, self.domain(), self.signer)


class Reporter:
    """`connected()` is called by the link on every new connection."""

    def __init__(
        self,
        sender: Sender,
        uplink: Uplink,
        clock: Clock,
        store: Store,
        *,
        faults: Faults,
        wake: Wake,
        sounding: Callable[[], Segment | None],
        token: bytes | None = None,
    ) -> None:
        """`token`: raw public key of the commune's panel at this box, whose orders go up before their receipts."""
        self._sender = sender
        self._uplink = uplink
        self._clock = clock
        self._trust = store.trust
        self._desired = store.desired
        self._book = store.book
        self._outbox = store.outbox
        self._faults = faults
        self._wake = wake
        self._sounding = sounding
        self._token = token
        self._greet = True
        self._said_ms = 0
        """Wall instant of the last round."""
        self._sent: dict[object, int] = {}
        """Boot instant at which each row went out last."""
        self._sent_seq = 0
        self._sent_seq_at = 0
        self._beat: Beat | None = None
        self._beat_at: int | None = None

    def connected(self) -> None:
        """Nothing that was sent before this moment counts as sent."""
        self._greet = True
        self._sent.clear()
        self._sent_seq = 0
        self._beat_at = None
        self._wake.set()

    async def knock(self) -> None:
        """Send a beat now; returns when the broker has acknowledged it. Raises LinkError."""
        await self._uplink.publish("beat", encode(self._make_beat()), certain=True)

    async def run(self) -> None:
        while True:
            wait_ms: int | None = None
            if self._uplink.connected:
                try:
                    wait_ms = await self._round()
                except LinkError as error:
                    log.info("not sent; it is kept", reason=str(error))
                    wait_ms = LOOK_AGAIN_MS
                except (StoreError, ProtocolError) as error:
                    log.warning("the outbox cannot be read", reason=str(error))
                    wait_ms = SEND_AGAIN_MS
            await self._wake.wait(wait_ms)

    async def _round(self) -> int:
        """Send what is due; milliseconds until something may be due again.

        After the clock was set back the box greets again: to the controller its beats would look older than what it
        knows already.
        """
        now_ms = self._clock.now_ms()
        if now_ms < self._said_ms:
            self._greet = True
        self._said_ms = now_ms
        if self._greet:
            await self._send("hello", encode(self._hello()), Family.HELLO)
            self._greet = False
        await self._send_rows(self._send_receipts)
        wait_ms = await self._send_beat()
        await self._send_rows(self._send_faults)
        await self._send_rows(self._send_log)
        waiting = self._sent or self._outbox.acked_seq() < self._outbox.log_seq()
        return min(wait_ms, LOOK_AGAIN_MS * 5) if waiting else wait_ms

    async def _send_receipts(self) -> None:
        for receipt in self._outbox.receipts():
            if self._is_of_the_panel(receipt) and self._is_due(("receipt", receipt)):
                await self._send_order(receipt.order)
            await self._send_row("receipt", receipt, Family.RECEIPT)

    def _is_of_the_panel(self, receipt: Receipt) -> bool:
        """Twice is enough: should the controller lose the first, it is told again with the first sample."""
        is_token = self._token is not None and receipt.order.startswith(key_id(self._token))
        return is_token and receipt.stage in (Stage.ACCEPTED, Stage.STARTED)

    async def _send_order(self, order: bytes) -> None:
        """The controller relays it to the other boxes of the commune, and answers the receipt behind it."""
        raw = self._book.raw(order)
        if raw is not None:
            await self._uplink.publish("order", raw, certain=True)

    async def _send_faults(self) -> None:
        for fault in self._outbox.faults():
            await self._send_row("fault", fault, Family.FAULT)
        self._forget_old()

    async def _send_rows(self, send: Callable[[], Awaitable[None]]) -> None:
        """Rows of one kind that cannot be read keep back none of the others."""
        try:
            await send()
        except ProtocolError as error:
            self._faults.raised(FaultCode.STORE, f"rows of the outbox cannot be read: {error}")

    async def _send_row(self, kind: str, row: Receipt | Fault, family: Family) -> None:
        """Once in a while, until it is acknowledged. One that cannot be written down keeps back none behind it."""
        if self._is_due((kind, row)):
            try:
                await self._send(kind, encode(row), family)
            except ProtocolError as error:
                log.warning("not sent: the wire does not carry it", kind=kind, row=str(row), reason=str(error))
            self._sent[kind, row] = self._clock.boot_ms()

    async def _send_log(self) -> None:
        """The rows behind the last that was acknowledged, or sent a moment ago."""
        acked, now = self._outbox.acked_seq(), self._clock.boot_ms()
        if now - self._sent_seq_at > SEND_AGAIN_MS:
            self._sent_seq = acked
        after = max(acked, self._sent_seq)
        before, rows = self._outbox.rows_after(after, MAX_LOG_ROWS)
        while rows:
            batch = LogBatch(self._sender.box, self._outbox.chain(), before, rows)
            await self._send("log", encode(batch), Family.LOG)
            self._sent_seq, self._sent_seq_at = rows[-1].seq, self._clock.boot_ms()
            before, rows = self._outbox.rows_after(self._sent_seq, MAX_LOG_ROWS)

    async def _send_beat(self) -> int:
        now, beat = self._clock.boot_ms(), self._make_beat()
        changed = self._beat is None or not health.says_the_same(beat, self._beat)
        wait_ms = health.due_ms(self._beat_at, changed, now)
        if wait_ms > 0:
            return wait_ms
        await self._uplink.publish("beat", encode(beat), certain=False)
        self._beat, self._beat_at = beat, now
        return health.PERIOD_MS

    async def _send(self, kind: str, payload: bytes, family: Family) -> None:
        await self._uplink.publish(kind, self._sender.sign(payload, family), certain=True)

    def _is_due(self, key: object) -> bool:
        sent = self._sent.get(key)
        return sent is None or self._clock.boot_ms() - sent > SEND_AGAIN_MS

    def _forget_old(self) -> None:
        now = self._clock.boot_ms()
        self._sent = {key: at for key, at in self._sent.items() if now - at <= SEND_AGAIN_MS}

    def _hello(self) -> Hello:
        era, epoch, generation = self._place_in_force()
        wanted_era, wanted_epoch, wanted = _place(self._desired.wanted())
        return Hello(
            box=self._sender.box,
            version=self._sender.version,
            at=self._clock.now_ms(),
            generation=generation,
            wanted=wanted,
            roots_version=self._roots_version(),
            orders=self._live(),
            chain=self._outbox.chain(),
            log_seq=self._outbox.log_seq(),
            clock=self._clock.reading().quality,
            boot=self._sender.boot_ms,
            delegations=self._delegations(),
            session=self._sender.session,
            epoch=epoch,
            era=era,
            wanted_epoch=wanted_epoch,
            wanted_era=wanted_era,
        )

    def _make_beat(self) -> Beat:
        place = self._place_in_force()
        digest = holdings_digest(
            place,
            self._roots_version(),
            self._live(),
            self._outbox.chain(),
            self._outbox.acked_seq(),
            self._outbox.log_seq(),
            self._delegations(),
        )
        reading, sounding = self._clock.reading(), self._sounding()
        doing = health.doing(
            sounding=sounding is not None,
            emergency=sounding is not None and sounding.kind is SegmentKind.EMERGENCY,
            knows_time=reading.tells_time,
            stopped=self._is_stopped(),
        )
        return health.beat(
            self._clock.now_ms(),
            digest,
            now_doing=doing,
            clock=reading.quality,
            active=self._faults.active(),
            place=place,
        )

    def _place_in_force(self) -> PlaceInOrder:
        force = self._desired.in_force()
        return _place(None if force is None else force.assignment)

    def _live(self) -> tuple[bytes, ...]:
        """Of the orders that came from others: the controller has no other list to compare with."""
        now = self._clock.now_ms()
        return live_ids([held.order for held in self._book.orders(now) if held.level != OWN_LEVEL], now)

    def _is_stopped(self) -> bool:
        now_ms = self._clock.now_ms()
        return any(row.order.until is None or row.order.until * SECOND_MS > now_ms for row in self._book.stops())

    def _delegations(self) -> tuple[tuple[str, int], ...]:
        wanted, roots = self._desired.wanted(), self._trust.roots()
        era = 0 if roots is None else roots.era(Role.DELEGATION)
        return versions(self._trust.delegations(), () if wanted is None else wanted.units, era)

    def _roots_version(self) -> int:
        roots = self._trust.roots()
        return 0 if roots is None else roots.version


def _place(assignment: Assignment | None) -> PlaceInOrder:
    return NO_ASSIGNMENT if assignment is None else assignment.place_in_order
