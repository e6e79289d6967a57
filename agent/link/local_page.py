"""A small page for whoever stands at the box: off unless box.toml says where, for this machine or its own network.

Whoever can open it sees the code on the sticker, what sounds, the lamps and the faults: what anybody before the box
hears and sees, and `loalang-agent status` says. It takes "GET /" and, where the panel has a
code, that code by "POST /" from the page itself; what is tried too often is the panel's business.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs, urlsplit

import structlog

from agent.errors import Told

log = structlog.get_logger()

PATIENCE_S: Final = 5
RETRY_S: Final = 30
"""So often an address is asked for again that cannot be had."""
MAX_LINE: Final = 2_048
MAX_BODY: Final = 512
AT_ONCE: Final = 8
NOT_FOUND: Final = "<p>Hộp chỉ có một trang, ở địa chỉ / · There is one page, at /</p>"
NOT_FROM_HERE: Final = (
    "<p>Mã chỉ nhập được trên chính trang này của hộp; mã vừa gửi không được xét. Bằng chương trình: gửi kèm trường "
    "Origin mang địa chỉ của trang. · A code is entered on this page of the box alone; this one was not looked at. A "
    "program sends the page's address in the field Origin.</p>"
)
HEADERS: Final = (
    "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:\r\nConnection: close\r\n"
)


class LocalPage:
    """Serves one page while it runs; where the address cannot be had it says so, and the box goes on."""

    def __init__(
        self, listen: str, page: Callable[[bool | None], Awaitable[str]], enter: Callable[[str], Awaitable[bool]] | None
    ) -> None:
        """`listen` is host:port, which `config` has found to be private.

        `enter` says whether a code unlocks, `page` is told that; None where no code was entered, or the panel has none.
        """
        host, _, port = listen.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._page = page
        self._enter = enter
        self._seats = asyncio.Semaphore(AT_ONCE)
        self.trouble: str = Told("it has not begun yet; try again", "chưa bắt đầu; hãy thử lại")
        """Why it is not served; empty while it is."""

    async def run(self) -> None:
        while True:
            try:
                server = await asyncio.start_server(self._serve, self._host, self._port, limit=MAX_LINE)
            except OSError as error:
                self._cannot(error)
                await asyncio.sleep(RETRY_S)
                continue
            self.trouble = ""
            async with server:
                await server.serve_forever()

    def _cannot(self, error: OSError) -> None:
        address = f"{self._host}:{self._port}"
        trouble = Told(
            f"{address} cannot be had ({error}); another program may use it: choose another local.listen in box.toml",
            f"không mở được {address} ({error}); có thể chương trình khác đang dùng: hãy đổi local.listen trong "
            "box.toml",
        )
        if trouble != self.trouble:
            log.warning("no local page", listen=address, reason=str(error), way_out="local.listen")
        self.trouble = trouble

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            async with self._seats, asyncio.timeout(PATIENCE_S):
                words = (await reader.readline()).split()
                fields = await _fields(reader)
                status, body = "404 Not Found", NOT_FOUND
                if words[:2] == [b"GET", b"/"]:
                    status, body = "200 OK", await self._page(None)
                elif words[:2] == [b"POST", b"/"] and self._enter is not None and not _is_from_here(fields):
                    status, body = "403 Forbidden", NOT_FROM_HERE
                elif words[:2] == [b"POST", b"/"] and self._enter is not None:
                    size = min(MAX_BODY, int(fields.get("content-length", "0")))
                    entered = parse_qs((await reader.readexactly(size)).decode()).get("code", [""])[0]
                    status, body = "200 OK", await self._page(await self._enter(entered))
                data = body.encode()
                writer.write(f"HTTP/1.1 {status}\r\n{HEADERS}Content-Length: {len(data)}\r\n\r\n".encode() + data)
                await writer.drain()
        writer.close()


async def _fields(reader: asyncio.StreamReader) -> dict[str, str]:
    """The header fields, names in small letters."""
    fields = {}
    while line := (await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.strip().lower()] = value.strip()
    return fields


def _is_from_here(fields: dict[str, str]) -> bool:
    """Whether the form stood on this page: another site in the same browser must not use up the attempts."""
    origin = fields.get("origin")
    return origin is not None and urlsplit(origin).netloc == fields.get("host")
