"""What a box cannot take yet, and takes when its trust, its time or its limit allows. Bounded, and pure."""

from dataclasses import dataclass
from typing import Final

from protocol.order import Order

MAX_SIGNED: Final = 32
MAX_UNSIGNED: Final = 8
"""Of what nobody trusted has signed yet: newer roots may name its signer, or it is noise."""

_Rank = tuple[bool, int, int, int]


@dataclass(frozen=True)
class _Waiting:
    raw: bytes
    rank: _Rank
    due_ms: int | None


class WaitingRoom:
    """Of signed orders the most severe are kept, of these the newest; lists of people before all orders.

    What nobody trusted has signed has places of its own, so that noise cannot take those of others.
    """

    def __init__(self) -> None:
        self._signed: dict[bytes, _Waiting] = {}
        self._unsigned: dict[bytes, _Waiting] = {}
        self._came = 0

    def put(self, raw: bytes, order: Order | None, *, is_signed: bool, due_ms: int | None = None) -> None:
        """`order` is None for a list of people; `due_ms` (boot clock): when to try again whatever else happens."""
        self._came += 1
        rank = (True, 0, 0, self._came) if order is None else (False, order.severity, order.issued, self._came)
        room, size = (self._signed, MAX_SIGNED) if is_signed else (self._unsigned, MAX_UNSIGNED)
        room[raw] = _Waiting(raw, rank, due_ms)
        if len(room) > size:
            del room[min(room.values(), key=lambda waiting: waiting.rank).raw]

    def take(self, due_ms: int | None = None) -> list[bytes]:
        """Takes out everything, or what was due at this instant of the boot clock; the most urgent first."""
        found = [
            waiting
            for waiting in (*self._signed.values(), *self._unsigned.values())
            if due_ms is None or (waiting.due_ms is not None and waiting.due_ms <= due_ms)
        ]
        for waiting in found:
            self._signed.pop(waiting.raw, None)
            self._unsigned.pop(waiting.raw, None)
        return [waiting.raw for waiting in sorted(found, key=lambda waiting: waiting.rank, reverse=True)]
