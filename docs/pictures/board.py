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
        Page(Look.CLOCK, "14:05", "Thứ Ba 24/11\nNhà văn hóa thôn 3", line="28–34 °C, chiều có dông"),
    ]
    films = [render(page, Format(128, 64), fonts(), way_out()) for page in pages]
    shown = [film.scenes[0] for film in films] + [films[1].scenes[1], films[3].scenes[-1]]
    boards = [lamps(scene.frame) for scene in shown]
    width, height = boards[0].size
    picture = Image.new("RGB", (2 * width, len(boards) // 2 * height), "white")
    for number, board in enumerate(boards):
        picture.paste(board, (number % 2 * width, number // 2 * height))
    picture.quantize(64, dither=Image.Dither.NONE).save(HERE / "board.png", optimize=True)
    return 0


def way_out() -> Image.Image:
    """A picture as an officer may draw one: the house to go to, and the way."""
    image = Image.new("RGB", (480, 240), (20, 80, 30))
    pen = ImageDraw.Draw(image)
    pen.line(((0, 220), (200, 200), (330, 130)), fill=(230, 210, 120), width=26)
    pen.polygon(((320, 110), (395, 40), (470, 110)), fill=(220, 40, 30))
    pen.rectangle((340, 110, 450, 190), fill=(255, 255, 255))
    pen.rectangle((382, 135, 408, 190), fill=(60, 60, 60))
    pen.ellipse((30, 30, 120, 120), fill=(255, 220, 0))
    return image


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
