"""The hash of a file, reckoned in a thread: a card that stands still holds up neither the loop nor its end."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from agent.services.checks import digest_of


async def digest_aside(path: Path, on_chunk: Callable[[], None] = lambda: None) -> bytes | None:
    """The SHA-256 of this file; None where it cannot be read. `on_chunk` is told, in the loop, of all that came."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes | None] = loop.create_future()

    def settle(digest: bytes | None) -> None:
        if not answer.done():
            answer.set_result(digest)

    def tell(what: Callable[..., None], *about: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to tell
            loop.call_soon_threadsafe(what, *about)

    def work() -> None:
        tell(settle, digest_of(path, lambda: tell(on_chunk)))

    threading.Thread(target=work, daemon=True, name="hash").start()
    return await answer
