"""How the lives of this box have ended: a small file beside the database, which would be slow to open for it."""

import json
import os
from pathlib import Path
from typing import Final

import structlog

from agent.core.brownout import Lives, Measure
from agent.store.trust_file import sync_folder

FILE: Final = "lives.json"
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

log = structlog.get_logger()


class LivesFile:
    """Implements the port `LivesKept`."""

    def __init__(self, folder: Path, boot_id: Path = BOOT_ID) -> None:
        self._folder = folder
        try:
            self.boot = boot_id.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            self.boot = ""

    def load(self) -> Lives:
        try:
            kept = json.loads((self._folder / FILE).read_text(encoding="utf-8"))
            ends = tuple(int(at) for at in kept["ends_ms"])
            return Lives(str(kept["boot"]), bool(kept["amplifier_on"]), ends, Measure(kept["measure"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Lives()

    def keep(self, lives: Lives) -> None:
        row = {
            "boot": lives.boot,
            "amplifier_on": lives.amplifier_on,
            "ends_ms": lives.ends_ms,
            "measure": int(lives.measure),
        }
        part = self._folder / f"{FILE}.part"
        try:
            with part.open("w", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._folder / FILE)
            sync_folder(self._folder)
        except OSError as error:
            log.warning("how this life goes is not kept", reason=str(error))
