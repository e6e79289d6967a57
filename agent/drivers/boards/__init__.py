"""The board of a box, as its box.toml names it."""

from agent.config import Config
from agent.drivers.boards.alpha import AlphaBoard
from agent.ports.board import Board


def choose(config: Config) -> Board | None:
    """None where the box has no board."""
    return None if config.board is None else AlphaBoard(config.board, config.board_baud)
