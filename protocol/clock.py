"""What a box knows of the time: an interval, never a single number (design §5).

A judge that is handed a reading can decide without a clock of its own, and can say "I do not know".
"""

from dataclasses import dataclass
from typing import Final

from protocol.report import ClockQuality

MAX_AHEAD_S: Final = 300
"""So much may the clock of whoever signed be ahead of the reader's: what is dated later is not believed."""


@dataclass(frozen=True)
class ClockReading:
    """The true time lies in [`lo_ms`, `hi_ms`], both in milliseconds since 1970-01-01T00:00:00Z."""

    lo_ms: int
    hi_ms: int
    quality: ClockQuality

    def __post_init__(self) -> None:
        if self.lo_ms > self.hi_ms:
            raise ValueError(f"a clock reading from {self.lo_ms} to {self.hi_ms} ms: its end lies before its beginning")

    @property
    def tells_time(self) -> bool:
        """Whether it bounds the time from above too; NONE says nothing, and FLOOR only what has already passed."""
        return self.quality >= ClockQuality.NITZ
