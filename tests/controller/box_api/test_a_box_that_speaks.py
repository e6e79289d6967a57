"""The connection of a box that speaks, message by message: who gets one, for how long, how much may come over it."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings
from django.utils import timezone

from controller.box_api.talk import FIRST_S, LATE, MAX_REASON_BYTES, NO_BOX, REJECTED, talk
from controller.boxes.models import Box, Stage
from controller.live import services
from controller.live.hub import HUB
from controller.live.models import Speech
from controller.live.sockets import FORBIDDEN, MOST_A_SECOND, OVER, TOO_MUCH
from protocol.ids import enrolment_code
from protocol.live import MAX_GROUP_BYTES, SILENCE_S
from protocol.topics import TALK_PATH
from tests.controller.live.test_a_box_speaks_to_others import session, signed
from tests.support import province, virtual_time
from tests.support.boxes import SmallBox
from tests.support.installation import install
from tests.support.province import DOMAIN, Province, key

pytestmark = pytest.mark.django_db(transaction=True)
CONNECT = {"type": "websocket.connect"}
GONE = {"type": "websocket.disconnect", "code": 1006}


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make(timezone.now())


class Wire:
    """One connection, as the server hands it to the application."""

    def __init__(self, box: SmallBox, path: str, *, is_signed: bool = True) -> None:
        headers = box.signed_headers("GET", path) if is_signed else {}
        named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.scope = {"type": "websocket", "path": path, "query_string": b"", "headers": named}
        self.sent: list[Any] = []
        self._coming: asyncio.Queue[Any] = asyncio.Queue()
        self.say(CONNECT)

    def say(self, *messages: dict[str, Any] | bytes | str) -> "Wire":
        for message in messages:
            kind = "text" if isinstance(message, str) else "bytes"
            read = message if isinstance(message, dict) else {"type": "websocket.receive", kind: message}
            self._coming.put_nowait(read)
        return self

    def serve(self) -> Coroutine[Any, Any, None]:
        return talk(self.scope, self._coming.get, self._send)

    async def _send(self, message: Any) -> None:
        assert not self.closed, "nothing is sent after the close"
        self.sent.append(message)

    @property
    def closed(self) -> dict[str, Any]:
        """How the application closed it; empty while it is open."""
        return next((one for one in self.sent if one["type"] == "websocket.close"), {})


class Hall:
    """The box "an phú 1", a session of it, and a story with its connections."""

    def __init__(self, here: Province) -> None:
        self.box = SmallBox(here.box_key("an phú 1"), DOMAIN)
        self.record = session(timezone.now())
        self.raw = signed(self.record)
        self.path = TALK_PATH.format(session=self.record.id.hex())

    def wire(self, *messages: dict[str, Any] | bytes | str, **how: Any) -> Wire:
        return Wire(self.box, self.path, **how).say(*messages)

    async def is_on(self) -> bool:
        return await sync_to_async(services.is_on)(self.record.id.hex(), timezone.now())


@pytest.fixture
def hall(here: Province) -> Hall:
    return Hall(here)


def told(story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Virtual time, at a minute at the most: what hangs is an error."""

    async def within() -> Any:
        async with asyncio.timeout(60):
            return await story()

    return virtual_time.run(within(), virtual_time.BlockingLoop)


def answered(wire: Wire) -> dict[str, Any]:
    told(wire.serve)
    return wire.closed


@pytest.mark.parametrize("who", ["unsigned", "another's key", "retired", "without a place", "no session's path"])
def test_only_an_approved_box_that_signed_the_request_speaks(hall: Hall, who: str) -> None:
    wire = hall.wire(hall.raw, b"group", GONE, is_signed=who != "unsigned")
    if who == "unsigned":
        wire.scope["headers"] = [(b"host", b"x")]
    elif who == "another's key":
        headers = SmallBox(key("thief"), DOMAIN).signed_headers("GET", hall.path)
        named = {name: value.replace(SmallBox(key("thief"), DOMAIN).id, hall.box.id) for name, value in headers.items()}
        wire.scope["headers"] = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    elif who == "retired":
        Box.objects.filter(pk=hall.box.id).update(state=Stage.RETIRED)
    elif who == "without a place":
        Box.objects.filter(pk=hall.box.id).update(unit=None)
    else:
        wire = Wire(hall.box, hall.path[:-1]).say(hall.raw, GONE)
    assert answered(wire) == {"type": "websocket.close", "code": FORBIDDEN}
    assert not Speech.objects.exists()


def test_the_box_that_signed_it_speaks_until_it_says_so(hall: Hall) -> None:
    wire = hall.wire(hall.raw, b"group", {"type": "websocket.disconnect", "code": OVER})
    assert answered(wire) == {}
    assert Speech.objects.get().ended_at is not None


