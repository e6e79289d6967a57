"""The last instant of network time, kept for a daemon that is started again while the box stays up.

The boot clock counts from this boot, so the file is worth nothing after the next: it names its boot, and is not
fsynced.
"""

import contextlib
import json
from dataclasses import astuple
from pathlib import Path
from typing import Final

import structlog

from agent.core.holdover import Anchor, Chip

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

log = structlog.get_logger()


class AnchorFile:
    """What one boot knows of network time."""

    def __init__(self, path: Path, boot_id: Path = BOOT_ID) -> None:
        self._path = path
        self._boot = _line(boot_id)

    def load(self) -> tuple[Anchor | None, Chip | None]:
        """None where there is none of this boot, or none that can be read."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if not self._boot or kept["boot"] != self._boot:
                return None, None
            anchor = Anchor(*_whole_numbers(kept["anchor"]))
            chip = None if kept["chip"] is None else Chip(*_whole_numbers(kept["chip"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None, None
        return anchor, chip

    def save(self, anchor: Anchor, chip: Chip | None) -> None:
        """Replace it. Where that fails a restart of the daemon forgets it, and the log says so."""
        new = self._path.with_suffix(".new")
        row = {"boot": self._boot, "anchor": astuple(anchor), "chip": None if chip is None else astuple(chip)}
        try:
            new.write_text(json.dumps(row) + "\n", encoding="utf-8")
            new.replace(self._path)
        except OSError as error:
            log.warning("the instant of network time is not kept", reason=str(error))
            with contextlib.suppress(OSError):
                new.unlink()

    def forget(self) -> None:
        """What was kept was wrong. Raises OSError."""
        self._path.unlink(missing_ok=True)


def _whole_numbers(values: list[object]) -> list[int]:
    numbers = [value for value in values if type(value) is int]
    if len(numbers) != len(values):
        raise ValueError(values)
    return numbers


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
