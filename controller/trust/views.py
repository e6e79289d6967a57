"""Who is trusted in a unit, and the list by which two administrators of the province change that within minutes."""

import datetime as dt

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from msgspec.structs import replace

from controller.accounts import services as accounts
from controller.accounts import signing
from controller.accounts.access import person_of
from controller.accounts.models import Person, PersonKey
from controller.boxes.models import Box, Stage
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.trust import delegating, losing, offices, reaching, services, waiting, wording
from controller.trust.forms import FindUnitForm, OfficerForm
from controller.trust.models import DelegationFile, State
from controller.trust.places import revocable
from controller.units.models import Unit
from controller.units.rules import above, covers
from controller.units.services import names, options
from protocol.delegation import holders_in_force
from protocol.ids import one_spelling, sha256
from protocol.roles import MACHINES, Holder, root_fingerprint
from protocol.signing import Family

WARN_DAYS = 60
"""So long before a list ends its page says so."""


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """What waits for this person, the roots, and the units that have boxes or lists; any other unit by its name."""
    person, now = person_of(request), timezone.now()
    find = FindUnitForm(request.GET if "unit" in request.GET else None)
    if find.is_bound and find.is_valid():
        return redirect("trust:unit", find.cleaned_data["unit"].code)
    row = services.current()
    roots = None if row is None else services.current_roots()
    mine = waiting.own_units(person, now, _units_in_use())
    listed = set(_listed())
    context = {
        "row": row,
        "fingerprint": "" if roots is None else root_fingerprint(roots).hex(" ", 2).upper(),
        "people": [] if roots is None else [_line(holder) | _gone(holder) for holder in roots.holders],
        "waiting": waiting.to_sign(person, now),
        "managers": "" if roots is None else ", ".join(delegating.who_signs(roots.province, now)),
        "lists": Unit.objects.filter(code__in=listed - set(mine)).order_by("code"),
        "units": [(one, one.code in listed) for one in Unit.objects.filter(code__in=mine).order_by("code")],
        "administers": bool(mine),
        "taken": [] if roots is None else _taken_away(),
        "find": find,
        "unit_options": options(),
    }
    return render(request, "trust/overview.html", context)


@require_http_methods(["GET", "POST"])
def unit(request: HttpRequest, code: str) -> HttpResponse:
    """One unit: its people, the list that waits, and the form for the next one."""
    shown, person = get_object_or_404(Unit, code=code), person_of(request)
    form = OfficerForm(_keys(code), request.POST if request.POST.get("what") == "add" else None)
    if request.method == "POST":
        try:
            _prepare(request, person, code, form)
        except Refused as refused:
            if not form.is_bound:
                return _page(request, shown, person, form, status=422, refused=str(refused))
            show_refusal(form, refused)
        else:
            if not form.errors:
                return redirect("trust:unit", code)
    return _page(request, shown, person, form, status=422 if form.errors else 200)


@require_POST
def sign(request: HttpRequest, code: str) -> HttpResponse:
    """An administrator's signature under the list that waits."""
    shown, person = get_object_or_404(Unit, code=code), person_of(request)
    row = delegating.waiting(code)
    form = OfficerForm(_keys(code))
    try:
        if row is None:
            _refuse_nothing_waits()
        else:
            done = delegating.sign(row, person, signing.read(request))
            messages.success(request, _signed_words(done))
    except Refused as refused:
        return _page(request, shown, person, form, status=422, refused=str(refused))
    return redirect("trust:unit", code)


@require_POST
def drop(request: HttpRequest, code: str) -> HttpResponse:
    """Give up the list that waits."""
    shown, person = get_object_or_404(Unit, code=code), person_of(request)
    row = delegating.waiting(code)
    try:
        if row is not None:
            delegating.drop(row, person)
            messages.success(request, _("Đã bỏ danh sách đang chờ; không có gì thay đổi."))
    except Refused as refused:
        return _page(request, shown, person, OfficerForm(_keys(code)), status=422, refused=str(refused))
    return redirect("trust:unit", code)


def _signed_words(row: DelegationFile) -> str:
    if row.published is not None:
        return _("Danh sách đã phát hành tới các hộp.")
    return _("Đã nhận chữ ký. Còn chờ người quản lý danh sách thứ hai.")


