"""From a page to dots: one row of text on low boards, a bar with a title above wrapped text on high ones.

The fonts are the package's own (`agent/fonts`), so that every box draws the same dots and has every Vietnamese letter.
"""

import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from agent.core.film import STEP_DOTS, STEP_MS, Film, Frame, Scene
from agent.core.pages import Look, Page

FONTS: Final = Path(__file__).parents[1] / "fonts"
LOWEST_PX: Final = 12
"""Of a font: with fewer dots the marks of Vietnamese letters run together. With these no two letters look alike."""
ONE_ROW: Final = 48
"""A board lower than this has one row of text."""
SMOOTH_FROM: Final = 128
"""On lower boards a dot is lit or dark; on higher ones edges are smoothed."""
TALLEST: Final = "ẾỖẶgỵ"
MARK_WORDS: Final = 5
"""After so many words that run through stands again that they are a drill's, or cancelled."""
CALL_MS: Final = 3_000
"""So long a low board calls for attention before it says what the alarm is."""

Colour = tuple[int, int, int]
NIGHT: Final[Colour] = (0, 0, 0)
WHITE: Final[Colour] = (255, 255, 255)
RED: Final[Colour] = (255, 0, 0)
YELLOW: Final[Colour] = (255, 220, 0)
GREEN: Final[Colour] = (0, 255, 0)
DARK_GREEN: Final[Colour] = (0, 96, 0)
BLUE: Final[Colour] = (0, 48, 160)
DARK_GREY: Final[Colour] = (64, 64, 64)


@dataclass(frozen=True)
class Style:
    """Of one look: its bar, and its text."""

    bar: Colour
    bar_text: Colour
    text: Colour
    call: str
    """What stands before the title; empty for none."""
    flashes: bool = False


STYLES: Final = {
    Look.ALARM: Style(RED, WHITE, YELLOW, "KHẨN CẤP", flashes=True),
    Look.DRILL: Style(BLUE, WHITE, GREEN, "DIỄN TẬP"),
    Look.CANCELLED: Style(DARK_GREEN, WHITE, GREEN, "ĐÃ HỦY"),
    Look.BULLETIN: Style(BLUE, WHITE, WHITE, ""),
    Look.NOTICE: Style(DARK_GREY, WHITE, WHITE, ""),
    Look.CODE: Style(NIGHT, WHITE, YELLOW, ""),
    Look.CLOCK: Style(NIGHT, WHITE, YELLOW, ""),
    Look.BLACK: Style(NIGHT, NIGHT, NIGHT, ""),
}


@dataclass(frozen=True)
class Format:
    """How a board is built."""

    width: int
    height: int
    page_ms: int = 6_000
    """So long a page stands."""
    moves: bool = True
    """It takes frames fast enough for text that runs and bars that flash."""


def render(page: Page, form: Format) -> Film:
    """What to show for this page, over and over."""
    page = Page(page.look, _clean(page.title), _clean(page.text), page.cause, page.bulletin)
    if page.look is Look.BLACK:
        scenes = [Scene(_frame(Image.new("RGB", (form.width, form.height))), form.page_ms)]
    elif form.height < ONE_ROW:
        scenes = _row(page, form)
    elif page.look in (Look.CLOCK, Look.CODE):
        scenes = [Scene(_frame(_big(page, form)), form.page_ms)]
    else:
        scenes = _sheets(page, form)
    return Film(form.width, form.height, tuple(scenes))


def text_of(page: Page) -> str:
    """The page in letters of ASCII, for signs that draw them better than we do; empty where it has others."""
    short = page.title if page.look in (Look.CLOCK, Look.CODE) else ""
    return short if short.isascii() and short.isprintable() else ""


@lru_cache(64)
def font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    """ "text" or "bold", of this height."""
    return ImageFont.truetype(FONTS / f"{name}.ttf", size_px, layout_engine=ImageFont.Layout.BASIC)


# Low boards


