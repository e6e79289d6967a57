"""The planner's words: what a box holds, and what follows from it.

All instants are integer milliseconds since the epoch.
"""

import enum
from dataclasses import dataclass
from typing import Final

from protocol.ids import Sha256
from protocol.manifest import Assignment, Manifest, Policy
from protocol.order import Order
from protocol.policy import Stretch
from protocol.priority import Precedence, Rank
from protocol.quantities import DAY_MS, MINUTE_MS

SESSION_PAUSE_MS: Final = 5 * MINUTE_MS
"""Sounds with a shorter silence between them are one session; a silence this long ends it."""
RESUME_WITHIN_MS: Final = 30 * MINUTE_MS
"""An interrupted bulletin goes on where it was after at most this; after more it ends there."""
HORIZON_MS: Final = 45 * DAY_MS
"""How far `next_change` looks ahead: as far as a manifest is resolved."""


class SegmentKind(enum.IntEnum):
    """What a stretch of sound is part of. The first three are numbered like `manifest.Kind`."""

    PROGRAMME = 1
    RELAY = 2
    FILLER = 3
    EMERGENCY = 4
    VOICE = 5


class Cut(enum.StrEnum):
    """What ends a segment before its natural end."""

    EMERGENCY = "emergency"
    PRECEDENCE = "precedence"
    """A higher class, a voice, or a higher emergency."""
    STOPPED = "stopped"
    """A lock."""
    QUIET = "quiet"
    SESSION = "session"
    SLOT = "slot"
    """A filler's slot is over before its bulletin."""
    VALIDITY = "validity"
    """The assignment's `valid_until`."""
    ENDED = "ended"
    """The order was cancelled or superseded."""


class RefusalCode(enum.StrEnum):
    """Why something that was planned did not sound, or not to its end."""

    LATE = "late"
    """Its window was over: the box was away, stopped, or sounding an emergency."""
    QUIET = "quiet"
    """It would sound in quiet hours, or on a day without programme."""
    SESSION_LENGTH = "session-length"
    SESSION_COUNT = "session-count"
    VALIDITY = "validity"
    """It would sound after the assignment's `valid_until`."""
    CUT_INTERRUPTED = "cut-interrupted"
    """It was interrupted for more than RESUME_WITHIN_MS."""
    CUT_QUIET = "cut-quiet"
    CUT_SESSION = "cut-session"
    CUT_VALIDITY = "cut-validity"


@dataclass(frozen=True)
class Track:
    """A bulletin's sound with its length."""

    bulletin: str
    sound: Sha256
    duration_ms: int


@dataclass(frozen=True)
class Segment:
    """One unbroken stretch of sound. Parts of one play, before and after an interruption, share its name."""

    play: str
    """Stable name: "s12@2026-11-24T06:00:00#1.2" is the second bulletin of the first repeat of that start; "…#1" is the
    slot of a relay; "<order id in hex>#3" the third pass."""
    kind: SegmentKind
    cause: str
    """Id of the entry, or the order's id in hex."""
    bulletin: str
    """Id of the bulletin; empty for relays and emergencies."""
    sound: Sha256 | int | None
    """The blob, or the code of a built-in message; None for a relay."""
    station: str | None
    planned_ms: int
    """When it would start with nothing before it and nothing in its way."""
    start_ms: int
    end_ms: int
    offset_ms: int
    """How far into its sound (for a relay: into its slot) it starts."""
    gain_cb: int
    precedence: Precedence
    cut: Cut | None = None
    """What ends it early; None at its natural end."""
    chime: int = 0
    """For an emergency: `Sound.chime`."""
    drill: bool = False
    """For an emergency: the announcement of a drill goes before the message."""
    fallback: tuple[Track, ...] = ()
    """For a relay: what to sound, over and over, while the station cannot be heard."""

    @property
    def fade_out(self) -> bool:
        """The end is a cut, not the natural end."""
        return self.cut is not None


