"""Sound out, and the amplifier's power."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.errors import AgentError


class SoundError(AgentError):
    """The device or the file failed. `device` tells which: the device may come back, the file will not."""

    def __init__(self, message: str, *, device: bool, vi: str = "") -> None:
        super().__init__(message, vi=vi)
        self.device = device


@dataclass(frozen=True)
class Track:
    """Files to sound one after another without a gap, as one thing."""

    sources: tuple[Path, ...]
    offset_ms: int
    """How far into the track to begin."""
    start_ms: int
    """Wall instant of the first sample; at once if it has passed."""
    length_ms: int | None
    """Cut after so much; None for to the end."""
    gain_cb: int
    fade_out_ms: int
    """Fade before the cut; 0 for none."""
    name: str
    """The play's name, for recordings and evidence."""
    cause: str
    """Id of the schedule's entry or of the order, for recordings and evidence."""
    latest_ms: int | None = None
    """Wall instant from which on its first sample must not leave; None: whenever. Asked where the sample leaves, since
    the clock may be set between the hand-over and that moment."""

    def may_begin(self, at_ms: int) -> bool:
        """Whether its first sample may leave at this wall instant."""
        return self.latest_ms is None or at_ms < self.latest_ms


@dataclass(frozen=True)
class Sounded:
    """What the driver can say of a track that ended."""

    first_sample_ms: int | None
    """Wall instant at which the first sample left (device latency included); None when none did."""
    sounded_ms: int
    """Length of what the device took."""
    complete: bool
    """Whether the track came to its natural or agreed end."""

    @property
    def ended_ms(self) -> int | None:
        """Wall instant of the last sample."""
        return None if self.first_sample_ms is None else self.first_sample_ms + self.sounded_ms


class Sounding(Protocol):
    """A track that has been handed to the device."""

    async def started(self) -> int | None:
        """Wait for the first sample; its wall instant, or None when there is none. Raises SoundError.

        There is none when the track was stopped before, or when its `latest_ms` had come.
        """
        ...

    async def ended(self) -> Sounded:
        """Wait for the end. Raises SoundError."""
        ...

    def stop(self, fade_ms: int) -> None:
        """End it now, after a fade; `ended` then returns with complete=False."""
        ...


class Speaker(Protocol):
    """The box's one sound output; at most one track sounds at a time."""

    async def start(self, track: Track) -> Sounding:
        """Hand a track over, at best some time before its `start_ms`: the device opens, the first source is read.

        While another track sounds the new one waits for its end, so that one follows another without a gap.
        Raises SoundError when a source cannot be read or no device answers.
        """
        ...

    async def probe(self) -> str:
        """Try the output without a sound; what it is. Raises SoundError."""
        ...

    async def close(self) -> None:
        """Let the device go; what sounds ends at once."""
        ...


class Amplifier(Protocol):
    """Power of the amplifier; off whenever nothing sounds (requirement 3)."""

    async def power(self, on: bool) -> None:
        """Returns when it is switched; the amplifier needs its lead-in before it is heard. Raises SoundError."""
        ...
