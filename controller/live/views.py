"""The pages of live voice: where and how long, then the signature, then the button."""

from datetime import datetime
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import services as accounts
from controller.accounts import signing
from controller.accounts.access import person_of
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.core.errors import Refused
from controller.core.pages import is_live, show_refusal
from controller.live import rules, services, signatures
from controller.live.forms import SpeakForm
from controller.live.models import Speech
from controller.live.rules import Standing
from controller.orders import cards, locking
from controller.orders.cards import concerns
from controller.orders.views import areas_for
from controller.units.models import Unit
from protocol.ids import enrolment_code
from protocol.live import BITRATE, FRAME_MS, GROUP_FRAMES, MAX_BOXES, RATE_HZ, SPEAKING, WARM_MS
from protocol.roles import Role
from protocol.signing import Family

SHOWN: Final = 200
"""Where an area has more boxes, single ones cannot be chosen."""


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Where, for how long; the page makes the session's key. Nothing is heard before it is signed."""
    person, now = person_of(request), timezone.now()
    areas, blocked = _areas(person, now)
    units = [code for code, _name, _persons in areas]
    offered = [(code, name if persons == 1 else f"{name} · {_needs(persons)}") for code, name, persons in areas]
    minutes = rules.minutes(min((persons for _code, _name, persons in areas), default=1))
    form = SpeakForm(offered, _alarms(person, units, now), minutes, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            speech = services.prepare(person, form.wanted())
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("live:session", speech.pk)
    on_air = [row for row in services.on_air(now) if concerns(accounts.where(person, Action.VIEW), row.area)]
    area = request.POST.getlist("area") if request.method == "POST" else units[:1]
    several = max((persons for _code, _name, persons in areas), default=1) > 1
    context = {"form": form, "areas": areas, "blocked": blocked, "on_air": on_air, "several": several}
    context["wait"] = rules.WAIT_S // 60
    return render(request, "live/new.html", context | _boxes(person, area, request.POST.getlist("boxes"), now))


@require_GET
def boxes(request: HttpRequest) -> HttpResponse:
    """The boxes of the areas that are chosen on the page, to choose among."""
    context = _boxes(person_of(request), request.GET.getlist("area"), request.GET.getlist("boxes"), timezone.now())
    return render(request, "live/boxes.html", context)


def _boxes(person: Person, area: list[str], chosen: list[str], now: datetime) -> dict[str, object]:
    """Boxes of those of the areas in which the person may speak, with whether each is chosen: all, where none is."""
    mine = {code for code, _name, _persons in _areas(person, now)[0]}
    found = list(locking.boxes_in(sorted(mine.intersection(area))).order_by("unit__code", "name")) if mine else []
    rows = [(box, enrolment_code(box.pk), not chosen or box.pk in chosen) for box in found]
    return {"boxes": rows[:SHOWN], "too_many": len(rows) > SHOWN, "count": len(rows), "most": MAX_BOXES}


def _areas(person: Person, now: datetime) -> tuple[list[tuple[str, str, int]], str]:
    """Units with boxes where this person may speak: code, name, how many sign; and why there are none."""
    areas, blocked = areas_for(person, SPEAKING, now)
    persons = services.areas(person, [code for code, _name in areas], now) if areas else {}
    return [(code, name, persons[code]) for code, name in areas if code in persons], blocked


def _needs(persons: int) -> str:
    return ngettext("cần %(n)d người ký", "cần %(n)d người ký", persons) % {"n": persons}


@require_GET
def session(request: HttpRequest, identity: str) -> HttpResponse:
    """One session: to be signed, to be spoken in, or over. The part that waits is told to load anew once it is not."""
    found = _found(request, identity)
    if not is_live(request):
        return _page(request, found)
    now = timezone.now()
    answer = render(request, "live/waiting.html", _waiting(found, now))
    if services.standing(found, now) is not Standing.WAITING:
        answer["HX-Refresh"] = "true"
    return answer


@require_POST
def sign(request: HttpRequest, identity: str) -> HttpResponse:
    """Take the signature; from here on the boxes listen."""
    found = _found(request, identity)
    try:
        signatures.sign(found, person_of(request), signing.read(request))
    except Refused as refused:
        return _page(request, found, refused=str(refused), status=422)
    return redirect("live:session", identity)


@require_POST
def end(request: HttpRequest, identity: str) -> HttpResponse:
    """Silence."""
    found = _found(request, identity)
    try:
        services.end(found, person_of(request))
    except Refused as refused:
        return _page(request, found, refused=str(refused), status=422)
    messages.success(request, _("Đã dừng phát trực tiếp."))
    return redirect("live:session", identity)


def _page(request: HttpRequest, speech: Speech, *, refused: str = "", status: int = 200) -> HttpResponse:
    person, now = person_of(request), timezone.now()
    speech.refresh_from_db()
    standing, record = services.standing(speech, now), services.read(speech)
    mine = speech.person_id == person.pk
    names = dict(Unit.objects.filter(code__in=speech.area).values_list("code", "name"))
    context = {
        "speech": speech,
        "refused": refused,
        "standing": standing.value,
        "stopped": rules.stopped(speech.ended_at, speech.heard_at, speech.expires, now),
        "mine": mine,
        "area": ", ".join(names.get(code, code) for code in speech.area),
        "alarm": None if speech.attached is None else cards.card(speech.attached, now),
        "meant": services.meant(speech).count(),
        "chosen": list(services.meant(speech)) if speech.boxes else [],
        "quiet_until": None if speech.attached or standing is Standing.OVER else services.quiet_until(speech.area, now),
        "may_end": standing in (Standing.ON, Standing.WAITING) and services.may_end(speech, person),
        "signed": list(speech.signatures.all()),
        "as_province": speech.role == Role.EMERGENCY,
    }
    way = signatures.may_sign(person, speech, now)
    if standing is Standing.WAITING and way is None:
        context |= _waiting(speech, now)
    if way is not None:
        context["signing"] = signing.request(
            person,
            bytes(speech.payload),
            Family.LIVE,
            action=reverse("live:sign", args=[speech.pk]),
            button=_signing_words(speech, mine=mine),
            only=[way.holder.key],
        )
    if mine and standing is Standing.ON and speech.sent_at is not None:
        context["talk"] = {
            "session": speech.pk,
            "province": record.province,
            "environment": record.environment,
            "family": int(Family.VOICE),
            "key": signing.to_base64url(record.key),
            "first": int((now - speech.sent_at).total_seconds() * 1000) // FRAME_MS,
            "left": int((speech.expires - now).total_seconds() * 1000),
            "frames": GROUP_FRAMES,
            "rate": RATE_HZ,
            "bitrate": BITRATE,
            "frame": FRAME_MS,
            "warm": WARM_MS,
        }
    return render(request, "live/session.html", context, status=status)


def _signing_words(speech: Speech, *, mine: bool) -> str:
    if not mine:
        return _("Ký, cho phép nói")
    return _("Ký và mở micrô") if signatures.missing(speech) == 1 else _("Ký, rồi chờ người thứ hai")


def _waiting(speech: Speech, now: datetime) -> dict[str, object]:
    """For the page of whoever waits for somebody else's signature."""
    return {"speech": speech, "missing": signatures.missing(speech), "who_else": signatures.who_else(speech, now)}


def _alarms(person: Person, units: list[str], now: datetime) -> list[tuple[str, str]]:
    """Alarms in which this person may speak in some unit, as choices."""
    found = {alarm.pk: alarm for unit in units for alarm in services.attachable(person, (unit,), now)}
    shown = [cards.card(alarm, now) for alarm in found.values()]
    return [(card.order.pk, f"{card.status_name}: {card.title}, {card.area}") for card in shown]


def _found(request: HttpRequest, identity: str) -> Speech:
    row = Speech.objects.select_related("attached", "person", "box").filter(pk=identity).first()
    if row is None or not concerns(accounts.where(person_of(request), Action.VIEW), row.area):
        raise Http404
    return row
