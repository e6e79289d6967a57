"""The emergency pages: what is on, a new order, a stop, one order with its signatures and its roll call."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import services as accounts
from controller.accounts import signing
from controller.accounts.access import person_of
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.boxes.models import Box
from controller.boxes.models import Stage as BoxStage
from controller.core.errors import Refused
from controller.core.pages import is_live, show_refusal
from controller.library import boards, speech
from controller.orders import capacity, cards, composing, locking, people, rollcall, rules, services, wording
from controller.orders.cards import Card, concerns
from controller.orders.forms import AlarmForm, StopForm, WarnForm
from controller.orders.models import EmergencyOrder
from controller.orders.rules import Standing
from controller.orders.wording import Speech
from controller.outbox import services as outbox
from controller.units.models import Unit
from controller.units.rules import above, covers
from controller.units.services import names
from protocol.board.page import Page
from protocol.live import SPEAKING
from protocol.messages import OWN_WORDS
from protocol.order import ROLES, MessageType, Status
from protocol.roles import Role
from protocol.signing import Family

SHOWN = 100
"""Orders in the list, the newest first."""
CALLED = 300
"""Boxes in a roll call on the page, those that are not well first."""
Areas = list[tuple[str, str]]


@require_GET
def order_list(request: HttpRequest) -> HttpResponse:
    """Live and waiting orders first, then the past; the live part alone when htmx asks."""
    person, now = person_of(request), timezone.now()
    shown = [cards.listed(cards.card(order, now), now) for order in _visible(person)]
    locked = cards.locks(person, now)
    stops = {pk for lock in locked for pk in lock.orders}
    context = {
        "locks": locked,
        "open": [one for one in shown if one.is_open and one.order.pk not in stops],
        "past": [one for one in shown if not one.is_open and one.order.pk not in stops],
        "link": outbox.link_health(now),
        "now": now,
        **doors(person, now),
    }
    return render(request, "orders/list_live.html" if is_live(request) else "orders/list.html", context)


def doors(person: Person, now: datetime) -> dict[str, bool]:
    """Which pages for giving orders are worth offering to this person."""
    try:
        return {
            "may_sign": people.commands(person, now),
            "may_warn": people.holds(person, (Role.COMMUNE,), now),
            "may_speak": people.holds(person, SPEAKING, now),
            "may_stop": people.holds(person, ROLES[MessageType.STOP], now),
        }
    except Refused:  # there are no roots yet
        nothing = {"may_warn": False, "may_speak": False, "may_stop": False}
        return {"may_sign": bool(accounts.where(person, Action.SIGN)), **nothing}


@require_GET
def strip(request: HttpRequest) -> HttpResponse:
    """What everybody must read within seconds, on whatever page they are: alarms that run, speakers that are locked."""
    person, now = person_of(request), timezone.now()
    seen = accounts.where(person, Action.VIEW)
    running = [order for order in rollcall.alarms(now) if concerns(seen, order.area)]
    context = {
        "live": [cards.listed(cards.card(order, now), now) for order in running],
        "locked": cards.in_force(seen, now),
    }
    return render(request, "orders/strip.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Prepare an order; nothing sounds before two persons have signed it."""
    person, now = person_of(request), timezone.now()
    keys = people.keys_of(person)
    areas, blocked = areas_for(person, (Role.EMERGENCY,), now) if keys else (_areas(person), "")
    form = AlarmForm(areas, request.POST or None)
    _make_room(form, areas, Role.EMERGENCY)
    if request.method == "POST" and form.is_valid():
        try:
            order = services.prepare(person, form.alarm())
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("orders:order", order.pk)
    texts = [(one.code, wording.message_title(one.code), one.text_vi) for one in composing.OFFERED]
    context = {
        "form": form,
        "areas": areas,
        "texts": texts,
        "keys": keys,
        "blocked": blocked,
        "may_warn": doors(person, now)["may_warn"],
        "too_few": _too_few(person, now),
    }
    return render(request, "orders/new.html", context)


