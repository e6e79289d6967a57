"""What runs, in what order it starts, and how it stops: the reverse.

One asyncio loop carries the web server and the bridge; the worker's jobs (ffmpeg, speech, compiling) have threads.
"""

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
import uvicorn
from django.conf import settings
from django.core.management import call_command

from controller.asgi import application
from controller.bridge.link import Address, Bridge
from controller.core import config as configuration
from controller.core.errors import ConfigError
from controller.jobs import services as jobs
from controller.schedules.signing import domain, schedule_signer
from controller.serve import tls
from controller.serve.keeping import Part, keep
from controller.worker import loop as working

log = structlog.get_logger("serve")

WORKERS: Final = 2
"""A long recording that is being made must not hold up a schedule."""
LOCAL: Final = ("127.0.0.1", "0.0.0.0")  # noqa: S104
RENEW_S: Final = 5
"""How often it is looked whether the certificate's file is another."""
WEBSOCKET_BYTES: Final = 16_384
"""A message longer than this ends a WebSocket."""
STOP_S: Final = 5
"""So long requests that are being answered may take at the end, and each part when another has failed."""


@dataclass(frozen=True)
class Parts:
    """Which of the three run in this process."""

    web: bool = True
    bridge: bool = True
    worker: bool = True


class Carrier(Protocol):
    """The bridge, as far as it matters here: it runs until it is cancelled."""

    async def run(self) -> None: ...


@dataclass(frozen=True)
class Door:
    """Where the web server listens, and with which certificate; None for plain HTTP, behind a proxy that has one."""

    socket: socket.socket
    pair: tls.Pair | None


def serve(host: str, port: int, parts: Parts, *, pair: tls.Pair | None = None, tls_port: int | None = None) -> None:
    """Run until SIGINT or SIGTERM. When a part ends by itself the process ends with status 1, whatever still runs.

    With `tls_port` both ports are served: `port` in plain HTTP, the other with the certificate of `pair`; without,
    `port` alone, with `pair` where there is one. Raises `ConfigError` when a port, the data folder or a key cannot be
    used.
    """
    config = settings.LOALANG
    configuration.prepare(config)
    with contextlib.ExitStack() as stack:
        doors = []
        if parts.web:
            doors.append(Door(stack.enter_context(listening(host, port)), None if tls_port else pair))
            if tls_port:
                doors.append(Door(stack.enter_context(listening(host, tls_port, "--tls-port")), pair))
        call_command("migrate", interactive=False, verbosity=0)
        schedule_signer()
        to_the_end(_run(doors, _bridge(config) if parts.bridge else None, worker=parts.worker))


def to_the_end(running: Coroutine[Any, Any, bool]) -> None:
    """Run it; if it comes to False, end the process at once, with status 1.

    Python itself would first wait for every thread, and so for the job that a worker has begun. Jobs are leased and may
    be done twice: the next process takes it up.
    """
    with asyncio.Runner() as runner:
        if not runner.run(running):
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)


@contextlib.contextmanager
def listening(host: str, port: int, option: str = "--port") -> Iterator[socket.socket]:
    """The web server's socket, before anything else starts: a port that is taken is known at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
        door.listen(2048)
    except (OSError, OverflowError) as error:
        door.close()
        raise ConfigError(
            f"{option}: {host}:{port} cannot be used ({error}); "
            f"another program has it (see `ss -ltnp`) or it needs root; stop that program or give another {option}"
        ) from error
    with door:
        yield door


def _bridge(config: configuration.Config) -> Bridge | None:
    if not config.broker:
        log.warning(
            "no broker is configured; boxes will not hear of anything",
            way_out="set LOALANG_BROKER, for example mqtt://127.0.0.1:1883",
        )
        return None
    return Bridge(Address.of(config.broker), domain(), schedule_signer(), functools.partial(tls.at_the_broker, config))


async def _run(doors: Sequence[Door], bridge: Carrier | None, *, worker: bool) -> bool:
    """Until a signal says so; False when a part ended by itself. The worker goes last, after the last page."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    parts = []
    if worker:
        parts.append(Part("worker", _work))
    if bridge is not None:
        parts.append(Part("bridge", functools.partial(_carry, bridge)))
    parts += [Part("web" if door.pair is None else "web (TLS)", functools.partial(_web, door)) for door in doors]
    return await keep(parts, told, STOP_S)


async def _work(stop: asyncio.Event, work: Callable[[threading.Event], None] = working.run) -> None:
    """The worker's threads; when asked to stop, each finishes the job that it has begun.

    One that ends earlier ends the part, without waiting for the others.
    """
    loop, told = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="worker")
    threads = [loop.run_in_executor(pool, work, told) for _ in range(WORKERS)]
    pool.shutdown(wait=False)  # takes nothing more; waiting would hold up the loop, and with it the pages
    asked = asyncio.create_task(stop.wait())
    either: list[asyncio.Future[Any]] = [asked, *threads]
    ended, _running = await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    told.set()
    jobs.wake.set()
    if asked in ended:
        await asyncio.gather(*threads)
    asked.cancel()
    for thread in ended:
        thread.result()


async def _carry(bridge: Carrier, stop: asyncio.Event) -> None:
    carrying, asked = asyncio.create_task(bridge.run()), asyncio.create_task(stop.wait())
    await asyncio.wait([carrying, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    carrying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await carrying


async def _web(door: Door, stop: asyncio.Event) -> None:
    host, port = door.socket.getsockname()[:2]
    config = uvicorn.Config(
        application,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=STOP_S,
        server_header=False,
        ws_max_size=WEBSOCKET_BYTES,
        ssl_certfile=None if door.pair is None else door.pair.certificate,
        ssl_keyfile=None if door.pair is None else door.pair.key,
    )
    server = _Server(config)
    scheme, shown = "http" if door.pair is None else "https", "localhost" if host in LOCAL else host
    log.info("pages", url=f"{scheme}://{shown}:{port}")
    serving, asked = asyncio.create_task(server.serve(sockets=[door.socket])), asyncio.create_task(stop.wait())
    renewing = asyncio.create_task(_renew(config, door.pair))
    await asyncio.wait([serving, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    renewing.cancel()
    server.should_exit = True
    await serving


async def _renew(config: uvicorn.Config, pair: tls.Pair | None) -> None:
    """Connections from now on get the certificate that is in the files now: a renewal needs no restart."""
    if pair is None:
        return
    seen = pair.stamp()
    while True:
        await asyncio.sleep(RENEW_S)
        stamp = pair.stamp()
        if stamp == seen or config.ssl is None:
            continue
        try:
            config.ssl.load_cert_chain(pair.certificate, pair.key)
        except (OSError, ssl.SSLError) as error:
            log.warning("the new certificate cannot be used; the old one is", error=str(error))
        else:
            log.info("the certificate was renewed", file=str(pair.certificate))
            seen = stamp


class _Server(uvicorn.Server):
    """Without uvicorn's own signals: it would end the process before the bridge and the worker have stopped."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
