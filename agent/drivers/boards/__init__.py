"""The board of a box, as its box.toml names it."""

from agent.config import BoardConfig
from agent.drivers.boards.alpha import AlphaBoard
from agent.drivers.boards.hdmi import HdmiBoard
from agent.drivers.boards.hub75 import Hub75Board
from agent.drivers.boards.png import PngBoard
from agent.ports.board import Board


def choose(board: BoardConfig) -> Board:
    """Nothing is opened yet: a board that is not there is a fault of its own, and no reason not to start."""
    if board.driver == "hdmi":
        return HdmiBoard(fills=board.fills)
    if board.driver == "hub75":
        return Hub75Board(board.size, board.panel, board.mapping)
    if board.driver == "png":
        return PngBoard(board.picture)
    return AlphaBoard(board.port, board.baud, answers=board.answers)
