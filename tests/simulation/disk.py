"""Disks below a box: one remembers every call, so that a power cut at any of them can be booted; one counts them.

`Disk` records, while something runs, what SQLite does to its files (through an apsw VFS) and what plain files go
through (each return from `write`, `fsync`, `replace` … is a moment at which the folder is looked at, by
`sys.setprofile`: the code under test knows nothing of it and nothing is patched). `images` then makes folders as they
may lie there after a cut at any of these moments: what was synced is there; what was not is lost, kept, torn in sectors
or out of order. A file's new name is there when its folder was synced.
"""

import contextlib
import enum
import itertools
import os
import shutil
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final, Protocol, cast

import apsw
from sqlite_utils import Database as Tables

from protocol.quantities import DAY_MS

BLOCK: Final = 4_096
SECTOR: Final = 512
DATABASE: Final = "box.sqlite3"
WATCHED: Final = frozenset({"open", "write", "flush", "fsync", "replace", "unlink", "truncate", "__exit__", "close"})


class Loss(enum.Enum):
    """What becomes of writes that were not synced."""

    ALL_LOST = "all lost"
    ALL_KEPT = "all kept"
    TORN = "torn"
    REORDERED = "reordered"


@dataclass(frozen=True)
class Write:
    file: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    file: str
    size: int


@dataclass(frozen=True)
class Sync:
    file: str


@dataclass(frozen=True)
class Name:
    """A file gets a name, in place of whatever had it; None: the name goes."""

    name: str
    file: str | None
    before: str | None = None
    """The name that it had; a rename is one thing."""


@dataclass(frozen=True)
class SyncFolder:
    pass


@dataclass(frozen=True)
class Mark:
    """Not of the disk: something that the test wants to know the place of."""

    what: str


Event = Write | Truncate | Sync | Name | SyncFolder | Mark


class Recorder(Protocol):
    """Is told of every call."""

    def note(self, event: Event) -> None: ...


