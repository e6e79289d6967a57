"""Sets the stage: everything of a schedule that can matter between two moments, and the simulation of it."""

from bisect import bisect_right
from collections.abc import Iterator

from protocol.manifest import Assignment
from protocol.policy import EffectivePolicy, Stretch
from protocol.quantities import DAY_MS
from protocol.timeline.batches import BatchPerformer
from protocol.timeline.model import Carry, Cut, Plan, Refusal, RefusalCode, Segment, SegmentKind, Track
from protocol.timeline.occurrences import Batch, Item, Occurrence, Schedule
from protocol.timeline.performers import Window
from protocol.timeline.sessions import FOREVER_MS, Sessions
from protocol.timeline.simulate import Block, Blocks, Stage
from protocol.timeline.slots import CarriedSlot, SlotPerformer


class Programme:
    """What a box holds of scheduled sound, and what stands above it."""

    def __init__(
        self,
        schedule: Schedule,
        policy: EffectivePolicy,
        assignment: Assignment | None,
        *,
        emergencies: tuple[Stretch, ...],
        voices: tuple[Stretch, ...],
        stopped: tuple[Stretch, ...],
        finished: frozenset[str],
        heard: tuple[tuple[int, int], ...] | None,
    ) -> None:
        self.schedule = schedule
        self.policy = policy
        self.assignment = assignment
        self.valid_until_ms = FOREVER_MS if assignment is None else assignment.valid_until * 1000
        self._emergencies = [Block(start, end, Cut.EMERGENCY) for start, end in emergencies]
        self._voices = [Block(start, end, Cut.PRECEDENCE) for start, end in voices]
        self._stopped = [Block(start, end, Cut.STOPPED) for start, end in stopped]
        self._finished = finished
        self.heard = heard

    def play_through(self, start_ms: int, end_ms: int) -> Plan:
        """What sounds in [start_ms, end_ms), if nothing was going on at `start_ms`."""
        return _Run(self, start_ms, end_ms, today_ms=None).plan(None)

    def play_from_awakening(self, awake_ms: int, end_ms: int, today_ms: int, carry: Carry | None) -> Plan:
        """The same where the box awoke at `awake_ms`; `today_ms` is the midnight before."""
        return _Run(self, awake_ms, end_ms, today_ms=today_ms).plan(carry)

    def closed(self, from_ms: int, to_ms: int) -> list[Block]:
        """When the policy and the assignment's validity leave no room for scheduled sound."""
        blocks = [
            Block(start, min(end, self.valid_until_ms), Cut.QUIET)
            for start, end in self.policy.quiet(from_ms, to_ms)
            if start < self.valid_until_ms
        ]
        return [*blocks, Block(self.valid_until_ms, FOREVER_MS, Cut.VALIDITY)]

    def blocks(self, closed: list[Block]) -> Blocks:
        return Blocks(self._emergencies, self._voices, self._stopped, closed)

    def finished(self, carried: str | None) -> frozenset[str]:
        return self._finished if carried is None else self._finished | {carried}


