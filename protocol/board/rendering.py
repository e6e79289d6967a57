"""From a page to dots: one row of text on low boards, a bar with a title above wrapped text on high ones.

The fonts are the package's own (`fonts/`), so that every box draws the same dots and has every Vietnamese letter.
"""

from dataclasses import dataclass, replace
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from protocol.board.film import STEP_DOTS, STEP_MS, Film, Frame, Scene
from protocol.board.letters import LOWEST_PX, Colour, Fonts, clean, laid_out, middle, row_height, shortened, wrap, write
from protocol.board.page import Look, Page
from protocol.board.picture import fitted

ONE_ROW: Final = 48
"""A board lower than this has one row of text."""
MARK_WORDS: Final = 5
"""After so many words that run through stands again that they are a drill's, or cancelled."""
ILLUSTRATED: Final = frozenset({Look.BULLETIN, Look.NOTICE})
"""Looks that may have a picture; an alarm never has one."""
CALL_MS: Final = 3_000
"""So long a low board calls for attention before it says what the alarm is."""

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


def render(page: Page, form: Format, fonts: Fonts, picture: Image.Image | None = None) -> Film:
    """What to show for this page, over and over. `picture` goes with it; a board of one row has no room for one."""
    page = replace(page, title=clean(page.title), text=clean(page.text), line=clean(page.line))
    if page.look is Look.BLACK:
        scenes = [Scene(_frame(Image.new("RGB", (form.width, form.height))), form.page_ms)]
    elif form.height < ONE_ROW:
        scenes = _row(page, form, fonts)
    elif page.look in (Look.CLOCK, Look.CODE):
        scenes = [Scene(_frame(_big(page, some, form, fonts)), form.page_ms) for some in _below(page, form, fonts)]
        scenes += _sheets(replace(page, text=page.line), form, fonts, None) if page.line else []
    else:
        scenes = _sheets(page, form, fonts, picture if page.look in ILLUSTRATED else None)
    return Film(form.width, form.height, tuple(scenes))


def text_of(page: Page) -> str:
    """The page in letters of ASCII, for signs that draw them better than we do; empty where it has others."""
    short = page.title if page.look in (Look.CLOCK, Look.CODE) else ""
    return short if short.isascii() and short.isprintable() else ""


# Low boards


def _row(page: Page, form: Format, fonts: Fonts) -> list[Scene]:
    """One row: what fits stands still, what does not runs through, or comes piece by piece."""
    style = STYLES[page.look]
    drawn = fonts.fitting("text", form.height)
    if page.look in (Look.CLOCK, Look.CODE):
        large = fonts.widest(page.title, "text", form.width, form.height)
        short = [Scene(_line(page.title, large, form, style.text), form.page_ms)]
        return [*short, *_told(page.line, drawn, form, style, [])] if page.line else short
    scenes = _call(style, form, fonts)
    title = f"{style.call}: {page.title}" if style.call else page.title
    whole = " – ".join(part for part in (title, page.text.replace("\n", " ")) if part)
    return [*scenes, *_told(whole, drawn, form, style, scenes)]


