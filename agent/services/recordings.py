"""The prepared messages: every box is shipped with them (`agent/sounds/`), and an announcer's take their place."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.errors import AgentError

SHIPPED: Final = Path(__file__).parent.parent / "sounds"


class Recordings:
    """Where they lie and how long they are; lengths are known from the start, so that planning opens no sound file."""

    def __init__(
        self,
        folder: Path = SHIPPED,
        announcer: Mapping[str, tuple[Path, int]] | None = None,
        complaints: Sequence[AgentError] = (),
    ) -> None:
        """`announcer`: file and length in milliseconds by message code, of those that can be sounded; `complaints`:
        what is wrong with the others.

        Raises AgentError when the installation has no index of its sounds.
        """
        self._folder = folder
        try:
            index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            shipped = {str(name): int(length) for name, length in index.items()}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise AgentError(f"{folder}/index.json: the built-in sounds are unusable ({error}); reinstall") from error
        self._complaints = list(complaints)
        self._announcer = {code: path for code, (path, _) in (announcer or {}).items() if code in shipped}
        of_announcer = {code: length_ms for code, (_, length_ms) in (announcer or {}).items() if code in shipped}
        self.lengths_ms: Mapping[str, int] = {**shipped, **of_announcer}

    def __contains__(self, message: object) -> bool:
        """Whether this code of a prepared message is built in and its file is there."""
        return isinstance(message, int) and str(message) in self.lengths_ms and self.path(str(message)).is_file()

    @property
    def of_announcer(self) -> Mapping[str, Path]:
        """The announcer's recordings that sound, by message code."""
        return self._announcer

    @property
    def complaints(self) -> Sequence[AgentError]:
        """What is wrong with recordings of the announcer that do not sound."""
        return self._complaints

    def path(self, piece: str) -> Path:
        """The file of this message: the announcer's, where it is still there."""
        announcer = self._announcer.get(piece)
        return announcer if announcer is not None and announcer.is_file() else self._folder / f"{piece}.ogg"

    def give_up_announcer(self, piece: str, why: AgentError) -> None:
        """The announcer's recording of this message cannot be sounded after all."""
        if self._announcer.pop(piece, None) is not None:
            self._complaints.append(why)
