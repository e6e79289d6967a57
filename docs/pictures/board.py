"""Draws the README's picture of a board, dot by dot as a box sends it: `python docs/pictures/board.py`."""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from agent.drivers.boards.fonts import fonts
from protocol.board.film import Frame
from protocol.board.page import Look, Page
from protocol.board.rendering import Format, render
from protocol.messages import BY_CODE

HERE = Path(__file__).parent
DOT = 5
GAP = 1
EDGE = 10
DARK = (26, 26, 28)


def main() -> int:
    flood = BY_CODE[1]
    bulletin = (
        "Trạm y tế xã An Phú tiêm chủng cho trẻ dưới hai tuổi vào sáng thứ Năm. Đề nghị bà con mang theo sổ tiêm."
    )
    pages = [
        Page(Look.ALARM, flood.title_vi, flood.text_vi, "order"),
        Page(Look.BULLETIN, "Lịch tiêm chủng", bulletin, "s1", "b1"),
        Page(Look.DRILL, flood.title_vi, flood.text_vi, "order"),
        Page(Look.CLOCK, "14:05", "Thứ Ba 24/11/2026\nNhà văn hóa thôn 3"),
    ]
    boards = [lamps(render(page, Format(128, 64), fonts()).at(0)) for page in pages]
    width, height = boards[0].size
    picture = Image.new("RGB", (2 * width, 2 * height), "white")
    for number, board in enumerate(boards):
        picture.paste(board, (number % 2 * width, number // 2 * height))
    picture.quantize(64, dither=Image.Dither.NONE).save(HERE / "board.png", optimize=True)
    return 0


def lamps(frame: Frame) -> Image.Image:
    """The frame as a wall of LEDs is seen: round dots, dark ones too."""
    image = Image.new(
        "RGB", (frame.width * (DOT + GAP) + 2 * EDGE, frame.height * (DOT + GAP) + 2 * EDGE), (12, 12, 13)
    )
    pen = ImageDraw.Draw(image)
    for row in range(frame.height):
        for column in range(frame.width):
            at = 3 * (row * frame.width + column)
            colour = tuple(max(pair) for pair in zip(frame.rgb[at : at + 3], DARK, strict=True))
            left, top = EDGE + column * (DOT + GAP), EDGE + row * (DOT + GAP)
            pen.ellipse((left, top, left + DOT - 1, top + DOT - 1), fill=colour)
    return image


if __name__ == "__main__":
    sys.exit(main())
