"""Boards in tests: a box's own service with a fake board, and dots that a person can look at."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from agent.core.film import Film, Frame
from agent.core.pages import Page
from agent.core.rendering import Format, render
from agent.ports.board import Board
from agent.services.board import BoardService, Light
from protocol.ids import enrolment_code
from tests.support.box_parts import BOX, Parts

FORM = Format(128, 64)
CODE = enrolment_code(BOX)


def service(
    box: Parts, board: Board, form: Format = FORM, drawn: Callable[[Page], None] = lambda _: None
) -> BoardService:
    """`drawn` is told every page that is drawn."""

    async def draw(page: Page) -> Film:
        drawn(page)
        return render(page, form)

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


def save(frame: Frame, path: Path, *, zoom: int = 4) -> None:
    """For the eyes of whoever runs the tests."""
    image = Image.frombytes("RGB", (frame.width, frame.height), frame.rgb)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize((frame.width * zoom, frame.height * zoom), Image.Resampling.NEAREST).save(path)
