"""When an entry starts: its recurrence as wall times, and wall times as instants.

The one place that knows python-dateutil. A rule is an RFC 5545 RRULE value whose start is the entry's `first`; times
are local, and only `to_ms` turns them into instants. A wall time that a clock put forward skips is moved forward by
the gap, one that a clock put back repeats is its first occurrence (RFC 5545 §3.3.5): none is lost, none comes twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rrulestr

from protocol.errors import ProtocolError
from protocol.manifest import Entry

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2199
MAX_STARTS_A_DAY: Final = 96
"""More starts a day than one a quarter of an hour are a mistake, and would make a box expand without end."""

_DAY_STEP: Final = {"DAILY": 1, "WEEKLY": 7}
_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_NUMBERS: Final = {
    "INTERVAL": (1, 1000),
    "COUNT": (1, 100_000),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
}
_ZERO_ALLOWED: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_LOCAL: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)
_UNTIL: Final = re.compile(r"[0-9]{8}T[0-9]{6}", re.ASCII)
_WEEKDAY: Final = re.compile(r"([+-]?[1-9][0-9]?)?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)


@dataclass(frozen=True)
class _Rule:
    """A rule without its end: dateutil is always given an end of ours, so that no rule runs on for ever."""

    text: str
    frequency: str
    interval: int
    count: int | None
    until: datetime | None


def zone_named(name: str, *, field: str = "zone") -> ZoneInfo:
    """The IANA zone; `ProtocolError` if the tz database has none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ProtocolError(
            "bad-zone", f"no time zone {name!r}; write for example Asia/Ho_Chi_Minh", field=field
        ) from error


def parse_local(text: str, *, field: str = "time") -> datetime:
    """The naive wall time of a `LocalTime`; `ProtocolError` if the calendar has no such moment."""
    try:
        if not _LOCAL.fullmatch(text):
            raise ValueError(text)  # noqa: TRY301 - one answer to every wrong time
        wall = datetime.fromisoformat(text)
    except ValueError as error:
        raise ProtocolError(
            "bad-time", f"{text!r} is no date and time; write 2026-11-24T06:00:00", field=field
        ) from error
    if not FIRST_YEAR <= wall.year <= LAST_YEAR:
        raise ProtocolError("bad-time", f"the year {wall.year} is not within {FIRST_YEAR}–{LAST_YEAR}", field=field)
    return wall


def to_ms(wall: datetime, zone: ZoneInfo) -> int:
    """The instant of a naive wall time: skipped ones forward by the gap, repeated ones the first."""
    return round(wall.replace(tzinfo=zone, fold=0).timestamp()) * 1000


