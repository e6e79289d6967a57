"""The amplifier's power. Boxes of this version switch none: their amplifier follows the signal or is always on.

A relay on a GPIO pin enters beside this driver; the player already asks for power at the right moments.
"""

from dataclasses import dataclass, field

from agent.ports.clock import Clock


class AlwaysOn:
    """An amplifier that nobody can switch."""

    async def power(self, on: bool) -> None:
        del on


@dataclass
class FakeAmplifier:
    """Remembers when it was switched."""

    clock: Clock
    on: bool = False
    switched: list[tuple[int, bool]] = field(default_factory=list)
    """(wall instant, on) of every change."""

    async def power(self, on: bool) -> None:
        if on != self.on:
            self.on = on
            self.switched.append((self.clock.now_ms(), on))
