"""Whom this box trusts: the roots, and of the lists that it keeps those of its own place. Pure."""

from collections.abc import Iterable

from protocol.delegation import Delegation
from protocol.roles import Roots
from protocol.trust import Trust


def trust_at(roots: Roots, lists: Iterable[Delegation], units: tuple[str, ...]) -> Trust:
    """`units` is the box's place; a box that was moved keeps the lists of before, and they mean nothing here."""
    return Trust(roots, tuple(row for row in lists if row.unit in units))


def versions(lists: Iterable[Delegation], units: tuple[str, ...], era: int) -> tuple[tuple[str, int], ...]:
    """What hello and digest say of them: one of an older era than the roots' must not pass for the new one."""
    return tuple(sorted((row.unit, row.version) for row in lists if row.unit in units and row.era == era))
