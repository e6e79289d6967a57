"""The tree of units on a day, and one unit with what came before and after it."""

import datetime as dt

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from controller.core.times import today
from controller.units import rules, services
from controller.units.models import Unit


@require_GET
def tree(request: HttpRequest) -> HttpResponse:
    """The highest units of the day; with `q`, every unit of that name."""
    day = _day(request)
    text = request.GET.get("q", "").strip()
    units = Unit.objects.on(day).annotate(below=_below(day))
    units = units.filter(Q(name__icontains=text) | Q(code=text)) if text else units.filter(parent=None)
    return render(request, "units/tree.html", {"units": units.select_related("parent"), "day": day, "q": text})


@require_GET
def unit(request: HttpRequest, code: str) -> HttpResponse:
    day = _day(request)
    shown = get_object_or_404(Unit, code=code)
    return render(
        request,
        "units/unit.html",
        {
            "unit": shown,
            "path": services.path(shown)[:-1],
            "children": shown.children.get_queryset().filter(_on(day)).annotate(below=_below(day)),
            "day": day,
            "in_force": rules.in_force(shown.valid_from, shown.valid_to, day),
            "successions": shown.successions.select_related("new"),
            "predecessions": shown.predecessions.select_related("old"),
        },
    )


def _day(request: HttpRequest) -> dt.date:
    """The day asked for; today when there is none or it is no date."""
    try:
        return dt.date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        return today(timezone.now())


def _on(day: dt.date, prefix: str = "") -> Q:
    return (Q(**{f"{prefix}valid_from": None}) | Q(**{f"{prefix}valid_from__lte": day})) & (
        Q(**{f"{prefix}valid_to": None}) | Q(**{f"{prefix}valid_to__gt": day})
    )


def _below(day: dt.date) -> Count:
    # A child that exists, and on that day: children__pk guards against the outer join's empty row.
    return Count("children", filter=Q(children__pk__isnull=False) & _on(day, "children__"))
