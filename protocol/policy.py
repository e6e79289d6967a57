"""When scheduled sound is allowed: stacked policies as one, in instants.

A lower level can only tighten: quiet hours add up, days intersect, the smallest cap and the lowest gain hold. Where
a clock is put forward or back, quiet hours take the stricter reading of both their ends.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from protocol.manifest import Hours, Level, Policy
from protocol.quantities import EVERY_DAY
from protocol.recurrence import bounds_ms, to_wall


class Stretch(NamedTuple):
    """Instants from `start_ms` (included) to `end_ms` (not)."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class EffectivePolicy:
    """All policies that hold at one box, in its zone."""

    policies: tuple[Policy, ...]
    zone: ZoneInfo
    exceptions: tuple[Stretch, ...] = ()
    """When quiet hours and days without programme do not hold."""

    @property
    def days(self) -> int:
        """Weekdays on which every policy allows sound."""
        days = EVERY_DAY
        for policy in self.policies:
            days &= policy.days
        return days

    @property
    def max_sessions(self) -> int | None:
        return min((policy.max_sessions for policy in self.policies if policy.max_sessions is not None), default=None)

    @property
    def max_session_ms(self) -> int | None:
        caps = [policy.max_session_s for policy in self.policies if policy.max_session_s is not None]
        return min(caps) * 1000 if caps else None

    def quiet(self, from_ms: int, to_ms: int) -> list[Stretch]:
        """Quiet stretches that reach into [from_ms, to_ms): disjoint and ascending."""
        stretches = []
        day = to_wall(from_ms, self.zone).date() - timedelta(days=2)
        last = to_wall(to_ms, self.zone).date() + timedelta(days=1)
        while day <= last:
            stretches += [
                stretch_of(hours, day, self.zone)
                for policy in self.policies
                for hours in policy.quiet
                if falls_on(hours.days, day)
            ]
            if not falls_on(self.days, day):
                stretches.append(stretch_of(Hours(0, 0), day, self.zone))
            day += timedelta(days=1)
        left = without(merged(stretches), self.exceptions)
        return [stretch for stretch in left if stretch.end_ms > from_ms and stretch.start_ms < to_ms]

    def why_quiet(self, at_ms: int) -> tuple[Level, Hours | None] | None:
        """The highest policy that forbids sound at this instant, with the hours, or None for a whole day."""
        if any(start <= at_ms < end for start, end in self.exceptions):
            return None
        today = to_wall(at_ms, self.zone).date()
        for policy in sorted(self.policies, key=lambda policy: policy.level):
            for day in (today - timedelta(days=1), today):
                for hours in policy.quiet:
                    start, end = stretch_of(hours, day, self.zone)
                    if falls_on(hours.days, day) and start <= at_ms < end:
                        return policy.level, hours
            if not falls_on(policy.days, today):
                return policy.level, None
        return None

    def gain_cb(self, from_ms: int, to_ms: int) -> int:
        """The lowest gain in force at any moment of [from_ms, to_ms); 0 where no policy names one."""
        day = to_wall(from_ms, self.zone).date() - timedelta(days=1)
        last = to_wall(to_ms, self.zone).date()
        gains = []
        while day <= last:
            for policy in self.policies:
                for volume in policy.volume:
                    start, end = stretch_of(volume.hours, day, self.zone)
                    if falls_on(volume.hours.days, day) and start < to_ms and end > from_ms:
                        gains.append(volume.gain_cb)
            day += timedelta(days=1)
        return min(gains, default=0)


def falls_on(days: int, day: date) -> bool:
    """Whether a mask of weekdays holds this day."""
    return bool(days >> day.weekday() & 1)


def stretch_of(hours: Hours, day: date, zone: ZoneInfo) -> Stretch:
    """The hours that start on this day: from the first reading of their start to the last of their end."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall time
    next_day = timedelta(days=1) if hours.end <= hours.start else timedelta()
    start = midnight + timedelta(seconds=hours.start)
    end = midnight + next_day + timedelta(seconds=hours.end)
    return Stretch(bounds_ms(start, zone)[0], bounds_ms(end, zone)[1])


def without(stretches: list[Stretch], holes: tuple[Stretch, ...]) -> list[Stretch]:
    """Disjoint stretches in order, less the instants of the holes."""
    for hole in holes:
        left = []
        for start, end in stretches:
            parts = (Stretch(start, min(end, hole.start_ms)), Stretch(max(start, hole.end_ms), end))
            left += [part for part in parts if part.start_ms < part.end_ms]
        stretches = left
    return stretches


def merged(stretches: list[Stretch]) -> list[Stretch]:
    """The same instants as disjoint stretches in order; those that touch become one."""
    result: list[Stretch] = []
    for start, end in sorted(stretches):
        if result and start <= result[-1].end_ms:
            result[-1] = Stretch(result[-1].start_ms, max(result[-1].end_ms, end))
        elif start < end:
            result.append(Stretch(start, end))
    return result
