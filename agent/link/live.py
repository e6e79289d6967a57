"""The live connections: an outbound WebSocket (RFC 6455) to the controller for each session, signed as all requests."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from agent.errors import LinkError
from agent.link.https import signed_headers
from agent.link.tls import Tls
from agent.ports.clock import Clock
from agent.ports.live import Heard, NoSuchBoxError, NotTakenError
from protocol.ids import enrolment_code
from protocol.live import MAX_GROUP_BYTES
from protocol.signing import KeySigner
from protocol.topics import LIVE_PATH, TALK_PATH

OPEN_S: Final = 10
PING_S: Final = 5
"""A connection that does not answer for so long is made anew."""
MAX_WAITING: Final = 64
"""Groups that wait to be read; more hold the connection up, and the controller drops the oldest."""
OVER: Final = 1000
REFUSED: Final = (4403, 4404)
"""Close codes that end it: not this box, not this session."""
REJECTED: Final = 4400
NO_BOX: Final = 4404
NOT_THIS_BOX: Final = 4403


class LiveSocket:
    """Implements the ports `LiveLine` and `TalkLine`."""

    def __init__(self, url: str, signer: KeySigner, tls: Tls, clock: Clock) -> None:
        """`url` is the base of the controller's HTTPS interface."""
        self._url = url
        self._signer = signer
        self._tls = tls
        self._clock = clock

    async def listen(self, session: bytes) -> AsyncIterator[bytes]:
        address = self._url + LIVE_PATH.format(session=session.hex())
        try:
            async with self._connected(address) as socket:
                async for message in socket:
                    if isinstance(message, bytes):
                        yield message
                if socket.close_code != OVER:
                    raise LinkError(f"the controller let the live connection go ({socket.close_code})")
        except ConnectionClosed as error:
            code = None if error.rcvd is None else error.rcvd.code
            raise LinkError(f"the live connection broke ({error})", permanent=code in REFUSED) from error
        except (WebSocketException, OSError, ssl.SSLError, TimeoutError) as error:
            raise LinkError(f"{address}: no live connection ({error})") from error

    async def talk(
        self,
        session: bytes,
        codes: tuple[str, ...],
        signed: Callable[[tuple[str, ...]], bytes],
        groups: AsyncIterator[bytes],
        heard: Callable[[Heard], None],
    ) -> None:
        address = self._url + TALK_PATH.format(session=session.hex())
        try:
            async with self._connected(address) as socket:
                await socket.send(signed(await _found(socket, codes)))
                await _both(_told(socket, heard), _sent(socket, groups))
        except ConnectionClosed as error:
            raise _why(error) from error
        except (WebSocketException, OSError, ssl.SSLError, TimeoutError) as error:
            raise LinkError(f"{address}: no live connection ({error})") from error

    def _connected(self, address: str) -> connect:
        return connect(
            "ws" + address.removeprefix("http"),
            additional_headers=signed_headers(self._signer, self._clock, address),
            ssl=self._context(),
            open_timeout=OPEN_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=1,
            compression=None,
            max_size=MAX_GROUP_BYTES,
            max_queue=MAX_WAITING,
            proxy=None,
            user_agent_header=None,
        )

    def _context(self) -> ssl.SSLContext | None:
        if not self._url.startswith("https:"):
            return None
        return self._tls.context(dated=self._tls.checks_dates())


async def _found(socket: ClientConnection, codes: tuple[str, ...]) -> tuple[str, ...]:
    """The ids of the boxes with these codes. An id begins with its box's code, so none can be put in its place."""
    if not codes:
        return ()
    await socket.send(json.dumps({"codes": codes}))
    answer = await socket.recv()
    try:
        ids = tuple(str(one) for one in json.loads(answer)["boxes"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LinkError("the controller names no boxes", permanent=True) from error
    wanted = {code.upper() for code in codes}
    if any(enrolment_code(one) not in wanted for one in ids):
        raise LinkError("the controller names boxes that nobody asked for", permanent=True)
    return ids


async def _told(socket: ClientConnection, heard: Callable[[Heard], None]) -> None:
    """Until the controller says that it is over."""
    async for message in socket:
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            said = json.loads(message)
            heard(Heard(int(said["listening"]), int(said["meant"])))
    if socket.close_code != OVER:
        raise LinkError(f"the controller let the live connection go ({socket.close_code})")


async def _sent(socket: ClientConnection, groups: AsyncIterator[bytes]) -> None:
    async for group in groups:
        await socket.send(group)


async def _both(told: Coroutine[Any, Any, None], sent: Coroutine[Any, Any, None]) -> None:
    """Until one of them has ended, with its error."""
    tasks = [asyncio.ensure_future(told), asyncio.ensure_future(sent)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _why(error: ConnectionClosed) -> LinkError:
    code, reason = (None, "") if error.rcvd is None else (error.rcvd.code, error.rcvd.reason)
    if code == REJECTED:
        return NotTakenError(reason)
    if code == NO_BOX:
        return NoSuchBoxError(reason)
    if code == NOT_THIS_BOX:
        return NotTakenError("box")
    return LinkError(f"the live connection broke ({error})")
