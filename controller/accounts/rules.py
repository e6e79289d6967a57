"""Who may do what where: pure, from appointments and a day. Pages, services and the API all ask here.

action          roles that allow it, in their unit and below
VIEW            every role
EDIT            editor                      write bulletins
SCHEDULE        editor, approver            plan and withdraw schedules
APPROVE         approver                    release a bulletin (never one's own: `library`)
SIGN            signer                      prepare, sign and cancel emergencies (the boxes judge the signature)
MAINTAIN        technician, administrator   approve, name, place and retire boxes
ADMINISTER      administrator               people, appointments, policies, groups
"""

import datetime as dt
import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from controller.accounts.models import Role
from controller.units.rules import covers


class Action(enum.StrEnum):
    """What somebody wants to do."""

    VIEW = "view"
    EDIT = "edit"
    SCHEDULE = "schedule"
    APPROVE = "approve"
    SIGN = "sign"
    MAINTAIN = "maintain"
    ADMINISTER = "administer"


ALLOWED: Final[dict[Action, frozenset[Role]]] = {
    Action.VIEW: frozenset(Role),
    Action.EDIT: frozenset({Role.EDITOR}),
    Action.SCHEDULE: frozenset({Role.EDITOR, Role.APPROVER}),
    Action.APPROVE: frozenset({Role.APPROVER}),
    Action.SIGN: frozenset({Role.SIGNER}),
    Action.MAINTAIN: frozenset({Role.TECHNICIAN, Role.ADMINISTRATOR}),
    Action.ADMINISTER: frozenset({Role.ADMINISTRATOR}),
}


@dataclass(frozen=True)
class Held:
    """One appointment, as a value."""

    role: str
    unit: str
    """Code; the role holds there and below."""
    valid_from: dt.date
    valid_to: dt.date | None = None
    """First day on which it no longer holds."""

    def on(self, today: dt.date) -> bool:
        """Whether it is in force that day."""
        return self.valid_from <= today and (self.valid_to is None or today < self.valid_to)


def may(appointments: Iterable[Held], action: Action, unit: str, today: dt.date) -> bool:
    """Whether these appointments allow the action in this unit on this day."""
    return any(covers(held, unit) for held in where(appointments, action, today))


def where(appointments: Iterable[Held], action: Action, today: dt.date) -> tuple[str, ...]:
    """The units (with all below them) in which the action is allowed, without those that another one covers."""
    codes = {held.unit for held in appointments if held.role in ALLOWED[action] and held.on(today)}
    return tuple(sorted(c for c in codes if not any(covers(other, c) for other in codes if other != c)))


FREE_FAILURES: Final = 5
"""So many wrong passwords cost nothing but the typing."""
LONGEST_WAIT: Final = dt.timedelta(minutes=15)
FORGIVEN_AFTER: Final = dt.timedelta(days=1)


def login_wait(failures: int, last: dt.datetime, now: dt.datetime) -> dt.timedelta:
    """How long until the next password is looked at: 2 s after the fifth wrong one, then twice as long each time."""
    if failures < FREE_FAILURES:
        return dt.timedelta(0)
    doublings = min(failures - FREE_FAILURES + 1, 20)
    return max(last + min(dt.timedelta(seconds=2**doublings), LONGEST_WAIT) - now, dt.timedelta(0))


def may_manage(administrator: Iterable[Held], person: Iterable[Held], today: dt.date, *, root: str) -> bool:
    """Whether the administrator may give this person a new password or close the account.

    Whoever sets a password could log in with it, so every appointment of the person must lie in the administrator's
    units: a commune's administrator never gets hold of a province's signer. Somebody without an appointment belongs to
    no unit, and may be appointed anywhere tomorrow: only an administrator of the whole tree (`root`) manages them.
    """
    administrator = tuple(administrator)
    units = [held.unit for held in person if held.valid_to is None or today < held.valid_to] or [root]
    return all(may(administrator, Action.ADMINISTER, unit, today) for unit in units)
