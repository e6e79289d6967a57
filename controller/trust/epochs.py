"""Which controller this is: of two with one key, boxes obey the one of the higher epoch (fault 40)."""

from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts.models import Person
from controller.core.errors import Refused
from controller.trust.models import Installation
from controller.trust.services import current_roots
from controller.trust.signals import trust_changed
from protocol.roles import Role

MAX_EPOCH: Final = 0xFFFF_FFFF


def epoch() -> int:
    """This controller's epoch, 1 for the first of an era."""
    row = Installation.objects.first()
    return 1 if row is None or row.era < era() else row.epoch


@transaction.atomic
def raise_epoch(by: Person | None = None) -> int:
    """After a backup was restored, or another machine took over: from now on this one counts, and no older one.

    Raises `Refused` when no number is left in this era.
    """
    number = epoch() + 1
    if number > MAX_EPOCH:
        raise Refused(
            "epoch",
            _("Đã dùng hết số của máy chủ trong kỷ nguyên này."),
            _("Lập danh sách gốc mới với kỷ nguyên SCHEDULE cao hơn (loalang roots next), nhập: số bắt đầu lại từ 1."),
        )
    row, _made = Installation.objects.get_or_create(pk=1)
    row.epoch, row.era = number, era()
    row.save(update_fields=["epoch", "era"])
    accounts.audit(by, "epoch.raised", "installation", epoch=row.epoch)
    transaction.on_commit(lambda: trust_changed.send(Installation, units=None))
    return row.epoch


def era() -> int:
    """The roots' era of SCHEDULE; 0 before the first roots."""
    try:
        return current_roots().era(Role.SCHEDULE)
    except Refused:
        return 0
