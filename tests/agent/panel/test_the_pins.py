"""One port, three drivers: what a press is, what a lamp is, and what is refused, alike on each.

gpiozero runs on its own mock pins; gpiod on a small stand-in of the kernel's requests, since this kernel has no
gpio-sim. What only a real chip can show is on the bench (hil/).
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import gpiod
import pytest
from gpiod.line import Bias, Direction, Edge, Value
from gpiozero.pins.mock import MockFactory, MockPin

from agent.drivers import gpio
from agent.drivers.clock import FakeClock
from agent.drivers.gpio.character_device import CharacterDevicePins
from agent.drivers.gpio.fake import FakePins
from agent.drivers.gpio.relay import RelayAmplifier
from agent.drivers.gpio.trouble import trouble
from agent.drivers.gpio.zero import ZeroPins
from agent.ports.pins import Line, Pins, PinsError
from agent.ports.sound import SoundError

BUTTON, CONTACT, LAMP, RELAY = Line(5, True), Line(6, False), Line(7, False), Line(8, True)
NOWHERE = Line(4_000, False)


class Bench(Protocol):
    """A driver with a hand on its wires. Levels are electrical: True is high."""

    pins: Pins

    def put(self, number: int, high: bool) -> None: ...

    def level(self, number: int) -> bool: ...


class ZeroBench:
    def __init__(self) -> None:
        self.factory = MockFactory()
        self.pins: Pins = ZeroPins(FakeClock(0), self.factory)

    def put(self, number: int, high: bool) -> None:
        pin = self.factory.pin(number)
        (pin.drive_high if high else pin.drive_low)()

    def level(self, number: int) -> bool:
        return bool(self.factory.pin(number).state)


@dataclass
class StandInRequest:
    """What `gpiod.request_lines` gives for one line, as far as the driver uses it."""

    number: int
    settings: Any
    high: bool
    ends: tuple[int, int] = field(default_factory=os.pipe)
    events: list[Any] = field(default_factory=list)
    is_released: bool = False
    is_broken: bool = False

    @property
    def fd(self) -> int:
        return self.ends[0]

    def get_value(self, number: int) -> Value:
        assert number == self.number
        if self.is_broken:
            raise OSError(5, "Input/output error")
        return Value.ACTIVE if self.high is not self.settings.active_low else Value.INACTIVE

    def set_value(self, number: int, value: Value) -> None:
        assert number == self.number
        if self.is_released:
            raise ValueError("the request is released")
        if self.is_broken:
            raise OSError(19, "No such device")
        self.high = (value is Value.ACTIVE) is not self.settings.active_low

    def read_edge_events(self) -> list[Any]:
        if self.is_broken:
            raise OSError(19, "No such device")
        os.read(self.fd, 4_096)
        events, self.events = self.events, []
        return events

    def edge(self, high: bool) -> None:
        if high is self.high:
            return
        self.high = high
        rising = self.get_value(self.number) is Value.ACTIVE
        kind = gpiod.EdgeEvent.Type.RISING_EDGE if rising else gpiod.EdgeEvent.Type.FALLING_EDGE
        self.events.append(gpiod.EdgeEvent(kind.value, time.monotonic_ns(), self.number, 0, 0))
        os.write(self.ends[1], b"!")

    def release(self) -> None:
        self.is_released = True
        for end in self.ends:
            os.close(end)


class KernelBench:
    """Lines of one chip; a second request of the same line is refused, as the kernel does (EBUSY)."""

    def __init__(self) -> None:
        self.requests: dict[int, StandInRequest] = {}
        self.pins: Pins = CharacterDevicePins(FakeClock(0), "/dev/gpiochip0", self.request)
        self.is_broken = False

    def request(self, chip: str, config: dict[int, Any], *, consumer: str) -> StandInRequest:
        ((number, settings),) = config.items()
        assert (chip, consumer) == ("/dev/gpiochip0", "loalang")
        if number >= 54:
            raise OSError(22, "Invalid argument")
        if number in self.requests and not self.requests[number].is_released:
            raise OSError(16, "Device or resource busy")
        if settings.direction is Direction.OUTPUT:
            high = (settings.output_value is Value.ACTIVE) is not settings.active_low
        else:
            assert settings.edge_detection is Edge.BOTH
            high = settings.bias is Bias.PULL_UP
        self.requests[number] = StandInRequest(number, settings, high, is_broken=self.is_broken)
        return self.requests[number]

    def put(self, number: int, high: bool) -> None:
        self.requests[number].edge(high)

    def level(self, number: int) -> bool:
        return self.requests[number].high


class FakeBench:
    """The fake knows no levels, only what is on."""

    def __init__(self) -> None:
        self.fake = FakePins(FakeClock(0))
        self.pins: Pins = self.fake
        self.low = {line.number for line in (BUTTON, RELAY)}

    def put(self, number: int, high: bool) -> None:
        (self.fake.press if high is not (number in self.low) else self.fake.release)(number)

    def level(self, number: int) -> bool:
        return (number in self.fake.on) is not (number in self.low)


@pytest.fixture(params=[ZeroBench, KernelBench, FakeBench])
def bench(request: pytest.FixtureRequest) -> Iterator[Callable[[], Bench]]:
    return request.param  # type: ignore[no-any-return]


def ignored(_: PinsError) -> None:
    """Nothing is lost in most tests."""


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_edges_are_told_as_on_and_off_whichever_way_the_line_is_wired(bench: Callable[[], Bench]) -> None:
    async def main() -> None:
        there, heard = bench(), list[tuple[str, bool]]()
        assert not there.pins.watch(BUTTON, lambda on, _: heard.append(("button", on)), ignored)
        assert not there.pins.watch(CONTACT, lambda on, _: heard.append(("contact", on)), ignored)
        for high in (False, True):
            there.put(BUTTON.number, high)
            await settled()
            there.put(CONTACT.number, not high)
            await settled()
        assert heard == [("button", True), ("contact", True), ("button", False), ("contact", False)]
        there.pins.close()

    asyncio.run(main())


def test_an_edge_has_its_instant_on_the_boot_clock(bench: Callable[[], Bench]) -> None:
    async def main() -> None:
        there, heard = bench(), list[int]()
        clock = FakeClock(0)
        there.pins.watch(BUTTON, lambda _, at_ms: heard.append(at_ms), ignored)
        before = clock.boot_ms()
        there.put(BUTTON.number, False)
        await settled()
        assert before - 2 <= heard[0] <= clock.boot_ms() + 2
        there.pins.close()

    asyncio.run(main())


def test_an_output_is_driven_whichever_way_it_is_wired_and_is_off_at_the_end(bench: Callable[[], Bench]) -> None:
    async def main() -> None:
        there = bench()
        for line in (LAMP, RELAY):
            there.pins.drive(line, False)
            assert there.level(line.number) is line.active_low
            there.pins.drive(line, True)
            assert there.level(line.number) is not line.active_low
        requests = dict(getattr(there, "requests", {}))
        there.pins.close()
        for line in (LAMP, RELAY):
            if requests or isinstance(there, FakeBench):
                assert there.level(line.number) is line.active_low

    asyncio.run(main())


def test_a_line_that_is_taken_or_does_not_exist_is_refused_with_the_way_out(bench: Callable[[], Bench]) -> None:
    async def main() -> None:
        there = bench()
        there.pins.watch(BUTTON, lambda *_: None, ignored)
        with pytest.raises(PinsError, match=r"GPIO 5 .*\[panel\]"):
            there.pins.drive(BUTTON, True)
        with pytest.raises(PinsError, match=r"GPIO 4000"):
            there.pins.watch(NOWHERE, lambda *_: None, ignored)
        there.pins.close()

    asyncio.run(main())


def test_what_is_let_go_can_be_had_again(bench: Callable[[], Bench]) -> None:
    async def main() -> None:
        there = bench()
        there.pins.watch(CONTACT, lambda *_: None, ignored)
        there.pins.drive(LAMP, True)
        there.pins.close()
        heard = list[bool]()
        there.pins.watch(LAMP, lambda on, _: heard.append(on), ignored)
        there.put(LAMP.number, True)
        await settled()
        assert heard == [True]
        there.pins.drive(CONTACT, True)
        assert there.level(CONTACT.number)
        there.pins.close()

    asyncio.run(main())


def test_a_line_that_cannot_be_read_is_let_go_and_may_be_had_later() -> None:
    async def main() -> None:
        kernel = KernelBench()
        kernel.is_broken = True
        with pytest.raises(PinsError, match="Input/output error"):
            kernel.pins.watch(BUTTON, lambda *_: None, ignored)
        assert kernel.requests[BUTTON.number].is_released
        kernel.is_broken = False
        assert not kernel.pins.watch(BUTTON, lambda *_: None, ignored)
        kernel.pins.close()

    asyncio.run(main())


def test_a_chip_that_goes_away_is_told_once_spins_no_loop_and_may_be_had_later() -> None:
    async def main() -> None:
        kernel, lost, heard = KernelBench(), list[PinsError](), list[bool]()
        kernel.pins.watch(BUTTON, lambda on, _: heard.append(on), lost.append)
        request = kernel.requests[BUTTON.number]
        kernel.put(BUTTON.number, False)
        request.is_broken = True
        await settled()
        assert [str(error) for error in lost] == [str(trouble(BUTTON, OSError(19, "No such device")))]
        assert request.is_released
        kernel.pins.watch(BUTTON, lambda on, _: heard.append(on), lost.append)
        kernel.put(BUTTON.number, False)
        await settled()
        assert heard == [True]
        assert len(lost) == 1
        kernel.pins.close()

    asyncio.run(main())


def test_an_output_whose_chip_came_back_is_switched_again() -> None:
    async def main() -> None:
        kernel = KernelBench()
        kernel.pins.drive(RELAY, False)
        kernel.requests[RELAY.number].is_broken = True
        with pytest.raises(PinsError, match="No such device"):
            kernel.pins.drive(RELAY, True)
        kernel.pins.drive(RELAY, True)
        assert not kernel.level(RELAY.number)
        kernel.pins.close()

    asyncio.run(main())


class LosablePin(MockPin):  # type: ignore[misc]
    """Once its chip was away, only a new handle of it can be switched."""

    is_lost = False

    def _set_state(self, value: bool) -> None:
        if self.is_lost:
            raise OSError(19, "No such device")
        super()._set_state(value)

    def close(self) -> None:
        super().close()
        self.is_lost = False


def test_an_output_of_gpiozero_whose_chip_came_back_is_switched_again() -> None:
    async def main() -> None:
        factory = MockFactory(pin_class=LosablePin)
        pins = ZeroPins(FakeClock(0), factory)
        pins.drive(LAMP, False)
        factory.pin(LAMP.number).is_lost = True
        with pytest.raises(PinsError, match="No such device"):
            pins.drive(LAMP, True)
        pins.drive(LAMP, True)
        assert factory.pin(LAMP.number).state
        pins.close()

    asyncio.run(main())


def test_the_kernel_dates_edges_so_that_a_loop_that_stood_still_shortens_no_press() -> None:
    async def main() -> None:
        clock, heard, now_ns = FakeClock(0), list[int](), 5_000_000_000
        kernel = KernelBench()
        pins = CharacterDevicePins(clock, "/dev/gpiochip0", kernel.request, monotonic_ns=lambda: now_ns)
        pins.watch(BUTTON, lambda _, at_ms: heard.append(at_ms), ignored)
        request = kernel.requests[BUTTON.number]
        kind = gpiod.EdgeEvent.Type.RISING_EDGE.value
        request.events += [gpiod.EdgeEvent(kind, now_ns - 900_000_000, BUTTON.number, 0, 0)]
        os.write(request.ends[1], b"!")
        await settled()
        assert clock.boot_ms() - 905 <= heard[0] <= clock.boot_ms() - 895
        pins.close()

    asyncio.run(main())


def test_the_amplifiers_relay_is_off_before_anybody_asks_and_a_chip_that_is_gone_is_a_sound_error() -> None:
    async def main() -> None:
        pins = FakePins(FakeClock(0))
        relay = RelayAmplifier(pins, RELAY)
        assert [(number, on) for _, number, on in pins.driven] == [(RELAY.number, False)]
        await relay.power(True)
        assert RELAY.number in pins.on
        pins.is_there = False
        with pytest.raises(SoundError, match="relay"):
            await relay.power(False)
        pins.is_there = True
        pins.close()
        assert RELAY.number not in pins.on

    asyncio.run(main())


def test_a_relay_that_cannot_be_had_says_so_and_is_tried_again_whenever_it_is_switched() -> None:
    async def main() -> None:
        pins = FakePins(FakeClock(0), is_there=False)
        relay = RelayAmplifier(pins, RELAY)
        assert relay.trouble.startswith(f"the amplifier's relay: GPIO {RELAY.number}")
        with pytest.raises(SoundError, match="relay"):
            await relay.power(True)
        pins.is_there = True
        await relay.power(True)
        assert RELAY.number in pins.on

    asyncio.run(main())


def test_a_box_without_pins_says_so_for_each_line_that_is_asked() -> None:
    async def main() -> None:
        pins = gpio.choose("none", "", FakeClock(0))
        with pytest.raises(PinsError, match="no pins"):
            pins.watch(BUTTON, lambda *_: None, ignored)

    asyncio.run(main())


def test_each_driver_of_box_toml_is_made() -> None:
    async def main() -> None:
        clock = FakeClock(0)
        names = {name: type(gpio.choose(name, "/dev/gpiochip0", clock)).__name__ for name in ("gpiod", "gpiozero")}
        assert names == {"gpiod": "CharacterDevicePins", "gpiozero": "ZeroPins"}

    asyncio.run(main())
