"""The emergency pages: what is on, a new order, one order with its signatures and its roll call."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import services as accounts
from controller.accounts.access import person_of
from controller.accounts.models import Person, PersonKey
from controller.accounts.rules import Action
from controller.boxes.models import Box
from controller.boxes.models import Stage as BoxStage
from controller.core.errors import Refused
from controller.core.pages import is_live, show_refusal
from controller.orders import forms, rollcall, rules, services, wording
from controller.orders import roots as trust
from controller.orders.forms import AlarmForm
from controller.orders.models import EmergencyOrder
from controller.orders.rules import Standing
from controller.outbox import services as outbox
from controller.units.models import Unit
from controller.units.rules import above, covers
from protocol.order import MessageType, Status

SHOWN = 100
"""Orders in the list, the newest first."""
CALLED = 300
"""Boxes in a roll call on the page, those that are not well first."""


@dataclass(frozen=True)
class Card:
    """An order as the pages show it."""

    order: EmergencyOrder
    standing: Standing
    standing_name: str
    title: str
    text: str
    before: str
    """Said before each pass."""
    area: str
    status_name: str
    severity_name: str
    is_cancel: bool
    is_test: bool
    is_real: bool


@require_GET
def order_list(request: HttpRequest) -> HttpResponse:
    """Live and waiting orders first, then the past; the live part alone when htmx asks."""
    person, now = person_of(request), timezone.now()
    cards = [_listed(card(order, now)) for order in _visible(person)]
    context = {
        "open": [one for one in cards if one.standing in (Standing.SENT, Standing.WAITING)],
        "past": [one for one in cards if one.standing not in (Standing.SENT, Standing.WAITING)],
        "may_sign": bool(accounts.where(person, Action.SIGN)),
        "link": outbox.link_health(now),
        "now": now,
    }
    return render(request, "orders/list_live.html" if is_live(request) else "orders/list.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Prepare an order; nothing sounds before two persons have signed it."""
    person = person_of(request)
    areas = _areas(person)
    form = AlarmForm(areas, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            order = services.prepare(person, form.alarm())
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("orders:order", order.pk)
    texts = [(one.code, wording.message_title(one.code), one.text_vi) for one in rules.OFFERED]
    context = {"form": form, "areas": areas, "texts": texts, "keys": _keys(person)}
    return render(request, "orders/new.html", context)


@require_GET
def order(request: HttpRequest, identity: str) -> HttpResponse:
    """One order: what it says, who signed, who must still sign, what the boxes answered."""
    return _page(request, _found(request, identity))


@require_GET
def request_file(request: HttpRequest, identity: str) -> HttpResponse:
    """What `loalang sign` reads: for those who would rather sign outside the browser."""
    found = _found(request, identity)
    content = {"loalang": "sign/1", "order": found.pk, "payload": _base64(bytes(found.payload))}
    response = HttpResponse(json.dumps(content, indent=2) + "\n", content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{found.event}-{found.pk[:8]}.json"'
    return response


@require_POST
def sign(request: HttpRequest, identity: str) -> HttpResponse:
    """Take a signature, made by the page's script or by `loalang sign`."""
    person, found = person_of(request), _found(request, identity)
    try:
        file = request.FILES.get("file")
        if file is not None:
            signed = forms.from_file(file.read(forms.MAX_SIGNATURE_FILE + 1), found.pk)
        else:
            signed = forms.from_fields(request.POST.get("public_key", ""), request.POST.get("signature", ""))
        done = services.sign(found, person, signed.public_key, signed.value)
    except Refused as refused:
        return _page(request, found, refused=str(refused), status=422)
    if done.sent_at is not None and done.type == MessageType.CANCEL:
        messages.success(request, _("Lệnh hủy đã gửi."))
    elif done.sent_at is not None:
        messages.success(request, _("Đã đủ chữ ký. Lệnh đã được phát đi."))
    else:
        messages.success(request, _("Đã nhận chữ ký của bạn. Còn chờ người khác ký."))
    return redirect("orders:order", identity)


@require_POST
def cancel(request: HttpRequest, identity: str) -> HttpResponse:
    """Prepare the cancel of an order; it counts once it is signed."""
    found = _found(request, identity)
    try:
        made = services.cancel_prepare(found, person_of(request), request.POST.get("reason", "").strip())
    except Refused as refused:
        return _page(request, found, refused=str(refused), status=422)
    return redirect("orders:order", made.pk)


@require_POST
def drop(request: HttpRequest, identity: str) -> HttpResponse:
    """Give up an order that was not sent."""
    found = _found(request, identity)
    try:
        services.drop(found, person_of(request), request.POST.get("reason", ""))
    except Refused as refused:
        return _page(request, found, refused=str(refused), status=422)
    if found.type == MessageType.CANCEL:
        messages.success(request, _("Đã bỏ lệnh hủy này; các hộp không dừng."))
    else:
        messages.success(request, _("Đã bỏ lệnh này; không hộp nào phát."))
    return HttpResponseRedirect("../../")


def card(found: EmergencyOrder, now: datetime) -> Card:
    """An order in words."""
    standing = rules.standing(found.state, found.expires.timestamp(), now.timestamp())
    is_cancel = found.type == MessageType.CANCEL
    about = found.cancels.message if found.cancels is not None else found.message
    return Card(
        order=found,
        standing=standing,
        standing_name=wording.standing_name(standing, cancel=is_cancel),
        title=wording.title(found),
        text=wording.message_text(about),
        before="" if is_cancel else wording.announcement(found.status),
        area=wording.area_names(found),
        status_name=wording.status_name(found.status),
        severity_name=wording.severity_name(found.severity),
        is_cancel=is_cancel,
        is_test=found.status == Status.TEST,
        is_real=found.status == Status.ACTUAL,
    )


def _listed(shown: Card) -> Card:
    """The card as the list shows it: an order that every box has ended says so, though its time is not over."""
    if shown.standing is not Standing.SENT or shown.is_cancel or not rollcall.ended(shown.order):
        return shown
    return replace(shown, standing_name=_("mọi hộp đã xong các lượt phát"))


@dataclass(frozen=True)
class Answered:
    """A line of the roll call in words."""

    box: Box
    level: str
    sentence: str
    after_s: str
    """Seconds from the last signature to the first sample; empty where nothing sounded."""
    last_seen: datetime | None


def _page(request: HttpRequest, found: EmergencyOrder, *, refused: str = "", status: int = 200) -> HttpResponse:
    person, now = person_of(request), timezone.now()
    shown = card(found, now)
    context: dict[str, object] = {"card": shown, "order": found, "now": now}
    if found.sent_at is not None:
        called = rollcall.sheet(found)
        context |= {
            "sheet": called,
            "silent_order": shown.is_cancel or shown.is_test,
            "lines": [_answered(row, shown) for row in called.rows[:CALLED]],
            "unlisted": max(called.expected - CALLED, 0),
            "outside": [_answered(row, shown) for row in called.outside],
        }
    if is_live(request):
        return render(request, "orders/roll.html", context)
    context |= _signing(found, person, shown, now)
    context |= {
        "refused": refused,
        "sound": services.read(found).sound,
        "meant": services.boxes_in(found.area).count(),
        "link": outbox.link_health(now),
        "may_cancel": shown.standing is Standing.SENT
        and not shown.is_cancel
        and found.status != Status.TEST
        and all(accounts.may(person, Action.SIGN, code) for code in found.area),
    }
    return render(request, "orders/order.html", context, status=status)


def _signing(found: EmergencyOrder, person: Person, shown: Card, now: datetime) -> dict[str, object]:
    """What the signing part of the page needs while the order waits."""
    signed = list(found.signatures.select_related("person"))
    context: dict[str, object] = {"signed": signed}
    if shown.standing is not Standing.WAITING:
        return context
    try:
        roots = trust.current_roots()
    except Refused as refused:
        return context | {"blocked": str(refused)}
    kind = MessageType(found.type)
    names = {row.holder for row in signed}
    missing = services.missing(found, roots)
    return context | {
        "missing": missing.persons,
        "preparer": missing.preparer,
        "others": [name for name in rules.signers(kind, found.area, roots, int(now.timestamp())) if name not in names],
        "holder": services.may_sign(person, found, now),
        "has_signed": any(row.person_id == person.pk for row in signed),
        "tbs": _base64(services.signing_bytes(found)),
        "keys": _keys(person),
        "may_drop": all(accounts.may(person, Action.SIGN, code) for code in found.area),
    }


def _answered(row: rollcall.Row, shown: Card) -> Answered:
    after = row.line.after_ms
    levels = {
        rules.Level.GOOD: "good",
        rules.Level.PLAYED: "played",
        rules.Level.BUSY: "waiting",
        rules.Level.BAD: "fault",
    }
    return Answered(
        box=row.box,
        level=levels[row.line.level],
        sentence=wording.answer_name(row.line, cancel=shown.is_cancel, test=shown.is_test),
        after_s=number_format(after / 1000, 2) if after is not None else "",
        last_seen=row.last_seen,
    )


def _visible(person: Person) -> list[EmergencyOrder]:
    """Orders whose area lies in, or around, a unit of the person's."""
    seen = accounts.where(person, Action.VIEW)
    rows = EmergencyOrder.objects.select_related("cancels", "created_by")[:SHOWN]
    return [row for row in rows if concerns(seen, row.area)]


def concerns(seen: Sequence[str], area: Sequence[str]) -> bool:
    """Whether this area lies in, or around, one of the units that somebody may see."""
    return any(covers(unit, code) or covers(code, unit) for unit in seen for code in area)


def _found(request: HttpRequest, identity: str) -> EmergencyOrder:
    row = EmergencyOrder.objects.select_related("cancels", "created_by").filter(pk=identity).first()
    if row is None or not concerns(accounts.where(person_of(request), Action.VIEW), row.area):
        raise Http404
    return row


def _areas(person: Person) -> list[tuple[str, str]]:
    """Units with boxes in which the person may sign: (code, name with the number of boxes), the tree's order."""
    mine = accounts.where(person, Action.SIGN)
    counts: dict[str, int] = {}
    for code in Box.objects.filter(state=BoxStage.APPROVED).values_list("unit__code", flat=True):
        for unit in above(code or ""):
            if any(covers(own, unit) for own in mine):
                counts[unit] = counts.get(unit, 0) + 1
    rows = Unit.objects.filter(code__in=counts).order_by("code").values_list("code", "name")
    return [
        (
            code,
            ngettext("%(name)s (%(n)d hộp)", "%(name)s (%(n)d hộp)", counts[code]) % {"name": name, "n": counts[code]},
        )
        for code, name in rows
    ]


def _keys(person: Person) -> str:
    """The person's registered public keys, for the script to compare: base64url, one blank between."""
    rows = PersonKey.objects.filter(person=person, revoked=None)
    return " ".join(_base64(bytes(row.public_key)) for row in rows)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
