"""Ears that live in virtual time: the test says what is in the air and on the wire, and pulls the plug."""

from collections.abc import Callable
from typing import Final

from agent.core.proof import RATE_HZ, Samples
from agent.ports.clock import Clock
from agent.ports.ear import Block, EarError

BLOCK_MS: Final = 500

Air = Callable[[int, int], Samples]
"""What there is to hear from this wall instant on, so many samples of it, noise included."""


class FakeMicrophone:
    """Gives what the air holds, as time passes; knows whether it is open."""

    def __init__(self, clock: Clock, air: Air) -> None:
        self.plugged_in = True
        self.open = 0
        self.opened = 0
        self._clock = clock
        self._air = air

    async def look(self) -> str:
        if not self.plugged_in:
            raise EarError("the microphone does not answer: it is not plugged in")
        return "fake"

    async def listen(self) -> "FakeListening":
        if not self.plugged_in:
            raise EarError("the microphone does not answer: it is not plugged in")
        self.open += 1
        self.opened += 1
        return FakeListening(self, self._clock, self._air)


class FakeListening:
    """An open fake."""

    def __init__(self, microphone: FakeMicrophone, clock: Clock, air: Air) -> None:
        self._microphone = microphone
        self._clock = clock
        self._air = air
        self._at_ms = clock.boot_ms()

    async def read(self) -> Block:
        await self._clock.sleep_ms(self._at_ms + BLOCK_MS - self._clock.boot_ms())
        if not self._microphone.plugged_in:
            raise EarError("the microphone does not answer: it was unplugged")
        at_ms, self._at_ms = self._at_ms, self._at_ms + BLOCK_MS
        wall_ms = self._clock.now_ms() - self._clock.boot_ms() + at_ms
        return Block(self._air(wall_ms, BLOCK_MS * RATE_HZ // 1000), at_ms)

    async def close(self) -> None:
        self._microphone.open -= 1


class FakeLine:
    """The level that the test says; None: the chip is gone."""

    def __init__(self, level: Callable[[], float | None]) -> None:
        self._level = level

    async def level(self) -> float:
        level = self._level()
        if level is None:
            raise EarError("no measurement: the chip is gone")
        return level
