"""A real daemon, from its box.toml to the dots of its board."""

import base64
from pathlib import Path

import requests
from PIL import Image

from agent.__main__ import main
from agent.config import parse
from agent.daemon import box_of
from protocol.board.film import Frame
from protocol.board.page import Look, Page
from protocol.board.rendering import Format
from protocol.ids import enrolment_code
from tests.support.agents import Agent, eventually
from tests.support.boards import draw
from tests.support.broker import free_port

BARE = """
[box]
name = "Cụm loa thôn 3"
state_dir = "state"
[controller]
url = "http://127.0.0.1:{port}"
[sound]
output = "fake"
"""


def seen(path: Path) -> Frame | None:
    if not path.is_file():
        return None
    with Image.open(path) as image:
        return Frame(*image.size, image.convert("RGB").tobytes())


def test_a_daemon_with_a_board_that_is_a_file_shows_its_code_there_and_nothing_once_it_is_stopped(
    tmp_path: Path,
) -> None:
    file = tmp_path / "box.toml"
    port = free_port()
    page = f'[local]\nlisten = "127.0.0.1:{port}"\n'
    board = '[board]\ndriver = "png"\nsize = "256x128"\nnight_brightness = 100\n' + page
    file.write_text(BARE.format(port=free_port()) + board, "utf-8")
    picture = tmp_path / "state" / "board.png"
    with Agent(file) as agent:
        eventually(picture.is_file, "a picture")
        code = enrolment_code(box_of(parse(file.read_text("utf-8"), file)))
        told = draw(Page(Look.CODE, code, "Cụm loa thôn 3"), Format(256, 128)).at(0)
        eventually(lambda: seen(picture) == told, "the code, dot for dot")
        text = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
        assert base64.b64encode(picture.read_bytes()).decode() in text, "the page of the box shows it too"
        assert agent.stop() == 0
        assert not picture.exists()


def test_a_daemon_whose_board_cannot_be_opened_says_so_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    board = '[board]\nport = "/dev/loalang-none"\n'
    file.write_text(BARE.format(port=free_port()) + board, "utf-8")
    with Agent(file) as agent:
        eventually(lambda: "code=BOARD" in agent.log() or '"BOARD"' in agent.log(), "the fault")
        eventually((tmp_path / "state" / "control.sock").exists, "the service socket")
        assert main(["status", "--config", str(file)]) == 0
