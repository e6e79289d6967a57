"""The sounds that every box is shipped with: the attention chime and the prepared messages (`agent/sounds/`)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.errors import AgentError

SHIPPED: Final = Path(__file__).parent.parent / "sounds"


class Recordings:
    """Where they lie and how long they are; lengths come from the index, so that planning opens no sound file."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        """Raises AgentError when the installation has no index of its sounds."""
        self._folder = folder
        try:
            index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            self.lengths_ms: Mapping[str, int] = {str(name): int(length) for name, length in index.items()}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise AgentError(f"{folder}/index.json: the built-in sounds are unusable ({error}); reinstall") from error

    def __contains__(self, message: object) -> bool:
        """Whether this code of a prepared message is built in and its file is there."""
        return isinstance(message, int) and str(message) in self.lengths_ms and self.path(str(message)).is_file()

    def path(self, piece: str) -> Path:
        return self._folder / f"{piece}.ogg"
