"""The lifeline: what a box is owed when nothing else can be trusted, in one answer of self-verifying messages.

Certificates run out, and a province may lose its CA. What is in here needs neither: each message is judged by its own
signature, as if it had come by any other way.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from protocol.codec import decode, encode

MAX_BYTES = 2_097_152
MAX_MESSAGES = 256


class Lifeline(msgspec.Struct, frozen=True, array_like=True):
    """Signed messages, in the order in which they are to be read: those that say whom to trust go first."""

    messages: Annotated[tuple[bytes, ...], Meta(max_length=MAX_MESSAGES)]


def pack(messages: tuple[bytes, ...]) -> bytes:
    """The answer of the lifeline; what is too much is left for the next time."""
    return encode(Lifeline(messages[:MAX_MESSAGES]))


def unpack(data: bytes) -> tuple[bytes, ...]:
    """The messages in these bytes, not yet believed. Raises `ProtocolError`."""
    return decode(data, Lifeline, max_bytes=MAX_BYTES).messages
