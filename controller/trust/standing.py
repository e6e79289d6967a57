"""What a person's key is good for on the boxes today: whoever registered one should not have to ask."""

from dataclasses import dataclass
from datetime import datetime

from controller.core.errors import Refused
from controller.trust import delegating, services, wording
from controller.trust.models import DelegationFile, State
from controller.units.models import Unit
from controller.units.services import names
from protocol.delegation import Delegation, holders_in_force
from protocol.ids import sha256
from protocol.roles import Holder


@dataclass(frozen=True)
class Standing:
    """Of one key, in words."""

    lines: tuple[str, ...]
    """What it may sign, where, and from when to when."""
    taken_away: str
    """Names of the units whose lists have taken it away."""
    waiting: str
    """Names of the units whose lists, that wait for signatures, add it."""
    administrators: str
    """Who signs lists: whom to tell the key's code."""


def standing(key: bytes, now: datetime) -> Standing | None:
    """None before the first roots."""
    try:
        roots = services.current_roots()
    except Refused:
        return None
    at_s = int(now.timestamp())
    lists = services.lists_in_force()
    waiting = {row.unit: delegating.read(row) for row in DelegationFile.objects.filter(state=State.WAITING)}
    held = [*roots.holders, *(one for record in lists.values() for one in holders_in_force(record, roots))]
    offices = _offices(key) or [roots.province]
    admins = {one.person for unit in offices for one in delegating.administrators(roots, unit, at_s)}
    return Standing(
        lines=tuple(_line(one) for one in held if one.key == key and one.not_after >= at_s),
        taken_away=names(unit for unit, record in lists.items() if sha256(key) in record.revoked),
        waiting=names(unit for unit, record in waiting.items() if _adds(record, key)),
        administrators=", ".join(sorted(admins)),
    )


def _offices(key: bytes) -> list[str]:
    """Units in which the key's holder has an office: their lists would name it."""
    rows = Unit.objects.filter(appointments__person__keys__public_key=key)
    return list(rows.values_list("code", flat=True).distinct())


def _adds(record: Delegation, key: bytes) -> bool:
    return any(one.key == key for one in record.holders)


def _line(holder: Holder) -> str:
    dates = wording.dates(holder)
    return f"{wording.roles(holder)} · {names(holder.scope)}" + (f" · {dates}" if dates else "")
