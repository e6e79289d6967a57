"""Between player and amplifier: writes down when the amplifier is on, and holds back what the power does not carry."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from agent.core.brownout import CALM_MS, Lives, Measure, calm, woke
from agent.ports.clock import Clock
from agent.ports.lives import LivesKept
from agent.ports.sound import Amplifier, Frames, Sounding, Speaker, Track
from agent.services.keeper import Keeper
from protocol.priority import OWN_LEVEL
from protocol.timeline import Lock

NAME: Final = "brown-out"
BELOW_ALARMS: Final = OWN_LEVEL + 1
"""A lock of this level holds back the programme and voices, and no alarm."""

log = structlog.get_logger()


class BrownOut:
    """`amplifier` and `speaker` are what everybody else is given."""

    def __init__(
        self,
        amplifier: Amplifier,
        speaker: Speaker,
        *,
        clock: Clock,
        kept: LivesKept,
        keeper: Keeper,
    ) -> None:
        self._inner = amplifier
        self._clock = clock
        self._kept = kept
        self._keeper = keeper
        self.on_trouble: Callable[[str], None] = lambda _: None
        """Told what is to be said of the power; empty for nothing."""
        # before anything is played: what the last life tells holds from the first turn on
        self._lives = woke(kept.load(), kept.boot, clock.now_ms())
        kept.keep(self._lives)
        self._hold_back()
        self.amplifier: Amplifier = self
        self.speaker = _LowerSpeaker(self, speaker)

    @property
    def measure(self) -> Measure:
        return self._lives.measure

    async def run(self) -> None:
        """Until cancelled: says what is wrong, and takes a step back after each calm stretch."""
        while True:
            self._apply()
            await self._clock.sleep_ms(CALM_MS)
            self._note(calm(self._lives))

    async def power(self, on: bool) -> None:
        """Written before it is on, and after it is off: what ends this life in between is told by the next."""
        if on and not self._lives.amplifier_on:
            self._note(replace(self._lives, amplifier_on=True))
        await self._inner.power(on)
        if not on and self._lives.amplifier_on:
            self._note(replace(self._lives, amplifier_on=False))

    def _apply(self) -> None:
        if self.measure is not Measure.FULL:
            log.warning("brown-outs", measure=self.measure.name)
        self._hold_back()
        self.on_trouble(self.measure.words)

    def _hold_back(self) -> None:
        lock = Lock(self._clock.now_ms(), None, self.measure.words, BELOW_ALARMS)
        self._keeper.lock_unwritten(NAME, lock if self.measure is Measure.ORDERS_ONLY else None)

    def _note(self, lives: Lives) -> None:
        self._lives = lives
        self._kept.keep(lives)


class _LowerSpeaker:
    """Implements the port `Speaker`."""

    def __init__(self, power: BrownOut, speaker: Speaker) -> None:
        self._power = power
        self._speaker = speaker

    @property
    def trouble(self) -> str:
        return self._speaker.trouble

    async def start(self, track: Track) -> Sounding:
        return await self._speaker.start(replace(track, gain_cb=track.gain_cb + self._power.measure.gain_cb))

    def frames(self, name: str) -> Frames:
        return self._speaker.frames(name)

    async def probe(self) -> str:
        return await self._speaker.probe()

    async def close(self) -> None:
        await self._speaker.close()
