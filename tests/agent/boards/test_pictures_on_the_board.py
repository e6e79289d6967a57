"""A picture on its way to the board: fetched after the sounds, looked through, drawn; or left out, and said."""

import asyncio
import os
from pathlib import Path

import pytest
from PIL import Image

from agent.config import parse
from agent.drivers.boards.fake import FakeBoard
from agent.drivers.boards.painter import Painter
from protocol.board.film import Film
from protocol.board.page import Look, Page
from protocol.board.picture import make_picture
from protocol.board.rendering import Format
from protocol.ids import sha256
from protocol.order import Sound
from protocol.report import FaultCode
from tests.support import virtual_time
from tests.support.boards import draw, service
from tests.support.box_parts import Parts, parts
from tests.support.small_controller import Programme, alert, signed

MAP = make_picture(Image.new("RGB", (60, 40), (255, 128, 0)))
NAME = sha256(MAP)
PAGE = Page(Look.BULLETIN, "Sơ tán", "Theo bản đồ.", "s1", "b1", NAME)
TOML = """
[box]
name = "Cụm loa thôn 3"
state_dir = "state"
[controller]
url = "http://127.0.0.1:9"
[board]
driver = "png"
size = "128x64"
"""


class Desk:
    """A painter, and what it says is wrong."""

    def __init__(self, folder: Path, file: bytes | None) -> None:
        self.damaged: list[bytes] = []
        self.unreadable: list[str] = []
        path = folder / "picture"
        if file is not None:
            path.write_bytes(file)
        board = parse(TOML, folder / "box.toml").board
        assert board is not None
        self._painter = Painter(
            board,
            lambda _name: None if file is None else path,
            damaged=self.damaged.append,
            unreadable=self.unreadable.append,
        )

    def draw(self, page: Page) -> Film:
        return asyncio.run(self._painter.draw(page))


def without(page: Page) -> Film:
    return draw(page, Format(128, 64))


def test_a_picture_that_is_here_is_drawn_after_the_text(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MAP)
    film = desk.draw(PAGE)
    assert len(film.scenes) == len(without(PAGE).scenes) + 1
    assert bytes((255, 128, 0)) in film.scenes[-1].frame.rgb
    assert (desk.damaged, desk.unreadable) == ([], [])


def test_a_picture_that_is_not_here_yet_is_left_out_and_is_no_fault(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None)
    assert desk.draw(PAGE) == without(PAGE)
    assert (desk.damaged, desk.unreadable) == ([], [])


@pytest.mark.parametrize("file", [MAP[:-1], MAP + b"\0", b"", bytes(10_000_000)], ids=["cut", "more", "empty", "long"])
def test_a_picture_whose_bytes_are_not_those_that_were_approved_is_left_out_and_fetched_again(
    tmp_path: Path, file: bytes
) -> None:
    desk = Desk(tmp_path, file)
    assert desk.draw(PAGE) == without(PAGE)
    assert (desk.damaged, desk.unreadable) == ([NAME], [])


def test_a_file_that_is_no_picture_is_left_out_and_said_whoever_approved_it(tmp_path: Path) -> None:
    hostile = b"GIF89a" + bytes(500)
    page = Page(Look.BULLETIN, "Sơ tán", "Theo bản đồ.", "s1", "b1", sha256(hostile))
    desk = Desk(tmp_path, hostile)
    assert desk.draw(page) == without(page)
    assert desk.damaged == []
    assert desk.unreadable == [f"picture {sha256(hostile).hex()[:12]}: no PNG"]


def test_a_card_that_stands_still_costs_the_picture_and_no_later_page(tmp_path: Path) -> None:
    """A pipe that nobody writes into: to open it waits for ever."""
    desk = Desk(tmp_path, MAP)
    (tmp_path / "picture").unlink()
    os.mkfifo(tmp_path / "picture")
    alarm = Page(Look.ALARM, "Lũ", "Sơ tán ngay.", "e1")
    assert desk.draw(PAGE) == without(PAGE)
    assert desk.unreadable == [f"picture {NAME.hex()[:12]}: the card does not give it"]
    assert desk.draw(alarm) == without(alarm)
    assert desk.damaged == []


async def fetch(box: Parts, programme: Programme, for_ms: int = 5_000) -> None:
    box.trusts().assigned(programme)
    box.store.trust.keep_broker("mqtts://nguon.example.vn:8883")
    await fetch_on(box, for_ms)


async def fetch_on(box: Parts, for_ms: int = 5_000) -> None:
    fetching = asyncio.create_task(box.fetcher.run())
    await box.clock.sleep_ms(for_ms)
    fetching.cancel()


def with_a_map() -> Programme:
    programme = Programme()
    programme.add("so-tan", "2026-11-24T13:01:00", b"a sound", 600_000, picture=MAP)
    return programme


def test_the_page_of_a_bulletin_names_the_picture_that_was_fetched_and_approved(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await fetch(box, with_a_map())
            assert box.store.shelf.path(NAME) is not None
            drawn: list[Page] = []
            showing = asyncio.create_task(service(box, FakeBoard(), drawn=drawn.append).run())
            await box.clock.sleep_ms(120_000)
            showing.cancel()
            await asyncio.wait([showing])
            assert drawn[-1] == Page(Look.BULLETIN, "so-tan", "", "so-tan", "b-so-tan", NAME)

    virtual_time.run(main())


def test_a_picture_that_cannot_be_fetched_holds_up_no_programme_and_is_a_fault(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            programme = with_a_map()
            del programme.sounds[NAME]
            await fetch(box, programme, 600_000)
            assert box.store.desired.in_force() is not None
            assert box.store.shelf.path(NAME) is None
            assert FaultCode.FETCH in box.faults.active()

    virtual_time.run(main())


def test_a_picture_that_was_damaged_is_fetched_again_and_the_fault_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await fetch(box, with_a_map())
            box.fetcher.damaged(NAME)
            assert box.store.shelf.path(NAME) is None
            assert FaultCode.CONTENT_DAMAGED in box.faults.active()
            await fetch_on(box)
            path = box.store.shelf.path(NAME)
            assert path is not None
            assert path.read_bytes() == MAP
            assert FaultCode.CONTENT_DAMAGED not in box.faults.active()

    virtual_time.run(main())


def test_a_picture_is_no_sound_of_an_order(tmp_path: Path) -> None:
    async def main() -> None:
        with parts(tmp_path) as box:
            await fetch(box, with_a_map())
            now_s = box.clock.now_ms() // 1_000
            for number, named in enumerate((NAME, sha256(b"a sound")), 1):
                box.inbox.take(signed(alert(number, at_s=now_s, sound=Sound(named, repeats=1))))
            heard = [held.order.sound.message for held in box.keeper.holdings().orders if held.order.sound is not None]
            assert heard == [sha256(b"a sound")]

    virtual_time.run(main())
