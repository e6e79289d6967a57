"""Pages of bulletins: the list, writing, listening, approving."""

from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts.access import person_of
from controller.accounts.rules import Action
from controller.accounts.services import may, where
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.jobs import services as jobs
from controller.library import files, rules, services
from controller.library.forms import BulletinForm, EditForm, RefusalForm, language_fields
from controller.library.models import Bulletin, State
from controller.library.serving import file_response
from controller.library.wording import language_name
from controller.units.models import Unit
from controller.units.services import inside, options

PER_PAGE = 30


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Bulletins of the units that the person may see, newest first; `state` and `q` narrow them."""
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()
    rows = _visible(request).select_related("unit", "author", "sound")
    if state in State.values:
        rows = rows.filter(state=state)
    if text:
        rows = rows.filter(Q(title__icontains=text) | Q(text__icontains=text))
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    may_write = bool(where(person_of(request), Action.EDIT))
    facts = {"page": page, "states": State.choices, "state": state, "q": text, "may_write": may_write}
    return render(request, "library/list.html", facts)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    form = BulletinForm(request.POST or None, request.FILES or None, initial={"unit": _own_unit(request)})
    if request.method == "POST" and form.is_valid():
        try:
            bulletin = services.write(form.words(), form.cleaned_data["unit"], person, recording=_uploaded(form))
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("library:bulletin", bulletin.pk)
    return render(request, "library/edit.html", {"form": form, "unit_options": options()})


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, number: int) -> HttpResponse:
    bulletin = _bulletin(request, number)
    initial = {name: getattr(bulletin, name) for name in ("title", "text", "voice", "klass")}
    initial |= language_fields(bulletin.language)
    form = EditForm(
        request.POST or None, request.FILES or None, initial=initial, has_recording=bulletin.original is not None
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.edit(
                bulletin,
                form.words(),
                person_of(request),
                recording=_uploaded(form),
                drop_recording=form.cleaned_data.get("drop_recording", False),
            )
        except Refused as refused:
            show_refusal(form, refused)
        else:
            return redirect("library:bulletin", bulletin.pk)
    return render(request, "library/edit.html", {"form": form, "bulletin": bulletin})


@require_GET
def bulletin(request: HttpRequest, number: int) -> HttpResponse:
    return _page(request, _bulletin(request, number), RefusalForm())


@require_GET
def status(request: HttpRequest, number: int) -> HttpResponse:
    """How the making of the sound goes, for the page to ask again and again; when it is done the page loads anew."""
    row = _bulletin(request, number)
    response = render(request, "library/progress.html", {"bulletin": row, "job": _job(row)})
    if row.state != State.RENDERING:
        response.headers["HX-Refresh"] = "true"
    return response


@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    row = _bulletin(request, number)
    try:
        services.approve(
            row,
            person_of(request),
            sound=request.POST.get("sound", ""),
            text_hash=request.POST.get("text_hash", ""),
        )
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("Đã duyệt “%(title)s”. Bây giờ có thể lập lịch phát.") % {"title": row.title})
    return redirect("library:bulletin", number)


@require_POST
def refuse(request: HttpRequest, number: int) -> HttpResponse:
    row, form = _bulletin(request, number), RefusalForm(request.POST)
    if form.is_valid():
        try:
            services.refuse(row, person_of(request), form.cleaned_data["reason"])
        except Refused as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("Đã trả lại bản tin cho người viết."))
            return redirect("library:bulletin", number)
    return _page(request, row, form)


@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    row = _bulletin(request, number)
    try:
        services.withdraw(row, person_of(request), request.POST.get("reason", ""))
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("Đã rút bản tin; các lịch phát sẽ bỏ qua nó."))
    return redirect("library:bulletin", number)


@require_GET
def sound(request: HttpRequest, number: int) -> HttpResponse:
    """What boxes sound, for listening before approval."""
    row = _bulletin(request, number)
    if row.sound is None:
        raise Http404
    return file_response(request, files.path_of(row.sound.hash), "audio/ogg", row.sound.hash)


def _page(request: HttpRequest, row: Bulletin, refusal: RefusalForm) -> HttpResponse:
    person = person_of(request)
    approver = may(person, Action.APPROVE, row.unit.code)
    facts: dict[str, Any] = {
        "bulletin": row,
        "job": _job(row),
        "spoken": services.spoken_text(row),
        "approvals": row.approvals.select_related("person"),
        "may_edit": may(person, Action.EDIT, row.unit.code),
        "may_approve": approver and rules.may_approve(person.pk, row.author_id, row.edited_by_id),
        "own": approver and not rules.may_approve(person.pk, row.author_id, row.edited_by_id),
        "may_refuse": approver and rules.after(row.state, rules.Step.REFUSE) is not None,
        "may_schedule": row.state == State.APPROVED and bool(where(person, Action.SCHEDULE)),
        "language": language_name(row.language),
        "refusal": refusal,
    }
    return render(request, "library/bulletin.html", facts)


def _visible(request: HttpRequest) -> Any:
    """Bulletins in the units in which the person has any role."""
    return Bulletin.objects.filter(inside("unit__code", where(person_of(request), Action.VIEW)))


def _bulletin(request: HttpRequest, number: int) -> Bulletin:
    row: Bulletin = get_object_or_404(_visible(request).select_related("unit", "author", "edited_by"), pk=number)
    return row


def _job(row: Bulletin) -> Any:
    return jobs.newest(services.RENDER, str(row.pk)) if row.state == State.RENDERING else None


def _uploaded(form: BulletinForm) -> Path | None:
    """Where the upload is for now (settings: uploads always go to a temporary file, which Django removes)."""
    upload = form.cleaned_data.get("audio")
    return Path(upload.temporary_file_path()) if isinstance(upload, TemporaryUploadedFile) else None


def _own_unit(request: HttpRequest) -> str:
    """The person's first unit, to start the form with."""
    codes = where(person_of(request), Action.EDIT)
    unit = Unit.objects.filter(code=codes[0]).first() if codes else None
    return f"{unit.code} {unit.name}" if unit else ""