class Disk:
    """`with disk.recording():` around what is to be cut."""

    def __init__(self, folder: Path, aside: Path, then: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self._then = then
        """Called after every call that was written down."""
        self.events: list[Event] = []
        self._base = aside / "base"
        self._aside = aside
        self._on = False
        self._seen: dict[str, tuple[int, bytes]] = {}

    def note(self, event: Event) -> None:
        if self._on:
            self.events.append(event)
            self._then()

    def mark(self, what: str) -> None:
        self.note(Mark(what))

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """What lies in the folder now is on the disk; what is done to it from here on is written down."""
        shutil.copytree(self.folder, self._base, ignore=shutil.ignore_patterns("*-shm"))
        self._seen = self._look()
        self._on = True
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._compare()
            self._on = False

    def images(
        self, losses: tuple[Loss, ...], seed: int = 0, *, in_turn: bool = False
    ) -> Iterator[tuple[int, Loss, Path]]:
        """For each moment, the folders that a cut may have left; each is gone when the next one is asked for.

        `in_turn`: of each moment one loss only, of the next moment the next.
        """
        names = [path.name for path in self._base.iterdir() if path.is_file()]
        for moment in range(len(self.events) + 1):
            if moment and isinstance(self.events[moment - 1], Mark):
                continue
            for loss in losses if not in_turn else (losses[moment % len(losses)],):
                image = self._aside / "image"
                shutil.rmtree(image, ignore_errors=True)
                shutil.copytree(self._base, image, ignore=lambda *_: names)
                for name, data in self.left_at(moment, loss, Random(f"{seed} {moment}")).items():
                    (image / name).write_bytes(data)
                yield moment, loss, image

    def left_at(self, moment: int, loss: Loss, random: Random) -> dict[str, bytes]:
        """By name, the files that a cut at this moment leaves: after so many of the events."""
        files = {path.name: path.read_bytes() for path in self._base.iterdir() if path.is_file()}
        state = _State({name: name for name in files}, files)
        for event in self.events[:moment]:
            state.apply(event)
        return state.after_the_cut(loss, random)

    def happened_before(self, what: str, moment: int) -> int:
        return self.events[:moment].count(Mark(what))

    # Plain files

    def _profile(self, _frame: FrameType, event: str, function: Any) -> None:
        if event != "c_return" or getattr(function, "__name__", "") not in WATCHED:
            return
        self._compare()
        if function.__name__ == "fsync":
            self._synced()

    def _compare(self) -> None:
        before, now = self._seen, self._look()
        self._seen = now
        names = {inode: name for name, (inode, _) in before.items()}
        for name, (inode, data) in now.items():
            file = str(inode)
            was = before.get(name)
            if was is None or was[0] != inode:
                self.note(Name(name, file, names.get(inode)))
            old = before[names[inode]][1] if inode in names else b""
            if data != old:
                if data[: len(old)] != old:
                    self.note(Truncate(file, 0))
                    old = b""
                self.note(Write(file, len(old), data[len(old) :]))
        for name, (inode, _) in before.items():
            if name not in now and inode not in {other for other, _ in now.values()}:
                self.note(Name(name, None))

    def _synced(self) -> None:
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                target = descriptor.readlink()
                if target == self.folder:
                    self.note(SyncFolder())
                elif target.parent == self.folder and not target.name.startswith(DATABASE):
                    self.note(Sync(str(target.stat().st_ino)))

    def _look(self) -> dict[str, tuple[int, bytes]]:
        return {
            path.name: (path.stat().st_ino, path.read_bytes())
            for path in self.folder.iterdir()
            if path.is_file() and not path.name.startswith(DATABASE)
        }


@dataclass
class _State:
    """What is on the disk for certain, and what is only on its way."""

    names: dict[str, str]
    """Synced: name → file."""
    contents: dict[str, bytes]
    """Synced: file → bytes."""
    pending: dict[str, list[Write | Truncate]] = field(default_factory=dict)
    renamed: list[Name] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        match event:
            case Write(file) | Truncate(file):
                self.pending.setdefault(file, []).append(event)
            case Sync(file):
                self.contents[file] = _written(self.contents.get(file, b""), self.pending.pop(file, []))
            case Name():
                self.renamed.append(event)
            case SyncFolder():
                self._take_names(len(self.renamed))
                self.renamed = []

    def after_the_cut(self, loss: Loss, random: Random) -> dict[str, bytes]:
        kept = {Loss.ALL_LOST: 0, Loss.ALL_KEPT: len(self.renamed)}.get(loss, random.randint(0, len(self.renamed)))
        self._take_names(kept)
        lain = dict(self.contents)
        for file, writes in self.pending.items():
            lain[file] = _written(lain.get(file, b""), _left_of(writes, loss, random))
        return {name: lain.get(file, b"") for name, file in self.names.items()}

    def _take_names(self, count: int) -> None:
        for event in self.renamed[:count]:
            if event.before is not None:
                self.names.pop(event.before, None)
            if event.file is None:
                self.names.pop(event.name, None)
            else:
                self.names[event.name] = event.file


def _left_of(writes: list[Write | Truncate], loss: Loss, random: Random) -> list[Write | Truncate]:
    if loss is Loss.ALL_LOST:
        return []
    if loss is Loss.ALL_KEPT:
        return writes
    if loss is Loss.TORN:  # the first few, and of the last a beginning
        whole = writes[: random.randint(0, len(writes))]
        if whole and isinstance(last := whole[-1], Write):
            sectors = random.randint(0, len(last.data) // SECTOR)
            whole = [*whole[:-1], Write(last.file, last.offset, last.data[: sectors * SECTOR])]
        return whole
    return [write for write in writes if random.random() < 0.5]


def _written(data: bytes, writes: list[Write | Truncate]) -> bytes:
    content = bytearray(data)
    for write in writes:
        if isinstance(write, Truncate):
            del content[write.size :]
            content.extend(bytes(write.size - len(content)))
        else:
            content.extend(bytes(max(0, write.offset - len(content))))
            content[write.offset : write.offset + len(write.data)] = write.data
    return bytes(content)


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

    def note(self, event: Event) -> None:
        if isinstance(event, Write) and event.data:
            last = (event.offset + len(event.data) - 1) // BLOCK
            self._dirty[event.file].update(range(event.offset // BLOCK, last + 1))
        elif isinstance(event, Sync):
            self._count((len(self._dirty.pop(event.file, ())) + 1) * BLOCK)

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


# SQLite's files


class _File(apsw.VFSFile):
    def __init__(self, recorder: Recorder, name: Any, flags: list[int]) -> None:
        self._recorder = recorder
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = os.path.basename(path or "temporary")  # noqa: PTH119 - it is a string
        self._new = path is not None and not Path(path).exists()
        super().__init__("", name, flags)
        if self._new:
            recorder.note(Name(self._name, self._name))

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._recorder.note(Write(self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._recorder.note(Truncate(self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        """The disk of this machine need not wait: what a cut leaves is made from the record."""
        del flags
        self._recorder.note(Sync(self._name))
        if self._new and self._name.endswith(("-wal", "-journal")):  # unixSync, os_unix.c: the first sync of a new one
            self._new = False
            self._recorder.note(SyncFolder())


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
        self._recorder.note(Name(os.path.basename(filename), None))  # noqa: PTH119
        if syncdir:
            self._recorder.note(SyncFolder())


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
