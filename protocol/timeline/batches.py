"""A batch of a programme's bulletins: each starts inside its window or not at all, and may be interrupted and go on."""

from dataclasses import dataclass, field

from protocol.priority import Precedence
from protocol.timeline.model import RESUME_WITHIN_MS, SESSION_PAUSE_MS, Refusal, RefusalCode, SegmentKind, Track
from protocol.timeline.occurrences import Item
from protocol.timeline.performers import CODE_OF_CLOSING, CODE_OF_CUT, Moment, Offer, Refuse, Sound, Window
from protocol.timeline.sessions import FOREVER_MS, Room


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
                    self._drop(CODE_OF_CUT[self.closing.ends_by], closes, keeps_time=True)
                    continue
                return
            too_late = max(self._eligible_ms(), self._behind_ms) + self.window_ms + 1
            if now_ms >= too_late and too_late < closes:
                self._drop(RefusalCode.LATE, too_late, keeps_time=True)
            elif now_ms >= closes:
                self._drop(CODE_OF_CLOSING[self.closing.ends_by], closes, keeps_time=True)
            else:
                return

    def _obstacle(self, end_ms: int, room: Room) -> RefusalCode | None:
        resumes = self._broken is not None
        if end_ms > self.closing.end_ms:
            return (CODE_OF_CUT if resumes else CODE_OF_CLOSING)[self.closing.ends_by]
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
