"""A board that remembers what it showed, and can be unplugged."""

from dataclasses import dataclass, field

from agent.ports.board import BoardError


@dataclass
class FakeBoard:
    """Implements the port `Board`."""

    text: str | None = None
    """What it shows now."""
    is_plugged: bool = True
    history: list[str | None] = field(default_factory=list)

    async def show(self, text: str) -> None:
        self._set(text)

    async def clear(self) -> None:
        self._set(None)

    def _set(self, text: str | None) -> None:
        if not self.is_plugged:
            raise BoardError("the board is not plugged in")
        self.text = text
        self.history.append(text)