def _row(page: Page, form: Format) -> list[Scene]:
    """One row: what fits stands still, what does not runs through, or comes piece by piece."""
    style = STYLES[page.look]
    drawn = _fitting("text", form.height)
    if page.look in (Look.CLOCK, Look.CODE):
        drawn = _widest(page.title, "text", form.width, form.height)
        page = replace(page, text="")
    scenes = _call(style, form)
    title = f"{style.call}: {page.title}" if style.call else page.title
    whole = " – ".join(part for part in (title, page.text.replace("\n", " ")) if part)
    if drawn.getlength(whole) <= form.width:
        return [*scenes, Scene(_line(whole, drawn, form, style.text), form.page_ms)]
    if form.moves:
        return [*scenes, _running(_marked(whole, style), drawn, form, style.text)]
    pieces = [
        Scene(_line(piece, drawn, form, style.text), form.page_ms // 2) for piece in _wrap(whole, drawn, form.width)
    ]
    told = [[piece, *scenes] if number % 2 else [piece] for number, piece in enumerate(pieces)]
    return [*scenes, *(scene for some in told for scene in some)]  # whoever looks up now reads what it is, too


def _marked(whole: str, style: Style) -> str:
    """Whoever looks up in the middle of what runs through must not take a drill for an alarm."""
    if style.flashes or not style.call:
        return whole
    words = whole.split(" ")
    some = [" ".join(words[start : start + MARK_WORDS]) for start in range(0, len(words), MARK_WORDS)]
    return f" – {style.call} – ".join(some)


def _call(style: Style, form: Format) -> list[Scene]:
    """What it is, alone and whole."""
    drawn = _widest(style.call, "text", form.width, form.height)
    if not style.call or drawn.getlength(style.call) > form.width:
        return []
    word = _line(style.call, drawn, form, style.text)
    if not (style.flashes and form.moves):
        return [Scene(word, CALL_MS)]
    return [Scene(word, CALL_MS, _line(style.call, drawn, form, NIGHT, style.bar))]


def _running(text: str, drawn: ImageFont.FreeTypeFont, form: Format, colour: Colour) -> Scene:
    width = 2 * form.width + int(drawn.getlength(text)) + 1
    image = Image.new("RGB", (width, form.height))
    _write(image, (form.width, _middle(drawn, 0, form.height)), text, drawn, colour)
    return Scene(_frame(image), -(-(width - form.width) // STEP_DOTS) * STEP_MS)


def _line(text: str, drawn: ImageFont.FreeTypeFont, form: Format, colour: Colour, ground: Colour = NIGHT) -> Frame:
    image = Image.new("RGB", (form.width, form.height), ground)
    left = max(0, (form.width - int(drawn.getlength(text))) // 2)
    _write(image, (left, _middle(drawn, 0, form.height)), text, drawn, colour)
    return _frame(image)


# High boards


def _big(page: Page, form: Format) -> Image.Image:
    """A few large letters, and small lines below."""
    style = STYLES[page.look]
    image = Image.new("RGB", (form.width, form.height))
    above = form.height * 3 // 5 if page.text else form.height
    drawn = _widest(page.title, "bold", form.width * 9 // 10, above * 9 // 10)
    left = (form.width - int(drawn.getlength(page.title))) // 2
    _write(image, (left, _middle(drawn, 0, above)), page.title, drawn, style.text)
    lines = page.text.split("\n")[: max(1, (form.height - above) // 12)] if page.text else []
    for number, line in enumerate(lines):
        each = (form.height - above) // len(lines)
        small = _widest(line, "text", form.width * 19 // 20, each * 9 // 10)
        shown = _shortened(line, small, form.width)
        place = (max(0, (form.width - int(small.getlength(shown))) // 2), _middle(small, above + number * each, each))
        _write(image, place, shown, small, style.bar_text)
    return image


def _sheets(page: Page, form: Format) -> list[Scene]:
    """The title in a bar, below it the text on as many pages as it takes."""
    style = STYLES[page.look]
    bar = max(16, form.height // 5)
    margin = max(1, form.width // 60)
    room = (form.width - 2 * margin, form.height - bar)
    head = " – ".join(part for part in (style.call, page.title) if part)
    text = page.text
    titled = _widest(head, "bold", room[0], bar)
    if titled.getlength(head) > room[0] and style.call:
        head, text = style.call, "\n".join(part for part in (page.title, page.text) if part)
        titled = _widest(head, "bold", room[0], bar)
        if titled.getlength(head) > room[0]:
            titled = _widest(head, "text", form.width, bar)
    drawn, pages = _laid_out(text, room)
    scenes = []
    for number, lines in enumerate(pages):
        count = f"{number + 1}/{len(pages)}" if len(pages) > 1 else ""
        faces = [(style.bar, style.bar_text), *([(NIGHT, style.bar)] if style.flashes and form.moves else [])]
        frames = []
        for ground, colour in faces:
            image = Image.new("RGB", (form.width, form.height))
            _bar(image, bar, (head, count), titled, (ground, colour))
            top = bar + (form.height - bar - len(lines) * _height(drawn)) // 2
            for row, line in enumerate(lines):
                left = margin if len(lines) > 1 else max(margin, (form.width - int(drawn.getlength(line))) // 2)
                _write(
                    image, (left, _middle(drawn, top + row * _height(drawn), _height(drawn))), line, drawn, style.text
                )
            frames.append(_frame(image))
        scenes.append(Scene(frames[0], form.page_ms, frames[1] if len(frames) > 1 else None))
    return scenes


def _bar(
    image: Image.Image,
    bar: int,
    texts: tuple[str, str],
    drawn: ImageFont.FreeTypeFont,
    colours: tuple[Colour, Colour],
) -> None:
    """Title in the middle, the page's number beside it where there is room."""
    head, count = texts
    ImageDraw.Draw(image).rectangle((0, 0, image.width, bar - 1), fill=colours[0])
    margin = max(1, image.width // 60)
    beside = int(drawn.getlength(count) + drawn.size // 2) if count else 0
    if drawn.getlength(head) > image.width - 2 * margin - beside:
        count, beside = "", 0
    shown = _shortened(head, drawn, image.width - 2 * margin - beside)
    free = image.width - beside - int(drawn.getlength(shown))
    _write(image, (max(margin, free // 2), _middle(drawn, 0, bar)), shown, drawn, colours[1])
    if count:
        left = image.width - margin - int(drawn.getlength(count))
        _write(image, (left, _middle(drawn, 0, bar)), count, drawn, colours[1])


def _laid_out(text: str, room: tuple[int, int]) -> tuple[ImageFont.FreeTypeFont, list[list[str]]]:
    """The largest letters with which the text is one page; else letters of a readable size, and pages."""
    if not text:
        return font("text", LOWEST_PX), [[]]
    readable = max(LOWEST_PX, room[1] // 8)
    for size in range(max(readable, room[1] // 2), readable - 1, -max(1, room[1] // 60)):
        drawn = font("text", int(size))
        lines = _wrap(text, drawn, room[0])
        if len(lines) * _height(drawn) <= room[1] and not _breaks_words(text, drawn, room[0]):
            return drawn, [lines]
    drawn = font("text", readable)
    lines = _wrap(text, drawn, room[0])
    each = max(1, room[1] // _height(drawn))
    pages = -(-len(lines) // each)
    starts = [number * len(lines) // pages for number in range(pages + 1)]  # no last page with one word
    return drawn, [lines[start:end] for start, end in pairwise(starts)]


# Letters


def _clean(text: str) -> str:
    """Composed letters (NFC, UAX #15), line ends kept, nothing unseen."""
    lines = unicodedata.normalize("NFC", text).splitlines()
    kept = ("".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in line) for line in lines)
    return "\n".join(" ".join(line.split()) for line in kept)


def _wrap(text: str, drawn: ImageFont.FreeTypeFont, width: int) -> list[str]:
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


def _shortened(text: str, drawn: ImageFont.FreeTypeFont, width: int) -> str:
    if drawn.getlength(text) <= width:
        return text
    while text and drawn.getlength(f"{text}…") > width:
        text = text[:-1].rstrip()
    return f"{text}…"


@lru_cache(256)
def _fitting(name: str, height: int) -> ImageFont.FreeTypeFont:
    """The largest letters whose marks fit between top and bottom."""
    size = LOWEST_PX
    while _height(font(name, size + 1)) <= height:
        size += 1
    return font(name, size)


def _widest(text: str, name: str, width: int, height: int) -> ImageFont.FreeTypeFont:
    """The largest letters with which the text fits, if any do."""
    drawn = _fitting(name, height)
    while drawn.size > LOWEST_PX and drawn.getlength(text) > width:
        drawn = font(name, int(drawn.size) - 1)
    return drawn


@lru_cache(256)
def _box(drawn: ImageFont.FreeTypeFont) -> tuple[int, int]:
    """Top and bottom of the tallest letters with all of their marks."""
    _left, top, _right, bottom = drawn.getbbox(TALLEST)
    return int(top), int(bottom)


def _height(drawn: ImageFont.FreeTypeFont) -> int:
    top, bottom = _box(drawn)
    return bottom - top


def _middle(drawn: ImageFont.FreeTypeFont, top: int, height: int) -> int:
    """Where to write so that a row stands in the middle."""
    return top + (height - _height(drawn)) // 2 - _box(drawn)[0]


def _write(
    image: Image.Image, place: tuple[int, int], text: str, drawn: ImageFont.FreeTypeFont, colour: Colour
) -> None:
    pen = ImageDraw.Draw(image)
    pen.fontmode = "L" if image.height >= SMOOTH_FROM else "1"
    pen.text(place, text, font=drawn, fill=colour)


def _frame(image: Image.Image) -> Frame:
    return Frame(image.width, image.height, image.tobytes())
