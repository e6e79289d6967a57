"""All boxes judged, few fetched: a province has 20,000, a page shows 60 and is asked for every few seconds."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from controller.boxes import rules, services
from controller.boxes.models import Box
from controller.boxes.rules import Health, Level, Said
from protocol.manifest import NO_ASSIGNMENT, PlaceInOrder

URGENCY: Final = {level: place for place, level in enumerate(Level)}


@dataclass(frozen=True)
class Judged:
    """A box's name and level, without the rest of it."""

    pk: str
    name: str
    level: Level
    doing: int | None


@dataclass(frozen=True)
class Line:
    """A box with what is to be thought of it now."""

    box: Box
    health: Health


@dataclass(frozen=True)
class Tally:
    level: Level
    count: int


def judge_all(boxes: QuerySet[Box], now: dt.datetime) -> list[Judged]:
    """Every box with its level, the most urgent first."""
    rows = boxes.order_by().values_list(
        "pk",
        "name",
        "state",
        "status__last_seen",
        "status__doing",
        "status__clock",
        "status__faults",
        "status__era",
        "status__epoch",
        "status__generation",
        "status__wanted_era",
        "status__wanted_epoch",
        "status__wanted_generation",
        "assignment__era",
        "assignment__epoch",
        "assignment__generation",
        "status__cloned_at",
    )
    judged = []
    for pk, name, stage, seen, doing, clock, faults, *places, cloned in rows:
        has, wanted, told = (_place(places[start : start + 3]) for start in (0, 3, 6))
        said = Said(
            stage,
            seen,
            doing,
            clock,
            faults or 0,
            has or NO_ASSIGNMENT,
            wanted or NO_ASSIGNMENT,
            told,
            cloned=cloned is not None,
        )
        judged.append(Judged(pk, name, rules.judge(said, now)[0], doing))
    return sorted(judged, key=lambda box: (URGENCY[box.level], box.name, box.pk))


def _place(found: Sequence[int | None]) -> PlaceInOrder | None:
    """None where there is no row: the box never said anything, or was never told."""
    era, epoch, generation = found
    return None if era is None or epoch is None or generation is None else (era, epoch, generation)


def tallies(judged: Iterable[Judged]) -> list[Tally]:
    """How many boxes there are of each level, without the empty ones."""
    counted = Counter(box.level for box in judged)
    return [Tally(level, counted[level]) for level in Level if counted[level]]


def lines(judged: Sequence[Judged], now: dt.datetime) -> list[Line]:
    """These few, whole, in the same order."""
    found = Box.objects.select_related("unit", "status", "assignment").in_bulk([box.pk for box in judged])
    return [Line(found[box.pk], rules.health(services.said(found[box.pk]), now)) for box in judged if box.pk in found]