def _make_room(form: AlarmForm | WarnForm, areas: Areas, role: Role) -> None:
    """As in the area whose code is the longest."""
    codes = [code for code, _name in areas]
    try:
        form.make_room(composing.room_for_words(max(codes, key=len), role, people.trust_of(codes)))
    except (Refused, ValueError):  # there are no roots yet, or no areas
        return


def _too_few(person: Person, now: datetime) -> list[dict[str, object]]:
    """Units of this person in which an emergency would wait for signatures in vain, in words."""
    try:
        found = people.too_few(person, now)
    except Refused:  # there are no roots yet
        return []
    return [{"unit": names([one.unit]), "needed": one.needed, "people": one.names} for one in found]


@require_http_methods(["GET", "POST"])
def warn(request: HttpRequest) -> HttpResponse:
    """A commune's own alarm: one button, then one signature, and it sounds."""
    person, now = person_of(request), timezone.now()
    areas, blocked = areas_for(person, (Role.COMMUNE,), now)
    events = people.trust_of([code for code, _name in areas]).roots.events if areas else ()
    allowed = [one for one in composing.OFFERED if one.event in events]
    form = WarnForm(areas, allowed, events, request.POST or None, initial={"status": _status_asked(request)})
    _make_room(form, areas, Role.COMMUNE)
    if request.method == "POST" and form.is_valid():
        try:
            order = services.prepare(person, form.alarm())
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("orders:order", order.pk)
    status = Status(form.cleaned_data["status"]) if form.is_bound and "status" in form.cleaned_data else None
    status = _status_asked(request) if status is None else status
    return render(
        request,
        "orders/warn.html",
        {
            "form": form,
            "areas": areas,
            "blocked": blocked,
            "own_words": OWN_WORDS if events else None,
            "allowed": [(one.code, wording.message_title(one.code), one.text_vi) for one in allowed],
            "others": [wording.message_title(one.code) for one in composing.OFFERED if one not in allowed],
            "status": status,
            "status_name": wording.status_name(status),
            "statuses": [(int(one), wording.status_name(one), one is status) for one in Status],
            "may_sign": people.holds(person, (Role.EMERGENCY,), now) if areas else False,
            "in_charge": people.who_may(MessageType.ALERT, [areas[0][0]], now, roles=(Role.EMERGENCY,))
            if areas
            else (),
        },
    )


