"""An amplifier that follows the signal or is always on, and a fake. One with a relay is in `gpio.relay`."""

from dataclasses import dataclass, field

from agent.ports.clock import Clock
from agent.ports.sound import SoundError


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
    is_broken: bool = False
    """Its relay does not answer."""
    lets_go: bool = False
    """Whether it falls off when it is told something while it does not answer: its line is not held any more."""

    async def power(self, on: bool) -> None:
        if self.is_broken:
            self._switch(self.on and not self.lets_go)
            raise SoundError("the amplifier's relay does not answer", device=True)
        self._switch(on)

    def _switch(self, on: bool) -> None:
        if on != self.on:
            self.on = on
            self.switched.append((self.clock.now_ms(), on))
