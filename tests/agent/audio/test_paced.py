"""The fake behaves like a device: in step with the clock, one track at a time, honest at the end."""

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.drivers.audio.fake import FakeSpeaker
from agent.drivers.clock import FakeClock
from agent.ports.sound import FramesSound, RelaySound, Sounded, SoundError, Track
from tests.agent.audio.sounds import tone, track
from tests.support import virtual_time

WALL = 1_795_000_000_000


def test_a_sound_whose_latest_instant_has_come_when_it_could_begin_is_not_heard(tmp_path: Path) -> None:
    """The clock is set while the track waits: what was in time at the hand-over is not any more."""

    async def story() -> None:
        clock = FakeClock(WALL)
        source = tone(tmp_path / "a.wav", 1_000)
        speaker = FakeSpeaker(clock)
        now = clock.now_ms()
        late = await speaker.start(track(source, start_ms=now + 900, latest_ms=now + 60_000, name="late"))
        clock.jump(3_600_000)
        assert await late.started() is None
        assert await late.ended() == Sounded(None, 0, complete=False)
        now = clock.now_ms()
        good = await speaker.start(track(source, start_ms=now + 900, latest_ms=now + 901, name="good"))
        assert await good.started() == now + 900
        await good.ended()
        assert [heard.play for heard in speaker.heard] == ["good"]

    virtual_time.run(story())


def test_a_sound_waits_for_its_instant_again_when_the_clock_is_set_back(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = FakeSpeaker(clock)
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 1_000), start_ms=WALL + 900))
        clock.jump(-60_000)
        assert await sounding.started() == WALL + 900

    virtual_time.run(story())


def test_a_track_waits_for_the_one_before_it(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = FakeSpeaker(clock)
        first = await speaker.start(track(tone(tmp_path / "a.wav", 1000), start_ms=WALL))
        second = await speaker.start(track(tone(tmp_path / "b.wav", 500), start_ms=WALL + 300))
        assert await second.started() == WALL + 1000
        assert (await first.ended()).ended_ms == WALL + 1000
        assert (await second.ended()).ended_ms == WALL + 1500

    virtual_time.run(story())


def test_a_stop_ends_after_its_fade_and_is_not_complete(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = FakeSpeaker(clock)
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 5000), start_ms=WALL))
        await asyncio.sleep(1.0)
        sounding.stop(200)
        sounded = await sounding.ended()
        assert not sounded.complete
        assert 1200 <= sounded.sounded_ms <= 1300
        assert clock.now_ms() - WALL == sounded.sounded_ms

    virtual_time.run(story())


def test_a_track_stopped_before_its_instant_never_sounds(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = FakeSpeaker(clock)
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 5000), start_ms=WALL + 1000))
        sounding.stop(200)
        assert await sounding.started() is None
        assert await sounding.ended() == Sounded(None, 0, complete=False)
        assert speaker.heard == []

    virtual_time.run(story())


def test_closing_ends_what_sounds_and_what_waits(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = FakeSpeaker(clock)
        await speaker.start(track(tone(tmp_path / "a.wav", 5000), start_ms=WALL))
        await speaker.start(track(tone(tmp_path / "b.wav", 5000), start_ms=WALL))
        await asyncio.sleep(1.0)
        await speaker.close()
        assert clock.now_ms() == WALL + 1000
        assert [heard.complete for heard in speaker.heard] == [False]

    virtual_time.run(story())


def test_an_unplugged_fake_raises_what_a_device_raises(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        record = tmp_path / "sounded.jsonl"
        speaker = FakeSpeaker(clock, record)
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 5000), start_ms=WALL))
        await asyncio.sleep(1.0)
        assert speaker.sounding == ("play",)
        speaker.unplug()
        with pytest.raises(SoundError) as gone:
            await sounding.ended()
        assert gone.value.device
        with pytest.raises(SoundError):
            await speaker.start(track(tmp_path / "a.wav"))
        with pytest.raises(SoundError):
            await speaker.probe()
        speaker.plug_in()
        again = await speaker.start(track(tmp_path / "a.wav", length_ms=100))
        await again.ended()
        lines = [json.loads(line) for line in record.read_text().splitlines()]
        assert [(line["play"], line["first_sample_ms"], line["ended_ms"], line["complete"]) for line in lines] == [
            ("play", WALL, WALL + 1000, False),
            ("play", WALL + 1000, WALL + 1100, True),
        ]

    virtual_time.run(story())


def test_where_no_station_is_received_its_fallback_sounds_and_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = FakeSpeaker(clock)
        song = tone(tmp_path / "song.wav", 700)
        relay = RelaySound("vov1", "http://radio.example/vov1", (song,), 300)
        sounding = await speaker.start(Track((relay,), 0, WALL, 2_000, 0, 0, "r1", "r1"))
        sounded = await sounding.ended()
        assert (sounded.sounded_ms, sounded.complete) == (2_000, True)
        assert sounded.detail == "fallback: station vov1 cannot be received"
        with pytest.raises(SoundError) as nothing:
            await speaker.start(Track((replace(relay, fallback=()),), 0, WALL, 2_000, 0, 0, "r2", "r2"))
        assert not nothing.value.device

    virtual_time.run(story())


def test_live_sound_that_an_alarm_interrupted_is_taken_up_and_ends_when_its_pusher_does() -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = FakeSpeaker(clock)
        frames = speaker.frames("live")
        speech = Track((FramesSound("live"),), 0, WALL, None, 0, 0, "live", "live")
        interrupted = await speaker.start(speech)
        await clock.sleep_ms(1_000)
        interrupted.stop(0)
        assert not (await interrupted.ended()).complete
        assert speaker.frames("live") is frames
        again = await speaker.start(speech)
        await clock.sleep_ms(2_000)
        frames.close()
        sounded = await again.ended()
        assert (sounded.sounded_ms, sounded.complete) == (2_000, True)

    virtual_time.run(story())
