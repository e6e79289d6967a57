"""The live connection of a box: a WebSocket that it has signed as every request (protocol/README §10)."""

import asyncio
import io
import re
from typing import Final

import structlog
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.utils import timezone

from controller.box_api import signatures
from controller.boxes.models import Box, Stage
from controller.core.bodies import Receive, Scope, Send
from controller.live import services
from controller.live.hub import HUB, Listener
from controller.live.sockets import FORBIDDEN, NO_SESSION, OVER, is_on
from protocol.errors import SignatureError
from protocol.topics import LIVE_PATH

log = structlog.get_logger("box_api")

PATH: Final = re.compile(LIVE_PATH.format(session="([0-9a-f]{32})"))


async def listen(scope: Scope, receive: Receive, send: Send) -> None:
    """A box hears one session, until it is over or the box has gone."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    found = PATH.fullmatch(scope["path"])
    box = None if found is None else await sync_to_async(caller)(scope)
    if found is None or box is None:
        await send({"type": "websocket.close", "code": FORBIDDEN})
        return
    session = found[1]
    if not await sync_to_async(_concerned)(session, box):
        await send({"type": "websocket.close", "code": NO_SESSION})
        return
    listener = HUB.join(session, box.pk)
    HUB.watch(session, is_on)
    tasks = [asyncio.create_task(_send(listener, send)), asyncio.create_task(_until_gone(receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        HUB.leave(session, listener)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        log.info("a box has heard a live session", box=box.pk, session=session, dropped=listener.dropped)


async def _send(listener: Listener, send: Send) -> None:
    async for group in listener.groups():
        await send({"type": "websocket.send", "bytes": group})
    await send({"type": "websocket.close", "code": OVER})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


def caller(scope: Scope) -> Box | None:
    """The approved box that signed this request."""
    request = ASGIRequest({**scope, "type": "http", "method": "GET"}, io.BytesIO())
    box = Box.objects.filter(pk=signatures.named_box(request), state=Stage.APPROVED).select_related("unit").first()
    if box is None:
        return None
    try:
        signatures.verify(request, box.pk, bytes(box.public_key))
    except SignatureError as error:
        log.warning("a request was not signed by its box", box=box.pk, path=scope["path"], why=error.message)
        return None
    return box


def _concerned(session: str, box: Box) -> bool:
    return box.unit is not None and services.concerns(session, box.pk, box.unit.code, timezone.now())
