"""The player process for real: what it cannot do, and what becomes of the sound when it or the device goes."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agent.drivers.audio.engine import wire
from agent.drivers.audio.engine.process import CALM_S, IDLE_S, Engine, better_buffer_ms
from agent.drivers.audio.paced import gone
from agent.drivers.audio.source import BLOCK_FRAMES
from agent.drivers.audio.speaker import EngineSpeaker
from agent.drivers.audio.stations import Stations
from agent.drivers.clock import SystemClock
from agent.ports.sound import FileSound, FramesSound, RelaySound, SoundError, ToneKind, ToneSound, Track
from agent.services.recordings import Recordings
from protocol.report import FaultCode, Grade
from tests.agent.audio.null_sink import PATIENCE_S, RATE_HZ, NullSink, find
from tests.agent.audio.sounds import ready_speaker, tone, track
from tests.agent.audio.stuck_player import Output

pytestmark = pytest.mark.sound

FLOOD = Recordings().path("1")


def loudest_hertz(heard: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> float:
    """By FFT."""
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    return float(np.argmax(spectrum) * RATE_HZ / len(heard))


def of(sounds: tuple[object, ...], start_ms: int, **changes: object) -> Track:
    fields = {"offset_ms": 0, "length_ms": None, "gain_cb": 0, "fade_out_ms": 0, **changes}
    return Track(sources=sounds, start_ms=start_ms, name="play", cause="cause", **fields)  # type: ignore[arg-type]


def with_speaker(story: Callable[[EngineSpeaker, SystemClock], object], *outputs: str | None) -> list[tuple[int, bool]]:
    """Run it with a speaker whose process has started; the faults that were told."""
    faults: list[tuple[int, bool]] = []

    async def run() -> None:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock, *outputs, on_fault=lambda code, up, _: faults.append((code, up)))
        try:
            await story(speaker, clock)  # type: ignore[misc]
        finally:
            await speaker.close()

    asyncio.run(run())
    return faults


def test_a_tone_is_heard_at_its_pitch_and_nothing_before_or_after(null_sink: NullSink) -> None:
    async def story(speaker: EngineSpeaker, clock: SystemClock) -> None:
        sounding = await speaker.start(of((ToneSound(ToneKind.TEST, 1_000),), clock.now_ms() + 300))
        sounded = await sounding.ended()
        assert (sounded.grade, sounded.score, sounded.sounded_ms) == (Grade.RENDERED, 1.0, 1_000)

    ear = null_sink.listen()
    with_speaker(story)
    heard, _ = ear.close()
    loud = np.flatnonzero(np.abs(heard) > 0.01)
    assert abs((loud[-1] - loud[0]) / RATE_HZ - 1.0) < 0.1
    middle = heard[loud[0] + RATE_HZ // 4 : loud[0] + RATE_HZ * 3 // 4]
    assert abs(loudest_hertz(middle) - 1_000) < 5


def test_a_chime_comes_before_the_speech(null_sink: NullSink) -> None:
    async def story(speaker: EngineSpeaker, clock: SystemClock) -> None:
        sounds = (ToneSound(ToneKind.CHIME, 2_000), FileSound(FLOOD))
        await (await speaker.start(of(sounds, clock.now_ms(), length_ms=4_000))).ended()

    ear = null_sink.listen()
    with_speaker(story)
    heard, _ = ear.close()
    sound, _ = soundfile.read(FLOOD, frames=2 * RATE_HZ, dtype="float32")
    place, likeness = find(sound, heard)
    assert likeness > 0.99
    begin = int(np.flatnonzero(np.abs(heard) > 0.01)[0])
    assert abs((place - begin) / RATE_HZ - 2.0) < 0.05
    assert abs(loudest_hertz(heard[begin : begin + RATE_HZ // 2]) - 880) < 10


def test_a_file_that_libsndfile_cannot_read_is_heard_through_ffmpeg(null_sink: NullSink, tmp_path: Path) -> None:
    source = tone(tmp_path / "a.wav", 1_500, hertz=600)
    aac = tmp_path / "a.m4a"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", source, "-ar", "44100", aac], check=True)

    async def story(speaker: EngineSpeaker, clock: SystemClock) -> None:
        sounded = await (await speaker.start(track(aac, start_ms=clock.now_ms()))).ended()
        assert sounded.complete
        assert 1_450 <= sounded.sounded_ms <= 1_600
        (tmp_path / "bad.m4a").write_bytes(b"no sound at all" * 100)
        with pytest.raises(SoundError) as damaged:
            await speaker.start(track(tmp_path / "bad.m4a", start_ms=clock.now_ms()))
        assert not damaged.value.device

    ear = null_sink.listen()
    with_speaker(story)
    heard, _ = ear.close()
    loud = np.flatnonzero(np.abs(heard) > 0.1)
    assert abs(loudest_hertz(heard[loud[0] + 4_800 : loud[0] + 48_000]) - 600) < 5


def test_frames_that_somebody_pushes_are_heard_at_once_and_until_they_end(null_sink: NullSink) -> None:
    async def story(speaker: EngineSpeaker, clock: SystemClock) -> None:
        frames = speaker.frames("live-7")
        sounding = await speaker.start(of((FramesSound("live-7"),), clock.now_ms()))
        await sounding.started()
        times = np.arange(RATE_HZ) / RATE_HZ
        pcm = (0.5 * np.sin(2 * np.pi * 500 * times) * 32767).astype("<i2").tobytes()
        for at in range(0, len(pcm), 1920):
            frames.push(pcm[at : at + 1920])
            await clock.sleep_ms(20)
        frames.close()
        assert (await sounding.ended()).complete

    ear = null_sink.listen()
    with_speaker(story)
    heard, _ = ear.close()
    loud = np.flatnonzero(np.abs(heard) > 0.1)
    assert 0.8 < (loud[-1] - loud[0]) / RATE_HZ < 1.6
    assert abs(loudest_hertz(heard[loud[0] : loud[0] + RATE_HZ // 2]) - 500) < 5


def test_fault_39_a_player_process_that_is_killed_is_back_within_2_s_and_says_what_broke(null_sink: NullSink) -> None:
    async def story(speaker: EngineSpeaker, clock: SystemClock) -> None:
        sounding = await speaker.start(track(FLOOD, start_ms=clock.now_ms()))
        await sounding.started()
        assert speaker.pid is not None
        killed_ms = clock.boot_ms()
        os.kill(speaker.pid, signal.SIGKILL)
        with pytest.raises(SoundError) as broken:
            await sounding.ended()
        assert broken.value.device
        again = await speaker.start(track(FLOOD, start_ms=clock.now_ms(), length_ms=500))
        await again.started()
        back_ms = clock.boot_ms() - killed_ms
        assert (await again.ended()).complete
        assert back_ms <= NOISY_BACK_MS

    null_sink.listen()
    assert with_speaker(story) == [(FaultCode.PLAYER, True)]


NOISY_BACK_MS = 6_000
"""Two seconds on a machine that does nothing else (measured by `make bench NAME=sound`); tests run on busy ones."""


def test_fault_39_a_player_process_that_hangs_is_ended_and_started_again(null_sink: NullSink) -> None:
    async def story(speaker: EngineSpeaker, clock: SystemClock) -> None:
        sounding = await speaker.start(track(FLOOD, start_ms=clock.now_ms()))
        await sounding.started()
        assert speaker.pid is not None
        os.kill(speaker.pid, signal.SIGSTOP)
        with pytest.raises(SoundError):
            await sounding.ended()
        assert await speaker.probe()

    null_sink.listen()
    assert with_speaker(story) == [(FaultCode.PLAYER, True)]


def test_fault_36_pulled_out_while_sounding_the_other_output_sounds_twice_over(
    null_sink: NullSink, tmp_path: Path
) -> None:
    second = null_sink.beside("second")

    async def story(speaker: EngineSpeaker, clock: SystemClock) -> None:
        sounding = await speaker.start(track(FLOOD, start_ms=clock.now_ms()))
        await sounding.started()
        for pull_out in (null_sink.pull_out, second.pull_out):
            pulled_ms = clock.boot_ms()
            pull_out()
            with pytest.raises(SoundError) as gone:
                await sounding.ended()
            assert gone.value.device
            sounding = await speaker.start(track(FLOOD, start_ms=clock.now_ms(), length_ms=20_000))
            assert await sounding.started() is not None
            assert clock.boot_ms() - pulled_ms <= NOISY_BACK_MS
            if pull_out == null_sink.pull_out:
                assert await speaker.probe() == "second"
                null_sink.plug_in()
                await clock.sleep_ms(1_500)  # what is in the device's buffer is heard too
        assert await speaker.probe() != "second"
        assert "no output is called 'second'" in speaker.trouble, "it is missing now"
        sounding.stop(100)
        assert (await sounding.ended()).sounded_ms > 0

    ear = second.listen()
    with_speaker(story, None, "second")
    heard, _ = ear.close()
    assert np.abs(heard).max() > 0.1


def without_a_device(link: int, outputs: Sequence[str | None], begin_at: int) -> list[str]:
    """A player process whose outputs take samples and sound nowhere."""
    program = [sys.executable, "-m", "tests.agent.audio.stuck_player"]
    return [*program, str(link), str(begin_at), *(name or "" for name in outputs)]


def test_a_sound_that_cannot_be_read_keeps_nobody_waiting(tmp_path: Path) -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = EngineSpeaker(clock, ("works",), start=without_a_device)
        await speaker.probe()
        (tmp_path / "bad.ogg").write_bytes(b"no sound at all" * 100)
        with pytest.raises(SoundError):
            await speaker.start(track(tmp_path / "bad.ogg", start_ms=clock.now_ms() + 3_600_000))
        alarm = await speaker.start(of((ToneSound(ToneKind.TEST, 300),), clock.now_ms()))
        async with asyncio.timeout(10):
            assert (await alarm.ended()).complete
        await speaker.close()

    asyncio.run(story())


@pytest.mark.parametrize("beside", [False, True])
def test_a_sound_whose_opening_hangs_is_given_up_and_breaks_nothing_off(tmp_path: Path, beside: bool) -> None:
    """A pipe that nobody writes hangs whoever opens it, as a dying card does."""
    os.mkfifo(tmp_path / "hangs.wav")

    async def story() -> None:
        clock = SystemClock("system")
        speaker = EngineSpeaker(clock, ("works",), start=without_a_device)
        await speaker.probe()
        before = await speaker.start(of((ToneSound(ToneKind.TEST, 4_000),), 0)) if beside else None
        async with asyncio.timeout(20):
            with pytest.raises(SoundError, match="could not be opened"):
                await speaker.start(track(tmp_path / "hangs.wav"))
            assert before is None or (await before.ended()).complete
            assert (await (await speaker.start(of((ToneSound(ToneKind.TEST, 300),), 0))).ended()).complete
        await speaker.close()

    asyncio.run(story())


def test_fault_36_a_device_that_hangs_is_left_within_2_s_for_the_second_output(tmp_path: Path) -> None:
    """A driver that takes no sample any more hangs the process; the next one tries the other output first."""

    async def story() -> None:
        clock = SystemClock("system")
        faults: list[str] = []
        speaker = EngineSpeaker(
            clock,
            ("hangs", "works"),
            on_fault=lambda _, __, detail: faults.append(detail),
            start=without_a_device,
        )
        assert await speaker.probe() == "hangs"
        sounding = await speaker.start(of((ToneSound(ToneKind.TEST, 60_000),), clock.now_ms()))
        await sounding.started()
        with pytest.raises(SoundError, match=r"it has taken no sound for"):
            await sounding.ended()
        broke_ms = clock.boot_ms()
        again = await speaker.start(of((ToneSound(ToneKind.TEST, 300),), clock.now_ms()))
        assert await again.started() is not None
        assert clock.boot_ms() - broke_ms <= NOISY_BACK_MS
        assert await speaker.probe() == "works"
        assert speaker.trouble == "the player process hung or crashed with hangs; sounding on works"
        assert (await again.ended()).complete
        await speaker.close()
        assert faults == ["the player process ended: exit code 75; it is started again"]

    asyncio.run(story())


@pytest.mark.parametrize("hangs_in", ["pause", "go_on", "ahead_ms"])
def test_fault_36_a_device_that_hangs_where_no_sound_is_written_is_left_too(hangs_in: str) -> None:
    """The stream stands still after some seconds without a sound; the driver does not come back from that."""

    async def story() -> None:
        told: asyncio.Queue[str] = asyncio.Queue()
        speaker = EngineSpeaker(
            SystemClock("system"),
            (hangs_in, "works"),
            on_fault=lambda *fault: told.put_nowait(fault[2]),
            start=without_a_device,
        )
        assert await speaker.probe() == hangs_in
        async with asyncio.timeout(30):
            if hangs_in == "go_on":
                await asyncio.sleep(IDLE_S + 1)
                sounding = await speaker.start(of((ToneSound(ToneKind.TEST, 60_000),), 0))
                with pytest.raises(SoundError, match="it has taken no sound for"):
                    await sounding.started()
            assert await told.get() == "the player process ended: exit code 75; it is started again"
            alarm = await speaker.start(of((ToneSound(ToneKind.TEST, 300),), 0))
            assert (await alarm.ended()).complete
        assert await speaker.probe() == "works"
        await speaker.close()

    asyncio.run(story())


def test_a_player_process_that_is_killed_is_back_on_the_first_output() -> None:
    async def story() -> None:
        speaker = EngineSpeaker(SystemClock("system"), ("first", "second"), start=without_a_device)
        assert await speaker.probe() == "first"
        await killed(speaker)
        assert (await speaker.probe(), speaker.trouble) == ("first", "")
        await speaker.close()

    asyncio.run(story())


def test_a_second_output_that_does_not_exist_is_said_while_the_first_sounds() -> None:
    async def story() -> None:
        speaker = EngineSpeaker(SystemClock("system"), ("first", "nothing"), start=without_a_device)
        assert (await speaker.probe(), speaker.trouble) == ("first", "there is no such thing")
        await speaker.close()

    asyncio.run(story())


def test_a_trial_while_the_second_output_sounds_does_not_touch_the_first_that_has_hung() -> None:
    async def story() -> None:
        clock = SystemClock("system")
        speaker = EngineSpeaker(clock, ("hangs", "works"), start=without_a_device)
        await speaker.probe()
        sounding = await speaker.start(of((ToneSound(ToneKind.TEST, 60_000),), clock.now_ms()))
        with pytest.raises(SoundError, match=r"it has taken no sound for"):
            await sounding.ended()
        for _ in range(2):
            await speaker.probe()
            await asyncio.sleep(CALM_S + 0.5)
            assert await speaker.probe() == "works"
            assert speaker.trouble == "the player process hung or crashed with hangs; sounding on works"
        await speaker.close()

    asyncio.run(story())


async def killed(speaker: EngineSpeaker) -> None:
    """Returns when the speaker has noticed."""
    sounding = await speaker.start(of((ToneSound(ToneKind.TEST, 60_000),), 0))
    assert speaker.pid is not None
    os.kill(speaker.pid, signal.SIGKILL)
    with pytest.raises(SoundError):
        await sounding.ended()


def test_a_player_process_that_feeds_the_device_no_more_ends_and_is_started_again() -> None:
    async def story() -> None:
        told: asyncio.Queue[str] = asyncio.Queue()
        speaker = EngineSpeaker(
            SystemClock("system"), ("dies",), on_fault=lambda *fault: told.put_nowait(fault[2]), start=without_a_device
        )
        await speaker.probe()
        sounding = await speaker.start(of((ToneSound(ToneKind.TEST, 60_000),), 0))
        async with asyncio.timeout(20):
            with pytest.raises(SoundError, match="nobody feeds it"):
                await sounding.ended()
            assert await told.get() == "the player process ended: exit code 76; it is started again"
            assert await speaker.probe() == "dies"
        await speaker.close()

    asyncio.run(story())


def test_a_player_process_that_cannot_be_started_once_is_started_later() -> None:
    """As when there is no memory for it."""

    async def story() -> None:
        told: list[str] = []
        programs = iter([["/nowhere/player"]])
        speaker = EngineSpeaker(
            SystemClock("system"),
            ("works",),
            on_fault=lambda _, __, detail: told.append(detail),
            start=lambda *given: next(programs, without_a_device(*given)),
        )
        assert await speaker.probe() == "works"
        assert "it could not be started" in told[0]
        await speaker.close()

    asyncio.run(story())


RELAY = RelaySound("vov1", "http://127.0.0.1:9/vov1")


def test_a_station_that_finds_no_room_for_its_pipe_is_said_and_breaks_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        speaker = EngineSpeaker(
            SystemClock("system"),
            ("works",),
            start=without_a_device,
            stations=lambda sounds: Stations(sounds, tmp_path / "gone"),
        )
        await speaker.probe()
        with pytest.raises(SoundError, match="the station cannot be received") as refused:
            await speaker.start(of((RELAY,), 0, length_ms=60_000))
        assert not refused.value.device
        alarm = await speaker.start(of((ToneSound(ToneKind.TEST, 300),), 0))
        assert (await alarm.ended()).complete
        await speaker.close()

    asyncio.run(story())


def test_pipes_that_cannot_be_removed_are_left(tmp_path: Path) -> None:
    """Something else lies where their folder was, as on a card that remounts itself read-only."""

    async def story() -> tuple[Path, "subprocess.Popen[bytes]"]:
        with Stations((RELAY,), tmp_path) as stations:
            folder = Path(stations.pipes[RELAY.url]).parent
            shutil.rmtree(folder)
            folder.touch()
        return folder, stations._processes[RELAY.url]

    folder, receiver = asyncio.run(story())
    assert folder.is_file()
    assert receiver.wait(10) != 0, "it was ended all the same"


class Unclosable(Stations):
    """Meets an error at its end that nobody foresaw."""

    def __exit__(self, *error: object) -> None:
        super().__exit__(None, None, None)
        if self.pipes:
            raise RuntimeError("nobody foresaw this")


def test_an_error_that_nobody_foresaw_never_ends_the_watch_over_the_player_process() -> None:
    async def story() -> None:
        told: asyncio.Queue[str] = asyncio.Queue()
        speaker = EngineSpeaker(
            SystemClock("system"),
            ("works",),
            on_fault=lambda *fault: told.put_nowait(fault[2]),
            start=without_a_device,
            stations=Unclosable,
        )
        await speaker.probe()
        await speaker.start(of((RELAY,), 0, length_ms=60_000))
        assert speaker.pid is not None
        os.kill(speaker.pid, signal.SIGKILL)
        async with asyncio.timeout(20):
            assert "it could not be watched" in await told.get()
            alarm = await speaker.start(of((ToneSound(ToneKind.TEST, 300),), 0))
            assert (await alarm.ended()).complete
        await speaker.close()

    asyncio.run(story())


def test_a_player_process_that_talks_nonsense_is_ended(tmp_path: Path) -> None:
    """As one would that a hostile file has taken over."""
    (tmp_path / "mad.py").write_text("import os, sys, time; os.write(int(sys.argv[1]), b'x' * 99); time.sleep(60)")

    async def story() -> None:
        told: asyncio.Queue[str] = asyncio.Queue()
        speaker = EngineSpeaker(
            SystemClock("system"),
            on_fault=lambda _, __, detail: told.put_nowait(detail),
            start=lambda link, *_: [sys.executable, str(tmp_path / "mad.py"), str(link)],
        )
        assert "a message of 2021161080 bytes" in await told.get()
        await speaker.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("buffer_ms", "underruns", "moment", "retry", "better"),
    [
        (30, 1, "idle", False, None),
        (30, 2, "idle", False, 60),
        (30, 1, "pause", False, None),
        (30, 2, "pause", True, 60),
        (30, 19, "word", True, None),
        (30, 20, "word", False, 60),
        (150, 99, "word", True, None),
        (150, 99, "pause", True, None),
        (150, 0, "idle", True, 150),
    ],
)
def test_the_first_output_is_tried_again_between_sounds_alone_and_a_dry_device_given_more(
    buffer_ms: int, underruns: int, moment: str, retry: bool, better: int | None
) -> None:
    idle, pause = moment == "idle", moment != "word"
    assert better_buffer_ms(buffer_ms, underruns, idle=idle, pause=pause, retry=retry) == better


class Dry(Output):
    """Runs dry twice at its first sample that is heard, and remembers what it was given."""

    def __init__(self, name: str | None, buffer_ms: int) -> None:
        super().__init__(name, buffer_ms)
        self.underruns = 0
        self._dries = buffer_ms == 30
        self.written: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []

    def write(self, block: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
        super().write(block)
        self.written.append(block)
        if self._dries and block.any():
            self.underruns = 2


def test_a_dry_device_is_opened_anew_in_a_pause_of_the_sound_and_not_in_a_word(tmp_path: Path) -> None:
    word = 0.3 * np.sin(np.arange(RATE_HZ // 2) / 10)
    said = np.concatenate((word, np.zeros(RATE_HZ // 2), word))
    soundfile.write(tmp_path / "said.wav", said, RATE_HZ)
    opened: list[Dry] = []

    def open_output(name: str | None, buffer_ms: int) -> Dry:
        opened.append(Dry(name, buffer_ms))
        return opened[-1]

    ours, theirs = socket.socketpair()
    with ours:
        runs = threading.Thread(target=Engine(ours, ("card",), open_output, 30).run)
        with theirs:
            theirs.sendall(wire.framed(wire.Start(1, track(tmp_path / "said.wav"), {}, 0)))
            runs.start()
            told = theirs.makefile("rb")
            while not isinstance(wire.event(told.read(wire.body_length(told.read(wire.HEAD)))), wire.Ended):
                pass
            told.close()
        runs.join()
    first, second = opened
    assert not first.written[-1].any(), "not in a word"
    heard = np.concatenate([*first.written, *second.written])
    begin, most = int(np.flatnonzero(heard)[0]) - 1, len(said) - 2 * BLOCK_FRAMES
    assert np.allclose(heard[begin : begin + most], said[:most], atol=1e-4), "nothing was lost between the two"


class Fast(Output):
    """Takes a second of sound in a hundredth of one; where nothing has been decoded yet, it waits as a card does."""

    def __init__(self, name: str | None, buffer_ms: int) -> None:
        super().__init__(name, buffer_ms)
        self.written = 0
        self.over = threading.Event()

    def write(self, block: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
        self._ever.wait(BLOCK_FRAMES / RATE_HZ / (100 if block.any() else 1))
        self.written += bool(block.any())
        if self.written > 6_000:
            self.over.set()


def test_a_daemon_that_stands_still_holds_no_sound_up_and_hears_whole_messages_when_it_goes_on() -> None:
    """Of a minute, which is more than a socket holds."""
    output = Fast("card", 30)
    ours, theirs = socket.socketpair()
    with ours:
        runs = threading.Thread(target=Engine(ours, ("card",), lambda *_: output, 30).run)
        with theirs:
            minute = replace(of((ToneSound(ToneKind.TEST, 61_000),), 0), witnessed=True)
            theirs.sendall(wire.framed(wire.Start(1, minute, {}, 0)))
            runs.start()
            assert output.over.wait(PATIENCE_S), "the device was fed, although nobody listens"
            told = theirs.makefile("rb")
            events: list[wire.Event] = []
            while not any(isinstance(event, wire.Ended) for event in events):
                events.append(wire.event(told.read(wire.body_length(told.read(wire.HEAD)))))
            told.close()
        runs.join()
    said = [event.pcm for event in events if isinstance(event, wire.Mixed)]
    assert len(b"".join(said)) > 2 * 16_000


def test_a_late_error_of_a_device_that_was_exchanged_opens_no_other() -> None:
    opened: list[Output] = []

    def open_output(name: str | None, buffer_ms: int) -> Output:
        opened.append(Output(name, buffer_ms))
        return opened[-1]

    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine = Engine(ours, ("card",), open_output, 30)
        old = engine._ensure_device()
        engine._open_anew(old, 30)
        engine._lost(old, gone("it was pulled out"))
        assert len(opened) == 2
        assert engine._ensure_device() is opened[1]


def test_the_player_process_has_no_network_and_no_way_into_other_processes() -> None:
    program = """
import socket
from agent.drivers.audio.engine.sandbox import confine
assert confine().endswith("no sockets but Unix ones"), confine()
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        print(error.errno)
ours, theirs = socket.socketpair()
ours.send(b"the daemon is heard")
print(theirs.recv(100).decode())
import subprocess, sys
child = "import socket; socket.socket()"
print(subprocess.run([sys.executable, "-c", child], stderr=subprocess.DEVNULL).returncode)
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE = 0x4206
for refused in (libc.ptrace(PTRACE_SEIZE, os.getppid(), 0, 0), libc.process_vm_readv(os.getppid(), 0, 0, 0, 0, 0)):
    print(refused, ctypes.get_errno())
"""
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    said = ["97", "97", "97", "the daemon is heard", "1", "-1 1", "-1 1", ""]
    assert asked.stdout.split("\n") == said
