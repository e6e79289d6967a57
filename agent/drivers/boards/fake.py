"""A board that remembers what it showed, and can be unplugged or hang."""

import asyncio
from dataclasses import dataclass, field

from agent.ports.board import BoardError, Picture


@dataclass
class FakeBoard:
    """Implements the port `Board`."""

    picture: Picture | None = None
    """What it shows now."""
    is_plugged: bool = True
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    """Calls do not come back until it is set, as it is at first."""
    waiting: int = 0
    """Calls that have not come back."""
    history: list[Picture | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.takes.set()

    async def show(self, picture: Picture) -> None:
        await self._set(picture)

    async def close(self) -> None:
        await self._set(None)

    async def _set(self, picture: Picture | None) -> None:
        self.waiting += 1
        try:
            await self.takes.wait()
        finally:
            self.waiting -= 1
        if not self.is_plugged:
            raise BoardError("the board is not plugged in")
        self.picture = picture
        self.history.append(picture)
