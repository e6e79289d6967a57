"""The lifeline: what a box is owed when nothing else can be trusted, in one answer of self-verifying messages.

Certificates run out, and a province may lose its CA. What is in here needs neither: each message is judged by its own
signature, as if it had come by any other way.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.codec import decode, encode

MAX_BYTES = 2_097_152
MAX_MESSAGES = 256
MAX_ORDERS: Final = 128
"""With their 900 bytes each they leave room for roots of the greatest size, so that every answer leads further."""
_FRAME_BYTES: Final = 8
"""The two arrays around the messages take no more bytes, nor does the head of one message."""


class Lifeline(msgspec.Struct, frozen=True, array_like=True):
    """Signed messages, in the order in which they are to be read: those that say whom to trust go first."""

    messages: Annotated[tuple[bytes, ...], Meta(max_length=MAX_MESSAGES)]


def pack(papers: Sequence[bytes], orders: Sequence[bytes] = ()) -> bytes:
    """The answer of the lifeline, which a box can always read: `papers`, then `orders`.

    `papers` are the roots that the box lacks, step by step, then lists and assignment: of them stay, from the first on,
    as many as fit beside the orders. The box asks again from the roots that it then has. Of more than MAX_ORDERS
    orders the last stay.
    """
    carried = tuple(orders[-MAX_ORDERS:])
    room = MAX_BYTES - _FRAME_BYTES - sum(len(order) + _FRAME_BYTES for order in carried)
    first = tuple(_beginning(papers[: MAX_MESSAGES - len(carried)], room))
    return encode(Lifeline((*first, *carried)))


def _beginning(papers: Sequence[bytes], room: int) -> Iterator[bytes]:
    for paper in papers:
        room -= len(paper) + _FRAME_BYTES
        if room < 0:
            return
        yield paper


def unpack(data: bytes) -> tuple[bytes, ...]:
    """The messages in these bytes, not yet believed. Raises `ProtocolError`."""
    return decode(data, Lifeline, max_bytes=MAX_BYTES).messages
