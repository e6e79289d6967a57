"""Letters of boards: the package's fonts, and how a text is broken into lines that fit."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import pairwise
from typing import Final, Literal

from PIL import Image, ImageDraw, ImageFont

LOWEST_PX: Final = 12
"""Of a font: with fewer dots the marks of Vietnamese letters run together. With these no two letters look alike."""
SMOOTH_FROM: Final = 128
"""On lower boards a dot is lit or dark; on higher ones edges are smoothed."""
TALLEST: Final = "ẾỖẶgỵ"

Colour = tuple[int, int, int]
Weight = Literal["text", "bold"]


@dataclass(frozen=True)
class Fonts:
    """The two files of `fonts/`, as whoever draws has read them."""

    text: bytes
    bold: bytes

    def at(self, weight: Weight, size_px: int) -> ImageFont.FreeTypeFont:
        return _font(self.bold if weight == "bold" else self.text, size_px)

    def fitting(self, weight: Weight, height: int) -> ImageFont.FreeTypeFont:
        """The largest letters whose marks fit between top and bottom."""
        return _font(self.bold if weight == "bold" else self.text, _fitting(self, weight, height))

    def widest(self, text: str, weight: Weight, width: int, height: int) -> ImageFont.FreeTypeFont:
        """The largest letters with which the text fits, if any do."""
        drawn = self.fitting(weight, height)
        while drawn.size > LOWEST_PX and drawn.getlength(text) > width:
            drawn = self.at(weight, int(drawn.size) - 1)
        return drawn


def laid_out(text: str, room: tuple[int, int], fonts: Fonts) -> tuple[ImageFont.FreeTypeFont, list[list[str]]]:
    """The largest letters with which the text is one page; else letters of a readable size, and pages."""
    if not text:
        return fonts.at("text", LOWEST_PX), [[]]
    readable = max(LOWEST_PX, room[1] // 8)
    for size in range(max(readable, room[1] // 2), readable - 1, -max(1, room[1] // 60)):
        drawn = fonts.at("text", int(size))
        lines = wrap(text, drawn, room[0])
        if len(lines) * row_height(drawn) <= room[1] and not _breaks_words(text, drawn, room[0]):
            return drawn, [lines]
    drawn = fonts.at("text", readable)
    lines = wrap(text, drawn, room[0])
    each = max(1, room[1] // row_height(drawn))
    pages = -(-len(lines) // each)
    starts = [number * len(lines) // pages for number in range(pages + 1)]  # no last page with one word
    return drawn, [lines[start:end] for start, end in pairwise(starts)]


def clean(text: str) -> str:
    """Composed letters (NFC, UAX #15), line ends kept, nothing unseen."""
    lines = unicodedata.normalize("NFC", text).splitlines()
    kept = ("".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in line) for line in lines)
    return "\n".join(" ".join(line.split()) for line in kept)


def wrap(text: str, drawn: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines of whole words; a word that is wider than a line is broken."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in (piece for whole in paragraph.split(" ") for piece in _pieces(whole, drawn, width)):
            longer = f"{line} {word}" if line else word
            if drawn.getlength(longer) <= width:
                line = longer
            else:
                lines.append(line)
                line = word
        lines.append(line)
    return [line for line in lines if line]


def _pieces(word: str, drawn: ImageFont.FreeTypeFont, width: int) -> list[str]:
    pieces, piece = [], ""
    for letter in word:
        if piece and drawn.getlength(piece + letter) > width:
            pieces.append(piece)
            piece = ""
        piece += letter
    return [*pieces, piece] if piece else pieces


def _breaks_words(text: str, drawn: ImageFont.FreeTypeFont, width: int) -> bool:
    return any(drawn.getlength(word) > width for word in text.split())


def shortened(text: str, drawn: ImageFont.FreeTypeFont, width: int) -> str:
    if drawn.getlength(text) <= width:
        return text
    while text and drawn.getlength(f"{text}…") > width:
        text = text[:-1].rstrip()
    return f"{text}…"


@lru_cache(256)
def _box(drawn: ImageFont.FreeTypeFont) -> tuple[int, int]:
    """Top and bottom of the tallest letters with all of their marks."""
    _left, top, _right, bottom = drawn.getbbox(TALLEST)
    return int(top), int(bottom)


def row_height(drawn: ImageFont.FreeTypeFont) -> int:
    top, bottom = _box(drawn)
    return bottom - top


def middle(drawn: ImageFont.FreeTypeFont, top: int, height: int) -> int:
    """Where to write so that a row stands in the middle."""
    return top + (height - row_height(drawn)) // 2 - _box(drawn)[0]


def write(image: Image.Image, place: tuple[int, int], text: str, drawn: ImageFont.FreeTypeFont, colour: Colour) -> None:
    pen = ImageDraw.Draw(image)
    pen.fontmode = "L" if image.height >= SMOOTH_FROM else "1"
    pen.text(place, text, font=drawn, fill=colour)


@lru_cache(64)
def _font(data: bytes, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO(data), size_px, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(256)
def _fitting(fonts: Fonts, weight: Weight, height: int) -> int:
    size = LOWEST_PX
    while row_height(fonts.at(weight, size + 1)) <= height:
        size += 1
    return size
