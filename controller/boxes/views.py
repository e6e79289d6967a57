"""The boxes as a list that keeps itself fresh, one box, and what technicians do to it."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import services as accounts
from controller.accounts.access import person_of
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.boxes import details, rules, services
from controller.boxes.forms import ApproveForm, CodeForm, PlaceForm
from controller.boxes.models import Box, Stage
from controller.boxes.overview import Line, judge_all, lines, tallies
from controller.boxes.rules import Level
from controller.core.errors import Refused
from controller.core.pages import is_live, show_refusal
from controller.pki.services import certified_until
from controller.units.services import inside, options
from protocol.ids import enrolment_code

PAGE = 60


def seen_by(person: Person) -> QuerySet[Box]:
    """The boxes that this person may see; retired ones only in their own list."""
    return services.visible(accounts.where(person, Action.VIEW), waiting=services.maintains_anywhere(person))


@require_GET
def box_list(request: HttpRequest) -> HttpResponse:
    """Filtered by unit, level and name; the live part alone when htmx asks."""
    boxes = seen_by(person_of(request))
    unit, text, level = (request.GET.get(name, "").strip() for name in ("unit", "q", "level"))
    if code := unit.split(" ")[0]:
        boxes = boxes.filter(inside("unit__code", [code]))
    if text:
        boxes = boxes.filter(Q(name__icontains=text) | Q(site__icontains=text) | Q(pk__startswith=text.lower()))
    retired = boxes.filter(state=Stage.RETIRED).count()
    if level != Level.RETIRED and not text:
        boxes = boxes.exclude(state=Stage.RETIRED)
    now = timezone.now()
    judged = judge_all(boxes, now)
    shown = [box for box in judged if not level or box.level == level]
    page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": page,
        "lines": lines(list(page), now),
        "tallies": tallies(judged),
        "total": len(judged),
        "retired": 0 if level == Level.RETIRED or text else retired,
        "unit": unit,
        "q": text,
        "level": level,
        "query": query.urlencode(),
        "now": now,
    }
    if is_live(request):
        return render(request, "boxes/live.html", context)
    return render(request, "boxes/list.html", context | {"unit_options": options()})


@require_http_methods(["GET", "POST"])
def box(request: HttpRequest, identity: str) -> HttpResponse:
    """One box; a POST corrects its name, place or gain."""
    person = person_of(request)
    shown = get_object_or_404(seen_by(person), pk=identity)
    may_change = shown.unit is not None and accounts.may(person, Action.MAINTAIN, shown.unit.code)
    form = PlaceForm(request.POST or None, initial=_initial(shown))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.place(shown, data["unit"], person, name=data["name"], site=data["site"], gain_cb=form.gain_cb)
        except Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("Đã lưu."))
            return redirect("boxes:box", identity)
    line = Line(shown, rules.health(services.said(shown), timezone.now()))
    context = {
        "line": line,
        "box": shown,
        "code": enrolment_code(shown.pk),
        "certified_until": certified_until(shown.pk, timezone.now()),
        "clock": rules.clock_name(shown.status.clock if hasattr(shown, "status") else None),
        "events": _events(shown),
        "now": timezone.now(),
    }
    if is_live(request):
        return render(request, "boxes/state.html", context)
    more = {"form": form, "may_change": may_change, "groups": shown.groups.all(), "unit_options": options()}
    return render(request, "boxes/box.html", context | more)


@require_http_methods(["GET", "POST"])
def approve(request: HttpRequest, identity: str) -> HttpResponse:
    """The installer types the code that is written on the box; only the right one approves it."""
    person = person_of(request)
    shown = get_object_or_404(seen_by(person), pk=identity)
    initial = _initial(shown) | {"code": request.GET.get("code", "")}
    form = ApproveForm(shown, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.approve(shown, data["unit"], person, name=data["name"], site=data["site"], gain_cb=form.gain_cb)
        except Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("Đã duyệt hộp %(name)s.") % {"name": data["name"]})
            return redirect("boxes:box", identity)
    return render(request, "boxes/approve.html", {"box": shown, "form": form, "unit_options": options()})


@require_http_methods(["GET", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """Where the QR on the box leads: the waiting box of this code, whose page then asks for the place."""
    person = person_of(request)
    form = CodeForm(request.POST or (request.GET if "code" in request.GET else None))
    if form.is_valid():
        try:
            waiting = services.waiting_with(form.cleaned_data["code"])
        except Refused as refused:
            show_refusal(form, refused)
        else:
            if waiting is not None and seen_by(person).filter(pk=waiting.pk).exists():
                code = enrolment_code(waiting.pk)
                return redirect(f"{reverse('boxes:approve', args=[waiting.pk])}?code={code}")
            form.add_error(
                "code", _("Không có hộp nào đang chờ duyệt mang mã này. Hộp đã có mạng và đã báo danh chưa?")
            )
    return render(request, "boxes/find.html", {"form": form})


def _new_box(code: str) -> Box:
    """The waiting box of this code. Raises `Refused`."""
    new = services.waiting_with(code)
    if new is None:
        raise Refused(
            "code",
            _("Không có hộp nào đang chờ duyệt mang mã này."),
            _("Cắm điện và mạng cho hộp mới, đợi nó báo danh, rồi đọc lại mã trên hộp."),
        )
    return new


@require_http_methods(["GET", "POST"])
def replace(request: HttpRequest, identity: str) -> HttpResponse:
    """A new box takes the place of this one, which is revoked: one act, by the new box's code."""
    person = person_of(request)
    old = get_object_or_404(seen_by(person), pk=identity, state=Stage.APPROVED)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            new = _new_box(form.cleaned_data["code"])
            fresh = services.replace(old, new, person)
        except Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("Hộp mới đã thay hộp cũ; hộp cũ đã bị thu hồi."))
            return redirect("boxes:box", fresh.pk)
    return render(request, "boxes/replace.html", {"box": old, "form": form})


@require_POST
def looked_into(request: HttpRequest, identity: str) -> HttpResponse:
    """Somebody has been there: the warning of a copied key goes."""
    person = person_of(request)
    services.looked_into(get_object_or_404(seen_by(person), pk=identity), person)
    return redirect("boxes:box", identity)


@require_POST
def retire(request: HttpRequest, identity: str) -> HttpResponse:
    person = person_of(request)
    services.retire(get_object_or_404(seen_by(person), pk=identity), person)
    messages.success(request, _("Hộp đã ngừng dùng."))
    return redirect("boxes:list")


def _initial(box: Box) -> dict[str, object]:
    unit = f"{box.unit.code} {box.unit.name}" if box.unit else ""
    return {"name": box.name, "unit": unit, "site": box.site, "gain_db": box.gain_cb / 10}


@dataclass(frozen=True)
class Event:
    at: object
    raised: bool
    sentence: str
    detail: str
    unsigned: bool
    """It knows no key of the role under what it was sent: whom it trusts is the place to look."""


def _events(box: Box) -> list[Event]:
    """The newest faults that came and went, in words."""
    return [
        Event(
            row.at,
            row.raised,
            "; ".join(rules.fault_names(1 << row.code)),
            details.fault_detail(row.detail),
            details.NOBODY_SIGNED.fullmatch(row.detail) is not None,
        )
        for row in box.fault_events.all()[:20]
    ]
