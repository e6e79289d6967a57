"""The live connection of a box at whose microphone somebody speaks to other boxes (protocol/README §10)."""

import asyncio
import json
import re
from typing import Final

import structlog
from asgiref.sync import sync_to_async
from django.utils import timezone

from controller.box_api.live import caller
from controller.boxes.models import Box
from controller.core.bodies import Receive, Scope, Send
from controller.core.errors import Refused
from controller.live import relaying, services
from controller.live.hub import HUB
from controller.live.models import Speech
from controller.live.sockets import FORBIDDEN, OVER, beside, carry, tell
from protocol.live import SILENCE_S
from protocol.topics import TALK_PATH

log = structlog.get_logger("box_api")

PATH: Final = re.compile(TALK_PATH.format(session="([0-9a-f]{32})"))
REJECTED: Final = 4400
"""Its reason is the code with which a box would refuse the session."""
NO_BOX: Final = 4404
"""Its reason are the codes that no box in use has."""
MAX_CODES: Final = 64
_newest: dict[str, object] = {}
"""By session, its newest connection."""


async def talk(scope: Scope, receive: Receive, send: Send) -> None:
    """Codes of boxes are answered with their ids; the session is judged and sent down; its groups go to the boxes."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    found = PATH.fullmatch(scope["path"])
    box = None if found is None else await sync_to_async(caller)(scope)
    if found is None or box is None or box.unit is None:
        await send({"type": "websocket.close", "code": FORBIDDEN})
        return
    try:
        speech = await _begin(found[1], box, receive, send)
    except relaying.Rejected as rejected:
        await send({"type": "websocket.close", "code": REJECTED, "reason": str(rejected.code)})
    except Refused as refused:
        await send({"type": "websocket.close", "code": NO_BOX, "reason": refused.message[:100]})
    else:
        if speech is not None:
            await _relay(speech, receive, send)


async def _begin(session: str, box: Box, receive: Receive, send: Send) -> Speech | None:
    """From the first message to the session; None when the box has gone. Raises `Refused`."""
    message = await receive()
    if message.get("text"):
        ids = await sync_to_async(relaying.boxes_of)(_codes(message["text"]), box.pk)
        await send({"type": "websocket.send", "text": json.dumps({"boxes": ids})})
        message = await receive()
    if not message.get("bytes"):
        return None
    return await sync_to_async(relaying.take)(message["bytes"], session, box, timezone.now())


def _codes(text: str) -> list[str]:
    """Raises `Refused`."""
    try:
        codes = json.loads(text)["codes"]
    except (ValueError, KeyError, TypeError, RecursionError):
        codes = []
    if not isinstance(codes, list) or not 1 <= len(codes) <= MAX_CODES:
        raise Refused("boxes", "?")
    return [str(code)[:20] for code in codes]


async def _relay(speech: Speech, receive: Receive, send: Send) -> None:
    """Until it is over. A connection that broke may be made anew before the boxes give the session up."""
    session, me = speech.pk, object()
    _newest[session] = me
    meant = await sync_to_async(services.meant(speech).count)()
    said = services.Said(services.read(speech))
    async with beside(tell(said, send, meant=meant)):
        code, gone = await carry(said, receive)
    await sync_to_async(services.note)(said)
    if code is not None:
        await send({"type": "websocket.close", "code": code})
    elif gone != OVER:
        log.warning("a box that speaks has gone", box=speech.box_id, session=session, code=gone)
        await asyncio.sleep(SILENCE_S)
    if _newest.get(session) is me:
        del _newest[session]
        await sync_to_async(relaying.end)(session, timezone.now())
        HUB.end(session)
