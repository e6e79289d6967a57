"""Local wall times and recurrences on a page."""

import datetime as dt

from django import template

from controller.schedules import wording

register = template.Library()


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
