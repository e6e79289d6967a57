"""Who speaks to whom at this moment: groups go from one page to many boxes as they are, and no box waits for another.

All of it lives in the event loop of one process: a page and the boxes that hear it must have reached the same one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

WAITING: Final = 64
"""Groups that wait for one box, about four seconds; of a box that is slower the oldest are dropped."""


class Listener:
    """One box's connection."""

    def __init__(self, box: str) -> None:
        self.box = box
        self.dropped = 0
        self._waiting: deque[bytes] = deque()
        self._ready = asyncio.Event()
        self._over = False

    def put(self, group: bytes) -> None:
        """Never waits."""
        self._waiting.append(group)
        if len(self._waiting) > WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._ready.set()

    def finish(self) -> None:
        """What waits is still sent, then it is over."""
        self._over = True
        self._ready.set()

    async def groups(self) -> AsyncIterator[bytes]:
        """What is to be sent, until it is over."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._waiting:
                yield self._waiting.popleft()
            if self._over:
                return


class Hub:
    """Sessions by id in hex, and the boxes that listen to each."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[str, Listener]] = {}

    def join(self, session: str, box: str) -> Listener:
        """A box has only one connection for a session: another takes the place of the one before."""
        before = self._listeners.setdefault(session, {}).pop(box, None)
        if before is not None:
            before.finish()
        listener = Listener(box)
        self._listeners[session][box] = listener
        return listener

    def leave(self, session: str, listener: Listener) -> None:
        listeners = self._listeners.get(session, {})
        if listeners.get(listener.box) is listener:
            del listeners[listener.box]
        if not listeners:
            self._listeners.pop(session, None)

    def say(self, session: str, group: bytes) -> None:
        """To every box that listens."""
        for listener in self._listeners.get(session, {}).values():
            listener.put(group)

    def listening(self, session: str) -> int:
        """How many boxes listen."""
        return len(self._listeners.get(session, {}))

    def end(self, session: str) -> None:
        """It is over for all of them."""
        for listener in self._listeners.pop(session, {}).values():
            listener.finish()


HUB: Final = Hub()
"""Of this process."""
