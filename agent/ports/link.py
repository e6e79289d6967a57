"""The way to the controller and back."""

from dataclasses import dataclass
from typing import Protocol

from agent.ports.store import Intake


@dataclass(frozen=True)
class Enrolled:
    """What the controller says of this box."""

    approved: bool
    code: str
    """What the installer compares, XXXX-XXXX."""
    broker: str | None
    """mqtt://host:port or mqtts://host:port; None while waiting."""


class Uplink(Protocol):
    """The broker. Each call raises LinkError while there is no connection."""

    @property
    def connected(self) -> bool:
        """Whether the connection stands, as far as one can know: a broker that hangs is noticed only in minutes."""
        ...

    @property
    def silent_ms(self) -> int | None:
        """Since when nothing has come from the broker, not even an acknowledgement; None without a connection."""
        ...

    async def publish(self, kind: str, payload: bytes, *, certain: bool) -> None:
        """One of `topics.UP_KINDS`; `certain` waits for the broker's acknowledgement (QoS 1)."""
        ...


class Office(Protocol):
    """The controller's HTTPS interface. Each call raises LinkError."""

    async def enrol(self, name: str, version: str) -> Enrolled: ...

    async def roots(self) -> bytes | None:
        """The newest roots; None when the controller has none yet."""
        ...

    async def fetch(self, kind: str, name: bytes, intake: Intake) -> None:
        """Bytes of a "manifest" or "blob", from `intake.received` on, until the end of the file.

        An error leaves what has arrived in the intake, for the next attempt.
        """
        ...

    async def authorities(self) -> bytes | None:
        """PEM of the CAs that the controller says it has, not yet believed; None when it has none.

        This and the next two do not ask whether the controller's certificate is good: whoever calls believes only what
        proves itself.
        """
        ...

    async def certificate(self) -> bytes | None:
        """PEM of this box's certificate for the broker, not yet believed; None when the controller has no CA."""
        ...

    async def give(self, order: bytes) -> None:
        """Hand in an order that the panel at this box has signed; it verifies itself."""
        ...

    async def lifeline(self, roots: int) -> bytes:
        """What a box that has this version of the roots is owed, as `protocol.lifeline` packs it; not yet believed."""
        ...