class _Run:
    def __init__(self, programme: Programme, start_ms: int, end_ms: int, *, today_ms: int | None) -> None:
        self.programme = programme
        self.schedule = programme.schedule
        self.start_ms, self.end_ms = start_ms, end_ms
        self.today_ms = today_ms
        # What arrives after the end can still cut short what began before it.
        self.horizon_ms = end_ms + self.schedule.longest_ms
        lookback = self.schedule.reach_ms + (self.schedule.window_ms if today_ms is not None else 0)
        self.from_ms = (start_ms if today_ms is None else today_ms) - lookback
        self.closed = programme.closed(self.from_ms - DAY_MS, self.horizon_ms + DAY_MS)
        self.windows = _windows(self.closed, self.from_ms - DAY_MS)
        self.sessions = Sessions(programme.policy)
        self.stage = Stage(
            start_ms, programme.policy, programme.assignment, programme.blocks(self.closed), self.sessions
        )

    def plan(self, carry: Carry | None) -> Plan:
        occurrences = self.schedule.between(self.from_ms, self.horizon_ms)
        if self.today_ms is not None:
            self._remember_sessions(occurrences, self.today_ms)
        begun = _begun(carry, self.start_ms)
        if begun is not None:
            self._carry_on(begun)
        finished = self.programme.finished(None if begun is None else begun.play)
        slots: list[tuple[Occurrence, list[SlotPerformer]]] = []
        for occurrence in occurrences:
            for batch in occurrence.line.batches:
                self._admit_batch(occurrence, batch, finished)
            if not occurrence.line.batches:
                slots.append((occurrence, self._admit_slot(occurrence)))
        plan = self.stage.run(self.end_ms)
        missed = tuple(self._unheard_relays(plan, slots))
        return Plan(plan.segments, tuple(sorted((*plan.refusals, *missed), key=lambda row: (row.at_ms, row.play))))

    def _admit_batch(self, occurrence: Occurrence, batch: Batch, finished: frozenset[str]) -> None:
        planned = occurrence.start_ms + batch.offset_ms
        window_ms = occurrence.line.entry.window_s * 1000
        if planned >= self.horizon_ms or (planned < self.start_ms and not self._may_still_matter(occurrence, batch)):
            return
        window = self._window(planned)
        if window is None:
            self._refuse_all(occurrence, batch.items, planned)
            return
        performer = BatchPerformer(
            name=occurrence.name,
            cause=occurrence.line.entry.id,
            precedence=occurrence.precedence(planned),
            start_ms=occurrence.start_ms,
            items=batch.items,
            gain_cb=occurrence.line.entry.gain_cb,
            window_ms=window_ms,
            closing=window,
            awake_ms=self.start_ms,
            refuse=self.stage.refusals.append,
            finished=finished,
        )
        if not performer.over:
            self.stage.admit(performer)

    def _may_still_matter(self, occurrence: Occurrence, batch: Batch) -> bool:
        """Of what was planned before the box awoke: what can still sound, or should have sounded today."""
        if self.today_ms is None:
            return False
        latest = occurrence.start_ms + batch.end_ms + occurrence.line.entry.window_s * 1000
        return latest >= self.start_ms or occurrence.start_ms + batch.offset_ms >= self.today_ms

    def _admit_slot(self, occurrence: Occurrence) -> list[SlotPerformer]:
        slot_end = occurrence.start_ms + occurrence.line.span_ms
        parts = [
            SlotPerformer(occurrence, window, self.stage.refusals.append)
            for window in self.windows
            if window.start_ms < slot_end and occurrence.start_ms < window.end_ms
        ]
        if not parts and occurrence.start_ms >= self.start_ms:
            self._refuse(occurrence, f"{occurrence.name}#1", occurrence.start_ms, occurrence.start_ms)
        for part in parts:
            if part.end_ms > self.start_ms:
                self.stage.admit(part)
        return parts

    def _refuse_all(self, occurrence: Occurrence, items: tuple[Item, ...], at_ms: int) -> None:
        for item in items:
            self._refuse(occurrence, f"{occurrence.name}#{item.label}", occurrence.start_ms + item.offset_ms, at_ms)

    def _refuse(self, occurrence: Occurrence, play: str, planned_ms: int, at_ms: int) -> None:
        if at_ms >= self.start_ms:
            code = RefusalCode.VALIDITY if at_ms >= self.programme.valid_until_ms else RefusalCode.QUIET
            self.stage.refusals.append(Refusal(play, occurrence.line.entry.id, planned_ms, code, at_ms))

    def _unheard_relays(self, plan: Plan, slots: list[tuple[Occurrence, list[SlotPerformer]]]) -> Iterator[Refusal]:
        told = {refusal.play for refusal in plan.refusals}
        for occurrence, parts in slots:
            if not parts or parts[0].kind is not SegmentKind.RELAY or parts[0].play in told:
                continue
            end = parts[-1].end_ms
            whole = self.start_ms <= occurrence.start_ms and end < self.end_ms
            if whole and not any(part.has_sounded for part in parts):
                yield Refusal(parts[0].play, parts[0].cause, occurrence.start_ms, RefusalCode.LATE, end)

    def _window(self, instant_ms: int) -> Window | None:
        index = bisect_right(self.windows, instant_ms, key=lambda window: window.start_ms) - 1
        return self.windows[index] if index >= 0 and instant_ms < self.windows[index].end_ms else None

    def _carry_on(self, begun: Segment) -> None:
        self.stage.give(self._carried(begun), begun)

    def _carried(self, begun: Segment) -> BatchPerformer | CarriedSlot:
        if begun.kind is not SegmentKind.PROGRAMME:
            return CarriedSlot(begun, self.start_ms)
        assert isinstance(begun.sound, bytes)
        known = self.schedule.lengths.get(begun.sound, begun.offset_ms + begun.end_ms - begun.start_ms)
        name, _, label = begun.play.rpartition("#")
        performer = BatchPerformer(
            name=name,
            cause=begun.cause,
            precedence=begun.precedence,
            start_ms=begun.planned_ms,
            items=(Item(label, Track(begun.bulletin, begun.sound, known), 0, 0, opens_repeat=True),),
            gain_cb=begun.gain_cb,
            window_ms=0,
            closing=self._window(self.start_ms) or Window(self.start_ms, self.start_ms, Cut.QUIET),
            awake_ms=self.start_ms,
            refuse=self.stage.refusals.append,
        )
        performer.go_on(begun.offset_ms + self.start_ms - begun.start_ms, self.start_ms)
        return performer

    def _remember_sessions(self, occurrences: list[Occurrence], today_ms: int) -> None:
        """Today's sessions before the box awoke: as they were, or else as planned."""
        heard = self.programme.heard
        for start, end in sorted(self._reckoned(occurrences, today_ms) if heard is None else heard):
            if start < self.start_ms:
                self.sessions.note(start, min(end, self.start_ms))

    def _reckoned(self, occurrences: list[Occurrence], today_ms: int) -> list[tuple[int, int]]:
        """When those plays of today that are known to have ended should have sounded."""
        finished = self.programme.finished(None)
        slots = {play.rpartition("#")[0] for play in finished}
        sounded = []
        for occurrence in occurrences:
            if not occurrence.line.batches and occurrence.name in slots:
                sounded.append((occurrence.start_ms, occurrence.start_ms + occurrence.line.span_ms))
            for batch in occurrence.line.batches:
                for item in batch.items:
                    if f"{occurrence.name}#{item.label}" in finished:
                        start = occurrence.start_ms + item.offset_ms
                        sounded.append((start, start + item.track.duration_ms))
        return [(start, end) for start, end in sounded if start >= today_ms]


def _begun(carry: Carry | None, now_ms: int) -> Segment | None:
    if carry is None or carry.segment.kind in (SegmentKind.EMERGENCY, SegmentKind.VOICE):
        return None
    return carry.segment if carry.segment.start_ms <= now_ms < carry.segment.end_ms else None


def _windows(closed: list[Block], from_ms: int) -> list[Window]:
    windows = []
    start = from_ms
    for block in closed:
        if start < block.start_ms:
            windows.append(Window(start, block.start_ms, block.by))
        start = max(start, block.end_ms)
    return windows
