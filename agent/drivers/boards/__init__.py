"""The board of a box, as its box.toml names it."""

from agent.config import BoardConfig
from agent.drivers.boards.alpha import AlphaBoard
from agent.drivers.boards.fonts import fonts
from agent.drivers.boards.hdmi import HdmiBoard
from agent.drivers.boards.hub75 import Hub75Board
from agent.drivers.boards.png import PngBoard
from agent.drivers.boards.worker import Worker
from agent.ports.board import Board
from protocol.board.film import Film
from protocol.board.page import Page
from protocol.board.rendering import Format, render


def choose(board: BoardConfig) -> Board:
    """Nothing is opened yet: a board that is not there is a fault of its own, and no reason not to start."""
    if board.driver == "hdmi":
        return HdmiBoard(fills=board.fills)
    if board.driver == "hub75":
        return Hub75Board(board.size, board.panel, board.mapping)
    if board.driver == "png":
        return PngBoard(board.picture)
    return AlphaBoard(board.port, board.baud, answers=board.answers)


class Painter:
    """Draws pages for one board, in a thread: a large one takes a slow processor a while."""

    def __init__(self, board: BoardConfig) -> None:
        self._format = Format(*board.size, page_ms=board.page_s * 1000, moves=board.driver != "alpha")
        self._fonts = fonts()
        self._worker = Worker("painter")

    async def draw(self, page: Page) -> Film:
        return await self._worker.do(lambda: render(page, self._format, self._fonts))
