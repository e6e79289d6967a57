"""Pages of the line beside the time of day on boards: write one, see it as boards will, sign it, take it back."""

import datetime as dt
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
from controller.accounts.services import may, require_anywhere, where
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.core.times import ZONE
from controller.library import boards, papers
from controller.library.approving import read
from controller.schedules import lines
from controller.schedules.exceptions import Standing
from controller.schedules.forms import LineForm
from controller.schedules.models import BoardLine
from controller.schedules.places import own_unit
from controller.units.models import Unit
from controller.units.services import inside, options
from protocol.approval import open_approval
from protocol.board import page
from protocol.roles import Role
from protocol.signing import Family
from protocol.trust import Trust

SHOWN: Final = 50
"""Lines in the list, the newest first."""


@require_http_methods(["GET", "POST"])
def index(request: HttpRequest) -> HttpResponse:
    """The lines of the person's units, and a form for one more."""
    person, now = person_of(request), timezone.now()
    require_anywhere(person, Action.VIEW)
    form = LineForm(request.POST or None, initial={"unit": own_unit(person)})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            row = lines.write(data["text"], data["unit"], data["hours"], person)
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("schedules:line", row.pk)
    shown = BoardLine.objects.filter(inside("unit__code", where(person, Action.VIEW))).select_related("unit", "author")
    rows = list(shown[:SHOWN])
    trusts = papers.trusts(row.unit.code for row in rows)
    facts = {
        "rows": [(row, standing(row, trusts[row.unit.code], now)) for row in rows],
        "form": form,
        "may_write": bool(where(person, Action.EDIT)),
        "unit_options": options(),
    }
    return render(request, "schedules/lines.html", facts)


def standing(row: BoardLine, trust: Trust | None, now: dt.datetime) -> Standing:
    """How it stands for boxes of its unit that trust like this."""
    if row.dropped_at is not None:
        return Standing(_("đã bỏ"), "off")
    if row.until <= now:
        return Standing(_("đã hết giờ"), "off")
    if row.envelope is None:
        return Standing(_("chờ ký"), "waiting")
    if not papers.is_good(bytes(row.envelope), trust, open_approval):
        return Standing(_("chữ ký không còn giá trị"), "fault")
    return Standing(_("đã duyệt"), "good")


def to_sign(person: Person, now: dt.datetime) -> list[BoardLine]:
    """Those that wait for this person's signature."""
    rows = BoardLine.objects.filter(envelope=None, dropped_at=None, until__gt=now).exclude(author=person)
    own = rows.filter(inside("unit__code", where(person, Action.APPROVE))).exclude(signatures__person=person)
    found = list(own.select_related("unit", "author").order_by("until")[:SHOWN])
    able, keys = set[str](), papers.own_keys(person) if found else set()
    for unit, trust in papers.trusts(row.unit.code for row in found).items():
        if trust and any(holder.key in keys for holder in papers.holders(Role.CONTENT, unit, trust, now)):
            able.add(unit)
    return [row for row in found if row.unit.code in able]


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    return _page(request, _row(request, number))


@require_GET
def board(request: HttpRequest, number: int) -> HttpResponse:
    """What boards of another size will show, for its part of the page."""
    return render(request, "library/board.html", _board(request, _row(request, number), timezone.now()))


@require_POST
def sign(request: HttpRequest, number: int) -> HttpResponse:
    """Take an approver's signature over the bytes that were written down."""
    row = _row(request, number)
    try:
        done = lines.sign(row, person_of(request), signing.read(request))
    except Refused as refused:
        return _page(request, row, refused=str(refused), status=422)
    if done.envelope is None:
        messages.success(request, _("Đã nhận chữ ký của bạn. Còn chờ người khác ký."))
    else:
        messages.success(request, _("Đã duyệt dòng này; các hộp thiết bị đang được báo."))
    return redirect("schedules:line", number)


@require_POST
def drop(request: HttpRequest, number: int) -> HttpResponse:
    row = _row(request, number)
    try:
        lines.drop(row, person_of(request))
    except Refused as refused:
        return _page(request, row, refused=str(refused), status=422)
    messages.success(request, _("Đã bỏ; các bảng tin thôi hiện dòng này khi hộp được báo."))
    return redirect("schedules:lines")


def _page(request: HttpRequest, row: BoardLine, *, refused: str = "", status: int = 200) -> HttpResponse:
    """What is to be signed is read from the very bytes."""
    person, now, asked = person_of(request), timezone.now(), read(bytes(row.payload))
    trust = papers.trust_or_none(row.unit.code)
    shown: dict[str, Any] = {
        "row": row,
        "asked": {
            "text": asked.title,
            "where": Unit.objects.filter(code=asked.scope).values_list("name", flat=True).first() or asked.scope,
            "until": dt.datetime.fromtimestamp(asked.expires, dt.UTC),
        },
        "standing": standing(row, trust, now),
        "signatures": row.signatures.select_related("person"),
        "refused": refused,
        "may_drop": row.dropped_at is None and row.until > now and lines.may_drop(row, person),
        **_board(request, row, now),
    }
    if lines.waits(row, now) and trust is not None:
        approver = may(person, Action.APPROVE, row.unit.code)
        keys = papers.keys_of(person, Role.CONTENT, row.unit.code, trust, now) if approver else []
        has_signed = row.signatures.filter(person=person).exists()
        shown |= {"waits": True, "own": person.pk == row.author_id, "has_signed": has_signed}
        shown["who"] = papers.who_may(Role.CONTENT, asked.scope, trust, now)
        if keys and not has_signed and person.pk != row.author_id:
            shown["signing"] = signing.request(
                person,
                bytes(row.payload),
                Family.APPROVAL,
                action=reverse("schedules:line-sign", args=[row.pk]),
                button=_("Duyệt"),
                only=keys,
            )
    return render(request, "schedules/line.html", shown, status=status)


def _board(request: HttpRequest, row: BoardLine, now: dt.datetime) -> dict[str, Any]:
    shown = page.clock(now.astimezone(ZONE), "", read(bytes(row.payload)).title)
    return {
        "board": boards.preview(shown, boards.size_asked(request)),
        "board_url": reverse("schedules:line-board", args=[row.pk]),
    }


def _row(request: HttpRequest, number: int) -> BoardLine:
    rows = BoardLine.objects.filter(inside("unit__code", where(person_of(request), Action.VIEW)))
    return get_object_or_404(rows.select_related("unit", "author"), pk=number)
