"""Filters that every template has without loading them."""

import datetime as dt

from django import template
from django.utils import timezone

from controller.core import times

register = template.Library()


@register.filter
def moment(at: dt.datetime | None) -> str:
    """`dd/mm/yyyy HH:MM`, local."""
    return times.shown(at)


@register.filter
def second(at: dt.datetime | None) -> str:
    """`dd/mm/yyyy HH:MM:SS`, local."""
    return times.shown_to_the_second(at)


@register.filter
def age(at: dt.datetime | None) -> str:
    """How long ago, in words."""
    return times.age(at, timezone.now())
