"""The enrolment code on the box's board: there while the box waits, gone when it is approved."""

import asyncio
from pathlib import Path

import pytest

from agent.config import parse, to_toml
from agent.daemon import box_of
from agent.drivers import boards
from agent.drivers.boards.alpha import AlphaBoard
from agent.drivers.boards.fake import FakeBoard
from agent.errors import ConfigError
from agent.ports.board import BoardError
from agent.services.code_board import CodeBoard
from protocol.ids import enrolment_code
from tests.support import virtual_time
from tests.support.agents import Agent, eventually
from tests.support.alpha_sign import alpha_sign
from tests.support.box_parts import BOX, Parts, parts
from tests.support.broker import free_port

CODE = enrolment_code(BOX)
PATH = Path("/etc/loalang/box.toml")
BARE = """
[box]
name = "Cụm loa thôn 3"
state_dir = "state"
[controller]
url = "http://127.0.0.1:{port}"
"""


def of(box: Parts, board: FakeBoard) -> CodeBoard:
    return CodeBoard(CODE, board, box.store.trust, box.clock)


def test_the_board_shows_the_code_until_the_box_is_approved_and_then_its_own_again(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            board = FakeBoard()
            running = asyncio.create_task(of(box, board).run())
            await box.clock.sleep_ms(60_000)
            assert board.text == CODE
            box.store.trust.keep_broker("mqtts://nguon.example.vn:8883")
            await running
            assert board.text is None

    virtual_time.run(main())


def test_a_board_that_is_plugged_in_late_shows_the_code_and_one_that_was_off_at_the_approval_loses_it(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            board = FakeBoard(is_plugged=False)
            running = asyncio.create_task(of(box, board).run())
            await box.clock.sleep_ms(3_600_000)
            assert board.history == []
            board.is_plugged = True
            await box.clock.sleep_ms(21_000)
            assert board.text == CODE
            board.is_plugged = False
            box.store.trust.keep_broker("mqtts://nguon.example.vn:8883")
            await box.clock.sleep_ms(60_000)
            assert not running.done()
            board.is_plugged = True
            await running
            assert board.text is None

    virtual_time.run(main())


def test_a_box_that_is_approved_already_shows_no_code_but_takes_an_old_one_away(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            box.store.trust.keep_broker("mqtts://nguon.example.vn:8883")
            board = FakeBoard(text=CODE)
            await of(box, board).run()
            assert board.history == [None]

    virtual_time.run(main())


def test_a_sign_of_the_alpha_protocol_shows_it_before_its_own_text() -> None:
    with alpha_sign() as sign:
        board = AlphaBoard(str(sign.port), 9_600)
        asyncio.run(board.show(CODE))
        eventually(lambda: sign.text == CODE, "the code on the sign")
        asyncio.run(board.clear())
        eventually(lambda: sign.text == "own text", "its own text again")
        assert sign.refused == []


def test_a_line_that_is_not_there_and_letters_that_no_sign_has_are_said() -> None:
    with pytest.raises(BoardError, match=r"/dev/loalang-none.*look at its cable") as caught:
        asyncio.run(AlphaBoard("/dev/loalang-none", 9_600).show(CODE))
    assert "hãy xem dây nối" in caught.value.said("vi")
    with alpha_sign() as sign, pytest.raises(BoardError, match="ASCII"):
        asyncio.run(AlphaBoard(str(sign.port), 9_600).show("Thôn 3\x04"))


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
    assert boards.choose(parse(bare, PATH)) is None
    config = parse(bare + '[board]\nport = "/dev/ttyUSB0"\nbaud = 4800\n', PATH)
    assert (config.board, config.board_baud) == ("/dev/ttyUSB0", 4_800)
    assert isinstance(boards.choose(config), AlphaBoard)
    assert parse(to_toml(config), PATH) == config
    with pytest.raises(ConfigError, match=r"board\.baud.*1200 to 38400"):
        parse(bare + "[board]\nbaud = 1\n", PATH)
