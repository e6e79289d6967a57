"""Blocking work beside the event loop, in a thread that nobody waits for when the daemon stops.

`asyncio.to_thread` keeps the process until the last thread has ended; a download over a dead link would hold a box's
shutdown for its whole timeout.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[threading.Event], Result]) -> Result:
    """What `work` returns or raises. It is given an event that is set when its answer is no longer wanted."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()
    given_up = threading.Event()

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
        try:
            result = work(given_up)
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop has closed: nobody is left to tell

    threading.Thread(target=body, daemon=True, name="link").start()
    try:
        return await answer
    finally:
        given_up.set()
