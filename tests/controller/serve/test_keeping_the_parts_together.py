"""Parts of `loalang serve` end together: a server with a part missing looks well and is not."""

import asyncio
from collections.abc import Callable

import pytest

from controller.serve.keeping import Part, keep
from controller.serve.program import _run


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
    return await keep(parts, told)


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
    assert not asyncio.run(keep(parts, asyncio.Event()))
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
    assert not asyncio.run(_run(None, BrokenBridge(), worker=False))
