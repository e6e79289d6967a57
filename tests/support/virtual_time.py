"""An event loop whose time jumps to the next timer as soon as nothing is ready: a day of a daemon takes seconds.

Only timers and callbacks work in it. Threads, sockets and child processes would answer in real time while the virtual
clock races on, so asking for them is an error.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class DeadlockError(Exception):
    """Everything waits and no timer is set: the code under test would hang for ever."""


class _Selector(selectors.BaseSelector):
    """Never waits: moves the loop's time instead."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError("nothing is ready and nothing is due")
        self.now_s += max(0.0, timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return self._keys[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`loop.time()` starts at 1,000 seconds and costs nothing to pass."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-6
        self.failures: list[BaseException] = []
        """What callbacks and forgotten tasks have raised: nobody awaits those."""
        self.set_exception_handler(_note)

    def time(self) -> float:
        return 1_000.0 + self._virtual.now_s

    def run_in_executor(self, *_: Any) -> NoReturn:  # type: ignore[override]
        raise RuntimeError("no threads in virtual time")

    async def create_connection(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("no sockets in virtual time")

    async def create_server(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("no sockets in virtual time")

    async def subprocess_exec(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("no child processes in virtual time")


class BlockingLoop(VirtualTimeLoop):
    """Virtual time that stands still while a thread works: what asks a database in one is tested so."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor, work: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        done = self.create_future()
        try:
            done.set_result(executor.submit(work, *args).result())
        except Exception as error:
            done.set_exception(error)
        return done


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, VirtualTimeLoop)
    loop.failures.append(context.get("exception") or RuntimeError(context["message"]))


def expect_no_failure() -> None:
    """Raises what a callback of the running loop has raised, if one has."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    if loop.failures:
        raise loop.failures[0]


def run(main: Coroutine[Any, Any, T], loop: type[VirtualTimeLoop] = VirtualTimeLoop) -> T:
    """Run this coroutine in virtual time; what it left running is cancelled. What a callback raises is raised here."""

    async def watched() -> T:
        result = await main
        expect_no_failure()
        return result

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(watched())
