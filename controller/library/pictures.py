"""Pictures of bulletins: examined and made small by a program of its own (`shrinking`); the upload is not kept."""

import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _
from PIL import Image

from controller.core.errors import Refused
from controller.library import files, watched
from controller.library.shrinking import MAX_DOTS, Outcome
from controller.library.watched import Patience
from protocol.board.picture import open_picture
from protocol.errors import ProtocolError

MAX_BYTES: Final = 15 * 1024 * 1024
AT_ONCE: Final = 2
"""So many uploads are decoded side by side, whoever sends them: each may take as much memory as `Bounds` allows."""
TURNS: Final = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Bounds:
    """What one upload may take."""

    memory_bytes: int = 1 << 30
    """Of addresses; the largest picture that is taken needs 550 MB."""
    cpu_s: int = 20
    total_s: float = 25
    """By the clock, once it has its turn."""
    turn_s: float = 60
    """So long it waits for others to be done."""


BOUNDS: Final = Bounds()


def made(upload: Path, folder: Path, bounds: Bounds = BOUNDS) -> Path:
    """The picture that boxes get of an upload, in this folder. Raises `Refused` (field `picture`)."""
    size = upload.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise Refused(
            "picture",
            _("Tệp hình rỗng, hoặc lớn quá %(limit)d MB.") % {"limit": MAX_BYTES // (1024 * 1024)},
            _("Hãy lưu hình ở dạng JPEG, rồi tải lên lại."),
        )
    source, target = folder / "picture.upload", folder / "picture.png"
    shutil.copyfile(upload, source)
    outcome = _shrunk(source, target, bounds)
    if outcome == Outcome.TOO_MANY_DOTS:
        raise Refused(
            "picture",
            _("Hình có quá nhiều điểm ảnh: nhiều nhất %(limit)d triệu.") % {"limit": MAX_DOTS // 1_000_000},
            _("Bảng tin chỉ có vài nghìn điểm; hãy thu nhỏ hình rồi tải lên lại."),
        )
    if outcome != Outcome.MADE or not _is_picture(target):
        raise Refused(
            "picture",
            _("Tệp này không phải là hình mà hệ thống đọc được, dù tên tệp có thể nói khác."),
            _("Hãy chọn hình PNG hoặc JPEG."),
        )
    return target


def opened(name: str) -> Image.Image | None:
    """The picture of this hash (hex), to be drawn; None where there is none (""), or its file is gone."""
    if not name:
        return None
    try:
        return open_picture(files.path_of(name).read_bytes())
    except (OSError, ProtocolError):
        return None


def _shrunk(source: Path, target: Path, bounds: Bounds) -> int:
    """An `Outcome`, or what a program's end is otherwise. Raises `Refused` when others are not done in time."""
    if not TURNS.acquire(timeout=bounds.turn_s):
        raise Refused(
            "picture", _("Máy chủ đang bận với hình của người khác."), _("Hãy chờ một phút rồi tải hình lên lại.")
        )
    try:
        return watched.run(
            command(source, target, bounds), lambda _line: None, Patience(bounds.total_s, bounds.total_s)
        )[0]
    except watched.TooSlow:
        return Outcome.NO_PICTURE
    finally:
        TURNS.release()


def command(source: Path, target: Path, bounds: Bounds = BOUNDS) -> list[str]:
    """Of the program that makes the one of the other."""
    limits = (str(bounds.memory_bytes), str(bounds.cpu_s))
    return [sys.executable, "-m", "controller.library.shrinking", str(source), str(target), *limits]


def _is_picture(path: Path) -> bool:
    try:
        open_picture(path.read_bytes())
    except (OSError, ProtocolError):
        return False
    return True
