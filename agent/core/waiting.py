"""What a box cannot take yet, and takes when its trust, its time or its limit allows. Bounded, and pure."""

from dataclasses import dataclass
from typing import Final

from protocol.order import Order

MAX_SIGNED: Final = 32
MAX_UNSIGNED: Final = 8
"""Of what nobody trusted has signed yet: newer roots may name its signer, or it is noise."""
MAX_LISTS: Final = 16
"""A box without a place cannot tell which list will be its own."""

_Rank = tuple[bool, int, int, int]


@dataclass(frozen=True)
class _Waiting:
    raw: bytes
    rank: _Rank
    due_ms: int | None


class WaitingRoom:
    """Of signed orders the most severe are kept, of these the newest; of lists of people those that came last.

    Lists have places of their own, so that those of other communes cannot take an alarm's; what nobody trusted has
    signed too, so that noise takes none of both.
    """

    def __init__(self) -> None:
        self._lists: dict[bytes, _Waiting] = {}
        self._signed: dict[bytes, _Waiting] = {}
        self._unsigned: dict[bytes, _Waiting] = {}
        self._came = 0

    def put(self, raw: bytes, order: Order, *, is_signed: bool, due_ms: int | None = None) -> None:
        """`due_ms` (boot clock): when to try again whatever else happens."""
        self._came += 1
        rank = (False, int(order.severity), order.issued, self._came)
        room, size = (self._signed, MAX_SIGNED) if is_signed else (self._unsigned, MAX_UNSIGNED)
        self._put(room, size, _Waiting(raw, rank, due_ms))

    def put_list(self, raw: bytes) -> None:
        """A list of people that administrators have signed; it comes before all orders."""
        self._came += 1
        self._put(self._lists, MAX_LISTS, _Waiting(raw, (True, 0, 0, self._came), None))

    @staticmethod
    def _put(room: dict[bytes, _Waiting], size: int, waiting: _Waiting) -> None:
        room[waiting.raw] = waiting
        if len(room) > size:
            del room[min(room.values(), key=lambda one: one.rank).raw]

    def take(self, due_ms: int | None = None) -> list[bytes]:
        """Takes out everything, or what was due at this instant of the boot clock; the most urgent first."""
        rooms = (self._lists, self._signed, self._unsigned)
        found = [
            waiting
            for room in rooms
            for waiting in room.values()
            if due_ms is None or (waiting.due_ms is not None and waiting.due_ms <= due_ms)
        ]
        for waiting in found:
            for room in rooms:
                room.pop(waiting.raw, None)
        return [waiting.raw for waiting in sorted(found, key=lambda waiting: waiting.rank, reverse=True)]
