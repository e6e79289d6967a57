"""Pins of the box, as its box.toml names their driver."""

from agent.drivers.gpio.fake import FakePins
from agent.drivers.gpio.trouble import trouble
from agent.ports.clock import Clock
from agent.ports.pins import Changed, Line, Lost, Pins, PinsError

__all__ = ["FakePins", "NoPins", "choose"]


class NoPins:
    """A box whose pins are not wired, or cannot be had."""

    def watch(self, line: Line, changed: Changed, lost: Lost) -> bool:
        raise trouble(line, OSError(19, "panel.driver gives no pins"))

    def drive(self, line: Line, on: bool) -> None:
        raise trouble(line, OSError(19, "panel.driver gives no pins"))

    def close(self) -> None:
        pass


def choose(driver: str, chip: str, clock: Clock) -> Pins:
    """One of `config.PIN_DRIVERS`; "auto" is gpiod where its library is installed, else gpiozero. Raises PinsError."""
    match driver:
        case "none":
            return NoPins()
        case "fake":
            return FakePins(clock)
        case "gpiozero":
            return _gpiozero(clock)
        case "gpiod":
            return _gpiod(clock, chip)
        case _:
            try:
                return _gpiod(clock, chip)
            except PinsError:
                return _gpiozero(clock)


def _gpiod(clock: Clock, chip: str) -> Pins:
    try:
        from agent.drivers.gpio.character_device import CharacterDevicePins
    except (ImportError, AttributeError) as error:  # libgpiod 1 has another interface under the same name
        raise _missing("gpiod 2", "python3-libgpiod", error) from error
    return CharacterDevicePins(clock, chip)


def _gpiozero(clock: Clock) -> Pins:
    try:
        from agent.drivers.gpio.zero import ZeroPins
    except ImportError as error:
        raise _missing("gpiozero", "python3-gpiozero python3-lgpio", error) from error
    return ZeroPins(clock)


def _missing(library: str, packages: str, error: Exception) -> PinsError:
    return PinsError(
        f"{library} cannot be imported ({error}): install the extra `gpio` (Debian: {packages}), "
        "or set another panel.driver",
        vi=f"không nạp được {library} ({error}): hãy cài phần `gpio` (Debian: {packages}), hoặc đổi panel.driver",
    )
