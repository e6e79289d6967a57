"""What a box said, opened: the topic names the box, its key must have signed, and the record must speak of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from protocol import topics
from protocol.codec import decode
from protocol.errors import ProtocolError, SignatureError
from protocol.report import MAX_BEAT_BYTES, Beat, Fault, Hello, LogBatch, Receipt
from protocol.signing import Domain, Family, verify1


@dataclass(frozen=True)
class PanelOrder:
    """An order that the panel at this box has signed; whether it counts is for `orders.panels` to say."""

    raw: bytes


Said = Hello | Beat | LogBatch | Receipt | Fault | PanelOrder

FAMILIES: Final[Mapping[str, tuple[Family, type[msgspec.Struct], int]]] = {
    "hello": (Family.HELLO, Hello, 4_096),
    "log": (Family.LOG, LogBatch, 131_072),
    "receipt": (Family.RECEIPT, Receipt, 1_024),
    "fault": (Family.FAULT, Fault, 2_048),
}
"""By the last word of the topic: the family, its record, and its longest message in bytes."""


@dataclass(frozen=True)
class Arrived:
    """One message of one box, verified, unless it is a beat, which nobody signs, or an order, which persons sign."""

    box: str
    said: Said


def box_of(topic: str) -> str:
    """The box that this topic belongs to. Raises `ProtocolError` for a topic that is not one of a box."""
    return topics.parse_up(topic)[0]


def open_message(topic: str, payload: bytes, keys: Mapping[str, bytes], domain: Domain) -> Arrived:
    """The message, if the box is one of `keys` (public keys by box id). Raises `ProtocolError` for everything else."""
    box, kind = topics.parse_up(topic)
    key = keys.get(box)
    if key is None:
        raise SignatureError("unknown-box", "not a box in use", field=box)
    if kind == "beat":
        return Arrived(box, decode(payload, Beat, max_bytes=MAX_BEAT_BYTES))
    if kind == "order":
        return Arrived(box, PanelOrder(payload))
    family, record, max_bytes = FAMILIES[kind]
    said = decode(verify1(payload, family, domain, key, max_bytes=max_bytes), record, max_bytes=max_bytes)
    if not isinstance(said, Hello | LogBatch | Receipt | Fault) or said.box != box:
        raise ProtocolError("wrong-box", "the message speaks of another box", field=box)
    return Arrived(box, said)
