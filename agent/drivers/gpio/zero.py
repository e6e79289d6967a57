"""Pins through gpiozero, which has them from lgpio, RPi.GPIO or its own mock: the factory that it finds or is given."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

import gpiozero

from agent.drivers.gpio.trouble import trouble
from agent.ports.clock import Clock
from agent.ports.pins import Changed, Line, Lost

try:
    from lgpio import error as _lgpio_error  # not an OSError, and not one of gpiozero's
except ImportError:
    _lgpio_error = OSError

TROUBLE: Final[tuple[type[Exception], ...]] = (gpiozero.GPIOZeroError, OSError, ImportError, _lgpio_error)


class ZeroPins:
    """Implements the port `Pins`."""

    def __init__(self, clock: Clock, factory: Any = None) -> None:
        """`factory`: gpiozero's pin factory; None for the one that it finds on this machine."""
        self._clock = clock
        self._factory = factory
        self._inputs: dict[int, Any] = {}
        self._outputs: dict[int, Any] = {}

    def watch(self, line: Line, changed: Changed, lost: Lost) -> bool:
        """`lost` is never called: gpiozero does not tell."""
        del lost
        loop = asyncio.get_running_loop()
        device = self._made(
            line, lambda: gpiozero.DigitalInputDevice(line.number, pull_up=line.active_low, pin_factory=self._factory)
        )

        def told(on: bool) -> None:
            """In gpiozero's thread, as soon as it knows."""
            loop.call_soon_threadsafe(changed, on, self._clock.boot_ms())

        device.when_activated = lambda: told(True)
        device.when_deactivated = lambda: told(False)
        try:
            on = bool(device.is_active)
        except TROUBLE as error:
            with contextlib.suppress(*TROUBLE):
                device.close()
            raise trouble(line, error) from error
        self._inputs[line.number] = device
        return on

    def drive(self, line: Line, on: bool) -> None:
        device = self._outputs.get(line.number)
        if device is None:
            self._outputs[line.number] = self._made(
                line,
                lambda: gpiozero.DigitalOutputDevice(
                    line.number, active_high=not line.active_low, initial_value=on, pin_factory=self._factory
                ),
            )
            return
        try:
            device.value = on
        except TROUBLE as error:  # a chip that comes back must be asked anew
            del self._outputs[line.number]
            with contextlib.suppress(*TROUBLE):
                device.close()
            raise trouble(line, error) from error

    def close(self) -> None:
        for device in self._outputs.values():
            with contextlib.suppress(*TROUBLE):  # a chip that is gone keeps nothing on
                device.off()
        for device in (*self._inputs.values(), *self._outputs.values()):
            with contextlib.suppress(*TROUBLE):
                device.close()
        self._inputs.clear()
        self._outputs.clear()

    def _made(self, line: Line, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except TROUBLE as error:
            raise trouble(line, error) from error
