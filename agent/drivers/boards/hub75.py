"""Panels of LEDs on a HUB75 cable, driven from the pins of a Raspberry Pi by rpi-rgb-led-matrix (Henner Zeller).

Its binding `rgbmatrix` is built on the machine and is on no package index: docs/boards.md says how.
"""

import importlib
from types import ModuleType
from typing import Any

from PIL import Image

from agent.drivers.boards.worker import Worker
from agent.ports.board import BoardError, Picture


class Hub75Board:
    """Implements the port `Board`."""

    def __init__(
        self, size: tuple[int, int], panel: tuple[int, int], mapping: str, rgbmatrix: ModuleType | None = None
    ) -> None:
        """`size` of all in dots, `panel` of one; `mapping` names the adapter's wiring. `rgbmatrix` is the binding."""
        self._size = size
        self._panel = panel
        self._mapping = mapping
        self._module: Any = rgbmatrix
        self._worker = Worker("board")
        self._matrix: Any = None
        self._canvas: Any = None

    async def show(self, picture: Picture) -> None:
        await self._worker.do(lambda: self._draw(picture))

    async def close(self) -> None:
        await self._worker.do(self._clear)

    def _draw(self, picture: Picture) -> None:
        if self._matrix is None:
            self._open()
        frame = picture.frame if picture.brightness else picture.frame.dimmed(0)
        self._matrix.brightness = picture.brightness or 1  # the binding knows no 0
        self._canvas.SetImage(Image.frombytes("RGB", (frame.width, frame.height), frame.rgb))
        self._canvas = self._matrix.SwapOnVSync(self._canvas)

    def _open(self) -> None:
        module = self._module or _binding()
        options = module.RGBMatrixOptions()
        options.cols, options.rows = self._panel
        options.chain_length = self._size[0] // self._panel[0]
        options.parallel = self._size[1] // self._panel[1]
        options.hardware_mapping = self._mapping
        options.drop_privileges = False
        try:
            self._matrix = module.RGBMatrix(options=options)
        except Exception as error:  # the binding tells what is wrong with pins and options by whatever it likes
            raise BoardError(
                f"the panels do not start ({error}); look at board.size, board.panel and board.mapping",
                vi=f"các tấm LED không chạy ({error}); hãy xem board.size, board.panel và board.mapping",
            ) from error
        self._canvas = self._matrix.CreateFrameCanvas()

    def _clear(self) -> None:
        if self._matrix is not None:
            self._matrix.Clear()


def _binding() -> ModuleType:
    try:
        return importlib.import_module("rgbmatrix")
    except ImportError as error:
        raise BoardError(
            "HUB75 panels need the binding of rpi-rgb-led-matrix (rgbmatrix), which is not here: see docs/boards.md",
            vi="tấm LED HUB75 cần thư viện rpi-rgb-led-matrix (rgbmatrix) chưa có trên hộp: xem docs/boards.md",
        ) from error
