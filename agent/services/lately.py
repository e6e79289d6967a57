"""A set that forgets: what was so some minutes ago need not be so now."""

from collections.abc import Hashable
from typing import Final

from agent.ports.clock import Clock

LATELY_MS: Final = 300_000


class Lately:
    """Has what was added in the last five minutes, by the boot clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._added: dict[Hashable, int] = {}

    def __contains__(self, member: Hashable) -> bool:
        added_boot_ms = self._added.get(member)
        return added_boot_ms is not None and self._clock.boot_ms() - added_boot_ms < LATELY_MS

    def add(self, member: Hashable) -> None:
        for old in [other for other in self._added if other not in self]:
            del self._added[old]
        self._added[member] = self._clock.boot_ms()

    def discard(self, member: Hashable) -> None:
        self._added.pop(member, None)
