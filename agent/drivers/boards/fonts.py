"""The fonts of boards, from the package to whoever draws."""

from importlib.resources import files

from protocol.board.letters import Fonts


def fonts() -> Fonts:
    folder = files("protocol.board").joinpath("fonts")
    return Fonts(folder.joinpath("text.ttf").read_bytes(), folder.joinpath("bold.ttf").read_bytes())
