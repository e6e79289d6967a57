"""Pages as dots: every letter is there, nothing is cut, nothing flashes faster than it may.

The pictures lie in `build/boards/` afterwards, for whoever wants to look.
"""

import string
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont

from protocol.board.film import Film, Frame, Scene
from protocol.board.letters import LOWEST_PX
from protocol.board.page import WEEKDAYS, Look, Page, clock
from protocol.board.rendering import Format
from protocol.messages import BY_CODE
from tests.support.boards import FOLDER, FONTS, draw, save

PICTURES = Path("build/boards")
VOWELS = "aăâeêioôơuưy"
GROUNDS = {Look.ALARM: (255, 0, 0), Look.DRILL: (0, 48, 160), Look.CANCELLED: (0, 96, 0)}
MARKS = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
LIGHT = (np.arange(256) / 255) ** 2.2
FLOOD = BY_CODE[1]
BULLETIN = (
    "Trạm y tế xã An Phú tiêm chủng mở rộng cho trẻ dưới hai tuổi vào sáng thứ Năm, từ bảy giờ đến mười một giờ. "
    "Đề nghị các gia đình đưa trẻ đến đúng giờ, mang theo sổ tiêm."
)
PAGES = (
    Page(Look.ALARM, FLOOD.title_vi, FLOOD.text_vi, "a"),
    Page(Look.DRILL, FLOOD.title_vi, FLOOD.text_vi, "a"),
    Page(Look.CANCELLED, FLOOD.title_vi, "Lệnh đã được hủy.", "a"),
    Page(Look.BULLETIN, "Lịch tiêm chủng", BULLETIN, "s1", "b1"),
    Page(Look.NOTICE, "Lịch tiêm chủng", BULLETIN, "s1", "b1"),
    Page(Look.CLOCK, "14:05", "Thứ Ba 24/11\nNhà văn hóa thôn 3"),
    Page(Look.CODE, "ABCD-2EFG", "Cụm loa thôn 3"),
    Page(Look.BLACK),
)
FORMS = (
    Format(96, 16),
    Format(96, 16, moves=False),
    Format(64, 32),
    Format(128, 64),
    Format(256, 128),
    Format(1920, 1080),
)


def vietnamese() -> set[str]:
    """Every letter of the alphabet with every mark, in both cases."""
    small = {unicodedata.normalize("NFC", vowel + mark) for vowel in VOWELS for mark in MARKS} | set(
        "bcdđghklmnpqrstvx"
    )
    return small | {letter.upper() for letter in small}


@pytest.mark.parametrize("name", ["text", "bold"])
def test_the_fonts_have_every_vietnamese_letter_and_whatever_a_text_is_made_of(name: str) -> None:
    letters = vietnamese()
    assert len(letters) == 2 * (12 * 6 + 17)
    known = TTFont(FOLDER / f"{name}.ttf").getBestCmap()
    needed = letters | set(string.digits + string.ascii_letters + string.punctuation + "–“”…° ")
    assert {letter for letter in needed if ord(letter) not in known} == set()


def test_nor_in_the_smallest_letters_of_a_high_board() -> None:
    seen: dict[bytes, str] = {}
    for letter in sorted(vietnamese()):
        dots = draw(Page(Look.BULLETIN, "", " ".join([letter] * 200)), Format(64, 64)).at(0).rgb
        assert dots not in seen or {letter, seen[dots]} == {"l", "I"}, (letter, seen.get(dots))
        seen[dots] = letter


@pytest.mark.parametrize("height", [16, 17, 20, 24, 32])
def test_no_two_vietnamese_letters_look_alike_on_a_low_board(height: int) -> None:
    """In a narrower font of 12 dots "ã" and "ă" are the same; "l" and "I" may be, as in print."""
    seen: dict[bytes, str] = {}
    for letter in sorted(vietnamese()):
        dots = draw(Page(Look.BULLETIN, letter), Format(48, height)).at(0).rgb
        assert dots not in seen or {letter, seen[dots]} == {"l", "I"}, (letter, seen.get(dots))
        seen[dots] = letter


def test_the_fonts_may_be_shipped() -> None:
    words = (FOLDER / "LICENSE.txt").read_text("utf-8")
    assert "Permission is hereby granted, free of charge" in words
    for name in ("text", "bold"):
        names = str(TTFont(FOLDER / f"{name}.ttf")["name"].getDebugName(4))
        assert names == f"Loa Lang {name}"
        assert not any(word in names for word in ("Bitstream", "Vera", "Arev", "DejaVu"))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.width}x{form.height}{'' if form.moves else '-still'}")
