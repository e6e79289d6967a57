"""What a box is to sound, and by which rules.

A **manifest** is content only and is shared by every box with the same programme; it is a blob, named by the SHA-256
of its signed bytes. An **assignment** is small, is for one box, and binds it to a manifest and to its place in the
tree of units.
"""

import enum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.ids import BoxId, Name, Sha256, Text, UnitCode
from protocol.quantities import (
    EVERY_DAY,
    DurationMs,
    DurationS,
    EpochS,
    GainCb,
    SecondOfDay,
    SizeBytes,
    WeekdayMask,
)

LocalTime = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\Z",
        description="wall time in the manifest's zone",
    ),
]
Rule = Annotated[str, Meta(max_length=200, description="an RFC 5545 RRULE value without DTSTART, or empty: once")]
ZoneName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_+/-]{1,64}\Z", description="IANA zone")]

DEFAULT_WINDOW_S = 300

PlaceInOrder = tuple[int, int, int]
"""Of an assignment: era, epoch, generation. The higher takes the place of the lower."""
NO_ASSIGNMENT: Final[PlaceInOrder] = (0, 1, 0)
"""Before the first assignment."""


class Level(enum.IntEnum):
    """Whose policy it is; a lower one can only tighten."""

    PROVINCE = 0
    COMMUNE = 1
    BOX = 2


class Hours(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of every day in local wall time, from `start` (included) to `end` (not).

    Where `end` ≤ `start` it runs past midnight.
    `days` are the days on which the stretch *starts*.
    """

    start: SecondOfDay
    end: SecondOfDay
    days: WeekdayMask = EVERY_DAY


class Volume(msgspec.Struct, frozen=True, array_like=True):
    """Gain during a stretch of the day; where several cover a moment the lowest gain holds."""

    hours: Hours
    gain_cb: GainCb


class Policy(msgspec.Struct, frozen=True, array_like=True):
    """When scheduled sound is allowed. Stacked policies: quiet hours add up, the smallest cap holds, days intersect."""

    level: Level
    quiet: Annotated[tuple[Hours, ...], Meta(max_length=32)] = ()
    days: WeekdayMask = EVERY_DAY
    max_sessions: Annotated[int, Meta(ge=0, le=96)] | None = None
    """Sessions a local day; a session is sound with pauses shorter than `timeline.SESSION_PAUSE_MS`."""
    max_session_s: DurationS | None = None
    volume: Annotated[tuple[Volume, ...], Meta(max_length=16)] = ()


class Kind(enum.IntEnum):
    """How an entry fills its time."""

    PROGRAMME = 1
    """Its playlist, from the beginning, until it ends."""
    RELAY = 2
    """An upper station's stream for the length of the slot, joined at its offset; the playlist is the fallback."""
    FILLER = 3
    """Its playlist over and over for the length of the slot, joined at its offset, under everything else."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One line of a schedule: a playlist or relay, and the recurrence of its starts."""

    id: Name
    kind: Kind
    klass: BulletinClass
    first: LocalTime
    """The first start; later ones have its wall time of day unless the rule says otherwise."""
    playlist: Annotated[tuple[Name, ...], Meta(max_length=200)]
    """Ids of the manifest's bulletins, in order."""
    rule: Rule = ""
    until: LocalTime | None = None
    """No start after this moment."""
    excluded: Annotated[tuple[LocalTime, ...], Meta(max_length=500)] = ()
    added: Annotated[tuple[LocalTime, ...], Meta(max_length=500)] = ()
    commune_order: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Among entries of one class that start together, the lower goes first: the commune decides (Circular 39/2020)."""
    repeats: Annotated[int, Meta(ge=1, le=20)] = 1
    gap_s: DurationS = 0
    """Silence between repeats of the playlist."""
    pause_ms: DurationMs = 0
    """Silence between bulletins of the playlist."""
    window_s: DurationS = DEFAULT_WINDOW_S
    """How late a start may be."""
    length_s: DurationS = 0
    """Length of the slot of a relay or filler; 0 for a programme."""
    station: Name | None = None
    """For a relay: code of one of the manifest's stations."""
    gain_cb: GainCb = 0
    board_s: DurationS = 0
    """So long after each start the words of its bulletins stand on boards, in turn, while nothing sounds."""


class Station(msgspec.Struct, frozen=True, array_like=True):
    """An upper station that may be relayed."""

    code: Name
    name: Text
    url: Annotated[str, Meta(max_length=300, pattern="^https?://")]


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A few words for boards: the weather."""

    text: Annotated[str, Meta(min_length=1, max_length=200)]
    until: EpochS
    """From then on they do not stand there."""


class Manifest(msgspec.Struct, frozen=True, array_like=True):
    """The programme of a group of boxes."""

    zone: ZoneName
    policies: Annotated[tuple[Policy, ...], Meta(max_length=8)]
    entries: Annotated[tuple[Entry, ...], Meta(max_length=2000)]
    bulletins: Annotated[tuple[Bulletin, ...], Meta(max_length=4000)] = ()
    blobs: Annotated[tuple[Blob, ...], Meta(max_length=4000)] = ()
    stations: Annotated[tuple[Station, ...], Meta(max_length=50)] = ()
    approvals: Annotated[tuple[Annotated[bytes, Meta(max_length=2048)], ...], Meta(max_length=4000)] = ()
    """Signed `approval.Approval`s of what it names."""
    exceptions: Annotated[tuple[Annotated[bytes, Meta(max_length=2048)], ...], Meta(max_length=50)] = ()
    """Signed `approval.QuietException`s."""
    line: Line | None = None
    """For boards, beside the time of day."""


class Assignment(msgspec.Struct, frozen=True, array_like=True):
    """Binds one box to its manifest and its place. Only a later one replaces it (`is_later`)."""

    box: BoxId
    generation: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    manifest: Sha256
    """Hash of the manifest's signed bytes."""
    manifest_size: SizeBytes
    units: Annotated[tuple[UnitCode, ...], Meta(min_length=1, max_length=6)]
    """The box's place, from the province down to its own unit."""
    issued: EpochS
    valid_until: EpochS
    """After this moment the schedule is silent; 45 days at least from `issued`."""
    policy: Policy | None = None
    """The box's own, of level BOX."""
    gain_cb: GainCb = 0
    """Calibration of this place, added to every gain."""
    site: Text = ""
    """Its name, for people."""
    epoch: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)] = 1
    """Of the controller: one that was restored or took over counts on in a higher one."""
    era: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)] = 0
    """The roots' era of SCHEDULE."""

    @property
    def place_in_order(self) -> PlaceInOrder:
        return (self.era, self.epoch, self.generation)

    def is_later(self, held: "Assignment | None") -> bool:
        return held is None or self.place_in_order > held.place_in_order