def _refuse_nothing_waits() -> None:
    raise Refused("list", _("Không có danh sách nào đang chờ ký."), _("Tải lại trang để xem tình trạng."))


def _prepare(request: HttpRequest, person: Person, code: str, form: OfficerForm) -> None:
    """Add somebody, take somebody out, or take a lost key away.

    The list that waits goes on in the next one, but for its signatures: they were for other bytes.
    """
    what, waits, before = request.POST.get("what", ""), delegating.waiting(code), delegating.standing(code)
    begun = waits is not None and waits.signatures.exists()
    if what == "add":
        if form.is_valid():
            holder = _holder(form, code)
            delegating.prepare(person, code, delegating.with_(before, holder), reason=form.cleaned_data["reason"])
            _say_what_goes_on(request, begun=begun)
        return
    if what not in ("remove", "lost"):
        raise Refused("what", _("Trang này không có thao tác đó."), _("Tải lại trang rồi bấm lại."))
    key = _posted_key(request)
    if what == "lost":
        made = losing.lose(person, code, key)
        elsewhere = [row.unit for row in made if row.unit != code]
        if elsewhere:
            messages.warning(
                request,
                _("Khóa này còn có hiệu lực ở nơi khác: mở và ký cả danh sách của %(units)s.")
                % {"units": ", ".join(elsewhere)},
            )
    else:
        left = [row for row in (before.holders if before else ()) if row.key != key]
        delegating.prepare(person, code, left)
    _say_what_goes_on(request, begun=begun)


def _say_what_goes_on(request: HttpRequest, *, begun: bool) -> None:
    if begun:
        messages.info(request, _("Danh sách đang chờ đã được gộp vào danh sách mới; ai đã ký thì ký lại."))


def _posted_key(request: HttpRequest) -> bytes:
    try:
        return bytes.fromhex(request.POST.get("key", ""))
    except ValueError as error:
        raise Refused("key", _("Không đọc được khóa này."), _("Tải lại trang rồi bấm lại.")) from error


def _holder(form: OfficerForm, code: str) -> Holder:
    row = PersonKey.objects.select_related("person").get(pk=form.cleaned_data["key"])
    starts, ends = form.cleaned_data["starts"], form.cleaned_data["ends"]
    return Holder(
        bytes(row.public_key),
        one_spelling(row.person.display_name),
        form.chosen(),
        (code,),
        not_before=0 if starts is None else _midnight(starts),
        not_after=wording.FOR_EVER if ends is None else _midnight(ends + dt.timedelta(days=1)) - 1,
        party=_party(row),
    )


def _party(row: PersonKey) -> int:
    """Which of the roots' parties a passkey is of; 0 for a key that signs bytes itself. Raises `Refused`."""
    if not row.rp_id:
        return 0
    for number, party in enumerate(services.current_roots().parties, 1):
        if party.id == row.rp_id:
            return number
    raise Refused(
        "key",
        _("Khóa này được tạo ở địa chỉ %(address)s, mà danh sách gốc không có địa chỉ đó.") % {"address": row.rp_id},
        _("Đăng ký khóa ở địa chỉ chính của hệ thống, hoặc nhờ những người giữ khóa gốc thêm địa chỉ (parties)."),
    )


def _midnight(day: dt.date) -> int:
    return int(timezone.make_aware(dt.datetime.combine(day, dt.time())).timestamp())


def _keys(code: str) -> list[PersonKey]:
    """Registered keys of the people of this unit and of those above it, for the form."""
    rows = (
        PersonKey.objects.filter(revoked=None, person__is_active=True)
        .select_related("person")
        .order_by("person__display_name", "pk")
    )
    near = above(code)
    return [row for row in rows if any(unit in near or covers(code, unit) for unit in _places(row.person))]


def _places(person: Person) -> list[str]:
    """Units in which the person has an office."""
    return [one.unit.code for one in person.appointments.select_related("unit")]


