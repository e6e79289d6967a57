"""What is heard of a station that comes, stutters, goes and comes back; and one that is received for real."""

import asyncio
import contextlib
import http.server
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.drivers.audio.engine.station import Station
from agent.drivers.audio.source import RATE_HZ, Samples, frames
from agent.drivers.clock import SystemClock
from agent.ports.sound import RelaySound, SoundError, Track
from protocol.report import Grade
from tests.agent.audio.null_sink import NullSink
from tests.agent.audio.sounds import ready_speaker, tone
from tests.agent.audio.test_mixer import Given
from tests.support.agents import eventually

SECOND = RATE_HZ
RELAY = RelaySound("vov1", "http://radio.example/vov1", (Path("song.flac"),), 0)
OWN, SONG = 0.2, 0.3


class Listening:
    """A station, and what was heard of it, second by second."""

    def __init__(self, fallback: bool = True) -> None:
        song = Given(np.full(600 * SECOND, SONG, np.float32))
        self.station = Station(RELAY, (lambda: song) if fallback else None)
        self.heard: list[float] = []

    def pieces(self, sound: Samples, seconds: int) -> None:
        """It comes over and over, in the pieces of 24 ms that a decoder of MP3 gives."""
        coming = np.resize(sound, seconds * SECOND)
        for at in range(0, len(coming), frames(24)):
            piece = coming[at : at + frames(24)]
            self.station.put(piece)
            self.station.take(len(piece))

    def seconds(self, count: int, level: float | None = None) -> None:
        """So many pass; `level` of the station's sound, None while nothing comes."""
        for _ in range(count):
            parts: list[Samples] = []
            for _ in range(10):
                if level is not None:
                    self.station.put(np.full(frames(100), level, np.float32))
                parts.append(self.station.take(frames(100)))
            self.heard.append(round(float(np.median(np.concatenate(parts))), 3))


def test_a_station_that_comes_is_heard_and_nothing_else_is_said() -> None:
    listening = Listening()
    listening.seconds(5, OWN)
    assert listening.heard == [OWN] * 5
    assert listening.station.detail == ""


def test_after_five_silent_seconds_the_fallback_sounds_until_the_station_has_been_back_for_two() -> None:
    listening = Listening()
    listening.seconds(10, OWN)
    listening.seconds(10)
    listening.seconds(5, OWN)
    assert listening.heard[:15] == [*[OWN] * 10, *[0.0] * 5]
    assert listening.heard[16:21] == [SONG] * 5
    assert listening.heard[-3:] == [OWN] * 3
    assert listening.station.detail == "fallback: station vov1 not received at 0:15-0:21"


def test_a_carrier_without_sound_is_no_station() -> None:
    listening = Listening()
    listening.seconds(4, OWN)
    listening.seconds(20, 0.0)
    assert listening.heard[-10:] == [SONG] * 10


def syllables(pause_ms: int) -> Samples:
    """Some words as a studio sends them, with nothing at all between them, and a pause after them."""
    word = np.concatenate([np.full(frames(180), OWN), np.zeros(frames(50))])
    return np.concatenate([*[word] * 5, np.zeros(frames(pause_ms))]).astype(np.float32)


def test_a_station_that_speaks_takes_over_from_the_fallback_as_one_that_sings_does() -> None:
    listening = Listening()
    listening.seconds(10)
    listening.pieces(syllables(700), seconds=10)
    assert listening.heard[9] == SONG
    assert listening.station.detail == "fallback: station vov1 not received at 0:05-0:12"


def test_what_is_heard_only_now_and_then_is_no_station() -> None:
    listening = Listening()
    listening.seconds(10)
    listening.pieces(syllables(1_100), seconds=20)
    assert listening.station.detail == "fallback: station vov1 not received at 0:05-0:30"


def test_a_station_that_cannot_be_received_at_all_is_its_fallback_at_once() -> None:
    listening = Listening()
    listening.station.give_up()
    listening.seconds(3)
    assert listening.heard == [SONG] * 3


def test_a_stutter_is_filled_up_before_it_goes_on() -> None:
    listening = Listening()
    listening.seconds(3, OWN)
    listening.seconds(1)
    listening.seconds(3, OWN)
    assert listening.heard[-2:] == [OWN, OWN]
    assert listening.station.detail == ""


def test_without_a_fallback_the_slot_ends_after_half_a_minute_and_says_why() -> None:
    listening = Listening(fallback=False)
    listening.seconds(2, OWN)
    listening.seconds(29)
    with pytest.raises(SoundError, match="station vov1 cannot be received, and there is no fallback"):
        listening.seconds(5)


def test_while_nobody_receives_the_fallback_sounds_at_once_and_the_station_takes_over_when_it_is_back() -> None:
    listening = Listening()
    listening.seconds(4, OWN)
    listening.station.lose()
    listening.seconds(3)
    listening.seconds(4, OWN)
    assert (listening.heard[:4], listening.heard[5:9], listening.heard[-1]) == ([OWN] * 4, [SONG] * 4, OWN)
    assert listening.station.detail == "fallback: station vov1 not received at 0:04-0:08"


