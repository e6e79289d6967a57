"""Faults that came and went: each change is a row that goes up until it is acknowledged, and a bit of every beat."""

from collections.abc import Collection, Mapping

import structlog

from agent.errors import StoreError, said
from agent.ports.clock import Clock
from agent.ports.store import Outbox
from agent.services.wake import Wake
from protocol.report import FaultCode

log = structlog.get_logger()


class Faults:
    """Raising what is raised and clearing what is clear change nothing, so that every check may say what it sees."""

    def __init__(self, outbox: Outbox, clock: Clock, reporter: Wake) -> None:
        self._outbox = outbox
        self._clock = clock
        self._reporter = reporter
        self._active = set(outbox.active_faults())
        self._details: dict[FaultCode, str] = {}
        """What is known of those that stand, as it was told last; nothing of one from before the daemon's start."""

    def active(self) -> Collection[FaultCode]:
        return frozenset(self._active)

    def details(self, language: str) -> Mapping[FaultCode, str]:
        """Of those that stand, in this language where it is known."""
        return {code: said(detail, language) for code, detail in self._details.items() if code in self._active}

    def raised(self, code: FaultCode, detail: str) -> None:
        self._details[code] = detail
        if code not in self._active:
            self._active.add(code)
            if code is not FaultCode.DURESS:  # nothing at the box may show it
                log.warning("fault", code=code.name, detail=detail)
            self._note(code, True, detail)

    def reminded(self, code: FaultCode, detail: str) -> None:
        """It is still so, and somebody should be told again."""
        self._details[code] = detail
        self._active.add(code)
        self._note(code, True, detail)

    def cleared(self, code: FaultCode, detail: str = "") -> None:
        self._details.pop(code, None)
        if code in self._active:
            self._active.discard(code)
            if code is not FaultCode.DURESS:
                log.info("fault over", code=code.name)
            self._note(code, False, detail)

    def note_past(self, code: FaultCode, detail: str) -> None:
        """It was so and is over, and nobody knew while it lasted: one row that says so."""
        self._active.discard(code)
        log.info("fault that is over", code=code.name, detail=detail)
        self._note(code, False, detail)

    def note(self, code: FaultCode, raised: bool, detail: str) -> None:
        """Raise or clear."""
        if raised:
            self.raised(code, detail)
        else:
            self.cleared(code, detail)

    def _note(self, code: FaultCode, raised: bool, detail: str) -> None:
        try:
            self._outbox.note_fault(code, raised, self._clock.now_ms(), str(detail))
        except StoreError as error:
            name = None if code is FaultCode.DURESS else code.name
            log.warning("fault not written; the next beat carries it", code=name, reason=str(error))
        self._reporter.set()
