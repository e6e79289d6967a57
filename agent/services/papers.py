"""Keeps the box's papers in order, and holds on to the lifeline when they are not.

The CAs and the certificate are asked for over a connection that nobody verifies: a CA is believed when one that is
believed has signed it, a certificate when it is over this box's own key. So papers that have run out mend themselves.
While certificates are refused, orders come by the lifeline, each judged by its own signatures as ever.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from agent.core import certificates
from agent.errors import LinkError, StoreError
from agent.ports.clock import Clock
from agent.ports.link import Office
from agent.ports.papers import Papers
from agent.ports.store import Trust
from agent.services.wake import Wakes
from protocol.errors import ProtocolError
from protocol.lifeline import unpack
from protocol.quantities import SECOND_MS

log = structlog.get_logger()

LOOK_EVERY_MS: Final = 3_600_000
LOOK_AGAIN_MS: Final = 15_000
"""After a question that was not answered, and between two looks at the lifeline; less than the minute that counts."""
TROUBLE_MS: Final = 180_000
"""How long a refused certificate is remembered as trouble."""


class PaperKeeper:
    """Runs for ever. `trouble` is told of refused certificates, by the links."""

    def __init__(
        self,
        box: str,
        public_key: bytes,
        *,
        office: Office,
        papers: Papers,
        trust: Trust,
        clock: Clock,
        take: Callable[[bytes], None],
        wakes: Wakes,
        draw: Callable[[], float],
    ) -> None:
        self._box = box
        self._public_key = public_key
        self._office = office
        self._papers = papers
        self._trust = trust
        self._clock = clock
        self._take = take
        self._subscriptions = wakes.subscriptions
        self._draw = draw
        self._wake = wakes.papers
        self._no_authority = False
        """The controller has said that it gives no certificates."""
        self._late = draw()
        """How late in its span this box renews, so that not all do it in one hour."""
        self._troubled_at: int | None = None

    def trouble(self) -> None:
        """A certificate was refused."""
        if not self._troubled:
            log.warning("a certificate is refused, or the broker is away: the lifeline is asked for orders and papers")
        self._troubled_at = self._clock.boot_ms()
        self._wake.set()

    def connected(self) -> None:
        """The broker has let this box in: nothing is wrong with the papers."""
        self._troubled_at = None

    def ready_for(self, broker: str) -> bool:
        """Whether the box can show at this broker what it will be asked for."""
        return not broker.startswith("mqtts:") or self._no_authority or self._papers.certificate() is not None

    async def run(self) -> None:
        while True:
            pause_ms = LOOK_AGAIN_MS
            try:
                if await self.step():
                    pause_ms = LOOK_EVERY_MS
            except (LinkError, ProtocolError) as error:
                log.warning("the papers could not be looked after; trying again", reason=str(error))
            except StoreError as error:
                log.warning("the papers were not written", reason=str(error))
            await self._wait(pause_ms // 2 + int(self._draw() * pause_ms // 2))

    async def _wait(self, pause_ms: int) -> None:
        """In trouble the whole pause: the links say so at each attempt."""
        if self._troubled:
            await self._clock.sleep_ms(min(pause_ms, LOOK_AGAIN_MS))
        else:
            await self._wake.wait(pause_ms)

    async def step(self) -> bool:
        """Do what is due; whether nothing more is to be done for an hour. Raises LinkError, StoreError."""
        broker = self._trust.broker()
        if broker is None or not broker.startswith("mqtts:"):
            return True
        if self._troubled:
            await self._reach_for_the_lifeline()
            await self._look_for_authorities()
        if self._troubled or self._needs_certificate():
            await self._ask_for_certificate()
        elif self._papers.authorities() is not None:
            await self._look_for_authorities()
        return not self._troubled

    async def _reach_for_the_lifeline(self) -> None:
        """Not for the first roots: whom to trust at all must come by a connection that is verified."""
        held = self._trust.roots()
        if held is None:
            return
        messages = unpack(await self._office.lifeline(held.version))
        log.info("the lifeline", messages=len(messages))
        for message in messages:
            self._take(message)

    async def _look_for_authorities(self) -> None:
        """A CA that one of ours has vouched for."""
        held = _read(self._papers.authorities())
        offered = await self._office.authorities() if held else None
        if held and offered:
            believed = certificates.successors(held, offered)
            if believed != held:
                self._papers.keep_authorities(believed)
                log.info("a new CA, vouched for by the old one")
                self._subscriptions.set()

    async def _ask_for_certificate(self) -> None:
        chain = await self._office.certificate()
        if self._no_authority != (chain is None):
            self._no_authority = chain is None
            self._subscriptions.set()
        if chain is None or chain == _read(self._papers.certificate()):
            return
        if not certificates.is_mine(chain, self._box, self._public_key):
            raise LinkError("a certificate came that is not this box's own; it was not taken")
        self._papers.keep_certificate(chain)
        log.info("a certificate", until=certificates.dates(chain))
        self._subscriptions.set()

    def _needs_certificate(self) -> bool:
        """By its dates, as far as the time is known."""
        dates = certificates.dates(_read(self._papers.certificate()))
        if dates is None:
            return True
        if not self._clock.reading().tells_time:
            return False
        return certificates.renewal_due(*dates, self._clock.now_ms() // SECOND_MS, self._late)

    @property
    def _troubled(self) -> bool:
        at = self._troubled_at
        return at is not None and self._clock.boot_ms() - at < TROUBLE_MS


def _read(path: Path | None) -> bytes:
    try:
        return b"" if path is None else path.read_bytes()
    except OSError:
        return b""
