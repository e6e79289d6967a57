"""When scheduled sound is allowed, decided over values: the templates of regulations, how they stack, and what a new
schedule would break. The boxes decide the same again with `protocol.timeline`; here it is said to a person in time."""

import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from controller.units.rules import above
from protocol.manifest import Hours, Level, Policy
from protocol.quantities import EVERY_DAY

HOUR: Final = 3600
WORKING_DAYS: Final = 0b0011111
EARLY: Final = Hours(5 * HOUR, 6 * HOUR)
"""05:00–06:00 is quiet too, unless the province has permitted it in a document."""
NIGHT: Final = Hours(21 * HOUR, 5 * HOUR)
LOOK_AHEAD_DAYS: Final = 8

PROVINCE_DEFAULT: Final = "province_default"
DEMO: Final = "demo"
"""Template of the record that moves the night silence of a demonstration; no form offers it (`facts.rules`)."""
TEMPLATES: Final[Mapping[str, Policy]] = {
    PROVINCE_DEFAULT: Policy(Level.PROVINCE, quiet=(NIGHT, EARLY)),
    "ward": Policy(Level.COMMUNE, days=WORKING_DAYS, max_sessions=2, max_session_s=15 * 60),
    "rural": Policy(Level.COMMUNE, max_session_s=45 * 60),
}
"""Regulations to start from: the province's; a ward's, two sessions of 15 minutes on five days a week, as Hà Nội ruled;
a rural commune's, 45 minutes a session."""


@dataclass(frozen=True)
class Rules:
    """The regulations of all units."""

    policies: Mapping[str, Policy]
    """What units have written for themselves, by code. It adds to what holds above them and takes nothing away."""
    early: Mapping[str, dt.date | None] = field(default_factory=dict)
    """Units where the province permits the early hour, with all below them; the first day on which it no longer does,
    None without an end."""
    province: Policy = TEMPLATES[PROVINCE_DEFAULT]
    """What holds everywhere, whatever anybody writes."""

    def stack(self, unit: str, day: dt.date | None = None) -> tuple[Policy, ...]:
        """The policies that hold together in this unit, now or on a day to come; the province's is always the first."""
        codes = above(unit)
        ends = [self.early[code] for code in codes if code in self.early]
        permitted = any(end is None or day is None or day < end for end in ends)

        def at(level: Level, policy: Policy) -> Policy:
            quiet = tuple(hours for hours in policy.quiet if not (permitted and hours == EARLY))
            return msgspec.structs.replace(policy, level=level, quiet=quiet)

        own = [
            at(Level.PROVINCE if code == codes[0] else Level.COMMUNE, self.policies[code])
            for code in codes
            if code in self.policies
        ]
        first = at(Level.PROVINCE, self.province)
        return (first, *(policy for policy in own if policy != first))

    def early_until(self, unit: str) -> dt.date | None:
        """The first day on which the early hour is no longer permitted in this unit; None: no end, or no permission."""
        ends = [self.early[code] for code in above(unit) if code in self.early]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None


class Trouble(enum.Enum):
    """Why something may not sound then."""

    QUIET = "quiet"
    """It would start in quiet hours."""
    RUNS_INTO_QUIET = "runs-into-quiet"
    """It would still sound when they begin."""
    EARLY = "early"
    """It falls into the hour that needs the province's permission."""
    DAY = "day"
    """Nothing may sound on that weekday."""
    TOO_LONG = "too-long"
    """Longer than a session may be."""


@dataclass(frozen=True)
class Conflict:
    trouble: Trouble
    start: dt.datetime
    """The start that is not allowed, local."""
    hours: Hours | None = None
    """The quiet hours in question."""
    limit_s: int | None = None
    """The longest session, of TOO_LONG."""


