"""The connection to the broker: kept, lost, made again. The broker is only a pipe; nothing relies on its memory.

Three streams run while there is a connection: messages of the outbox out, batches of what boxes say in, and every
RESEND_S each live order again to the boxes that have not answered it.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar
from urllib.parse import unquote, urlsplit

import structlog
from aiomqtt import Client, MqttError
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from controller.bridge.absorb import Incoming, Outgoing, absorb_patiently, resend
from controller.outbox import services as outbox
from controller.outbox import wake
from protocol import topics
from protocol.signing import Domain, Signer

log = structlog.get_logger("bridge")
Result = TypeVar("Result")
Given = ParamSpec("Given")

POLL_S: Final = 0.2
"""How late a message written by another process may be noticed."""
RESEND_S: Final = 10.0
LINK_BEAT_S: Final = 10.0
PROBE_S: Final = 5.0
"""A broker that has not acknowledged a probe by then is gone."""
BATCH: Final = 500
GATHER_S: Final = 0.02
"""How long a batch waits for more."""
PUBACK_S: Final = 10.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0
PRUNE_S: Final = 3600.0


@dataclass(frozen=True)
class Address:
    """Where the broker is."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool

    @classmethod
    def of(cls, url: str) -> "Address":
        """From `mqtt://[user:password@]host[:port]` or `mqtts://…`, which `core.config` has checked."""
        parts = urlsplit(url)
        tls = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname or "",
            port=parts.port or (8883 if tls else 1883),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=tls,
        )

    def __str__(self) -> str:
        """Without the password."""
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


class Bridge:
    """Runs until it is cancelled. A broker that is missing, refuses, or dies is logged, and tried again."""

    def __init__(
        self, address: Address, domain: Domain, signer: Signer, tls: Callable[[], ssl.SSLContext] | None = None
    ) -> None:
        """`tls` is asked before each connection, so that rotated certificates count at once."""
        self._address = address
        self._tls = tls or ssl.create_default_context
        self._domain = domain
        self._signer = signer
        self._woken = asyncio.Event()
        # One thread takes what comes, so that batches keep their order; another one gives, so that an order never
        # waits behind them.
        self._taking = ThreadPoolExecutor(1, thread_name_prefix="bridge-in")
        self._giving = ThreadPoolExecutor(1, thread_name_prefix="bridge-out")

    async def run(self) -> None:
        """Connect, carry, and begin again after a pause that grows to LONGEST_PAUSE_S while nothing answers."""
        loop = asyncio.get_running_loop()
        forget = wake.on_message(lambda: loop.call_soon_threadsafe(self._woken.set))
        pause = FIRST_PAUSE_S
        try:
            while True:
                try:
                    async with self._client() as client:
                        pause = FIRST_PAUSE_S
                        await self._connected(client)
                except* (MqttError, OSError, TimeoutError) as lost:
                    reason = _reason(lost)
                    log.warning(
                        "no broker",
                        broker=str(self._address),
                        why=reason,
                        again_in_s=pause,
                        way_out="start the broker, or set LOALANG_BROKER to where it is",
                    )
                    await self._say_link(False, reason)
                except* DatabaseError as refused:
                    log.warning("the database refused", why=_reason(refused), again_in_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
        finally:
            forget()
            self._taking.shutdown(wait=False, cancel_futures=True)
            self._giving.shutdown(wait=False, cancel_futures=True)

    def _client(self) -> Client:
        return Client(
            self._address.host,
            self._address.port,
            username=self._address.user,
            password=self._address.password,
            tls_context=self._tls() if self._address.tls else None,
            clean_session=True,
            keepalive=30,
            max_inflight_messages=BATCH,
            timeout=PUBACK_S,
        )

    async def _connected(self, client: Client) -> None:
        await client.subscribe(topics.ALL_UP, qos=1)
        log.info("broker connected", broker=str(self._address))
        await self._say_link(True)
        incoming: asyncio.Queue[Incoming] = asyncio.Queue(BATCH * 20)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(client, incoming))
            tasks.create_task(self._take(client, incoming))
            tasks.create_task(self._give(client))
            tasks.create_task(self._every(RESEND_S, lambda: self._resend(client)))
            tasks.create_task(self._every(LINK_BEAT_S, lambda: self._probe(client)))
            tasks.create_task(self._every(PRUNE_S, self._prune))

    async def _listen(self, client: Client, incoming: "asyncio.Queue[Incoming]") -> None:
        async for message in client.messages:
            if isinstance(message.payload, bytes | bytearray):
                await incoming.put(Incoming(str(message.topic), bytes(message.payload)))

    async def _take(self, client: Client, incoming: "asyncio.Queue[Incoming]") -> None:
        """Gather what comes within GATHER_S, store it in one transaction, and only then answer."""
        while True:
            batch = [await incoming.get()]
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    while len(batch) < BATCH:
                        batch.append(await incoming.get())
            try:
                answers = await _run(self._taking, absorb_patiently, batch, self._domain, self._signer, timezone.now())
            except DatabaseError as error:
                log.warning("a batch was not stored; boxes send it again", messages=len(batch), error=str(error))
                continue
            await self._publish(client, answers)

    async def _give(self, client: Client) -> None:
        """The outbox: publish, wait for the broker's acknowledgement, mark."""
        while True:
            self._woken.clear()
            try:
                due = await _run(self._giving, outbox.waiting, timezone.now())
            except DatabaseError as error:
                log.warning("the outbox could not be read", error=str(error))
                due = []
            if not due:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), POLL_S)
                continue
            ids = [message.pk for message in due]
            try:
                await self._publish(client, [Outgoing(message.topic, bytes(message.payload)) for message in due])
            except MqttError:
                await _run(self._giving, outbox.failed, ids)
                raise
            await _run(self._giving, outbox.sent, ids, timezone.now())

    async def _resend(self, client: Client) -> None:
        again = await _run(self._taking, resend, timezone.now())
        if again:
            log.info("orders sent again", messages=len(again))
        await self._publish(client, again)

    async def _publish(self, client: Client, messages: Iterable[Outgoing]) -> None:
        """At QoS 1; all at once, and done when the broker has acknowledged each."""
        await _all([client.publish(message.topic, message.payload, qos=1) for message in messages])

    async def _probe(self, client: Client) -> None:
        """A connection that looks open may be dead: only what the broker acknowledges counts. Raises `MqttError`."""
        await client.publish(topics.PROBE, b"", qos=1, timeout=PROBE_S)
        await self._say_link(True)

    async def _say_link(self, connected: bool, detail: str = "") -> None:
        try:
            await _run(self._taking, outbox.note_link, connected, timezone.now(), detail)
        except DatabaseError as error:
            log.warning("the state of the link was not stored", error=str(error))

    async def _prune(self) -> None:
        await _run(self._taking, outbox.prune, timezone.now())

    async def _every(self, period_s: float, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(period_s)
            try:
                await action()
            except DatabaseError as error:
                log.warning("the database refused", error=str(error))


async def _run(
    threads: ThreadPoolExecutor, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result:
    """A query or a transaction in a thread of its own, with a database connection that is still good."""

    def with_connection() -> Result:
        close_old_connections()
        return work(*args, **kwargs)

    return await asyncio.get_running_loop().run_in_executor(threads, with_connection)


async def _all(waiting: Sequence[Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for one in waiting:
            tasks.create_task(_each(one))


async def _each(one: Awaitable[None]) -> None:
    await one


def _reason(group: BaseExceptionGroup[BaseException]) -> str:
    """The first cause of all, in words."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
