"""Parts of `loalang serve` end together: a server with a part missing looks well and is not."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from controller.serve.keeping import Part, keep
from controller.serve.program import _run, _work

LONG_S = 60


def part(name: str, diary: list[str], *, ends: Callable[[], None] | None = None) -> Part:
    async def run(stop: asyncio.Event) -> None:
        diary.append(f"{name} starts")
        if ends is not None:
            ends()
            return
        await stop.wait()
        diary.append(f"{name} stops")

    return Part(name, run)


async def keep_and_stop(*parts: Part) -> bool:
    told = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, told.set)
    return await keep(parts, told, patience_s=0)


def test_parts_that_are_asked_stop_in_the_reverse_of_their_start() -> None:
    diary: list[str] = []
    assert asyncio.run(keep_and_stop(part("worker", diary), part("bridge", diary), part("web", diary)))
    assert diary == ["worker starts", "bridge starts", "web starts", "web stops", "bridge stops", "worker stops"]


def fail() -> None:
    raise ValueError("died of something unforeseen")


@pytest.mark.parametrize("ends", [fail, lambda: None])
def test_a_part_that_ends_unasked_takes_the_others_down_and_is_an_error(ends: Callable[[], None]) -> None:
    diary: list[str] = []
    parts = (part("worker", diary), part("bridge", diary, ends=ends), part("web", diary))
    assert not asyncio.run(keep(parts, asyncio.Event(), LONG_S))
    assert diary[3:] == ["web stops", "worker stops"]


def test_a_part_that_fails_while_it_stops_is_an_error_too() -> None:
    async def run(stop: asyncio.Event) -> None:
        await stop.wait()
        fail()

    assert not asyncio.run(keep_and_stop(Part("bridge", run)))


class BrokenBridge:
    """Behaves like a bridge, until it does not."""

    async def run(self) -> None:
        raise ValueError("the bridge died of something unforeseen")


def test_a_bridge_that_dies_ends_the_server() -> None:
    assert not asyncio.run(_run((), BrokenBridge(), worker=False))


def test_a_part_that_does_not_stop_is_not_waited_for_when_another_has_failed() -> None:
    async def making_a_recording(stop: asyncio.Event) -> None:
        await asyncio.Event().wait()

    diary: list[str] = []
    parts = (Part("worker", making_a_recording), part("bridge", diary, ends=fail), part("web", diary))
    assert not asyncio.run(keep(parts, asyncio.Event(), patience_s=0.01))


def test_a_worker_that_dies_is_known_while_the_other_still_makes_a_recording() -> None:
    made, begun, first = threading.Event(), threading.Event(), threading.Lock()

    def work(stop: threading.Event) -> None:
        if first.acquire(blocking=False):
            begun.wait()
            fail()
        begun.set()
        made.wait(LONG_S)

    async def until_it_dies() -> None:
        with pytest.raises(ValueError, match="unforeseen"):
            await _work(asyncio.Event(), work)
        assert not made.is_set()
        made.set()

    asyncio.run(asyncio.wait_for(until_it_dies(), LONG_S / 2))


ONE_FAILS_WHILE_A_THREAD_IS_BUSY = """
import asyncio, threading
from controller.serve.keeping import Part, keep
from controller.serve.program import _work, to_the_end

async def worker(stop):
    await _work(stop, lambda told: threading.Event().wait())

async def bridge(stop):
    raise ValueError("the bridge died of something unforeseen")

to_the_end(keep([Part("worker", worker), Part("bridge", bridge)], asyncio.Event(), 0.1))
"""


def test_the_process_ends_with_an_error_although_a_job_is_not_done() -> None:
    code = "import django; django.setup()\n" + ONE_FAILS_WHILE_A_THREAD_IS_BUSY
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG_S, check=False)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "the bridge died" in said
    assert "a part still runs" in said
