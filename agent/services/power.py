"""The amplifier's power: on a little before something sounds, off as soon as nothing does (requirement 3, I12)."""

from typing import Final

import structlog

from agent.ports.clock import Clock
from agent.ports.sound import Amplifier, SoundError

TAIL_MS: Final = 1_000
"""It stays on for so long after the last sample, in case something follows."""
RETRY_MS: Final = 1_000

log = structlog.get_logger(__name__)


class Power:
    """Knows since when the amplifier has had power, and so when it can be heard."""

    def __init__(self, clock: Clock, amplifier: Amplifier, lead_in_ms: int) -> None:
        """`lead_in_ms`: from its power to its first clean sound."""
        self._clock = clock
        self._amplifier = amplifier
        self._lead_in_ms = lead_in_ms
        self._since_boot_ms: int | None = None
        self._silent_boot_ms: int | None = None
        self._failed_boot_ms: int | None = None
        """When it did not switch; None while it does as it is told."""
        self._switched_by_others = False
        """Since it was told last."""

    @property
    def is_lacking(self) -> bool:
        """Its relay does not answer: whatever sounds now may not be heard."""
        return self._failed_boot_ms is not None

    @property
    def retry_in_ms(self) -> int | None:
        """When it is to be switched once more; None when it did as it was told."""
        if self._failed_boot_ms is None:
            return None
        return max(0, self._failed_boot_ms + RETRY_MS - self._clock.boot_ms())

    @property
    def is_on(self) -> bool:
        return self._since_boot_ms is not None

    @property
    def settles_in_ms(self) -> int:
        """How long from now a sound must wait; the whole lead-in while there is no power."""
        if self._since_boot_ms is None:
            return self._lead_in_ms
        return max(0, self._lead_in_ms - (self._clock.boot_ms() - self._since_boot_ms))

    @property
    def tail_left_ms(self) -> int | None:
        """How much of the tail is left; None when there is no tail."""
        if self._since_boot_ms is None or self._silent_boot_ms is None:
            return None
        return max(0, self._silent_boot_ms + TAIL_MS - self._clock.boot_ms())

    async def follow(self, *, needed: bool) -> None:
        """Switch as it must be now, again every second where it does not switch.

        After one that did not switch nobody knows how it is: one that did not go off may be off all the same, and is
        not heard before it was told to go on. One that did not go on may be on, and is switched off when it is not
        needed any more.
        """
        if needed:
            self._silent_boot_ms = None
        elif self._silent_boot_ms is None:
            self._silent_boot_ms = self._clock.boot_ms()
        if self.retry_in_ms:
            return
        if needed and not self.is_on:
            await self._switch(on=True)
        elif not needed and (self.is_lacking or self._switched_by_others or self.tail_left_ms == 0):
            await self._switch(on=False)

    async def off(self) -> None:
        """At once."""
        await self._switch(on=False)

    def doubt(self) -> None:
        """Somebody else has switched it, or tried to: it counts as off, and is told anew what it must be."""
        self._since_boot_ms = self._failed_boot_ms = None
        self._switched_by_others = True

    async def _switch(self, *, on: bool) -> None:
        self._switched_by_others = False
        try:
            await self._amplifier.power(on)
        except SoundError as error:
            if self._failed_boot_ms is None:
                log.warning("the amplifier did not switch", on=on, reason=str(error))
            self._failed_boot_ms = self._clock.boot_ms()
            self._since_boot_ms = None
            return
        self._failed_boot_ms = None
        if not self._switched_by_others:
            self._since_boot_ms = self._clock.boot_ms() if on else None
