"""Pages by which administrators keep the people of their units: who is there, what they may do, new passwords."""

from collections.abc import Iterable

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import services
from controller.accounts.access import person_of
from controller.accounts.forms import AppointmentForm, PersonForm
from controller.accounts.models import Appointment, Person, Role
from controller.accounts.rules import Action
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.core.times import today
from controller.units.services import inside, options


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """Everybody appointed in the reader's units; strangers to them are not shown."""
    person = person_of(request)
    rows = _within(services.where(person, Action.VIEW)).prefetch_related("appointments__unit")
    if text := request.GET.get("q", "").strip():
        rows = rows.filter(Q(display_name__icontains=text) | Q(username__icontains=text))
    return render(
        request,
        "accounts/people.html",
        {"people": rows, "q": text, "administers": bool(services.where(person, Action.ADMINISTER))},
    )


@never_cache
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    by = person_of(request)
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.require(by, Action.ADMINISTER, data["unit"].code, field="unit")
            person, password = services.add_person(
                data["username"], data["display_name"], [(Role(data["role"]), data["unit"])], by=by
            )
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return render(request, "accounts/one_time.html", {"person": person, "password": password})
    return render(request, "accounts/add.html", {"form": form, "unit_options": options()})


@require_http_methods(["GET", "POST"])
def person(request: HttpRequest, number: int) -> HttpResponse:
    """One person; a POST appoints."""
    by = person_of(request)
    shown = get_object_or_404(_within(services.where(by, Action.VIEW)), pk=number)
    form = AppointmentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.require(by, Action.ADMINISTER, data["unit"].code, field="unit")
            services.appoint(shown, Role(data["role"]), data["unit"], valid_to=data["valid_to"], by=by)
        except Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("Đã phân công."))
            return redirect("accounts:person", number)
    day = today(timezone.now())
    return render(
        request,
        "accounts/person.html",
        {
            "person": shown,
            "form": form,
            "appointments": shown.appointments.select_related("unit"),
            "today": day,
            "keys": shown.keys.all(),
            "administers": bool(services.where(by, Action.ADMINISTER)),
            "manages": services.may_manage(by, shown),
            "unit_options": options(),
        },
    )


@require_POST
def end_appointment(request: HttpRequest, number: int) -> HttpResponse:
    row = get_object_or_404(Appointment.objects.select_related("unit", "person"), pk=number)
    by = services.require(person_of(request), Action.ADMINISTER, row.unit.code)
    services.end_appointment(row, by=by)
    messages.success(request, _("Đã kết thúc vai trò."))
    return redirect("accounts:person", row.person_id)


@never_cache
@require_POST
def reset_password(request: HttpRequest, number: int) -> HttpResponse:
    by, other = person_of(request), get_object_or_404(Person, pk=number)
    services.require_manage(by, other)
    return render(
        request, "accounts/one_time.html", {"person": other, "password": services.reset_password(other, by=by)}
    )


@require_POST
def set_active(request: HttpRequest, number: int) -> HttpResponse:
    by, other = person_of(request), get_object_or_404(Person, pk=number)
    services.require_manage(by, other)
    services.set_active(other, request.POST.get("active") == "1", by=by)
    return redirect("accounts:person", number)


def _within(codes: Iterable[str]) -> QuerySet[Person]:
    """People with an appointment in one of these units or below."""
    return (
        Person.objects.filter(inside("appointments__unit__code", codes)).distinct().order_by("display_name", "username")
    )
