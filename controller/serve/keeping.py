"""Parts that run together: they start in their order and stop in the reverse, and none ends without being asked.

A part that ends unasked takes the others down in good order, and the program ends with an error: whoever started it
(systemd's `Restart=on-failure`) starts it afresh. A server that goes on with a part missing looks well and is not.
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


async def keep(parts: Sequence[Part], told: asyncio.Event) -> bool:
    """Run the parts until `told` is set or one of them ends by itself. False: one did, or one failed while stopping.

    Not a TaskGroup: that would cancel all others at once, and the bridge must outlive the last page.
    """
    running = [_Running(part) for part in parts]
    asked = asyncio.create_task(told.wait())
    try:
        await asyncio.wait([asked, *(one.task for one in running)], return_when=asyncio.FIRST_COMPLETED)
        unasked = [one.name for one in running if one.task.done()]
    finally:
        asked.cancel()
        for one in reversed(running):
            one.stop.set()
            await asyncio.wait([one.task])
    for name in unasked:
        log.error("a part ended unasked; everything stops", part=name, way_out="start again; see the error beside this")
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
        return None if self.task.cancelled() else self.task.exception()


def _say(name: str, error: BaseException) -> bool:
    log.error("a part failed", part=name, exc_info=error)
    return True
