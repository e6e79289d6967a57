"""How long an Opus file really is, read from its Ogg pages (RFC 7845): to the sample, without decoding it."""

import struct
from pathlib import Path
from typing import Final

RATE: Final = 48_000
"""Granule positions of Opus count at 48 kHz whatever the input was (RFC 7845 §4)."""
TAIL_BYTES: Final = 65_536
"""An Ogg page is at most 65,307 bytes long (RFC 3533 §6), so the last one begins in here."""
_PAGE: Final = struct.Struct("<4sBBqIIIB")


class NotOpusError(ValueError):
    """Not an Ogg file whose first stream is Opus."""


def duration_ms(path: Path) -> int:
    """Milliseconds that a decoder gives, rounded up. Raises `NotOpusError`."""
    with path.open("rb") as file:
        head = file.read(128)
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        tail = file.read()
    at = head.find(b"OpusHead")
    last = tail.rfind(b"OggS")
    if at < 0 or len(head) < at + 12 or last < 0 or len(tail) < last + _PAGE.size:
        raise NotOpusError(f"{path.name}: no Opus in Ogg")
    skipped = int.from_bytes(head[at + 10 : at + 12], "little")
    granule = int(_PAGE.unpack_from(tail, last)[3])
    return max(0, -(-(granule - skipped) * 1000 // RATE))
