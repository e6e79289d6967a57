"""The WAV writer and the fake behave like a device: in step with the clock, one track at a time, honest at the end."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from agent.drivers.audio.fake import FakeSpeaker
from agent.drivers.audio.wav import wav_speaker
from agent.drivers.clock import FakeClock
from agent.ports.sound import FramesSound, RelaySound, Sounded, SoundError, Speaker, Track
from tests.agent.audio.sounds import tone, track
from tests.support import virtual_time

WALL = 1_795_000_000_000


def facts(folder: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def test_a_recording_has_the_samples_the_instant_and_the_names(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        source = tone(tmp_path / "a.wav", 1234)
        folder = tmp_path / "out"
        speaker = wav_speaker(clock, folder)
        sounding = await speaker.start(track(source, start_ms=WALL + 500, name="s1@2026-11-24T06:00:00#1.1"))
        assert await sounding.started() == WALL + 500
        assert await sounding.ended() == Sounded(WALL + 500, 1234, complete=True)
        assert clock.now_ms() == WALL + 500 + 1234
        (fact,) = facts(folder)
        assert fact == {
            "name": "s1@2026-11-24T06:00:00#1.1",
            "cause": "cause",
            "sources": ["a.wav"],
            "first_sample_ms": WALL + 500,
            "frames": 1234 * 48,
            "complete": True,
        }
        (wav,) = folder.glob("*.wav")
        assert np.allclose(soundfile.read(wav)[0], soundfile.read(source)[0], atol=1e-4)

    virtual_time.run(story())


def test_a_recording_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    async def story() -> None:
        speaker = wav_speaker(FakeClock(WALL), tmp_path / "out")
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 1000), start_ms=WALL))
        await asyncio.sleep(0.5)
        assert list((tmp_path / "out").glob("*.wav")) == []
        await sounding.ended()
        assert len(list((tmp_path / "out").iterdir())) == 2

    virtual_time.run(story())


def test_only_the_newest_recordings_are_kept(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = wav_speaker(clock, tmp_path / "out", kept=2)
        for number in range(5):
            sounding = await speaker.start(track(tone(tmp_path / "a.wav", 100), start_ms=0, name=f"p{number}"))
            await sounding.ended()
        assert [fact["name"] for fact in facts(tmp_path / "out")] == ["p3", "p4"]
        assert len(list((tmp_path / "out").iterdir())) == 4

    virtual_time.run(story())


def test_a_sound_whose_latest_instant_has_come_when_it_could_begin_is_not_heard(tmp_path: Path) -> None:
    """The clock is set while the track waits: what was in time at the hand-over is not any more."""

    async def story() -> None:
        clock = FakeClock(WALL)
        source = tone(tmp_path / "a.wav", 1_000)
        speakers: list[Speaker] = [FakeSpeaker(clock), wav_speaker(clock, tmp_path / "out")]
        for number, speaker in enumerate(speakers):
            now = clock.now_ms()
            late = await speaker.start(track(source, start_ms=now + 900, latest_ms=now + 60_000, name=f"late{number}"))
            clock.jump(3_600_000)
            assert await late.started() is None
            assert await late.ended() == Sounded(None, 0, complete=False)
            now = clock.now_ms()
            good = await speaker.start(track(source, start_ms=now + 900, latest_ms=now + 901, name=f"good{number}"))
            assert await good.started() == now + 900
            await good.ended()
        assert [fact["name"] for fact in facts(tmp_path / "out")] == ["good1"]

    virtual_time.run(story())


def test_a_sound_waits_for_its_instant_again_when_the_clock_is_set_back(tmp_path: Path) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = FakeSpeaker(clock)
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 1_000), start_ms=WALL + 900))
        clock.jump(-60_000)
        assert await sounding.started() == WALL + 900

    virtual_time.run(story())


def test_a_folder_that_cannot_be_written_is_the_devices_fault_and_says_what_to_do(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "file").write_text("")
        speaker = wav_speaker(FakeClock(WALL), tmp_path / "file" / "out")
        with pytest.raises(SoundError, match=r"choose another sound\.recordings") as error:
            await speaker.start(track(tone(tmp_path / "a.wav", 100)))
        assert error.value.device
        with pytest.raises(SoundError):
            await speaker.probe()

    virtual_time.run(story())


@pytest.mark.parametrize("kind", ["wav", "fake"])
def test_a_track_waits_for_the_one_before_it(tmp_path: Path, kind: str) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = wav_speaker(clock, tmp_path / "out") if kind == "wav" else FakeSpeaker(clock)
        first = await speaker.start(track(tone(tmp_path / "a.wav", 1000), start_ms=WALL))
        second = await speaker.start(track(tone(tmp_path / "b.wav", 500), start_ms=WALL + 300))
        assert await second.started() == WALL + 1000
        assert (await first.ended()).ended_ms == WALL + 1000
        assert (await second.ended()).ended_ms == WALL + 1500

    virtual_time.run(story())


@pytest.mark.parametrize("kind", ["wav", "fake"])
def test_a_stop_ends_after_its_fade_and_is_not_complete(tmp_path: Path, kind: str) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = wav_speaker(clock, tmp_path / "out") if kind == "wav" else FakeSpeaker(clock)
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 5000), start_ms=WALL))
        await asyncio.sleep(1.0)
        sounding.stop(200)
        sounded = await sounding.ended()
        assert not sounded.complete
        assert 1200 <= sounded.sounded_ms <= 1300
        assert clock.now_ms() - WALL == sounded.sounded_ms

    virtual_time.run(story())


@pytest.mark.parametrize("kind", ["wav", "fake"])
def test_a_track_stopped_before_its_instant_never_sounds(tmp_path: Path, kind: str) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = wav_speaker(clock, tmp_path / "out") if kind == "wav" else FakeSpeaker(clock)
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 5000), start_ms=WALL + 1000))
        sounding.stop(200)
        assert await sounding.started() is None
        assert await sounding.ended() == Sounded(None, 0, complete=False)
        assert facts(tmp_path / "out") == []

    virtual_time.run(story())


@pytest.mark.parametrize("kind", ["wav", "fake"])
def test_closing_ends_what_sounds_and_what_waits(tmp_path: Path, kind: str) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = wav_speaker(clock, tmp_path / "out") if kind == "wav" else FakeSpeaker(clock)
        await speaker.start(track(tone(tmp_path / "a.wav", 5000), start_ms=WALL))
        await speaker.start(track(tone(tmp_path / "b.wav", 5000), start_ms=WALL))
        await asyncio.sleep(1.0)
        await speaker.close()
        assert clock.now_ms() == WALL + 1000
        assert list((tmp_path / "out").glob("*")) == []

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


@pytest.mark.parametrize("kind", ["wav", "fake"])
def test_where_no_station_is_received_its_fallback_sounds_and_is_named(tmp_path: Path, kind: str) -> None:
    async def story() -> None:
        clock = FakeClock(WALL)
        speaker = wav_speaker(clock, tmp_path / "out") if kind == "wav" else FakeSpeaker(clock)
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
