"""Whether files have exactly the bytes that somebody approved: hashed beside the player's turns, which wait for nobody.

A card takes seconds to give a playlist, and may stand still; an alarm must not wait for that. What was found good
counts for some minutes, as long as it is the same file, so that a turn taken again does not begin from the start.
"""

import asyncio
import enum
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from agent.ports.clock import Clock
from agent.services.lately import Lately

CHUNK_BYTES: Final = 1 << 20
QUICK_S: Final = 0.1
"""A turn waits so long for the answer: most files need no second turn."""
PATIENCE_MS: Final = 5_000
"""A card that has given nothing more of a file in so long stands still."""
FRESH_MS: Final = 10_000
"""A bad answer that nobody has fetched in so long is forgotten: the card may give the file now."""

File = tuple[Path, bytes]
"""And the SHA-256 that it should have."""
Digest = Callable[[Path, Callable[[], None]], Awaitable[bytes | None]]
"""The SHA-256 of a file; None where it cannot be read. The second is told, in the loop, whenever more of it came."""

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
    """The card gives it no more, or not soon enough."""


class StillReadingError(Exception):
    """What should sound is not known to be what was approved yet; ask again when told."""


@dataclass
class _Reading:
    """A group of files that is being read; both times by the boot clock."""

    task: asyncio.Task[None]
    began_ms: int
    """When its file was begun that is read now."""
    came_ms: int
    """When the card gave something last."""


def digest_of(path: Path, on_chunk: Callable[[], None] = lambda: None) -> bytes | None:
    """Waits for the disk; tells of every chunk that came."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                on_chunk()
    except OSError:
        return None
    return digest.digest()


async def digest_here(path: Path, on_chunk: Callable[[], None]) -> bytes | None:
    """In the loop, where there are no threads."""
    return digest_of(path, on_chunk)


class Checks:
    """Reads each group of files once, in order, however often it is asked."""

    def __init__(self, clock: Clock, digest: Digest, on_checked: Callable[[], None]) -> None:
        """`on_checked` is told when more is known of a group of files than was said of it."""
        self._clock = clock
        self._digest = digest
        self._on_checked = on_checked
        self._good = Lately(clock)
        self._bad: dict[File, tuple[_Known | None, int]] = {}
        """Of those that have just been read: as which file, and when (boot clock)."""
        self._reading: dict[tuple[File, ...], _Reading] = {}
        self._asked: set[tuple[File, ...]] = set()
        """Groups of which not all was known when somebody asked."""

    @property
    def busy(self) -> bool:
        """Whether an answer is still to be expected."""
        return any(not self._is_stuck(group) for group in self._reading)

    async def look(self, *files: File, urgent: bool = False) -> list[Bytes]:
        """What is known of each; begins to read what is not known, up to the first with other bytes.

        What is `urgent` has something to take its place, and waits for no card that is only slow.
        """
        said = [self._of(file) for file in files]
        if Bytes.UNKNOWN in said and Bytes.OTHER not in said and files not in self._reading:
            now = self._clock.boot_ms()
            self._reading[files] = _Reading(asyncio.create_task(self._read(files), name="check"), now, now)
        if files in self._reading:
            await asyncio.wait({self._reading[files].task}, timeout=QUICK_S)
        stuck = files in self._reading and self._is_stuck(files, urgent=urgent)
        said = [self._of(file, Bytes.STUCK if stuck else Bytes.UNKNOWN) for file in files]
        for file in files:
            self._bad.pop(file, None)  # said once; it may be another file next time
        if files in self._reading:
            self._asked.add(files)
        return said

    def close(self) -> None:
        for reading in self._reading.values():
            reading.task.cancel()

    def _of(self, file: File, lacking: Bytes = Bytes.UNKNOWN) -> Bytes:
        known = self._known(file)
        if self._is_bad(file, known):
            return Bytes.OTHER
        return Bytes.APPROVED if known in self._good else lacking

    def _is_bad(self, file: File, known: _Known | None) -> bool:
        """Whether just this file was found to be bad, and just now."""
        read_as, read_ms = self._bad.get(file, (None, -FRESH_MS))
        return read_as == known and self._clock.boot_ms() - read_ms < FRESH_MS

    async def _read(self, files: tuple[File, ...]) -> None:
        reading, known = self._reading[files], None
        try:
            for file in files:
                reading.began_ms = reading.came_ms = self._clock.boot_ms()
                known = self._known(file)
                if not await self._is_approved(file, known, reading):
                    self._found_bad(file, known)
                    return
        except Exception:  # whatever it is, it is no approval
            log.exception("a file could not be checked")
            self._found_bad(file, known)
        finally:
            del self._reading[files]
            if files in self._asked:
                self._asked.discard(files)
                self._on_checked()

    def _found_bad(self, file: File, known: _Known | None) -> None:
        now = self._clock.boot_ms()
        self._bad = {other: bad for other, bad in self._bad.items() if now - bad[1] < FRESH_MS}
        self._bad[file] = known, now

    async def _is_approved(self, file: File, known: _Known | None, reading: _Reading) -> bool:
        path, sound = file
        if known in self._good:
            return True

        def came() -> None:
            reading.came_ms = self._clock.boot_ms()

        if known is None or await self._digest(path, came) != sound:
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

    def _is_stuck(self, group: tuple[File, ...], *, urgent: bool = False) -> bool:
        reading = self._reading[group]
        return self._clock.boot_ms() - (reading.began_ms if urgent else reading.came_ms) > PATIENCE_MS
