"""Who may sign what: a person's registered keys, the console's appointments, and the trust of the boxes together.

All three must agree. Boxes ask the last one only; the first two keep somebody from preparing what would be refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts.models import Person, PersonKey
from controller.accounts.rules import Action
from controller.core.errors import NotAllowed, Refused
from controller.orders import capacity
from controller.orders.capacity import Capacity
from controller.trust.services import current_trust
from controller.units.rules import above, covers
from protocol.order import MessageType
from protocol.roles import Role
from protocol.trust import Trust


def trust_of(units: Iterable[str]) -> Trust:
    """Whom the boxes in these units trust. Raises `Refused` before the first roots."""
    return current_trust(sorted({code for unit in units for code in above(unit)}))


def trusts(area: Iterable[str]) -> dict[str, Trust]:
    """By unit of an area: whom a box there trusts."""
    return {unit: trust_of(above(unit)) for unit in area}


def keys_of(person: Person) -> list[bytes]:
    """The person's registered public keys, the newest first."""
    rows = PersonKey.objects.filter(person=person, revoked=None).order_by("-created", "-pk")
    return [bytes(row.public_key) for row in rows]


def ways(
    person: Person,
    kind: MessageType,
    area: Iterable[str],
    now: datetime,
    *,
    roles: Iterable[Role] = (),
    level: int | None = None,
) -> tuple[Capacity, ...]:
    """Every way in which the person may sign this in the whole area, the best first; empty for none.

    `roles` are those that come into question (all of the type's, if none are given); `level`: this or a higher one.
    """
    units = tuple(area)
    if not units or not all(accounts.may(person, Action.SIGN, unit) for unit in units):
        return ()
    wanted = tuple(roles) or tuple(capacity.roles_for(kind))
    found = capacity.capacities(keys_of(person), wanted, units, trust_of(units), int(now.timestamp()))
    return tuple(one for one in found if level is None or one.level <= level)


def holds(person: Person, roles: Iterable[Role], now: datetime) -> bool:
    """Whether the person may sign in one of these roles anywhere: whether a page is worth offering."""
    own, keys, wanted = accounts.where(person, Action.SIGN), keys_of(person), frozenset(roles)
    if not own or not keys:
        return False
    at = int(now.timestamp())
    return any(
        holder.key in keys
        and wanted & set(holder.roles)
        and holder.not_before <= at <= holder.not_after
        and any(covers(unit, code) or covers(code, unit) for unit in own for code in holder.scope)
        for holder in trust_of(own).holders
    )


def commands(person: Person, now: datetime) -> bool:
    """Whether the two-person emergency is worth offering: to who may sign it, or is told there to make a key."""
    if not keys_of(person):
        return bool(accounts.where(person, Action.SIGN))
    return holds(person, (Role.EMERGENCY,), now)


def units_where(person: Person, roles: Iterable[Role], units: Iterable[str], now: datetime) -> dict[str, Capacity]:
    """Those of the units for which the person may sign in one of these roles, with the best way of each."""
    own, keys, wanted = accounts.where(person, Action.SIGN), keys_of(person), tuple(roles)
    mine = [unit for unit in units if any(covers(code, unit) for code in own)]
    if not mine or not keys:
        return {}
    trust, at = trust_of(mine), int(now.timestamp())
    found = ((unit, capacity.capacities(keys, wanted, (unit,), trust, at)) for unit in mine)
    return {unit: ways[0] for unit, ways in found if ways}


def require(
    person: Person,
    kind: MessageType,
    area: Iterable[str],
    now: datetime,
    *,
    roles: Iterable[Role] = (),
    level: int | None = None,
    field: str = "key",
) -> Capacity:
    """The best way in which the person may sign this; says why there is none. Raises `Refused`, `NotAllowed`."""
    units, wanted = tuple(area), tuple(roles) or tuple(capacity.roles_for(kind))
    for unit in units:
        accounts.require(person, Action.SIGN, unit, field=field)
    if not keys_of(person):
        raise Refused(
            "key", _("Bạn chưa đăng ký khóa ký."), _("Tạo khóa bằng “loalang key new”, rồi đăng ký ở trang của bạn.")
        )
    found = ways(person, kind, units, now, roles=wanted, level=level)
    if found:
        return found[0]
    if level is not None and ways(person, kind, units, now, roles=wanted):
        raise NotAllowed(
            field,
            _("Lệnh này do cấp cao hơn bạn ra; chỉ cấp đó hoặc cấp trên nữa mới hủy hay khôi phục được."),
            who_else(kind, units, now, roles=wanted, level=level),
        )
    raise NotAllowed(
        "key",
        _("Khóa của bạn không có trong danh sách người ký việc này cho khu vực này."),
        who_else(kind, units, now, roles=wanted),
    )


def who_may(
    kind: MessageType, area: Iterable[str], now: datetime, *, roles: Iterable[Role] = (), level: int | None = None
) -> tuple[str, ...]:
    """Names of those whom the boxes would believe this, at this level or a higher one."""
    units, wanted = tuple(area), tuple(roles) or tuple(capacity.roles_for(kind))
    at_s, lost = int(now.timestamp()), accounts.reported_keys()
    return capacity.names(wanted, units, trust_of(units), at_s, level=level, without=lost)


@dataclass(frozen=True)
class TooFew:
    """A unit in which an emergency cannot get its signatures here."""

    unit: str
    needed: int
    names: tuple[str, ...]
    """Who could still sign."""


def too_few(person: Person, now: datetime) -> tuple[TooFew, ...]:
    """Of the units of which this person signs, those in which too few could. Raises `Refused` without roots."""
    found = []
    for unit in accounts.where(person, Action.SIGN):
        able = who_may(MessageType.ALERT, [unit], now, roles=(Role.EMERGENCY,))
        needed = trust_of([unit]).persons_needed(Role.EMERGENCY)
        if len(able) < needed:
            found.append(TooFew(unit, needed, able))
    return tuple(found)


def who_else(
    kind: MessageType, area: Iterable[str], now: datetime, *, roles: Iterable[Role] = (), level: int | None = None
) -> str:
    """Whom to call instead, in a sentence; in the roles that are asked for, all of the type's if none are."""
    names = who_may(kind, area, now, roles=roles, level=level)
    if names:
        return _("Người ký được: %(names)s.") % {"names": ", ".join(names)}
    return _("Chưa ai có quyền này; danh sách do các khóa gốc của tỉnh ký, hãy nhờ quản trị viên cấp tỉnh bổ sung.")
