"""How long a voice takes from the microphone to the loudspeaker, over a good link, 4G and 3G; and Icecast with VLC.

Everything is real: Chromium with the page hears a PulseAudio source, `loalang serve` with its CA carries the groups, a
whole agent behind an emulated link sounds them on a null sink. Microphone and sink are recorded by their monitors; the
officer sits beside the controller, the link is the box's. Beeps of sixteen notes in turn are looked for in both.
"""

import contextlib
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tests.agent.audio.null_sink import INSTALLED, RATE_HZ, WAY_OUT, NullSink
from tests.support import bench
from tests.support.bad_link import G3, G4, LAN, BadLink, Quality
from tests.support.broker import free_port
from tests.support.live_office import approve, begin, furnish, log_in, register_key
from tests.support.program import Loalang

HERE, THERE = "10.77.0.1", "10.77.0.2"
NOTES_HZ: Final = tuple(500 + 150 * number for number in range(16))
PERIOD_S, BEEP_S = 0.5, 0.2
SPOKEN_S = float(os.environ.get("LOALANG_BENCH_S", "40"))
SETTLING_S: Final = 8.0
"""The buffer learns the link; what is said meanwhile counts for what is lost, not for the delay."""
STEP: Final = RATE_HZ // 200
PURE: Final = 250
"""Of a window that is nothing but the note it is 339."""
LINKS: Final = {"lan": LAN, "g4": G4, "g3": G3}
LIMITS_MS: Final = {"lan": 250, "g4": 800, "g3": 2000}
DAY: Final = (
    "import datetime as dt; from controller.schedules.models import PolicyRecord; "
    "from controller.units.models import Unit; "
    "now = dt.datetime.now(dt.UTC); start = (now + dt.timedelta(hours=15)).hour * 3600; "
    "PolicyRecord.objects.create(unit=Unit.objects.get(code='79'), template='demo', changed=now, "
    "quiet=[[start, (start + 8 * 3600) % 86_400, 127]])"
)
"""The benchmark may run at night: eight quiet hours, laid opposite to now, which environment `demo` alone allows."""
CHROMIUM: Final = shutil.which("chromium")

Samples = npt.NDArray[np.float32]


def beeps() -> bytes:
    """Each note in its turn, for as long as the longest part of the run."""
    at = np.arange(round(PERIOD_S * RATE_HZ)) / RATE_HZ
    edge = np.minimum(1, np.minimum(at, np.maximum(0, BEEP_S - at)) / 0.005)
    turns = [0.4 * edge * np.sin(2 * np.pi * note * at) for note in NOTES_HZ]
    return bytes((np.tile(np.concatenate(turns), 40) * 32767).astype("<i2").tobytes())


def onsets(heard: Samples, began_ms: float, note_hz: int) -> list[float]:
    """Wall instants (ms) at which this note begins."""
    at = np.arange(STEP * 4) / RATE_HZ
    wave = np.exp(-2j * np.pi * note_hz * at) * np.hanning(STEP * 4)
    windows = np.lib.stride_tricks.sliding_window_view(heard, STEP * 4)[::STEP]
    level = np.abs(windows @ wave)
    whole = np.sqrt(np.mean(windows.astype(np.float64) ** 2, axis=1)) + 1e-9
    loud = np.flatnonzero((level > 0.3 * np.max(level, initial=1e-9)) & (level / whole > PURE))
    begins = [
        int(step) for before, step in zip([-1_000, *loud], loud, strict=False) if (step - before) * 5 > BEEP_S * 1000
    ]
    return [began_ms + step * 5 for step in begins]


def delays(mic: tuple[Samples, float], horn: tuple[Samples, float], from_ms: float, to_ms: float) -> list[float | None]:
    """For each beep that was spoken between these instants, how much later it was heard; None: never."""
    found: list[tuple[float, float | None]] = []
    for note in NOTES_HZ:
        said, heard = onsets(*mic, note), onsets(*horn, note)
        for instant in said:
            if from_ms <= instant < to_ms:
                later = [one - instant for one in heard if 0 <= one - instant < PERIOD_S * len(NOTES_HZ) * 1000 - 500]
                found.append((instant, min(later, default=None)))
    return [delay for _, delay in sorted(found)]


