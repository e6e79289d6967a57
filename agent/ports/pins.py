"""Pins of the box: inputs whose edges are told, and outputs. What is wired to them is the business of whoever asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.errors import AgentError


class PinsError(AgentError):
    """The chip is not there, a line does not exist or belongs to somebody else, or it went away."""


@dataclass(frozen=True)
class Line:
    """One pin, and what counts as "on"."""

    number: int
    """As GPIO numbers it (BCM on a Raspberry Pi), not the number on the header."""
    active_low: bool
    """Pressed, or switched on, when the line is low. An input is pulled to the other side."""


Changed = Callable[[bool, int], None]
"""Whether the line is on now, and since which instant of the boot clock (milliseconds)."""
Lost = Callable[[PinsError], None]
"""A watched line tells nothing any more, and why; it was let go and may be watched anew."""


class Pins(Protocol):
    """All calls belong to the event loop's thread, and `changed` and `lost` are called there."""

    def watch(self, line: Line, changed: Changed, lost: Lost) -> bool:
        """Tell every edge, bounces included, from now on; whether the line is on now. Raises PinsError; a line that
        was refused is not kept, and may be asked for again."""
        ...

    def drive(self, line: Line, on: bool) -> None:
        """Set an output; the first call makes it one, without a glitch. Raises PinsError."""
        ...

    def close(self) -> None:
        """Let all lines go; outputs are switched off before."""
        ...
