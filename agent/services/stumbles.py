"""The guard against stumbles: what goes wrong in a turn of the player is a fault and never the player's end.

An alarm may come next, so the turn is taken again after a moment; and what cannot even be tried steps aside: a sound of
the programme at once, an alarm after three tries. So does the whole programme when nothing is reached at all.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from agent.core.cueing import Cue
from agent.ports.journal import Play
from agent.services.device_health import DeviceHealth
from agent.services.play_log import OnFault, row_of
from protocol.report import FaultCode
from protocol.timeline import Segment, SegmentKind

STUMBLE_MS: Final = 1_000
"""How long a turn that failed is not tried again."""
TRIES: Final = 3
"""So often an alarm is tried, and a turn that fails before it comes to any sound."""
STUMBLED: Final = "the player failed"

log = structlog.get_logger(__name__)


class Stumbles:
    """Says that the player failed, and later that it goes on."""

    def __init__(
        self,
        device: DeviceHealth,
        on_fault: OnFault,
        *,
        miss: Callable[[Play, str], None],
        give_up: Callable[[Segment], None],
        orders_only: Callable[[], None],
    ) -> None:
        """`miss` writes the row of what will not sound, `give_up` is told what must not be tried any more.

        `orders_only` is told that no turn comes as far as a sound.
        """
        self._miss = miss
        self._device = device
        self._on_fault = on_fault
        self._give_up = give_up
        self._orders_only = orders_only
        self._failed = 0
        """Turns in a row that came to no sound."""
        self._alarm: Segment | None = None
        """The last alarm that was stumbled over, and how often."""
        self._alarm_failed = 0
        self._attempt: Segment | None = None
        self._has_stumbled = False

    def attempt(self, segment: Segment | None) -> None:
        """What is being taken a step on from here; None: nothing."""
        self._attempt = segment

    async def guard(self, turn: Callable[[], Awaitable[None]]) -> bool:
        """Take one turn; False when it failed."""
        try:
            await turn()
        except Exception as error:
            log.exception("a turn of the player failed")
            self._stumbled(f"{STUMBLED}: {error!r}"[:200])
            return False
        self._failed = 0
        if self._has_stumbled and not self._device.ill:
            self._has_stumbled = False
            self._on_fault(FaultCode.AUDIO_DEVICE, False, "the player goes on")
        return True

    def _stumbled(self, detail: str) -> None:
        """Say so; and what cannot even be tried must not stand in the way of the next one."""
        self._has_stumbled = True
        self._on_fault(FaultCode.AUDIO_DEVICE, True, detail)
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            self._failed += 1
            if self._failed >= TRIES:
                self._failed = 0
                self._orders_only()
            return
        self._failed = 0
        if attempt.kind is SegmentKind.EMERGENCY and self._may_try_again(attempt):
            return
        self._give_up(attempt)
        planned = Cue(attempt.start_ms, attempt.offset_ms, None, 0, attempt.start_ms)
        with contextlib.suppress(Exception):  # what failed may have been the log
            self._miss(row_of(attempt, planned), detail)

    def _may_try_again(self, alarm: Segment) -> bool:
        if self._alarm is None or self._alarm.play != alarm.play:
            self._alarm, self._alarm_failed = alarm, 0
        self._alarm_failed += 1
        return self._alarm_failed < TRIES
