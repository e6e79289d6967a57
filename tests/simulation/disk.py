"""A disk that forgets: SQLite's writes are recorded below it, and any power cut among them can be looked at afterwards.

What was synced stays. Of what was not, a seed decides: nothing, all, any part in any order, or with one write torn.
"""

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw

KINDS: Final = ("none", "all", "some", "torn")


@dataclass(frozen=True)
class Op:
    """One call that reached the disk. `kind`: write, truncate, sync, delete, replace (of a whole file, synced)."""

    kind: str
    file: str
    at: int = 0
    data: bytes = b""


@dataclass
class Disk:
    """The files as they were, and what was done to them since."""

    before: dict[str, bytes] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)

    def begin(self, folder: Path) -> None:
        """From here on power may be cut; what lies there is safe."""
        self.before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        self.ops.clear()

    def survived(self, after: int, kind: str, seed: int) -> dict[str, bytes]:
        """The files that a boot finds when power went after so many calls."""
        rng = random.Random(f"{after} {kind} {seed}")
        safe = {name: bytearray(data) for name, data in self.before.items()}
        waiting: list[Op] = []
        for op in self.ops[:after]:
            if op.kind in ("sync", "delete", "replace"):
                for held in waiting:
                    if held.file == op.file:
                        _apply(safe, held)
                waiting = [held for held in waiting if held.file != op.file]
                _apply(safe, op)
            else:
                waiting.append(op)
        if kind == "none":
            waiting = []
        elif kind in ("some", "torn"):
            rng.shuffle(waiting)
            waiting = waiting[: rng.randint(0, len(waiting))] if kind == "some" else waiting
        for place, held in enumerate(waiting):
            torn = kind == "torn" and place == len(waiting) - 1 and held.kind == "write"
            _apply(safe, Op("write", held.file, held.at, held.data[: len(held.data) // 2]) if torn else held)
        return {name: bytes(data) for name, data in safe.items()}


def _apply(files: dict[str, bytearray], op: Op) -> None:
    if op.kind == "write":
        data = files.setdefault(op.file, bytearray())
        data.extend(bytes(max(0, op.at - len(data))))
        data[op.at : op.at + len(op.data)] = op.data
    elif op.kind == "truncate":
        del files.setdefault(op.file, bytearray())[op.at :]
    elif op.kind == "delete":
        files.pop(op.file, None)
    elif op.kind == "replace":
        files[op.file] = bytearray(op.data)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "temporary").name
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._disk.ops.append(Op("write", self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._disk.ops.append(Op("truncate", self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._disk.ops.append(Op("sync", self._name))


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__("recorded", "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._disk.ops.append(Op("delete", Path(filename).name))


class RecordedTables:
    """What `agent.store.database` uses of sqlite-utils, on a disk that is recorded."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._vfs = _Vfs(disk)
        self.conn = apsw.Connection(str(path), vfs="recorded")

    def enable_wal(self) -> None:
        self.conn.execute("PRAGMA journal_mode = WAL").fetchall()

    @contextlib.contextmanager
    def atomic(self) -> Iterator[None]:
        self.conn.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.conn.execute("ROLLBACK")
            raise
        self.conn.execute("COMMIT")

    def close(self) -> None:
        self.conn.close()
        self._vfs.unregister()
