"""A stretch of sound that has been handed to the speaker, and what its end means for the play log."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from agent.core.cueing import Cue, Ending, ended_at, planned_ending, withdrawn
from agent.ports.journal import Play
from agent.ports.sound import Sounded, Sounding
from protocol.manifest import Manifest
from protocol.report import Grade, Result
from protocol.timeline import Cut, Holdings, Plan, Segment, SegmentKind

HELD: Final = 1 << 62


@dataclass(frozen=True)
class Closing:
    """How a row of the play log is closed."""

    ended_ms: int | None
    result: Result
    grade: Grade
    detail: str
    final: bool


@dataclass(eq=False)
class Playing:
    """One track with the speaker, from the hand-over to its last sample."""

    segment: Segment
    """As the newest plan has it; its end may move while it sounds."""
    cue: Cue
    detail: str
    """What was not as planned from the start."""
    sounding: Sounding
    row: Play
    after: Segment | None
    """What was to follow when it was handed over."""
    agreed_cut: Cut | None
    """What was to end it when it was handed over."""
    ending: Ending | None = None
    """Why it was stopped; None while it goes on."""
    first_sample_ms: int | None = None
    watch: "asyncio.Task[None] | None" = None
    _first_boot_ms: int = 0
    """The first sample's instant on the boot clock."""

    @property
    def agreed_end_ms(self) -> int:
        """When the track ends at the latest by itself."""
        return HELD if self.cue.length_ms is None else self.cue.start_ms + self.cue.length_ms

    @property
    def busy_until_ms(self) -> int:
        """When the speaker will be free again, as far as one can know."""
        if self.ending is not None:
            return 0
        late = self._begin_ms - self.segment.start_ms
        whole = self.segment.kind is SegmentKind.EMERGENCY and self.agreed_cut is None
        return self.segment.end_ms + (max(0, late) if whole else 0)

    @property
    def audible(self) -> bool:
        return self.first_sample_ms is not None

    @property
    def taken_up_ms(self) -> int:
        """How much of a broken-off alarm is not heard again."""
        return self.cue.offset_ms - self.segment.offset_ms if self.segment.kind is SegmentKind.EMERGENCY else 0

    @property
    def _begin_ms(self) -> int:
        """When it began; where it was taken up in its middle, when it would have begun to be there then."""
        return (self.first_sample_ms or self.cue.start_ms) - self.taken_up_ms

    @property
    def as_it_sounds(self) -> Segment:
        """The segment with its real start, and without an end that others had set it."""
        start = self._begin_ms
        moved = start - self.segment.start_ms
        if self.segment.kind is SegmentKind.EMERGENCY:
            return replace(self.segment, start_ms=start, end_ms=self.segment.end_ms + moved)
        return self.segment

    def in_plan(self, around: Plan, now_ms: int) -> Segment | None:
        """Its segment in a new plan, if the plan still wants it to sound now or at the instant agreed."""
        due = max(now_ms, self.cue.start_ms, self.first_sample_ms or 0)  # told a little before it is heard
        for row in around.segments:
            if (row.play, row.sound) == (self.segment.play, self.segment.sound) and row.start_ms <= due:
                return row
        return None

    def may_finish(self, current: Segment | None, holdings: Holdings, now_ms: int) -> bool:
        """Whether it began late and may use the time after its planned end: nothing higher is due, nobody ended it."""
        if self.segment.cut is not None or now_ms < self.segment.end_ms:
            return False
        if current is not None and _class(current) > _class(self.segment):
            return False
        held = next((held for held in holdings.orders if held.order.id.hex() == self.segment.cause), None)
        ended = None if held is None else ended_at(held, holdings.orders)
        return ended is None or ended > now_ms

    def withdrawn_from(self, manifest: Manifest | None) -> bool:
        """Whether a programme has no place for it any more."""
        above = self.segment.kind in (SegmentKind.EMERGENCY, SegmentKind.VOICE)
        return not above and withdrawn(self.segment, manifest)

    def begins_to_sound(self, first_sample_ms: int, now_ms: int, boot_ms: int) -> None:
        """Its first sample has left at this wall instant; what both clocks show now."""
        self.first_sample_ms = first_sample_ms
        self._first_boot_ms = boot_ms - max(0, now_ms - first_sample_ms)

    def take_over_the_time(self, now_ms: int, boot_ms: int, *, back: bool) -> None:
        """The clock was set (`back`: to an earlier time), and all was agreed by the time of before.

        An alarm that sounds has begun at another instant then; without that it would be cut, as if it were not due
        yet. A track that still waits would wait too long where the clock was set back: it is planned once more.
        """
        if self.first_sample_ms is None:
            if back:
                self.stop(Ending("the programme changed", final=False), 0)
        elif self.segment.kind is SegmentKind.EMERGENCY:
            first_sample_ms = now_ms - (boot_ms - self._first_boot_ms)
            moved = first_sample_ms - self.first_sample_ms
            self.first_sample_ms = first_sample_ms
            self.cue = replace(self.cue, start_ms=self.cue.start_ms + moved)

    def stop(self, ending: Ending, fade_ms: int) -> None:
        """End it now; the first reason stays."""
        if self.ending is None:
            self.ending = ending
            self.sounding.stop(fade_ms)

    def closing(self, sounded: Sounded) -> Closing:
        """What the log says of it."""
        grade = Grade.NONE if sounded.first_sample_ms is None else sounded.grade
        said = "; ".join(filter(None, (self.detail, sounded.detail, _shortfall(sounded))))
        if sounded.complete and self.agreed_cut in (None, Cut.SLOT):
            return Closing(sounded.ended_ms, Result.PLAYED, grade, said, final=True)
        if sounded.complete and self.agreed_cut is not None:
            ending = planned_ending(self.segment.kind, self.agreed_cut, self.after)
        else:
            ending = self.ending or Ending("the speaker was closed", final=False)
        detail = "; ".join(filter(None, (ending.detail, said)))
        if sounded.first_sample_ms is None:
            detail = f"{detail} (before its first sample)"
        return Closing(sounded.ended_ms, Result.CUT, grade, detail, ending.final)


def _shortfall(sounded: Sounded) -> str:
    """Why it is less sure than it could be that this was what should be heard."""
    if not sounded.reason or sounded.score is None:
        return sounded.reason
    return f"rendered {sounded.score:.2f}: {sounded.reason}"


def _class(segment: Segment) -> tuple[int, int, int]:
    """What must be higher to interrupt; age and order only decide who is next."""
    return segment.precedence.rank, segment.precedence.severity, segment.precedence.level
