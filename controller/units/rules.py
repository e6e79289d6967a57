"""What can be said of units from their codes and dates alone: pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


def covers(unit: str, code: str) -> bool:
    """Whether `code` is the unit itself or below it; codes are paths."""
    return code == unit or code.startswith(f"{unit}-")


def above(code: str) -> tuple[str, ...]:
    """The code and those above it, the highest first: "79-26506" gives "79", "79-26506"."""
    parts = code.split("-")
    return tuple("-".join(parts[: end + 1]) for end in range(len(parts)))


def in_force(valid_from: dt.date | None, valid_to: dt.date | None, day: dt.date) -> bool:
    """From its first day on, until the day before `valid_to`; no date, no bound."""
    return (valid_from is None or valid_from <= day) and (valid_to is None or day < valid_to)


@dataclass(frozen=True)
class Step:
    """One succession, as codes."""

    old: str
    new: str
    from_date: dt.date


def became(code: str, steps: Iterable[Step], day: dt.date) -> tuple[str, ...]:
    """The units that hold this unit's territory on this day: itself, if nothing succeeded it."""
    following: Mapping[str, list[str]] = _group(step for step in steps if step.from_date <= day)
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [code]
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        if here in following:
            waiting.extend(following[here])
        else:
            found.add(here)
    return tuple(sorted(found))


def _group(steps: Iterable[Step]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for step in steps:
        grouped.setdefault(step.old, []).append(step.new)
    return grouped
