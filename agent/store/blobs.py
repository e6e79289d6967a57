"""Files named by their SHA-256: part file, hash, fsync, rename, fsync of the folder, and only then the row.

Whatever moment the power goes at, a name in the table is a whole file, and a part file is a beginning to go on from.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from agent.errors import StoreError
from agent.ports.store import Intake
from agent.store.database import Database
from agent.store.failure import store_error
from protocol.report import FaultCode

_READ: Final = 1 << 20


class PartFile:
    """Implements the port `Intake` on `<hash>.part`."""

    def __init__(self, path: Path, name: bytes, size: int) -> None:
        self.path: Final = path
        self.name: Final = name
        self.size: Final = size
        self._digest = hashlib.sha256()
        self._received = 0
        try:
            self._file: BinaryIO = path.open("ab+")
            self._reread()
        except OSError as error:
            raise store_error(
                f"{path}: cannot be written ({error}); check that the disk is writable and not full", error
            ) from error

    @property
    def received(self) -> int:
        return self._received

    def write(self, chunk: bytes) -> None:
        if self._received + len(chunk) > self.size:
            self.restart()
            raise StoreError(
                f"{self.name.hex()}: more than the announced {self.size} bytes arrived; refused", fault=FaultCode.FETCH
            )
        try:
            self._file.write(chunk)
        except OSError as error:
            raise store_error(f"{self.path}: not written ({error}); check that the disk is not full", error) from error
        self._digest.update(chunk)
        self._received += len(chunk)

    def restart(self) -> None:
        try:
            self._file.seek(0)
            self._file.truncate()
        except OSError as error:
            raise store_error(f"{self.path}: cannot be begun anew ({error}); check the disk", error) from error
        self._digest = hashlib.sha256()
        self._received = 0

    def close(self) -> None:
        """Raises StoreError when the last bytes find no room; what is on the disk stays."""
        try:
            self._file.close()
        except OSError as error:
            raise store_error(f"{self.path}: not written ({error}); check that the disk is not full", error) from error

    def is_whole(self) -> bool:
        return self._received == self.size and self._digest.digest() == self.name

    def settle(self) -> None:
        """Push the bytes to the disk and let go."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _reread(self) -> None:
        self._file.seek(0)
        while chunk := self._file.read(_READ):
            self._digest.update(chunk)
            self._received += len(chunk)
        if self._received > self.size:
            self.restart()


class BlobShelf:
    """Implements the port `Shelf` in a folder `blobs/` beside the database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made ({error}); check that the disk is writable") from error
        self._sizes = {
            bytes(name): int(size)
            for name, size in database.rows("SELECT hash, size FROM blobs")
            if isinstance(name, bytes) and isinstance(size, int)
        }
        for name in [name for name, size in self._sizes.items() if not _has_size(self._file(name), size)]:
            self.forget(name)

    def path(self, name: bytes) -> Path | None:
        return self._file(name) if name in self._sizes else None

    def sizes(self) -> Mapping[bytes, int]:
        return dict(self._sizes)

    def take_in(self, name: bytes, size: int) -> PartFile:
        return PartFile(self._folder / f"{name.hex()}.part", name, size)

    def admit(self, intake: Intake) -> bool:
        if not isinstance(intake, PartFile):
            raise TypeError("a shelf admits what it took in itself")
        try:
            if not intake.is_whole():
                intake.close()
                intake.path.unlink(missing_ok=True)
                return False
            intake.settle()
            intake.path.replace(self._file(intake.name))
            self._sync_folder()
        except OSError as error:
            raise store_error(f"{intake.path}: not kept ({error}); check that the disk is not full", error) from error
        with self._database.change() as connection:
            connection.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (intake.name, intake.size))
        self._sizes[intake.name] = intake.size
        return True

    def forget(self, name: bytes) -> None:
        self._sizes.pop(name, None)  # whatever the disk says to it: nobody is given this file any more
        with self._database.change() as connection:
            connection.execute("DELETE FROM blobs WHERE hash = ?", (name,))
        self._remove(self._file(name))

    def sweep(self) -> None:
        """Remove whatever is no blob: leavings of power cuts, and beginnings of what nobody wants any more."""
        whole = {self._file(name) for name in self._sizes}
        try:
            leavings = [file for file in self._folder.iterdir() if file not in whole]
        except OSError as error:
            raise store_error(f"{self._folder}: cannot be read ({error}); check the disk", error) from error
        for file in leavings:
            self._remove(file)

    def _remove(self, file: Path) -> None:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise store_error(f"{file}: not removed ({error}); check that the disk is writable", error) from error

    def _file(self, name: bytes) -> Path:
        return self._folder / name.hex()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _has_size(file: Path, size: int) -> bool:
    try:
        return file.stat().st_size == size
    except OSError:
        return False