def bounds_ms(wall: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Both readings of a wall time, the earlier first; they differ only where a clock is put forward or back."""
    first, second = (round(wall.replace(tzinfo=zone, fold=fold).timestamp()) * 1000 for fold in (0, 1))
    return min(first, second), max(first, second)


def to_wall(instant_ms: int, zone: ZoneInfo) -> datetime:
    """The wall time, with its zone, at an instant."""
    return (EPOCH + timedelta(milliseconds=instant_ms)).astimezone(zone)


def starts(entry: Entry, from_day: date, to_day: date) -> list[datetime]:
    """The entry's starts on the days [from_day, to_day), as naive wall times, ascending, each once.

    `ProtocolError` if a time or the rule cannot be read.
    """
    first = parse_local(entry.first, field="first")
    begin, end = (datetime(day.year, day.month, day.day) for day in (from_day, to_day))  # noqa: DTZ001 - wall time
    walls = {wall for wall in _recurring(entry.rule, first, begin, end) if wall >= begin}
    walls |= {wall for wall in _times(entry.added, "added") if begin <= wall < end}
    walls -= set(_times(entry.excluded, "excluded"))
    if entry.until is not None:
        last = parse_local(entry.until, field="until")
        walls = {wall for wall in walls if wall <= last}
    return sorted(walls)


def check(entry: Entry) -> None:
    """`ProtocolError`, naming the field, unless every time and the rule of the entry can be read."""
    first = parse_local(entry.first, field="first").date()
    if entry.until is not None:
        parse_local(entry.until, field="until")
    starts(entry, first, first + timedelta(days=8))


def _recurring(rule: str, first: datetime, begin: datetime, end: datetime) -> Iterator[datetime]:
    if not rule:
        return iter([first] if first < end else [])
    parsed = _parse(rule)
    start = first if parsed.count is not None else _closer(first, begin, parsed)
    if start >= end:
        return iter(())
    last = end - timedelta(seconds=1)
    if parsed.until is not None:
        last = min(last, parsed.until)
    recurring = takewhile(lambda wall: wall <= last, _library(parsed, start, last))
    return islice(recurring, parsed.count)


def _closer(first: datetime, begin: datetime, rule: _Rule) -> datetime:
    """A later start with the same phase, so that a rule of years ago is not counted through day by day."""
    step = _DAY_STEP.get(rule.frequency, 0) * rule.interval
    if not step:
        return first
    return first + timedelta(days=max((begin - first).days // step - 1, 0) * step)


def _library(rule: _Rule, start: datetime, last: datetime) -> Iterator[datetime]:
    try:
        yield from _read(rule.text).replace(dtstart=start, until=last)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise _bad(f"{rule.text!r} cannot be read: {error}") from error


@lru_cache(maxsize=4096)
def _read(text: str) -> rrule:
    """The library's rule, with a start that is to be replaced."""
    rule = rrulestr(text, dtstart=datetime(FIRST_YEAR, 1, 1))  # noqa: DTZ001 - wall time
    assert isinstance(rule, rrule)
    return rule


@lru_cache(maxsize=4096)
def _parse(rule: str) -> _Rule:
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        key, equals, value = part.partition("=")
        if not equals or not value or key in parts:
            raise _bad(f"{part!r} is not KEY=VALUE, or stands twice; write for example FREQ=WEEKLY;BYDAY=MO,WE,FR")
        parts[key] = value
    if parts.get("FREQ") not in _FREQUENCIES:
        raise _bad("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY; for several times a day write BYHOUR=6,11,17")
    for key, value in parts.items():
        _check_part(key, value, parts["FREQ"])
    times = [len(parts.get(key, "0").split(",")) for key in _ZERO_ALLOWED]
    if times[0] * times[1] * times[2] > MAX_STARTS_A_DAY:
        raise _bad(f"more than {MAX_STARTS_A_DAY} starts a day")
    until = _until(parts["UNTIL"]) if "UNTIL" in parts else None
    count = int(parts["COUNT"]) if "COUNT" in parts else None
    if until is not None and count is not None:
        raise _bad("COUNT and UNTIL exclude each other (RFC 5545 §3.3.10)")
    text = ";".join(f"{key}={value}" for key, value in parts.items() if key not in ("COUNT", "UNTIL"))
    return _Rule(text, parts["FREQ"], int(parts.get("INTERVAL", "1")), count, until)


def _check_part(key: str, value: str, frequency: str) -> None:
    if key in ("FREQ", "UNTIL"):
        return
    if key == "WKST":
        if not re.fullmatch("MO|TU|WE|TH|FR|SA|SU", value):
            raise _bad(f"WKST={value} is no weekday")
    elif key == "BYDAY":
        for item in value.split(","):
            match = _WEEKDAY.fullmatch(item)
            if match is None or (match[1] and frequency not in ("MONTHLY", "YEARLY")):
                raise _bad(f"BYDAY={item} is no weekday that a {frequency} rule can have")
    elif key in _NUMBERS:
        lowest, highest = _NUMBERS[key]
        items = value.split(",") if key.startswith("BY") else [value]
        for item in items:
            if not re.fullmatch(r"[+-]?[0-9]{1,6}", item, re.ASCII) or not lowest <= int(item) <= highest:
                raise _bad(f"{key}={item} is not a number from {lowest} to {highest}")
            if int(item) == 0 and key not in _ZERO_ALLOWED:
                raise _bad(f"{key} cannot be 0")
    else:
        raise _bad(f"{key} is not a part of a rule that a box knows")


def _until(value: str) -> datetime:
    try:
        if not _UNTIL.fullmatch(value):
            raise ValueError(value)  # noqa: TRY301 - one answer to every wrong time
        return datetime.strptime(value, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - wall time
    except ValueError as error:
        raise _bad(f"UNTIL={value} must be a local time such as 20261231T235959, without Z") from error


def _times(texts: tuple[str, ...], field: str) -> Iterator[datetime]:
    for index, text in enumerate(texts):
        yield parse_local(text, field=f"{field}[{index}]")


def _bad(message: str) -> ProtocolError:
    return ProtocolError("bad-rule", message, field="rule")
