"""Local wall times and recurrences on a page."""

import datetime as dt

from django import template
from django.utils import timezone

from controller.schedules import wording
from controller.schedules.arrears import arrears as arrears_now
from controller.schedules.arrears import silent

register = template.Library()


@register.inclusion_tag("schedules/arrears.html")
def arrears() -> dict[str, object]:
    """A red note when boxes could not be told of what was decided, and one for each bulletin or station that they do
    not sound for want of an approval; nothing otherwise. For any page."""
    now = timezone.now()
    return {"arrears": arrears_now(now), "silent": silent(now)}


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
