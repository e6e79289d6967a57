"""What one pass of an emergency sounds: chime, the announcement of a drill, message. Pure.

A *piece* is the name of a recording that is in every box ("chime", "90", "7"), or the SHA-256 of a blob.
"""

from collections.abc import Callable, Mapping
from typing import Final

from protocol.messages import DRILL, PREPARED
from protocol.order import Order, Status

CHIME: Final = "chime"
ANNOUNCEMENT: Final = str(DRILL)

Piece = str | bytes


def before(*, chime: bool, drill: bool) -> tuple[str, ...]:
    """What goes before the message."""
    return ((CHIME,) if chime else ()) + ((ANNOUNCEMENT,) if drill else ())


def of_order(order: Order) -> tuple[Piece, ...]:
    """One pass of this order; empty for a cancel, which has no sound. Every chime but 0 is the attention chime."""
    if order.sound is None:
        return ()
    message = order.sound.message
    head = before(chime=order.sound.chime != 0, drill=order.status is Status.EXERCISE)
    return (*head, str(message) if isinstance(message, int) else message)


def length_ms(tape: tuple[Piece, ...], built_in: Mapping[str, int], blob_ms: Callable[[bytes], int]) -> int:
    """Length of a tape in milliseconds. Raises KeyError when a piece is neither built in nor known to `blob_ms`."""
    return sum(built_in[piece] if isinstance(piece, str) else blob_ms(piece) for piece in tape)


def instead(message: int | bytes, event: str) -> str | None:
    """The built-in recording that says the same as a message that cannot be read; None when no other one does.

    A blob's text is not known here, only the order's event: the prepared message of that event is right, one of
    another event would be a wrong alarm.
    """
    return next((str(other.code) for other in PREPARED if other.event == event and other.code != message), None)
