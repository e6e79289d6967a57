"""The guard against stumbles: what goes wrong in a turn of the player is a fault and never the player's end.

An alarm may come next, so the turn is taken again after a moment; and what cannot even be tried steps aside.
"""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from agent.core.cueing import Cue
from agent.services.device_health import DeviceHealth
from agent.services.play_log import OnFault, PlayLog, row_of
from protocol.report import FaultCode
from protocol.timeline import Segment, SegmentKind

STUMBLE_MS: Final = 1_000
"""How long a turn that failed is not tried again."""
STUMBLED: Final = "the player failed"

log = structlog.get_logger(__name__)


class Stumbles:
    """Says that the player failed, and later that it goes on."""

    def __init__(
        self, log: PlayLog, device: DeviceHealth, on_fault: OnFault, *, give_up: Callable[[Segment], None]
    ) -> None:
        """`give_up` is told what must not be tried any more."""
        self._log = log
        self._device = device
        self._on_fault = on_fault
        self._give_up = give_up
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
        if self._has_stumbled and not self._device.ill:
            self._has_stumbled = False
            self._on_fault(FaultCode.AUDIO_DEVICE, False, "the player goes on")
        return True

    def _stumbled(self, detail: str) -> None:
        """Say so; and a programme's sound that cannot even be tried must not stand in the way of the next one."""
        self._has_stumbled = True
        self._on_fault(FaultCode.AUDIO_DEVICE, True, detail)
        attempt, self._attempt = self._attempt, None
        if attempt is not None and attempt.kind is not SegmentKind.EMERGENCY:
            self._give_up(attempt)
            planned = Cue(attempt.start_ms, attempt.offset_ms, None, 0, attempt.start_ms)
            with contextlib.suppress(Exception):  # what failed may have been the log
                self._log.missed(row_of(attempt, planned), detail)
