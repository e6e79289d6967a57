"""What systemd does for the daemon's unit, as the daemon sees it: `Type=notify`, `WatchdogSec`, `Restart=always`.

It counts the signs of life that come to NOTIFY_SOCKET (sd_notify(3)), ends who gives none (systemd.service(5): SIGABRT,
then SIGKILL), kills who takes more memory than it may have, as the kernel does for a unit with `MemoryMax`
(systemd.resource-control(5)), and starts it again whatever its end was.
"""

import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path
from types import TracebackType

from tests.support.agents import Agent

WATCHDOG_S = 4.0
ABORT_S = 0.5
"""Between SIGABRT and SIGKILL."""
PAUSE_S = 0.05


class ServiceManager:
    """`with ServiceManager(config, folder) as manager:` runs the agent until the block ends, through all its ends."""

    def __init__(self, config: Path, folder: Path, *, environment: dict[str, str], most_kb: int = 1 << 20) -> None:
        """`folder` must be short enough for a socket's path; `most_kb`: resident memory that the daemon may have."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(PAUSE_S)
        told = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
        self._agent = Agent(config, environment={**environment, **told})
        self._most_kb = most_kb
        self._alive_s = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._manage, daemon=True)
        self.ends: list[str] = []
        """Why the daemon was ended, or what its end was; the oldest first."""

    def __enter__(self) -> "ServiceManager":
        self._agent.__enter__()
        self._alive_s = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._agent.__exit__(kind, error, trace)
        self._socket.close()

    @property
    def pid(self) -> int:
        return self._agent.pid

    def log(self) -> str:
        return self._agent.log()

    def _manage(self) -> None:
        while not self._over.is_set():
            self._listen()
            if self._has_ended():
                self.ends.append("it ended")
                self._agent.bury()
            elif time.monotonic() - self._alive_s > WATCHDOG_S:
                self.ends.append("watchdog")
                self._abort()
            elif _resident_kb(self._agent.pid) > self._most_kb:
                self.ends.append("out of memory")
                self._agent.kill()
            else:
                continue
            self._agent.start()
            self._alive_s = time.monotonic()

    def _listen(self) -> None:
        try:
            said = self._socket.recv(1_000)
        except TimeoutError:
            return
        if said in {b"READY=1", b"WATCHDOG=1"}:
            self._alive_s = time.monotonic()

    def _has_ended(self) -> bool:
        """A child of the nursery that nobody has waited for is a zombie."""
        return Path(f"/proc/{self._agent.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"

    def _abort(self) -> None:
        os.kill(self._agent.pid, signal.SIGABRT)
        self._over.wait(ABORT_S)
        if not self._has_ended():
            os.kill(self._agent.pid, signal.SIGKILL)
        self._agent.bury()


def _resident_kb(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * resource.getpagesize() // 1024
