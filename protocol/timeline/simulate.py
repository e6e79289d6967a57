"""The programme, played through from a moment at which nothing is going on.

A discrete simulation of one pair of speakers: at every step the highest class that wants them has them, until it ends,
a higher one arrives, or something that stands above the programme (an emergency, a lock, quiet hours) begins. Inside
a class whoever has them keeps them, and of those who wait the greatest `Precedence` is next.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import chain, count
from typing import Final

from protocol.manifest import Assignment
from protocol.policy import EffectivePolicy
from protocol.priority import Rank
from protocol.timeline.model import Cut, Plan, Refusal, Segment
from protocol.timeline.performers import Moment, Offer, Performer
from protocol.timeline.sessions import Sessions

_RANKS: Final = (Rank.PRIORITY, Rank.ORDINARY, Rank.FILLER)
GAIN_CB: Final = (-960, 120)


@dataclass(frozen=True)
class Block:
    """Time in which nothing of the programme sounds."""

    start_ms: int
    end_ms: int
    by: Cut


class Blocks:
    """What stands above the programme. The groups may overlap each other, but not themselves."""

    def __init__(self, *groups: Iterable[Block]) -> None:
        self._groups = [sorted(group, key=lambda block: block.start_ms) for group in groups]
        self._starts = [[block.start_ms for block in group] for group in self._groups]

    def over(self, now_ms: int) -> Block | None:
        """A block that covers this instant."""
        for group, begun in zip(self._groups, self._starts, strict=True):
            index = bisect_right(begun, now_ms) - 1
            if index >= 0 and now_ms < group[index].end_ms:
                return group[index]
        return None

    def after(self, now_ms: int) -> Block:
        """The next block to begin: if no other, the end of the assignment's validity."""
        following = []
        for group, begun in zip(self._groups, self._starts, strict=True):
            index = bisect_right(begun, now_ms)
            if index < len(group):
                following.append(group[index])
        return min(following, key=lambda block: block.start_ms)


