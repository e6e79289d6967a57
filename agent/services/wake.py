"""A tap on the shoulder: something changed, look again. Taps that come while nobody waits are not lost, nor counted."""

import asyncio
import contextlib
from dataclasses import dataclass, field


class Wake:
    """One service waits, anybody sets."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout_ms: int | None = None) -> None:
        """Until set, or for so many milliseconds; then it is unset again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if timeout_ms is None else timeout_ms / 1000):
                await self._event.wait()
        self._event.clear()

    def clear(self) -> None:
        """What follows answers all taps so far."""
        self._event.clear()


@dataclass(frozen=True)
class Wakes:
    """Who in the daemon can be woken, and what for."""

    fetcher: Wake = field(default_factory=Wake)
    """Something may be missing."""
    reporter: Wake = field(default_factory=Wake)
    """There is something to say."""
    subscriptions: Wake = field(default_factory=Wake)
    """The broker or the box's place in the tree changed."""
    roots: Wake = field(default_factory=Wake)
    """Newer roots, or the broker's address, are needed."""
    courier: Wake = field(default_factory=Wake)
    """The panel has given an order for the commune."""
    papers: Wake = field(default_factory=Wake)
    """The box was approved, or a certificate was refused."""
