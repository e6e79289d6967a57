"""What sounds on a box, when, and what does not: a function of what it holds and of the time.

The simulation starts where nothing can be going on (a midnight inside quiet hours, or the moment the box awoke), so an
answer costs about a day of programme however long the schedule is, and is the same from wherever one asks.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from protocol.manifest import Manifest, Policy
from protocol.policy import EffectivePolicy, Stretch, merged
from protocol.quantities import DAY_MS
from protocol.recurrence import bounds_ms, to_wall
from protocol.timeline.emergencies import emergencies
from protocol.timeline.model import HORIZON_MS, SESSION_PAUSE_MS, Holdings, Lock, Plan, Refusal, Segment
from protocol.timeline.occurrences import ByIdentity, schedule_of
from protocol.timeline.programme import Programme
from protocol.timeline.sessions import FOREVER_MS
from protocol.timeline.voices import over_alarms, under_alarms

_NOTHING: Final = Manifest("Asia/Ho_Chi_Minh", (), ())
"""In place of a manifest: a zone to tell times in, and nothing to play."""
_ONE_DAY: Final = timedelta(days=1)
_KEPT_PARTS: Final = 64


class Part(NamedTuple):
    """A stretch of the programme, worked out as one. `plan` may begin earlier; its last segment may end later."""

    begin_ms: int
    end_ms: int
    plan: Plan


def plan(holdings: Holdings, from_ms: int, to_ms: int) -> Plan:
    """What sounds in [from_ms, to_ms), segments whole, and what is refused in it.

    `ProtocolError` if the manifest cannot be planned (`validate_manifest` says why).
    """
    box = timeline_of(holdings)
    segments = [row for row in box.above if row.end_ms > from_ms and row.start_ms < to_ms]
    refusals: list[Refusal] = []
    for number, part in enumerate(box.parts(from_ms, to_ms)):
        end = min(part.end_ms, to_ms)
        reaching = (row for row in part.plan.segments if row.start_ms < end and row.end_ms > from_ms)
        # Only the first part tells of what began before it.
        segments += [row for row in reaching if row.start_ms >= part.begin_ms or number == 0]
        refusals += [row for row in part.plan.refusals if part.begin_ms <= row.at_ms < end]
    return Plan(tuple(sorted(segments, key=lambda row: row.start_ms)), tuple(refusals))


def at(holdings: Holdings, now_ms: int) -> Segment | None:
    """What sounds at this instant."""
    segments = plan(holdings, now_ms, now_ms + 1).segments
    return segments[0] if segments else None


def next_change(holdings: Holdings, now_ms: int) -> int | None:
    """The first instant after now at which a segment begins or ends or something is refused; None: none in 45 days."""
    box = timeline_of(holdings)
    found = [instant for row in box.above for instant in (row.start_ms, row.end_ms) if instant > now_ms]
    for part in box.parts(now_ms, now_ms + HORIZON_MS):
        found += [instant for row in part.plan.segments for instant in (row.start_ms, row.end_ms) if instant > now_ms]
        found += [row.at_ms for row in part.plan.refusals if row.at_ms > now_ms]
        if found and min(found) <= part.end_ms:
            break
    soonest = min(found, default=None)
    return soonest if soonest is not None and soonest <= now_ms + HORIZON_MS else None


def refusals_within(
    manifest: Manifest, from_ms: int, *, days: int = 45, policy: Policy | None = None
) -> tuple[Refusal, ...]:
    """What of a programme a box would not sound, or not to its end, in the next days if nothing came in between.

    `policy` is a box's own. For the one who makes a schedule: what is refused here, every box will refuse.
    """
    if policy is not None:
        manifest = Manifest(
            manifest.zone,
            (*manifest.policies, policy),
            manifest.entries,
            manifest.bulletins,
            manifest.blobs,
            manifest.stations,
        )
    return plan(Holdings(manifest, None), from_ms, from_ms + days * DAY_MS).refusals


class Timeline:
    """Holdings made ready: asked again and again, it works each day out once."""

    def __init__(self, holdings: Holdings) -> None:
        self.holdings = holdings
        manifest, assignment = holdings.manifest or _NOTHING, holdings.assignment
        self.schedule = schedule_of(manifest)
        own = () if assignment is None or assignment.policy is None else (assignment.policy,)
        self.policy = EffectivePolicy(
            (*holdings.bounds, *manifest.policies, *own), self.schedule.zone, holdings.exceptions
        )
        stopped = tuple(merged([_stretch(lock) for lock in holdings.locks]))
        voices = [voice for voice in holdings.voices if voice.play not in holdings.finished]
        self.over_alarms = over_alarms(voices, holdings.orders, holdings.awake_ms, stopped)
        self.emergencies = emergencies(
            holdings.orders, holdings.awake_ms, holdings.finished, holdings.carry, self.over_alarms.holds
        )
        above = {row.cause for row in self.over_alarms.segments}
        self.under_alarms = under_alarms(
            [voice for voice in voices if voice.name not in above],
            holdings.awake_ms,
            above=self.over_alarms.holds,
            alarms=self.emergencies.holds,
            locks=stopped,
            policy=self.policy,
        )
        self.above = (*self.over_alarms.segments, *self.emergencies.segments, *self.under_alarms.segments)
        """All that sounds above the programme, kind by kind."""
        self.programme = Programme(
            self.schedule,
            self.policy,
            assignment,
            emergencies=self.emergencies.holds,
            voices=tuple(merged([*self.over_alarms.holds, *self.under_alarms.holds])),
            stopped=stopped,
            finished=holdings.finished,
            heard=holdings.heard,
        )
        self._parts: dict[tuple[int, int], Plan] = {}

    def parts(self, from_ms: int, to_ms: int) -> Iterator[Part]:
        """The programme of [from_ms, to_ms), part by part."""
        origin = self._origin_ms()
        if origin is None:
            return
        now = max(from_ms, origin)
        while now < to_ms:
            start, end = self._part_around(now, origin)
            yield Part(now, end, self._plan(start, end))
            now = end

    def _plan(self, start_ms: int, end_ms: int) -> Plan:
        known = self._parts.get((start_ms, end_ms))
        if known is None:
            if len(self._parts) >= _KEPT_PARTS:
                self._parts.clear()
            awake, carry = self.holdings.awake_ms, self.holdings.carry
            if start_ms == awake:
                today = self._midnight(self._day(awake))
                known = self.programme.play_from_awakening(awake, end_ms, min(today, awake), carry)
            else:
                known = self.programme.play_through(start_ms, end_ms)
            self._parts[start_ms, end_ms] = known
        return known

    def _origin_ms(self) -> int | None:
        """Nothing of the programme sounds before this."""
        awake, first = self.holdings.awake_ms, self.schedule.first_ms
        if self.holdings.carry is not None:
            return awake
        return None if first is None else max(awake, first)

    def _part_around(self, now_ms: int, origin_ms: int) -> tuple[int, int]:
        """From the last moment at which nothing is going on to a midnight after now.

        Where no night is quiet that moment is the origin; the end is then put off in doubling steps, so that walking
        on through the days does not work them all out again each day.
        """
        day = self._day(now_ms)
        start = self._midnight(day)
        while start > now_ms or (start > origin_ms and not self._idle(start)):
            day -= _ONE_DAY
            start = self._midnight(day)
        if start <= origin_ms:
            start, day = origin_ms, self._day(origin_ms)
        days = 1
        while (end := self._midnight(day + days * _ONE_DAY)) <= now_ms:
            days *= 2
        return start, end

    def _idle(self, midnight_ms: int) -> bool:
        """Whether the policy leaves no room for any sound, nor for a session to go on, around this midnight."""
        quiet_since = midnight_ms - SESSION_PAUSE_MS
        if quiet_since >= self.programme.valid_until_ms:
            return True
        return any(
            start <= quiet_since and end >= midnight_ms for start, end in self.policy.quiet(quiet_since, midnight_ms)
        )

    def _day(self, instant_ms: int) -> date:
        return to_wall(instant_ms, self.schedule.zone).date()

    def _midnight(self, day: date) -> int:
        return bounds_ms(datetime(day.year, day.month, day.day), self.schedule.zone)[0]  # noqa: DTZ001 - wall time


def timeline_of(holdings: Holdings) -> Timeline:
    """These holdings made ready, once."""
    return _timeline(ByIdentity(holdings))


@lru_cache(maxsize=64)
def _timeline(key: ByIdentity) -> Timeline:
    assert isinstance(key.value, Holdings)
    return Timeline(key.value)


def _stretch(lock: Lock) -> Stretch:
    return Stretch(lock.from_ms, FOREVER_MS if lock.until_ms is None else lock.until_ms)
