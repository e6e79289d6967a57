"""What competes for the speakers: a batch of a programme, and the slot of a relay or filler.

Each answers one question, *what would you do now?*, and is told what came of it. A batch has a memory (where it is,
since when it waits); a slot is a function of the time alone, but that a session's cap ends it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from protocol.ids import Sha256
from protocol.manifest import Kind
from protocol.priority import Precedence
from protocol.timeline.model import (
    RESUME_WITHIN_MS,
    SESSION_PAUSE_MS,
    Cut,
    Refusal,
    RefusalCode,
    Segment,
    SegmentKind,
    Track,
)
from protocol.timeline.occurrences import Item, Occurrence
from protocol.timeline.sessions import FOREVER_MS, Room

_CODE_OF_CUT = {
    Cut.QUIET: RefusalCode.CUT_QUIET,
    Cut.VALIDITY: RefusalCode.CUT_VALIDITY,
    Cut.SESSION: RefusalCode.CUT_SESSION,
}
_CODE_OF_CLOSING = {Cut.QUIET: RefusalCode.QUIET, Cut.VALIDITY: RefusalCode.VALIDITY}


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
    """When its sound would end with nothing in the way."""


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


@dataclass(eq=False)
class BatchPerformer:
    """A batch of bulletins, each of which starts inside its window or not at all."""

    name: str
    cause: str
    precedence: Precedence
    start_ms: int
    """The occurrence's start, from which its items count."""
    items: tuple[Item, ...]
    gain_cb: int
    window_ms: int
    closing: Window
    """The time of sound in which it begins; it cannot outlive it."""
    awake_ms: int
    refuse: Refuse
    finished: frozenset[str] = frozenset()
    kind: SegmentKind = SegmentKind.PROGRAMME
    station: str | None = None
    fallback: tuple[Track, ...] = ()
    arrival_ms: int = 0
    _next: int = 0
    _skipped_ms: int = 0
    _free_ms: int = -FOREVER_MS
    """When the pause after the bulletin before is over."""
    _behind_ms: int = -FOREVER_MS
    """End of the last thing of the programme that it waited for."""
    _decided_ms: int = 0
    """When the last one was given up; nothing is decided before the box is awake, nor out of turn."""
    _broken: tuple[int, int] | None = None
    """(offset, since when) of an interrupted bulletin."""
    over: bool = field(default=False)

    def __post_init__(self) -> None:
        self._decided_ms = self.awake_ms
        self._skip_finished()
        if not self.over:
            self.arrival_ms = max(self._eligible_ms(), self.awake_ms)

    def go_on(self, offset_ms: int, now_ms: int) -> None:
        """It was sounding its first item when these holdings began."""
        self._broken = (offset_ms, now_ms)

    def offer(self, moment: Moment) -> Offer | None:
        now = moment.now_ms
        while True:
            self.settle(now)
            if self.over or self.arrival_ms > now:
                return None
            eligible = self._eligible_ms()
            if self._broken is None and eligible > now:
                if eligible - now < SESSION_PAUSE_MS:
                    return Offer(eligible)
                self.arrival_ms = eligible
                return None
            offset, since = self._broken or (0, None)
            end = now + self._item.track.duration_ms - offset
            if since != now and (code := self._obstacle(end, moment.room)):
                self._drop(code, now, keeps_time=False)
                continue
            track = self._item.track
            return Offer(end, Sound(self._play, track.bulletin, track.sound, self._planned_ms, offset), None, end)

    def sounded(self, offer: Offer, end_ms: int) -> None:
        if offer.sound is None:
            return
        if end_ms < offer.natural_ms:
            self._broken = (offer.sound.offset_ms + end_ms - self._began_ms(offer), end_ms)
            return
        self._free_ms = end_ms + self._item.pause_ms
        self._broken = None
        self._advance()

    def waited_until(self, end_ms: int) -> None:
        self._behind_ms = end_ms

    def settle(self, now_ms: int) -> None:
        while not self.over:
            closes = self.closing.end_ms
            if self._broken is not None:
                gives_up = self._broken[1] + RESUME_WITHIN_MS + 1
                if now_ms >= gives_up and gives_up < closes:
                    self._drop(RefusalCode.CUT_INTERRUPTED, gives_up, keeps_time=True)
                    continue
                if now_ms >= closes:
                    self._drop(_CODE_OF_CUT[self.closing.ends_by], closes, keeps_time=True)
                    continue
                return
            too_late = max(self._eligible_ms(), self._behind_ms) + self.window_ms + 1
            if now_ms >= too_late and too_late < closes:
                self._drop(RefusalCode.LATE, too_late, keeps_time=True)
            elif now_ms >= closes:
                self._drop(_CODE_OF_CLOSING[self.closing.ends_by], closes, keeps_time=True)
            else:
                return

    def _obstacle(self, end_ms: int, room: Room) -> RefusalCode | None:
        resumes = self._broken is not None
        if end_ms > self.closing.end_ms:
            return (_CODE_OF_CUT if resumes else _CODE_OF_CLOSING)[self.closing.ends_by]
        if end_ms > room.until_ms:
            return RefusalCode.CUT_SESSION if resumes else room.code
        return None

    def _drop(self, code: RefusalCode, at_ms: int, *, keeps_time: bool) -> None:
        """Give up the next bulletin. Where it was too long for what is left, those after it move up."""
        self._decided_ms = max(at_ms, self._decided_ms)
        self.refuse(Refusal(self._play, self.cause, self._planned_ms, code, self._decided_ms))
        if not keeps_time and self._broken is None:
            last_of_repeat = self._next + 1 == len(self.items) or self.items[self._next + 1].opens_repeat
            self._skipped_ms += self._item.track.duration_ms + (0 if last_of_repeat else self._item.pause_ms)
        self._broken = None
        self._advance()

    def _advance(self) -> None:
        self._next += 1
        self._skip_finished()

    def _skip_finished(self) -> None:
        while self._next < len(self.items) and self._play in self.finished:
            self._next += 1
        self.over = self._next >= len(self.items)

    def _eligible_ms(self) -> int:
        return max(self._free_ms, self._planned_ms - self._skipped_ms)

    def _began_ms(self, offer: Offer) -> int:
        assert offer.sound is not None
        return offer.natural_ms - (self._item.track.duration_ms - offer.sound.offset_ms)

    @property
    def _item(self) -> Item:
        return self.items[self._next]

    @property
    def _planned_ms(self) -> int:
        return self.start_ms + self._item.offset_ms

    @property
    def _play(self) -> str:
        return f"{self.name}#{self._item.label}"


