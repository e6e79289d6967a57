"""Pages of schedules: the list, a new one, what a box will say, and the regulations."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts.access import person_of
from controller.accounts.rules import Action
from controller.accounts.services import may, where
from controller.boxes.models import Box
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.jobs import services as jobs
from controller.library.models import Bulletin
from controller.library.models import State as BulletinState
from controller.library.papers import trust_or_none
from controller.schedules import exceptions, facts, places, regulating, services, wording
from controller.schedules.arrears import arrears
from controller.schedules.compiler import Aim, Reach
from controller.schedules.compiling import COMPILE
from controller.schedules.forms import PermissionForm, PolicyForm, PreviewForm, ScheduleForm
from controller.schedules.models import IN_FORCE, AssignmentRow, Permission, PolicyRecord, Schedule, State
from controller.schedules.preview import preview as preview_of
from controller.schedules.rules import DEMO
from controller.units.rules import above, covers
from controller.units.services import inside, options
from protocol.roles import Role as TrustRole

PER_PAGE = 30
OFFERED = 100


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Schedules of the units that the person may see; `state` narrows them."""
    state = request.GET.get("state", State.ACTIVE)
    rows = Schedule.objects.filter(_scope(request, "unit__code")).select_related("unit", "author")
    rows = rows.prefetch_related("items__bulletin__sound")
    if state in State.values:
        rows = rows.filter(state=state)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    over = {row.pk for row in page if services.is_over(row, timezone.now())}
    facts_ = {
        "page": page,
        "over": over,
        "states": State.choices,
        "state": state,
        "may_schedule": _may_schedule(request),
    }
    return render(request, "schedules/list.html", facts_)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("bulletin", "")
    offered = _offered(request, int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 10 else 0)
    first = offered[0] if offered and str(offered[0].pk) == wanted else None
    initial = {"unit": places.own_unit(person_of(request)), "title": first.title if first else ""}
    form = ScheduleForm(request.POST or None, initial=initial, playing=first)
    if request.method == "POST" and form.is_valid():
        try:
            schedule = services.publish(form.draft(), person_of(request))
        except Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("Đã đưa lịch vào dùng; các hộp thiết bị đang được báo."))
            return redirect("schedules:schedule", schedule.pk)
    chosen = {"targets": request.POST.getlist("targets"), "excluded": request.POST.getlist("excluded")}
    shown = {
        "form": form,
        "playlist": form.playlist(offered),
        "places": places.choices(where(person_of(request), Action.SCHEDULE)),
        "unit_options": options(),
        **chosen,
    }
    return render(request, "schedules/new.html", shown)


@require_POST
def count(request: HttpRequest) -> HttpResponse:
    """How many boxes the ticked places mean, of those that the person may address; asked at every change."""
    own = where(person_of(request), Action.SCHEDULE)
    include, exclude = (places.aimed(request.POST.getlist(name)).aim for name in ("targets", "excluded"))
    hit = [
        place for place in Reach(facts.places()).hits(include, exclude) if any(covers(one, place.unit) for one in own)
    ]
    shown = {"boxes": len(hit), "chosen": include != Aim()}
    return render(request, "schedules/count.html", shown)


@require_GET
def schedule(request: HttpRequest, number: int) -> HttpResponse:
    row = _schedule(request, number)
    reached = [place.box for place in _reached(row)]
    told = AssignmentRow.objects.filter(box__in=reached)
    job = jobs.newest(COMPILE)
    shown = {
        "schedule": row,
        "over": services.is_over(row, timezone.now()),
        "recurrence": wording.recurrence(row.rule),
        "items": row.items.select_related("bulletin"),
        "targets": row.targets.filter(excluded=False),
        "excluded": row.targets.filter(excluded=True),
        "boxes": Box.objects.filter(pk__in=reached).select_related("unit", "status", "assignment"),
        "reached": len(reached),
        "in_force": told.filter(IN_FORCE).count(),
        "late": arrears(timezone.now()) is not None,
        "compiling": job is not None and job.finished is None,
        "may_withdraw": row.state == State.ACTIVE and may(person_of(request), Action.SCHEDULE, row.unit.code),
    }
    return render(request, "schedules/schedule.html", shown)


@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    try:
        services.withdraw(_schedule(request, number), person_of(request), request.POST.get("reason", ""))
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("Đã rút lịch; các hộp thiết bị đang được báo."))
    return redirect("schedules:schedule", number)


