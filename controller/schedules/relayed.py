"""Pages of the stations that may be relayed: write one down, see who signed for it where, sign."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from controller.accounts import signing
from controller.accounts.access import person_of
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import may, require_anywhere, where
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.library import papers
from controller.library.approving import read
from controller.schedules import stations
from controller.schedules.forms import StationForm
from controller.schedules.models import Station
from controller.units.models import Unit
from protocol.roles import Role
from protocol.signing import Family

RENEWABLE: Final = dt.timedelta(days=30)
"""So long before an approval ends it may be signed anew."""


@dataclass(frozen=True)
class Approved:
    """One approval of a station, in words."""

    unit: str
    who: str
    at: dt.datetime
    until: dt.datetime
    good: bool


@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """All stations, and a form for one more."""
    person, now = person_of(request), timezone.now()
    require_anywhere(person, Action.VIEW)
    form = StationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = stations.add_station(form.cleaned_data["name"], form.cleaned_data["url"], person)
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("schedules:station", row.pk)
    shown = {
        "stations": [
            (row, [one for one in _approved(row, now) if one.good]) for row in Station.objects.order_by("name")
        ],
        "form": form,
        "may_add": bool(where(person, Action.SCHEDULE) or where(person, Action.ADMINISTER)),
    }
    return render(request, "schedules/stations.html", shown)


@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, code: str) -> HttpResponse:
    """One station; a posted form changes its name and address."""
    row, person = _row(request, code), person_of(request)
    form = StationForm(request.POST or None, initial={"name": row.name, "url": row.url})
    if request.method == "POST" and form.is_valid():
        try:
            stations.change_station(row, form.cleaned_data["name"], form.cleaned_data["url"], person)
        except Refused as refused:
            show_refusal(form, refused)
            row.refresh_from_db()
        else:
            messages.success(request, _("Đã sửa. Các chữ ký cũ không còn giá trị: cần ký duyệt lại."))
            return redirect("schedules:station", code)
    return _page(request, row, form, status=422 if form.errors else 200)


@require_POST
def sign(request: HttpRequest, code: str) -> HttpResponse:
    """Take an approver's signature over the bytes that their page showed."""
    row = _row(request, code)
    try:
        payload = signing.from_base64url(request.POST.get("payload", ""))
        done = stations.approve_station(row, person_of(request), signing.read(request), payload)
    except (Refused, ValueError) as refused:
        said = str(refused) if isinstance(refused, Refused) else _("Trang gửi lên không đầy đủ. Hãy tải lại trang.")
        return _page(request, row, _form(row), refused=said, status=422)
    if done.envelope is None:
        messages.success(request, _("Đã nhận chữ ký của bạn. Còn chờ người khác ký."))
    else:
        messages.success(request, _("Đã duyệt đài này; các hộp thiết bị đang được báo."))
    return redirect("schedules:station", code)


def _page(
    request: HttpRequest, row: Station, form: StationForm, *, refused: str = "", status: int = 200
) -> HttpResponse:
    person, now = person_of(request), timezone.now()
    shown: dict[str, Any] = {
        "station": row,
        "approvals": _approved(row, now),
        "form": form,
        "may_change": may(person, Action.ADMINISTER, settings.LOALANG.province),
        "refused": refused,
    }
    return render(request, "schedules/station.html", shown | _signing(request, row, person, now), status=status)


def _signing(request: HttpRequest, row: Station, person: Person, now: dt.datetime) -> dict[str, Any]:
    """For which unit the person may sign, and what: one unit at a time, the first unless the page asks for another."""
    units = [code for code in where(person, Action.APPROVE) if not _has(row, code, now)]
    keys = {code: found for code in units if (found := _keys(person, code, now))}
    scope = request.GET.get("unit", "")
    scope = scope if scope in keys else next(iter(keys), "")
    names = dict(Unit.objects.filter(code__in=units).values_list("code", "name"))
    if not scope:
        waits = units[0] if units else ""
        trust = papers.trust_or_none(waits) if waits else None
        return {"without_key": names.get(waits, ""), "who": papers.who_may(Role.CONTENT, waits, trust, now)}
    payload = stations.payload_for(row, scope, now)
    asked = read(payload)
    return {
        "asked": {"name": asked.title, "unit": names[scope], "until": dt.datetime.fromtimestamp(asked.expires, dt.UTC)},
        "others": [(code, names[code]) for code in keys if code != scope],
        "signing": signing.request(
            person,
            payload,
            Family.APPROVAL,
            action=reverse("schedules:station-sign", args=[row.pk]),
            fields={"payload": signing.to_base64url(payload)},
            button=_("Duyệt đài này"),
            only=keys[scope],
        ),
    }


def _keys(person: Person, unit: str, now: dt.datetime) -> list[bytes]:
    trust = papers.trust_or_none(unit)
    return [] if trust is None else papers.keys_of(person, Role.CONTENT, unit, trust, now)


def _has(row: Station, unit: str, now: dt.datetime) -> bool:
    """Whether an approval for exactly this unit counts there, and not only for some more days."""
    soon = int((now + RENEWABLE).timestamp())
    asked = (read(bytes(paper.payload)) for paper, _who, good in stations.standings(row, now) if good)
    return any(one.scope == unit and one.expires > soon for one in asked)


def _approved(row: Station, now: dt.datetime) -> list[Approved]:
    found = [(read(bytes(paper.payload)), paper, who, good) for paper, who, good in stations.standings(row, now)]
    names = dict(Unit.objects.filter(code__in=[asked.scope for asked, *_ in found]).values_list("code", "name"))
    return [
        Approved(
            names.get(asked.scope, asked.scope),
            who,
            paper.at,
            dt.datetime.fromtimestamp(asked.expires, dt.UTC),
            good,
        )
        for asked, paper, who, good in found
    ]


def _form(row: Station) -> StationForm:
    return StationForm(initial={"name": row.name, "url": row.url})


def _row(request: HttpRequest, code: str) -> Station:
    require_anywhere(person_of(request), Action.VIEW)
    return get_object_or_404(Station, pk=code)
