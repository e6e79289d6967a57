"""Quiet while PortAudio looks for devices."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final


@dataclass
class _Quiet:
    """How many want it quiet now; the last of them gives standard error back."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted: int = 0
    kept: int = -1


_QUIET: Final = _Quiet()


@contextmanager
def hushed() -> Iterator[None]:
    """Keep ALSA, JACK and what else is asked from printing pages of devices that do not exist; real errors come back as
    exceptions."""
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    with _QUIET.lock:
        if _QUIET.wanted == 0:
            _QUIET.kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        _QUIET.wanted += 1


def _end() -> None:
    with _QUIET.lock:
        _QUIET.wanted -= 1
        if _QUIET.wanted == 0:
            os.dup2(_QUIET.kept, 2)
            os.close(_QUIET.kept)