def _told(whole: str, drawn: ImageFont.FreeTypeFont, form: Format, style: Style, between: list[Scene]) -> list[Scene]:
    """The text. Whoever looks up between two of its pieces reads what it is, too."""
    whole = whole.replace("\n", " ")
    if drawn.getlength(whole) <= form.width:
        return [Scene(_line(whole, drawn, form, style.text), form.page_ms)]
    if form.moves:
        return [_running(_marked(whole, style), drawn, form, style.text)]
    pieces = [
        Scene(_line(piece, drawn, form, style.text), form.page_ms // 2) for piece in wrap(whole, drawn, form.width)
    ]
    told = [[piece, *between] if number % 2 else [piece] for number, piece in enumerate(pieces)]
    return [scene for some in told for scene in some]


def _marked(whole: str, style: Style) -> str:
    """Whoever looks up in the middle of what runs through must not take a drill for an alarm."""
    if style.flashes or not style.call:
        return whole
    words = whole.split(" ")
    some = [" ".join(words[start : start + MARK_WORDS]) for start in range(0, len(words), MARK_WORDS)]
    return f" – {style.call} – ".join(some)


def _call(style: Style, form: Format, fonts: Fonts) -> list[Scene]:
    """What it is, alone and whole."""
    drawn = fonts.widest(style.call, "text", form.width, form.height)
    if not style.call or drawn.getlength(style.call) > form.width:
        return []
    word = _line(style.call, drawn, form, style.text)
    if not (style.flashes and form.moves):
        return [Scene(word, CALL_MS)]
    return [Scene(word, CALL_MS, _line(style.call, drawn, form, NIGHT, style.bar))]


def _running(text: str, drawn: ImageFont.FreeTypeFont, form: Format, colour: Colour) -> Scene:
    width = 2 * form.width + int(drawn.getlength(text)) + 1
    image = Image.new("RGB", (width, form.height))
    write(image, (form.width, middle(drawn, 0, form.height)), text, drawn, colour)
    return Scene(_frame(image), -(-(width - form.width) // STEP_DOTS) * STEP_MS)


def _line(text: str, drawn: ImageFont.FreeTypeFont, form: Format, colour: Colour, ground: Colour = NIGHT) -> Frame:
    image = Image.new("RGB", (form.width, form.height), ground)
    left = max(0, (form.width - int(drawn.getlength(text))) // 2)
    write(image, (left, middle(drawn, 0, form.height)), text, drawn, colour)
    return _frame(image)


# High boards


def _above(page: Page, form: Format, fonts: Fonts) -> int:
    """So high are the large letters: below them two rows have room for all of their marks, where half is enough."""
    if not page.text:
        return form.height
    two = 2 * row_height(fonts.at("text", LOWEST_PX))
    return min(form.height * 3 // 5, max(form.height // 2, form.height - two))


def _below(page: Page, form: Format, fonts: Fonts) -> list[list[str]]:
    """The small lines, all of them at once; where one is too long, one after the other, each broken into rows."""
    lines = page.text.split("\n") if page.text else []
    rows = max(1, (form.height - _above(page, form, fonts)) // LOWEST_PX)
    lowest = fonts.at("text", LOWEST_PX)
    if len(lines) <= rows and all(lowest.getlength(line) <= form.width for line in lines):
        return [lines]
    broken = [wrap(line, lowest, form.width) for line in lines]
    return [some[first : first + rows] for some in broken for first in range(0, len(some), rows)]


def _big(page: Page, lines: list[str], form: Format, fonts: Fonts) -> Image.Image:
    """A few large letters, and small lines below."""
    style = STYLES[page.look]
    image = Image.new("RGB", (form.width, form.height))
    above = _above(page, form, fonts)
    drawn = fonts.widest(page.title, "bold", form.width * 9 // 10, above * 9 // 10)
    left = (form.width - int(drawn.getlength(page.title))) // 2
    write(image, (left, middle(drawn, 0, above)), page.title, drawn, style.text)
    for number, line in enumerate(lines):
        each = (form.height - above) // len(lines)
        small = fonts.widest(line, "text", form.width * 19 // 20, each * 9 // 10)
        place = (max(0, (form.width - int(small.getlength(line))) // 2), middle(small, above + number * each, each))
        write(image, place, line, small, style.bar_text)
    return image


def _sheets(page: Page, form: Format, fonts: Fonts, picture: Image.Image | None) -> list[Scene]:
    """The title in a bar, below it the text on as many pages as it takes; the picture comes second."""
    style = STYLES[page.look]
    bar = max(16, form.height // 5)
    margin = max(1, form.width // 60)
    room = (form.width - 2 * margin, form.height - bar)
    head = " – ".join(part for part in (style.call, page.title) if part)
    text = page.text
    titled = fonts.widest(head, "bold", room[0], bar)
    if titled.getlength(head) > room[0] and style.call:
        head, text = style.call, "\n".join(part for part in (page.title, page.text) if part)
        titled = fonts.widest(head, "bold", room[0], bar)
        if titled.getlength(head) > room[0]:
            titled = fonts.widest(head, "text", form.width, bar)
    drawn, pages = laid_out(text, room, fonts)
    sheets = [_lines(lines, drawn, form, (bar, margin), style.text) for lines in pages]
    if picture is not None:
        words = sheets if text else []
        sheets = [*words[:1], _illustration(picture, form, bar), *words[1:]]  # a short bulletin is over in two pages
    faces = [(style.bar, style.bar_text), *([(NIGHT, style.bar)] if style.flashes and form.moves else [])]
    scenes = []
    for number, sheet in enumerate(sheets):
        count = f"{number + 1}/{len(sheets)}" if len(sheets) > 1 else ""
        frames = []
        for colours in faces:
            _bar(sheet, bar, (head, count), titled, colours)
            frames.append(_frame(sheet))
        scenes.append(Scene(frames[0], form.page_ms, frames[1] if len(frames) > 1 else None))
    return scenes


def _lines(
    lines: list[str], drawn: ImageFont.FreeTypeFont, form: Format, edges: tuple[int, int], colour: Colour
) -> Image.Image:
    """One page of a text, below the bar and right of the margin that are `edges`; a line alone stands in the middle."""
    bar, margin = edges
    image = Image.new("RGB", (form.width, form.height))
    top = bar + (form.height - bar - len(lines) * row_height(drawn)) // 2
    for row, line in enumerate(lines):
        left = margin if len(lines) > 1 else max(margin, (form.width - int(drawn.getlength(line))) // 2)
        write(image, (left, middle(drawn, top + row * row_height(drawn), row_height(drawn))), line, drawn, colour)
    return image


def _illustration(picture: Image.Image, form: Format, bar: int) -> Image.Image:
    image = Image.new("RGB", (form.width, form.height))
    image.paste(fitted(picture, form.width, form.height - bar), (0, bar))
    return image


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
    shown = shortened(head, drawn, image.width - 2 * margin - beside)
    free = image.width - beside - int(drawn.getlength(shown))
    write(image, (max(margin, free // 2), middle(drawn, 0, bar)), shown, drawn, colours[1])
    if count:
        left = image.width - margin - int(drawn.getlength(count))
        write(image, (left, middle(drawn, 0, bar)), count, drawn, colours[1])


def _frame(image: Image.Image) -> Frame:
    return Frame(image.width, image.height, image.tobytes())
