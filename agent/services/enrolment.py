"""How a box comes to know its controller: it introduces itself until a person has approved it, then fetches the roots.

A box that was approved once does not wait for this at the next start: it has its roots and the broker's address.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from agent.core.backoff import Backoff
from agent.errors import LinkError, StoreError
from agent.ports.link import Office
from agent.ports.store import Trust
from agent.services.wake import Wakes
from protocol.quantities import SECOND_MS

log = structlog.get_logger()

ASK_AGAIN_MS: Final = 3_000
ASK_PATIENTLY_MS: Final = 30_000
IMPATIENT_QUESTIONS: Final = 200


class Enrolment:
    """Runs for ever; after the approval it only fetches newer roots, or asks for the broker again, when woken."""

    def __init__(
        self,
        name: str,
        version: str,
        *,
        office: Office,
        trust: Trust,
        take: Callable[[bytes], None],
        wakes: Wakes,
        draw: Callable[[], float],
    ) -> None:
        self._name = name
        self._version = version
        self._office = office
        self._trust = trust
        self._take = take
        self._roots_wanted = wakes.roots
        self._broker_known = wakes.subscriptions
        self._papers_wanted = wakes.papers
        self._draw = draw
        self._questions = 0
        self._ask_broker = False

    def broker_lost(self) -> None:
        """The broker does not answer where it was: perhaps it moved."""
        self._ask_broker = True
        self._roots_wanted.set()

    async def run(self) -> None:
        """Only a box that has its roots is woken. A pause is kept to its end: noise must not make it ask more often."""
        backoff = Backoff()
        while True:
            self._roots_wanted.clear()
            try:
                wait_ms = await self._round()
                backoff = backoff.reset()
            except LinkError as error:
                backoff = backoff.failed()
                wait_ms = backoff.wait_ms(self._draw())
                log.warning("the controller does not answer; trying again", reason=str(error), in_ms=wait_ms)
            except StoreError as error:
                wait_ms = ASK_PATIENTLY_MS
                log.warning("enrolment not written", reason=str(error))
            if wait_ms is None:
                await self._roots_wanted.wait()
            else:
                await asyncio.sleep(wait_ms / SECOND_MS)

    async def _round(self) -> int | None:
        """One question; milliseconds until the next one, None for when woken."""
        if self._trust.broker() is None or self._ask_broker:
            answer = await self._office.enrol(self._name, self._version)
            self._ask_broker = False
            if not answer.approved or answer.broker is None:
                return self._waiting(answer.code)
            self._trust.keep_broker(answer.broker)
            log.info("approved", broker=answer.broker)
            self._papers_wanted.set()
            self._broker_known.set()
        raw = await self._roots()
        if raw is None:
            log.warning("the controller has no roots yet; nothing can be verified", way_out="import them there")
            return self._pause_ms()
        self._take(raw)
        return None if self._trust.roots() is not None else self._pause_ms()

    async def _roots(self) -> bytes | None:
        """A controller that refuses may have forgotten this box: the next round introduces it again."""
        try:
            return await self._office.roots()
        except LinkError as error:
            self._ask_broker = self._ask_broker or error.permanent
            raise

    def _waiting(self, code: str) -> int:
        log.info("waiting for approval in the console", code=code)
        return self._pause_ms()

    def _pause_ms(self) -> int:
        self._questions += 1
        whole = ASK_AGAIN_MS if self._questions < IMPATIENT_QUESTIONS else ASK_PATIENTLY_MS
        return whole // 2 + int(self._draw() * whole // 2)
