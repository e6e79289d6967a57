"""The lock between player and amplifier, alone: while somebody works on the pole nothing has power or sounds."""

import asyncio
from pathlib import Path

import pytest

from agent.drivers.amplifier import FakeAmplifier
from agent.drivers.audio.fake import FakeSounding, FakeSpeaker
from agent.drivers.clock import FakeClock
from agent.ports.sound import SoundError, Track, files
from agent.services.recordings import Recordings
from agent.services.service_lock import ServiceLock
from tests.support import virtual_time
from tests.support.box_parts import NOW_MS

OPENS_S = 0.5


class SlowSpeaker(FakeSpeaker):
    """Its device takes its time to open."""

    async def start(self, track: Track) -> FakeSounding:
        await asyncio.sleep(OPENS_S)
        return await super().start(track)


def flood() -> Track:
    path: Path = Recordings().path("1")
    return Track(files(path), 0, 0, None, -10, 0, "play", "cause")


def test_a_switch_that_is_moved_while_the_device_opens_keeps_the_track_from_sounding() -> None:
    async def main() -> None:
        clock = FakeClock(NOW_MS)
        speaker = SlowSpeaker(clock)
        lock = ServiceLock(FakeAmplifier(clock), speaker)
        starting = asyncio.create_task(lock.speaker.start(flood()))
        await asyncio.sleep(OPENS_S / 2)
        await lock.set(True)
        with pytest.raises(SoundError, match="service switch"):
            await starting
        await asyncio.sleep(5)
        assert speaker.sounding == ()
        assert all(heard.ended_ms == heard.first_sample_ms for heard in speaker.heard)

    virtual_time.run(main())
