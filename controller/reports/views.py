"""The play log as a page and as CSV."""

from dataclasses import dataclass, replace

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from controller.accounts import services as accounts
from controller.accounts.access import person_of
from controller.accounts.rules import Action
from controller.boxes.models import Box
from controller.core.times import ZONE
from controller.reports import services, wording
from controller.reports.forms import LogFilter
from controller.reports.models import ChainAnomaly, PlayLogRow
from controller.reports.services import Question
from controller.units.rules import covers
from controller.units.services import options
from protocol.report import Result

PAGE = 100
NOWHERE = ("-",)
"""A unit that does not exist: whoever may see nothing sees nothing."""


@dataclass(frozen=True)
class Line:
    """A row of the log in words."""

    row: PlayLogRow
    what: str
    why: str
    """The schedule that asked for it; empty where `what` says it."""
    unit: str
    note: str
    planned: str
    started: str
    result: str
    grade: str
    level: str


@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """What sounded, with filters; the counts are of everything that fits, not of the page."""
    form, question = _asked(request)
    page = Paginator(services.rows(question), PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    counted = services.counts(question)
    levels = {Result.PLAYED: "good", Result.CUT: "warning", Result.MISSED: "fault"}
    names = wording.names_of(page.object_list)
    context = {
        "form": form,
        "question": question,
        "page": page,
        "lines": [_line(row, names, levels) for row in page],
        "counts": [(services.result_name(result), levels[result], count) for result, count in counted.items()],
        "total": sum(counted.values()),
        "shown": services.shown_on_boards(question),
        "anomalies": _anomalies(question),
        "query": query.urlencode(),
        "unit_options": options(),
        "box": Box.objects.filter(pk=question.box).first() if question.box and page.object_list else None,
        "now": timezone.now(),
    }
    return render(request, "reports/log.html", context)


@require_GET
def log_csv(request: HttpRequest) -> HttpResponse:
    """The same rows as a file, all of them."""
    _, question = _asked(request)
    text = "".join(services.csv_lines(question))
    response = HttpResponse(text.encode(), content_type="text/csv; charset=utf-8")
    day = timezone.now().astimezone(ZONE)
    response["Content-Disposition"] = f'attachment; filename="nhat-ky-phat-{day:%Y%m%d-%H%M}.csv"'
    return response


def _asked(request: HttpRequest) -> tuple[LogFilter, Question]:
    seen = accounts.where(person_of(request), Action.VIEW) or NOWHERE
    form = LogFilter(request.GET or None)
    question = form.question(seen)
    allowed = tuple(code for code in question.units if any(covers(own, code) for own in seen))
    return form, replace(question, units=allowed or NOWHERE)


def _line(row: PlayLogRow, names: wording.Names, levels: dict[Result, str]) -> Line:
    what, why = names.what(row), names.cause(row)
    return Line(
        row=row,
        what=what,
        why="" if why in what else why,
        unit=names.unit(row) or row.unit_code,
        note=wording.note(row.detail, names.causes),
        planned=services.local(services.intended_ms(row)),
        started=services.local(row.started_ms),
        result=services.result_name(row.result, row.sound),
        grade=services.grade_name(row.grade, row.sound),
        level=levels[Result(row.result)],
    )


def _anomalies(question: Question) -> list[ChainAnomaly]:
    """Logs of these boxes that do not fit together, the newest few."""
    found = ChainAnomaly.objects.select_related("box", "box__unit")
    if question.box:
        found = found.filter(box_id=question.box)
    inside = [
        row
        for row in found[:50]
        if row.box.unit is None or any(covers(code, row.box.unit.code) for code in question.units)
    ]
    return inside[:5]
