"""A board that people read: a sign, a wall of dots, a screen."""

from dataclasses import dataclass
from typing import Protocol

from agent.errors import AgentError
from protocol.board.film import Frame


class BoardError(AgentError):
    """The board does not take what it is given."""


@dataclass(frozen=True)
class Picture:
    """What is to stand there until something else does."""

    frame: Frame
    brightness: int
    """Percent, 0 to 100."""
    text: str = ""
    """The same in printable ASCII, for signs that draw letters themselves; empty where it has other letters."""


class Board(Protocol):
    """What is shown stays until something else is. A call may take long, or never come back; calls come one by one."""

    async def show(self, picture: Picture) -> None:
        """The frame has the size of the board's format. Raises BoardError."""
        ...

    async def close(self) -> None:
        """Show nothing of ours any more, and let go. Raises BoardError."""
        ...
