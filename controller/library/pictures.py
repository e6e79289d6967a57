"""Pictures of bulletins: examined and made small by a program of its own (`shrinking`); the upload is not kept."""

import shutil
import sys
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _
from PIL import Image

from controller.core.errors import Refused
from controller.library import files, watched
from controller.library.models import Blob
from controller.library.shrinking import MAX_DOTS, Outcome
from controller.library.watched import Patience
from protocol.board.picture import open_picture
from protocol.errors import ProtocolError

MAX_BYTES: Final = 15 * 1024 * 1024
PATIENCE: Final = Patience(silent_s=25, total_s=25)


def made(upload: Path, folder: Path) -> Path:
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
    try:
        outcome, _said = watched.run(_command(source, target), lambda _line: None, PATIENCE)
    except watched.TooSlow:
        outcome = Outcome.NO_PICTURE
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


def opened(blob: Blob | None) -> Image.Image | None:
    """The picture of a bulletin, to be drawn; None where there is none, or its file is gone."""
    if blob is None:
        return None
    try:
        return open_picture(files.path_of(blob.hash).read_bytes())
    except (OSError, ProtocolError):
        return None


def _command(source: Path, target: Path) -> list[str]:
    return [sys.executable, "-m", "controller.library.shrinking", str(source), str(target)]


def _is_picture(path: Path) -> bool:
    try:
        open_picture(path.read_bytes())
    except (OSError, ProtocolError):
        return False
    return True