@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest) -> HttpResponse:
    """Stop and lock the speakers of an area; what it will silence stands on the page before anything is chosen."""
    person, now = person_of(request), timezone.now()
    areas, blocked = areas_for(person, ROLES[MessageType.STOP], now)
    form = StopForm(areas, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            order = services.stop_prepare(person, form.stop())
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("orders:order", order.pk)
    ways = people.units_where(person, ROLES[MessageType.STOP], [code for code, _name in areas], now) if areas else {}
    highest = min((way.level for way in ways.values()), default=0)
    context = {
        "form": form,
        "areas": areas,
        "blocked": blocked,
        "effects": cards.silenced(highest, ways, now) if ways else [],
        "locks": cards.locks(person, now),
    }
    return render(request, "orders/stop.html", context)


@require_GET
def order(request: HttpRequest, identity: str) -> HttpResponse:
    """One order: what it says, who signed, who must still sign, what the boxes answered."""
    return _page(request, _found(request, identity))


@require_GET
def board(request: HttpRequest, identity: str) -> HttpResponse:
    """What boards of another size will show, for its part of the page."""
    shown = cards.board_page(_found(request, identity))
    if shown is None:
        raise Http404
    return render(request, "library/board.html", _board(request, shown, identity))


@require_GET
def voice(request: HttpRequest, identity: str) -> HttpResponse:
    """How an alarm's own words will sound, from the very bytes that are signed."""
    content = services.read(_found(request, identity))
    if content.sound is None or content.sound.message != OWN_WORDS:
        raise Http404
    try:
        said = speech.as_a_box_speaks(content.board)
    except Refused as refused:
        return HttpResponse(str(refused), status=503, content_type="text/plain; charset=utf-8")
    return HttpResponse(said, content_type="audio/wav", headers={"Cache-Control": "private"})


@require_POST
def sign(request: HttpRequest, identity: str) -> HttpResponse:
    """Take a signature, made by the page's script or by `loalang sign`."""
    person, found = person_of(request), _found(request, identity)
    try:
        done = services.sign(found, person, signing.read(request))
    except Refused as refused:
        return _page(request, found, refused=str(refused), status=422)
    if done.sent_at is not None:
        messages.success(request, wording.sent_sentence(wording.speech_of(done)))
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
def reinstate(request: HttpRequest, identity: str) -> HttpResponse:
    """Prepare the order that takes back a cancel or a stop; it counts once it is signed."""
    found = _found(request, identity)
    try:
        made = services.reinstate_prepare(found, person_of(request), request.POST.get("reason", "").strip())
    except Refused as refused:
        return _page(request, found, refused=str(refused), status=422)
    return redirect("orders:order", made.pk)


@require_POST
def again(request: HttpRequest, identity: str) -> HttpResponse:
    """Prepare the same order under a new number: boxes have refused its own."""
    found = _found(request, identity)
    try:
        made = services.again(found, person_of(request))
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
    messages.success(request, wording.dropped_sentence(wording.speech_of(found)))
    return HttpResponseRedirect("../../")


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
    shown = cards.card(found, now)
    context: dict[str, object] = {"card": shown, "order": found, "now": now}
    if found.sent_at is not None:
        called = rollcall.sheet(found, now)
        context |= {
            "sheet": called,
            "silent_order": not shown.sounds or shown.is_test,
            "obeyed_name": wording.obeyed_name(shown.what, test=shown.is_test),
            "lines": [_answered(row, shown) for row in called.rows[:CALLED]],
            "unlisted": max(called.expected - CALLED, 0),
            "outside": [_answered(row, shown) for row in called.outside],
            "stopped_by": [cards.card(one, now) for one, _reach in rollcall.stopped_by(found, now)]
            if shown.sounds and shown.standing is Standing.SENT
            else [],
        }
    if is_live(request):
        return render(request, "orders/roll.html", context)
    context |= _signing(found, person, shown, now)
    context |= _ways_on(found, person, shown, now)
    on_board = cards.board_page(found)
    context |= {} if on_board is None else _board(request, on_board, found.pk)
    context |= {
        "refused": refused,
        "meant": locking.boxes_in(shown.content.area).count(),
        "link": outbox.link_health(now),
    }
    return render(request, "orders/order.html", context, status=status)


def _board(request: HttpRequest, shown: Page, identity: str) -> dict[str, object]:
    return {
        "board": boards.preview(shown, boards.size_asked(request)),
        "board_url": reverse("orders:board", args=[identity]),
    }


def _signing(found: EmergencyOrder, person: Person, shown: Card, now: datetime) -> dict[str, object]:
    """What the signing part of the page needs while the order waits."""
    signed = list(found.signatures.select_related("person"))
    context: dict[str, object] = {"signed": signed}
    if shown.standing is not Standing.WAITING:
        return context
    try:
        trust = people.trust_of(found.area)
    except Refused as refused:
        return context | {"blocked": str(refused)}
    role, now_s = shown.content.role, int(now.timestamp())
    missing = services.missing(found, trust)
    way = services.may_sign(person, found, now)
    first = capacity.capacity(bytes(found.first_signer), role, shown.content.area, trust, now_s)
    names = {row.holder for row in signed}
    context |= {
        "still_locked": [cards.card(stop, now) for stop in locking.locked_otherwise(found, now)]
        if shown.what is Speech.REOPEN
        else [],
        "missing": missing.persons,
        "preparer": missing.preparer,
        "others": [
            name
            for name in people.who_may(shown.content.type, shown.content.area, now, roles=(role,))
            if name not in names
        ],
        "holder": way,
        "has_signed": any(row.person_id == person.pk for row in signed),
        "may_drop": all(accounts.may(person, Action.SIGN, code) for code in found.area),
        "effects": cards.effects(shown, first.level, now) if first is not None else [],
        "signing_last": missing.persons == 1,
    }
    if way is not None:
        context["signing"] = signing.request(
            person,
            bytes(found.payload),
            Family.ORDER,
            action=reverse("orders:sign", args=[found.pk]),
            button=wording.sign_button(shown.what, last=missing.persons == 1),
            only=_keys_that_count(person, found, now),
        )
    return context


def _keys_that_count(person: Person, found: EmergencyOrder, now: datetime) -> list[bytes]:
    """With which of the person's keys this may be signed: who prepared it has one choice."""
    if found.created_by_id == person.pk:
        return [bytes(found.first_signer)]
    ways = people.ways(person, MessageType(found.type), found.area, now, roles=(Role(found.role),))
    return [one.holder.key for one in ways]


def _ways_on(found: EmergencyOrder, person: Person, shown: Card, now: datetime) -> dict[str, object]:
    """What may be done about an order that was sent: cancel it, take it back; and who could, if not this person."""
    kind = None
    if shown.sounds and shown.standing is Standing.SENT and not shown.is_test:
        kind = MessageType.CANCEL
    elif shown.what is Speech.STOP and locking.locks(found, now):
        kind = MessageType.REINSTATE
    elif shown.what is Speech.CANCEL and found.ends is not None and now < found.ends.expires:
        kind = MessageType.REINSTATE if shown.standing in (Standing.SENT, Standing.ENDED) else None
    if kind is None:
        return {}
    mine = cards.may_end(person, found, kind, now)
    others: tuple[str, ...] = ()
    if not mine:
        try:
            others = people.who_may(kind, found.area, now, level=found.level or 0)
        except Refused:
            others = ()
    return {
        "way_on": "cancel" if kind is MessageType.CANCEL else "reinstate",
        "may_end": mine,
        "who_may_end": others,
        "level_name": wording.authority_name(found),
        "effects": cards.effects(shown, found.level or 0, now),
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
        level="waiting" if row.locked and row.line.level is rules.Level.PLAYED else levels[row.line.level],
        sentence=wording.answer_name(row.line, shown.what, test=shown.is_test, locked=row.locked),
        after_s=number_format(after / 1000, 2) if after is not None else "",
        last_seen=row.last_seen,
    )


def _visible(person: Person) -> list[EmergencyOrder]:
    """Orders whose area lies in, or around, a unit of the person's."""
    seen = accounts.where(person, Action.VIEW)
    rows = EmergencyOrder.objects.select_related("ends__ends", "created_by").prefetch_related("signatures")[:SHOWN]
    return [row for row in rows if concerns(seen, row.area)]


def _found(request: HttpRequest, identity: str) -> EmergencyOrder:
    row = EmergencyOrder.objects.select_related("ends__ends", "created_by").filter(pk=identity).first()
    if row is None or not concerns(accounts.where(person_of(request), Action.VIEW), row.area):
        raise Http404
    return row


def _status_asked(request: HttpRequest) -> Status:
    """Real, drill or test, as the link says by which one came: a link that says nothing is a drill."""
    asked = request.POST.get("status") or request.GET.get("la", "")
    return Status(int(asked)) if asked in {str(int(one)) for one in Status} else Status.EXERCISE


def areas_for(person: Person, roles: Iterable[Role], now: datetime) -> tuple[Areas, str]:
    """Units with boxes for which the person may sign in one of these roles; and why there are none."""
    areas = _areas(person)
    try:
        mine = people.units_where(person, roles, [code for code, _name in areas], now)
    except Refused as refused:
        return [], str(refused)
    if areas and not mine:
        return [], _("Không có khóa nào của bạn được quyền làm việc này. Hãy nhờ quản trị viên cấp tỉnh bổ sung.")
    return [(code, name) for code, name in areas if code in mine], ""


def _areas(person: Person) -> Areas:
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
