"""From a planned segment to what is handed to the speaker: when, from where, how long; and how its end is told. Pure.

The plan knows nothing of amplifiers that settle, devices that fail, loops that hiccup. What they make late is decided
here: an emergency sounds whole, a stretch that has been heard before (or that lives by the clock) joins where it would
be by now, and a bulletin that was not begun goes back to the planner, who knows its window.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from protocol.manifest import Manifest
from protocol.order import MessageType, Order, Status
from protocol.quantities import SECOND_MS
from protocol.report import ClockQuality
from protocol.timeline.model import Cut, HeldOrder, Holdings, Segment, SegmentKind

FADE_MS: Final = 200
"""Of every cut; a programme is silent within 300 ms of a higher sound (fault 34)."""
LATE_MS: Final = 500
"""So late a bulletin still begins without asking the planner again, and so much later it may end."""

COMES_BACK: Final = frozenset({Cut.EMERGENCY, Cut.PRECEDENCE, Cut.STOPPED})
"""Cuts after which the rest of a play may still sound."""


@dataclass(frozen=True)
class Cue:
    """One stretch of sound, ready to be handed over."""

    start_ms: int
    offset_ms: int
    length_ms: int | None
    fade_out_ms: int
    intended_ms: int
    """When it should have begun."""


@dataclass(frozen=True)
class Ending:
    """Why a stretch ended before its natural end."""

    detail: str
    final: bool
    """Nothing of this play is to come."""


def cue(segment: Segment, ready_ms: int, *, begun: bool) -> Cue | None:
    """How to sound a segment when the first sample can leave at `ready_ms` at the earliest.

    `begun`: something of this play has been heard. None: too late as planned, or nothing is left of it.
    """
    start = max(segment.start_ms, ready_ms)
    late = start - segment.start_ms
    if segment.kind is SegmentKind.EMERGENCY:
        if segment.cut is None:
            return Cue(start, segment.offset_ms, None, 0, segment.start_ms)
        return _until(segment, start, segment.offset_ms, segment.start_ms)
    if segment.kind is SegmentKind.PROGRAMME and late <= LATE_MS:
        if segment.cut is None:
            length = segment.end_ms - segment.start_ms + LATE_MS
            return Cue(start, segment.offset_ms, length, FADE_MS, segment.start_ms)
        return _until(segment, start, segment.offset_ms, segment.start_ms)
    if segment.kind is SegmentKind.PROGRAMME and not begun:
        return None
    return _until(segment, start, segment.offset_ms + late, start if late > LATE_MS else segment.start_ms)


def _until(segment: Segment, start_ms: int, offset_ms: int, intended_ms: int) -> Cue | None:
    """To the planned end and no further."""
    length = segment.end_ms - start_ms
    return Cue(start_ms, offset_ms, length, min(FADE_MS, length), intended_ms) if length > 0 else None


def may_sound(kind: SegmentKind, quality: ClockQuality) -> bool:
    """A programme needs a clock that is right; an emergency one that is roughly right, since it expires (design §5).

    A voice needs none here: who let it in has asked for the time, if it is not the microphone of the box itself.
    """
    if kind is SegmentKind.VOICE:
        return True
    return quality >= (ClockQuality.NITZ if kind is SegmentKind.EMERGENCY else ClockQuality.RTC)


def needs_no_clock(segment: Segment, holdings: Holdings) -> bool:
    """Whether it is an alarm of this box's own button."""
    return any(held.needs_no_clock for held in holdings.orders if held.order.id.hex() == segment.cause)


def sound_name(segment: Segment) -> str:
    """How the play log names what sounds."""
    if segment.station is not None:
        return f"station:{segment.station}"
    if segment.kind is SegmentKind.VOICE:
        return segment.play
    return f"message:{segment.sound}" if isinstance(segment.sound, int) else (segment.sound or b"").hex()


def withdrawn(segment: Segment, manifest: Manifest | None) -> bool:
    """Whether a new programme no longer wants at all what is sounding (fault 33)."""
    if manifest is None:
        return True
    entry = next((entry for entry in manifest.entries if entry.id == segment.cause), None)
    return entry is None or (segment.bulletin != "" and segment.bulletin not in entry.playlist)


