"""What a person's key is good for on the boxes today: whoever registered one should not have to ask."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from controller.core.errors import Refused
from controller.trust import delegating, services, wording
from controller.trust.models import DelegationFile, State
from controller.units.models import Unit
from protocol.delegation import Delegation, holders_in_force
from protocol.ids import sha256
from protocol.roles import Holder, Role


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
    admins = {one.person for one in roots.holders if Role.DELEGATION in one.roles and one.not_after >= at_s}
    return Standing(
        lines=tuple(_line(one) for one in held if one.key == key and one.not_after >= at_s),
        taken_away=_names(unit for unit, record in lists.items() if sha256(key) in record.revoked),
        waiting=_names(unit for unit, record in waiting.items() if _adds(record, key)),
        administrators=", ".join(sorted(admins)),
    )


def _adds(record: Delegation, key: bytes) -> bool:
    return any(one.key == key for one in record.holders)


def _line(holder: Holder) -> str:
    dates = wording.dates(holder)
    return f"{wording.roles(holder)} · {_names(holder.scope)}" + (f" · {dates}" if dates else "")


def _names(codes: Iterable[str]) -> str:
    wanted = list(codes)
    known = dict(Unit.objects.filter(code__in=wanted).values_list("code", "name"))
    return ", ".join(known.get(code, code) for code in wanted)
