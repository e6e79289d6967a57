"""How fast and how exactly a box sounds: everything is heard at the monitor of a null sink, not believed.

`PYTHONPATH=. python tests/bench/sound.py [seconds]`: so long the sound goes on in which nothing may run dry, while the
other processor is busy (300, as an acceptance takes; `make bench NAME=sound SECONDS=30` for a look).

`underruns` is what the player process counts, `holes_heard` what is missing at the monitor. Beside it run two peers
that only sleep for 10 ms, over and over, and count how often they woke up more than 20 ms too late:
`peer_late_wakeups` with the priority of the thread that feeds the device, `server_late_wakeups` with that of the sound
server's own. Where the first is not 0, the machine was too busy for any player; where the second is not, too busy for
its sound server.
"""

import asyncio
import contextlib
import json
import math
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from agent.drivers.audio.engine.process import hurry, real_time
from agent.drivers.audio.speaker import EngineSpeaker
from agent.drivers.clock import SystemClock
from agent.ports.sound import Track, files
from protocol.ids import sha256
from tests.agent.audio.null_sink import INSTALLED, RATE_HZ, WAY_OUT, NullSink, find
from tests.agent.audio.sounds import track
from tests.agent.player.studio import Studio, order
from tests.support import bench
from tests.support.bench import percentile

RUNS = 30
PEER_RUNS = 8
PRESSES = 40
LENGTH_MS = 300
SPACING_MS = 700
WINDOW_MS = 900
"""Within so much a sound is heard, or it is lost."""
PEER_SPACING_MS = 2_000
AIMS = {
    "button_to_sample_ms_p99": 150,
    "preempt_ms_p99": 100,
    "start_error_ms_p99": 20,
    "recovery_ms_p99": 2_000,
    "underruns": 0,
}
SECONDS = 300
OTHERS_S = 420
"""What the other parts take together."""
KILLS = 10
KILL_EVERY_S = 11.0
"""A process that is killed sooner after its start is one that fails again and again, and started later each time."""
HOLE_MS = 2
"""Noise has no silence of its own as long as this."""
PEER_SLEEPS_S = 0.01
PEER_LATE_MS = 20
"""The device holds 30 ms, in pieces of 10."""
SERVER_NICE = -11
SILENT_MS = 100
"""A device that nobody feeds is silent for longer."""
LEAST_S = round(KILLS * KILL_EVERY_S) + 20
"""Of noise."""


