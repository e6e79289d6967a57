"""Boxes trust a person, and the console lets them do nothing: that is said, with whom to ask."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controller.accounts import rules
from controller.accounts import services as accounts
from controller.accounts.models import Person, PersonKey
from controller.accounts.rules import Action
from controller.core.errors import Refused
from controller.trust import services, wording
from controller.units.rules import covers
from controller.units.services import names
from protocol.delegation import holders_in_force
from protocol.roles import Holder, Role

NEEDS: Final[Mapping[Role, Action]] = {
    Role.COMMUNE: Action.SIGN,
    Role.EMERGENCY: Action.SIGN,
    Role.CANCEL: Action.SIGN,
    Role.STOP: Action.SIGN,
    Role.CONTENT: Action.APPROVE,
}
"""What somebody must be allowed in the console to use what a list gives them."""


@dataclass(frozen=True)
class Gap:
    """In words: a list gives what the account cannot use."""

    action: Action
    person: str
    what: str
    unit: str
    office: str
    """The console's role that is missing."""
    administrators: str
    """Who can give it."""


def gaps(holders: Iterable[Holder], now: datetime) -> tuple[Gap, ...]:
    """For each line of a list whose key is of a person here that lacks the role in the console."""
    rows = list(holders)
    keys = {
        bytes(row.public_key): row.person for row in PersonKey.objects.filter(revoked=None).select_related("person")
    }
    at_s = int(now.timestamp())
    return tuple(gap for row in rows if row.key in keys and at_s <= row.not_after for gap in _gaps(row, keys[row.key]))


def gaps_of(person: Person, now: datetime) -> tuple[Gap, ...]:
    """Of this person, by the roots and the lists in force; none before the first roots."""
    mine = {bytes(key) for key in person.keys.filter(revoked=None).values_list("public_key", flat=True)}
    if not mine:
        return ()
    try:
        roots, lists = services.current_roots(), services.lists_in_force()
    except Refused:
        return ()
    held = [*roots.holders, *(one for record in lists.values() for one in holders_in_force(record, roots))]
    return gaps([one for one in held if one.key in mine], now)


def _gaps(row: Holder, person: Person) -> Iterator[Gap]:
    for action in sorted({NEEDS[role] for role in row.roles if role in NEEDS}):
        own = accounts.where(person, action)
        lacking = [unit for unit in row.scope if not any(covers(unit, code) or covers(code, unit) for code in own)]
        if lacking:
            offices = ", ".join(str(one.label) for one in sorted(rules.ALLOWED[action]))
            roles = "; ".join(wording.role(role) for role in row.roles if NEEDS.get(role) is action)
            admins = ", ".join(str(one) for one in accounts.administrators(*lacking))
            yield Gap(action, str(person), roles, names(lacking), offices, admins)
