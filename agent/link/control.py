"""The service socket: one JSON line in, one JSON line out, for whoever stands at the box with a terminal.

It is a file in the state folder that only the daemon's user opens; nothing listens on the network.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from agent.errors import AgentError, LinkError

log = structlog.get_logger()

MAX_LINE: Final = 65_536
ANSWER_S: Final = 60
OWNER_ONLY: Final = 0o600

Answer = Mapping[str, Any]
Command = Callable[[Mapping[str, Any]], Awaitable[Answer]]


class ControlServer:
    """Serves named commands while it runs."""

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        self._path = path
        self._commands = commands

    async def run(self) -> None:
        """Until cancelled. Raises LinkError when the socket cannot be made."""
        await self._clear_the_way()
        try:
            server = await asyncio.start_unix_server(self._serve, str(self._path), limit=MAX_LINE)
            self._path.chmod(OWNER_ONLY)
        except OSError as error:
            raise LinkError(
                f"{self._path}: the service socket cannot be made ({error}); set control.socket",
                vi=f"{self._path}: không tạo được socket dịch vụ ({error}); hãy đổi control.socket trong box.toml",
            ) from error
        try:
            async with server:
                await server.serve_forever()
        finally:
            self._path.unlink(missing_ok=True)

    async def _clear_the_way(self) -> None:
        """Remove what a daemon left that was killed; never the socket of one that answers."""
        try:
            _, writer = await asyncio.open_unix_connection(str(self._path))
        except OSError:
            self._path.unlink(missing_ok=True)
            return
        writer.close()
        raise LinkError(
            f"{self._path}: another daemon answers there; stop it, or set another control.socket",
            vi=f"{self._path}: một loalang-agent khác đang trả lời ở đó; hãy dừng nó, hoặc đổi control.socket",
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            writer.write(json.dumps(await self._answer(reader), ensure_ascii=False).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        try:
            request = json.loads(await reader.readline())
            command = self._commands[request["command"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {"ok": False, "error": f"the commands are {', '.join(self._commands)}"}
        try:
            return {"ok": True, **await command(request)}
        except AgentError as error:
            return {"ok": False, "error": error.said(str(request.get("language", "en")))}


async def ask(path: Path, command: str, **arguments: object) -> dict[str, Any]:
    """One command to the running daemon. Raises LinkError when none is there, AgentError when it says no.

    What a daemon says no with is in the language that was asked for.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=16 * MAX_LINE)
    except OSError as error:
        raise LinkError(
            f"{path}: no daemon answers ({error.strerror}); start it with 'loalang-agent run'",
            vi=f"{path}: loalang-agent chưa chạy ({error.strerror}); hãy khởi động bằng 'loalang-agent run'",
        ) from error
    try:
        writer.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        async with asyncio.timeout(ANSWER_S):
            line = await reader.readline()
        answer: dict[str, Any] = json.loads(line)
    except (OSError, ValueError, TimeoutError) as error:
        raise LinkError(
            f"{path}: the daemon did not answer; see its log",
            vi=f"{path}: loalang-agent không trả lời; hãy xem nhật ký của nó",
        ) from error
    finally:
        writer.close()
    if not answer.pop("ok", False):
        said = str(answer.get("error", "the daemon refused"))
        raise AgentError(said, vi=said)
    return answer
