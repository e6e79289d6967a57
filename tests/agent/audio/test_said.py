"""What the player process says that it has mixed, and who reads it: in step, however late either is."""

import asyncio

import numpy as np

from agent.core.proof import RATE_HZ, Samples
from agent.drivers.audio.said import KEPT, Said
from agent.drivers.audio.source import pcm16

LOUD, SOFT = 0.5, 0.25


def second(level: float) -> bytes:
    return pcm16(np.full(RATE_HZ, level, np.float32))


def is_all(samples: Samples, level: float) -> bool:
    return len(samples) > 0 and bool(np.all(np.abs(samples - level) < 0.001))


def test_whoever_reads_waits_for_what_is_not_mixed_yet_and_gets_less_only_at_the_end() -> None:
    async def story() -> None:
        said = Said()
        said.put(second(LOUD))
        reading = asyncio.ensure_future(said.read(RATE_HZ + 100))
        await asyncio.sleep(0)
        assert not reading.done()
        said.put(second(SOFT))
        read = await reading
        assert is_all(read[:RATE_HZ], LOUD)
        assert is_all(read[RATE_HZ:], SOFT)
        said.end()
        assert len(await said.read(2 * RATE_HZ)) == RATE_HZ - 100
        assert len(await said.read(RATE_HZ)) == 0

    asyncio.run(story())


def test_what_nobody_reads_is_silence_in_the_end_and_what_follows_keeps_its_place() -> None:
    async def story() -> None:
        said = Said()
        seconds = KEPT // RATE_HZ
        for number in range(seconds + 2):
            said.put(second(LOUD if number < 2 else SOFT))
        said.end()
        assert is_all(await said.read(RATE_HZ), 0.0)
        over = await said.read(2 * RATE_HZ)
        assert is_all(over[:RATE_HZ], 0.0)
        assert is_all(over[RATE_HZ:], SOFT)
        assert len(await said.read(KEPT)) == KEPT - RATE_HZ

    asyncio.run(story())
