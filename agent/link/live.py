"""The live connection: an outbound WebSocket (RFC 6455) to the controller for each session, signed as all requests."""

import ssl
from collections.abc import AsyncIterator
from typing import Final

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from agent.errors import LinkError
from agent.link.https import signed_headers
from agent.link.tls import Tls
from agent.ports.clock import Clock
from protocol.live import MAX_GROUP_BYTES
from protocol.signing import KeySigner
from protocol.topics import LIVE_PATH

OPEN_S: Final = 10
PING_S: Final = 5
"""A connection that does not answer for so long is made anew."""
MAX_WAITING: Final = 64
"""Groups that wait to be read; more hold the connection up, and the controller drops the oldest."""
OVER: Final = 1000
REFUSED: Final = (4403, 4404)
"""Close codes that end it: not this box, not this session."""


class LiveSocket:
    """Implements the port `LiveLine`."""

    def __init__(self, url: str, signer: KeySigner, tls: Tls, clock: Clock) -> None:
        """`url` is the base of the controller's HTTPS interface."""
        self._url = url
        self._signer = signer
        self._tls = tls
        self._clock = clock

    async def listen(self, session: bytes) -> AsyncIterator[bytes]:
        address = self._url + LIVE_PATH.format(session=session.hex())
        try:
            async with connect(
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
            ) as socket:
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

    def _context(self) -> ssl.SSLContext | None:
        if not self._url.startswith("https:"):
            return None
        return self._tls.context(dated=self._tls.checks_dates())