def test_what_boxes_would_refuse_is_closed_with_the_judges_code(hall: Hall) -> None:
    wrong = signed(hall.record, "minh")
    assert answered(hall.wire(wrong)) == {"type": "websocket.close", "code": REJECTED, "reason": "SIGNATURE"}


@pytest.mark.parametrize("message", ["{}", b"", b"no session"])
def test_where_the_session_should_be_and_is_not_it_is_closed(here: Province, hall: Hall, message: bytes | str) -> None:
    question = json.dumps({"codes": [enrolment_code(here.boxes["an phú 2"].pk)]})
    closed = answered(hall.wire(question, message))
    assert closed == {"type": "websocket.close", "code": REJECTED, "reason": "MALFORMED"}


@pytest.mark.parametrize("code", ["ABCD-EFGH", "ộ" * 20, "\ud800"])
def test_codes_of_no_box_are_the_reason_as_far_as_a_close_frame_has_room(hall: Hall, code: str) -> None:
    closed = answered(hall.wire(json.dumps({"codes": [code] * 20})))
    assert closed["code"] == NO_BOX
    assert len(closed["reason"].encode()) <= MAX_REASON_BYTES
    assert closed["reason"].startswith(code.upper().encode(errors="ignore").decode())


@pytest.mark.parametrize("asks_first", [False, True])
def test_who_brings_no_session_is_not_waited_for_for_ever(here: Province, hall: Hall, asks_first: bool) -> None:
    question = json.dumps({"codes": [enrolment_code(here.boxes["an phú 2"].pk)]})
    wire = hall.wire(*[question][: int(asks_first)])

    async def story() -> list[dict[str, Any]]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wire.serve())
            await asyncio.sleep(FIRST_S - 1)
            before = wire.closed
        return [before, wire.closed]

    assert told(story) == [{}, {"type": "websocket.close", "code": LATE}]


def test_groups_in_plenty_are_heard_and_one_more_in_the_same_second_closes_it(hall: Hall) -> None:
    many = [b"%d" % number for number in range(MOST_A_SECOND)]

    async def story() -> list[Any]:
        wire, ear = hall.wire(hall.raw, *many), HUB.join(hall.record.id.hex(), "b" * 16)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wire.serve())
            await asyncio.sleep(1.5)
            found = [wire.closed]
            wire.say(*many)
            await asyncio.sleep(1)
            found.append(wire.closed)
            wire.say(*many, b"one more")
        return [*found, wire.closed, [group async for group in ear.groups()][-1]]

    closed = {"type": "websocket.close", "code": TOO_MUCH}
    assert told(story) == [{}, {}, closed, many[-1]]


def test_a_group_may_be_so_long_and_no_longer(hall: Hall) -> None:
    async def story() -> list[Any]:
        ear = HUB.join(hall.record.id.hex(), "b" * 16)
        wire = hall.wire(hall.raw, bytes(MAX_GROUP_BYTES), bytes(MAX_GROUP_BYTES + 1))
        await wire.serve()
        return [wire.closed["code"], [len(group) async for group in ear.groups()]]

    assert told(story) == [TOO_MUCH, [MAX_GROUP_BYTES]]


def test_a_connection_that_broke_is_waited_for_and_then_it_is_over(hall: Hall) -> None:
    async def story() -> list[bool]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hall.wire(hall.raw, GONE).serve())
            await asyncio.sleep(SILENCE_S - 1)
            again = hall.wire(hall.raw)
            tasks.create_task(again.serve())
            await asyncio.sleep(2 * SILENCE_S)
            found = [await hall.is_on()]
            again.say(GONE)
            await asyncio.sleep(SILENCE_S - 1)
            found.append(await hall.is_on())
            await asyncio.sleep(2)
        return [*found, await hall.is_on()]

    assert told(story) == [True, True, False]


def test_a_box_has_one_connection_and_the_newer_closes_the_older(hall: Hall) -> None:
    async def story() -> list[Any]:
        async with asyncio.TaskGroup() as tasks:
            idle, older, newer = hall.wire(), hall.wire(hall.raw), hall.wire(hall.raw)
            for wire in (idle, older, newer):
                tasks.create_task(wire.serve())
                await asyncio.sleep(1)
            await asyncio.sleep(2 * SILENCE_S)
            found = [idle.closed, older.closed, newer.closed, await hall.is_on()]
            newer.say({"type": "websocket.disconnect", "code": OVER})
        return found

    closed = {"type": "websocket.close", "code": OVER}
    assert told(story) == [closed, closed, {}, True]


def test_a_newer_connection_that_brings_nothing_does_not_keep_the_older_ones_session_on(hall: Hall) -> None:
    async def story() -> bool:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hall.wire(hall.raw).serve())
            await asyncio.sleep(1)
            tasks.create_task(hall.wire(GONE).serve())
        return await hall.is_on()

    assert told(story) is False
