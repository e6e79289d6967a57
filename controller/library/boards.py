"""What boards will show, for the pages on which it is written, approved and signed: drawn as the boxes draw it."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from django.http import HttpRequest
from PIL import Image

from controller.library import pictures
from protocol.board.film import Frame, Scene
from protocol.board.letters import Fonts
from protocol.board.page import Page
from protocol.board.rendering import Format, render

SIZES: Final = ((96, 16), (64, 32), (128, 64), (256, 128), (1920, 1080))
"""Dots across and down: a one-row sign, two small panels of LEDs, a wall, a television."""
USUAL: Final = (128, 64)
KEPT: Final = 16
"""Previews that are kept drawn: at most 3 MB each, on the largest board with all its pages."""
WIDE: Final = 480
"""Pixels of the screen: so wide a board is shown where its dots can be shown whole."""


@dataclass(frozen=True)
class Pictured:
    """One page of a board, for a page of the console."""

    source: str
    """A PNG as a `data:` URL (RFC 2397)."""
    width: int
    """Pixels on the screen; of a text that runs through, of its whole length."""
    height: int
    seconds: float
    """So long it stands, or takes to run through."""
    runs: bool
    flashes: bool


@dataclass(frozen=True)
class Choice:
    """A size of board that may be looked at."""

    name: str
    """As in `[board] size`: 128x64."""
    is_chosen: bool


@dataclass(frozen=True)
class Preview:
    """What a board of one size shows in turn, and the other sizes."""

    choices: Sequence[Choice]
    pictures: Sequence[Pictured]
    width: int
    """Pixels of the board on the screen."""


def preview(page: Page, size: tuple[int, int] = USUAL, picture: str = "") -> Preview:
    """What a board of this size (dots across, dots down) shows for this page, and the picture of this hash (hex).

    It is looked at again and again while somebody writes and signs, and drawn once.
    """
    return _preview(page, size, picture if pictures.opened(picture) is not None else "")


@lru_cache(KEPT)
def _preview(page: Page, size: tuple[int, int], picture: str) -> Preview:
    zoom = max(1, WIDE // size[0])
    film = render(page, Format(*size), fonts(), pictures.opened(picture))
    choices = tuple(Choice(_name(one), one == size) for one in SIZES)
    return Preview(choices, tuple(_pictured(scene, size[0], zoom) for scene in film.scenes), size[0] * zoom)


def size_asked(request: HttpRequest) -> tuple[int, int]:
    """The size that the page's address names (`bang`), if it is one of SIZES; else the usual one."""
    asked = request.GET.get("bang", "")
    return next((size for size in SIZES if _name(size) == asked), USUAL)


@lru_cache(1)
def fonts() -> Fonts:
    """The package's own."""
    folder = files("protocol.board").joinpath("fonts")
    return Fonts(folder.joinpath("text.ttf").read_bytes(), folder.joinpath("bold.ttf").read_bytes())


def _pictured(scene: Scene, width: int, zoom: int) -> Pictured:
    frame = scene.frame
    runs = frame.width > width
    if runs:  # less the dark board before it and after it
        frame = frame.window(width, frame.width - 2 * width)
    return Pictured(
        f"data:image/png;base64,{base64.b64encode(_png(frame)).decode()}",
        frame.width * zoom,
        frame.height * zoom,
        scene.hold_ms / 1000,
        runs,
        scene.other is not None,
    )


def _png(frame: Frame) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (frame.width, frame.height), frame.rgb).save(file, "PNG")
    return file.getvalue()


def _name(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
