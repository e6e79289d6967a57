"""A player process whose first device hangs after a second, as a driver does: `… LINK BEGIN_AT [OUTPUT …]`."""

import os
import socket
import sys
import threading
import time

from agent.drivers.audio.engine.process import Engine
from agent.drivers.audio.source import BLOCK_FRAMES, RATE_HZ, Samples

HANGS_AFTER_S = 1.0


class Output:
    """Takes samples at their pace; the one that is called "hangs" only for a while, "dies" only silence.

    Those that are called "pause", "go_on" or "ahead_ms" hang there, this after a while.
    """

    underruns = 0

    def __init__(self, name: str | None, buffer_ms: int) -> None:
        del buffer_ms
        self.name = name or "default"
        self._began = time.monotonic()
        self._ever = threading.Event()

    def ahead_ms(self) -> float:
        if self.name == "ahead_ms" and time.monotonic() - self._began > HANGS_AFTER_S:
            self._ever.wait()
        return 0.0

    def write(self, block: Samples) -> None:
        if self.name == "hangs" and time.monotonic() - self._began > HANGS_AFTER_S:
            self._ever.wait()
        if self.name == "dies" and block.any():
            raise ValueError("an error that nobody expects")
        self._ever.wait(BLOCK_FRAMES / RATE_HZ)

    def pause(self) -> None:
        if self.name == "pause":
            self._ever.wait()

    def go_on(self) -> None:
        if self.name == "go_on":
            self._ever.wait()

    def lacks(self, name: str | None) -> str:
        return "there is no such thing" if name == "nothing" else ""

    def close(self) -> None:
        """Nothing to do."""


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as link:
        Engine(link, sys.argv[3:], Output, 30, int(sys.argv[2])).run()
    os._exit(0)