@dataclass(frozen=True)
class Refusal:
    """A play that did not start, or did not come to its end."""

    play: str
    cause: str
    planned_ms: int
    code: RefusalCode
    at_ms: int
    """When it was decided."""


@dataclass(frozen=True)
class Plan:
    """What sounds in a stretch of time, whole segments in order of time, and what was refused in it."""

    segments: tuple[Segment, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class HeldOrder:
    """An emergency order that this box has accepted."""

    order: Order
    accepted_ms: int
    level: int
    """Index of the signers' unit in the box's path of units: 0 is the province; the lower, the higher the authority."""
    tape_ms: int
    """Length of one pass: chime, announcement of a drill, message."""
    ended_ms: int | None = None
    """Cancelled or superseded at this instant. The natural end needs no mention."""
    rounds: int = 0
    """How often it was ended and reinstated: each time all of its passes sound again, numbered on."""
    needs_no_clock: bool = False
    """Its button was pressed at this box since it started: it has not expired, whatever the time may be."""

    @property
    def first_pass(self) -> int:
        """The number of the first pass of this round."""
        return 1 + self.rounds * (0 if self.order.sound is None else self.order.sound.repeats)

    @property
    def last_pass(self) -> int:
        return self.first_pass - 1 + (0 if self.order.sound is None else self.order.sound.repeats)


@dataclass(frozen=True)
class Lock:
    """Somebody stopped the programme here. Emergencies of a higher level than `level` pass."""

    from_ms: int
    until_ms: int | None
    why: str
    level: int = 0
    """Of who stopped it: index in the box's path of units."""


VOICE_PLAY: Final = "voice:"
"""How names of voices' plays begin; the name of their frames follows."""


@dataclass(frozen=True)
class Voice:
    """Somebody speaks: from afar in a signed session, or at the box's own microphone."""

    name: str
    rank: Rank
    """LIVE, MICROPHONE or KEYED_MICROPHONE."""
    from_ms: int
    until_ms: int
    """Its limit; who ends before ends its sound, and is taken from the holdings."""
    gain_cb: int = 0
    attached: str = ""
    """Id in hex of the alarm that it speaks inside; empty for none."""
    in_quiet_hours: bool = False
    """Quiet hours do not hold for it: the box knows no time, or the emergency key is turned."""
    level: int = 0
    """Of its session's signers, as an order's; of two live voices the higher level (lower number) is heard."""
    turn: int = 1
    """Who was silent for a while speaks again in the next turn, which is a play of its own: what is over once is not
    heard again."""

    @property
    def inlet(self) -> str:
        """Name of the frames that it sounds."""
        return self.name if self.turn == 1 else f"{self.name}-{self.turn}"

    @property
    def play(self) -> str:
        return f"{VOICE_PLAY}{self.inlet}"


@dataclass(frozen=True)
class Carry:
    """A play begun under earlier holdings, that goes on as it was."""

    segment: Segment


@dataclass(frozen=True)
class Holdings:
    """All that the answer depends on, but the time."""

    manifest: Manifest | None
    assignment: Assignment | None
    orders: tuple[HeldOrder, ...] = ()
    locks: tuple[Lock, ...] = ()
    awake_ms: int = 0
    """Since when the box has power, a time that it trusts, and these holdings. Nothing starts before."""
    finished: frozenset[str] = frozenset()
    """Names of plays that ended before `awake_ms`: a restart repeats none of them."""
    carry: Carry | None = None
    bounds: tuple[Policy, ...] = ()
    """The roots' own policies: they hold beside the manifest's."""
    exceptions: tuple[Stretch, ...] = ()
    """When scheduled sound may pass quiet hours, as persons of the province have signed."""
    heard: tuple[tuple[int, int], ...] | None = None
    """From when to when something scheduled sounded before `awake_ms` on that day: sessions that count. None: that is
    not known, and they are reckoned from `finished`."""
    voices: tuple[Voice, ...] = ()
