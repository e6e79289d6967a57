"""The WebSocket of a page that speaks, and what both kinds of WebSocket have in common (ASGI 3, WebSocket 2.4)."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import parse_cookie
from django.utils import timezone

from controller.accounts.services import person_of_session
from controller.core.bodies import Receive, Scope, Send
from controller.live import services
from controller.live.hub import HUB, LOOK_S
from controller.live.services import Said
from protocol.live import MAX_GROUP_BYTES

log = structlog.get_logger("live")

PATH: Final = re.compile(r"/truc-tiep/([0-9a-f]{32})/noi/")
OVER: Final = 1000
FORBIDDEN: Final = 4403
NO_SESSION: Final = 4404
TOO_MUCH: Final = 4429
MOST_A_SECOND: Final = 60
"""Groups that a page may send in a second; three frames each make seventeen."""


async def speak(scope: Scope, receive: Receive, send: Send) -> None:
    """A page sends the groups of one session; it is told how many boxes listen."""
    await receive()  # websocket.connect
    found = PATH.fullmatch(scope["path"])
    if found is None or not _own_origin(scope):
        await send({"type": "websocket.close", "code": FORBIDDEN})
        return
    session = found[1]
    if not await sync_to_async(_may_speak)(session, _session_key(scope), timezone.now()):
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": NO_SESSION})
        return
    await send({"type": "websocket.accept"})
    said = await sync_to_async(services.said_in)(session)
    async with beside(tell(said, send)):
        code, _gone = await carry(said, receive)
    await sync_to_async(services.note)(said)
    if code is not None:
        await send({"type": "websocket.close", "code": code})


async def carry(said: Said, receive: Receive) -> tuple[int | None, int | None]:
    """From who speaks to the boxes; the code to close with, or else the one with which it was closed."""
    session, second, count = said.record.id.hex(), 0, 0
    loop = asyncio.get_running_loop()
    while (message := await receive())["type"] == "websocket.receive":
        group = message.get("bytes")
        if not group:
            continue
        count = count + 1 if int(loop.time()) == second else 1
        second = int(loop.time())
        if len(group) > MAX_GROUP_BYTES or count > MOST_A_SECOND:
            return TOO_MUCH, None
        HUB.say(session, group)
        said.take(group, timezone.now())
    return None, message.get("code")


async def tell(said: Said, send: Send, **more: int) -> None:
    """How many listen, every second; and that it is over, to who speaks and to the boxes. What was said is noted."""
    session = said.record.id.hex()
    while await sync_to_async(_goes_on)(said):
        text = json.dumps({"listening": HUB.listening(session), **more})
        await send({"type": "websocket.send", "text": text})
        await asyncio.sleep(LOOK_S)
    HUB.end(session)
    await send({"type": "websocket.close", "code": OVER})


async def is_on(session: str) -> bool:
    """Whether the session is still on."""
    return await sync_to_async(services.is_on)(session, timezone.now())


def _goes_on(said: Said) -> bool:
    services.note(said)
    return services.is_on(said.record.id.hex(), timezone.now())


def _may_speak(session: str, key: str, now: datetime) -> bool:
    person = person_of_session(key) if key else None
    return person is not None and services.speaks(session, person, now)


def _session_key(scope: Scope) -> str:
    sent = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    return str(parse_cookie(sent).get(settings.SESSION_COOKIE_NAME, ""))


def _own_origin(scope: Scope) -> bool:
    """Browsers let any page open a WebSocket anywhere, with cookies; so the page's origin is asked (RFC 6455 §10.2)."""
    headers = dict(scope["headers"])
    origin, host = headers.get(b"origin", b"").decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
    return origin in settings.CSRF_TRUSTED_ORIGINS or (origin != "" and urlsplit(origin).netloc == host)


@contextlib.asynccontextmanager
async def beside(work: Awaitable[None]) -> AsyncIterator[None]:
    """While the block runs this runs too; it is cancelled at the block's end."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
