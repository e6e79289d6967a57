"""The pages of live voice: where and how long, then the signature, then the button."""

from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import services as accounts
from controller.accounts import signing
from controller.accounts.access import person_of
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.live import services
from controller.live.forms import SpeakForm
from controller.live.models import Speech
from controller.live.rules import Standing
from controller.orders import cards, locking
from controller.orders.cards import concerns
from controller.orders.views import areas_for
from controller.units.models import Unit
from protocol.live import BITRATE, FRAME_MS, GROUP_FRAMES, RATE_HZ, WARM_MS
from protocol.roles import Role
from protocol.signing import Family


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Where, for how long; the page makes the session's key. Nothing is heard before it is signed."""
    person, now = person_of(request), timezone.now()
    areas, blocked = areas_for(person, (Role.COMMUNE,), now)
    form = SpeakForm(areas, _alarms(person, [code for code, _name in areas], now), request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            speech = services.prepare(person, form.wanted())
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("live:session", speech.pk)
    on_air = [row for row in services.on_air(now) if concerns(accounts.where(person, Action.VIEW), row.area)]
    context = {"form": form, "areas": areas, "blocked": blocked, "on_air": on_air}
    return render(request, "live/new.html", context)


@require_GET
def session(request: HttpRequest, identity: str) -> HttpResponse:
    """One session: to be signed, to be spoken in, or over."""
    return _page(request, _found(request, identity))


@require_POST
def sign(request: HttpRequest, identity: str) -> HttpResponse:
    """Take the signature; from here on the boxes listen."""
    found = _found(request, identity)
    try:
        services.sign(found, person_of(request), signing.read(request))
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
        "mine": mine,
        "area": ", ".join(names.get(code, code) for code in speech.area),
        "alarm": None if speech.attached is None else cards.card(speech.attached, now),
        "meant": locking.boxes_in(speech.area).count(),
        "quiet_until": None if speech.attached or standing is Standing.OVER else services.quiet_until(speech.area, now),
        "may_end": standing is Standing.ON and services.may_end(speech, person),
    }
    if mine and standing is Standing.WAITING:
        context["signing"] = signing.request(
            person,
            bytes(speech.payload),
            Family.LIVE,
            action=reverse("live:sign", args=[speech.pk]),
            button=_("Ký và mở micrô"),
            only=[way.holder.key for way in services.ways(person, speech.area, now)],
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


def _alarms(person: Person, units: list[str], now: datetime) -> list[tuple[str, str]]:
    """Alarms in which this person may speak in some unit, as choices."""
    found = {alarm.pk: alarm for unit in units for alarm in services.attachable(person, (unit,), now)}
    shown = [cards.card(alarm, now) for alarm in found.values()]
    return [(card.order.pk, f"{card.status_name}: {card.title}, {card.area}") for card in shown]


def _found(request: HttpRequest, identity: str) -> Speech:
    row = Speech.objects.select_related("attached", "person").filter(pk=identity).first()
    if row is None or not concerns(accounts.where(person_of(request), Action.VIEW), row.area):
        raise Http404
    return row
