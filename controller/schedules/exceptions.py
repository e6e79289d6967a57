"""Pages of exceptions to quiet hours: prepare one, see what its bytes say, sign it, give it up."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import signing
from controller.accounts.access import person_of
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import require_anywhere
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.library import papers
from controller.schedules import excepting
from controller.schedules.forms import ExceptionForm
from controller.schedules.models import QuietException
from controller.schedules.places import own_unit
from controller.units.models import Unit
from controller.units.services import options
from protocol.approval import open_exception
from protocol.roles import Role
from protocol.signing import Family

SHOWN_AFTER: Final = dt.timedelta(days=7)
"""How long one that is over is still listed."""


@dataclass(frozen=True)
class Standing:
    """How one stands, in words and in the class of its badge."""

    words: str
    badge: str


def listed(now: dt.datetime) -> list[tuple[QuietException, Standing]]:
    """Those that are to come, in force, or lately over."""
    return [(row, standing(row, now)) for row in QuietException.objects.filter(end__gt=now - SHOWN_AFTER)]


def standing(row: QuietException, now: dt.datetime) -> Standing:
    if row.dropped_at is not None:
        return Standing(_("đã bỏ"), "off")
    if row.end <= now:
        return Standing(_("đã qua"), "off")
    if row.envelope is None:
        return Standing(_("chờ ký"), "waiting")
    trust = papers.trust_or_none(excepting.province())
    if not papers.is_good(bytes(row.envelope), trust, open_exception):
        return Standing(_("chữ ký không còn giá trị"), "fault")
    return Standing(_("đã đủ chữ ký"), "good")


def to_sign(person: Person, now: dt.datetime) -> list[QuietException]:
    """Those that wait for this person's signature."""
    try:
        scope = excepting.province()
    except Refused:
        return []
    rows = QuietException.objects.filter(envelope=None, dropped_at=None, end__gt=now).exclude(signatures__person=person)
    trust = papers.trust_or_none(scope)
    if trust is None or not rows or not papers.keys_of(person, Role.EXCEPTION, scope, trust, now):
        return []
    return list(rows.order_by("start"))


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Prepare one; nothing sounds before two persons have signed it."""
    form = ExceptionForm(request.POST or None, initial={"unit": own_unit(person_of(request))})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            row = excepting.prepare(person_of(request), [data["unit"]], data["start"], data["end"], data["reason"])
        except Refused as refused:
            _show(form, refused)
        else:
            return redirect("schedules:exception", row.pk)
    return render(request, "schedules/exception_new.html", {"form": form, "unit_options": options()})


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    return _page(request, _row(request, number))


@require_POST
def sign(request: HttpRequest, number: int) -> HttpResponse:
    """Take a signature, made by the page's script or by `loalang sign`."""
    row = _row(request, number)
    try:
        done = excepting.sign(row, person_of(request), signing.read(request))
    except Refused as refused:
        return _page(request, row, refused=str(refused), status=422)
    if done.envelope is None:
        messages.success(request, _("Đã nhận chữ ký của bạn. Còn chờ người khác ký."))
    else:
        messages.success(request, _("Đã đủ chữ ký; các hộp thiết bị đang được báo."))
    return redirect("schedules:exception", number)


@require_POST
def drop(request: HttpRequest, number: int) -> HttpResponse:
    row = _row(request, number)
    try:
        excepting.drop(row, person_of(request), request.POST.get("reason", ""))
    except Refused as refused:
        return _page(request, row, refused=str(refused), status=422)
    messages.success(request, _("Đã bỏ; các hộp giữ giờ yên lặng như thường."))
    return redirect("schedules:regulations")


def _page(request: HttpRequest, row: QuietException, *, refused: str = "", status: int = 200) -> HttpResponse:
    """What is to be signed is read from the very bytes."""
    person, now, asked = person_of(request), timezone.now(), excepting.record_of(row)
    trust = papers.trust_or_none(excepting.province())
    names = dict(Unit.objects.filter(code__in=asked.area).values_list("code", "name"))
    shown: dict[str, Any] = {
        "row": row,
        "standing": standing(row, now),
        "asked": {
            "area": [names.get(code, code) for code in asked.area],
            "start": dt.datetime.fromtimestamp(asked.start, dt.UTC),
            "end": dt.datetime.fromtimestamp(asked.end, dt.UTC),
            "reason": asked.reason,
        },
        "signatures": row.signatures.select_related("person"),
        "refused": refused,
        "live": row.dropped_at is None and row.end > now,
        "may_drop": excepting.may_drop(row, person),
    }
    if shown["live"] and row.envelope is None and trust is not None:
        scope = excepting.province()
        shown["have"], shown["need"] = excepting.signatures_needed(row, trust)
        signed = {one.holder for one in shown["signatures"]}
        able = {holder.person: None for holder in papers.holders(Role.EXCEPTION, scope, trust, now)}
        shown["who"] = ", ".join(name for name in able if name not in signed)
        shown["has_signed"] = row.signatures.filter(person=person).exists()
        keys = papers.keys_of(person, Role.EXCEPTION, scope, trust, now)
        if keys and not shown["has_signed"]:
            shown["signing"] = signing.request(
                person,
                bytes(row.payload),
                Family.EXCEPTION,
                action=reverse("schedules:exception-sign", args=[row.pk]),
                button=_("Ký cho phép"),
                only=keys,
            )
    return render(request, "schedules/exception.html", shown, status=status)


def _row(request: HttpRequest, number: int) -> QuietException:
    """Everybody who has a role may see it, as the regulations."""
    require_anywhere(person_of(request), Action.VIEW)
    return get_object_or_404(QuietException.objects.select_related("prepared_by"), pk=number)


def _show(form: ExceptionForm, refused: Refused) -> None:
    """The form has one unit, the service an area."""
    if refused.field == "area":
        refused = Refused("unit", refused.message, refused.way_out)
    show_refusal(form, refused)
