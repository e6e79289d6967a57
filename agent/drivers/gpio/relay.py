"""The amplifier's relay on a pin: off when the daemon starts, off when it ends."""

from agent.ports.pins import Line, Pins, PinsError
from agent.ports.sound import SoundError


class RelayAmplifier:
    """Implements the port `Amplifier`."""

    def __init__(self, pins: Pins, line: Line) -> None:
        """Switches it off. Raises PinsError."""
        self._pins = pins
        self._line = line
        pins.drive(line, False)

    async def power(self, on: bool) -> None:
        try:
            self._pins.drive(self._line, on)
        except PinsError as error:
            raise SoundError(f"the amplifier's relay: {error}", device=True, vi=f"rơ le âm ly: {error.vi}") from error
