"""The output that is files: in step with the clock, one recording for what is heard as one, and no engine but ours."""

import asyncio
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from agent.config import Config, parse
from agent.drivers.audio import choose
from agent.drivers.audio.engine.mixer import Mixer, SentenceBegan, Voice, WasMixed
from agent.drivers.audio.engine.recorder import Recorder
from agent.drivers.audio.source import BLOCK_FRAMES, RATE_HZ, Joined, Samples, frames
from agent.drivers.audio.speaker import EngineSpeaker, command
from agent.drivers.clock import SystemClock
from agent.ports.sound import FramesSound, SoundError, Track
from protocol.report import FaultCode, Grade
from tests.agent.audio.null_sink import NullSink
from tests.agent.audio.sounds import tone, track

WALL = 1_795_000_000_000


class Decoded:
    """A feed that is never late, since it decodes when it is asked."""

    ready = True
    ended = False
    detail = ""

    def __init__(self, track: Track) -> None:
        self._joined = Joined(track.sources, frames(track.offset_ms))

    def take(self, count: int) -> Samples:
        samples = self._joined.read(count)
        self.ended = len(samples) < count
        return samples

    def close(self) -> None:
        self._joined.close()


class Machine:
    """A mixer that feeds a recorder, as the player process does, in a time of its own."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.now_s = 100.0
        self.mixer = Mixer()
        self.recorder = Recorder(folder, now_s=lambda: self.now_s, sleep_s=self._sleep, **changes)
        self.output = self.recorder.open(None, 30)
        self.folder = folder

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds

    @property
    def wall_ms(self) -> float:
        return WALL + (self.now_s - 100.0) * 1000

    def play(self, track: Track) -> Voice:
        voice = Voice(track, Decoded(track), partial(self.recorder.note, track))
        self.mixer.add(voice)
        return voice

    def run(self, duration_ms: int) -> None:
        until_s = self.now_s + duration_ms / 1000
        while self.now_s < until_s:
            heard_ms = self.wall_ms + self.output.ahead_ms()
            self.output.write(self.mixer.block(heard_ms))

    @property
    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]

    @property
    def wavs(self) -> list[Path]:
        return sorted(self.folder.glob("*.wav"))


def plays(facts: list[dict[str, Any]]) -> list[list[str]]:
    return [[play["name"] for play in fact["plays"]] for fact in facts]


def test_a_recording_has_the_samples_the_instant_and_the_names(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out")
    source = tone(tmp_path / "a.wav", 1234)
    machine.play(track(source, start_ms=WALL + 503, name="s1@2026-11-24T06:00:00#1.1"))
    machine.run(2_500)
    assert machine.facts == [
        {
            "first_sample_ms": WALL + 503,
            "frames": machine.facts[0]["frames"],
            "left_out_ms": 0,
            "plays": [
                {
                    "name": "s1@2026-11-24T06:00:00#1.1",
                    "cause": "cause",
                    "sources": ["a.wav"],
                    "first_sample_ms": WALL + 503,
                    "at_ms": 0,
                    "sounded_ms": 1234,
                    "complete": True,
                }
            ],
        }
    ]
    heard, expected = soundfile.read(machine.wavs[0])[0], soundfile.read(source)[0]
    assert np.allclose(heard[: len(expected) - 1], expected[1:], atol=1e-4)  # the first sample of a sine is nothing
    assert len(expected) - 1 <= len(heard) == machine.facts[0]["frames"] <= len(expected) + BLOCK_FRAMES


def test_it_takes_as_long_as_it_sounds_and_is_ahead_by_no_more_than_a_device(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out")
    for _ in range(100):
        assert machine.output.ahead_ms() <= 30 + 1e-6
        machine.output.write(np.zeros(BLOCK_FRAMES, np.float32))
    assert machine.now_s == pytest.approx(100.0 + 1.0 - 0.030)
    machine.now_s += 5.0  # who feeds it was late
    assert machine.output.ahead_ms() == 0
    machine.output.write(np.zeros(BLOCK_FRAMES, np.float32))
    assert machine.output.ahead_ms() == pytest.approx(10.0)
    assert machine.output.underruns == 0


def test_nothing_is_written_while_nothing_sounds(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out")
    machine.play(track(tone(tmp_path / "a.wav", 300), start_ms=WALL + 60_000))
    machine.run(50_000)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_recording_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out")
    machine.play(track(tone(tmp_path / "a.wav", 1_000), start_ms=WALL))
    machine.run(500)
    assert (machine.wavs, machine.facts) == ([], [])
    machine.run(700)
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json", ".wav"]


def test_what_is_heard_as_one_is_one_recording_that_says_where_each_play_begins(tmp_path: Path) -> None:
    """A bulletin fades under the alarm that stopped it; what comes after a pause is another recording."""
    machine = Machine(tmp_path / "out")
    bulletin = machine.play(track(tone(tmp_path / "a.wav", 5_000, hertz=440), start_ms=WALL, name="bulletin"))
    machine.run(1_000)
    bulletin.stop_ms = 200
    machine.play(track(tone(tmp_path / "b.wav", 1_000, hertz=1_200), start_ms=0, name="alarm"))
    machine.run(2_000)
    machine.play(track(tone(tmp_path / "c.wav", 500), start_ms=0, name="later"))
    machine.run(1_000)
    assert plays(machine.facts) == [["bulletin", "alarm"], ["later"]]
    first, second = machine.facts[0]["plays"]
    assert (first["complete"], second["complete"]) == (False, True)
    assert second["at_ms"] == second["first_sample_ms"] - first["first_sample_ms"]
    heard = soundfile.read(machine.wavs[0])[0]
    at = second["at_ms"] * RATE_HZ // 1000
    assert pitch(heard[at - 4_800 : at]) == pytest.approx(440, abs=11)
    assert pitch(heard[at + 12_000 : at + 16_800]) == pytest.approx(1_200, abs=11)


def pitch(heard: Samples) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(heard))) * RATE_HZ / len(heard))


def test_what_is_told_of_a_track_while_it_sounds_ends_no_recording(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out")
    bulletin = track(tone(tmp_path / "a.wav", 1_000), start_ms=WALL)
    machine.play(bulletin)
    machine.run(300)
    machine.recorder.note(bulletin, SentenceBegan(250))
    machine.recorder.note(bulletin, WasMixed(np.zeros(BLOCK_FRAMES, np.float32)))
    machine.run(1_200)
    assert [play["sounded_ms"] for fact in machine.facts for play in fact["plays"]] == [1_000]
    assert soundfile.info(machine.wavs[0]).duration == pytest.approx(1.0, abs=0.02)


def test_what_broke_off_is_kept_with_what_was_heard_of_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out")
    machine.play(track(tone(tmp_path / "a.wav", 5_000), start_ms=WALL))
    machine.run(1_000)
    machine.mixer.drop_all(SoundError("the file is damaged", device=False))
    machine.run(100)
    (play,) = machine.facts[0]["plays"]
    assert (play["sounded_ms"], play["complete"]) == (None, False)
    assert soundfile.info(machine.wavs[0]).duration == pytest.approx(1.0, abs=0.1)


def test_a_track_that_was_stopped_before_its_instant_leaves_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out")
    machine.play(track(tone(tmp_path / "a.wav", 500), start_ms=WALL + 1_000)).stop_ms = 100
    machine.run(3_000)
    assert list((tmp_path / "out").iterdir()) == []


def test_only_the_newest_recordings_are_kept(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out", kept=2)
    for number in range(5):
        machine.play(track(tone(tmp_path / "a.wav", 100), start_ms=0, name=f"p{number}"))
        machine.run(300)
    assert plays(machine.facts) == [["p3"], ["p4"]]
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_of_long_recordings_fewer_are_kept_and_the_newest_always(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out", kept_bytes=50_000)
    for number in range(3):
        machine.play(track(tone(tmp_path / "a.wav", 200), start_ms=0, name=f"p{number}"))  # 19 kB each
        machine.run(400)
    assert plays(machine.facts) == [["p1"], ["p2"]]
    machine.play(track(tone(tmp_path / "b.wav", 900), start_ms=0, name="long"))
    machine.run(1_200)
    assert plays(machine.facts) == [["long"]]


def test_what_sounds_for_longer_than_an_hour_fills_no_disk(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out", longest_ms=200)
    machine.play(track(tone(tmp_path / "a.wav", 1_000), start_ms=WALL))
    machine.run(2_000)
    (fact,) = machine.facts
    assert (fact["frames"], fact["left_out_ms"]) == (frames(200), pytest.approx(800, abs=11))
    assert fact["plays"][0]["sounded_ms"] == 1_000
    assert soundfile.info(machine.wavs[0]).frames == frames(200)


def test_what_a_killed_process_left_unfinished_goes_with_the_next_one(tmp_path: Path) -> None:
    left = tmp_path / "0001795000000000-p.wav.part"
    left.write_bytes(b"RIFF")
    Machine(tmp_path)
    assert not left.exists()


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Bytes; the kernel refuses what is written after them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_the_devices_fault_and_costs_what_lies_there_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "out")
    machine.play(track(tone(tmp_path / "a.wav", 300), start_ms=WALL, name="before"))
    machine.run(500)
    machine.play(track(tone(tmp_path / "a.wav", 2_000), start_ms=0, name="full"))
    with no_file_longer_than(100_000):
        with pytest.raises(SoundError, match="is the disk full") as full:
            machine.run(1_900)
        machine.output.close()
    assert full.value.device
    assert plays(machine.facts) == [["before"]]
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_the_devices_fault_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SoundError, match=r"choose another sound\.recordings") as error:
        Recorder(tmp_path / "file" / "out").open(None, 30)
    assert error.value.device


@pytest.fixture
def speaker_in(tmp_path: Path) -> Callable[[SystemClock], EngineSpeaker]:
    """What a real box makes of `output = "wav"`."""

    def make(clock: SystemClock) -> EngineSpeaker:
        return EngineSpeaker(clock, start=partial(command, wav=tmp_path / "out"))

    return make


def test_the_real_engine_sounds_into_files_live_voices_too_and_proves_what_it_mixed(
    tmp_path: Path, speaker_in: Callable[[SystemClock], EngineSpeaker]
) -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = speaker_in(clock)
        assert await speaker.probe() == f"WAV: {tmp_path / 'out'}"
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 1_200), start_ms=clock.now_ms() + 300))
        sounded = await sounding.ended()
        assert (sounded.grade, sounded.score, sounded.sounded_ms) == (Grade.RENDERED, 1.0, 1_200)
        voice = await speaker.start(Track((FramesSound("live-7"),), 0, clock.now_ms(), None, 0, 0, "voice:7", "7"))
        times = np.arange(RATE_HZ) / RATE_HZ
        inlet = speaker.frames("live-7")
        inlet.push((0.5 * np.sin(2 * np.pi * 500 * times[:9_600]) * 32767).astype("<i2").tobytes())
        inlet.close()
        assert (await voice.ended()).complete
        await speaker.close()

    asyncio.run(story())
    facts = [json.loads(path.read_text()) for path in sorted((tmp_path / "out").glob("*.json"))]
    assert plays(facts) == [["play"], ["voice:7"]]
    heard = soundfile.read(sorted((tmp_path / "out").glob("*.wav"))[1])[0]
    assert pitch(heard[960:8_160]) == pytest.approx(500, abs=11)


def test_a_player_process_without_its_filter_says_so_to_whoever_tries_the_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyseccomp.py").write_text('raise RuntimeError("Unable to find libseccomp")')

    def without_filter(*given: Any) -> list[str]:
        return ["env", f"PYTHONPATH={tmp_path}", *command(*given, wav=tmp_path / "out")]

    async def tried(start: Callable[..., list[str]]) -> str:
        speaker = EngineSpeaker(SystemClock("system"), start=start)
        said = await speaker.probe()
        await speaker.close()
        return said

    assert asyncio.run(tried(without_filter)).endswith("no filter (Unable to find libseccomp)")
    assert asyncio.run(tried(partial(command, wav=tmp_path / "out"))) == f"WAV: {tmp_path / 'out'}"
    filtered = [line.endswith("no sockets but Unix ones") for line in capfd.readouterr().err.splitlines()]
    assert filtered == [False, True]


def config(folder: Path, sound: str) -> Config:
    text = f'[box]\nname = "x"\nstate_dir = "s"\n[controller]\nurl = "https://x"\n[sound]\n{sound}\nrecordings = "out"'
    return parse(text, folder / "box.toml")


@pytest.mark.parametrize(("output", "faults"), [("wav", []), ("auto", [(FaultCode.AUDIO_DEVICE, True)])])
def test_a_box_that_wants_files_or_can_open_no_device_records_and_says_so(
    tmp_path: Path, output: str, faults: list[tuple[FaultCode, bool]]
) -> None:
    async def story() -> None:
        told: list[tuple[FaultCode, bool]] = []
        speaker = choose(
            config(tmp_path, f'output = "{output}"'),
            SystemClock("system"),
            lambda code, raised, _: told.append((code, raised)),
            find=lambda _: None,
        )
        assert told == faults
        assert await speaker.probe() == f"WAV: {tmp_path / 'out'}"
        await speaker.close()

    asyncio.run(story())


@pytest.mark.parametrize("output", ["portaudio", "auto"])
def test_what_was_wrong_with_the_device_before_the_daemon_started_is_found_anew(tmp_path: Path, output: str) -> None:
    async def story() -> None:
        told: list[tuple[FaultCode, bool]] = []
        speaker = choose(
            config(tmp_path, f'output = "{output}"'),
            SystemClock("system"),
            lambda code, raised, _: told.append((code, raised)),
            find=lambda _: "PyAudio",
        )
        assert told == [(FaultCode.AUDIO_DEVICE, False)]
        await speaker.close()

    asyncio.run(story())


@pytest.mark.sound
def test_a_box_whose_card_appears_after_its_start_sounds_on_it(tmp_path: Path, null_sink: NullSink) -> None:
    """USB cards come seconds later; one that had its daemon write files until the next start would be mute."""

    async def story() -> None:
        clock = SystemClock("system")
        null_sink.pull_out()
        speaker = choose(config(tmp_path, 'output = "auto"'), clock)
        with pytest.raises(SoundError) as absent:
            await speaker.probe()
        assert absent.value.device
        null_sink.plug_in()
        ear = null_sink.listen()
        async with asyncio.timeout(30):
            assert (await (await speaker.start(track(tone(tmp_path / "a.wav", 1_000)))).ended()).complete
        await speaker.close()
        heard, _ = ear.close()
        assert abs(heard).max() > 0.1
        assert not (tmp_path / "out").exists()

    asyncio.run(story())


def test_a_folder_that_takes_no_files_is_told_when_a_sound_is_handed_over(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    async def story() -> None:
        speaker = EngineSpeaker(SystemClock("system"), start=partial(command, wav=tmp_path / "out"))
        with pytest.raises(SoundError, match=r"choose another sound\.recordings") as refused:
            await speaker.start(track(tone(tmp_path / "a.wav", 100)))
        assert refused.value.device
        await speaker.close()

    asyncio.run(story())


def uses(library: str, pid: int) -> bool:
    return library in Path(f"/proc/{pid}/maps").read_text()


def test_it_needs_no_portaudio_and_comes_back_when_it_was_killed(
    tmp_path: Path, speaker_in: Callable[[SystemClock], EngineSpeaker]
) -> None:
    async def story() -> None:
        speaker = speaker_in(SystemClock("system"))
        sounding = await speaker.start(track(tone(tmp_path / "a.wav", 60_000)))
        await sounding.started()
        assert speaker.pid is not None
        assert not uses("libportaudio", speaker.pid)
        os.kill(speaker.pid, signal.SIGKILL)
        with pytest.raises(SoundError):
            await sounding.ended()
        again = await speaker.start(track(tmp_path / "a.wav", length_ms=200))
        assert (await again.ended()).complete
        await speaker.close()

    asyncio.run(story())
    assert len(list((tmp_path / "out").glob("*.json"))) == 1
    assert list((tmp_path / "out").glob("*.part")) == []