def _units_in_use() -> list[str]:
    """Codes of the units that have boxes or lists: the others have nobody to trust yet, and are asked for by name."""
    boxes = Box.objects.filter(state=Stage.APPROVED).exclude(unit=None).values_list("unit__code", flat=True)
    return sorted({code for box in set(boxes) for code in above(box or "")} | set(_listed()))


def _listed() -> QuerySet[DelegationFile, str]:
    return DelegationFile.objects.filter(state=State.PUBLISHED).values_list("unit", flat=True).distinct()


def _taken_away() -> list[dict[str, str]]:
    """Every key that a list in force has taken away: whoever makes roots of a new era leaves these out."""
    people = {sha256(row.key): row.person for row in services.current_roots().holders}
    people |= {sha256(bytes(row.public_key)): str(row.person) for row in PersonKey.objects.select_related("person")}
    return [
        {"unit": names([unit]), "person": people.get(name, ""), "fingerprint": wording.mark(name)}
        for unit, one in sorted(services.lists_in_force().items())
        for name in one.revoked
    ]


def _gone(holder: Holder) -> dict[str, str]:
    """Where lists in force have taken a key of the roots away."""
    name = sha256(holder.key)
    return {"gone": names(unit for unit, one in services.lists_in_force().items() if name in one.revoked)}


def _line(holder: Holder) -> dict[str, object]:
    return {
        "person": holder.person,
        "roles": wording.roles(holder),
        "dates": wording.dates(holder),
        "scope": names(holder.scope),
        "key": holder.key.hex(),
        "fingerprint": wording.fingerprint(holder.key),
        "lost": holder.key in accounts.reported_keys(),
    }


def _page(
    request: HttpRequest, shown: Unit, person: Person, form: OfficerForm, *, status: int = 200, refused: str = ""
) -> HttpResponse:
    now = timezone.now()
    context: dict[str, object] = {"unit": shown, "form": form, "refused": refused, "now": now}
    try:
        roots, held = services.current_roots(), delegating.in_force(shown.code)
    except Refused as problem:
        return render(request, "trust/unit.html", context | {"refused": str(problem)}, status=status)
    mine, row = delegating.lines_of(person, shown.code, now), delegating.waiting(shown.code)
    admins = delegating.administrators(roots, shown.code, int(now.timestamp()))
    trust = services.trust_of(shown.code)
    near = [
        replace(one, roles=trust.roles_left(one))
        for one in roots.holders
        if trust.roles_left(one) and any(covers(scope, shown.code) for scope in one.scope)
    ]
    own = [one for one in (holders_in_force(held, roots) if held else ()) if trust.roles_left(one)]
    context |= {
        "above": [_line(one) for one in near],
        "own": [_line(one) for one in own],
        "gaps_own": offices.gaps(own, now),
        "machines": ", ".join(sorted({one.person for one in near if MACHINES & set(one.roles)})) if mine else "",
        "revocable": [_line(one) for one in near if revocable(one)],
        "list": held,
        "row_in_force": services.newest_lists([shown.code]).get(shown.code),
        "reached": reaching.reached(services.newest_lists([shown.code])[shown.code]) if held else None,
        "ends": None if held is None else dt.datetime.fromtimestamp(held.expires, dt.UTC),
        "ends_soon": held is not None and held.expires - now.timestamp() < WARN_DAYS * 86_400,
        "may_change": bool(mine),
        "administrators": ", ".join(sorted({one.person for one in admins})),
    }
    if row is not None:
        signatures = list(row.signatures.all())
        context |= {
            "waiting": row,
            "reason": delegating.read(row).reason,
            "adds": any(held is None or one not in held.holders for one in delegating.read(row).holders),
            "gaps_waiting": offices.gaps([one for one in delegating.read(row).holders if one not in own], now),
            "changes": wording.changes(held, delegating.read(row), roots.holders),
            "signed": signatures,
            "others": ", ".join(waiting.others(person, row, now)),
            "has_signed": any(one.person_id == person.pk for one in signatures),
        }
        if mine:
            context["signing"] = signing.request(
                person,
                bytes(row.payload),
                Family.DELEGATION,
                action="ky/",
                button=_("Ký danh sách này"),
                only=[one.key for one in mine],
            )
    return render(request, "trust/unit.html", context, status=status)
