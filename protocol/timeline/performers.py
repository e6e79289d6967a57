"""What competes for the speakers, as the stage sees it: it asks *what would you do now?* and tells what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from protocol.ids import Sha256
from protocol.priority import Precedence
from protocol.timeline.model import Cut, Refusal, RefusalCode, SegmentKind, Track
from protocol.timeline.sessions import Room

CODE_OF_CUT: Final = {
    Cut.QUIET: RefusalCode.CUT_QUIET,
    Cut.VALIDITY: RefusalCode.CUT_VALIDITY,
    Cut.SESSION: RefusalCode.CUT_SESSION,
}
CODE_OF_CLOSING: Final = {Cut.QUIET: RefusalCode.QUIET, Cut.VALIDITY: RefusalCode.VALIDITY}


@dataclass(frozen=True)
class Window:
    """Time in which the policy lets scheduled sound be, and what ends it."""

    start_ms: int
    end_ms: int
    ends_by: Cut


@dataclass(frozen=True)
class Sound:
    """What a performer would sound, without its name."""

    play: str
    bulletin: str
    sound: Sha256 | None
    planned_ms: int
    offset_ms: int


@dataclass(frozen=True)
class Offer:
    """What a performer does until `until_ms` if nothing comes in between; no sound is a pause that it keeps."""

    until_ms: int
    sound: Sound | None = None
    cut: Cut | None = None
    """What ends it, where that is not its natural end."""
    natural_ms: int = 0
    """When its sound would end with nothing in the way; only a bulletin asks, to go on after an interruption."""


@dataclass(frozen=True)
class Moment:
    """Now, and what the sessions of the day leave."""

    now_ms: int
    room: Room


class Performer(Protocol):
    """Something that wants the speakers."""

    arrival_ms: int
    """Before this it wants nothing."""
    precedence: Precedence
    kind: SegmentKind
    cause: str
    station: str | None
    fallback: tuple[Track, ...]
    gain_cb: int
    """Its own, before policy and calibration."""

    def offer(self, moment: Moment) -> Offer | None:
        """What it does now; None if it is over, or wants nothing before a new `arrival_ms`."""

    def sounded(self, offer: Offer, end_ms: int) -> None:
        """Its offer held until `end_ms`."""

    def waited_until(self, end_ms: int) -> None:
        """Something of the programme, behind which it had to wait, ended now."""

    def settle(self, now_ms: int) -> None:
        """Give up what has become impossible by now."""


Refuse = Callable[[Refusal], None]
