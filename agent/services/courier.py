"""The second path of a press: where the broker has not answered within seconds, the order goes over HTTPS too."""

from typing import Final

import structlog

from agent.errors import LinkError, StoreError
from agent.ports.clock import Clock
from agent.ports.link import Office
from agent.ports.store import Store
from agent.services.wake import Wake
from protocol.ids import key_id
from protocol.quantities import SECOND_MS
from protocol.report import Stage

FIRST_MS: Final = 3 * SECOND_MS
"""So long the broker has, with its acknowledgement from the controller."""
AGAIN_MS: Final = 10 * SECOND_MS

log = structlog.get_logger()


class Courier:
    """Looks when it is woken, and until all that the token has given is handed in or acknowledged."""

    def __init__(self, token: bytes | None, office: Office, clock: Clock, store: Store, wake: Wake) -> None:
        """`token`: raw public key of the commune's panel at this box; None for a box without."""
        self._token = token
        self._office = office
        self._clock = clock
        self._book = store.book
        self._outbox = store.outbox
        self._wake = wake
        self._given: set[bytes] = set()

    async def run(self) -> None:
        """Until cancelled."""
        pause_ms = FIRST_MS
        while True:
            await self._wake.wait(pause_ms if self._owed() else None)
            if self._owed():
                await self._clock.sleep_ms(FIRST_MS)
                await self._give()
                pause_ms = AGAIN_MS

    def _owed(self) -> list[bytes]:
        """Orders of the token that nobody has acknowledged, and that may still sound."""
        if self._token is None:
            return []
        try:
            waiting = {row.order for row in self._outbox.receipts() if row.stage is Stage.ACCEPTED} - self._given
        except StoreError as error:
            log.warning("the outbox cannot be read", reason=str(error))
            return []
        live = {held.order.id for held in self._book.orders(self._clock.now_ms())}
        return sorted(name for name in waiting & live if name.startswith(key_id(self._token)))

    async def _give(self) -> None:
        for name in self._owed():
            raw = self._book.raw(name)
            if raw is None:
                continue
            try:
                await self._office.give(raw)
            except LinkError as error:
                log.info("the order waits", order=name.hex(), reason=str(error))
                return
            self._given.add(name)
            log.info("the order was handed in over HTTPS", order=name.hex())
