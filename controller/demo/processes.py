"""Programs that the demo starts, watches and stops; each writes its own log file and dies with the demo."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from controller.demo.errors import DemoError


class Program:
    """One child process with a log. It stops when the demo does, also when the demo is killed."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.command = tuple(command)
        self.log = log
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                (*_dying_with_us(), *self.command),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._env,
                start_new_session=True,
            )

    def stop(self, *, within_s: float = 10) -> None:
        """Ask it to end, wait, and end it by force if it does not."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._process = None

    def require(self) -> None:
        """Raise with the end of its log if it has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise DemoError(f"{self.name} ended with code {self._process.returncode}:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _dying_with_us() -> tuple[str, ...]:
    """In front of a command: the kernel ends it when the demo has ended, in whatever way (prctl(2) PDEATHSIG)."""
    setpriv = shutil.which("setpriv")
    return () if setpriv is None else (setpriv, "--pdeathsig", "TERM", "--")


def wait_until(what: str, ready: Callable[[], bool], *, within_s: float, programs: Sequence[Program] = ()) -> float:
    """Wait until `ready()`; the seconds that it took. Fails at once when one of the programs ends."""
    begun = time.monotonic()
    while not ready():
        for program in programs:
            program.require()
        if time.monotonic() - begun > within_s:
            logs = "".join(f"\n--- {program.name}\n{program.tail(8)}" for program in programs)
            raise DemoError(f"{what}: not within {within_s:g} s{logs}")
        time.sleep(0.1)
    return time.monotonic() - begun


def port_is_open(port: int) -> bool:
    """Whether something listens on this port of loopback."""
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
