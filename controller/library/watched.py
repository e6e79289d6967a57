"""Programs of other people that are watched while they work: one that falls silent or takes too long is killed.

A worker waits for them, so each must end by itself or be ended while the worker's claim on its job still holds.
"""

import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final


@dataclass(frozen=True)
class Patience:
    """How long a program may take, in seconds."""

    silent_s: float
    """Without a word on its standard output; below `jobs.LEASE`, since words are passed on as signs of life."""
    total_s: float


class TooSlow(Exception):  # noqa: N818 - what happened, not whose fault it is
    """The program was killed: its patience was over."""


CHUNK: Final = 65_536


def run(command: Sequence[str], hear: Callable[[str], None], patience: Patience) -> tuple[int, str]:
    """Run it; `hear` gets each line of its standard output. Its exit code, and what it said on standard error.

    Raises `TooSlow`; whatever is raised, the program is no longer there.
    """
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said) as program:
            assert program.stdout is not None
            until = time.monotonic() + patience.total_s
            try:
                for line in _lines(program.stdout, patience.silent_s, until):
                    hear(line)
                code = program.wait(max(min(patience.silent_s, until - time.monotonic()), 0))
            except subprocess.TimeoutExpired as error:
                raise TooSlow from error
            finally:
                program.kill()
        said.seek(0)
        return code, said.read().decode("utf-8", "replace").strip()


def _lines(output: IO[bytes], silent_s: float, until: float) -> Iterator[str]:
    rest = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(output, selectors.EVENT_READ)
        while True:
            left = min(silent_s, until - time.monotonic())
            if left <= 0 or not waiting.select(left):
                raise TooSlow
            chunk = os.read(output.fileno(), CHUNK)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.decode("ascii", "replace")