@dataclass(eq=False)
class SlotPerformer:
    """The part of a relay's or filler's slot that lies in one window of time."""

    occurrence: Occurrence
    window: Window
    refuse: Refuse
    has_sounded: bool = False
    """It was heard in this part of its slot."""
    over: bool = False

    def __post_init__(self) -> None:
        line = self.occurrence.line
        self.cause = line.entry.id
        self.kind = SegmentKind(line.entry.kind)
        self.station = line.entry.station
        self.fallback = line.tracks if line.entry.kind is Kind.RELAY else ()
        self.gain_cb = line.entry.gain_cb
        self.precedence = self.occurrence.precedence(self.occurrence.start_ms)
        self.slot_end_ms = self.occurrence.start_ms + line.span_ms
        self.arrival_ms = max(self.occurrence.start_ms, self.window.start_ms)
        self.end_ms = min(self.slot_end_ms, self.window.end_ms)

    def offer(self, moment: Moment) -> Offer | None:
        now = moment.now_ms
        self.settle(now)
        if self.over:
            return None
        sound, end = (self._relay if self.occurrence.line.entry.kind is Kind.RELAY else self._filler)(now)
        if sound is None:
            return Offer(min(end, self.end_ms))
        if moment.room.until_ms <= now:
            code = RefusalCode.CUT_SESSION if self.has_sounded else moment.room.code
            self.refuse(Refusal(self.play, self.cause, self.occurrence.start_ms, code, now))
            self.over = True
            return None
        until = min(end, self.end_ms, moment.room.until_ms)
        cut = None
        if until < end:
            cut = self._cut_at(until)
        return Offer(until, sound, cut, end)

    def _cut_at(self, instant_ms: int) -> Cut:
        if instant_ms == self.slot_end_ms:
            return Cut.SLOT
        return self.window.ends_by if instant_ms == self.end_ms else Cut.SESSION

    def sounded(self, offer: Offer, end_ms: int) -> None:
        if offer.sound is None:
            return
        self.has_sounded = True
        if end_ms == offer.until_ms and offer.cut is not None:
            self.over = True
            if offer.cut in _CODE_OF_CUT:
                self.refuse(
                    Refusal(offer.sound.play, self.cause, self.occurrence.start_ms, _CODE_OF_CUT[offer.cut], end_ms)
                )

    def waited_until(self, end_ms: int) -> None:
        """A slot waits for nothing: it joins at its offset."""

    def settle(self, now_ms: int) -> None:
        self.over = self.over or now_ms >= self.end_ms

    @property
    def play(self) -> str:
        return f"{self.occurrence.name}#1"

    def _relay(self, now_ms: int) -> tuple[Sound | None, int]:
        start = self.occurrence.start_ms
        return Sound(self.play, "", None, start, now_ms - start), self.slot_end_ms

    def _filler(self, now_ms: int) -> tuple[Sound | None, int]:
        line = self.occurrence.line
        number, position = divmod(now_ms - self.occurrence.start_ms, line.cycle_ms)
        offset = 0
        for place, track in enumerate(line.tracks, start=1):
            begun = now_ms - position + offset
            if position < offset + track.duration_ms:
                play = f"{self.occurrence.name}#{number + 1}.{place}"
                return Sound(play, track.bulletin, track.sound, begun, position - offset), begun + track.duration_ms
            offset += track.duration_ms + line.entry.pause_ms
            if position < offset and place < len(line.tracks):
                return None, now_ms - position + offset
        return None, now_ms - position + line.cycle_ms


@dataclass(eq=False)
class CarriedSlot:
    """A relay, or a bulletin of a filler, that began under earlier holdings: it goes on to its end, at its offset."""

    segment: Segment
    arrival_ms: int

    def __post_init__(self) -> None:
        self.cause = self.segment.cause
        self.kind = self.segment.kind
        self.station = self.segment.station
        self.fallback = self.segment.fallback
        self.gain_cb = self.segment.gain_cb
        self.precedence = self.segment.precedence

    def offer(self, moment: Moment) -> Offer | None:
        row = self.segment
        end = min(row.end_ms, moment.room.until_ms)
        if moment.now_ms >= end:
            return None
        offset = row.offset_ms + moment.now_ms - row.start_ms
        sound = Sound(
            row.play, row.bulletin, row.sound if isinstance(row.sound, bytes) else None, row.planned_ms, offset
        )
        return Offer(end, sound, Cut.SESSION if end < row.end_ms else row.cut, row.end_ms)

    def sounded(self, offer: Offer, end_ms: int) -> None:
        """It remembers nothing."""

    def waited_until(self, end_ms: int) -> None:
        """It waits for nothing."""

    def settle(self, now_ms: int) -> None:
        """It gives up nothing."""
