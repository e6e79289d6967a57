"""Time, as the box can have it."""

from typing import Protocol

from protocol.clock import ClockReading


class Clock(Protocol):
    """The wall clock with its uncertainty, the boot clock, and waiting."""

    def now_ms(self) -> int:
        """Wall time, epoch milliseconds; the best guess inside `reading()`."""
        ...

    def boot_ms(self) -> int:
        """Monotonic milliseconds; never jumps, counts through suspend."""
        ...

    def reading(self) -> ClockReading:
        """Bounds of the true time, and where they come from; quality NONE when the time is not known."""
        ...

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait on the boot clock."""
        ...
