"""From a page to its film, in a thread of its own: a large one takes a slow processor a while, as does a picture.

Pictures come from the card, which may stand still: they are read in another thread, and a page waits for none of them
long, since the next one may be an alarm's.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image

from agent.config import BoardConfig
from agent.drivers.boards.fonts import fonts
from agent.drivers.boards.worker import Worker
from protocol.board.film import Film
from protocol.board.page import Page
from protocol.board.picture import open_picture
from protocol.board.rendering import Format, render
from protocol.bulletin import MAX_PICTURE_BYTES
from protocol.errors import ProtocolError
from protocol.ids import sha256

LEAST_READ: Final = MAX_PICTURE_BYTES + 1
"""So much of a file tells that it is too long."""
PATIENCE_S: Final = 2.0
"""A page waits so long for its picture."""


class _DamagedError(Exception):
    """The file is not what its name says; fetched again, it may be."""


class Painter:
    """Draws pages for one board. A picture that is not here in time, or is none, is left out."""

    def __init__(
        self,
        board: BoardConfig,
        shelf: Callable[[bytes], Path | None],
        *,
        damaged: Callable[[bytes], None],
        unreadable: Callable[[str], None],
    ) -> None:
        """`damaged` is told the hash of a picture whose bytes are not its own any more, so that it is fetched again;
        `unreadable` what is wrong with one that persons have approved and that cannot be shown."""
        self._format = Format(*board.size, page_ms=board.page_s * 1000, moves=board.driver != "alpha")
        self._shelf = shelf
        self._damaged = damaged
        self._unreadable = unreadable
        self._fonts = fonts()
        self._worker = Worker("painter")
        self._reader = Worker("pictures")

    async def draw(self, page: Page) -> Film:
        picture = await self._picture(page.picture) if page.picture else None
        return await self._worker.do(lambda: render(page, self._format, self._fonts, picture))

    async def _picture(self, name: bytes) -> Image.Image | None:
        path = self._shelf(name)
        if path is None:
            return None
        try:
            return await asyncio.wait_for(self._reader.do(lambda: _read(path, name)), PATIENCE_S)
        except TimeoutError:
            self._unreadable(f"picture {name.hex()[:12]}: the card does not give it")
        except _DamagedError:
            self._damaged(name)
        except ProtocolError as error:
            self._unreadable(f"picture {name.hex()[:12]}: {error}")
        return None


def _read(path: Path, name: bytes) -> Image.Image:
    """Raises `_DamagedError`, or `ProtocolError` for what is no picture."""
    try:
        with path.open("rb") as file:
            data = file.read(LEAST_READ)
    except OSError as error:
        raise _DamagedError from error
    if sha256(data) != name:
        raise _DamagedError
    return open_picture(data)
