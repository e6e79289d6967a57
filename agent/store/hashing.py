"""The hash of a file, reckoned in a thread: a card that stands still holds up neither the loop nor its end."""

import asyncio
import contextlib
import threading
from pathlib import Path

from agent.services.checks import digest_of


async def digest_aside(path: Path) -> bytes | None:
    """The SHA-256 of this file; None where it cannot be read."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes | None] = loop.create_future()

    def settle(digest: bytes | None) -> None:
        if not answer.done():
            answer.set_result(digest)

    def work() -> None:
        digest = digest_of(path)
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is left to tell
            loop.call_soon_threadsafe(settle, digest)

    threading.Thread(target=work, daemon=True, name="hash").start()
    return await answer
