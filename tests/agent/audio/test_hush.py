"""Standard error is the daemon's whole log: it comes back, however opens overlap."""

import contextlib
import os
from pathlib import Path

from agent.drivers.audio.hush import hushed

STDERR = Path("/proc/self/fd/2")


def test_two_opens_that_overlap_give_standard_error_back() -> None:
    before = STDERR.readlink()
    first, second = hushed(), hushed()
    with contextlib.ExitStack() as outer:
        outer.enter_context(first)
        with contextlib.ExitStack() as inner:
            inner.enter_context(second)
            assert STDERR.readlink() == Path(os.devnull)
            outer.pop_all().close()
            assert STDERR.readlink() == Path(os.devnull)
        assert STDERR.readlink() == before