def planned_ending(kind: SegmentKind, cut: Cut, after: Segment | None) -> Ending:
    """What the log says of a cut that was planned; `after` is what sounds from there on."""
    by = f": {after.cause}" if after is not None and cut in (Cut.EMERGENCY, Cut.PRECEDENCE) else ""
    # A slot goes on after quiet hours that lie inside it; a bulletin ends with them.
    slot_goes_on = cut is Cut.QUIET and kind in (SegmentKind.RELAY, SegmentKind.FILLER)
    return Ending(f"{cut}{by}", final=cut not in COMES_BACK and not slot_goes_on)


def sudden_ending(segment: Segment, now: Segment | None, holdings: Holdings, now_ms: int) -> Ending:
    """Why a sounding segment is not in the plan any more; `now` is what is there instead."""
    if segment.kind is SegmentKind.EMERGENCY:
        held = next((held for held in holdings.orders if held.order.id.hex() == segment.cause), None)
        stopped = None if held is None else ended_at(held, holdings.orders)
        if held is None:
            return Ending(str(Cut.ENDED), final=True)
        if stopped is not None and stopped <= now_ms:
            return Ending("replaced" if _is_replaced(held, holdings.orders) else "cancelled", final=True)
    elif _is_taken_back(segment, holdings):
        return Ending("the voice ended" if segment.kind is SegmentKind.VOICE else "withdrawn", final=True)
    if now is not None and now.precedence > segment.precedence:
        cut = Cut.EMERGENCY if now.kind is SegmentKind.EMERGENCY else Cut.PRECEDENCE
        return planned_ending(segment.kind, cut, now)
    lock = next((lock for lock in holdings.locks if lock.from_ms <= now_ms < (lock.until_ms or now_ms + 1)), None)
    if lock is not None:
        return Ending(f"{Cut.STOPPED}: {lock.why}", final=False)
    return Ending("the programme changed", final=False)


def _is_taken_back(segment: Segment, holdings: Holdings) -> bool:
    """Whether nobody speaks any more, or the programme has no place for it."""
    if segment.kind is SegmentKind.VOICE:
        return all(voice.play != segment.play for voice in holdings.voices)
    return withdrawn(segment, holdings.manifest)


def _is_replaced(held: HeldOrder, orders: Collection[HeldOrder]) -> bool:
    """Whether it was an update that ended it; a cancel is not among the orders that sound."""
    return any(held.order.id in other.order.references and other.order.type is MessageType.UPDATE for other in orders)


def order_of(segment: Segment, holdings: Holdings) -> Order | None:
    """The order that this segment belongs to; None for other sounds."""
    return next((held.order for held in holdings.orders if held.order.id.hex() == segment.cause), None)


def station_url(segment: Segment, manifest: Manifest | None) -> str:
    """Where the station of a relay is received; empty for what else sounds, and where the programme has no such."""
    stations = () if manifest is None else manifest.stations
    return next((station.url for station in stations if station.code == segment.station), "")


def latest_ms(segment: Segment, holdings: Holdings) -> int:
    """The instant from which on this segment must not begin, whatever the clock said when it was handed over."""
    expires = expires_ms(segment, holdings)
    return segment.end_ms + LATE_MS if expires is None else expires


def expires_ms(segment: Segment, holdings: Holdings) -> int | None:
    """The instant at and after which no pass of this emergency may begin; None for other sounds."""
    order = order_of(segment, holdings)
    return None if order is None else order.expires * SECOND_MS


def ended_at(held: HeldOrder, orders: Collection[HeldOrder]) -> int | None:
    """When it was cancelled or superseded, by the box's own account or by another order that refers to it."""
    stops = [] if held.ended_ms is None else [held.ended_ms]
    for other in orders:
        refers = held.order.id in other.order.references and other.order.status is not Status.TEST
        if refers and other.order.type is not MessageType.ALERT:
            later = other.order.not_before * SECOND_MS if other.order.type is MessageType.UPDATE else 0
            stops.append(max(other.accepted_ms, later))
    return min(stops, default=None)


def what_was_refused(play: str, cause: str, manifest: Manifest | None) -> tuple[str, str]:
    """The bulletin and the sound of a refused play, as the play log names them; empty where they are not known."""
    entry = next((entry for entry in manifest.entries if entry.id == cause), None) if manifest else None
    if manifest is None or entry is None:
        return "", ""
    if entry.station is not None:
        return "", f"station:{entry.station}"
    place = play.rpartition("#")[2].rpartition(".")[2]
    if not place.isdecimal() or not 1 <= int(place) <= len(entry.playlist):
        return "", ""
    bulletin = entry.playlist[int(place) - 1]
    sound = next((known.sound for known in manifest.bulletins if known.id == bulletin), b"")
    return bulletin, sound.hex()
