"""What a rebuilt database must not forget, in a small file beside it (fault 9): whom to trust, which orders were heard.

Without it a box whose database was damaged would take older roots again, fall silent in the middle of an alarm, and
sound an order that somebody kept a second time. It is written after the database and never instead of it: SHA-256, then
one CBOR record, whole or not at all.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.ids import sha256

FILE: Final = "trust.2"
MAX_BYTES: Final = 4_194_304
MAX_SEEN: Final = 2_000
"""Newest orders whose ids are kept; older ones are known by their signer's window, and have long expired."""
MAX_LIVE: Final = 100
"""Newest orders that are kept whole."""
_DIGEST: Final = 32


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """Plain copies of the database's rows."""

    roots: bytes = b""
    """As they were signed; empty before there are any."""
    roots_record: bytes = b""
    windows: tuple[tuple[bytes, int, bytes], ...] = ()
    """Signer's key, highest sequence, bits."""
    seen: tuple[tuple[bytes, int], ...] = ()
    """Order's id, when it was accepted (epoch milliseconds)."""
    endings: tuple[tuple[bytes, bytes, int, int, int, int], ...] = ()
    """Order's id; of what ends it the id, type, level, status, and when it came (epoch milliseconds)."""
    floor_ms: int = 0
    live: tuple[tuple[bytes, bytes, bytes, int, int, int, int, int, int, int], ...] = ()
    """Orders that have not come to their end, and stops in effect, whole: id, signed bytes, record, when it was
    accepted, level, length of its tape, expiry, stage, rounds, whether it locks (all times in milliseconds)."""
    delegations: tuple[tuple[str, bytes], ...] = ()
    """Their rows of the table `state`."""


def read(folder: Path) -> Kept:
    """What was kept; nothing where there is no file, or none that is whole."""
    try:
        data = (folder / FILE).read_bytes()
        digest, payload = data[:_DIGEST], data[_DIGEST:]
        return decode(payload, Kept, max_bytes=MAX_BYTES) if sha256(payload) == digest else Kept()
    except (OSError, ProtocolError):
        return Kept()


def write(folder: Path, kept: Kept) -> None:
    """On the disk when this returns. Raises OSError."""
    payload = encode(kept)
    part = folder / f"{FILE}.part"
    with part.open("wb") as file:
        file.write(sha256(payload) + payload)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """A file's new name is on the disk only when its folder is. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