@require_GET
def preview(request: HttpRequest, box: str) -> HttpResponse:
    """What this box will say at a moment and in the day after it, and why."""
    row = get_object_or_404(Box.objects.filter(_scope(request, "unit__code")), pk=box)
    form = PreviewForm(request.GET if "at_0" in request.GET else None)
    moment = form.cleaned_data["at"] if form.is_bound and form.is_valid() else None
    told, at = services.assignment_for(row.pk), moment or timezone.now()
    shown = {
        "box": row,
        "form": form,
        "at": at,
        "told": told,
        "preview": preview_of(told, at, wording.language()) if told else None,
    }
    return render(request, "schedules/preview.html", shown)


@require_http_methods(["GET", "POST"])
def regulations(request: HttpRequest) -> HttpResponse:
    """The regulations in force and the early permissions, with forms to set them."""
    policy, permission = PolicyForm(), PermissionForm()
    if request.method == "POST" and request.POST.get("form") == "permission":
        permission = PermissionForm(request.POST)
        if permission.is_valid() and _permit(request, permission):
            return redirect("schedules:regulations")
    elif request.method == "POST":
        policy = PolicyForm(request.POST)
        if policy.is_valid() and _set_policy(request, policy):
            return redirect("schedules:regulations")
    trust = trust_or_none(settings.LOALANG.province)
    roots = None if trust is None else trust.roots
    shown = {
        "policy": policy,
        "permission": permission,
        "everywhere": [wording.hours(hours) for hours in facts.rules(timezone.now()).province.quiet],
        "bounds": [wording.policy(policy) for policy in facts.bounds()],
        "roots": roots,
        "root_holders": []
        if roots is None
        else sorted({one.person for one in roots.holders if TrustRole.ROOT in one.roles}),
        "is_demo": facts.demo_night() is not None,
        "policies": [
            (row, wording.policy(facts.policy_of(row)))
            for row in PolicyRecord.objects.exclude(unit=None)
            .exclude(template=DEMO)
            .select_related("unit")
            .order_by("unit__code")
        ],
        "permissions": Permission.objects.select_related("unit"),
        "unit_options": options(),
        "may_set": bool(where(person_of(request), Action.ADMINISTER)),
        "exceptions": exceptions.listed(timezone.now()),
        "may_except": bool(where(person_of(request), Action.ADMINISTER) or _may_schedule(request)),
    }
    return render(request, "schedules/regulations.html", shown)


def _permit(request: HttpRequest, form: PermissionForm) -> bool:
    data = form.cleaned_data
    try:
        regulating.permit_early(
            data["unit"],
            data["number"],
            data["issued"],
            person_of(request),
            valid_from=data["valid_from"],
            valid_to=data["valid_to"],
        )
    except Refused as refused:
        show_refusal(form, refused)
        return False
    messages.success(request, _("Đã ghi văn bản cho phép."))
    return True


def _set_policy(request: HttpRequest, form: PolicyForm) -> bool:
    try:
        regulating.set_policy(form.cleaned_data["unit"], form.cleaned_data["template"], person_of(request))
    except Refused as refused:
        show_refusal(form, refused)
        return False
    messages.success(request, _("Đã đặt quy định; các hộp thiết bị đang được báo."))
    return True


def _scope(request: HttpRequest, field: str) -> Q:
    """Rows whose unit lies where the person has any role."""
    return inside(field, where(person_of(request), Action.VIEW))


def _schedule(request: HttpRequest, number: int) -> Schedule:
    return get_object_or_404(
        Schedule.objects.filter(_scope(request, "unit__code")).select_related("unit", "station"), pk=number
    )


def _reached(row: Schedule) -> list[Any]:
    """The boxes that it means now."""
    aims = facts.aims_of(row)
    return Reach(facts.places()).hits(*aims)


def _offered(request: HttpRequest, first: int) -> list[Bulletin]:
    """Approved bulletins to choose from: the person's units', and those from above, which are there to be carried.

    The one of number `first` leads, if it is among them.
    """
    codes = where(person_of(request), Action.SCHEDULE)
    upper = {part for code in codes for part in above(code)}
    below = Q(pk__in=[])
    for code in codes:
        below |= Q(unit__code__startswith=f"{code}-")
    rows = Bulletin.objects.filter(Q(unit__code__in=upper) | below, state=BulletinState.APPROVED)
    rows = rows.select_related("unit", "sound")
    return [*rows.filter(pk=first), *rows.exclude(pk=first)[:OFFERED]]


def _may_schedule(request: HttpRequest) -> bool:
    return bool(where(person_of(request), Action.SCHEDULE))
