"""The box's papers: which CAs it believes, and its own certificate. May be asked from any thread."""

from pathlib import Path
from typing import Protocol


class Papers(Protocol):
    """Files, so that a TLS library can read them; each is on the disk, whole, when its call returns."""

    def authorities(self) -> Path | None:
        """PEM of the CAs; None while none is known."""
        ...

    def keep_authorities(self, pem: bytes) -> None:
        """Raises StoreError."""
        ...

    def certificate(self) -> Path | None:
        """PEM chain of the box's own certificate; None before the first."""
        ...

    def keep_certificate(self, pem: bytes) -> None:
        """Raises StoreError."""
        ...

    def key(self) -> Path:
        """PEM of the box's own key."""
        ...
