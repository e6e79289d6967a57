"""What is written down before it is done: plays and orders survive a power cut at any moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from protocol.report import Grade, Result


@dataclass(frozen=True)
class Play:
    """A sound that is about to begin."""

    play: str
    cause: str
    bulletin: str
    sound: str
    planned_ms: int
    intended_ms: int
    """Instant at which this stretch should begin: `planned_ms` unless it is late, waited, or resumes."""
    emergency: bool


def is_emergency(play: str) -> bool:
    """Whether a play of this name is an order's: those of schedules hold the wall time of their start after an @."""
    return "@" not in play


class PlayJournal(Protocol):
    """The play log's writer. Each call returns after fsync; each may raise StoreError."""

    def begin(self, play: Play) -> None:
        """A row before the first sample."""
        ...

    def started(self, play: str, first_sample_ms: int) -> None: ...

    def end(
        self, play: str, ended_ms: int | None, result: Result, grade: Grade, detail: str, *, final: bool = True
    ) -> None:
        """Closes the open row: it becomes the next row of the log. Not `final`: the play may come back and go on."""
        ...

    def missed(self, play: Play, detail: str) -> None:
        """A row for a sound that should have been and was not; nothing when the log has a row of this play already."""
        ...

    def finished(self, since_ms: int) -> frozenset[str]:
        """Names of plays whose final row was written after this instant."""
        ...

    def heard(self, since_ms: int) -> tuple[tuple[int, int], ...]:
        """From when to when scheduled sound was heard, of rows written after this instant; epoch milliseconds.

        Where a power cut took the end, the instant of the first sample stands for it.
        """
        ...

    def open(self) -> Sequence[Play]:
        """Plays that began and have no end: what a power cut interrupted."""
        ...
