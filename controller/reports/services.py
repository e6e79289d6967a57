"""Storing the play log exactly once, counting it, and giving it out as CSV."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from controller.boxes.models import Box
from controller.core.times import ZONE
from controller.reports import rules, wording
from controller.reports.models import ChainAnomaly, LogChain, PlayLogRow
from controller.units.services import inside
from protocol.report import SHOWN, Grade, LogBatch, LogRow, Result

TOGETHER: Final = 1000
"""Rows of a CSV whose names are looked up at once."""


@dataclass(frozen=True)
class Stored:
    """What is in the table after a batch."""

    chain: bytes
    seq: int
    """Every row of the chain up to this one."""
    new_rows: int


@transaction.atomic
def store(box: Box, batch: LogBatch, now: datetime) -> Stored:
    """Put the batch's rows into the table, each once. Its signature is verified already.

    A batch may come again, late or overlapping; see `rules.take`.
    """
    chain = LogChain.objects.filter(box=box, chain=batch.chain).first()
    state = rules.ChainState(chain.seq, bytes(chain.hash), chain.ahead) if chain else rules.ChainState()
    taken = rules.take(state, batch.before, batch.rows)
    code = box.unit.code if box.unit is not None else ""
    PlayLogRow.objects.bulk_create([_row(box, batch.chain, code, row, now) for row in taken.rows])
    LogChain.objects.update_or_create(
        box=box,
        chain=batch.chain,
        defaults={"seq": taken.state.seq, "hash": taken.state.hash, "ahead": taken.state.ahead, "updated": now},
    )
    if taken.anomaly is not None:
        ChainAnomaly.objects.get_or_create(
            box=box,
            chain=batch.chain,
            seq=taken.anomaly.seq,
            kind=taken.anomaly.kind,
            defaults={"detail": taken.anomaly.detail, "at": now},
        )
    return Stored(batch.chain, taken.state.seq, len(taken.rows))


def stored_up_to(box: Box | str, chain: bytes) -> int:
    """The newest row of this chain without a gap before it; 0 for none."""
    key = box if isinstance(box, str) else box.pk
    return LogChain.objects.filter(box_id=key, chain=chain).values_list("seq", flat=True).first() or 0


@dataclass(frozen=True)
class Question:
    """What part of the log is wanted; empty fields ask for everything."""

    units: tuple[str, ...] = ()
    """Codes; with all that is below them."""
    box: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """Before this instant."""
    result: Result | None = None
    cause: str = ""


def rows(question: Question) -> models.QuerySet[PlayLogRow]:
    """The log's rows that fit, the newest first."""
    found = PlayLogRow.objects.select_related("box")
    if question.units:
        found = found.filter(inside("unit_code", question.units))
    if question.box:
        found = found.filter(box_id=question.box)
    if question.since is not None:
        found = found.filter(planned_ms__gte=_ms(question.since))
    if question.until is not None:
        found = found.filter(planned_ms__lt=_ms(question.until))
    if question.result is not None:
        found = found.filter(result=question.result)
    if question.cause:
        found = found.filter(cause=question.cause)
    return found


def counts(question: Question) -> Mapping[Result, int]:
    """How many sounds of each result fit: counted, never estimated. What boards showed is no sound."""
    sounds = rows(question).exclude(sound__startswith=SHOWN).order_by()
    found = dict(sounds.values_list("result").annotate(n=models.Count("id")))
    return {result: found.get(int(result), 0) for result in Result}


def shown_on_boards(question: Question) -> int:
    """How many of the rows that fit tell of boards."""
    return rows(question).filter(sound__startswith=SHOWN).count()


