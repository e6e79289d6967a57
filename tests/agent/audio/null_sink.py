"""A sound card without a sound card: a private PulseAudio with a null sink, and an ear at its monitor.

The ear knows when each sample came by: a null sink hands on what it takes, so the earliest arrival seen for any sample
bounds the clock of all of them.
"""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000
PATIENCE_S = 180.0
"""For what must come, however busy the machine is."""
INSTALLED = all(shutil.which(program) for program in ("pulseaudio", "parec", "pactl"))
WAY_OUT = "PulseAudio is not installed: `make test` installs it, or: apt-get install pulseaudio pulseaudio-utils"


class NullSink:
    """Runs in its own folder, which must be short enough for a socket's path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        socket = folder / "pa.sock"
        self.environment = {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder), "PULSE_SERVER": f"unix:{socket}"}
        (folder / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        self._socket = socket
        self._beside: list[NullSink] = []
        self._server: subprocess.Popen[bytes] | None = None
        self._ear: Ear | None = None

    def beside(self, name: str) -> "NullSink":
        """Another one, which programs see under this name beside the first."""
        folder = self._folder / name
        folder.mkdir()
        other = NullSink(folder)
        server = f"unix:{folder / 'pa.sock'}"
        with (self._folder / ".asoundrc").open("a") as file:
            file.write(f'pcm.{name} {{ type pulse server "{server}" hint {{ show on description "{name}" }} }}\n')
        other.plug_in()
        self._beside.append(other)
        return other

    def plug_in(self) -> None:
        self._socket.unlink(missing_ok=True)
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes", "--use-pid-file=no"]
        modules = [
            f"module-native-protocol-unix socket={self._socket} auth-anonymous=1",
            f"module-null-sink sink_name=loa rate={RATE_HZ} channels=2",
        ]
        command = ["pulseaudio", *options, *(part for module in modules for part in ("-L", module))]
        self._server = subprocess.Popen(command, env=self._env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ready = threading.Event()
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if subprocess.run(["pactl", "info"], env=self._env(), capture_output=True, check=False).returncode == 0:
                return
            ready.wait(0.05)
        raise AssertionError("PulseAudio did not start")

    def pull_out(self) -> None:
        """The sound card is gone, at once."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def listen(self, source: str = "loa.monitor") -> "Ear":
        self._ear = Ear(self._env(), source)
        return self._ear

    def close(self) -> None:
        for other in self._beside:
            other.close()
        if self._ear is not None:
            self._ear.close()
        self.pull_out()

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


class Ear:
    """Records the monitor from the first sample on."""

    def __init__(self, environment: dict[str, str], source: str = "loa.monitor") -> None:
        self._chunks: list[bytes] = []
        self._heard = 0
        self._first_s = float("inf")
        self._awake = threading.Event()
        command = ["parec", "-d", source, "--latency-msec=10", "--raw", "--format=s16le"]
        self._recorder = subprocess.Popen(
            [*command, f"--rate={RATE_HZ}", "--channels=1"], env=environment, stdout=subprocess.PIPE
        )
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()
        assert self._awake.wait(PATIENCE_S), "nothing comes from the null sink's monitor"

    def close(self) -> tuple[npt.NDArray[np.float32], float]:
        """All samples, and the wall instant of the first, in milliseconds."""
        self._recorder.terminate()
        self._recorder.wait()
        self._thread.join()
        if self._recorder.stdout is not None:
            self._recorder.stdout.close()
        samples = np.frombuffer(b"".join(self._chunks), np.int16).astype(np.float32) / np.float32(32768)
        return samples, self._first_s * 1000

    def _record(self) -> None:
        assert self._recorder.stdout is not None
        descriptor = self._recorder.stdout.fileno()
        while chunk := os.read(descriptor, 4096):
            now = time.time()
            self._chunks.append(chunk)
            self._heard += len(chunk) // 2
            self._first_s = min(self._first_s, now - self._heard / RATE_HZ)
            self._awake.set()


def find(sound: npt.NDArray[np.float32], heard: npt.NDArray[np.float32]) -> tuple[int, float]:
    """Where a sound begins in a recording, and how alike they are there (0 to 1): the peak of the cross-correlation."""
    size = 1 << (len(heard) + len(sound)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sound, size)), size)
    start = int(np.argmax(product[: len(heard)]))
    stretch = heard[start : start + len(sound)]
    norm = float(np.linalg.norm(stretch) * np.linalg.norm(sound[: len(stretch)]))
    return start, float(np.dot(stretch, sound[: len(stretch)])) / norm if norm else 0.0
