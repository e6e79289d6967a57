"""Memory of sequence numbers, so that an order that is played back is known."""

from dataclasses import dataclass
from typing import Final

WINDOW: Final = 64


@dataclass(frozen=True)
class ReplayWindow:
    """The last 64 sequence numbers of one signer, as RFC 4303 §3.4.3 keeps them. What lies before counts as seen."""

    high: int = 0
    """The highest sequence accepted; 0 for none."""
    bits: int = 0
    """Bit n: `high` - n was accepted."""

    def seen(self, sequence: int) -> bool:
        """Whether this sequence was accepted, or is too old to tell."""
        age = self.high - sequence
        return age >= WINDOW or (age >= 0 and bool(self.bits >> age & 1))

    def with_(self, sequence: int) -> "ReplayWindow":
        """The window after this sequence was accepted; `high` never falls."""
        age = self.high - sequence
        if age >= WINDOW:
            return self
        if age >= 0:
            return ReplayWindow(self.high, self.bits | 1 << age)
        return ReplayWindow(sequence, (self.bits << -age | 1) % (1 << WINDOW) if -age < WINDOW else 1)
