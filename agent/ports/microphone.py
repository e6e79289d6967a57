"""The box's own microphone: sound in, and how loud it is. Nothing of it is kept."""

from collections.abc import Callable
from typing import Protocol

Take = Callable[[bytes, int], None]
"""20 ms of 16-bit little-endian PCM, 48 kHz, one channel; its level in centibel below full scale, at most 0."""


class Microphone(Protocol):
    async def listen(self, take: Take) -> None:
        """Give block after block to `take`, on the event loop's thread, until cancelled. Raises SoundError."""
        ...