def test_every_page_is_drawn_in_the_boards_size(form: Format) -> None:
    for page in PAGES:
        film = draw(page, form)
        frames = [film.at(at_ms) for at_ms in range(0, sum(scene.hold_ms for scene in film.scenes), 997)]
        assert {(frame.width, frame.height, len(frame.rgb)) for frame in frames} == {
            (form.width, form.height, 3 * form.width * form.height)
        }
        assert any(any(frame.rgb) for frame in frames) is (page.look is not Look.BLACK)
        still = "" if form.moves else "-still"
        for number, scene in enumerate(film.scenes):
            at_ms = sum(before.hold_ms for before in film.scenes[:number]) + scene.hold_ms * 2 // 5
            path = PICTURES / f"{form.width}x{form.height}{still}" / f"{page.look}-{number + 1}.png"
            save(film.at(at_ms), path, zoom=1 if form.width > 500 else 4)


@pytest.mark.parametrize(
    "form", FORMS[:-1], ids=lambda form: f"{form.width}x{form.height}{'' if form.moves else '-still'}"
)
def test_no_word_is_lost_on_any_board(form: Format) -> None:
    words = BULLETIN.split()
    whole = draw(Page(Look.BULLETIN, "", BULLETIN), form).digest
    for number in range(len(words)):
        other = " ".join([*words[:number], words[number][::-1] + "q", *words[number + 1 :]])
        assert draw(Page(Look.BULLETIN, "", other), form).digest != whole, words[number]