def csv_lines(question: Question) -> Iterator[str]:
    """The rows that fit as CSV, headings in the reader's language. It begins with a BOM: Excel needs it for UTF-8.

    Names stand before the codes that the box signed: titles may change later, codes do not.
    """
    yield "\ufeff" + _line(
        _("Hộp thiết bị"),
        _("Mã hộp"),
        _("Đơn vị"),
        _("Mã đơn vị"),
        pgettext("column", "Bản tin"),
        _("Mã bản tin"),
        _("Kế hoạch"),
        _("Bắt đầu"),
        _("Kết thúc"),
        _("Kết quả"),
        _("Bằng chứng"),
        _("Lệch giờ bắt đầu (ms)"),
        _("Nguyên nhân"),
        _("Mã nguyên nhân"),
        _("Lượt phát"),
        _("Âm thanh"),
        _("Mã âm thanh"),
        _("Ghi chú"),
        _("Ghi chú gốc của hộp"),
        _("Chuỗi"),
        _("Số dòng"),
    )
    found = rows(question).order_by("planned_ms", "id").iterator(TOGETHER)
    while some := list(islice(found, TOGETHER)):
        names = wording.names_of(some)
        yield from (_csv_line(row, names) for row in some)


def _csv_line(row: PlayLogRow, names: wording.Names) -> str:
    return _line(
        row.box.name,
        row.box_id,
        names.unit(row),
        row.unit_code,
        names.bulletin(row),
        row.bulletin,
        local(intended_ms(row)),
        local(row.started_ms),
        local(row.ended_ms),
        result_name(row.result, row.sound),
        grade_name(row.grade, row.sound),
        str(row.start_error_ms),
        names.cause(row),
        row.cause,
        row.play,
        names.sound(row),
        row.sound,
        wording.note(row.detail, names.causes),
        row.detail,
        bytes(row.chain).hex(),
        str(row.seq),
    )


def intended_ms(row: PlayLogRow) -> int:
    """When it was to begin, in epoch milliseconds of the box.

    The passes of an emergency all carry the instant planned for the first; the box measured the others' starts
    against their own, so that is what remains without the error. A pass that never sounded keeps the first's.
    """
    if row.started_ms is None or wording.PASS.fullmatch(row.play) is None:
        return row.planned_ms
    return row.started_ms - row.start_error_ms


def local(at_ms: int | None) -> str:
    """An instant of a box on the local clock, to the second; empty for none, "?" for one that no calendar has."""
    if at_ms is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, ZONE):%d/%m/%Y %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "?"


def result_name(result: int, sound: str = "") -> str:
    """How a play ended, in words; `sound` as in its row."""
    if sound.startswith(SHOWN):
        shown = {Result.PLAYED: _("đã hiện"), Result.CUT: _("hiện bị gián đoạn"), Result.MISSED: _("không hiện")}
        return shown[Result(result)]
    names = {Result.PLAYED: _("đã phát"), Result.CUT: _("bị ngắt"), Result.MISSED: _("không phát")}
    return names[Result(result)]


def grade_name(grade: int, sound: str = "") -> str:
    """How sure it is that it sounded, in words. Below the amplifier's current nothing is proven (design §6)."""
    if sound.startswith(SHOWN) and grade == Grade.CLAIMED:
        return _("bảng đã nhận, chưa chứng minh")
    names = {
        Grade.NONE: _("không có"),
        Grade.CLAIMED: _("máy phát báo, chưa chứng minh"),
        Grade.RENDERED: _("đúng mẫu âm, chưa chứng minh"),
        Grade.ELECTRICAL: _("dòng điện ra loa"),
        Grade.ACOUSTIC: _("nghe được"),
    }
    return names[Grade(grade)]


def _row(box: Box, chain: bytes, code: str, row: LogRow, now: datetime) -> PlayLogRow:
    return PlayLogRow(
        box=box,
        chain=chain,
        seq=row.seq,
        unit_code=code,
        play=row.play,
        cause=row.cause,
        bulletin=row.bulletin,
        sound=row.sound,
        planned_ms=row.planned,
        started_ms=row.started,
        ended_ms=row.ended,
        result=row.result,
        grade=row.grade,
        start_error_ms=row.start_error_ms,
        detail=row.detail,
        received=now,
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _line(*cells: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would run as a formula is quoted (OWASP, CSV injection)."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not cell.lstrip("-").isdigit() else cell
