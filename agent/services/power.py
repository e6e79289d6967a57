"""The amplifier's power: on a little before something sounds, off as soon as nothing does (requirement 3, I12)."""

from typing import Final

import structlog

from agent.ports.clock import Clock
from agent.ports.sound import Amplifier, SoundError

TAIL_MS: Final = 1_000
"""It stays on for so long after the last sample, in case something follows."""

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
        """Switch as it must be now. An amplifier that cannot be switched is reported, and sound goes on."""
        if needed:
            self._silent_boot_ms = None
        elif self._silent_boot_ms is None:
            self._silent_boot_ms = self._clock.boot_ms()
        on = self._since_boot_ms is not None
        if needed and not on:
            await self._switch(on=True)
            self._since_boot_ms = self._clock.boot_ms()
        elif on and not needed and self.tail_left_ms == 0:
            await self.off()

    async def off(self) -> None:
        """At once."""
        await self._switch(on=False)
        self._since_boot_ms = None

    async def _switch(self, *, on: bool) -> None:
        try:
            await self._amplifier.power(on)
        except SoundError as error:
            log.warning("the amplifier did not switch", on=on, reason=str(error))
