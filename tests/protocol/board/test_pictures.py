"""What may stand on a board as a picture: one narrow kind of file, fitted between the pages of a text."""

import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from protocol.board.page import Look, Page
from protocol.board.picture import MAX_HEIGHT, MAX_WIDTH, SIGNATURE, make_picture, open_picture
from protocol.board.rendering import Format, render
from protocol.bulletin import MAX_PICTURE_BYTES
from protocol.errors import ProtocolError
from tests.support.boards import FONTS, draw

ORANGE = (255, 128, 0)
FORM = Format(128, 64)


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(7).randbytes(3 * width * height))


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def header(width: int, height: int, *kind: int) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, *(kind or (8, 3, 0, 0, 0))))


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks)


PALETTE = chunk(b"PLTE", bytes(768))
DOTS = chunk(b"IDAT", zlib.compress(bytes(5 * 4)))
END = chunk(b"IEND", b"")
GOOD = png(header(4, 4), PALETTE, DOTS, END)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (640, 360), (4_000, 3_000)])
def test_whatever_is_made_is_small_enough_and_can_be_opened_and_keeps_its_proportions(size: tuple[int, int]) -> None:
    made = make_picture(noise(*size))
    assert len(made) <= MAX_PICTURE_BYTES
    opened = open_picture(made)
    assert opened.width <= MAX_WIDTH
    assert opened.height <= MAX_HEIGHT
    assert abs(opened.width * size[1] - opened.height * size[0]) <= max(size)


def test_of_a_photographs_file_nothing_is_kept_but_what_is_to_be_seen() -> None:
    image, file = noise(40, 30), BytesIO()
    image.info["icc_profile"] = b"a profile"
    exif = Image.Exif()
    exif[0x010E] = "the house of Lan"
    image.save(file, "JPEG", exif=exif, icc_profile=b"a profile", comment=b"taken by Lan")
    made = make_picture(Image.open(file))
    assert b"Lan" not in made
    assert b"iCCP" not in made


HOSTILE = {
    "nothing": b"",
    "a signature alone": SIGNATURE,
    "another kind": b"GIF89a" + bytes(100),
    "cut by a byte": GOOD[:-1],
    "a byte behind it": GOOD + b"\0",
    "a second end": GOOD + END,
    "no palette": png(header(4, 4), DOTS, END),
    "another order": png(PALETTE, header(4, 4), DOTS, END),
    "no dots": png(header(4, 4), PALETTE, END),
    "a text to unpack": png(
        header(4, 4), PALETTE, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(9_999_999))), DOTS, END
    ),
    "a profile to unpack": png(
        header(4, 4), PALETTE, DOTS, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(9_999_999))), END
    ),
    "an animation": png(header(4, 4), chunk(b"acTL", bytes(8)), PALETTE, DOTS, END),
    "no width": png(header(0, 4), PALETTE, DOTS, END),
    "too wide": png(header(641, 4), PALETTE, DOTS, END),
    "too high": png(header(4, 2**31 - 1), PALETTE, DOTS, END),
    "another colour type": png(header(4, 4, 8, 2, 0, 0, 0), PALETTE, DOTS, END),
    "16 bits": png(header(4, 4, 16, 3, 0, 0, 0), PALETTE, DOTS, END),
    "interlaced": png(header(4, 4, 8, 3, 0, 0, 1), PALETTE, DOTS, END),
    "a short header": png(chunk(b"IHDR", bytes(12)), PALETTE, DOTS, END),
    "dots that cannot be unpacked": png(header(4, 4), PALETTE, chunk(b"IDAT", b"no zlib stream"), END),
    "too few dots": png(header(4, 4), PALETTE, chunk(b"IDAT", zlib.compress(bytes(5))), END),
    "half a colour": png(header(4, 4), chunk(b"PLTE", bytes(769)), DOTS, END),
    "a chunk longer than the file": png(header(4, 4), PALETTE, struct.pack(">I", 2**31) + b"IDAT", END),
    "too large a file": png(header(4, 4), PALETTE, DOTS, *[DOTS] * (MAX_PICTURE_BYTES // len(DOTS)), END),
    "more dots than its size": png(header(4, 4), PALETTE, chunk(b"IDAT", zlib.compress(bytes(9_999_999))), END),
    "something behind its dots": png(header(4, 4), PALETTE, DOTS, chunk(b"IDAT", b"x"), END),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_no_picture(name: str) -> None:
    assert open_picture(GOOD).size == (4, 4)
    with pytest.raises(ProtocolError):
        open_picture(HOSTILE[name])


@given(st.data())
def test_a_picture_whose_bytes_were_changed_is_opened_or_refused_and_nothing_else(data: st.DataObject) -> None:
    raw = bytearray(make_picture(noise(20, 10)))
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    with suppress(ProtocolError):
        assert open_picture(bytes(raw)).width <= MAX_WIDTH


def test_the_picture_is_the_second_page_under_the_title() -> None:
    """A bulletin of some seconds is over before all of its pages were there."""
    text = "Thứ Năm, từ bảy giờ đến mười một giờ, tại trạm y tế xã An Phú. Mang theo sổ tiêm."
    page = Page(Look.NOTICE, "Lịch tiêm chủng", text, "s1", "b1", b"p" * 32)
    orange = Image.new("RGB", (30, 30), ORANGE)
    scenes = render(page, FORM, FONTS, orange).scenes
    assert len(scenes) == len(draw(page, FORM).scenes) + 1
    assert len(scenes) > 2
    second = Image.frombytes("RGB", (128, 64), scenes[1].frame.rgb)
    assert second.getpixel((64, 40)) == ORANGE
    assert second.getpixel((5, 40)) == (0, 0, 0)
    assert second.getpixel((2, 2)) == (64, 64, 64)
    assert not any(dot == ORANGE for scene in (scenes[0], *scenes[2:]) for dot in dots(scene.frame.rgb))


def dots(rgb: bytes) -> set[tuple[int, ...]]:
    return {tuple(rgb[at : at + 3]) for at in range(0, len(rgb), 3)}


def test_a_picture_without_a_text_is_the_only_page() -> None:
    page = Page(Look.BULLETIN, "Bản đồ sơ tán", picture=b"p" * 32)
    assert len(render(page, FORM, FONTS, Image.new("RGB", (9, 9), ORANGE)).scenes) == 1


@pytest.mark.parametrize("look", [Look.ALARM, Look.DRILL, Look.CANCELLED, Look.CODE, Look.CLOCK, Look.BLACK])
def test_an_alarm_never_has_a_picture(look: Look) -> None:
    page = Page(look, "Lũ", "Nước đang lên nhanh.", "a")
    assert render(page, FORM, FONTS, Image.new("RGB", (9, 9), ORANGE)) == draw(page, FORM)


def test_a_board_of_one_row_has_no_room_for_a_picture() -> None:
    page, form = Page(Look.BULLETIN, "Lịch tiêm chủng", "Thứ Năm."), Format(96, 16)
    assert render(page, form, FONTS, Image.new("RGB", (9, 9), ORANGE)) == draw(page, form)


@pytest.mark.parametrize("shape", [lambda: noise(600, 1), lambda: noise(1, 300)])
def test_a_picture_of_an_odd_shape_is_whole_on_every_board(shape: Callable[[], Image.Image]) -> None:
    for form in (Format(64, 48), FORM, Format(1920, 1080)):
        (scene,) = render(Page(Look.BULLETIN, "Sơ đồ"), form, FONTS, shape()).scenes
        assert any(scene.frame.rgb[3 * form.width * (form.height // 2) :])
