"""A real PortAudio, a real sound server, a sink that nobody hears: what comes out is compared with what went in."""

import asyncio
import shutil
from datetime import datetime
from pathlib import Path

import pytest
import soundfile
from msgspec.structs import replace

from agent.drivers.audio.engine.process import IDLE_S
from agent.drivers.clock import SystemClock
from agent.ports.sound import SoundError
from agent.services.recordings import Recordings
from protocol.ids import sha256
from tests.agent.audio.null_sink import RATE_HZ, NullSink, find
from tests.agent.audio.sounds import patient_speaker, ready_speaker, track
from tests.agent.player.studio import ZONE, Studio, entry

pytestmark = pytest.mark.sound

RECORDINGS = Recordings()
FLOOD = RECORDINGS.path("1")
STORM = RECORDINGS.path("2")
NOISY_MS = 1000
"""The right second, no more: how exact it is on this machine is measured by `make bench NAME=start`."""


def test_a_bulletin_is_heard_as_it_was_published_and_at_its_instant(null_sink: NullSink) -> None:
    async def story() -> tuple[int, int]:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        start = clock.now_ms() + 700
        sounding = await speaker.start(track(FLOOD, start_ms=start, length_ms=4000))
        sounded = await sounding.ended()
        await speaker.close()
        assert sounded.complete
        assert sounded.sounded_ms == 4000
        assert sounded.first_sample_ms is not None
        return start, sounded.first_sample_ms

    ear = null_sink.listen()
    start, said = asyncio.run(story())
    heard, first_ms = ear.close()
    sound, _ = soundfile.read(FLOOD, frames=4 * RATE_HZ, dtype="float32")
    place, likeness = find(sound, heard)
    came = first_ms + place * 1000 / RATE_HZ
    assert likeness > 0.99
    assert abs(said - start) <= NOISY_MS
    assert abs(came - start) <= NOISY_MS


def test_a_sound_follows_another_without_a_gap(null_sink: NullSink) -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        start = clock.now_ms() + 300
        first = await speaker.start(track(FLOOD, start_ms=start, offset_ms=0, length_ms=1000))
        second = await speaker.start(track(FLOOD, start_ms=start + 1000, offset_ms=1000, length_ms=1000))
        await first.ended()
        await second.ended()
        await speaker.close()

    ear = null_sink.listen()
    asyncio.run(story())
    heard, _ = ear.close()
    sound, _ = soundfile.read(FLOOD, frames=2 * RATE_HZ, dtype="float32")
    _, likeness = find(sound, heard)
    assert likeness > 0.99


def test_a_sound_begins_over_the_fading_end_of_one_that_was_stopped(null_sink: NullSink) -> None:
    async def story() -> tuple[int, int]:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        programme = await speaker.start(track(FLOOD, start_ms=clock.now_ms()))
        await programme.started()
        await asyncio.sleep(0.5)
        programme.stop(200)
        alarm = await speaker.start(track(STORM, start_ms=clock.now_ms(), length_ms=1000))
        cut = await programme.ended()
        assert not cut.complete
        assert cut.ended_ms is not None
        first = await alarm.started()
        await alarm.ended()
        await speaker.close()
        assert first is not None
        return cut.ended_ms, first

    ear = null_sink.listen()
    ended, began = asyncio.run(story())
    heard, _ = ear.close()
    assert began < ended
    sound, _ = soundfile.read(STORM, frames=RATE_HZ, dtype="float32")
    faded = 400 * RATE_HZ // 1000
    place, _ = find(sound, heard)
    _, likeness = find(sound[faded:], heard[place + faded : place + RATE_HZ])
    assert likeness > 0.99


def test_a_device_that_is_pulled_out_breaks_off_and_sounds_again_when_it_is_back(null_sink: NullSink) -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        sounding = await speaker.start(track(FLOOD, start_ms=clock.now_ms()))
        await sounding.started()
        null_sink.pull_out()
        with pytest.raises(SoundError) as gone:
            await sounding.ended()
        assert gone.value.device
        with pytest.raises(SoundError) as absent:
            await speaker.start(track(FLOOD, start_ms=clock.now_ms()))
        assert absent.value.device
        with pytest.raises(SoundError):
            await speaker.probe()
        null_sink.plug_in()
        again = await speaker.start(track(FLOOD, start_ms=clock.now_ms(), length_ms=300))
        assert (await again.ended()).complete
        assert await speaker.probe()
        await speaker.close()

    asyncio.run(story())


