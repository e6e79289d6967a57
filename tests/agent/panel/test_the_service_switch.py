"""The lock between player and amplifier, no panel: while somebody works on the pole nothing has power or sounds."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.amplifier import FakeAmplifier
from agent.drivers.audio.fake import FakeSounding, FakeSpeaker
from agent.drivers.clock import FakeClock
from agent.ports.sound import SoundError, Track, files
from agent.services.recordings import Recordings
from agent.services.service_lock import ServiceLock
from protocol.report import Result
from tests.agent.player.studio import LEAD_IN_MS, Studio, at, order
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


def locked(studio: Studio) -> ServiceLock:
    """The studio's player behind a service switch."""
    lock = ServiceLock(studio.amplifier, studio.speaker)
    studio.player = studio.build(speaker=lock.speaker, amplifier=lock.amplifier)
    lock.on_moved = studio.player.doubt_power
    return lock


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


def test_a_device_that_never_begins_leaves_nothing_behind_in_the_lock() -> None:
    async def main() -> None:
        clock = FakeClock(NOW_MS)
        speaker = FakeSpeaker(clock)
        lock = ServiceLock(FakeAmplifier(clock), speaker)
        for _ in range(20):
            sounding = await lock.speaker.start(replace(flood(), start_ms=clock.now_ms() + 60_000))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sounding.started(), 1)
        assert len(lock.speaker._soundings) == 1

    virtual_time.run(main())


def test_an_alarm_waits_for_a_relay_that_refuses_as_the_switch_goes_back(tmp_path: Path) -> None:
    async def story() -> None:
        studio = Studio(tmp_path, wall=at("10:00:00"))
        lock = locked(studio)
        async with studio:
            studio.accept(order(1, studio, chime=0))
            await studio.pass_ms(5_000)
            await lock.set(True)
            await studio.pass_ms(300)
            studio.lose_relay()
            await lock.set(False)
            await studio.pass_ms(300)
            studio.mend_relay()
            await studio.pass_ms(60_000)
            assert [heard.complete for heard in studio.heard()] == [False, True]
            assert studio.journal.rows[-1].result is Result.PLAYED
            assert studio.heard_without_power == []

    virtual_time.run(story())


def test_the_lead_in_is_waited_for_anew_when_the_switch_was_on_for_a_moment(tmp_path: Path) -> None:
    async def story() -> None:
        studio = Studio(tmp_path, wall=at("10:00:00"))
        lock = locked(studio)
        async with studio:
            studio.accept(order(1, studio, chime=0))
            await studio.pass_ms(5_000)
            await lock.set(True)
            await studio.pass_ms(300)
            assert not studio.amplifier.on
            await lock.set(False)
            await studio.pass_ms(60_000)
            [(again_ms, _)] = [row for row in studio.amplifier.switched[1:] if row[1]]
            assert studio.heard()[-1].first_sample_ms >= again_ms + LEAD_IN_MS
            assert studio.heard_without_power == []

    virtual_time.run(story())


def test_a_relay_that_refuses_as_the_switch_locks_it_is_told_again_until_it_is_off(tmp_path: Path) -> None:
    async def story() -> None:
        studio = Studio(tmp_path, wall=at("10:00:00"))
        lock = locked(studio)
        async with studio:
            studio.accept(order(1, studio, chime=0))
            await studio.pass_ms(5_000)
            studio.break_relay()
            with pytest.raises(SoundError, match="does not answer"):
                await lock.set(True)
            await studio.pass_ms(300)
            studio.mend_relay()
            await studio.pass_ms(1_000)
            assert not studio.amplifier.on
            await studio.pass_ms(60_000)
            assert not studio.amplifier.on
            assert len(studio.heard()) == 1

    virtual_time.run(story())