class Sound:
    """A null sink for the horn and another whose monitor is the microphone."""

    def __init__(self, folder: Path) -> None:
        self.sink = NullSink(folder)
        self.environment = {**os.environ, **self.sink.environment, "PULSE_SOURCE": "microphone", "PULSE_SINK": "loa"}
        self.sink.plug_in()
        self._pactl("load-module", "module-null-sink", "sink_name=mic", f"rate={RATE_HZ}", "channels=1")
        # Browsers do not take a monitor for a microphone.
        self._pactl("load-module", "module-remap-source", "master=mic.monitor", "source_name=microphone")
        self._pactl("set-default-source", "microphone")
        self._pactl("set-default-sink", "loa")
        (folder / "beeps.raw").write_bytes(beeps())
        self._beeps = folder / "beeps.raw"

    def _pactl(self, *words: str) -> None:
        subprocess.run(["pactl", *words], env=self.environment, check=True, capture_output=True)

    @contextlib.contextmanager
    def speaking(self) -> Iterator[None]:
        """Beeps at the microphone."""
        format_ = ["--raw", "--format=s16le", f"--rate={RATE_HZ}", "--channels=1", "--latency-msec=20"]
        player = subprocess.Popen(["pacat", "-p", "-d", "mic", *format_, str(self._beeps)], env=self.environment)
        try:
            yield
        finally:
            player.kill()
            player.wait()


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def recorded(sound: Sound, seconds: float) -> tuple[tuple[Samples, float], tuple[Samples, float]]:
    """Both monitors."""
    ears = [sound.sink.listen("mic.monitor"), sound.sink.listen("loa.monitor")]
    wait(seconds)
    mic, horn = (ear.close() for ear in ears)
    return mic, horn


class Office:
    """Controller, broker and browser on this side, the agent on the other."""

    def __init__(self, folder: Path, link: BadLink, sound: Sound, stack: contextlib.ExitStack) -> None:
        self.folder, self.link, self.sound, self.stack = folder, link, sound, stack
        self.program = Loalang(folder, None, province="79")
        self.tls_port, self.broker_port = free_port(), free_port()
        env = self.program.env
        env["LOALANG_ENVIRONMENT"] = "demo"
        env["LOALANG_BROKER"] = f"mqtts://localhost:{self.broker_port}"
        env["LOALANG_BROKER_PUBLIC"] = f"mqtts://{HERE}:{self.broker_port}"
        env["LOALANG_HOSTS"] = f"localhost,127.0.0.1,{HERE}"

    def open(self) -> None:
        self.passwords = furnish(self.program, self.folder, "demo")
        self.program.python(DAY)
        names = ["--name", HERE, "--name", "localhost"]
        said = self.program.must("pki", "init", *names, "--broker-port", str(self.broker_port))
        found = re.search(r"\b[0-9a-f]{64}\b", said)
        assert found, said
        self._start(["mosquitto", "-c", str(self.folder / "data" / "broker" / "mosquitto.conf")], {}, "mosquitto")
        self.program.start("--host", "0.0.0.0", "--tls-port", str(self.tls_port))
        self.stack.callback(self.program.stop)
        self._box_toml(found[0])
        agent = [sys.executable, "-m", "agent", "run", "--config", str(self.folder / "box.toml")]
        self._start(self.link.behind(agent), self.sound.environment, "agent")

    def _box_toml(self, ca: str) -> None:
        (self.folder / "box.toml").write_text(
            f'[box]\nname = "Cụm loa thử"\nstate_dir = "{self.folder / "state"}"\n'
            f'[controller]\nurl = "https://{HERE}:{self.tls_port}"\nca = "{ca}"\n'
            '[sound]\noutput = "portaudio"\nlead_in_ms = 0\n[clock]\ntrust = "system"\n',
            encoding="utf-8",
        )

    def _start(self, command: list[str], environment: dict[str, str], name: str) -> None:
        log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        env = {**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)

    def agent_log(self) -> str:
        return (self.folder / "agent.log").read_text("utf-8", "replace")

    def until(self, words: str, count: int = 1) -> None:
        limit = time.monotonic() + 60
        while self.agent_log().count(words) < count:
            assert time.monotonic() < limit, f"never {words!r}:\n{self.agent_log()[-3000:]}"
            wait(0.1)

    def box(self) -> str:
        found = re.search(r"\bid=([a-z2-7]{16})\b", self.agent_log())
        assert found
        return found[1]


def measured(office: Office, page: Any, quality: Quality, number: int) -> dict[str, float]:
    """One session over this link."""
    office.link.become(LAN)
    begin(page, office.program.url, office.folder / "lan.json")
    page.wait_for_selector("#talk-listening:text-is('1')", timeout=60_000)
    office.link.become(quality)
    with office.sound.speaking():
        wait(1)
        page.click("#talk-button")
        from_ms = time.time() * 1000
        mic, horn = recorded(office.sound, SPOKEN_S)
        page.click("text=Dừng hẳn")
    office.until("live session over", number)
    over = [line for line in office.agent_log().splitlines() if "live session over" in line][-1]
    lost, played = (int(re.search(rf"{name}=(\d+)", over)[1]) for name in ("lost", "played"))  # type: ignore[index]
    to_ms = from_ms + (SPOKEN_S - 4) * 1000
    late = delays(mic, horn, from_ms + (2 + SETTLING_S) * 1000, to_ms)
    every = delays(mic, horn, from_ms, to_ms)
    known = [math.inf if delay is None else delay for delay in late]
    return {
        "ms": bench.percentile(known, 0.5),
        "ms_p95": bench.percentile(known, 0.95),
        "lost": round(lost / max(1, lost + played), 4),
        "beeps_unheard": round(sum(1 for delay in every if delay is None) / max(1, len(every)), 4),
    }


