"""A small page for whoever stands at the box: off unless box.toml says where, read-only, for this machine or network.

Whoever can open it sees the code, and nothing that is not on the sticker; it takes no input beyond "GET /".
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

log = structlog.get_logger()

PATIENCE_S: Final = 5
MAX_LINE: Final = 2_048
AT_ONCE: Final = 8
HEADERS: Final = (
    "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:\r\nConnection: close\r\n"
)


class LocalPage:
    """Serves one page while it runs; where the address cannot be had it says so, and the box goes on."""

    def __init__(self, listen: str, page: Callable[[], Awaitable[str]]) -> None:
        """`listen` is host:port, which `config` has found to be private."""
        host, _, port = listen.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._page = page
        self._seats = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        try:
            server = await asyncio.start_server(self._serve, self._host, self._port, limit=MAX_LINE)
        except OSError as error:
            log.warning("no local page", listen=f"{self._host}:{self._port}", reason=str(error), way_out="local.listen")
            return
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            async with self._seats, asyncio.timeout(PATIENCE_S):
                words = (await reader.readline()).split()
                while (await reader.readline()).strip():
                    pass
                status, body = "404 Not Found", ""
                if words[:2] == [b"GET", b"/"]:
                    status, body = "200 OK", await self._page()
                data = body.encode()
                writer.write(f"HTTP/1.1 {status}\r\n{HEADERS}Content-Length: {len(data)}\r\n\r\n".encode() + data)
                await writer.drain()
        writer.close()
