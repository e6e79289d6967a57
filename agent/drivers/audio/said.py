"""What the player process says that it has mixed, kept until whoever compares it with an ear has read it."""

import asyncio
from typing import Final

import numpy as np

from agent.core.proof import RATE_HZ, Samples
from agent.drivers.audio.engine.feeds import Store, from_pcm

KEPT: Final = 30 * RATE_HZ
"""Samples that wait for a reader: half a minute."""


class Said:
    """Implements the port `Mixed`: what the player process says, until somebody reads it."""

    def __init__(self) -> None:
        self._store = Store()
        self._more = asyncio.Event()
        self._dropped = 0
        self._over = False

    def put(self, pcm: bytes) -> None:
        """It has mixed so much more: 16 bits, at `RATE_HZ`. What nobody reads is forgotten after a while, and silence
        stands for it."""
        self._store.put(from_pcm(pcm))
        surplus = max(0, self._store.held - KEPT)
        self._store.take(surplus)
        self._dropped += surplus
        self._more.set()

    def end(self) -> None:
        """There is no more."""
        self._over = True
        self._more.set()

    async def read(self, count: int) -> Samples:
        while self._dropped + self._store.held < count and not self._over:
            self._more.clear()
            await self._more.wait()
        dropped = min(count, self._dropped)
        self._dropped -= dropped
        rest = self._store.take(count - dropped)
        return np.concatenate((np.zeros(dropped, np.float32), rest)) if dropped else rest

    def close(self) -> None:
        """Nobody reads it any more; the speaker forgets it when the track ends."""
