"""Pins that a test presses: they refuse what a real chip refuses, and may be pulled out."""

from dataclasses import dataclass, field

from agent.drivers.gpio.trouble import trouble
from agent.ports.clock import Clock
from agent.ports.pins import Changed, Line, Lost

LINES = range(54)
"""As many as a Raspberry Pi's chip has."""


@dataclass
class FakePins:
    """Implements the port `Pins`."""

    clock: Clock
    is_there: bool = True
    on: set[int] = field(default_factory=set)
    """Inputs that are pressed and outputs that are on."""
    driven: list[tuple[int, int, bool]] = field(default_factory=list)
    """(boot instant, line, on) of every change of an output."""
    _watched: dict[int, tuple[Line, Changed, Lost]] = field(default_factory=dict)
    _outputs: set[int] = field(default_factory=set)

    def watch(self, line: Line, changed: Changed, lost: Lost) -> bool:
        self._take(line, new=True)
        self._watched[line.number] = (line, changed, lost)
        return line.number in self.on

    def drive(self, line: Line, on: bool) -> None:
        self._take(line, new=line.number not in self._outputs)
        self._outputs.add(line.number)
        if on is not (line.number in self.on) or all(number != line.number for _, number, _ in self.driven):
            self._set(line.number, on)
            self.driven.append((self.clock.boot_ms(), line.number, on))

    def close(self) -> None:
        for number in self._outputs & self.on:
            self.on.discard(number)
            self.driven.append((self.clock.boot_ms(), number, False))
        self._watched.clear()
        self._outputs.clear()

    def unplug(self) -> None:
        """The chip goes, and everybody who watches is told; it is back when `is_there` is set."""
        self.is_there = False
        watched, self._watched = self._watched, {}
        for line, _, lost in watched.values():
            lost(trouble(line, OSError(19, "No such device")))

    def press(self, number: int) -> None:
        """Close a contact; nothing where it is closed already."""
        self._edge(number, True)

    def release(self, number: int) -> None:
        self._edge(number, False)

    def _edge(self, number: int, on: bool) -> None:
        if on is not (number in self.on):
            self._set(number, on)
            if number in self._watched and self.is_there:
                self._watched[number][1](on, self.clock.boot_ms())

    def _set(self, number: int, on: bool) -> None:
        (self.on.add if on else self.on.discard)(number)

    def _take(self, line: Line, *, new: bool) -> None:
        if not self.is_there:
            raise trouble(line, OSError(19, "No such device"))
        if line.number not in LINES:
            raise trouble(line, OSError(22, "Invalid argument"))
        if new and (line.number in self._watched or line.number in self._outputs):
            raise trouble(line, OSError(16, "Device or resource busy"))
