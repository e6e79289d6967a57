"""Where a key counts, by the roots and the lists in force, and where lists have taken it away."""

from collections.abc import Iterable

from controller.trust.services import current_roots, lists_in_force
from protocol.delegation import covers
from protocol.ids import sha256
from protocol.roles import Holder
from protocol.trust import UNTOUCHABLE


def revocable(holder: Holder) -> bool:
    """Whether a list takes something of this line away; what a root and an administrator may, only new roots can."""
    return not set(holder.roles) <= UNTOUCHABLE


def untouchable(key: bytes) -> bool:
    """Whether the key goes on counting as a root's or an administrator's, whatever lists say."""
    return any(row.key == key and UNTOUCHABLE & set(row.roles) for row in current_roots().holders)


def places_of(key: bytes) -> frozenset[str]:
    """Units for which the roots or a list in force name it."""
    lines = (current_roots().holders, *(one.holders for one in lists_in_force().values()))
    return frozenset(unit for rows in lines for row in rows if row.key == key for unit in row.scope)


def gone(key: bytes, places: Iterable[str]) -> bool:
    """Whether lists in force have taken the key away in each of these units."""
    taken = tuple(unit for unit, one in lists_in_force().items() if sha256(key) in one.revoked)
    return all(covers(taken, place) for place in places)


def topmost(units: Iterable[str]) -> tuple[str, ...]:
    """Those that lie below no other: what is taken away there is taken away in all of them."""
    codes = sorted(set(units))
    return tuple(code for code in codes if not covers(tuple(one for one in codes if one != code), code))
