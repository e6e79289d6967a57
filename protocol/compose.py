"""What a sender of orders must get right, in one place for the console, the command line and the tests."""

from typing import Final

from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.ids import key_id
from protocol.order import MAX_ORDER_BYTES, Order
from protocol.signing import Domain, Family, Signer, sign

ENTROPY_BYTES: Final = 12


def order_id(first_signer_key: bytes, entropy: bytes) -> bytes:
    """An order's id: the key id of its first signer (raw public key), then 12 fresh random bytes.

    It binds whose sequence the order takes, which its signatures' places in the envelope cannot (see `gate`).
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ProtocolError("bad-record", f"{ENTROPY_BYTES} random bytes are expected", field="entropy")
    return key_id(first_signer_key) + entropy


def signed_order(order: Order, *signers: Signer) -> bytes:
    """The order as it travels, signed in its own domain by each of these, its first signer first.

    Raises `ProtocolError` `too-long` above 900 bytes.
    """
    data = sign(encode(order), Family.ORDER, Domain(order.province, order.environment), *signers)
    if len(data) > MAX_ORDER_BYTES:
        raise ProtocolError("too-long", f"{len(data)} bytes, the limit is {MAX_ORDER_BYTES}; shorten board or reason")
    return data
