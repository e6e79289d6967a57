"""Whether files have exactly the bytes that somebody approved: hashed beside the player's turns, which wait for nobody.

A card takes seconds to give a playlist, and may stand still; an alarm must not wait for that. What was found good
counts for some minutes, as long as it is the same file, so that a turn taken again does not begin from the start.
"""

import asyncio
import enum
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from agent.ports.clock import Clock
from agent.services.lately import Lately

CHUNK_BYTES: Final = 1 << 20
QUICK_S: Final = 0.1
"""A turn waits so long for the answer: most files need no second turn."""
PATIENCE_MS: Final = 5_000
"""A card that has not given one file in so long stands still."""

File = tuple[Path, bytes]
"""And the SHA-256 that it should have."""
Digest = Callable[[Path], Awaitable[bytes | None]]
"""The SHA-256 of a file; None where it cannot be read."""

log = structlog.get_logger(__name__)

_Known = tuple[File, tuple[int, ...]]


class Bytes(enum.Enum):
    """What is known of a file's bytes."""

    APPROVED = enum.auto()
    OTHER = enum.auto()
    """Or they cannot be read."""
    UNKNOWN = enum.auto()
    """It is being read; somebody will be told."""
    STUCK = enum.auto()
    """It has been read for too long."""


class StillReadingError(Exception):
    """What should sound is not known to be what was approved yet; ask again when told."""


def digest_of(path: Path) -> bytes | None:
    """Waits for the disk."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.digest()


async def digest_here(path: Path) -> bytes | None:
    """In the loop, where there are no threads."""
    return digest_of(path)


class Checks:
    """Reads each group of files once, in order, however often it is asked."""

    def __init__(self, clock: Clock, digest: Digest, on_checked: Callable[[], None]) -> None:
        """`on_checked` is told when more is known of a group of files than was said of it."""
        self._clock = clock
        self._digest = digest
        self._on_checked = on_checked
        self._good = Lately(clock)
        self._bad: set[File] = set()
        """Of those that have just been read."""
        self._reading: dict[tuple[File, ...], tuple[asyncio.Task[None], int]] = {}
        """Groups, and since when (boot clock) their file has been read that is read now."""
        self._asked: set[tuple[File, ...]] = set()
        """Groups of which not all was known when somebody asked."""

    @property
    def busy(self) -> bool:
        """Whether an answer is still to be expected."""
        return any(not self._is_stuck(group) for group in self._reading)

    async def look(self, *files: File) -> list[Bytes]:
        """What is known of each; begins to read what is not known, up to the first with other bytes."""
        unknown = self._bad.isdisjoint(files) and any(self._of(file) is Bytes.UNKNOWN for file in files)
        if unknown and files not in self._reading:
            self._reading[files] = asyncio.create_task(self._read(files), name="check"), self._clock.boot_ms()
        if files in self._reading:
            await asyncio.wait({self._reading[files][0]}, timeout=QUICK_S)
        lacking = Bytes.STUCK if files in self._reading and self._is_stuck(files) else Bytes.UNKNOWN
        said = [self._of(file, lacking) for file in files]
        self._bad.difference_update(files)  # said once; it may be another file next time
        if files in self._reading:
            self._asked.add(files)
        return said

    def close(self) -> None:
        for task, _ in self._reading.values():
            task.cancel()

    def _of(self, file: File, lacking: Bytes = Bytes.UNKNOWN) -> Bytes:
        if file in self._bad:
            return Bytes.OTHER
        return Bytes.APPROVED if self._known(file) in self._good else lacking

    async def _read(self, files: tuple[File, ...]) -> None:
        try:
            for file in files:
                self._reading[files] = self._reading[files][0], self._clock.boot_ms()
                if not await self._is_approved(file):
                    self._bad.add(file)
                    return
        except Exception:  # whatever it is, it is no approval
            log.exception("a file could not be checked")
            self._bad.add(file)
        finally:
            del self._reading[files]
            if files in self._asked:
                self._asked.discard(files)
                self._on_checked()

    async def _is_approved(self, file: File) -> bool:
        path, sound = file
        known = self._known(file)
        if known in self._good:
            return True
        if known is None or await self._digest(path) != sound:
            return False
        self._good.add(known)
        return True

    def _known(self, file: File) -> _Known | None:
        """The file as it is now: another one under its name, or other bytes in it, are not what was read."""
        try:
            stat = file[0].stat()
        except OSError:
            return None
        return file, (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_dev, stat.st_ino)

    def _is_stuck(self, group: tuple[File, ...]) -> bool:
        return self._clock.boot_ms() - self._reading[group][1] > PATIENCE_MS
