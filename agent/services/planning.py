"""What the player asks the planner with: the box's holdings, and what only the player can add to them.

That is what is sounding when they change (`carry`), what has ended, and since when a sound could have been on time
(`awake_ms`). A clock that jumped, a loop that stood still and an amplifier that was cold all become one question:
"and if I begin now?".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from agent.core.cueing import may_sound
from agent.ports.clock import Clock
from protocol.manifest import Manifest
from protocol.quantities import DAY_MS, MINUTE_MS
from protocol.report import ClockQuality
from protocol.timeline import Carry, Holdings, SegmentKind, next_change

JUMP_MS: Final = 1_000
WITHOUT_MS: Final = MINUTE_MS
"""So long a programme with which no turn succeeded is left out before it is tried again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Change:
    """An answer of the planner: nothing changes after `asked_ms` and before `at_ms`."""

    holdings: Holdings
    asked_ms: int
    at_ms: int | None

    @property
    def good_until_ms(self) -> int:
        return self.asked_ms + DAY_MS if self.at_ms is None else self.at_ms


class Planning:
    """Holdings as the planner needs them; the same object as long as nothing changes, so that plans stay worked out."""

    def __init__(self, clock: Clock, ask: Callable[[], Holdings]) -> None:
        self._clock = clock
        self._ask = ask
        self.given = ask()
        """What the box holds, without what the player adds."""
        self._now: Holdings | None = None
        self._change: _Change | None = None
        self._asked_again = False
        self._without_until_ms: int | None = None
        """Until this instant of the boot clock only orders are planned."""
        self._wall_minus_boot_ms = self._apart_ms()
        self.quality = ClockQuality.NONE
        self.jump_ms = 0
        """By how much the clock was set when `has_another_time` was asked last; 0: it was not."""

    @property
    def holdings(self) -> Holdings:
        """What plans are made of at present."""
        return self.given if self._now is None else self._now

    @property
    def manifest(self) -> Manifest | None:
        """The programme that plans are made of, or will be when they are made anew."""
        return self.given.manifest if self._without_until_ms is None else None

    def ask_again(self) -> None:
        """Something has ended in a way that the plan does not know: it is to be made anew."""
        self._asked_again = True

    def leave_out_the_programme(self) -> None:
        """With it no turn succeeds: for a while only orders are planned, which sound even so."""
        log.error("the programme is left out for a while", for_ms=WITHOUT_MS)
        self._without_until_ms = self._clock.boot_ms() + WITHOUT_MS
        self._now = replace(self.holdings, manifest=None)
        self._asked_again = True

    def has_another_time(self) -> bool:
        """Whether the clock was set, or got good enough for something that it was not good enough for before."""
        apart = self._apart_ms()
        moved_ms = apart - self._wall_minus_boot_ms
        jumped = abs(moved_ms) > JUMP_MS
        self.jump_ms = moved_ms if jumped else 0
        self._wall_minus_boot_ms = apart
        before, self.quality = self.quality, self._clock.reading().quality
        regained = any(may_sound(kind, self.quality) and not may_sound(kind, before) for kind in SegmentKind)
        if jumped or regained:
            log.info("the time is another", jumped=jumped, quality=self.quality.name)
        return jumped or regained

    def has_another_programme(self) -> bool:
        """Whether a programme or a place in the tree was adopted, or the plan is to be made anew all the same.

        Orders, locks, voices and what bounds them are taken over on the way.
        """
        given = self._ask()
        before, self.given = self.given, given
        if self._without_until_ms is not None and self._clock.boot_ms() >= self._without_until_ms:
            self._without_until_ms, self._asked_again = None, True
        asked_again, self._asked_again = self._asked_again, False
        if self._now is None or asked_again:
            return True
        if given is before or given == before:
            return False
        if (given.manifest, given.assignment, given.awake_ms) != (before.manifest, before.assignment, before.awake_ms):
            return True
        self._now = replace(
            self._now,
            orders=given.orders,
            locks=given.locks,
            voices=given.voices,
            bounds=given.bounds,
            exceptions=given.exceptions,
        )
        return False

    def next_change(self, after_ms: int) -> int | None:
        """`timeline.next_change`, worked out anew only when the holdings have changed or the change has come."""
        known = self._change
        if known is not None and known.holdings is self.holdings and known.asked_ms <= after_ms < known.good_until_ms:
            return known.at_ms
        at_ms = next_change(self.holdings, after_ms)
        self._change = _Change(self.holdings, after_ms, at_ms)
        return at_ms

    def begin_at(self, awake_ms: int, ended: frozenset[str], carry: Carry | None) -> None:
        """Plan anew from this instant."""
        finished = self.given.finished | ended
        self._now = replace(self.given, manifest=self.manifest, awake_ms=awake_ms, finished=finished, carry=carry)

    def _apart_ms(self) -> int:
        return self._clock.now_ms() - self._clock.boot_ms()
