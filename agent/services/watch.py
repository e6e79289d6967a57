"""Looks after what nobody else is woken by: the clock, the time floor, old rows."""

from typing import Final

import structlog

from agent.core.holdover import Drift
from agent.errors import StoreError
from agent.ports.clock import Clock
from agent.ports.store import Store
from agent.services.faults import Faults
from agent.services.inbox import LOST_ROOTS, Inbox
from agent.services.keeper import Keeper
from protocol.quantities import DAY_MS, DAY_S, MINUTE_MS, SECOND_MS
from protocol.report import FaultCode

log = structlog.get_logger()

LOOK_EVERY_MS: Final = 5 * SECOND_MS
SAVE_EVERY_MS: Final = 10 * MINUTE_MS
"""Each save is a write with a full sync, and cards wear out; while the box is up its boot clock knows the floor."""
TIDY_EVERY_MS: Final = 60 * MINUTE_MS
WARN_BEFORE_S: Final = 60 * DAY_S
"""So long before the roots end the box complains."""


class Watch:
    """One look every few seconds."""

    def __init__(self, clock: Clock, store: Store, *, inbox: Inbox, faults: Faults, keeper: Keeper) -> None:
        self._keeper = keeper
        self._clock = clock
        self._trust = store.trust
        self._inbox = inbox
        self._faults = faults
        self._outbox = store.outbox
        self._book = store.book
        self._quality = clock.reading().quality
        self._saved_ms: int | None = None
        self._tidied_ms: int | None = None

    async def run(self) -> None:
        while True:
            try:
                self.look()
            except StoreError as error:
                self._faults.raised(FaultCode.STORE, str(error))
            await self._clock.sleep_ms(self._pause_ms())

    def look(self) -> None:
        """Raises StoreError."""
        self._look_at_the_clock()
        quality = self._clock.reading().quality
        if quality != self._quality:
            self._quality = quality
            self._inbox.try_again()
            self._keeper.look_again()
        self._inbox.try_the_due()
        if self._clock.reading().tells_time and self._book.open_locks(self._clock.now_ms()):
            self._keeper.adopted()
        now = self._clock.boot_ms()
        if self._saved_ms is None or now - self._saved_ms >= SAVE_EVERY_MS:
            self._trust.settle()
            self._trust.raise_floor(self._clock.floor_ms())
            self._saved_ms = now
        if self._tidied_ms is None or now - self._tidied_ms >= TIDY_EVERY_MS:
            self._tidied_ms = now
            # A clock that is wrong for an hour must not make the box forget what it has heard.
            self._outbox.prune(self._clock.floor_ms())
            self._book.prune(self._clock.floor_ms())
            self._faults.cleared(FaultCode.ORDER_REFUSED)
            self._keeper.look_again()
            self._look_at_the_roots()

    def _look_at_the_clock(self) -> None:
        """What is wrong with it; and what was, told by network time that has come back."""
        complaint, drift = self._clock.complaint(), self._clock.measured()
        if drift is not None and drift.is_worth_a_word:
            self._faults.note_past(FaultCode.CLOCK, _sentence(drift))
        self._faults.note(FaultCode.CLOCK, bool(complaint), complaint)

    def _pause_ms(self) -> int:
        """Until the next look: when a lock comes to its end, since an alarm that it silenced goes on then."""
        opening_ms = self._book.next_opening_ms()
        left_ms = LOOK_EVERY_MS if opening_ms is None else opening_ms - self._clock.now_ms()
        return left_ms if 0 < left_ms < LOOK_EVERY_MS else LOOK_EVERY_MS

    def _look_at_the_roots(self) -> None:
        """Roots that will end are said long before: without new ones no order can be given."""
        roots, reading = self._trust.roots(), self._clock.reading()
        if self._trust.has_lost_roots():
            self._faults.raised(FaultCode.TRUST, LOST_ROOTS)
        if roots is None or not reading.tells_time:
            return
        left_s = roots.expires - reading.hi_ms // SECOND_MS
        if left_s < WARN_BEFORE_S:
            self._faults.raised(FaultCode.TRUST, f"the list of signers ends in {max(left_s, 0) // DAY_S} days")


def _sentence(drift: Drift) -> str:
    """For the row that goes up, and the log."""
    off = f"{abs(drift.off_ms) / SECOND_MS:.1f} s {'ahead' if drift.off_ms > 0 else 'behind'}"
    if drift.is_a_jump:
        return (
            f"network time differs from what it said {drift.over_ms // MINUTE_MS} min ago: the clock was {off}, more "
            "than an oscillator can lose; one of the two was wrong"
        )
    return f"the clock was {off} after {drift.over_ms / DAY_MS:.1f} days without network time ({drift.ppm:+.0f} ppm)"
