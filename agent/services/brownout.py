"""Between player and amplifier: writes down when the amplifier is on, and holds back what the power does not carry."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
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

PATIENCE_MS: Final = 500
"""A disk that takes longer for a few bytes holds back no alarm; this life's end may go uncounted then."""

log = structlog.get_logger()


async def at_once(work: Callable[[], None]) -> None:
    """In the event loop."""
    work()


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
        aside: Callable[[Callable[[], None]], Awaitable[None]] = at_once,
    ) -> None:
        """`aside` does what waits for the disk, one after the other, and returns when it is done."""
        self._aside = aside
        self._writing: asyncio.Future[None] | None = None
        self._wanted = False
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
            await self._note(calm(self._lives))

    async def power(self, on: bool) -> None:
        """Written before it is on, and after it is off: what ends this life in between is told by the next."""
        self._wanted = on
        if on and not self._lives.amplifier_on:
            await self._note(replace(self._lives, amplifier_on=True))
            if not self._wanted:
                return  # meanwhile somebody has switched it off, who may be working at it
        await self._inner.power(on)
        if not on and self._lives.amplifier_on:
            await self._note(replace(self._lives, amplifier_on=False))

    def _apply(self) -> None:
        if self.measure is not Measure.FULL:
            log.warning("brown-outs", measure=self.measure.name)
        self._hold_back()
        self.on_trouble(self.measure.words)

    def _hold_back(self) -> None:
        lock = Lock(self._clock.now_ms(), None, self.measure.words, BELOW_ALARMS)
        self._keeper.lock_unwritten(NAME, lock if self.measure is Measure.ORDERS_ONLY else None)

    async def _note(self, lives: Lives) -> None:
        """Returns when it is on the disk, or after PATIENCE_MS."""
        self._lives = lives
        self._writing = writing = asyncio.ensure_future(self._aside(partial(self._kept.keep, lives)))
        patience = asyncio.ensure_future(self._clock.sleep_ms(PATIENCE_MS))
        try:
            await asyncio.wait({writing, patience}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
        if not writing.done():
            log.warning("the disk is slow to take how this life goes")


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
