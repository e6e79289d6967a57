"""The enrolment code on the box's board: there while the box waits, gone when it is approved."""

import asyncio
from pathlib import Path

import pytest

from agent.config import parse, to_toml
from agent.daemon import box_of
from agent.drivers import boards
from agent.drivers.boards.alpha import AlphaBoard
from agent.drivers.boards.fake import FakeBoard
from agent.drivers.boards.hdmi import HdmiBoard
from agent.errors import ConfigError
from protocol.board.page import Look, Page
from protocol.ids import enrolment_code
from tests.support import virtual_time
from tests.support.agents import Agent, eventually
from tests.support.alpha_sign import alpha_sign
from tests.support.boards import CODE, service
from tests.support.box_parts import parts
from tests.support.broker import free_port

PATH = Path("/etc/loalang/box.toml")
BARE = """
[box]
name = "Cụm loa thôn 3"
state_dir = "state"
[controller]
url = "http://127.0.0.1:{port}"
"""


def test_the_board_shows_the_code_until_the_box_is_approved_and_then_the_time(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            board, drawn = FakeBoard(), list[Page]()
            running = asyncio.create_task(service(box, board, drawn=drawn.append).run())
            await box.clock.sleep_ms(60_000)
            assert board.picture is not None
            assert board.picture.text == CODE
            assert drawn == [Page(Look.CODE, CODE, "Cụm loa thôn 3")]
            box.store.trust.keep_broker("mqtts://nguon.example.vn:8883")
            await box.clock.sleep_ms(1_000)
            assert drawn[-1].look is Look.CLOCK
            running.cancel()
            await asyncio.wait([running])
            assert board.picture is None

    virtual_time.run(main())


def test_a_board_that_is_plugged_in_late_shows_the_code(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            board = FakeBoard(is_plugged=False)
            running = asyncio.create_task(service(box, board).run())
            await box.clock.sleep_ms(3_600_000)
            assert board.history == []
            board.is_plugged = True
            await box.clock.sleep_ms(21_000)
            assert board.picture is not None
            assert board.picture.text == CODE
            running.cancel()

    virtual_time.run(main())


def test_a_real_daemon_that_waits_for_approval_shows_its_code_on_its_sign(tmp_path: Path) -> None:
    with alpha_sign() as sign:
        file = tmp_path / "box.toml"
        file.write_text(
            BARE.format(port=free_port()) + f'[sound]\noutput = "fake"\n[board]\nport = "{sign.port}"\n', "utf-8"
        )
        with Agent(file):
            eventually(lambda: sign.text != "own text", "a code on the sign")
            assert sign.text == enrolment_code(box_of(parse(file.read_text("utf-8"), file)))


def test_box_toml_names_the_board_or_there_is_none() -> None:
    bare = BARE.format(port=1)
    assert parse(bare, PATH).board is None
    config = parse(bare + '[board]\nport = "/dev/ttyUSB0"\nbaud = 4800\n', PATH)
    assert config.board is not None
    assert (config.board.driver, config.board.port, config.board.baud) == ("alpha", "/dev/ttyUSB0", 4_800)
    assert (config.board.size, config.board.night) == ((96, 16), (18 * 3600, 6 * 3600))
    assert isinstance(boards.choose(config.board), AlphaBoard)
    assert parse(to_toml(config), PATH) == config
    wall = parse(bare + '[board]\ndriver = "hdmi"\nsize = "256x128"\nnight = "19:30-05:00"\n', PATH)
    assert wall.board is not None
    assert (wall.board.size, wall.board.fills, wall.board.night[0]) == ((256, 128), False, 70_200)
    assert isinstance(boards.choose(wall.board), HdmiBoard)
    assert parse(to_toml(wall), PATH) == wall
    panels = parse(bare + '[board]\ndriver = "hub75"\nsize = "128x64"\nmapping = "adafruit-hat"\n', PATH)
    assert parse(to_toml(panels), PATH) == panels


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("baud = 1", r"board\.baud.*1200 to 38400"),
        ('driver = "neon"', r"board\.driver.*alpha, hdmi, hub75, png"),
        ('driver = "alpha"', r"board\.port.*serial line"),
        ('port = "/dev/ttyUSB0"\nsize = "128x64"', r"board\.size.*255x31"),
        ('driver = "png"\nsize = "big"', r"board\.size.*96x16"),
        ('driver = "png"\nnight = "18-6"', r"board\.night.*18:00-06:00"),
        ('driver = "hub75"\nsize = "100x32"', r"board\.size.*whole number of panels"),
        ("", r"board\.driver: is missing.*alpha, hdmi, hub75, png.*or take the table away"),
        ("page_s = 6", r"board\.driver: is missing"),
        ('port = ""', r"board\.port.*1 to 200 characters"),
        ('port = "/dev/ttyUSB0"\nbaud = 9601', r"board\.baud.*9601.*1200, 2400, 4800, 9600, 19200, 38400"),
        ('port = "/dev/ttyUSB0"\nsize = "96x8"', r"board\.size.*96x8.*from 32x16 to 255x31 dots"),
        ('driver = "png"\nsize = "10x5"', r"board\.size.*10x5.*from 32x16 to 4096x4096 dots"),
        ('driver = "png"\nsize = "100000x100000"', r"board\.size.*from 32x16 to 4096x4096 dots"),
        (f'driver = "png"\nsize = "{"9" * 5000}x16"', r"board\.size.*is not a size.*32x16 to 4096x4096"),
        ('driver = "png"\nnight = "18:00-18:00"', r"board\.night.*begins when it ends.*night_brightness = brightness"),
        ('driver = "hub75"', r"board\.size: is missing.*128x64"),
        ('driver = "hub75"\nsize = "64x32"\nmapping = "nonsense"', r"board\.mapping.*regular, adafruit-hat, .*"),
        ('driver = "png"\nport = "/dev/ttyUSB0"', r"board\.port: is for alpha, and driver is png; take this line away"),
        ('driver = "hdmi"\nbaud = 9600', r"board\.baud: is for alpha, and driver is hdmi"),
        ('port = "/dev/ttyUSB0"\nmapping = "regular"', r"board\.mapping: is for hub75, and driver is alpha"),
        ('port = "/dev/ttyUSB0"\nanswers = true', r'board\.answers.*choose one of yes, no, in quotes: answers = "yes"'),
        ('driver = "png"\nbrightness = 0', r"board\.brightness.*1 to 100"),
    ],
)
def test_what_is_wrong_with_the_table_of_the_board_is_said(table: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(f"{BARE.format(port=1)}[board]\n{table}\n", PATH)
