"""The connection of a box that speaks, against a controller that says what it likes, over loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from agent.drivers.clock import FakeClock
from agent.errors import LinkError
from agent.link.live import LiveSocket
from agent.link.tls import Tls
from agent.ports.live import Heard, NoSuchBoxError, NotTakenError
from agent.store.papers import PaperFiles
from protocol.report import ClockQuality
from tests.support.box_parts import NOW_MS, SIGNER

SESSION = bytes(range(16))
MINE = "abcdefgh22222222"
Controller = Callable[[ServerConnection], Awaitable[None]]


class Story:
    """What the box has signed and been told."""

    def __init__(self) -> None:
        self.signed: list[tuple[str, ...]] = []
        self.heard: list[Heard] = []

    def sign(self, boxes: tuple[str, ...]) -> bytes:
        self.signed.append(boxes)
        return b"the session"


async def groups(*some: bytes) -> AsyncIterator[bytes]:
    for group in some:
        yield group


def talked(folder: Path, controller: Controller, codes: tuple[str, ...] = (), *some: bytes) -> Story:
    async def main() -> Story:
        story = Story()
        async with serve(controller, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await line(folder, port).talk(SESSION, codes, story.sign, groups(*some), story.heard.append)
        return story

    return asyncio.run(main())


def line(folder: Path, port: int) -> LiveSocket:
    clock = FakeClock(NOW_MS, ClockQuality.NTP)
    return LiveSocket(f"http://127.0.0.1:{port}", SIGNER, Tls(PaperFiles(folder), clock), clock)


def test_the_session_goes_first_then_every_group_and_what_is_said_of_who_listens_is_heard(tmp_path: Path) -> None:
    came: list[Any] = []

    async def controller(socket: ServerConnection) -> None:
        assert socket.request is not None
        came.append(socket.request.path)
        came.append(await socket.recv())
        await socket.send('{"listening": 3, "meant": 5}')
        await socket.send("no sense")
        came.extend([message async for message in socket])
        came.append(socket.close_code)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(0.2)
        yield b"two"

    async def main() -> Story:
        story = Story()
        async with serve(controller, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await line(tmp_path, port).talk(SESSION, (), story.sign, slowly(), story.heard.append)
        return story

    story = asyncio.run(main())
    assert came == [f"/box/v1/talk/{SESSION.hex()}", b"the session", b"one", b"two", 1000]
    assert (story.signed, story.heard) == ([()], [Heard(3, 5)])


def test_boxes_that_nobody_asked_for_are_not_signed_for(tmp_path: Path) -> None:
    for answer in ('{"boxes": ["zzzzzzzz22222222"]}', f'{{"boxes": ["{MINE}", "zzzzzzzz22222222"]}}', "[]", "{}"):
        came: list[Any] = []

        async def controller(socket: ServerConnection, answer: str = answer, came: list[Any] = came) -> None:
            came.append(await socket.recv())
            await socket.send(answer)
            came.extend([message async for message in socket])

        with pytest.raises(LinkError) as refused:
            talked(tmp_path, controller, ("ABCD-EFGH",), b"one")
        assert refused.value.permanent
        assert came == ['{"codes": ["ABCD-EFGH"]}']


def test_the_boxes_with_the_codes_are_signed_for(tmp_path: Path) -> None:
    async def controller(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(f'{{"boxes": ["{MINE}"]}}')
        await socket.wait_closed()

    assert talked(tmp_path, controller, ("abcd-efgh",), b"one").signed == [(MINE,)]


@pytest.mark.parametrize(
    ("code", "reason", "kind", "said"),
    [
        (4400, "SCOPE", NotTakenError, "SCOPE"),
        (4403, "", NotTakenError, "box"),
        (4404, "ABCD-EFGH", NoSuchBoxError, "ABCD-EFGH"),
    ],
)
def test_what_the_controller_refuses_is_final_and_says_why(
    tmp_path: Path, code: int, reason: str, kind: type[LinkError], said: str
) -> None:
    async def controller(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(code, reason)

    with pytest.raises(kind, match=said) as refused:
        talked(tmp_path, controller, ("ABCD-EFGH",))
    assert refused.value.permanent


def test_a_connection_that_breaks_or_is_never_made_may_be_tried_again(tmp_path: Path) -> None:
    async def controller(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.close(1011)

    async def never() -> None:
        await line(tmp_path, 9).talk(SESSION, (), Story().sign, groups(), lambda _: None)

    async def forever() -> AsyncIterator[bytes]:
        while True:
            yield b"one"
            await asyncio.sleep(0.05)

    async def broken() -> None:
        async with serve(controller, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await line(tmp_path, port).talk(SESSION, (), Story().sign, forever(), lambda _: None)

    for story in (never, broken):
        with pytest.raises(LinkError) as lost:
            asyncio.run(story())
        assert not lost.value.permanent
