"""What the player writes down, and what it remembers of what it wrote: which plays have been heard, which are over.

A disk that fails must not silence an alarm: what cannot be written is a fault, and the sound goes on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from agent.core import cueing
from agent.errors import StoreError
from agent.ports.clock import Clock
from agent.ports.journal import Play, PlayJournal
from protocol.quantities import DAY_MS
from protocol.report import FaultCode, Grade, Result
from protocol.timeline import Segment, SegmentKind

REMEMBER_MS = 2 * DAY_MS

log = structlog.get_logger(__name__)

OnFault = Callable[[FaultCode, bool, str], None]
"""Fault code, whether it came (or went), detail."""


class PlayLog:
    """The journal, and a memory of this process' plays."""

    def __init__(self, journal: PlayJournal, clock: Clock, on_fault: OnFault) -> None:
        self._journal = journal
        self._clock = clock
        self._on_fault = on_fault
        self._ended: dict[str, int] = {}
        self._begun: dict[str, int] = {}

    @property
    def ended(self) -> frozenset[str]:
        """Plays of which nothing is to come."""
        return frozenset(self._ended)

    def is_over(self, play: str) -> bool:
        return play in self._ended

    def has_begun(self, play: str) -> bool:
        """Whether something of it was heard since the daemon started."""
        return play in self._begun

    def close_interrupted(self) -> None:
        """Close the rows that a power cut or a crash left open; the plays may come back."""
        with self._kept():
            for play in self._journal.open():
                detail = "interrupted: the box lost power or the daemon ended"
                self._journal.end(play.play, None, Result.CUT, Grade.NONE, detail, final=False)

    def begin(self, play: Play) -> None:
        with self._kept():
            self._journal.begin(play)

    def started(self, play: str, first_sample_ms: int) -> None:
        self._begun[play] = self._clock.boot_ms()
        with self._kept():
            self._journal.started(play, first_sample_ms)

    def end(self, play: str, ended_ms: int | None, result: Result, grade: Grade, detail: str, *, final: bool) -> None:
        if final:
            self._ended[play] = self._clock.boot_ms()
        with self._kept():
            self._journal.end(play, ended_ms, result, grade, detail, final=final)
        log.info("sounded", play=play, result=result.name, detail=detail or None)

    def missed(self, play: Play, detail: str) -> None:
        """It should have sounded and will not."""
        self._ended[play.play] = self._clock.boot_ms()
        with self._kept():
            self._journal.missed(play, detail)
        log.warning("missed", play=play.play, detail=detail)

    def forget_old(self) -> None:
        """Drop what is too old to matter to any plan."""
        since = self._clock.boot_ms() - REMEMBER_MS
        self._ended = {play: at for play, at in self._ended.items() if at > since}
        self._begun = {play: at for play, at in self._begun.items() if at > since}

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            log.warning("the play log could not be written", reason=str(error))
            self._on_fault(FaultCode.STORE, True, f"play log: {error}"[:200])


def row_of(segment: Segment, cue: cueing.Cue) -> Play:
    """The row that a segment opens when it is cued like this."""
    return Play(
        play=segment.play,
        cause=segment.cause,
        bulletin=segment.bulletin,
        sound=cueing.sound_name(segment),
        planned_ms=segment.planned_ms,
        intended_ms=cue.intended_ms,
        emergency=segment.kind is SegmentKind.EMERGENCY,
    )
