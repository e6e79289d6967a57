"""What is to be heard right now, by content and not box by box: eight boxes with one programme are one line.

A box says only that it sounds. What it sounds follows from what it was told: the same planner as in the box, asked for
the moment at which the box last spoke. Boxes with one manifest say the same, so each manifest is asked once.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from controller.boxes.models import BoxState
from controller.boxes.overview import Judged
from controller.core.times import ZONE
from controller.live import services as live
from controller.schedules import preview
from controller.schedules.models import IN_FORCE, AssignmentRow
from protocol import timeline
from protocol.report import Doing

PROGRAMMES: Final = 8
"""Manifests that are looked into for one page; boxes of further ones are counted together."""
ASKED: Final = 100
"""Boxes of one manifest among which the one that spoke last is looked for."""

BEHIND: Final = dt.timedelta(seconds=3)
"""So long behind the last word of a live voice a box still sounds it: what it holds back, and its pause."""


@dataclass(frozen=True)
class Group:
    """Boxes that sound the same."""

    title: str
    """Of the bulletin or the station, or who speaks live; empty: an emergency, or not known."""
    emergency: bool
    until: dt.datetime | None
    boxes: tuple[Judged, ...]
    live: bool = False
    """Somebody speaks at this moment."""


def groups(sounding: Iterable[Judged]) -> list[Group]:
    """The boxes that say that they sound: those with an emergency first, then by content, the most boxes first."""
    alarmed: list[Judged] = []
    others: list[Judged] = []
    for box in sounding:
        (alarmed if box.doing == Doing.EMERGENCY else others).append(box)
    spoken, others = _live(others)
    found: dict[tuple[str, dt.datetime | None], list[Judged]] = defaultdict(list)
    for boxes, heard in _by_manifest(others):
        found[heard or ("", None)] += boxes
    named = [Group(title, False, until, tuple(boxes)) for (title, until), boxes in found.items()]
    named.sort(key=lambda group: (not group.title, -len(group.boxes), group.title))
    first = [Group("", True, None, tuple(alarmed))] if alarmed else []
    return [*first, *spoken, *named]


def _live(boxes: Sequence[Judged]) -> tuple[list[Group], list[Judged]]:
    """Those that sounded somebody's voice when they last spoke, by voice; and the others."""
    rest = {box.pk: box for box in boxes}
    heard: list[Group] = []
    for speech in live.spoken(dt.datetime.now(ZONE)) if boxes else ():
        assert speech.began_at is not None
        assert speech.spoke_at is not None
        there = {box.pk for box in live.meant(speech)} | ({speech.box_id} if speech.box_id else set())
        then = BoxState.objects.filter(
            box__in=there & rest.keys(), last_seen__gte=speech.began_at, last_seen__lte=speech.spoke_at + BEHIND
        )
        names = set(then.values_list("box_id", flat=True))
        found = tuple(box for box in boxes if box.pk in names)
        rest = {pk: box for pk, box in rest.items() if pk not in names}
        if found:
            heard.append(Group(speech.holder or speech.author, False, None, found, live=True))
    return heard, list(rest.values())


def _by_manifest(boxes: Sequence[Judged]) -> Iterable[tuple[list[Judged], tuple[str, dt.datetime] | None]]:
    """The boxes by the programme that they have, and what sounds by that; None where nobody can know."""
    has = AssignmentRow.objects.filter(IN_FORCE)
    told = dict(has.values_list("box_id", "compiled_id")) if boxes else {}
    together: dict[int | None, list[Judged]] = defaultdict(list)
    for box in boxes:
        together[told.get(box.pk)].append(box)
    unknown = together.pop(None, [])
    ordered = sorted(together.values(), key=len, reverse=True)
    for same in islice(ordered, PROGRAMMES):
        yield same, _heard(same)
    unknown += [box for same in ordered[PROGRAMMES:] for box in same]
    if unknown:
        yield unknown, None


def _heard(boxes: Sequence[Judged]) -> tuple[str, dt.datetime] | None:
    """What boxes with one manifest sound, and until when, by the word of the one that spoke last."""
    rows = AssignmentRow.objects.filter(box__in=[box.pk for box in boxes[:ASKED]]).select_related("compiled")
    row = rows.exclude(box__status__last_seen=None).latest("box__status__last_seen")
    spoke = BoxState.objects.values_list("last_seen", flat=True).get(box_id=row.box_id)
    held = preview.holdings(row, dt.datetime.now(ZONE))
    segment = timeline.at(held, int(spoke.timestamp() * 1000)) if spoke is not None else None
    if segment is None:
        return None
    titles = {one.id: one.title for one in held.manifest.bulletins} if held.manifest else {}
    title = titles.get(segment.bulletin, segment.bulletin) or segment.station or ""
    return title, dt.datetime.fromtimestamp(segment.end_ms / 1000, ZONE)
