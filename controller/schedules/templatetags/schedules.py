"""Local wall times and recurrences on a page."""

import datetime as dt
from typing import Any

from django import template
from django.utils import timezone

from controller.accounts.access import person_of
from controller.accounts.rules import Action
from controller.accounts.services import where
from controller.schedules import wording
from controller.schedules.arrears import NAMED, asked, cut, cut_of, first_names, silent
from controller.schedules.arrears import arrears as arrears_now
from controller.schedules.models import Schedule

register = template.Library()


@register.inclusion_tag("schedules/arrears.html", takes_context=True)
def arrears(context: dict[str, Any], schedule: Schedule | None = None) -> dict[str, object]:
    """A red note when boxes could not be told of what was decided, and one for each bulletin, station or schedule that
    they do not sound as planned: with what, where, why, and whom to ask. Of what the reader may see, or of one
    schedule. For any page.
    """
    now, person = timezone.now(), person_of(context["request"])
    if schedule is not None:
        rows, cuts = silent(now, schedule=schedule), cut_of(schedule, now)
    else:
        rows, cuts = silent(now, where(person, Action.VIEW)), cut(person, now)
    titles = dict(Schedule.objects.filter(pk__in={row.schedule for row in cuts}).values_list("pk", "title"))
    return {
        "arrears": arrears_now(now),
        "silent": rows[:NAMED],
        "cuts": [
            {
                "schedule": row.schedule,
                "title": titles.get(row.schedule, ""),
                "places": first_names(row.units),
                "what": wording.unheard(row),
                "ask": asked(row, now),
            }
            for row in cuts[:NAMED]
        ],
        "more": max(len(rows) - NAMED, 0) + max(len(cuts) - NAMED, 0),
        "of_one": schedule is not None,
    }


@register.filter
def local(text: str) -> str:
    """A stored local wall time as people write it."""
    return wording.moment(dt.datetime.fromisoformat(text))


@register.filter
def local_day(text: str) -> str:
    return f"{dt.datetime.fromisoformat(text):%d/%m/%Y}"


@register.filter
def recurrence(rule: str) -> str:
    return wording.recurrence(rule)