def conflict(policies: Iterable[Policy], start: dt.datetime, length_ms: int) -> Conflict | None:
    """What these policies have against sound from `start` (local wall time) for `length_ms`; None when nothing."""
    stack = tuple(policies)
    longest = min((policy.max_session_s for policy in stack if policy.max_session_s is not None), default=None)
    if longest is not None and length_ms > longest * 1000:
        return Conflict(Trouble.TOO_LONG, start, limit_s=longest)
    end = start + dt.timedelta(milliseconds=length_ms)
    if any(not policy.days >> day.weekday() & 1 for policy in stack for day in _days(start, end)):
        return Conflict(Trouble.DAY, start)
    for hours in (hours for policy in stack for hours in policy.quiet):
        for begins, ends in _stretches(hours, start, end):
            if begins <= start < ends:
                return Conflict(Trouble.EARLY if hours == EARLY else Trouble.QUIET, start, hours)
            if start < begins < end:
                return Conflict(Trouble.RUNS_INTO_QUIET, start, hours)
    return None


def next_allowed(policies: Iterable[Policy], start: dt.datetime, length_ms: int) -> dt.datetime | None:
    """The first local time from `start` on when sound of this length is allowed; None within a week means never."""
    stack = tuple(policies)
    candidates = {start}
    for day in range(LOOK_AHEAD_DAYS):
        midnight = dt.datetime.combine(start.date() + dt.timedelta(days=day), dt.time())
        candidates.add(midnight)
        for hours in (hours for policy in stack for hours in policy.quiet):
            candidates.add(midnight + dt.timedelta(seconds=hours.end))
    fitting = (at for at in sorted(candidates) if at >= start and conflict(stack, at, length_ms) is None)
    return next(fitting, None)


@dataclass(frozen=True)
class Recurrence:
    """What the form offers: once, every day, or on some weekdays."""

    weekdays: int = 0
    """Mask, bit 0 is Monday; 0: once."""

    @property
    def rule(self) -> str:
        """RFC 5545 RRULE value; empty for once."""
        if not self.weekdays:
            return ""
        if self.weekdays == EVERY_DAY:
            return "FREQ=DAILY"
        return "FREQ=WEEKLY;BYDAY=" + ",".join(name for day, name in enumerate(_DAYS) if self.weekdays >> day & 1)

    @classmethod
    def of(cls, rule: str) -> "Recurrence | None":
        """Back from a rule that this form wrote; None for another."""
        masks = (cls(), cls(EVERY_DAY), *(cls(mask) for mask in range(1, EVERY_DAY)))
        return next((made for made in masks if made.rule == rule), None)

    def first_from(self, start: dt.datetime) -> dt.datetime:
        """The first start at or after `start`: a weekly rule skips to its first day."""
        days = (start + dt.timedelta(days=day) for day in range(7))
        return next((at for at in days if not self.weekdays or self.weekdays >> at.weekday() & 1), start)

    def starts(self, first: dt.datetime) -> tuple[dt.datetime, ...]:
        """One start for each weekday on which it recurs: what must be checked, since regulations repeat weekly."""
        if not self.weekdays:
            return (first,)
        days = (first + dt.timedelta(days=day) for day in range(7))
        return tuple(at for at in days if self.weekdays >> at.weekday() & 1)


def length_ms(durations_ms: Iterable[int], repeats: int, gap_s: int) -> int:
    """From the first sample to the last: the playlist, said `repeats` times with `gap_s` between."""
    return sum(durations_ms) * repeats + (repeats - 1) * gap_s * 1000


def over(last: dt.datetime | None, tail: dt.timedelta, now: dt.datetime) -> bool:
    """Whether nothing of a schedule can sound any more. Local times; `last` is its last start, None: it has none.

    `tail` is how much later its end may be: its length, and how late it may begin.
    """
    return last is not None and last + tail < now


def _days(start: dt.datetime, end: dt.datetime) -> Iterable[dt.date]:
    """The days on which something sounds from `start` until just before `end`."""
    day = start.date()
    while day == start.date() or dt.datetime.combine(day, dt.time()) < end:
        yield day
        day += dt.timedelta(days=1)


def _stretches(hours: Hours, start: dt.datetime, end: dt.datetime) -> Iterable[tuple[dt.datetime, dt.datetime]]:
    """The quiet stretches that may touch [start, end), as local times."""
    day = start.date() - dt.timedelta(days=1)
    while day <= end.date():
        if hours.days >> day.weekday() & 1:
            begins = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=hours.start)
            ends = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=hours.end)
            yield begins, ends if ends > begins else ends + dt.timedelta(days=1)
        day += dt.timedelta(days=1)


_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
