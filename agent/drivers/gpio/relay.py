"""The amplifier's relay on a pin: off when the daemon starts, off when it ends, as far as its pin obeys."""

from agent.errors import Told
from agent.ports.pins import Line, Pins, PinsError
from agent.ports.sound import SoundError


class RelayAmplifier:
    """Implements the port `Amplifier`. A relay that cannot be had is tried again whenever it is to be switched.

    It tries once each time; the player asks again every second until it has switched.
    """

    def __init__(self, pins: Pins, line: Line) -> None:
        """Switches it off, or notes why it cannot."""
        self._pins = pins
        self._line = line
        self.trouble: str = ""
        """Why it could not be had at the start; empty where it was."""
        try:
            pins.drive(line, False)
        except PinsError as error:
            self.trouble = Told(f"the amplifier's relay: {error}", f"rơ le âm ly: {error.vi}")

    async def power(self, on: bool) -> None:
        try:
            self._pins.drive(self._line, on)
        except PinsError as error:
            raise SoundError(f"the amplifier's relay: {error}", device=True, vi=f"rơ le âm ly: {error.vi}") from error