def peer(office: Office) -> tuple[float | None, str]:
    """The same microphone by ffmpeg, Icecast and libvlc with their defaults, over the good link."""
    if not (shutil.which("icecast2") and shutil.which("ffmpeg")):
        return None, "icecast2 or ffmpeg is not installed"
    try:
        import vlc  # noqa: F401
    except (ImportError, OSError) as error:
        return None, f"libvlc is not installed: {error}"
    office.link.become(LAN)
    port = free_port()
    with contextlib.ExitStack() as stack:
        _peer_programs(office, port, stack)
        with office.sound.speaking():
            wait(12)
            from_ms = time.time() * 1000
            mic, horn = recorded(office.sound, 20)
    heard = [delay for delay in delays(mic, horn, from_ms, from_ms + 12_000) if delay is not None]
    return (round(statistics.median(heard)), "") if len(heard) > 5 else (None, "nothing was heard of Icecast and VLC")


ICECAST: Final = """<icecast><limits><sources>2</sources></limits>
<authentication><source-password>loa</source-password><admin-password>loa</admin-password></authentication>
<hostname>localhost</hostname><listen-socket><port>{port}</port></listen-socket>
<paths><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot></paths>
<security><chroot>0</chroot><changeowner><user>nobody</user><group>nogroup</group></changeowner></security></icecast>
"""
PLAYER: Final = (
    "import sys, threading, vlc; instance = vlc.Instance('--aout=pulse', '--no-video'); "
    "player = instance.media_player_new(sys.argv[1]); player.play(); threading.Event().wait()"
)


def _peer_programs(office: Office, port: int, stack: contextlib.ExitStack) -> None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ice")))
    folder.chmod(0o777)
    (folder / "icecast.xml").write_text(ICECAST.format(port=port, folder=folder))

    def start(command: list[str]) -> None:
        log = stack.enter_context((office.folder / "peer.log").open("ab"))
        process = subprocess.Popen(
            command, env=office.sound.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        stack.callback(process.wait)
        stack.callback(process.kill)

    start(["icecast2", "-c", str(folder / "icecast.xml")])
    wait(2)
    encoder = ["-c:a", "libopus", "-b:a", "24k", "-ac", "1", "-content_type", "application/ogg", "-f", "ogg"]
    start(
        [
            "ffmpeg",
            "-nostdin",
            "-loglevel",
            "warning",
            "-f",
            "pulse",
            "-i",
            "mic.monitor",
            *encoder,
            f"icecast://source:loa@127.0.0.1:{port}/loa.ogg",
        ]
    )
    wait(3)
    start(office.link.behind([sys.executable, "-c", PLAYER, f"http://{HERE}:{port}/loa.ogg"]))


def run(folder: Path, stack: contextlib.ExitStack) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    sound = Sound(folder)
    stack.callback(sound.sink.close)
    link = stack.enter_context(BadLink(HERE, THERE))
    office = Office(folder, link, sound, stack)
    office.open()
    tools = stack.enter_context(sync_playwright())
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--use-fake-ui-for-media-stream"]
    browser = tools.chromium.launch(executable_path=CHROMIUM, args=arguments, env=dict(sound.environment))
    stack.callback(browser.close)
    pages = {who: log_in(browser, office.program.url, who, office.passwords[who]) for who in ("tuan", "lan")}
    office.until("waiting for approval")
    approve(pages["tuan"], office.program.url, office.box())
    office.until("connected to the broker")
    register_key(pages["lan"], office.program.url, folder / "lan.json")
    figures: dict[str, Any] = {}
    for number, (name, quality) in enumerate(LINKS.items(), 1):
        found = measured(office, pages["lan"], quality, number)
        figures |= {f"{name}_{what}": value for what, value in found.items()}
    figures["peer_icecast_vlc_ms"], why = peer(office)
    return figures | {
        "peer_reason": why,
        "peer": "ffmpeg, Icecast and libvlc with their defaults, over the link lan",
        "load_average": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "measured": "PulseAudio source that Chromium hears → monitor of the sink that the agent sounds on",
        "links": "TUN and a network namespace, user space",
        "limit_ms": LIMITS_MS,
        "ok": is_ok(figures),
    }


def is_ok(figures: Mapping[str, Any]) -> bool:
    """Whether over each link the delay is within its limit and nothing was lost, the first words included."""
    return all(
        0 <= figures[f"{name}_ms"] <= limit and figures[f"{name}_lost"] == 0 and figures[f"{name}_beeps_unheard"] == 0
        for name, limit in LIMITS_MS.items()
    )


def main() -> int:
    if not INSTALLED:
        raise SystemExit(WAY_OUT)
    if not BadLink.possible():
        raise SystemExit("the links are network namespaces: run it as root on a machine with /dev/net/tun")
    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed: .ci/setup test, or: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="loa-") as folder, contextlib.ExitStack() as stack:
        bench.begin("a voice from the browser's microphone to the horn, over LAN, 4G and 3G", 90 + 3 * (SPOKEN_S + 10))
        return bench.end(run(Path(folder), stack))


if __name__ == "__main__":
    sys.exit(main())
