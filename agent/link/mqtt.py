"""The broker: a pipe that may break at any moment. Clean sessions, so nothing depends on its memory (design §3).

One loop connects, subscribes, reads, and begins again with full jitter; publishing while there is no connection is a
LinkError at once, and whoever publishes keeps what it wanted to say.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiomqtt
import structlog

from agent.core.backoff import Backoff
from agent.errors import LinkError
from agent.link.tls import Tls
from agent.services.wake import Wake
from protocol import topics

log = structlog.get_logger()

KEEPALIVE_S: Final = 60
ANSWER_S: Final = 20
PLAIN_PORT: Final = 1883
TLS_PORT: Final = 8883
FAILURES_BEFORE_ASKING: Final = 4
FAILURES_BEFORE_LIFELINE: Final = 2
LOOK_AT_CLOCK_S: Final = 5


@dataclass(frozen=True)
class Place:
    """Where the broker is, and what to hear there."""

    url: str
    units: tuple[str, ...]
    """The box's path of units; orders to each of them are for it."""


class MqttLink:
    """Implements the port `Uplink`."""

    def __init__(
        self,
        box: str,
        *,
        place: Callable[[], Place | None],
        take: Callable[[bytes], None],
        moved: Wake,
        tls: Tls | None = None,
        draw: Callable[[], float],
        keepalive_s: int = KEEPALIVE_S,
    ) -> None:
        """`place` is asked before every connection; `moved` is set when its answer has changed.

        After `keepalive_s` without a message the broker is asked for a sign of life, and given as long to answer.
        """
        self._box = box
        self._place = place
        self._take = take
        self._moved = moved
        self._tls = tls
        self._draw = draw
        self._keepalive_s = keepalive_s
        self._ear = _Ear()
        self._client: aiomqtt.Client | None = None
        self._broken = asyncio.Event()
        self.on_connect: Callable[[], None] = lambda: None
        self.on_lost: Callable[[], None] = lambda: None
        """Called when the broker has not answered for several attempts."""
        self.on_untrusted: Callable[[], None] = lambda: None
        """Called when a broker with TLS has let this box in for no attempt of late: its certificate or ours is refused.

        TLS 1.3 tells a client of a refused certificate only after the handshake, as a connection that ends (RFC 8446
        §4.4.2.4), so no more is known than that.
        """

    @property
    def connected(self) -> bool:
        return self._client is not None

    @property
    def silent_ms(self) -> int | None:
        return self._ear.silent_ms if self.connected else None

    async def publish(self, kind: str, payload: bytes, *, certain: bool) -> None:
        client = self._client
        if client is None:
            raise LinkError("no connection to the broker")
        try:
            await client.publish(topics.up(self._box, kind), payload, qos=1 if certain else 0, timeout=ANSWER_S)
        except (aiomqtt.MqttError, ValueError) as error:
            self._broken.set()
            raise LinkError(f"the broker did not take a {kind}: {error}") from error

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            place = self._place()
            if place is None:
                await self._moved.wait()
                continue
            try:
                await self._session(place)
                backoff = backoff.reset()
            except (LinkError, aiomqtt.MqttError, OSError, ssl.SSLError) as error:
                backoff = backoff.failed() if self._client is None else backoff.reset().failed()
                self._client = None
                wait_ms = backoff.wait_ms(self._draw())
                log.warning(
                    "no connection to the broker; trying again", broker=place.url, reason=str(error), in_ms=wait_ms
                )
                if backoff.attempts >= FAILURES_BEFORE_LIFELINE and place.url.startswith("mqtts:"):
                    self.on_untrusted()
                if backoff.attempts % FAILURES_BEFORE_ASKING == 0:
                    self.on_lost()
                await self._moved.wait(wait_ms)
            finally:
                self._client = None

    async def _session(self, place: Place) -> None:
        """One connection, until it breaks (an error) or the box has moved (returns)."""
        dated = self._tls is None or self._tls.checks_dates()
        async with self._connect(place.url) as client:
            hear = [topics.down(self._box), *(topics.orders(unit) for unit in place.units)]
            await client.subscribe([(topic, 1) for topic in hear], timeout=ANSWER_S)
            self._broken.clear()
            self._client = client
            log.info("connected to the broker", broker=place.url, topics=len(hear))
            self.on_connect()
            reading = asyncio.create_task(self._read(client))
            moving = asyncio.create_task(self._moved_from(place))
            breaking = asyncio.create_task(self._broken.wait())
            telling = asyncio.create_task(self._time_told(dated))
            tasks = (reading, moving, breaking, telling)
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result
            if breaking.done() and not breaking.cancelled():
                raise LinkError("the broker does not answer")

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if isinstance(message.payload, bytes | bytearray):
                self._take(bytes(message.payload))

    async def _moved_from(self, place: Place) -> None:
        while self._place() == place:
            await self._moved.wait()

    async def _time_told(self, dated: bool) -> None:
        """Returns when the dates of the broker's certificate, which were not looked at, can be: the link is made anew.

        Never, where they were looked at.
        """
        if dated or self._tls is None:
            await asyncio.get_running_loop().create_future()
        while self._tls is not None and not self._tls.checks_dates():  # noqa: ASYNC110 - a clock has no event
            await asyncio.sleep(LOOK_AT_CLOCK_S)

    def _connect(self, url: str) -> aiomqtt.Client:
        host, port, secure = _address(url)
        context = None
        if secure:
            context = ssl.create_default_context() if self._tls is None else self._context(self._tls)
        return aiomqtt.Client(
            host,
            port,
            username=self._box,
            identifier=self._box,
            clean_session=True,
            keepalive=self._keepalive_s,
            timeout=ANSWER_S,
            logger=self._ear.logger,
            tls_context=context,
            max_queued_incoming_messages=1000,
        )

    def _context(self, tls: Tls) -> ssl.SSLContext:
        return tls.context(dated=tls.checks_dates(), with_certificate=True)


class _Ear(logging.Handler):
    """Notes when anything came from the broker, answers to pings too: only the library's log tells of those."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.logger = logging.Logger("mqtt", logging.DEBUG)
        self.logger.addHandler(self)
        self._heard_s = 0.0

    @property
    def silent_ms(self) -> int:
        return round((asyncio.get_running_loop().time() - self._heard_s) * 1000)

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("Received"):
            self._heard_s = asyncio.get_running_loop().time()
        if record.levelno >= logging.WARNING:
            log.warning("the MQTT library complains", said=record.getMessage())


def _address(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether it is TLS. Raises LinkError."""
    parts = urlsplit(url)
    secure = parts.scheme == "mqtts"
    try:
        port = parts.port or (TLS_PORT if secure else PLAIN_PORT)
    except ValueError as error:
        raise LinkError(f"{url!r} has no possible port; the controller must name another broker") from error
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise LinkError(f"{url!r} is not a broker's address (mqtt://host:port); the controller must name another")
    return parts.hostname, port, secure
