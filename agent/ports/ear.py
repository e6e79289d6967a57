"""What a box can hear of itself: a microphone beside the loudspeaker, a line beside the amplifier.

A microphone is open only while the box itself sounds, and gives blocks that nobody keeps (docs/proof.md).
"""

from dataclasses import dataclass
from typing import Protocol

from agent.core.proof import Samples
from agent.errors import AgentError


class EarError(AgentError):
    """The microphone or the line is not there, or gives nothing; it may come back."""


@dataclass(frozen=True)
class Block:
    """What a microphone gave."""

    samples: Samples
    """At `agent.core.proof.RATE_HZ`, one channel."""
    at_ms: int
    """Instant of the first sample on the boot clock, to some 50 ms."""


class Listening(Protocol):
    """A microphone that is open."""

    async def read(self) -> Block:
        """The next block, 20 to 1000 ms long. Raises EarError when the microphone is gone."""
        ...

    async def close(self) -> None: ...


class Microphone(Protocol):
    async def look(self) -> str:
        """Its name, where it is there; it is not opened. Raises EarError."""
        ...

    async def listen(self) -> Listening:
        """Open it. Raises EarError."""
        ...


class Line(Protocol):
    """A measuring chip at the amplifier: its supply current, or the rectified signal of its output."""

    async def level(self) -> float:
        """At this moment, in whatever unit. Raises EarError, also where the chip is slow, and is left alone then."""
        ...
