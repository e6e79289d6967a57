"""Live voice: where its groups come from, and what makes sound of them."""

from collections.abc import AsyncIterator, Collection
from typing import Protocol


class LiveLine(Protocol):
    """The way from the controller for one session's groups."""

    def listen(self, session: bytes) -> AsyncIterator[bytes]:
        """The groups as they come, not yet believed, until the controller says that the session is over.

        Raises LinkError when the connection breaks; `permanent` where the controller will not have this box.
        """
        ...


class Decoder(Protocol):
    """Of one voice; it remembers what it has decoded."""

    def decode(self, packet: bytes) -> bytes:
        """PCM of one Opus packet: 16-bit little-endian, 48 kHz, one channel. Raises SoundError for what is none."""
        ...

    def conceal(self) -> bytes:
        """PCM of 20 ms that never came, made up from what was before."""
        ...


class SessionBook(Protocol):
    """Which sessions were accepted: each is heard once, a restart in between or not."""

    def seen(self) -> Collection[bytes]:
        """Their ids."""
        ...

    def accept(self, session: bytes, expires_s: int) -> None:
        """On the disk when it returns. Raises StoreError. Ids whose session ended 90 days before are dropped."""
        ...
