"""Faults 33 to 36 and 39 as the catalogue names them: what is heard, what is written, what is reported."""

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from agent.drivers.audio.fake import FakeSounding, FakeSpeaker
from agent.drivers.audio.speaker import EngineSpeaker
from agent.drivers.clock import SystemClock
from agent.ports.sound import Sounded, Track
from agent.services.recordings import Recordings
from protocol.order import Severity
from protocol.priority import Rank
from protocol.report import FaultCode, Grade, Result
from protocol.timeline import Voice
from tests.agent.audio.null_sink import INSTALLED, RATE_HZ, WAY_OUT, Ear, NullSink, find
from tests.agent.audio.sounds import ready_speaker
from tests.agent.player.studio import Studio, at, entry, order
from tests.support import virtual_time

FADED_MS = 300
PASS_MS = Recordings().lengths_ms["1"]
BACK_MS = 2_000
NOISY_MS = 4_000
"""What a busy machine may be late on top; exact figures come from `make bench NAME=sound`."""


def test_fault_33_the_schedule_changes_while_an_item_plays(tmp_path: Path) -> None:
    """It ends as it was, the new one holds from the next boundary; what was withdrawn stops."""

    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60", "b30"))
            await studio.until(at("06:00:20"))
            studio.adopt(entry("s1", "06:30:00", "b60", "b20"), entry("s2", "06:00:40", "b60"))
            await studio.until(at("06:01:20"))
            studio.adopt(entry("s3", "06:10:00", "b10"))
            await studio.until(at("06:15:00"))
            first, second, third = studio.heard()
            assert (first.cause, first.complete, first.ended_ms) == ("s1", True, at("06:01:00"))
            assert (second.cause, second.first_sample_ms) == ("s2", at("06:01:00"))
            assert at("06:01:20") < second.ended_ms <= at("06:01:20") + FADED_MS
            assert (third.cause, third.first_sample_ms) == ("s3", at("06:10:00"))
            assert [row.detail for row in studio.journal.rows] == ["", "withdrawn", ""]

    virtual_time.run(story())


def test_fault_34_an_alarm_silences_programme_and_microphone_and_both_go_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b150"))
            await studio.until(at("06:00:20"))
            studio.speak(Voice("m1", Rank.MICROPHONE, at("06:00:20"), at("06:02:20")))
            await studio.until(at("06:00:40"))
            alarm = studio.accept(order(1, studio, chime=0))
            await studio.until(at("06:01:10"))
            studio.fall_silent()
            await studio.until(at("06:05:00"))
            names = [(heard.cause, heard.sources[0]) for heard in studio.heard()]
            assert names[:4] == [("s1", names[0][1]), ("m1", "frames:m1"), (alarm, "1.ogg"), ("m1", "frames:m1")]
            assert names[4][0] == "s1"
            programme, microphone, flood, again, _rest = studio.heard()
            assert programme.ended_ms <= at("06:00:20") + FADED_MS
            assert microphone.ended_ms <= at("06:00:40") + FADED_MS
            assert flood.first_sample_ms <= at("06:00:40") + FADED_MS
            assert again.ended_ms <= at("06:01:10") + FADED_MS
            assert studio.heard_without_power == []
            details = [row.detail for row in studio.journal.rows]
            assert details == ["precedence: m1", f"emergency: {alarm}", "", "the voice ended", ""]

    virtual_time.run(story())


def test_fault_34_a_microphone_with_the_key_turned_is_silenced_by_no_alarm(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            studio.speak(Voice("m1", Rank.KEYED_MICROPHONE, at("10:00:00"), at("10:00:30")))
            await studio.until(at("10:00:10"))
            alarm = studio.accept(order(1, studio, chime=0))
            await studio.until(at("10:02:00"))
            assert [heard.cause for heard in studio.heard()] == ["m1", alarm]
            assert studio.heard()[1].first_sample_ms >= at("10:00:30")

    virtual_time.run(story())


def test_fault_35_the_more_severe_alarm_goes_first_then_the_other(tmp_path: Path) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("10:00:00")) as studio:
            lower = studio.accept(order(1, studio, severity=Severity.MODERATE, chime=0, message=1))
            await studio.until(at("10:00:05"))
            higher = studio.accept(order(2, studio, severity=Severity.EXTREME, chime=0, message=2))
            await studio.until(at("10:02:00"))
            assert [(heard.cause, heard.complete) for heard in studio.heard()] == [
                (lower, False),
                (higher, True),
                (lower, True),
            ]
            assert studio.heard()[1].first_sample_ms <= at("10:00:05") + FADED_MS

    virtual_time.run(story())


