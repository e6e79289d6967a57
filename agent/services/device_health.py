"""Whether the sound device answers, and when to try it again: soon at first, at last every 30 seconds."""

from collections.abc import Callable
from typing import Final

import structlog

from agent.ports.clock import Clock
from agent.ports.sound import SoundError, Speaker
from agent.services.play_log import OnFault
from agent.services.service_lock import LockedError
from protocol.report import FaultCode

RETRY_MS: Final = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000)
LOOK_MS: Final = 5_000
"""How late it is noticed that the device must be tried though nothing is due."""

log = structlog.get_logger(__name__)


class DeviceHealth:
    """Failures in a row; a first sample ends them, and so does a trial. One on the second output is a fault that stays.

    `watch` until cancelled: it tries the device at once, and again while it does not answer and nothing is due.
    """

    def __init__(self, clock: Clock, on_fault: OnFault, speaker: Speaker, woken: Callable[[], None]) -> None:
        """`woken` is told that it works again: something may wait for it."""
        self._clock = clock
        self._on_fault = on_fault
        self._speaker = speaker
        self._woken = woken
        self._failures = 0
        self._refusal: LockedError | None = None
        """It was not tried, since the service switch is on."""
        self._retry_boot_ms = 0
        self._limps = False
        """Whether it sounds, though not on its first output."""
        self._is_absent = False
        """Whether the last trial failed; a sound that is due is tried all the same."""
        self._tried_boot_ms: int | None = None

    @property
    def ill(self) -> bool:
        return self._failures > 0 or self._refusal is not None

    @property
    def is_silent(self) -> bool:
        """Whether nothing could be sounded on it when it was tried last."""
        return self._failures > 0 or self._is_absent

    @property
    def retry_in_ms(self) -> int:
        """How long to leave it alone; 0 when it may be tried now."""
        if self._refusal is not None:
            return 0 if self._refusal.is_over else RETRY_MS[-1]
        return max(0, self._retry_boot_ms - self._clock.boot_ms()) if self.ill else 0

    async def watch(self, is_silent: Callable[[], bool]) -> None:
        """`is_silent`: nothing is with the speaker that a trial could disturb."""
        while True:
            if self._is_due and is_silent():
                await self._look()
            elif self._limps and not self.is_silent:  # its process tries the first output itself, and says how it is
                self._answers(self._speaker.trouble, "it answers")
            await self._clock.sleep_ms(max(LOOK_MS, self._trial_in_ms if self.is_silent else 0))

    async def probe(self) -> str:
        """Try it without a sound; what it is. Raises SoundError, and that is the fault."""
        is_first, self._tried_boot_ms = self._tried_boot_ms is None, self._clock.boot_ms()
        try:
            output = await self._speaker.probe()
        except SoundError as error:
            self._is_absent = True
            self._on_fault(FaultCode.AUDIO_DEVICE, True, error.told)
            raise
        was_away = self.is_silent
        self._answers(self._speaker.trouble, "it answers", is_first=is_first)
        if was_away:
            self._woken()
        return output

    def failed(self, error: SoundError) -> None:
        """A refusal by the service switch is no failure: whoever moves the switch back wakes the player."""
        self._refusal = error if isinstance(error, LockedError) else None
        if self._refusal is not None:
            return
        wait_ms = RETRY_MS[min(self._failures, len(RETRY_MS) - 1)]
        self._failures += 1
        self._tried_boot_ms = self._clock.boot_ms()
        self._retry_boot_ms = self._tried_boot_ms + wait_ms
        log.warning("the sound device failed", reason=str(error), retry_in_ms=wait_ms)
        self._on_fault(FaultCode.AUDIO_DEVICE, True, error.told)

    def works(self, trouble: str) -> None:
        """It sounds; `trouble` is what is wrong all the same, empty for nothing."""
        self._refusal = None
        self._answers(trouble, "it sounds again")

    def _answers(self, trouble: str, how: str, *, is_first: bool = False) -> None:
        """`is_first`: a fault may stand that a daemon before this one has seen."""
        limped, self._limps = self._limps, bool(trouble)
        was_away = self.is_silent
        self._failures, self._is_absent = 0, False
        if trouble and not (limped and not was_away):
            self._on_fault(FaultCode.AUDIO_DEVICE, True, trouble)
        elif not trouble and (was_away or limped or is_first):
            self._on_fault(FaultCode.AUDIO_DEVICE, False, how)

    async def _look(self) -> None:
        try:
            await self.probe()
        except SoundError as error:
            log.warning("the sound device does not answer", reason=str(error))

    @property
    def _is_due(self) -> bool:
        return self._tried_boot_ms is None or (self.is_silent and self._trial_in_ms == 0)

    @property
    def _trial_in_ms(self) -> int:
        """Until the device may be tried again for nothing but to know."""
        last = self._tried_boot_ms
        return 0 if last is None else max(0, last + RETRY_MS[-1] - self._clock.boot_ms())
