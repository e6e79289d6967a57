"""How long to wait before the next attempt: full jitter, so that a thousand boxes do not come back in one second."""

from dataclasses import dataclass
from typing import Final

BASE_MS: Final = 500
CAP_MS: Final = 30_000


@dataclass(frozen=True)
class Backoff:
    """Attempts so far. The wait is drawn evenly from (0, min(cap, base * 2^attempts))."""

    attempts: int = 0
    base_ms: int = BASE_MS
    cap_ms: int = CAP_MS

    def wait_ms(self, draw: float) -> int:
        """`draw` is a random number from 0 to 1."""
        ceiling = min(self.cap_ms, self.base_ms << min(self.attempts, 16))
        return max(1, int(ceiling * draw))

    def failed(self) -> "Backoff":
        return Backoff(self.attempts + 1, self.base_ms, self.cap_ms)

    def reset(self) -> "Backoff":
        return Backoff(0, self.base_ms, self.cap_ms)