@pytest.mark.parametrize("form", [Format(96, 16), Format(128, 64), Format(256, 128)], ids=lambda form: str(form.width))
def test_a_drill_is_marked_as_one_on_every_screen_of_it(form: Format) -> None:
    drill, alarm = (draw(page, form) for page in PAGES[1::-1])
    assert all(one.frame != other.frame for one, other in zip(drill.scenes, alarm.scenes, strict=True))
    assert all(scene.other is None for scene in drill.scenes), "a drill does not flash"
    if form.height >= 48:
        bars = {scene.frame.window(0, form.width // 2).rgb[: 3 * (form.width // 2) * 12] for scene in drill.scenes}
        assert len(bars) == 1, "the same words in the bar of every page, uncut"


@pytest.mark.parametrize(
    "form", FORMS[:-1], ids=lambda form: f"{form.width}x{form.height}{'' if form.moves else '-still'}"
)
def test_nothing_flashes_more_than_three_times_a_second(form: Format) -> None:
    for page in PAGES:
        film = draw(page, form)
        assert most_flashes(film) <= 3, page.look
    assert most_flashes(draw(PAGES[0], form)) == (1 if form.moves else 0)


def test_the_test_of_flashes_sees_them() -> None:
    black, white = (Frame(8, 8, bytes([value]) * 192) for value in (0, 255))
    assert most_flashes(Film(8, 8, (Scene(black, 100), Scene(white, 100)))) == 5


def most_flashes(film: Film) -> int:
    """In any second, in any eighth of the board: pairs of opposing changes of its relative luminance by a tenth
    (WCAG 2.3.1)."""
    instants, bands = [0], [luminances(film.at(0))]
    while instants[-1] < 9_000:
        instants.append(instants[-1] + (film.changes_in_ms(instants[-1]) or 1_000))
        bands.append(luminances(film.at(instants[-1])))
    return max(flashes(list(zip(instants, light, strict=True))) for light in zip(*bands, strict=True))


def flashes(light: list[tuple[int, float]]) -> int:
    """Of one place: the most in any second."""
    turns, extreme, direction = list[int](), light[0][1], 0
    for at_ms, value in light:
        change = value - extreme
        if abs(change) >= 0.1 and (change > 0) != (direction > 0 if direction else change < 0):
            turns.append(at_ms)
            extreme, direction = value, 1 if change > 0 else -1
        elif direction * change > 0:
            extreme = value
    return max((sum(1 for turn in turns if start <= turn < start + 1_000) // 2 for start in turns), default=0)


def luminances(frame: Frame) -> list[float]:
    """Relative luminance, 0 to 1, of each eighth of the rows."""
    dots = np.frombuffer(frame.rgb, np.uint8).reshape(frame.height, frame.width, 3)
    light = LIGHT[dots] @ np.array([0.2126, 0.7152, 0.0722])
    return [float(rows.mean()) for rows in np.array_split(light, 8)]


def contrast(frame: Frame, box: tuple[int, int]) -> float:
    """Between the brightest and the darkest dot of these rows (WCAG 1.4.3)."""
    rows = [frame.rgb[3 * frame.width * row :][: 3 * frame.width] for row in range(*box)]
    dots = {bytes(row[at : at + 3]) for row in rows for at in range(0, len(row), 3)}
    lights = [luminances(Frame(1, 8, dot * 8))[0] for dot in dots]
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("look", [Look.ALARM, Look.DRILL, Look.CANCELLED, Look.BULLETIN, Look.NOTICE])
def test_letters_stand_out_from_their_ground(look: Look) -> None:
    frame = draw(Page(look, "Lũ", "Nước đang lên nhanh.", "a"), Format(128, 64)).at(0)
    assert contrast(frame, (20, 64)) >= 7
    assert contrast(frame, (0, 12)) >= 3.9, "large letters on the bar"


@pytest.mark.parametrize("page", PAGES[:3], ids=lambda page: page.look)
@pytest.mark.parametrize(
    "form", [Format(96, 16), Format(64, 32), Format(96, 16, moves=False)], ids=lambda form: form.width
)
def test_what_a_page_is_and_the_time_stand_whole_on_low_boards(form: Format, page: Page) -> None:
    """The last column of a word that was cut off would be lit."""
    for frame in (draw(page, form).at(0), draw(PAGES[5], form).at(0)):
        last = frame.window(form.width - 1, 1).rgb
        assert set(zip(last[::3], last[1::3], last[2::3], strict=True)) <= {(0, 0, 0), GROUNDS[page.look]}
        assert any(frame.rgb)


def test_a_drill_that_runs_through_says_so_again_and_again() -> None:
    """Whoever looks up in the middle must not take it for an alarm: its text is longer by the words that say it."""
    drill, alarm = (draw(page, Format(96, 16)).scenes[-1].frame.width for page in PAGES[1::-1])
    words = len(f"{FLOOD.title_vi} {FLOOD.text_vi}".split())
    assert drill > alarm + (words // 6) * 70


def test_hostile_text_is_drawn_or_left_out_and_never_raises() -> None:
    for text in ("\x00\x1b[31m", "a" * 999, "\u202eabc", "\U0001f600" * 50, "\n\n\n", " ", "đ\u0301" * 300):
        for look in Look:
            draw(Page(look, text[:200], text), Format(96, 16))
            draw(Page(look, text[:200], text), Format(128, 64))


def test_decomposed_letters_are_drawn_as_composed_ones() -> None:
    composed = Page(Look.BULLETIN, "Ế ỗ ặ")
    decomposed = Page(Look.BULLETIN, unicodedata.normalize("NFD", composed.title))
    assert draw(composed, FORMS[0]) == draw(decomposed, FORMS[0])


def test_a_board_that_is_written_dot_by_dot_gets_neither_flashes_nor_running_text() -> None:
    film = draw(PAGES[0], Format(96, 16, moves=False))
    assert all(scene.other is None and scene.frame.width == 96 for scene in film.scenes)
    assert min(scene.hold_ms for scene in film.scenes) >= 3_000


@pytest.mark.parametrize("day", range(7))
def test_a_date_is_whole_on_a_board_of_128_dots(day: int) -> None:
    wall = datetime(2026, 11, 23 + day, tzinfo=UTC)
    shown = clock(wall, "")
    assert WEEKDAYS[day] in shown.text
    letters = FONTS.at("text", LOWEST_PX)
    assert letters.getlength(shown.text) <= 128


LONG = "Nhà văn hóa khu phố 3, phường Tân Định"


@pytest.mark.parametrize("form", [form for form in FORMS if form.height >= 48])
@pytest.mark.parametrize("look", [Look.CLOCK, Look.CODE])
def test_a_long_name_of_a_place_is_broken_below_the_time_and_nothing_of_it_is_cut(form: Format, look: Look) -> None:
    film, words = draw(Page(look, "14:05", f"Thứ Ba 24/11\n{LONG}"), form), LONG.split(" ")
    for number, scene in enumerate(film.scenes):
        save(scene.frame, PICTURES / f"name-{look}-{form.width}x{form.height}-{number}.png", zoom=4)
    assert (len(film.scenes) == 1) is (FONTS.at("text", LOWEST_PX).getlength(LONG) <= form.width)
    for number in range(len(words)):
        other = " ".join(words[:number] + words[number + 1 :])
        assert draw(Page(look, "14:05", f"Thứ Ba 24/11\n{other}"), form) != film, words[number]


WEATHER = "28–34 °C, chiều có dông"


@pytest.mark.parametrize("form", [form for form in FORMS if form.height >= 48])
def test_the_line_comes_after_the_time_with_the_time_above_it_and_nothing_of_it_is_cut(form: Format) -> None:
    time, *told = draw(Page(Look.CLOCK, "14:05", "Thứ Ba 24/11", line=WEATHER), form).scenes
    assert draw(Page(Look.CLOCK, "14:05", "Thứ Ba 24/11"), form).scenes == (time,)
    assert len(told) == 1
    save(told[0].frame, PICTURES / f"weather-{form.width}x{form.height}.png", zoom=max(1, 512 // form.width))
    words = WEATHER.split(" ")
    for number in range(len(words)):
        other = " ".join(words[:number] + words[number + 1 :])
        assert draw(Page(Look.CLOCK, "14:05", line=other), form).scenes[1:] != tuple(told), words[number]


@pytest.mark.parametrize("form", FORMS[:3])
def test_a_board_of_one_row_shows_the_time_and_then_the_line(form: Format) -> None:
    time, *told = draw(Page(Look.CLOCK, "14:05", line=WEATHER), form).scenes
    assert draw(Page(Look.CLOCK, "14:05"), form).scenes == (time,)
    assert sum(any(scene.frame.rgb) for scene in told) == len(told) >= 1
    assert (told[0].frame.width > form.width) is form.moves
