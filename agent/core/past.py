"""What has certainly passed, and what was taken for the time before: a clock that is set wrong deceives only so far.

Two memories, of different worth. The *floor* stands on signed words ("issued at") and on the boot clock that ran since;
it is kept on the disk, and a time before it is wrong whoever vouches for it. The *belief* stands on what this process
took for the time, which NTP or a bad clock chip may have made up: it is in memory only, it makes nobody doubt the
present time, but an order that has expired by it stays expired (fault 13).
"""

from dataclasses import replace
from typing import Final

from protocol.clock import ClockReading
from protocol.order import MAX_LIFETIME_S
from protocol.quantities import SECOND_MS

PER_MILLE: Final = 999
"""Of the boot clock's progress this much counts: an oscillator that is 0.1 % fast must not overtake the true time."""
FORGET_MS: Final = MAX_LIFETIME_S * SECOND_MS
"""So long after the clock was set back the earlier belief is given up: whichever of the two was right, an order that
either took for expired has expired by both. What is older than that, the floor keeps out."""


class Past:
    """The floor and the belief; instants of the boot clock come from the caller."""

    def __init__(self, floor_ms: int, boot_ms: int) -> None:
        self._floor_ms, self._floor_boot_ms = floor_ms, boot_ms
        self._apart_ms: int | None = None
        """The latest believed time, less the boot clock."""
        self._left_boot_ms: int | None = None
        """Since when the clock has been behind that."""

    def floor_ms(self, boot_ms: int) -> int:
        """An instant that has certainly passed."""
        return self._floor_ms + (boot_ms - self._floor_boot_ms) * PER_MILLE // 1000

    def raise_floor(self, at_ms: int, boot_ms: int) -> None:
        """This instant has certainly passed; an earlier one than is known changes nothing."""
        if at_ms > self.floor_ms(boot_ms):
            self._floor_ms, self._floor_boot_ms = at_ms, boot_ms

    def widened(self, reading: ClockReading, boot_ms: int) -> ClockReading:
        """The reading, whose upper bound is not before the latest time that was believed and has gone on since."""
        if not reading.tells_time:
            return reading
        apart = reading.lo_ms - boot_ms
        if self._apart_ms is None or apart >= self._apart_ms:
            self._apart_ms, self._left_boot_ms = apart, None
            return reading
        if self._left_boot_ms is None:
            self._left_boot_ms = boot_ms
        if boot_ms - self._left_boot_ms >= FORGET_MS:
            self._apart_ms, self._left_boot_ms = apart, None
            return reading
        return replace(reading, hi_ms=max(reading.hi_ms, self._apart_ms + boot_ms))
