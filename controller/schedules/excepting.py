"""Exceptions to quiet hours: somebody prepares one, two persons of EXCEPTION of the province sign it, boxes obey it.

It is for once, for one area and for 24 hours at most. The caps of sessions and volume hold.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import audit, may, where
from controller.core.errors import NotAllowed, Refused
from controller.library import papers
from controller.schedules.compiling import ask_for_compilation
from controller.schedules.models import QuietException
from controller.trust.services import current_trust
from controller.units.models import Unit
from controller.units.rules import above, covers
from protocol import approval as wire
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.policy import Stretch
from protocol.roles import Role
from protocol.signing import Family, SignedBy
from protocol.trust import Trust

LONGEST: Final = dt.timedelta(seconds=wire.MAX_EXCEPTION_S)
FARTHEST: Final = dt.timedelta(seconds=wire.MAX_EXCEPTION_LEAD_S)
WEEK: Final = dt.timedelta(seconds=wire.EXCEPTION_PERIOD_S)
MAX_REASON: Final = 200
MAX_AREA: Final = 32


@transaction.atomic
def prepare(by: Person, area: Sequence[Unit], start: dt.datetime, end: dt.datetime, reason: str) -> QuietException:
    """Write down an exception; nothing sounds before two persons have signed it. Raises `Refused`."""
    now, reason = timezone.now(), reason.strip()
    if not area or len(area) > MAX_AREA:
        raise Refused("area", _("Chọn từ 1 đến %(n)d đơn vị.") % {"n": MAX_AREA}, _("Chọn một đơn vị cấp trên."))
    for unit in area:
        if not any(may(by, action, unit.code) for action in (Action.ADMINISTER, Action.SCHEDULE)):
            raise NotAllowed(
                "area",
                _("Bạn không có quyền làm việc này ở đơn vị %(unit)s.") % {"unit": unit.name},
                _("Hãy nhờ quản trị viên hoặc người lập lịch của đơn vị đó."),
            )
    if not reason or len(reason) > MAX_REASON:
        raise Refused(
            "reason", _("Cần lý do, dài nhất %(n)d ký tự.") % {"n": MAX_REASON}, _("Ví dụ: “Giao thừa Tết Đinh Mùi”.")
        )
    if end <= start or end - start > LONGEST:
        raise Refused("end", _("Giờ kết thúc phải sau giờ bắt đầu, nhiều nhất 24 giờ."), _("Chọn lại giờ kết thúc."))
    if end <= now:
        raise Refused("end", _("Khoảng giờ này đã qua."), _("Chọn một khoảng giờ sắp tới."))
    if end - now > FARTHEST:
        raise Refused(
            "end",
            _("Việc cho phép chỉ được ký trước nhiều nhất %(n)d ngày.") % {"n": FARTHEST.days},
            _("Lập lại khi gần tới ngày đó."),
        )
    record = wire.QuietException(
        epoch=current_trust().version,
        issued=int(now.timestamp()),
        area=tuple(sorted({unit.code for unit in area})),
        start=int(start.timestamp()),
        end=int(end.timestamp()),
        reason=reason,
    )
    _must_fit_in_the_week(record)
    row = QuietException.objects.create(
        payload=encode(record),
        area=list(record.area),
        start=start,
        end=end,
        reason=reason,
        prepared_by=by,
        at=now,
    )
    audit(by, "exception.prepared", f"exception:{row.pk}", area=row.area, reason=reason)
    return row


def _must_fit_in_the_week(record: wire.QuietException) -> None:
    """Boxes take 24 hours a week at a place: what would go beyond, or push another out, is said before it is signed."""
    around = QuietException.objects.filter(
        dropped_at=None,
        end__gt=dt.datetime.fromtimestamp(record.start, dt.UTC) - WEEK,
        start__lt=dt.datetime.fromtimestamp(record.end, dt.UTC) + WEEK,
    )
    others = [record_of(row) for row in around]
    places = {code for one in (record, *others) for code in one.area}
    for place in sorted(places):
        here = [one for one in (record, *others) if any(code in above(place) for code in one.area)]
        if record in here and len(wire.within_a_week(here)) < len(here):
            raise Refused(
                "end",
                _("Cùng với những lần đã cho phép ở đây, việc này vượt quá 24 giờ trong 7 ngày; các hộp sẽ bỏ qua."),
                _("Rút ngắn lại, hoặc bỏ một lần khác không cần nữa."),
            )


@transaction.atomic
def sign(row: QuietException, by: Person, signed: SignedBy) -> QuietException:
    """Take one person's signature; with the second it goes to the boxes concerned. Raises `Refused`, `NotAllowed`."""
    now = timezone.now()
    row = QuietException.objects.select_for_update().get(pk=row.pk)
    if row.dropped_at is not None or row.envelope is not None or row.end <= now:
        raise Refused("", _("Việc cho phép này không còn chờ ký."), _("Tải lại trang để xem nó đang ra sao."))
    complete = papers.sign(
        row,
        by,
        signed,
        family=Family.EXCEPTION,
        role=Role.EXCEPTION,
        scope=province(),
        issued=record_of(row).issued,
        trust=current_trust(),
        check=wire.open_exception,
        now=now,
    )
    audit(by, "exception.signed", f"exception:{row.pk}", key=signed.public_key.hex())
    if complete:
        audit(by, "exception.in_force", f"exception:{row.pk}", area=row.area)
        ask_for_compilation()
    return row


