"""A thread of its own for what blocks: a serial line, a window, the drawing of large pages.

`asyncio.to_thread` would keep the daemon at its end until a board that hangs has let go; this thread is left behind.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Worker:
    """Does one thing after the other, always in the same thread, as windows want it."""

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None

    async def do(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name=self._name)
            self._thread.start()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()

        def settle(result: Result | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]

        def body() -> None:
            result: Result | None = None
            error: BaseException | None = None
            if answer.cancelled():
                return
            try:
                result = work()
            except BaseException as raised:
                error = raised
            try:
                loop.call_soon_threadsafe(settle, result, error)
            except RuntimeError:
                return  # the loop has closed: nobody is left to tell

        self._work.put(body)
        return await answer

    def _run(self) -> None:
        while True:
            self._work.get()()
