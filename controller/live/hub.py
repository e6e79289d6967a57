"""Who speaks to whom at this moment: groups go from one page to many boxes as they are, and no box waits for another.

All of it lives in the event loop of one process: a page and the boxes that hear it must have reached the same one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

WAITING: Final = 64
"""Groups that wait for one box, about four seconds; of a box that is slower the oldest are dropped."""

LOOK_S: Final = 1.0
"""How often it is asked whether a session is still on: what ends it is a row that any process may write."""


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
        self._watches: dict[str, asyncio.Task[None]] = {}

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

    def watch(self, session: str, is_on: Callable[[str], Awaitable[bool]]) -> None:
        """While anybody listens it is asked every LOOK_S whether the session is still on, once for all of them."""
        if session not in self._watches:
            self._watches[session] = asyncio.create_task(self._until_over(session, is_on))

    async def _until_over(self, session: str, is_on: Callable[[str], Awaitable[bool]]) -> None:
        try:
            while self.listening(session) and await is_on(session):  # noqa: ASYNC110 - a row has no event
                await asyncio.sleep(LOOK_S)
        finally:
            del self._watches[session]
            self.end(session)


HUB: Final = Hub()
"""Of this process."""
