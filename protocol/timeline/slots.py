"""The slots of relays and fillers: functions of the time alone, but that a session's cap ends them."""

from dataclasses import dataclass

from protocol.manifest import Kind
from protocol.timeline.model import Cut, Refusal, RefusalCode, Segment, SegmentKind
from protocol.timeline.occurrences import Occurrence
from protocol.timeline.performers import CODE_OF_CUT, Moment, Offer, Refuse, Sound, Window


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
            return None
        until = min(end, self.end_ms, moment.room.until_ms)
        cut = None
        if until < end:
            cut = self._cut_at(until)
        return Offer(until, sound, cut)

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
            if offer.cut in CODE_OF_CUT:
                self.refuse(
                    Refusal(offer.sound.play, self.cause, self.occurrence.start_ms, CODE_OF_CUT[offer.cut], end_ms)
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
        return Offer(end, sound, Cut.SESSION if end < row.end_ms else row.cut)

    def sounded(self, offer: Offer, end_ms: int) -> None:
        """It remembers nothing."""

    def waited_until(self, end_ms: int) -> None:
        """It waits for nothing."""

    def settle(self, now_ms: int) -> None:
        """It gives up nothing."""
