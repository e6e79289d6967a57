"""Pins through the kernel's own character device (libgpiod 2): the way of Debian 13, and of a Raspberry Pi 5.

The kernel dates each edge itself, so that a loop that hiccups changes no length of a press. A line that is let go is
what the chip makes of it: where the process dies, only a resistor to the off side and a relay that needs current to
close keep the amplifier dark (docs/panel.md).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

from agent.drivers.gpio.trouble import trouble
from agent.ports.clock import Clock
from agent.ports.pins import Changed, Line, Lost

CONSUMER: Final = "loalang"
NS_PER_MS: Final = 1_000_000
TROUBLE: Final = (OSError, ValueError)


class CharacterDevicePins:
    """Implements the port `Pins`; one request of the kernel for each line."""

    def __init__(
        self,
        clock: Clock,
        chip: str,
        request: Callable[..., Any] = gpiod.request_lines,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`chip`: such as /dev/gpiochip0. `monotonic_ns`: the clock by which the kernel dates edges."""
        self._clock = clock
        self._chip = chip
        self._request = request
        self._monotonic_ns = monotonic_ns
        self._inputs: dict[int, Any] = {}
        self._outputs: dict[int, Any] = {}

    def watch(self, line: Line, changed: Changed, lost: Lost) -> bool:
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Edge.BOTH,
            bias=Bias.PULL_UP if line.active_low else Bias.PULL_DOWN,
            active_low=line.active_low,
        )
        try:
            request = self._request(self._chip, {line.number: settings}, consumer=CONSUMER)
        except TROUBLE as error:
            raise trouble(line, error) from error
        try:
            on = request.get_value(line.number) is Value.ACTIVE
        except TROUBLE as error:
            _let_go(request)
            raise trouble(line, error) from error
        self._inputs[line.number] = request
        asyncio.get_running_loop().add_reader(request.fd, self._read, line, changed, lost)
        return on

    def drive(self, line: Line, on: bool) -> None:
        value = Value.ACTIVE if on else Value.INACTIVE
        if line.number in self._outputs:
            self._switch(line, value)
            return
        try:
            settings = gpiod.LineSettings(direction=Direction.OUTPUT, active_low=line.active_low, output_value=value)
            self._outputs[line.number] = self._request(self._chip, {line.number: settings}, consumer=CONSUMER)
        except TROUBLE as error:
            raise trouble(line, error) from error

    def _switch(self, line: Line, value: Value) -> None:
        try:
            self._outputs[line.number].set_value(line.number, value)
        except TROUBLE as error:  # a chip that comes back must be asked anew
            _let_go(self._outputs.pop(line.number))
            raise trouble(line, error) from error

    def close(self) -> None:
        for number, request in self._outputs.items():
            with contextlib.suppress(*TROUBLE):  # a chip that is gone keeps nothing on
                request.set_value(number, Value.INACTIVE)
        for request in self._inputs.values():
            asyncio.get_running_loop().remove_reader(request.fd)
        for request in (*self._inputs.values(), *self._outputs.values()):
            _let_go(request)
        self._inputs.clear()
        self._outputs.clear()

    def _read(self, line: Line, changed: Changed, lost: Lost) -> None:
        request = self._inputs[line.number]
        try:
            events = request.read_edge_events()
        except TROUBLE as error:  # it would stay readable for ever
            asyncio.get_running_loop().remove_reader(request.fd)
            del self._inputs[line.number]
            _let_go(request)
            lost(trouble(line, error))
            return
        for event in events:
            ago_ms = (self._monotonic_ns() - event.timestamp_ns) // NS_PER_MS
            changed(event.event_type is gpiod.EdgeEvent.Type.RISING_EDGE, self._clock.boot_ms() - max(0, ago_ms))


def _let_go(request: Any) -> None:
    with contextlib.suppress(*TROUBLE):  # a chip that is gone holds nothing
        request.release()
