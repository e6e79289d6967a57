"""What a rebuilt database must not forget, in a small file beside it (fault 9): whom to trust, which orders were heard.

Without it a box whose database was damaged would take older roots again, fall silent in the middle of an alarm, and
sound an order that somebody kept a second time. It is written after the database and never instead of it: SHA-256, then
one CBOR record, whole or not at all. What goes into it is chosen in `inheritance`, so that it always can be read back.
"""

import os
from pathlib import Path
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from agent.errors import StoreError
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.ids import sha256

log = structlog.get_logger()

FILE: Final = "trust.2"
MAX_BYTES: Final = 4_194_304
_DIGEST: Final = 32
_SHED: Final = ("ended", "seen", "windows", "endings", "live")
"""What goes first where all would be too much. Roots, lists and the assignment always stay."""

LiveRow = tuple[bytes, bytes, bytes, int, int, int, int, int, int, int]
EndedRow = tuple[bytes, bytes, bytes, int, int, int, int, int, int, int, int]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """Plain copies of the database's rows; of each kind those come first that are worth most."""

    roots: bytes = b""
    """As they were signed; empty before there are any."""
    roots_record: bytes = b""
    """Not written any more: it stands in `roots`."""
    windows: tuple[tuple[bytes, int, bytes], ...] = ()
    """Signer's key, highest sequence, bits."""
    seen: tuple[tuple[bytes, int], ...] = ()
    """Order's id, when it was accepted (epoch milliseconds)."""
    endings: tuple[tuple[bytes, bytes, int, int, int, int], ...] = ()
    """Order's id; of what ends it the id, type, level, status, and when it came (epoch milliseconds)."""
    floor_ms: int = 0
    live: tuple[LiveRow, ...] = ()
    """Orders that have not come to their end, and stops in effect, whole: id, signed bytes, record, when it was
    accepted, level, length of its tape, expiry, stage, rounds, whether it locks (all times in milliseconds)."""
    delegations: tuple[tuple[str, bytes], ...] = ()
    """Their rows of the table `state`."""
    ended: tuple[EndedRow, ...] = ()
    """Orders that were ended before they expired, and what ended them: as `live`, and when that was."""
    wanted: bytes = b""
    """The newest assignment, as it was signed; empty before there is one."""
    lost: bool = False
    """There were roots, and nobody can read them any more."""


def read(folder: Path) -> Kept:
    """What was kept; nothing where there is no file. One that is not whole held roots once, which are `lost`."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return Kept()
    except OSError as error:
        log.warning("the trust file cannot be read", reason=str(error))
        return Kept(lost=True)
    return _opened(data[:_DIGEST], data[_DIGEST:])


def _opened(digest: bytes, payload: bytes) -> Kept:
    try:
        if sha256(payload) == digest:
            return decode(payload, Kept, max_bytes=MAX_BYTES)
    except ProtocolError as error:
        log.warning("the trust file is not of this version", reason=str(error))
    else:
        log.warning("the trust file is damaged")
    return Kept(lost=True)


def write(folder: Path, kept: Kept) -> None:
    """On the disk when this returns. Raises OSError; StoreError where it could not be read back: the old one stays."""
    payload = fitted(kept)
    part = folder / f"{FILE}.part"
    with part.open("wb") as file:
        file.write(sha256(payload) + payload)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE)
    sync_folder(folder)


def fitted(kept: Kept, max_bytes: int = MAX_BYTES) -> bytes:
    """The record's bytes, less what is worth least where all would be too much. Raises StoreError."""
    left = list(_SHED)
    try:
        while len(payload := encode(kept)) > max_bytes:
            if not left:
                raise StoreError(f"roots, lists and assignment take more than {max_bytes} bytes")
            rows = getattr(kept, left[0])
            kept = replace(kept, **{left[0]: rows[: len(rows) // 2]})
            if len(rows) < 2:
                left.pop(0)
    except ProtocolError as error:
        raise StoreError(f"not what can be read back: {error}") from error
    return payload


def sync_folder(folder: Path) -> None:
    """A file's new name is on the disk only when its folder is. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
