"""As what somebody may sign an order, and how high that reaches. Pure; the boxes judge the same by `protocol.gate`.

The level of an authority is the place of its unit in the path from the province (0) down: lower numbers stand higher.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from controller.units.rules import above, covers
from protocol.clock import ClockReading
from protocol.gate import Accept, Known, Me, Reject, judge
from protocol.ids import key_id
from protocol.messages import BY_CODE
from protocol.order import ROLES, MessageType, Order
from protocol.report import ClockQuality
from protocol.roles import Holder, Role
from protocol.trust import Trust


@dataclass(frozen=True)
class Capacity:
    """One way in which somebody may sign a type of order for an area."""

    holder: Holder
    role: Role
    level: int
    """The lowest authority that it gives in any of the area's units."""
    persons: int
    """So many must sign in this role."""


def rank(holder: Holder, role: Role, unit: str) -> int | None:
    """The level at which this holder speaks for the unit; None where it does not. A COMMUNE never is the province."""
    lowest = 1 if role is Role.COMMUNE else 0
    places = (level for level, code in enumerate(above(unit)) if level >= lowest and code in holder.scope)
    return next(places, None)


def capacity(key: bytes, role: Role, area: Iterable[str], trust: Trust, now_s: int) -> Capacity | None:
    """In this role with this key, if it counts in the whole of the area now."""
    units = tuple(area)
    for holder in trust.holders_of(key_id(key), role, now_s):
        levels = [rank(holder, role, unit) for unit in units]
        known = [level for level in levels if level is not None]
        if holder.key == key and known and len(known) == len(units):
            return Capacity(holder, role, max(known), trust.persons_needed(role))
    return None


def capacities(
    keys: Iterable[bytes], roles: Iterable[Role], area: Iterable[str], trust: Trust, now_s: int
) -> tuple[Capacity, ...]:
    """Every way, the best first: the fewest persons, then the highest level, then the key that is named first."""
    units, wanted = tuple(area), sorted(roles)
    found = (capacity(key, role, units, trust, now_s) for key in keys for role in wanted)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.persons, one.level)))


def roles_for(kind: MessageType) -> frozenset[Role]:
    """As what this type may be signed."""
    return ROLES[kind]


def names(
    roles: Iterable[Role],
    area: Iterable[str],
    trust: Trust,
    now_s: int,
    *,
    level: int | None = None,
    without: Collection[bytes] = (),
) -> tuple[str, ...]:
    """Those who may sign in one of these roles for the whole area, at this level or a higher one, with another key than
    `without`: those that are taken here no more, though boxes believe them still.
    """
    units, wanted = tuple(area), tuple(roles)
    found = {
        one.holder.person
        for holder in trust.holders
        if holder.key not in without
        for one in capacities((holder.key,), wanted, units, trust, now_s)
        if level is None or one.level <= level
    }
    return tuple(sorted(found))


@dataclass(frozen=True)
class Missing:
    """What an order still waits for; false when nothing."""

    persons: int
    """How many more must sign; at least one while the preparer has not."""
    preparer: str
    """Who prepared it, while that person's signature is missing: it counts in their sequence; else empty."""

    def __bool__(self) -> bool:
        return self.persons > 0


def missing(role: Role, first_signer: bytes, signed: Mapping[bytes, str], trust: Trust) -> Missing:
    """`signed` are the holders' names by the keys with which they signed."""
    lacking = trust.persons_needed(role) - len(set(signed.values()))
    if first_signer in signed:
        return Missing(max(lacking, 0), "")
    found = [holder.person for holder in trust.holders if holder.key == first_signer]
    return Missing(max(lacking, 1), found[0] if found else "?")


def trial(
    raw: bytes, order: Order, trusts: Mapping[str, Trust], now_ms: int, *, known: Mapping[bytes, Known] | None = None
) -> Reject | int:
    """What a healthy box would say of these bytes in each unit of the area: the first refusal, or the signers' level.

    The level is the lowest authority (highest number) that they have in any of the units. `trusts` are those of a box
    in each unit, `known` what such a box remembers of the orders that this one refers to.
    """
    clock = ClockReading(now_ms, now_ms, ClockQuality.NTP)
    worst = 0
    for unit in order.area:
        trust = trusts[unit]
        me = Me(
            domain=trust.domain,
            units=above(unit),
            seen=(),
            windows={},
            known=known or {},
            ended={},
            recent=(),
            has_sound=lambda sound: sound in BY_CODE,
        )
        verdict = judge(raw, trust, clock, me)
        if not isinstance(verdict, Accept):
            return verdict
        worst = max(worst, verdict.level)
    return worst


class Reach(StrEnum):
    """What a stop does to an alarm that runs."""

    NONE = "none"
    """It is elsewhere."""
    ABOVE = "above"
    """It is of a higher level, and goes on."""
    PART = "part"
    """It falls silent in a part of its area."""
    WHOLE = "whole"


def reach(stop_level: int, stop_area: Iterable[str], alarm_level: int, alarm_area: Iterable[str]) -> Reach:
    """What a stop of this level in this area does to an alarm of that level in that area."""
    stopped, sounding = tuple(stop_area), tuple(alarm_area)
    if not any(covers(unit, code) or covers(code, unit) for unit in stopped for code in sounding):
        return Reach.NONE
    if alarm_level < stop_level:
        return Reach.ABOVE
    whole = all(any(covers(unit, code) for unit in stopped) for code in sounding)
    return Reach.WHOLE if whole else Reach.PART