def test_a_slot_without_a_fallback_outlasts_whoever_receives() -> None:
    listening = Listening(fallback=False)
    listening.seconds(2, OWN)
    listening.station.lose()
    listening.seconds(20)
    listening.seconds(2, OWN)
    assert listening.heard[-1] == OWN


@pytest.fixture
def on_air() -> threading.Event:
    """Cleared, the station's server has nothing to give."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def radio(tmp_path: Path, on_air: threading.Event) -> Iterator[str]:
    """A station that sends half a minute of 700 Hz."""
    tone(tmp_path / "vov1.ogg", 30_000, hertz=700)

    class Radio(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if on_air.is_set():
                super().do_GET()
            else:
                self.send_error(http.HTTPStatus.SERVICE_UNAVAILABLE)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: Radio(*given, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/vov1.ogg"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.sound
def test_a_station_is_received_from_the_network_and_cut_at_the_end_of_its_slot(
    null_sink: NullSink, radio: str, tmp_path: Path
) -> None:
    song = tone(tmp_path / "song.wav", 3_000, hertz=400)

    async def story() -> None:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        relay = RelaySound("vov1", radio, (song,), 0, patience_ms=20_000)
        track = Track((relay,), 0, clock.now_ms(), 8_000, 0, 200, "r1", "r1")
        sounded = await (await speaker.start(track)).ended()
        await speaker.close()
        assert (sounded.complete, sounded.sounded_ms, sounded.detail) == (True, 8_000, "")
        assert sounded.grade is Grade.RENDERED

    ear = null_sink.listen()
    asyncio.run(story())
    heard, _ = ear.close()
    loud = np.flatnonzero(np.abs(heard) > 0.2)
    stretch = heard[loud[0] + RATE_HZ // 4 : loud[0] + RATE_HZ * 5 // 4]
    spectrum = np.abs(np.fft.rfft(stretch * np.hanning(len(stretch))))
    assert abs(float(np.argmax(spectrum)) * RATE_HZ / len(stretch) - 700) < 5


def receiver_of(url: str) -> int | None:
    """The process that receives this station."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            given = (entry / "cmdline").read_bytes().split(b"\0")
            if b"agent.drivers.audio.engine.relay" in given and url.encode() in given:
                return int(entry.name)
    return None


def tones(heard: Samples) -> list[int]:
    """What was heard in which order, to 100 Hz: the loudest of each half second that has sound, once where it stays."""
    found: list[int] = []
    for begin in range(0, len(heard) - RATE_HZ // 2, RATE_HZ // 2):
        part = heard[begin : begin + RATE_HZ // 2]
        if np.abs(part).max() > 0.2:
            spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
            found.append(round(float(np.argmax(spectrum)) * 2 / 100) * 100)
    return [hertz for hertz, _ in itertools.groupby(found)]


@pytest.mark.sound
def test_a_receiver_that_is_killed_is_started_again_in_its_slot_and_the_log_says_from_when_to_when(
    null_sink: NullSink, radio: str, on_air: threading.Event, tmp_path: Path
) -> None:
    song = tone(tmp_path / "song.wav", 3_000, hertz=400)

    async def story() -> None:
        clock = SystemClock("system")
        speaker = await ready_speaker(clock)
        relay = RelaySound("vov1", radio, (song,), 0, patience_ms=20_000)
        sounding = await speaker.start(Track((relay,), 0, clock.now_ms(), 25_000, 0, 200, "r1", "r1"))
        await sounding.started()
        await clock.sleep_ms(7_000)
        first = receiver_of(radio)
        assert first is not None
        on_air.clear()
        os.kill(first, signal.SIGKILL)
        await clock.sleep_ms(4_000)
        on_air.set()
        sounded = await sounding.ended()
        await speaker.close()
        assert sounded.complete
        assert re.fullmatch(r"fallback: station vov1 not received at 0:\d\d-0:\d\d", sounded.detail)
        assert not sounded.detail.endswith("0:25"), "it came back"

    ear = null_sink.listen()
    asyncio.run(story())
    heard, _ = ear.close()
    assert tones(heard) == [700, 400, 700]
    assert receiver_of(radio) is None, "nobody receives it after its slot"


def test_a_receiver_ends_with_the_daemon_that_was_killed_also_while_nobody_has_opened_its_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    receive = ["-m", "agent.drivers.audio.engine.relay", "http://127.0.0.1:9/vov1", str(pipe)]
    program = (
        f"import subprocess, sys; print(subprocess.Popen([sys.executable, *{receive!r}]).pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None
        receiver = Path(f"/proc/{int(daemon.stdout.readline())}")
        eventually(lambda: (receiver / "wchan").read_text() == "wait_for_partner", "waiting at its pipe")
        daemon.kill()
    eventually(lambda: not receiver.exists() or "State:\tZ" in (receiver / "status").read_text(), "its end")
