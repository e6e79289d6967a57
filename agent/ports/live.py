"""Live voice: where its groups come from and go to, what makes sound of them, and what makes them of sound."""

from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from agent.errors import LinkError


class NotTakenError(LinkError):
    """The controller will not carry this voice; `code` says why: a `RejectCode`, "box", or the codes of no box."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the controller does not carry the voice: {code}", permanent=True)
        self.code = code


class NoSuchBoxError(LinkError):
    """No box in use has these codes."""

    def __init__(self, codes: str) -> None:
        super().__init__(
            f"no box in use has the code {codes}; it stands on the box's page in the console",
            permanent=True,
            vi=f"không có hộp nào đang dùng mang mã {codes}; mã ghi ở trang của hộp trên máy chủ",
        )


@dataclass(frozen=True)
class Heard:
    """What the controller says every second."""

    listening: int
    """Boxes that listen."""
    meant: int
    """Boxes that should."""


class TalkLine(Protocol):
    """The way to the controller for what is spoken at this box's microphone."""

    async def talk(
        self,
        session: bytes,
        codes: tuple[str, ...],
        signed: Callable[[tuple[str, ...]], bytes],
        groups: AsyncIterator[bytes],
        heard: Callable[[Heard], None],
    ) -> None:
        """Carry the groups until there are no more, or the controller says that it is over.

        `codes` are of the boxes that are to listen, none for all; `signed` makes the session for the boxes with these
        ids. Raises LinkError when the connection breaks, NotTakenError and NoSuchBoxError where the controller says no.
        """
        ...


class Encoder(Protocol):
    """Of one voice; it remembers what it has encoded."""

    def encode(self, pcm: bytes) -> bytes:
        """One Opus packet of 20 ms of PCM, as `Decoder.decode` gives it. Raises SoundError."""
        ...


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