def test_a_device_that_died_while_it_stood_still_fails_a_trial_and_passes_it_when_it_is_back(
    null_sink: NullSink,
) -> None:
    async def story() -> None:
        speaker = await ready_speaker(SystemClock("system"))
        await asyncio.sleep(IDLE_S + 1)
        null_sink.pull_out()
        with pytest.raises(SoundError) as gone:
            await speaker.probe()
        assert gone.value.device
        null_sink.plug_in()
        assert await speaker.probe()
        await speaker.close()

    asyncio.run(story())


def test_a_sound_goes_on_through_a_trial(null_sink: NullSink) -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        sounding = await speaker.start(track(FLOOD, start_ms=clock.now_ms(), length_ms=1_500))
        await sounding.started()
        assert await speaker.probe()
        assert (await sounding.ended()).complete
        await speaker.close()

    asyncio.run(story())


def test_a_sound_that_is_stopped_before_its_instant_never_starts(null_sink: NullSink) -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        sounding = await speaker.start(track(FLOOD, start_ms=clock.now_ms() + 60_000))
        sounding.stop(200)
        assert await sounding.started() is None
        assert (await sounding.ended()).first_sample_ms is None
        await speaker.close()

    ear = null_sink.listen()
    asyncio.run(story())
    heard, _ = ear.close()
    assert not heard.any()


def test_a_sound_whose_latest_instant_comes_before_its_first_sample_is_not_heard(null_sink: NullSink) -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        now = clock.now_ms()
        sounding = await speaker.start(track(FLOOD, start_ms=now + 300, latest_ms=now + 200))
        assert await sounding.started() is None
        assert (await sounding.ended()).first_sample_ms is None
        await speaker.close()

    ear = null_sink.listen()
    asyncio.run(story())
    heard, _ = ear.close()
    assert not heard.any()


def test_an_output_that_nobody_knows_is_an_error_that_names_those_that_exist(null_sink: NullSink) -> None:
    async def story() -> None:
        speaker = patient_speaker(SystemClock("system"), "Loa của Tuấn")
        with pytest.raises(SoundError, match=r"may name one of: .*pulse"):
            await speaker.start(track(FLOOD, start_ms=0))
        await speaker.close()

    assert null_sink.environment
    asyncio.run(story())


def test_a_scheduled_bulletin_comes_out_of_the_loudspeaker_on_the_second(null_sink: NullSink, tmp_path: Path) -> None:
    """Planner, player, driver, PortAudio and sound server together, in real time."""

    async def story() -> int:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        studio = Studio(tmp_path, wall=clock.now_ms(), lead_in_ms=500)
        studio.player = studio.build(clock, speaker)
        start_ms = (clock.now_ms() // 1000 + 3) * 1000
        shutil.copy(FLOOD, tmp_path / "b10.flac")
        data = FLOOD.read_bytes()
        (tmp_path / sha256(data).hex()).write_bytes(data)
        wall = datetime.fromtimestamp(start_ms / 1000, ZONE).strftime("%Y-%m-%dT%H:%M:%S")
        async with studio:
            studio.adopt(replace(entry("s1", "00:00:00", "b10"), first=wall))
            await studio.until(start_ms + 4500)
        (row,) = studio.journal.rows
        assert row.started_ms is not None
        assert abs(row.started_ms - start_ms) <= NOISY_MS
        await speaker.close()
        return start_ms

    ear = null_sink.listen()
    start_ms = asyncio.run(story())
    heard, first_ms = ear.close()
    sound, _ = soundfile.read(FLOOD, frames=4 * RATE_HZ, dtype="float32")
    place, likeness = find(sound, heard)
    assert likeness > 0.99
    assert abs(first_ms + place * 1000 / RATE_HZ - start_ms) <= NOISY_MS