def mark(folder: Path, name: str, seed: int) -> tuple[Path, Any]:
    """A burst of noise that is found to the sample."""
    samples = np.random.default_rng(seed).normal(0, 0.2, RATE_HZ * LENGTH_MS // 1000).clip(-0.8, 0.8).astype(np.float32)
    path = folder / f"{name}.wav"
    soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")
    return path, samples


def delays(sound: Any, heard: Any, began_ms: float, asked: Sequence[float]) -> list[float]:
    """From each instant to the first sample of the sound that follows it; infinite for one that was never heard."""
    found = []
    for instant in asked:
        begin = max(0, round((instant - began_ms - 50) * RATE_HZ / 1000))
        place, likeness = find(sound, heard[begin : begin + RATE_HZ * WINDOW_MS // 1000])
        if likeness < 0.5:
            print(f"{instant:.0f}: not heard (likeness {likeness:.2f})", file=sys.stderr)
        lost = likeness < 0.5
        found.append(math.inf if lost else began_ms + (begin + place) * 1000 / RATE_HZ - instant)
    return found


def onsets(_sound: Any, heard: Any, began_ms: float, asked: Sequence[float]) -> list[float]:
    """The same by the first loud sample: other players stretch and convert, so that nothing is alike any more."""
    found = []
    for instant in asked:
        begin = max(0, round((instant - began_ms) * RATE_HZ / 1000))
        loud = np.flatnonzero(np.abs(heard[begin : begin + 2 * RATE_HZ]) > 0.1)
        found += [float(loud[0]) * 1000 / RATE_HZ] if len(loud) else []
    return found


def now_ms() -> float:
    return time.time_ns() / 1e6


async def handovers(speaker: EngineSpeaker, sound: Path, runs: int = RUNS) -> list[float]:
    """A track that is handed to the speaker while nothing sounds. The instants."""
    asked = []
    for _ in range(runs):
        asked.append(now_ms())
        sounding = await speaker.start(track(sound, start_ms=0))
        await sounding.ended()
        await asyncio.sleep(SPACING_MS / 1000)
    return asked


async def preempts(speaker: EngineSpeaker, programme: Path, sound: Path) -> list[float]:
    """The same while a programme sounds, which gives way. Its instants."""
    asked = []
    beneath = await speaker.start(track(programme, start_ms=0, gain_cb=-200))
    for _ in range(RUNS):
        await beneath.started()
        await asyncio.sleep(0.3)
        asked.append(now_ms())
        beneath.stop(200)
        sounding = await speaker.start(track(sound, start_ms=0))
        await sounding.ended()
        beneath = await speaker.start(track(programme, start_ms=0, gain_cb=-200))
        await asyncio.sleep(0.3)
    beneath.stop(0)
    await beneath.ended()
    return asked


async def starts(speaker: EngineSpeaker, sound: Path) -> list[float]:
    """At agreed instants. They."""
    asked = []
    for _ in range(RUNS):
        instant = round(now_ms()) + SPACING_MS
        asked.append(float(instant))
        await (await speaker.start(track(sound, start_ms=instant))).ended()
    return asked


async def gap(speaker: EngineSpeaker, first: Path, second: Path) -> None:
    both = Track(files(first, second), 0, 0, None, 0, 0, "both", "both")
    await (await speaker.start(both)).ended()
    await asyncio.sleep(0.3)


def by_ffplay(sound: Path, environment: dict[str, str]) -> list[float]:
    asked = []
    for _ in range(PEER_RUNS):
        asked.append(now_ms())
        command = ["ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet", str(sound)]
        subprocess.run(command, env={**os.environ, **environment, "SDL_AUDIODRIVER": "pulseaudio"}, check=False)
        time.sleep(PEER_SPACING_MS / 1000)
    return asked


def by_vlc(sound: Path) -> list[float]:
    """libvlc in this process, warm: its best case."""
    import vlc

    instance = vlc.Instance("--no-video", "--quiet", "--aout=pulse")
    asked = []
    for _ in range(PEER_RUNS):
        player = instance.media_player_new(str(sound))
        asked.append(now_ms())
        player.play()
        time.sleep((LENGTH_MS + PEER_SPACING_MS) / 1000)
        player.stop()
        player.release()
    return asked


def _spin(stop_s: float) -> None:
    while time.monotonic() < stop_s:
        pass


@contextlib.contextmanager
def the_other_core_busy(seconds: float) -> Iterator[None]:
    worker = multiprocessing.get_context("fork").Process(target=_spin, args=(time.monotonic() + seconds,), daemon=True)
    worker.start()
    try:
        yield
    finally:
        worker.kill()
        worker.join()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int | str) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGESIZE") / 1e6, 1)


def rss_of_a_daemon_mb() -> float:
    """A fresh process that has imported all that the daemon is made of; it decodes and mixes nothing."""
    program = "import agent.daemon, agent.drivers.audio.speaker; print(open('/proc/self/statm').read().split()[1])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return round(int(said) * os.sysconf("SC_PAGESIZE") / 1e6, 1)


class Peer:
    """A process that only sleeps for 10 ms, over and over, and says how often it woke up too late."""

    def __init__(self, hurries: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        self._said = ours
        self._stop = multiprocessing.Event()
        self._process = multiprocessing.get_context("fork").Process(target=self._sleep, args=(theirs, hurries))
        self._process.start()

    def _sleep(self, said: Any, hurries: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        with hurries():
            late, latest_ms, before = 0, 0.0, time.monotonic()
            while not self._stop.is_set():
                time.sleep(PEER_SLEEPS_S)
                now = time.monotonic()
                behind_ms = (now - before - PEER_SLEEPS_S) * 1000
                late, latest_ms, before = late + (behind_ms > PEER_LATE_MS), max(latest_ms, behind_ms), now
        said.send((late, round(latest_ms, 1)))

    def close(self) -> tuple[int, float]:
        """How often it was late, and by how much at the most, in milliseconds."""
        self._stop.set()
        found: tuple[int, float] = self._said.recv()
        self._process.join()
        return found


def like_the_feeder() -> contextlib.AbstractContextManager[None]:
    hurry()
    return real_time()


def like_the_sound_server() -> contextlib.AbstractContextManager[None]:
    """PulseAudio's thread that takes samples: nice, and not in real time."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, SERVER_NICE)
    return contextlib.nullcontext()


def holes(heard: Any) -> list[int]:
    """Lengths, in milliseconds, of the silences inside what was heard."""
    loud = np.flatnonzero(np.abs(heard) > 1e-4)
    apart = np.diff(loud) * 1000 / RATE_HZ
    return [round(float(length)) for length in apart[apart >= HOLE_MS]]


async def killed(folder: Path) -> list[float]:
    """An alarm sounds, and its player process is killed again and again. The instants."""
    clock = SystemClock("system")
    speaker = EngineSpeaker(clock)
    await speaker.probe()
    studio = Studio(folder, wall=clock.now_ms(), lead_in_ms=0)
    studio.player = studio.build(clock, speaker)
    asked = []
    async with studio:
        studio.accept(order(1, studio, message=alarm(studio), chime=0, lifetime_s=3_600))
        for _ in range(KILLS):
            await asyncio.sleep(KILL_EVERY_S)
            assert speaker.pid is not None
            asked.append(now_ms())
            os.kill(speaker.pid, signal.SIGKILL)
        await asyncio.sleep(KILL_EVERY_S)
    await speaker.close()
    return asked


def alarm(studio: Studio) -> bytes:
    """A message of two minutes of noise."""
    data = (studio.folder / "programme.flac").read_bytes()
    (studio.folder / sha256(data).hex()).write_bytes(data)
    studio._lengths_ms[sha256(data)] = LEAST_S * 1_000
    return sha256(data)


def recoveries(heard: Any, began_ms: float, asked: Sequence[float]) -> list[float]:
    """From each instant to the first sample behind the silence that follows it; infinite where there is none."""
    found = []
    for instant in asked:
        begin = max(0, round((instant - began_ms - SILENT_MS) * RATE_HZ / 1000))
        loud = np.flatnonzero(np.abs(heard[begin : begin + round(KILL_EVERY_S * RATE_HZ)]) > 1e-4)
        apart = np.flatnonzero(np.diff(loud) >= SILENT_MS * RATE_HZ / 1000)
        if len(apart) == 0:
            print(f"{instant:.0f}: the alarm was not heard again", file=sys.stderr)
            found.append(math.inf)
            continue
        found.append(float(loud[apart[0] + 1]) * 1000 / RATE_HZ - SILENT_MS)
    return found


async def long(speaker: EngineSpeaker, programme: Path, seconds: int) -> dict[str, float]:
    """It sounds and sounds; what that costs, and how often something ran dry."""
    assert speaker.pid is not None
    sounding = await speaker.start(track(programme, start_ms=0, length_ms=seconds * 1000))
    await sounding.started()
    before, cpu, began = speaker.underruns, cpu_s(speaker.pid), time.monotonic()
    peer, server = Peer(like_the_feeder), Peer(like_the_sound_server)
    with the_other_core_busy(seconds):
        sounded = await sounding.ended()
    (late, latest_ms), (server_late, server_latest_ms) = peer.close(), server.close()
    spent = cpu_s(speaker.pid) - cpu
    await asyncio.sleep(0.5)
    return {
        "cpu_percent_playing": round(100 * spent / (time.monotonic() - began), 1),
        "underruns": speaker.underruns - before,
        "underruns_of_s": seconds,
        "peer_late_wakeups": late,
        "peer_latest_ms": latest_ms,
        "server_late_wakeups": server_late,
        "server_latest_ms": server_latest_ms,
        "rendered": sounded.score or 0.0,
        "rss_mb_player": rss_mb(speaker.pid),
    }


def of_the_button() -> dict[str, Any]:
    """From the edge at the pin, with the whole box between: what `tests/bench/button.py` finds."""
    command = [sys.executable, str(Path(__file__).with_name("button.py")), str(PRESSES)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()[-1]
    found = json.loads(said)
    names = {"button_to_sample_ms_p50": "edge_to_sample_ms_p50", "button_to_sample_ms_p99": "edge_to_sample_ms_p99"}
    return {name: found[other] for name, other in names.items()} | {
        "button_presses": found["presses"],
        "button_presses_heard": found["heard"],
    }


def is_ok(figures: Mapping[str, Any]) -> bool:
    """Whether every press was heard and every aim is met; a sound that was lost counts as infinitely late."""
    met = [isinstance(figures[name], int | float) and figures[name] <= aim for name, aim in AIMS.items()]
    return all(met) and figures["button_presses_heard"] == figures["button_presses"]


def main(seconds: int) -> int:
    if not INSTALLED:
        raise SystemExit(WAY_OUT)
    bench.begin("how soon and how exactly a box sounds, heard at a null sink's monitor", OTHERS_S + seconds)
    folder = Path(tempfile.mkdtemp(prefix="loa-"))
    sink = NullSink(folder)
    os.environ.update(sink.environment)
    sink.plug_in()
    a, a_samples = mark(folder, "a", 1)
    b, b_samples = mark(folder, "b", 2)
    programme = folder / "programme.flac"
    rng = np.random.default_rng(3)
    soundfile.write(programme, rng.normal(0, 0.05, RATE_HZ * max(LEAST_S, seconds + 5)).astype(np.float32), RATE_HZ)
    figures: dict[str, Any] = {}

    runner = asyncio.Runner()

    async def begin() -> EngineSpeaker:
        speaker = EngineSpeaker(SystemClock("system"))
        await speaker.probe()
        return speaker

    speaker = runner.run(begin())

    def measured(story: Callable[[EngineSpeaker], Any]) -> Any:
        """By the one speaker that a box has from its start to its end."""

        async def run() -> Any:
            return await story(speaker)

        return runner.run(run())

    def heard(what: str, story: Callable[[], Sequence[float]], find_all: Any = delays) -> list[float]:
        bench.step(what)
        ear = sink.listen()
        asked = story()
        time.sleep(0.5)
        samples, began_ms = ear.close()
        return list(find_all(a_samples, samples, began_ms, asked))

    handover = heard(f"{RUNS} sounds out of silence", lambda: measured(lambda speaker: handovers(speaker, a)))
    preempt = heard(
        f"{RUNS} alarms over a programme", lambda: measured(lambda speaker: preempts(speaker, programme, a))
    )
    started = heard(f"{RUNS} starts at agreed instants", lambda: measured(lambda speaker: starts(speaker, a)))
    error = [abs(late) for late in started]
    for name, values in (("handover_to_sample", handover), ("preempt", preempt), ("start_error", error)):
        figures[f"{name}_ms_p50"], figures[f"{name}_ms_p99"] = percentile(values, 0.5), percentile(values, 0.99)
    figures["peer_ffplay_ms_p50"] = None
    if shutil.which("ffplay"):
        figures["peer_ffplay_ms_p50"] = round(
            statistics.median(heard("ffplay, beside it", lambda: by_ffplay(a, sink.environment), onsets)), 1
        )
    figures["peer_vlc_ms_p50"] = None
    with contextlib.suppress(ImportError, OSError, AttributeError):
        figures["peer_vlc_ms_p50"] = round(statistics.median(heard("libvlc, beside it", lambda: by_vlc(a), onsets)), 1)
    bench.step("the gap between two items")
    ear = sink.listen()
    measured(lambda speaker: gap(speaker, a, b))
    samples, _ = ear.close()
    (first, _), (second, _) = find(a_samples, samples), find(b_samples, samples)
    figures["gap_ms_between_items"] = round((second - first - len(a_samples)) * 1000 / RATE_HZ, 2)
    bench.step(f"{seconds} s in which nothing may run dry")
    ear = sink.listen()
    figures |= measured(lambda speaker: long(speaker, programme, seconds))
    samples, _ = ear.close()
    missing = holes(samples)
    figures["holes_heard"], figures["longest_hole_ms"] = len(missing), max(missing, default=0)
    figures["buffer_ms"] = speaker.buffer_ms
    runner.run(speaker.close())
    bench.step(f"{KILLS} kills of the player process during an alarm")
    ear = sink.listen()
    asked = runner.run(killed(folder))
    samples, began_ms = ear.close()
    back = recoveries(samples, began_ms, asked)
    figures["recovery_ms_p50"], figures["recovery_ms_p99"] = percentile(back, 0.5), percentile(back, 0.99)
    runner.close()
    figures["rss_mb_daemon"] = rss_of_a_daemon_mb()
    sink.close()
    bench.step(f"{PRESSES} presses of the button, with the whole box between")
    figures |= of_the_button()
    shutil.rmtree(folder)
    figures["load"] = round(os.getloadavg()[0], 1)
    figures["aims"] = AIMS
    figures["ok"] = is_ok(figures)
    return bench.end(figures)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
