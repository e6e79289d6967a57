"""Boards that take frames: the dots that were handed over are the dots that are seen."""

import asyncio
import os
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from agent.drivers.boards.hdmi import HdmiBoard
from agent.drivers.boards.hub75 import Hub75Board
from agent.drivers.boards.png import PngBoard
from agent.drivers.boards.worker import Worker
from agent.ports.board import BoardError, Picture
from protocol.board.film import Frame
from protocol.board.page import Look, Page
from protocol.board.rendering import Format
from tests.support.agents import eventually
from tests.support.boards import draw

FRAME = draw(Page(Look.BULLETIN, "Lịch tiêm chủng", "Thứ Năm"), Format(128, 64)).at(0)


@pytest.fixture
def no_window() -> None:
    """SDL draws into memory. What it is told in the environment counts for the whole process."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"


def connector(folder: Path, state: str) -> Path:
    (folder / "card1-HDMI-A-1").mkdir(parents=True, exist_ok=True)
    (folder / "card1-HDMI-A-1" / "status").write_text(f"{state}\n")
    return folder


def screen() -> Any:
    import pygame

    return pygame.display.get_surface()


def test_a_wall_behind_a_sending_card_gets_the_frame_dot_for_dot_in_the_corner(tmp_path: Path, no_window: None) -> None:
    async def main() -> None:
        board = HdmiBoard(fills=False, connectors=tmp_path, blind=True)
        await board.show(Picture(FRAME, 100))
        seen = screen()
        for row in range(64):
            for column in range(128):
                at = 3 * (row * 128 + column)
                assert tuple(seen.get_at((column, row)))[:3] == tuple(FRAME.rgb[at : at + 3])
        assert tuple(seen.get_at((128, 64)))[:3] == (0, 0, 0)
        await board.close()
        assert screen() is None

    asyncio.run(main())


def test_a_screen_is_filled_and_dimmed(tmp_path: Path, no_window: None) -> None:
    async def main() -> None:
        board = HdmiBoard(fills=True, connectors=tmp_path, blind=True)
        await board.show(Picture(Frame(2, 1, bytes([200, 100, 0, 0, 100, 200])), 50))  # SDL rounds down at the edge
        seen = screen()
        width, height = seen.get_size()
        assert tuple(seen.get_at((0, height - 1)))[:3] == (100, 50, 0)
        assert tuple(seen.get_at((width - 1, 0)))[:3] == (0, 50, 99)
        await board.close()

    asyncio.run(main())


def test_fault_37_a_screen_that_is_unplugged_is_said_and_shows_again_when_it_is_back(
    tmp_path: Path, no_window: None
) -> None:
    async def main() -> None:
        board = HdmiBoard(fills=False, connectors=connector(tmp_path, "connected"), blind=True)
        await board.show(Picture(FRAME, 100))
        connector(tmp_path, "disconnected")
        with pytest.raises(BoardError, match="nothing is plugged in") as caught:
            await board.show(Picture(FRAME, 100))
        assert "cáp HDMI" in caught.value.said("vi")
        connector(tmp_path, "connected")
        await board.show(Picture(FRAME, 100))
        await board.close()

    asyncio.run(main())


@pytest.mark.parametrize("memory", ["dummy", "offscreen"])
def test_a_box_without_any_screen_says_so_instead_of_drawing_where_nobody_looks(tmp_path: Path, memory: str) -> None:
    """No connector is known to the kernel, and SDL chooses memory."""

    async def main() -> None:
        board = HdmiBoard(fills=True, connectors=tmp_path)
        for _ in range(2):
            with pytest.raises(BoardError, match=rf"SDL finds none, .*{memory}") as caught:
                await board.show(Picture(FRAME, 100))
            assert "SDL không thấy màn hình nào" in caught.value.said("vi")
        await board.close()

    os.environ["SDL_VIDEODRIVER"] = memory
    asyncio.run(main())


class Matrix:
    """Panels as rpi-rgb-led-matrix drives them: what is drawn on a canvas is seen once the canvases change places."""

    def __init__(self, options: Any) -> None:
        if options.hardware_mapping not in ("regular", "adafruit-hat"):
            raise ValueError(f"unknown mapping {options.hardware_mapping}")
        self.size = (options.cols * options.chain_length, options.rows * options.parallel)
        self.brightness = 100
        self.seen: Any = None

    def CreateFrameCanvas(self) -> "Canvas":  # noqa: N802 - the binding's names
        return Canvas(self.size)

    def SwapOnVSync(self, canvas: "Canvas") -> "Canvas":  # noqa: N802
        self.seen = canvas.image
        return Canvas(self.size)

    def Clear(self) -> None:  # noqa: N802
        self.seen = None


class Canvas:
    def __init__(self, size: tuple[int, int]) -> None:
        self.image = Image.new("RGB", size)

    def SetImage(self, image: Image.Image) -> None:  # noqa: N802
        self.image.paste(image, (0, 0))


class Binding(ModuleType):
    """The module `rgbmatrix`, as far as it is used."""

    def __init__(self) -> None:
        super().__init__("rgbmatrix")
        self.made: list[Matrix] = []
        self.RGBMatrixOptions = SimpleNamespace

    def RGBMatrix(self, options: Any) -> Matrix:  # noqa: N802
        self.made.append(Matrix(options))
        return self.made[-1]


def test_panels_on_hub75_show_the_frame_over_all_of_them() -> None:
    async def main() -> None:
        binding = Binding()
        board = Hub75Board((128, 64), (64, 32), "regular", binding)
        await board.show(Picture(FRAME, 40))
        (matrix,) = binding.made
        assert (matrix.size, matrix.brightness) == ((128, 64), 40)
        assert matrix.seen.tobytes() == FRAME.rgb
        await board.show(Picture(Frame(128, 64, bytes(24_576)), 100))
        assert matrix.seen.tobytes() == bytes(24_576)
        await board.show(Picture(FRAME, 0))
        assert matrix.seen.tobytes() == bytes(24_576), "dark at night, where box.toml says so"
        await board.close()
        assert matrix.seen is None

    asyncio.run(main())


def test_panels_without_their_binding_or_with_a_wrong_mapping_are_said() -> None:
    with pytest.raises(BoardError, match=r"rgbmatrix.*docs/boards\.md"):
        asyncio.run(Hub75Board((64, 32), (64, 32), "regular").show(Picture(FRAME, 100)))
    with pytest.raises(BoardError, match=r"unknown mapping nonsense.*board\.mapping"):
        asyncio.run(Hub75Board((64, 32), (64, 32), "nonsense", Binding()).show(Picture(FRAME, 100)))


def test_the_board_that_is_a_file_holds_what_would_be_seen(tmp_path: Path) -> None:
    async def main() -> None:
        board = PngBoard(tmp_path / "board.png")
        await board.show(Picture(FRAME, 100))
        with Image.open(tmp_path / "board.png") as image:
            assert (image.size, image.tobytes()) == ((128, 64), FRAME.rgb)
        await board.show(Picture(Frame(1, 1, b"\xff\xff\xff"), 50))
        with Image.open(tmp_path / "board.png") as image:
            assert image.tobytes() == b"\x7f\x7f\x7f"
        await board.close()
        with pytest.raises(BoardError, match="cannot be written"):
            await PngBoard(tmp_path / "nowhere" / "board.png").show(Picture(FRAME, 100))

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_a_worker_does_one_thing_after_the_other_in_one_thread_and_lets_errors_out() -> None:
    async def main() -> None:
        worker = Worker("test")
        threads = {await worker.do(threading.get_ident) for _ in range(3)}
        assert len(threads) == 1
        assert threads != {threading.get_ident()}
        with pytest.raises(ZeroDivisionError):
            await worker.do(lambda: 1 // 0)
        assert await worker.do(lambda: 7) == 7

    asyncio.run(main())


def test_a_worker_that_hangs_holds_up_neither_the_loop_nor_its_end() -> None:
    free, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        free.wait()

    async def main() -> None:
        hanging = asyncio.create_task(Worker("test").do(hang))
        await asyncio.sleep(0)
        eventually(begun.is_set, "the work to begin")
        assert not hanging.done()

    asyncio.run(main())
    free.set()
