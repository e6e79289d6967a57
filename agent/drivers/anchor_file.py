"""The last instant of network time, kept for a daemon that is started again while the box stays up.

The boot clock counts from this boot, so the file is worth nothing after the next: it names its boot, belongs on a
tmpfs where there is one, and is not fsynced.
"""

import contextlib
import json
from pathlib import Path
from typing import Final

import structlog

from agent.core.holdover import Anchor

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

log = structlog.get_logger()


class AnchorFile:
    """One anchor of this boot."""

    def __init__(self, path: Path, boot_id: Path = BOOT_ID) -> None:
        self._path = path
        self._boot = _line(boot_id)

    def load(self) -> Anchor | None:
        """None where there is none of this boot, or none that can be read."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            boot, *numbers = kept["boot"], kept["boot_ms"], kept["wall_ms"], kept["error_ms"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not self._boot or boot != self._boot or not all(type(number) is int and number >= 0 for number in numbers):
            return None
        return Anchor(*numbers)

    def save(self, anchor: Anchor) -> None:
        """Replace it. Where that fails a restart of the daemon forgets it, and the log says so."""
        new = self._path.with_suffix(".new")
        row = {
            "boot": self._boot,
            "boot_ms": anchor.boot_ms,
            "wall_ms": anchor.wall_ms,
            "error_ms": anchor.error_ms,
        }
        try:
            new.write_text(json.dumps(row) + "\n", encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            log.warning("the instant of network time is not kept", reason=str(error))
            with contextlib.suppress(OSError):
                new.unlink()


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
