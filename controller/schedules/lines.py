"""The line beside the time of day on boards: somebody writes it, somebody else of CONTENT signs it, boxes show it.

It is for a unit and what is below it, and for some hours: the weather of today is wrong tomorrow. Of several that count
at a place the newest stands there.
"""

import datetime as dt
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import audit, may, require
from controller.core.errors import NotAllowed, Refused
from controller.core.texts import expect_seen
from controller.library import papers
from controller.library.approving import read
from controller.schedules.compiling import ask_for_compilation
from controller.schedules.models import BoardLine
from controller.trust.services import trust_of
from controller.units.models import Unit
from protocol import approval as wire
from protocol.bulletin import BulletinClass
from protocol.codec import encode
from protocol.manifest import Line
from protocol.roles import Role
from protocol.signing import Family, SignedBy

MAX_TEXT: Final = 80
HOURS: Final = (3, 6, 12, 24, 48)
"""How long a line may stand, from when it is written."""


@transaction.atomic
def write(text: str, unit: Unit, hours: int, by: Person) -> BoardLine:
    """Write one down; no board shows it before somebody else has signed it. Raises `Refused`, `NotAllowed`."""
    require(by, Action.EDIT, unit.code, field="unit")
    now, text = timezone.now(), " ".join(text.split())
    if not text or len(text) > MAX_TEXT:
        raise Refused(
            "text", _("Cần vài chữ, dài nhất %(n)d ký tự.") % {"n": MAX_TEXT}, _("Ví dụ: “28–34 °C, chiều có dông”.")
        )
    expect_seen("text", text)
    if hours not in HOURS:
        raise Refused("hours", _("Không có thời hạn này."), _("Chọn một thời hạn trong danh sách."))
    until = now.replace(microsecond=0) + dt.timedelta(hours=hours)
    line = Line(text, int(until.timestamp()))
    asked = wire.Approval(
        subject=wire.Subject.LINE,
        hash=wire.line_hash(line),
        text=None,
        klass=BulletinClass.ORDINARY,
        language="vi",
        scope=unit.code,
        epoch=trust_of(unit.code).version,
        issued=int(now.timestamp()),
        expires=line.until,
        title=text,
    )
    row = BoardLine.objects.create(payload=encode(asked), unit=unit, text=text, until=until, author=by, at=now)
    audit(by, "line.written", f"line:{row.pk}", text=text, unit=unit.code)
    return row


@transaction.atomic
def sign(row: BoardLine, by: Person, signed: SignedBy) -> BoardLine:
    """Take one person's signature; with the last that is needed boxes get it. Raises `Refused`, `NotAllowed`."""
    now = timezone.now()
    row = BoardLine.objects.select_for_update().get(pk=row.pk)
    require(by, Action.APPROVE, row.unit.code)
    if by.pk == row.author_id:
        raise NotAllowed(
            "", _("Bạn đã viết dòng này nên không tự duyệt được."), _("Hãy nhờ một người duyệt khác của đơn vị.")
        )
    if not waits(row, now):
        raise Refused("", _("Dòng này không còn chờ ký."), _("Tải lại trang để xem nó đang ra sao."))
    asked = read(bytes(row.payload))
    complete = papers.sign(
        row,
        by,
        signed,
        family=Family.APPROVAL,
        role=Role.CONTENT,
        scope=asked.scope,
        issued=asked.issued,
        trust=trust_of(asked.scope),
        check=wire.open_approval,
        now=now,
    )
    audit(by, "line.signed", f"line:{row.pk}", key=signed.public_key.hex())
    if complete:
        ask_for_compilation()
    return row


@transaction.atomic
def drop(row: BoardLine, by: Person) -> None:
    """Take it back, signed or not: boards forget it when their boxes hear of it. Raises `Refused`, `NotAllowed`."""
    row = BoardLine.objects.select_for_update().get(pk=row.pk)
    if not may_drop(row, by):
        raise NotAllowed(
            "",
            _("Chỉ người biên tập hoặc người duyệt của đơn vị mới bỏ được."),
            _("Hãy nhờ %(name)s.") % {"name": row.author},
        )
    if row.dropped_at is not None:
        raise Refused("", _("Dòng này đã được bỏ rồi."), _("Không cần làm gì thêm."))
    row.dropped_at = timezone.now()
    row.save(update_fields=["dropped_at"])
    audit(by, "line.dropped", f"line:{row.pk}", text=row.text)
    ask_for_compilation()


def may_drop(row: BoardLine, person: Person) -> bool:
    return any(may(person, action, row.unit.code) for action in (Action.EDIT, Action.APPROVE))


def waits(row: BoardLine, now: dt.datetime) -> bool:
    """Whether a signature would still make a difference."""
    return row.envelope is None and row.dropped_at is None and now < row.until
