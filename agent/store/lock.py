"""One daemon to a state folder: a lock that the kernel drops with the process, however that ends (flock(2))."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from agent.errors import StoreError


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs. Raises `StoreError` when another daemon has it, or it cannot be used."""
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise StoreError(
            f"{folder}: the state folder cannot be used ({error.strerror}); make it writable or set box.state_dir",
            vi=f"{folder}: thư mục lưu trữ không dùng được ({error.strerror}); hãy mở quyền ghi hoặc đổi box.state_dir",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                f"{folder}: another loalang-agent runs with this state folder; stop it, or set another box.state_dir",
                vi=f"{folder}: một loalang-agent khác đang chạy với thư mục này; hãy dừng nó, hoặc đổi box.state_dir",
            ) from error
        yield
