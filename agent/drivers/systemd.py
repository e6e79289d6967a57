"""Tells systemd that the daemon is ready, alive and stopping: sd_notify(3), one datagram to a named socket."""

import os
import socket
from typing import Final

DEFAULT_PING_S: Final = 10.0


class Notifier:
    """Says nothing where no service manager listens."""

    def __init__(self, address: str | None, watchdog_us: str | None) -> None:
        """`address` as in NOTIFY_SOCKET, `watchdog_us` as in WATCHDOG_USEC."""
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self.ping_s: Final = _ping_s(watchdog_us)
        """Seconds between signs of life: half of what systemd allows."""

    @classmethod
    def from_environment(cls) -> "Notifier":
        mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return cls(os.environ.get("NOTIFY_SOCKET"), os.environ.get("WATCHDOG_USEC") if mine else None)

    def ready(self) -> None:
        self._say("READY=1")

    def alive(self) -> None:
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def status(self, text: str) -> None:
        self._say(f"STATUS={text}")

    def _say(self, line: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(line.encode(), socket.MSG_DONTWAIT, self._address)
            except OSError:
                return  # a service manager that has gone is no reason to fall silent


def _ping_s(watchdog_us: str | None) -> float:
    try:
        return max(0.1, int(watchdog_us or "") / 2_000_000)
    except ValueError:
        return DEFAULT_PING_S
