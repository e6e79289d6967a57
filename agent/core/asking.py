"""How often a box asks for newer roots because a message says that there are some. Pure.

Anybody may write such a message, and roots are large: a question that brought nothing new doubles the pause, up to
sixteen minutes. A question that comes too early is put off, never left out.

Noise must not hold up real roots. So what a key has signed that the box trusts has pauses of its own, which nobody's
noise makes longer. And no pause holds up the controller, whose beats' answers bring newer roots without being asked:
this question is only for what comes before them, or where they are withheld.
"""

from dataclasses import dataclass, replace
from typing import Final

from protocol.quantities import DAY_MS, MINUTE_MS

SHORTEST_MS: Final = MINUTE_MS
LONGEST_MS: Final = 16 * MINUTE_MS


@dataclass(frozen=True)
class Asking:
    """What is remembered of the questions so far. Instants by the boot clock."""

    asked_ms: int | None = None
    """When it asked last."""
    version: int = 0
    """Of the roots that the box had then."""
    pause_ms: int = SHORTEST_MS
    """From then to the next question, if no newer roots come."""
    owes: bool = False
    """A question has been put off."""

    def after_a_wish(self, now_ms: int, version: int) -> "Asking":
        """A message, or a question that is owed, asks for newer roots than this version. `owes` says: not now."""
        if self.asked_ms is None or now_ms - self.asked_ms >= DAY_MS:
            return Asking(now_ms, version)
        brought_nothing = version == self.version
        if now_ms - self.asked_ms < (self.pause_ms if brought_nothing else SHORTEST_MS):
            return replace(self, owes=True)
        return Asking(now_ms, version, min(2 * self.pause_ms, LONGEST_MS) if brought_nothing else SHORTEST_MS)
