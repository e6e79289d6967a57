"""Boards in tests: a box's own service with a fake board, and dots that a person can look at."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

import protocol.board
from agent.drivers.boards.fonts import fonts
from agent.ports.board import Board
from agent.services.board import BoardService, Light
from protocol.board.film import Film, Frame
from protocol.board.page import Page
from protocol.board.rendering import Format, render
from protocol.ids import enrolment_code
from tests.support.box_parts import BOX, Parts

FOLDER = Path(protocol.board.__file__).parent / "fonts"
FONTS = fonts()
FORM = Format(128, 64)
CODE = enrolment_code(BOX)


def service(
    box: Parts, board: Board, form: Format = FORM, drawn: Callable[[Page], None] = lambda _: None
) -> BoardService:
    """`drawn` is told every page that is drawn."""

    async def draw(page: Page) -> Film:
        drawn(page)
        return render(page, form, FONTS)

    return BoardService(
        board,
        draw,
        Light(),
        clock=box.clock,
        store=box.store,
        holdings=box.keeper.holdings,
        faults=box.faults,
        sounding=lambda: None,
        code=CODE,
        name="Cụm loa thôn 3",
    )


def draw(page: Page, form: Format) -> Film:
    """As every board is drawn."""
    return render(page, form, FONTS)


def save(frame: Frame, path: Path, *, zoom: int = 4) -> None:
    """For the eyes of whoever runs the tests."""
    image = Image.frombytes("RGB", (frame.width, frame.height), frame.rgb)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize((frame.width * zoom, frame.height * zoom), Image.Resampling.NEAREST).save(path)
