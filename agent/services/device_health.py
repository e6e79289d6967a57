"""Whether the sound device answers, and when to try it again: soon at first, at last every 30 seconds."""

from typing import Final

import structlog

from agent.ports.clock import Clock
from agent.ports.sound import SoundError
from agent.services.play_log import OnFault
from agent.services.service_lock import LockedError
from protocol.report import FaultCode

RETRY_MS: Final = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000)

log = structlog.get_logger(__name__)


class DeviceHealth:
    """Failures in a row; a first sample ends them. One on the second output is a fault that stays."""

    def __init__(self, clock: Clock, on_fault: OnFault) -> None:
        self._clock = clock
        self._on_fault = on_fault
        self._failures = 0
        self._refusal: LockedError | None = None
        """It was not tried, since the service switch is on."""
        self._retry_boot_ms = 0
        self._limps = False
        """Whether it sounds, though not on its first output."""

    @property
    def ill(self) -> bool:
        return self._failures > 0 or self._refusal is not None

    @property
    def retry_in_ms(self) -> int:
        """How long to leave it alone; 0 when it may be tried now."""
        if self._refusal is not None:
            return 0 if self._refusal.is_over else RETRY_MS[-1]
        return max(0, self._retry_boot_ms - self._clock.boot_ms()) if self.ill else 0

    def failed(self, error: SoundError) -> None:
        """A refusal by the service switch is no failure: whoever moves the switch back wakes the player."""
        self._refusal = error if isinstance(error, LockedError) else None
        if self._refusal is not None:
            return
        wait_ms = RETRY_MS[min(self._failures, len(RETRY_MS) - 1)]
        self._failures += 1
        self._retry_boot_ms = self._clock.boot_ms() + wait_ms
        log.warning("the sound device failed", reason=str(error), retry_in_ms=wait_ms)
        self._on_fault(FaultCode.AUDIO_DEVICE, True, str(error))

    def works(self, trouble: str) -> None:
        """It sounds; `trouble` is what is wrong all the same, empty for nothing."""
        limped, self._limps = self._limps, bool(trouble)
        if trouble and not (limped and not self.ill):
            self._on_fault(FaultCode.AUDIO_DEVICE, True, trouble)
        elif not trouble and (self._failures or limped):
            self._on_fault(FaultCode.AUDIO_DEVICE, False, "it sounds again")
        self._failures = 0
        self._refusal = None
