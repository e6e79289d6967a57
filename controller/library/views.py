"""Pages of bulletins: the list, writing, listening, approving."""

import datetime as dt
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controller.accounts import signing
from controller.accounts.access import person_of
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import may, where
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.jobs import services as jobs
from controller.library import approving, boards, files, papers, rules, services
from controller.library.forms import BulletinForm, EditForm, RefusalForm, language_fields
from controller.library.models import Bulletin, Class, State
from controller.library.serving import file_response
from controller.library.wording import language_name
from controller.units.models import Unit
from controller.units.services import inside, options
from protocol.board.page import Look, Page
from protocol.roles import Role
from protocol.signing import Family

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
            bulletin = services.write(
                form.words(),
                form.cleaned_data["unit"],
                person,
                recording=_uploaded(form, "audio"),
                picture=_uploaded(form, "picture"),
            )
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
        request.POST or None,
        request.FILES or None,
        initial=initial,
        has_recording=bulletin.original is not None,
        has_picture=bulletin.picture is not None,
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.edit(
                bulletin,
                form.words(),
                person_of(request),
                recording=_uploaded(form, "audio"),
                drop_recording=form.cleaned_data.get("drop_recording", False),
                picture=_uploaded(form, "picture"),
                drop_picture=form.cleaned_data.get("drop_picture", False),
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


@require_GET
def board(request: HttpRequest, number: int) -> HttpResponse:
    """What boards of another size will show, for its part of the page."""
    return render(request, "library/board.html", _board(request, _bulletin(request, number)))


def _expect_heard(request: HttpRequest) -> None:
    if request.POST.get("heard") != "on":
        raise Refused("heard", _("Chưa đánh dấu là đã nghe hết."), _("Nghe hết bản tin, đánh dấu, rồi mới duyệt."))


@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    """Take an approver's signature over the bytes that their page showed."""
    row, person = _bulletin(request, number), person_of(request)
    try:
        _expect_heard(request)
        done = services.approve(row, person, signing.read(request), _payload(request.POST.get("payload", "")))
    except Refused as refused:
        row.refresh_from_db()
        return _page(request, row, RefusalForm(), refused=str(refused), status=422)
    if done.envelope is None:
        messages.success(request, _("Đã nhận chữ ký của bạn. Còn chờ người khác ký."))
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


@require_GET
def picture(request: HttpRequest, number: int) -> HttpResponse:
    """What boards fit into their size, as boxes get it."""
    row = _bulletin(request, number)
    if row.picture is None:
        raise Http404
    return file_response(request, files.path_of(row.picture.hash), "image/png", row.picture.hash)


def _page(
    request: HttpRequest, row: Bulletin, refusal: RefusalForm, *, refused: str = "", status: int = 200
) -> HttpResponse:
    person = person_of(request)
    approver = may(person, Action.APPROVE, row.unit.code)
    may_approve = approver and rules.may_approve(person.pk, row.author_id, row.edited_by_id)
    facts: dict[str, Any] = {
        "bulletin": row,
        "job": _job(row),
        "spoken": services.spoken_text(row),
        "approvals": row.approvals.select_related("person").prefetch_related("signatures"),
        "may_edit": may(person, Action.EDIT, row.unit.code),
        "own": approver and not may_approve,
        "may_refuse": approver and rules.after(row.state, rules.Step.REFUSE) is not None,
        "may_schedule": row.state == State.APPROVED and bool(where(person, Action.SCHEDULE)),
        "language": language_name(row.language),
        "refusal": refusal,
        "refused": refused,
        **_board(request, row),
        **_approval(row, person, may_approve=may_approve),
    }
    return render(request, "library/bulletin.html", facts, status=status)


def _board(request: HttpRequest, row: Bulletin) -> dict[str, Any]:
    """What boards show while it sounds."""
    page = Page(Look.BULLETIN, row.title, approving.board_text(row))
    return {
        "board": boards.preview(page, boards.size_asked(request), row.picture_id or ""),
        "board_url": reverse("library:board", args=[row.pk]),
        "title_only": not page.text,
    }


def _approval(row: Bulletin, person: Person, *, may_approve: bool) -> dict[str, Any]:
    """Whether its approval counts today; and for an approver what they sign, read from its very bytes."""
    now, trust = timezone.now(), papers.trust_or_none(row.unit.code)
    standing = approving.good(row, trust, now) if row.state == State.APPROVED else None
    stale = row.state == State.APPROVED and standing is None
    waits = row.sound is not None and (row.state == State.READY or stale)
    found: dict[str, Any] = {"standing": standing, "stale": stale, "waits": waits}
    if not waits:
        return found
    found["who"] = papers.who_may(Role.CONTENT, row.unit.code, trust, now)
    if trust is None:
        return found
    found["have"], found["need"] = approving.signatures_needed(row, trust, now)
    keys = papers.keys_of(person, Role.CONTENT, row.unit.code, trust, now) if may_approve else []
    if not keys:
        return found | {"without_key": may_approve}
    payload = approving.payload_for(row, trust, now)
    asked = approving.read(payload)
    scope = Unit.objects.filter(code=asked.scope).first()
    return found | {
        "asked": {
            "title": asked.title,
            "klass": Class(asked.klass).label,
            "language": language_name(asked.language),
            "scope": scope.name if scope else asked.scope,
            "sound": asked.hash.hex(),
            "picture": "" if asked.picture is None else asked.picture.hex(),
            "spoken": asked.text is not None,
            "expires": dt.datetime.fromtimestamp(asked.expires, dt.UTC),
        },
        "signing": signing.request(
            person,
            payload,
            Family.APPROVAL,
            action=reverse("library:approve", args=[row.pk]),
            fields={"payload": signing.to_base64url(payload)},
            button=_("Duyệt"),
            only=keys,
        ),
    }


def _payload(text: str) -> bytes:
    """What the page gave to be signed. Raises `Refused`."""
    try:
        return signing.from_base64url(text)
    except ValueError as error:
        raise Refused("", _("Trang gửi lên không đầy đủ."), _("Hãy tải lại trang rồi duyệt lại.")) from error


def _visible(request: HttpRequest) -> Any:
    """Bulletins in the units in which the person has any role."""
    return Bulletin.objects.filter(inside("unit__code", where(person_of(request), Action.VIEW)))


def _bulletin(request: HttpRequest, number: int) -> Bulletin:
    row: Bulletin = get_object_or_404(_visible(request).select_related("unit", "author", "edited_by"), pk=number)
    return row


def _job(row: Bulletin) -> Any:
    return jobs.newest(services.RENDER, str(row.pk)) if row.state == State.RENDERING else None


def _uploaded(form: BulletinForm, field: str) -> Path | None:
    """Where the upload is for now (settings: uploads always go to a temporary file, which Django removes)."""
    upload = form.cleaned_data.get(field)
    return Path(upload.temporary_file_path()) if isinstance(upload, TemporaryUploadedFile) else None


def _own_unit(request: HttpRequest) -> str:
    """The person's first unit, to start the form with."""
    codes = where(person_of(request), Action.EDIT)
    unit = Unit.objects.filter(code=codes[0]).first() if codes else None
    return f"{unit.code} {unit.name}" if unit else ""
