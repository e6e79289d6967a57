"""A lost phone: one press prepares its revocation wherever the key counts."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.trust import delegating
from controller.trust.models import DelegationFile, State
from controller.trust.places import places_of, topmost
from controller.units.models import Unit


@transaction.atomic
def lose(by: Person, unit: str, key: bytes, now: datetime | None = None) -> tuple[DelegationFile, ...]:
    """The next list of this unit and of every other unit that names the key and that `by` administers, without it.

    A unit that lies below another of them needs none: what is taken away above is taken away there. Raises `Refused`.
    """
    now = now or timezone.now()
    named = {unit, *places_of(key), *_waiting_with(key)}
    known = Unit.objects.filter(code__in=named).values_list("code", flat=True)
    own = [code for code in known if code == unit or delegating.lines_of(by, code, now)]
    return tuple(_without(by, code, key, now) for code in topmost(own))


def _waiting_with(key: bytes) -> Iterable[str]:
    """Units whose list that waits for signatures names the key."""
    rows = DelegationFile.objects.filter(state=State.WAITING)
    return [row.unit for row in rows if any(holder.key == key for holder in delegating.read(row).holders)]


def _without(by: Person, unit: str, key: bytes, now: datetime) -> DelegationFile:
    before = delegating.standing(unit)
    left = [row for row in (before.holders if before else ()) if row.key != key]
    return delegating.prepare(by, unit, left, revoked=(key,), reason=_("mất điện thoại hoặc khóa"), now=now)