@transaction.atomic
def drop(row: QuietException, by: Person, reason: str = "") -> None:
    """Give it up, signed or not: boxes forget it as soon as they hear of it. Raises `Refused`, `NotAllowed`."""
    row = QuietException.objects.select_for_update().get(pk=row.pk)
    if row.dropped_at is not None:
        raise Refused("", _("Việc cho phép này đã được bỏ rồi."), _("Không cần làm gì thêm."))
    if not may_drop(row, by):
        raise NotAllowed(
            "",
            _("Chỉ người đã lập hoặc quản trị viên của các đơn vị này mới bỏ được."),
            _("Hãy nhờ %(name)s.") % {"name": row.prepared_by},
        )
    row.dropped_at = timezone.now()
    row.save(update_fields=["dropped_at"])
    audit(by, "exception.dropped", f"exception:{row.pk}", reason=reason.strip()[:200])
    ask_for_compilation()


def may_drop(row: QuietException, person: Person) -> bool:
    """Whether this person prepared it, or administers all of its area."""
    own = where(person, Action.ADMINISTER)
    return person.pk == row.prepared_by_id or all(any(covers(unit, code) for unit in own) for code in row.area)


def record_of(row: QuietException) -> wire.QuietException:
    """What its bytes say: what a signer is shown."""
    return decode(bytes(row.payload), wire.QuietException, max_bytes=wire.MAX_EXCEPTION_BYTES)


def stretches(unit: str, now: dt.datetime) -> tuple[Stretch, ...]:
    """When scheduled sound may pass the quiet hours in this unit, by exceptions that boxes there would take."""
    rows = QuietException.objects.exclude(envelope=None).filter(dropped_at=None, end__gt=now)
    trust = papers.trust_or_none(unit)
    found = []
    for row in rows:
        if trust is None or not any(code in above(unit) for code in row.area):
            continue
        try:
            record = wire.open_exception(bytes(row.envelope or b""), trust)
        except ProtocolError:
            continue
        found.append(record)
    return tuple(Stretch(one.start * 1000, one.end * 1000) for one in wire.within_a_week(found))


def signatures_needed(row: QuietException, trust: Trust) -> tuple[int, int]:
    """How many persons have signed, and how many must."""
    issued = record_of(row).issued
    have = papers.count(row, family=Family.EXCEPTION, role=Role.EXCEPTION, issued=issued, trust=trust)
    return have, trust.persons_needed(Role.EXCEPTION)


def province() -> str:
    """The code of the province of this installation."""
    return current_trust().domain.province
