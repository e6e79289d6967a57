"""A sign that shows a line of text: until the bulletins come to it, the code of a box that waits for approval."""

from typing import Protocol

from agent.errors import AgentError


class BoardError(AgentError):
    """The board does not take what it is given."""


class Board(Protocol):
    """What is shown stays until something else is, or nothing."""

    async def show(self, text: str) -> None:
        """Show this before everything else on the board; letters of ASCII. Raises BoardError."""
        ...

    async def clear(self) -> None:
        """Show again what was there before. Raises BoardError."""
        ...
