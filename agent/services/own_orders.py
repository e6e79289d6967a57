"""What a press at the box becomes: an order in the book, written before it sounds, that lives like any other.

An order of the box's own key counts here alone, at a level below every unit: whoever may speak for the place can end
it, and it can end nothing of theirs. With the panel's token the press is a COMMUNE order, judged by the same gate as if
it had come from outside, and goes up with its receipts; where the gate says no, the box still sounds for itself.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from agent.core import own_order, tape
from agent.core.trusted import trust_at
from agent.errors import StoreError
from agent.ports.clock import Clock
from agent.ports.store import Remembered, Store
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from agent.services.recordings import Recordings
from agent.services.wake import Wakes
from protocol.compose import signed_order
from protocol.gate import Accept
from protocol.ids import key_id
from protocol.order import SOUNDING, MessageType, Order
from protocol.priority import OWN_LEVEL
from protocol.quantities import SECOND_MS
from protocol.report import FaultCode, Stage
from protocol.roles import Holder, Role
from protocol.signing import Domain, Signer
from protocol.timeline import Lock

log = structlog.get_logger()

JUMP_MS: Final = 1_000
BUTTON: Final = "the STOP button of this box"
OVER: Final = (Stage.DONE, Stage.CANCELLED)


@dataclass(frozen=True)
class _Pressed:
    """An alarm of this box's own key, while it may still have passes to come."""

    order: Order
    boot_ms: int
    wall_minus_boot_ms: int
    token: Signer | None = None
    """What is to speak for the commune as soon as the time is known."""