def test_fault_36_while_the_second_output_sounds_the_fault_stays_and_goes_when_the_first_is_back(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with Studio(tmp_path, wall=at("05:59:00")) as studio:
            studio.adopt(entry("s1", "06:00:00", "b60", "b20", "b10"))
            await studio.until(at("06:00:20"))
            studio.speaker.unplug()
            await studio.until(at("06:00:21"))
            studio.speaker.plug_in()
            studio.speaker.trouble = "it was unplugged; sounding on bcm2835"
            await studio.until(at("06:01:10"))
            assert {raised for _, raised in studio.faults} == {True}
            studio.speaker.trouble = ""
            await studio.until(at("06:02:00"))
            assert studio.faults[-1] == (FaultCode.AUDIO_DEVICE, False)
            assert len([raised for _, raised in studio.faults if not raised]) == 1

    virtual_time.run(story())


class Buffering(FakeSpeaker):
    """Tells of a first sample while it is still in the device's buffer, as every device does."""

    async def start(self, track: Track) -> FakeSounding:
        sounding = await super().start(track)
        started = sounding.started

        async def soon() -> int | None:
            first_ms = await started()
            return None if first_ms is None else first_ms + 80

        sounding.started = soon  # type: ignore[method-assign]
        return sounding


def test_fault_36_an_alarm_whose_first_sample_is_on_its_way_is_not_begun_again_by_a_new_plan(tmp_path: Path) -> None:
    async def story() -> None:
        studio = Studio(tmp_path, wall=at("10:00:00"), lead_in_ms=0)
        studio.speaker = Buffering(studio.clock)
        studio.player = studio.build()
        async with studio:
            studio.speaker.unplug()
            studio.accept(order(1, studio, chime=0))
            await studio.until(at("10:00:05"))
            studio.speaker.plug_in()
            await studio.until(at("10:02:00"))
            assert [heard.complete for heard in studio.heard()] == [True]
            assert [row.result for row in studio.journal.rows] == [Result.PLAYED]

    virtual_time.run(story())


class Silent(FakeSpeaker):
    """Says of every track that it was a file of silence."""

    async def start(self, track: Track) -> FakeSounding:
        sounding = await super().start(track)
        ended = sounding.ended

        async def silence() -> Sounded:
            return replace(await ended(), score=None, reason="silence for 30 s", silent=True)

        sounding.ended = silence  # type: ignore[method-assign]
        return sounding


class Rendering(FakeSpeaker):
    """Knows what it has mixed."""

    async def start(self, track: Track) -> FakeSounding:
        sounding = await super().start(track)
        ended = sounding.ended

        async def rendered() -> Sounded:
            return replace(await ended(), grade=Grade.RENDERED, score=0.95, reason="clipped in 9 of 30 s")

        sounding.ended = rendered  # type: ignore[method-assign]
        return sounding


@pytest.mark.parametrize(
    ("speaker", "grade", "detail", "faults"),
    [
        (Silent, Grade.CLAIMED, "silence for 30 s", [(FaultCode.NOT_HEARD, True)]),
        (Rendering, Grade.RENDERED, "rendered 0.95: clipped in 9 of 30 s", []),
    ],
)
def test_fault_39_silence_in_a_file_and_clipping_are_noticed(
    tmp_path: Path,
    speaker: type[FakeSpeaker],
    grade: Grade,
    detail: str,
    faults: Sequence[tuple[FaultCode, bool]],
) -> None:
    async def story() -> None:
        studio = Studio(tmp_path, wall=at("05:59:00"))
        studio.player = studio.build(speaker=speaker(studio.clock))
        async with studio:
            studio.adopt(entry("s1", "06:00:00", "b30"))
            await studio.until(at("06:05:00"))
            (row,) = studio.journal.rows
            assert (row.result, row.detail) == (Result.PLAYED, detail)
            assert studio.journal.grades == [grade]
            assert studio.faults == faults

    virtual_time.run(story())


async def in_real_time(folder: Path, null_sink: NullSink) -> tuple[Studio, EngineSpeaker, SystemClock]:
    """A studio with a real player process and a device that the test can kill."""
    assert null_sink.environment
    clock = SystemClock("system")
    speaker = await ready_speaker(clock)
    studio = Studio(folder, wall=clock.now_ms(), lead_in_ms=0)
    studio.player = studio.build(clock, speaker)
    return studio, speaker, clock


@pytest.mark.sound
@pytest.mark.skipif(not INSTALLED, reason=WAY_OUT)
def test_fault_39_an_alarm_whose_player_process_is_killed_goes_on_where_its_third_sentence_began(
    tmp_path: Path, null_sink: NullSink
) -> None:
    async def story() -> float:
        studio, speaker, clock = await in_real_time(tmp_path, null_sink)
        async with studio:
            alarm = studio.accept(order(1, studio, chime=0))
            while studio.player.sounding is None:
                await studio.pass_ms(10)
            await studio.pass_ms(THIRD_MS + 2_000)
            assert speaker.pid is not None
            killed_ms = clock.now_ms()
            os.kill(speaker.pid, signal.SIGKILL)
            await studio.pass_ms(BACK_MS + NOISY_MS + PASS_MS)
        await speaker.close()
        cut, played = studio.journal.rows
        assert (cut.play, cut.result, cut.final) == (f"{alarm}#1", Result.CUT, False)
        assert "the player process ended" in cut.detail
        assert (played.play, played.result) == (f"{alarm}#1", Result.PLAYED)
        assert played.detail == f"taken up {THIRD_MS / 1000:.1f} s into it, where its sentence began"
        assert played.started_ms is not None
        assert killed_ms < played.started_ms <= killed_ms + BACK_MS + NOISY_MS
        assert (FaultCode.AUDIO_DEVICE, True) in studio.faults
        assert studio.faults[-1] == (FaultCode.AUDIO_DEVICE, False)
        return killed_ms

    ear = null_sink.listen()
    killed_ms = asyncio.run(story())
    heard, began_ms = ear.close()
    whole, _ = soundfile.read(Recordings().path("1"), dtype="float32")
    first, third = whole[: RATE_HZ * FIRST_ENDS_MS // 1000], whole[RATE_HZ * THIRD_MS // 1000 :]
    killed = round((killed_ms - began_ms) * RATE_HZ / 1000)
    place, likeness = find(first, heard)
    assert likeness > 0.9
    assert place < killed
    place, likeness = find(third, heard)
    assert likeness > 0.9, "it was heard to its end"
    assert place > killed
    assert find(first, heard[killed:])[1] < 0.5


THIRD_MS = 2_900
"""Where the third sentence of the flood message begins."""
FIRST_ENDS_MS = 920


@pytest.mark.sound
@pytest.mark.skipif(not INSTALLED, reason=WAY_OUT)
def test_fault_36_the_sound_server_dies_twice_while_an_alarm_sounds_and_it_is_heard_in_the_end(
    tmp_path: Path, null_sink: NullSink
) -> None:
    async def story() -> Ear:
        studio, speaker, _ = await in_real_time(tmp_path, null_sink)
        async with studio:
            studio.accept(order(1, studio, chime=0))
            for _ in range(2):
                await studio.pass_ms(3_000)
                null_sink.pull_out()
                await studio.pass_ms(200)
                null_sink.plug_in()
            ear = null_sink.listen()
            await studio.pass_ms(2 * NOISY_MS + PASS_MS)
        await speaker.close()
        results = [row.result for row in studio.journal.rows]
        assert results[-1] is Result.PLAYED
        assert set(results[:-1]) == {Result.CUT}
        assert studio.faults[-1] == (FaultCode.AUDIO_DEVICE, False)
        return ear

    heard, _ = asyncio.run(story()).close()
    whole, _ = soundfile.read(Recordings().path("1"), dtype="float32")
    _, likeness = find(whole[-2 * RATE_HZ :], heard)
    assert likeness > 0.9, "the end of the message came out of the loudspeaker"
