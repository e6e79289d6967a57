"""The box's papers as files of the state folder: `ca.pem`, `box.crt`, beside `box.key`."""

import os
from pathlib import Path
from typing import Final

from agent.errors import StoreError
from agent.store.key import FILE as KEY_FILE
from agent.store.trust_file import sync_folder

AUTHORITIES: Final = "ca.pem"
CERTIFICATE: Final = "box.crt"


class PaperFiles:
    """Implements the port `Papers`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def authorities(self) -> Path | None:
        return self._there(AUTHORITIES)

    def keep_authorities(self, pem: bytes) -> None:
        self._write(AUTHORITIES, pem)

    def certificate(self) -> Path | None:
        return self._there(CERTIFICATE)

    def keep_certificate(self, pem: bytes) -> None:
        self._write(CERTIFICATE, pem)

    def key(self) -> Path:
        return self._folder / KEY_FILE

    def _there(self, name: str) -> Path | None:
        path = self._folder / name
        return path if path.exists() else None

    def _write(self, name: str, pem: bytes) -> None:
        path, part = self._folder / name, self._folder / f"{name}.part"
        try:
            with part.open("wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(self._folder)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written ({error}); check the folder box.state_dir") from error
