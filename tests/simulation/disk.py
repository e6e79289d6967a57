"""Disks below SQLite: one that forgets what was not synced, and one that counts what is written to it.

What was synced stays. Of what was not, a seed decides: nothing, all, any part in any order, or with one write torn. So
any power cut among the recorded writes can be looked at afterwards.
"""

import contextlib
import itertools
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, cast

import apsw
from sqlite_utils import Database as Tables

from protocol.quantities import DAY_MS

BLOCK: Final = 4_096

KINDS: Final = ("none", "all", "some", "torn")


@dataclass(frozen=True)
class Op:
    """One call that reached the disk. `kind`: write, truncate, sync, delete, replace (of a whole file, synced)."""

    kind: str
    file: str
    at: int = 0
    data: bytes = b""


class Recorder(Protocol):
    """Is told of every call."""

    def note(self, op: Op) -> None: ...


@dataclass
class Disk:
    """The files as they were, and what was done to them since."""

    before: dict[str, bytes] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)

    def begin(self, folder: Path) -> None:
        """From here on power may be cut; what lies there is safe."""
        self.before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        self.ops.clear()

    def note(self, op: Op) -> None:
        self.ops.append(op)

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


class Meter:
    """Bytes that reach the card: whole blocks between two syncs of a file, and one block for each sync.

    The last is the file system's journal. Downloads of sounds are not counted: they are asked for, and not repeated.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.total = 0
        self._now_ms = now_ms
        self._dirty: defaultdict[str, set[int]] = defaultdict(set)
        self._written: deque[tuple[int, int]] = deque()
        self._in_a_day = 0

    def note(self, op: Op) -> None:
        if op.kind == "write" and op.data:
            self._dirty[op.file].update(range(op.at // BLOCK, (op.at + len(op.data) - 1) // BLOCK + 1))
        elif op.kind == "sync":
            self._count((len(self._dirty.pop(op.file, ())) + 1) * BLOCK)

    def wrote_file(self, size: int) -> None:
        """A new file took the place of an old one: its blocks, its name, and the sync of both."""
        self._count((-(-size // BLOCK) + 3) * BLOCK)

    def last_day(self) -> int:
        """Bytes within the last 24 hours. Asked while the simulation runs."""
        while self._written and self._written[0][0] < self._now_ms() - DAY_MS:
            self._in_a_day -= self._written.popleft()[1]
        return self._in_a_day

    def _count(self, size: int) -> None:
        self.total += size
        self._in_a_day += size
        self._written.append((self._now_ms(), size))


class _File(apsw.VFSFile):
    def __init__(self, recorder: Recorder, name: Any, flags: list[int]) -> None:
        self._recorder = recorder
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "temporary").name
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._recorder.note(Op("write", self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._recorder.note(Op("truncate", self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        del flags  # the disk of this machine need not wait: what a cut leaves is made from the record
        self._recorder.note(Op("sync", self._name))


class _Vfs(apsw.VFS):
    _numbers = itertools.count()

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.name = f"recorded {next(self._numbers)}"
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        return _File(self._recorder, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._recorder.note(Op("delete", Path(filename).name))


class _Tables:
    """What `agent.store.database` uses of sqlite-utils, on a disk that tells of every call."""

    def __init__(self, path: Path, recorder: Recorder) -> None:
        self._vfs = _Vfs(recorder)
        self.conn = apsw.Connection(str(path), vfs=self._vfs.name)

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


def connected(path: Path, recorder: Recorder) -> Tables:
    """A database on such a disk."""
    return cast("Tables", _Tables(path, recorder))