class Stage:
    """One run of the simulation. `performers` may arrive at any time after `start_ms`."""

    def __init__(
        self, start_ms: int, policy: EffectivePolicy, assignment: Assignment | None, blocks: Blocks, sessions: Sessions
    ) -> None:
        self.now_ms = start_ms
        self.refusals: list[Refusal] = []
        self._policy = policy
        self._calibration_cb = 0 if assignment is None else assignment.gain_cb
        self._blocks = blocks
        self._sessions = sessions
        self._segments: list[Segment] = []
        self._coming: dict[Rank, list[tuple[int, int, Performer]]] = {rank: [] for rank in _RANKS}
        self._waiting: dict[Rank, list[Performer]] = {rank: [] for rank in _RANKS}
        self._has: dict[Rank, Performer | None] = dict.fromkeys(_RANKS)
        self._number = count()

    def admit(self, performer: Performer) -> None:
        """It takes part from its `arrival_ms` on."""
        rank = Rank(performer.precedence.rank)
        heappush(self._coming[rank], (performer.arrival_ms, next(self._number), performer))

    def give(self, performer: Performer, begun: Segment) -> None:
        """It has the speakers when the run starts; `begun` is what it has been sounding."""
        self._has[Rank(performer.precedence.rank)] = performer
        self._segments.append(replace(begun, end_ms=self.now_ms))
        self._sessions.note(begun.start_ms, self.now_ms)

    def run(self, end_ms: int) -> Plan:
        """What sounds until `end_ms`; a segment that begins before it is whole."""
        begin = self.now_ms
        while self.now_ms < end_ms:
            self._step()
        self._welcome()
        for rank in _RANKS:
            for performer in (*self._waiting[rank], *filter(None, (self._has[rank],))):
                performer.settle(self.now_ms)
        segments = tuple(segment for segment in self._segments if begin < segment.end_ms and segment.start_ms < end_ms)
        refusals = sorted((row for row in self.refusals if row.at_ms < end_ms), key=lambda row: (row.at_ms, row.play))
        return Plan(segments, tuple(refusals))

    def _step(self) -> None:
        block = self._blocks.over(self.now_ms)
        if block is not None:
            if block.by in (Cut.EMERGENCY, Cut.PRECEDENCE):
                self._sessions.interrupted(self.now_ms, block.end_ms - self.now_ms)
            self.now_ms = block.end_ms
            return
        self._welcome()
        chosen = self._choose()
        following = self._blocks.after(self.now_ms)
        if chosen is None:
            ends = [rows[0][0] for rows in self._coming.values() if rows]
            self.now_ms = min([*ends, following.start_ms])
            return
        performer, offer = chosen
        end, cut = offer.until_ms, offer.cut
        if following.start_ms < end:
            end, cut = following.start_ms, following.by
        rank = Rank(performer.precedence.rank)
        higher = min((rows[0][0] for above, rows in self._coming.items() if above > rank and rows), default=end)
        if higher < end:
            end, cut = higher, Cut.PRECEDENCE
        if offer.sound is not None:
            self._emit(performer, offer, end, cut)
            self._sessions.note(self.now_ms, end)
        performer.sounded(offer, end)
        self._let_wait(rank, performer, end)
        self.now_ms = end

    def _welcome(self) -> None:
        for rank, rows in self._coming.items():
            while rows and rows[0][0] <= self.now_ms:
                self._waiting[rank].append(heappop(rows)[2])

    def _choose(self) -> tuple[Performer, Offer] | None:
        for waiting in chain.from_iterable(self._waiting.values()):
            waiting.settle(self.now_ms)
        for rank in _RANKS:
            while (performer := self._has[rank] or self._next_in(rank)) is not None:
                self._has[rank] = performer
                offer = performer.offer(Moment(self.now_ms, self._sessions.room(self.now_ms)))
                if offer is not None:
                    return performer, offer
                self._has[rank] = None
                if performer.arrival_ms > self.now_ms:
                    self.admit(performer)
        return None

    def _next_in(self, rank: Rank) -> Performer | None:
        waiting = self._waiting[rank]
        if not waiting:
            return None
        best = max(waiting, key=lambda performer: performer.precedence)
        waiting.remove(best)
        return best

    def _let_wait(self, rank: Rank, sounding: Performer, end_ms: int) -> None:
        """All who wait behind a programme or relay count their window from its end."""
        for below in _RANKS:
            if below > rank:
                continue
            while self._coming[below] and self._coming[below][0][0] <= end_ms:
                self._waiting[below].append(heappop(self._coming[below])[2])
            for performer in (*self._waiting[below], *filter(None, (self._has[below],))):
                if performer is not sounding:
                    performer.waited_until(end_ms)

    def _emit(self, performer: Performer, offer: Offer, end_ms: int, cut: Cut | None) -> None:
        sound = offer.sound
        assert sound is not None
        last = self._segments[-1] if self._segments else None
        if (
            last is not None
            and (last.play, last.end_ms) == (sound.play, self.now_ms)
            and last.offset_ms + last.end_ms - last.start_ms == sound.offset_ms
        ):
            self._segments[-1] = replace(last, end_ms=end_ms, cut=cut)
            return
        self._segments.append(
            Segment(
                play=sound.play,
                kind=performer.kind,
                cause=performer.cause,
                bulletin=sound.bulletin,
                sound=sound.sound,
                station=performer.station,
                planned_ms=sound.planned_ms,
                start_ms=self.now_ms,
                end_ms=end_ms,
                offset_ms=sound.offset_ms,
                gain_cb=self._gain_cb(performer, offer),
                precedence=performer.precedence,
                cut=cut,
                fallback=performer.fallback,
            )
        )

    def _gain_cb(self, performer: Performer, offer: Offer) -> int:
        period = self._policy.gain_cb(self.now_ms, max(offer.until_ms, self.now_ms + 1))
        lowest, highest = GAIN_CB
        return min(max(performer.gain_cb + period + self._calibration_cb, lowest), highest)
