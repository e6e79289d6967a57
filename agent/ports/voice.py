"""A voice that needs no recording, for what is known only at run time: a code."""

from pathlib import Path
from typing import Protocol


class Voice(Protocol):
    async def say(self, text: str, target: Path) -> None:
        """Write this Vietnamese text, spoken, to a sound file. Raises SoundError when there is no voice."""
        ...
