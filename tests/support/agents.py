"""Real agent processes that start at once: a nursery imports the program one time and forks it for every start.

Run as a program it is the nursery; `Agent` talks to it line by line. What is killed is a process of its own all the
same, with its own files, sockets and locks.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PATIENCE_S = 60.0
BLOCKED_S = 30.0
LEAK_BYTES = 16 << 20
"""Ten times a second."""


def eventually(true: Callable[[], object], what: str, progress: Callable[[], object] = lambda: None) -> None:
    """Wait for what must come; fail with its name if it does not. While `progress` changes, patience begins anew."""
    pause = threading.Event()
    until, seen = time.monotonic() + PATIENCE_S, progress()
    while not true():
        if (now := progress()) != seen:
            until, seen = time.monotonic() + PATIENCE_S, now
        assert time.monotonic() < until, f"never: {what}"
        pause.wait(0.02)


class Agent:
    """`with Agent(config) as agent:` runs `loalang-agent run --config`; its log is agent.log beside that file."""

    def __init__(
        self, config: Path, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` is added to the test's own."""
        self._environment = {**os.environ, **(environment or {})}
        self._arguments = list(arguments) or ["run", "--config", str(config)]
        self._log = config.parent / "agent.log"
        self._log.touch()
        self.pid = 0

    def __enter__(self) -> "Agent":
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.support.agents"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        try:
            self.start()
        except BaseException:
            self.pid = 0  # it has ended by itself, or never was
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid:
            self.kill()
        self._nursery.communicate()

    def start(self) -> None:
        """Returns once the daemon says that it is starting."""
        before = self.log().count("event=starting")
        self.pid = int(self._tell("start", str(self._log), *self._arguments))
        eventually(lambda: self.log().count("event=starting") > before, f"event=starting in {self._log}")

    def kill(self) -> None:
        """-9."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._end() == -signal.SIGKILL, f"the agent ended by itself; see {self._log}"

    def bury(self) -> int:
        """Take note of an end that has come by itself; the exit code."""
        return self._end()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self._end()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _end(self) -> int:
        pid, self.pid = self.pid, 0
        return int(self._tell("wait", str(pid)))

    def _tell(self, *words: str) -> str:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write("\t".join(words) + "\n")
        self._nursery.stdin.flush()
        return self._nursery.stdout.readline()


class Swarm(Agent):
    """`loalang-agent simulate`; its log is beside the template."""

    def __init__(self, template: Path, folder: Path, count: int) -> None:
        super().__init__(
            template, ["simulate", "--count", str(count), "--dir", str(folder), "--template", str(template)]
        )


def fall_ill_on_signals() -> None:
    """SIGUSR1: whatever runs in the main thread, the event loop with it, stands for `BLOCKED_S`. SIGUSR2: it leaks."""

    def stand(*_: object) -> None:
        threading.Event().wait(BLOCKED_S)

    def leak(*_: object) -> None:
        threading.Thread(target=_leak_for_ever, daemon=True).start()

    signal.signal(signal.SIGUSR1, stand)
    signal.signal(signal.SIGUSR2, leak)


def _leak_for_ever() -> None:
    kept = []
    pause = threading.Event()
    while not pause.wait(0.1):
        kept.append(bytearray(os.urandom(LEAK_BYTES)))


def nursery(commands: IO[str], answers: IO[str]) -> None:
    """Serve until the pipe closes."""
    from agent.__main__ import main

    for line in commands:
        match line.rstrip("\n").split("\t"):
            case ["start", log, *arguments]:
                pid = os.fork()
                if pid == 0:
                    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
                    os.dup2(descriptor, sys.stderr.fileno())
                    fall_ill_on_signals()
                    os._exit(main(arguments))
                answer = pid
            case ["wait", pid_text]:
                answer = os.waitstatus_to_exitcode(os.waitpid(int(pid_text), 0)[1])
            case _:
                raise ValueError(line)
        answers.write(f"{answer}\n")
        answers.flush()


if __name__ == "__main__":
    nursery(sys.stdin, sys.stdout)