class OwnOrders:
    """Raises, silences, opens. None of it raises an error: where the disk fails, the alarm sounds from memory."""

    def __init__(
        self,
        signer: Signer,
        clock: Clock,
        store: Store,
        *,
        recordings: Recordings,
        keeper: Keeper,
        faults: Faults,
        wakes: Wakes,
        take: Callable[[bytes], None],
        entropy: Callable[[], bytes],
    ) -> None:
        """`take` judges an order as if it had come from outside, now or never; `entropy` draws 12 random bytes."""
        self._signer = signer
        self._clock = clock
        self._book = store.book
        self._trust = store.trust
        self._desired = store.desired
        self._recordings = recordings
        self._keeper = keeper
        self._faults = faults
        self._reporter = wakes.reporter
        self._courier = wakes.courier
        self._take = take
        self._entropy = entropy
        self._pressed: _Pressed | None = None

    @property
    def is_locked(self) -> bool:
        """Whether this box's own stop is in force."""
        return self._keeper.is_locked_here(BUTTON) or bool(self._own_stops())

    @property
    def may_go_on(self) -> bool:
        """Whether an alarm was pressed that may still have passes to come."""
        return self._pressed is not None

    def alarm(self, message: int, token: Signer | None) -> bytes:
        """Sound this prepared message now; the order's id. A lock of this box's own is no obstacle to its own alarm."""
        self.open()
        if token is not None and (raised := self._for_the_commune(message, token)) is not None:
            return raised
        order = self._order(MessageType.ALERT, self._signer, message=message)
        self._press(order, None if self._clock.reading().tells_time else token)
        return order.id

    def stop(self, token: Signer | None) -> None:
        """Silence this box and lock it; with the token, end everywhere what it has raised for the commune."""
        if token is not None and self._clock.reading().tells_time:
            raised = self._live(lambda held: held.level != OWN_LEVEL and is_of(held.order, token.public_key))
            for some in _by_eights(raised):
                self._take(signed_order(self._order(MessageType.CANCEL, token, references=some), token))
                self._courier.set()
        self._pressed = None
        alarms = self._live(lambda held: held.level == OWN_LEVEL)
        for some in _by_eights(alarms):
            self._accept(self._order(MessageType.CANCEL, self._signer, references=some))
        self._keeper.forget_unwritten()
        if not self.is_locked and not self._accept(self._order(MessageType.STOP, self._signer, reason=BUTTON)):
            self._keeper.lock_unwritten(BUTTON, Lock(self._clock.now_ms(), None, BUTTON, OWN_LEVEL))

    def open(self) -> None:
        """End this box's own lock, where there is one."""
        self._keeper.lock_unwritten(BUTTON, None)
        stops = self._own_stops()
        if stops:
            self._accept(self._order(MessageType.REINSTATE, self._signer, references=stops))

    def look(self) -> None:
        """A clock that learns the time must not take a press of a minute ago for one of another year; and where the
        press was meant for the commune, it can be told now.
        """
        pressed = self._pressed
        if pressed is None:
            return
        old_ms = self._clock.boot_ms() - pressed.boot_ms
        held = next((row for row in self._book.orders(0) if row.order.id == pressed.order.id), None)
        if old_ms >= own_order.LIFETIME_S * SECOND_MS or held is None or held.stage in OVER:
            self._pressed = None
            return
        if pressed.token is not None and self._clock.reading().tells_time:
            self._tell_the_commune(pressed, pressed.token)
            return
        jump_ms = self._apart_ms() - pressed.wall_minus_boot_ms
        if abs(jump_ms) > JUMP_MS and self._clock.now_ms() >= pressed.order.expires * SECOND_MS:
            log.info("the clock was set during an alarm of the button", by_ms=jump_ms)
            assert pressed.order.sound is not None
            assert isinstance(pressed.order.sound.message, int)
            message, references = pressed.order.sound.message, (pressed.order.id,)
            order = self._order(MessageType.UPDATE, self._signer, message=message, references=references)
            self._press(order, pressed.token)

    def _tell_the_commune(self, pressed: _Pressed, token: Signer) -> None:
        """The commune's order takes the place of the box's own, here too."""
        self._pressed = replace(pressed, token=None)
        assert pressed.order.sound is not None
        assert isinstance(pressed.order.sound.message, int)
        if self._for_the_commune(pressed.order.sound.message, token) is not None:
            self._accept(self._order(MessageType.CANCEL, self._signer, references=(pressed.order.id,)))
            self._pressed = None

    def _press(self, order: Order, token: Signer | None) -> None:
        self._pressed = _Pressed(order, self._clock.boot_ms(), self._apart_ms(), token)
        log.warning("the button was pressed", order=order.id.hex(), about=order.event)
        if self._accept(order):
            self._keeper.pressed(order.id)
            return
        now_ms = self._clock.now_ms()
        self._keeper.pressed(
            order.id, Remembered(order, now_ms, OWN_LEVEL, self._tape_ms(order), Stage.ACCEPTED, ended_ms=None)
        )

    def _for_the_commune(self, message: int, token: Signer) -> bytes | None:
        """None where the gate does not take it, or nobody could say when it ends."""
        if not self._clock.reading().tells_time or self.unit_of(token) is None:
            return None
        order = self._order(MessageType.ALERT, token, message=message)
        self._take(signed_order(order, token))
        taken = order.id in self._book.seen()
        self._courier.set()
        if not taken:
            log.warning("the panel's token is not taken; this box sounds for itself", order=order.id.hex())
        return order.id if taken else None

    def _accept(self, order: Order) -> bool:
        """Whether it is on the disk."""
        holder = Holder(self._signer.public_key, "this box", (order.role,), order.area)
        verdict = Accept(order, order.id, (holder,), OWN_LEVEL, self._signer.public_key)
        raw = signed_order(order, self._signer)
        try:
            self._book.accept(raw, verdict, self._clock.now_ms(), self._tape_ms(order))
        except StoreError as error:
            self._faults.raised(FaultCode.STORE, str(error))
            return False
        if order.type is MessageType.REINSTATE:
            self._keeper.adopted()
        else:
            self._keeper.touch()
        self._reporter.set()
        return True

    def _order(
        self,
        kind: MessageType,
        signer: Signer,
        *,
        message: int | None = None,
        references: tuple[bytes, ...] = (),
        reason: str = "",
    ) -> Order:
        roots = self._trust.roots()
        domain = own_order.NOWHERE if roots is None else roots.domain
        window = self._book.windows().get(signer.public_key)
        return own_order.order(
            kind,
            key=signer.public_key,
            domain=domain,
            area=self._area(signer, domain),
            epoch=1 if roots is None else roots.version,
            after=0 if window is None else window.high,
            now_s=self._clock.now_ms() // SECOND_MS,
            entropy=self._entropy(),
            message=message,
            references=references,
            reason=reason,
        )

    def _area(self, signer: Signer, domain: Domain) -> str:
        place = self._place()
        return self.unit_of(signer) or (place[-1] if place else domain.province)

    def unit_of(self, token: Signer) -> str | None:
        """The unit of this box's place for which the token speaks."""
        roots, place = self._trust.roots(), self._place()
        if roots is None:
            return None
        holders = trust_at(roots, self._trust.delegations(), place).holders
        scopes = [row.scope for row in holders if row.key == token.public_key and Role.COMMUNE in row.roles]
        return next((unit for unit in place if any(unit in scope for scope in scopes)), None)

    def _live(self, of: Callable[[Remembered], bool]) -> tuple[bytes, ...]:
        return tuple(
            row.order.id
            for row in self._book.orders(self._clock.now_ms())
            if row.order.type in SOUNDING and row.stage not in OVER and of(row)
        )

    def _own_stops(self) -> tuple[bytes, ...]:
        return tuple(row.order.id for row in self._book.stops() if row.level == OWN_LEVEL)

    def _tape_ms(self, order: Order) -> int:
        """A message that is not built in has no length; a siren sounds for it."""
        return tape.length_ms(tape.of_order(order), self._recordings.lengths_ms, lambda _: 0)

    def _place(self) -> tuple[str, ...]:
        wanted = self._desired.wanted()
        return () if wanted is None else wanted.units

    def _apart_ms(self) -> int:
        return self._clock.now_ms() - self._clock.boot_ms()


def _by_eights(names: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """An order references no more."""
    for first in range(0, len(names), own_order.MAX_REFERENCES):
        yield tuple(names[first : first + own_order.MAX_REFERENCES])


def is_of(order: Order, key: bytes) -> bool:
    """Whether this key (raw public) is the order's first signer, as its id says."""
    return order.id.startswith(key_id(key))
