"""Pages for groups: boxes that are often addressed together."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import services as accounts
from controller.accounts.access import person_of
from controller.accounts.rules import Action
from controller.boxes import services
from controller.boxes.forms import GroupForm
from controller.boxes.models import Stage
from controller.boxes.views import seen_by
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.units.services import options


@require_GET
def groups(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    rows = services.groups_of(accounts.where(person, Action.VIEW))
    return render(request, "boxes/groups.html", {"groups": rows, "may_change": services.maintains_anywhere(person)})


@require_http_methods(["GET", "POST"])
def group(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """A new group, or one to be changed."""
    person = person_of(request)
    known = None
    if number is not None:
        known = get_object_or_404(services.groups_of(accounts.where(person, Action.VIEW)), pk=number)
    boxes = seen_by(person).filter(state=Stage.APPROVED)
    initial = (
        {"name": known.name, "unit": f"{known.unit.code} {known.unit.name}", "boxes": known.boxes.all()}
        if known
        else {}
    )
    form = GroupForm(boxes, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.save_group(known, data["name"], data["unit"], list(data["boxes"]), person)
        except Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("Đã lưu nhóm."))
            return redirect("boxes:groups")
    return render(request, "boxes/group.html", {"group": known, "form": form, "unit_options": options()})


@require_POST
def delete(request: HttpRequest, number: int) -> HttpResponse:
    person = person_of(request)
    known = get_object_or_404(services.groups_of(accounts.where(person, Action.VIEW)), pk=number)
    services.delete_group(known, person)
    messages.success(request, _("Đã bỏ nhóm."))
    return redirect("boxes:groups")
