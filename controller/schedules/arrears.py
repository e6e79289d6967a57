"""Whether boxes have been told of everything that officers decided; if not, since when and why.

Until they are told they sound what was withdrawn and miss what is new, so no page may look well meanwhile.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import administrators, where
from controller.core.times import ZONE
from controller.jobs import services as jobs
from controller.library.models import State as BulletinState
from controller.library.papers import trust_or_none, who_may
from controller.schedules import approved, facts
from controller.schedules.compiler import Reach
from controller.schedules.compiling import COMPILE
from controller.schedules.models import AssignmentRow, Schedule, ScheduleItem, State, Unapproved
from controller.schedules.services import is_over
from controller.schedules.unheard import QUIETED, Unheard, Whose, unheard
from controller.units.rules import covers
from controller.units.services import inside, names
from protocol.roles import Role

PATIENCE: Final = dt.timedelta(minutes=2)
"""A compilation that nobody took up for this long is late: the worker is away or hangs."""
DAY: Final = dt.timedelta(days=1)
"""No schedule sounds for so long after its last start."""
NAMED: Final = 5
"""So many are named."""


@dataclass(frozen=True)
class Arrears:
    """Decisions that have not gone out."""

    since: dt.datetime
    """When the first of them was made."""
    why: str
    """Of the last attempt; empty when there was none."""


def arrears(now: dt.datetime) -> Arrears | None:
    """None while boxes are told, or are about to be."""
    job = jobs.owed(COMPILE, now, after=PATIENCE)
    if job is None:
        return None
    return Arrears(job.created if job.error else job.due, job.error)


@dataclass(frozen=True)
class Silent:
    """What boxes do not sound since nobody whose signature counts has approved it."""

    title: str
    bulletin: int | None
    """Its number; None for a station."""
    station: str | None
    """Its code; None for a bulletin."""
    places: str
    """Names of the units, the first few."""
    why: str
    who: str
    """Whom to ask for a signature."""
    since: dt.datetime | None
    """None: not known."""


def silent(now: dt.datetime, seen: Sequence[str] | None = None, schedule: Schedule | None = None) -> list[Silent]:
    """As the last compilation found it: where somebody with a role in `seen` may see it (None: everywhere), or of one
    schedule. What is not released at all comes last.
    """
    rows = Unapproved.objects.select_related("bulletin__unit", "station").order_by("since", "id")
    if schedule is not None:
        playlist = Q(bulletin__schedule_items__schedule=schedule)
        rows = rows.filter(playlist | Q(station__schedules=schedule)).distinct()
        seen = sorted({place.unit for place in Reach(facts.places()).hits(*facts.aims_of(schedule))})
    found = []
    for row in rows:
        units = [code for code in row.units if seen is None or any(covers(own, code) for own in seen)]
        if units:
            found.append(_silent(row, units, now))
    return [*found, *_unreleased(now, seen, schedule)]


def _silent(row: Unapproved, units: Sequence[str], now: dt.datetime) -> Silent:
    scope = row.bulletin.unit.code if row.bulletin else units[0]
    trust = trust_or_none(units[0])
    return Silent(
        title=str(row),
        bulletin=row.bulletin_id,
        station=row.station_id,
        places=first_names(units),
        why=approved.why_not(row.bulletin or row.station, units[0], trust, now),
        who=who_may(Role.CONTENT, scope, trust, now),
        since=row.since,
    )


def _unreleased(now: dt.datetime, seen: Sequence[str] | None, schedule: Schedule | None) -> list[Silent]:
    """Bulletins of schedules in force that were withdrawn, or changed and not approved again."""
    items = ScheduleItem.objects.exclude(bulletin__state=BulletinState.APPROVED)
    if schedule is not None:
        items = items.filter(schedule=schedule)
    elif seen is not None:
        items = items.filter(inside("schedule__unit__code", seen))
    yesterday = (now.astimezone(ZONE) - DAY).strftime("%Y-%m-%dT%H:%M:%S")
    lasting = Q(schedule__until_local="") | Q(schedule__until_local__gte=yesterday)
    may_come = Q(schedule__rule="", schedule__first_local__gte=yesterday) | ~Q(schedule__rule="") & lasting
    items = items.filter(may_come, schedule__state=State.ACTIVE)
    items = items.select_related("schedule", "schedule__unit", "bulletin__unit")
    by_bulletin: dict[int, list[ScheduleItem]] = {}
    for item in items.order_by("bulletin_id", "schedule_id"):
        if not is_over(item.schedule, now):
            by_bulletin.setdefault(item.bulletin_id, []).append(item)
    return [
        Silent(
            title=rows[0].bulletin.title,
            bulletin=number,
            station=None,
            places=first_names([row.schedule.unit.code for row in rows]),
            why=_("bản tin đang ở trạng thái “%(state)s”") % {"state": rows[0].bulletin.get_state_display()},
            who=who_may(Role.CONTENT, rows[0].bulletin.unit.code, trust_or_none(rows[0].bulletin.unit.code), now),
            since=rows[0].bulletin.changed,
        )
        for number, rows in by_bulletin.items()
    ]


def cut(person: Person, now: dt.datetime) -> list[Unheard]:
    """What is left out, or cut, of the schedules that this person made or may withdraw."""
    own = where(person, Action.SCHEDULE)
    if not own:
        return []
    mine = Schedule.objects.filter(Q(author=person) | inside("unit__code", own), state=State.ACTIVE)
    numbers = set(mine.values_list("pk", flat=True))
    told = AssignmentRow.objects.filter(inside("box__unit__code", own))
    return unheard(told, now, numbers) if numbers else []


def cut_of(schedule: Schedule, now: dt.datetime) -> list[Unheard]:
    """What is left out, or cut, of this one."""
    reached = [place.box for place in Reach(facts.places()).hits(*facts.aims_of(schedule))]
    return unheard(AssignmentRow.objects.filter(box__in=reached), now, {schedule.pk})


def asked(row: Unheard, now: dt.datetime) -> str:
    """Whom to ask about what is cut, in a sentence: who may allow an hour for once, or who sets the rules there."""
    code = row.units[0]
    if row.against.code in QUIETED:
        trust = trust_or_none(code)
        who = "" if trust is None else who_may(Role.EXCEPTION, trust.domain.province, trust, now)
        return _("Chọn giờ khác, hoặc xin cho phép phát ngoài giờ (người ký được: %(who)s).") % {"who": who}
    if row.against.whose is Whose.NOBODY:
        return _("Chọn giờ khác, hoặc thỏa thuận với người lập lịch kia.")
    who = ", ".join(str(person) for person in administrators(code))
    return _("Chọn giờ khác hoặc rút ngắn; người đặt quy định: %(who)s.") % {"who": who}


def first_names(codes: Sequence[str]) -> str:
    """Of the units, the first few."""
    wanted = sorted(set(codes))
    return names(wanted[:NAMED]) + (", …" if len(wanted) > NAMED else "")
