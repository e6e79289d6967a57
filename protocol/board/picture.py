"""A picture for boards: one narrow kind of PNG (ISO/IEC 15948), looked through before anything of it is decoded.

It comes from a server that may be in wrong hands to a box of little memory. So the kind is one whose size decoded is
known from its first bytes, and that has no part which a decoder would unpack, run through or believe besides the dots.
"""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from PIL import Image

from protocol.bulletin import MAX_PICTURE_BYTES
from protocol.errors import ProtocolError

MAX_WIDTH: Final = 640
MAX_HEIGHT: Final = 360
COLOURS: Final = 256
SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
HEADER: Final = struct.Struct(">IIBBBBB")
PALETTE: Final = (8, 3, 0, 0, 0)
"""Bits of a dot, colour type, compression, filter, interlace (§11.2.1)."""


def open_picture(data: bytes) -> Image.Image:
    """The picture, in red, green and blue. Raises `ProtocolError` for whatever is none."""
    _look_through(data)
    try:
        with Image.open(BytesIO(data), formats=("PNG",)) as image:
            return image.convert("RGB")
    except Exception as error:  # whatever a decoder makes of hostile bytes, they are no picture
        raise ProtocolError("bad-picture", f"it cannot be decoded: {error!r}"[:200]) from error


def make_picture(image: Image.Image) -> bytes:
    """The file of this picture, made small enough. It has nothing of the picture's own file but what is to be seen."""
    small = image.convert("RGB")
    small.thumbnail((MAX_WIDTH, MAX_HEIGHT), Image.Resampling.LANCZOS)
    plain = Image.frombytes("RGB", small.size, small.tobytes()).quantize(COLOURS)
    colours = plain.getpalette() or []
    plain.putpalette(colours + [0] * (3 * COLOURS - len(colours)))  # a shorter one would make dots of fewer bits
    file = BytesIO()
    plain.save(file, "PNG", optimize=True)
    return file.getvalue()


def fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """As large as fits, whole and in its own proportions, in the middle of a dark sheet of this size."""
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    sheet = Image.new("RGB", (width, height))
    place = ((width - size[0]) // 2, (height - size[1]) // 2)
    sheet.paste(image.resize(size, Image.Resampling.LANCZOS), place)
    return sheet


def _look_through(data: bytes) -> None:
    if len(data) > MAX_PICTURE_BYTES:
        raise ProtocolError("bad-picture", f"{len(data)} bytes; {MAX_PICTURE_BYTES} at most")
    if data[:8] != SIGNATURE:
        raise ProtocolError("bad-picture", "no PNG")
    chunks = list(_chunks(data))
    names = [name for name, _content in chunks]
    if names[:3] != [b"IHDR", b"PLTE", b"IDAT"] or names[-1] != b"IEND" or set(names[2:-1]) != {b"IDAT"}:
        raise ProtocolError("bad-picture", "other chunks than IHDR, PLTE, IDAT and IEND, or in another order")
    if len(chunks[0][1]) != HEADER.size:
        raise ProtocolError("bad-picture", "its header has another length")
    width, height, *kind = HEADER.unpack(chunks[0][1])
    if tuple(kind) != PALETTE:
        raise ProtocolError("bad-picture", "not of 8 bits with a palette, or interlaced")
    if not (0 < width <= MAX_WIDTH and 0 < height <= MAX_HEIGHT):
        raise ProtocolError("bad-picture", f"{width} × {height} dots; {MAX_WIDTH} × {MAX_HEIGHT} at most")
    if len(chunks[1][1]) % 3 or not 0 < len(chunks[1][1]) <= 3 * COLOURS:
        raise ProtocolError("bad-picture", "its palette has another length")
    _expect_dots(b"".join(content for name, content in chunks if name == b"IDAT"), (width + 1) * height)


def _expect_dots(packed: bytes, length: int) -> None:
    """So many bytes when they are unpacked (a filter's number before each row, §7.2), and not one more."""
    unpacking = zlib.decompressobj()
    try:
        found = len(unpacking.decompress(packed, length + 1))
    except zlib.error as error:
        raise ProtocolError("bad-picture", f"its dots cannot be unpacked: {error}") from error
    if found != length or not unpacking.eof or unpacking.unused_data:
        raise ProtocolError("bad-picture", f"its dots are not the {length} bytes that its size needs")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each, to the last byte (§5.3)."""
    at = 8
    while at < len(data):
        if len(data) - at < 12:
            raise ProtocolError("bad-picture", "it ends within a chunk")
        length = int.from_bytes(data[at : at + 4], "big")
        if length > len(data) - at - 12:
            raise ProtocolError("bad-picture", "a chunk is longer than the file")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length
