"""Which controller this is: of two with one key, boxes obey the one of the higher epoch (fault 40)."""

from django.db import transaction

from controller.accounts import services as accounts
from controller.accounts.models import Person
from controller.core.errors import Refused
from controller.trust.models import Installation
from controller.trust.services import current_roots
from controller.trust.signals import trust_changed
from protocol.roles import Role


def epoch() -> int:
    """This controller's epoch, 1 for the first."""
    row = Installation.objects.first()
    return 1 if row is None else row.epoch


@transaction.atomic
def raise_epoch(by: Person | None = None) -> int:
    """After a backup was restored, or another machine took over: from now on this one counts, and no older one."""
    row, _ = Installation.objects.get_or_create(pk=1)
    row.epoch += 1
    row.save(update_fields=["epoch"])
    accounts.audit(by, "epoch.raised", "installation", epoch=row.epoch)
    transaction.on_commit(lambda: trust_changed.send(Installation, units=None))
    return row.epoch


def era() -> int:
    """The roots' era of SCHEDULE; 0 before the first roots."""
    try:
        return current_roots().era(Role.SCHEDULE)
    except Refused:
        return 0
