"""Parts that run together: they start in their order and stop in the reverse, and none ends without being asked.

A part that ends unasked takes the others down in good order, and the program ends with an error: whoever started it
(systemd's `Restart=on-failure`) starts it afresh. A server that goes on with a part missing looks well and is not; so
is one that waits, without pages, for a recording of forty minutes to be made. Work cut short is begun again later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

log = structlog.get_logger("serve")


@dataclass(frozen=True)
class Part:
    """Something that runs until its event is set, and then ends in its own good time."""

    name: str
    run: Callable[[asyncio.Event], Awaitable[None]]


async def keep(parts: Sequence[Part], told: asyncio.Event, patience_s: float) -> bool:
    """Run the parts until `told` is set or one of them ends by itself. False: one did, or one failed while stopping.

    When told, each part ends in its own good time. When one ended unasked, each other has `patience_s`; then it is left
    running, and the caller has to end the process.

    Not a TaskGroup: that would cancel all others at once, and the bridge must outlive the last page.
    """
    running = [_Running(part) for part in parts]
    asked = asyncio.create_task(told.wait())
    unasked: list[str] = []
    try:
        await asyncio.wait([asked, *(one.task for one in running)], return_when=asyncio.FIRST_COMPLETED)
        unasked = [one.name for one in running if one.task.done()]
    finally:
        asked.cancel()
        for one in reversed(running):
            one.stop.set()
            await asyncio.wait([one.task], timeout=patience_s if unasked else None)
    for name in unasked:
        log.error("a part ended unasked; everything stops", part=name, way_out="start again; see the error beside this")
    for name in (one.name for one in running if not one.task.done()):
        log.error("a part still runs and is cut short", part=name, way_out="what it did is done again after the start")
    failed = [one for one in running if (error := one.error()) is not None and _say(one.name, error)]
    return not unasked and not failed


class _Running:
    def __init__(self, part: Part) -> None:
        self.name = part.name
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self._run(part), name=part.name)

    async def _run(self, part: Part) -> None:
        await part.run(self.stop)

    def error(self) -> BaseException | None:
        return None if not self.task.done() or self.task.cancelled() else self.task.exception()


def _say(name: str, error: BaseException) -> bool:
    log.error("a part failed", part=name, exc_info=error)
    return True
