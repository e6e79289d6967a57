"""Time, as the box can have it."""

import asyncio
from typing import Protocol

from agent.core.holdover import Drift
from protocol.clock import ClockReading


class Clock(Protocol):
    """The wall clock with its uncertainty, the boot clock, and waiting."""

    def now_ms(self) -> int:
        """Wall time, epoch milliseconds; the best guess inside `reading()`. May be asked from any thread."""
        ...

    def boot_ms(self) -> int:
        """Monotonic milliseconds; never jumps, counts through suspend. May be asked from any thread."""
        ...

    def reading(self) -> ClockReading:
        """Bounds of the true time, and where they come from; quality NONE when the time is not known.

        `hi_ms` is never before what was believed in the last hours, whoever has set the clock back since.
        """
        ...

    def floor_ms(self) -> int:
        """An instant that has certainly passed: the latest that `raise_floor` was told, and the boot clock since."""
        ...

    def lower_floor(self, at_ms: int) -> None:
        """What raised the floor was a thief's word; nothing is certain but this instant."""
        ...

    def raise_floor(self, at_ms: int) -> None:
        """Somebody who is trusted has signed after this instant; an earlier one than is known changes nothing."""
        ...

    def measured(self) -> Drift | None:
        """How wrong the clock had become, where network time has come back since this was asked last."""
        ...

    def complaint(self, language: str = "en") -> str:
        """What is wrong with the time and the way out, for a technician, in "vi" or "en"; empty when nothing is."""
        ...

    async def sleep_ms(self, duration_ms: int) -> None:
        """Wait on the boot clock."""
        ...


async def wait_for(clock: Clock, event: asyncio.Event, duration_ms: int | None) -> bool:
    """Wait until the event is set, but no longer than this on the boot clock (None: for ever); whether it is set."""
    if event.is_set() or (duration_ms is not None and duration_ms <= 0):
        await asyncio.sleep(0)
        return event.is_set()
    if duration_ms is None:
        return await event.wait()
    waiting = asyncio.ensure_future(event.wait())
    sleeping = asyncio.ensure_future(clock.sleep_ms(duration_ms))
    try:
        await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (waiting, sleeping):
            task.cancel()
        await asyncio.wait({waiting, sleeping})  # to await each would swallow a cancel of the one who waits here
    return event.is_set()
