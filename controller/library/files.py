"""The data folder's files, named by their hash: written whole or not at all, and only then
spoken of in the database."""

import contextlib
import datetime as dt
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings

from controller.library.models import Blob, BlobKind
from protocol.ids import sha256


def path_of(hash_hex: str) -> Path:
    """Where the file of this hash is, or would be."""
    root: Path = settings.LOALANG.blobs
    return root / hash_hex[:2] / hash_hex


@contextlib.contextmanager
def workshop() -> Iterator[Path]:
    """A folder for half-done files, on the same disk as the blobs; gone afterwards, with all that is in it."""
    root: Path = settings.LOALANG.blobs
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=root) as folder:
        yield Path(folder)


def keep_bytes(data: bytes, kind: BlobKind, now: dt.datetime) -> Blob:
    """Store these bytes; the same bytes again are the same row."""
    with workshop() as folder:
        fresh = folder / "blob"
        fresh.write_bytes(data)
        return _keep(fresh, sha256(data).hex(), kind, now, None)


def keep_file(path: Path, kind: BlobKind, now: dt.datetime, *, duration_ms: int | None = None) -> Blob:
    """Move this file of a `workshop` to its place; the same content again is the same row."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _keep(path, digest, kind, now, duration_ms)


def _keep(fresh: Path, digest: str, kind: BlobKind, now: dt.datetime, duration_ms: int | None) -> Blob:
    target = path_of(digest)
    size = fresh.stat().st_size
    if not target.exists():
        move(fresh, target)
    blob, _ = Blob.objects.get_or_create(
        hash=digest, defaults={"kind": kind, "size": size, "duration_ms": duration_ms, "created": now}
    )
    return blob


def move(fresh: Path, target: Path, sync: Callable[[Path], None] | None = None) -> None:
    """To its place, and there to stay when the power fails: the content, its name, and the name of its new folder."""
    sync = sync or _sync
    sync(fresh)
    if not target.parent.exists():
        target.parent.mkdir(exist_ok=True)
        sync(target.parent.parent)
    fresh.replace(target)
    sync(target.parent)


def _sync(path: Path) -> None:
    """To the disk, for a file its content and for a folder its names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
