"""Rows of the database as the values that `rules` and `compiler` decide over."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db.models import QuerySet

from controller.boxes.models import Box, Group
from controller.boxes.models import Stage as BoxStage
from controller.core.errors import Refused
from controller.core.times import ZONE, today
from controller.library.approving import board_text
from controller.library.models import Bulletin
from controller.library.models import State as BulletinState
from controller.schedules.compiler import Aim, Content, Place, Programme, is_over
from controller.schedules.models import Permission, PolicyRecord, Schedule, ScheduleItem, State, Target
from controller.schedules.models import Station as StationRow
from controller.schedules.rules import DEMO, Rules
from controller.trust.services import current_roots
from protocol.bulletin import Blob as BlobRecord
from protocol.bulletin import Bulletin as BulletinRecord
from protocol.bulletin import BulletinClass
from protocol.manifest import Entry, Hours, Kind, Level, Policy, Station

ENTRY = "s{}"
"""An entry's id, and so the cause in the play log, is the schedule's number."""
BULLETIN = "b{}"


def places() -> list[Place]:
    """Every box in use, with its place."""
    groups: dict[str, set[int]] = defaultdict(set)
    for box, group in Group.boxes.through.objects.values_list("box_id", "group_id"):
        groups[box].add(group)
    own = {row.box_id: policy_of(row) for row in PolicyRecord.objects.exclude(box=None)}
    boxes = Box.objects.filter(state=BoxStage.APPROVED).exclude(unit=None).order_by("id")
    return [
        Place(identity, unit, frozenset(groups.get(identity, ())), own.get(identity), gain, site or name)
        for identity, unit, gain, site, name in boxes.values_list("id", "unit__code", "gain_cb", "site", "name")
    ]


def programmes(now: dt.datetime) -> list[Programme]:
    """Every active schedule that a box may still need."""
    playlists: dict[int, list[str]] = defaultdict(list)
    items = ScheduleItem.objects.filter(schedule__state=State.ACTIVE).order_by("schedule_id", "position")
    for schedule, bulletin in items.values_list("schedule_id", "bulletin_id"):
        playlists[schedule].append(BULLETIN.format(bulletin))
    aims = _aims(Target.objects.filter(schedule__state=State.ACTIVE))
    local_now = now.astimezone(ZONE).replace(tzinfo=None)
    made = (
        Programme(entry_of(row, playlists[row.pk]), *aims[row.pk])
        for row in Schedule.objects.filter(state=State.ACTIVE).order_by("id")
    )
    return [programme for programme in made if not is_over(programme.entry, local_now)]


def contents() -> dict[str, Content]:
    """Released bulletins that an active schedule names; whether their signatures count is asked for each place."""
    used = Bulletin.objects.filter(
        state=BulletinState.APPROVED, sound__isnull=False, schedule_items__schedule__state=State.ACTIVE
    )
    return {BULLETIN.format(row.pk): content_of(row) for row in used.select_related("sound", "picture").distinct()}


def content_of(row: Bulletin) -> Content:
    """A bulletin that has its sound, as boxes know it: with the words, if boards can show them, and the picture."""
    assert row.sound is not None
    digest = bytes.fromhex(row.sound.hash)
    shown = None if row.picture is None else bytes.fromhex(row.picture.hash)
    return Content(
        BulletinRecord(BULLETIN.format(row.pk), row.title, row.language, digest, board_text(row), shown),
        BlobRecord(digest, row.sound.size, row.sound.duration_ms or 0),
        None if row.picture is None or shown is None else BlobRecord(shown, row.picture.size, 0),
    )


def stations() -> dict[str, Station]:
    return {row.code: Station(row.code, row.name, row.url) for row in StationRow.objects.all()}


def rules(now: dt.datetime) -> Rules:
    """Regulations of the units, and the early permissions in force today.

    A demonstration may lie at any hour of the day: where the environment is `demo`, and nowhere else, a record of the
    template `demo` at the province says when its night is.
    """
    day = today(now)
    records = list(PolicyRecord.objects.exclude(unit=None).exclude(template=DEMO).select_related("unit"))
    own = {row.unit.code: policy_of(row) for row in records if row.unit is not None}
    moved = demo_night()
    early: dict[str, dt.date | None] = {}
    for code, end in (
        Permission.objects.filter(valid_from__lte=day).exclude(valid_to__lte=day).values_list("unit__code", "valid_to")
    ):
        before = early.get(code, end)
        early[code] = max(before, end) if before is not None and end is not None else None
    return Rules(own, early, policy_of(moved)) if moved is not None else Rules(own, early)


def bounds() -> tuple[Policy, ...]:
    """The roots' own policies, which hold at every box beside the regulations and which no server can widen."""
    try:
        return current_roots().policies
    except Refused:
        return ()


def demo_night() -> PolicyRecord | None:
    """The record that moves the night of this demonstration; None wherever people work."""
    if settings.LOALANG.environment != DEMO:
        return None
    return PolicyRecord.objects.filter(template=DEMO, unit__parent=None).first()


def policy_of(row: PolicyRecord) -> Policy:
    """The record's policy; `Rules.stack` gives a unit's its level."""
    return Policy(
        level=Level.BOX if row.box_id else Level.COMMUNE,
        quiet=tuple(Hours(*hours) for hours in row.quiet),
        days=row.days,
        max_sessions=row.max_sessions,
        max_session_s=row.max_session_s,
    )


def entry_of(row: Schedule, playlist: Iterable[str]) -> Entry:
    """The schedule as boxes know it. `playlist` are ids of the manifest's bulletins."""
    return Entry(
        id=ENTRY.format(row.pk),
        kind=Kind(row.kind),
        klass=BulletinClass(row.klass),
        first=row.first_local,
        playlist=tuple(playlist),
        rule=row.rule,
        until=row.until_local or None,
        commune_order=row.commune_order,
        repeats=row.repeats,
        gap_s=row.gap_s,
        window_s=row.window_s,
        length_s=row.length_s,
        station=row.station_id,
        gain_cb=row.gain_cb,
        board_s=row.board_s,
    )


def aims_of(row: Schedule) -> tuple[Aim, Aim]:
    """Whom this schedule means, and whom it leaves out."""
    return _aims(Target.objects.filter(schedule=row))[row.pk]


def _aims(targets: QuerySet[Target]) -> Mapping[int, tuple[Aim, Aim]]:
    """By schedule: whom it means, and whom it leaves out."""
    sets: dict[tuple[int, bool], tuple[set[str], set[int], set[str]]] = defaultdict(lambda: (set(), set(), set()))
    for schedule, excluded, unit, group, box in targets.values_list(
        "schedule_id", "excluded", "unit__code", "group_id", "box_id"
    ):
        units, groups, boxes = sets[schedule, excluded]
        if unit is not None:
            units.add(unit)
        elif group is not None:
            groups.add(group)
        elif box is not None:
            boxes.add(box)

    def aim(schedule: int, excluded: bool) -> Aim:
        units, groups, boxes = sets[schedule, excluded]
        return Aim(frozenset(units), frozenset(groups), frozenset(boxes))

    numbers = {schedule for schedule, _excluded in sets}
    return defaultdict(lambda: (Aim(), Aim()), {n: (aim(n, False), aim(n, True)) for n in numbers})
