"""The two curves on which persons sign, and the names of how they do (IANA COSE Algorithms; RFC 9053 §2).

A public key says by its length which curve it is on. An ES256 signature has two forms that verify, (r, s) and
(r, n − s); only the one with the smaller s is taken, so that a message has one spelling.
"""

import enum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from protocol.errors import ProtocolError

ED25519_BYTES: Final = 32
P256_BYTES: Final = 33
SIGNATURE_BYTES: Final = 64
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # SEC 2 §2.4.2


class Alg(enum.IntEnum):
    """How a signature was made. The two for passkeys are of our own: IANA's say nothing of an assertion around them."""

    EDDSA = -8
    ES256 = -7
    PASSKEY_EDDSA = -70008
    PASSKEY_ES256 = -70007

    @property
    def is_passkey(self) -> bool:
        return self in (Alg.PASSKEY_EDDSA, Alg.PASSKEY_ES256)


RAW_ALG: Final = {ED25519_BYTES: Alg.EDDSA, P256_BYTES: Alg.ES256}
"""How a key of this length signs bytes itself."""
PASSKEY_ALG: Final = {ED25519_BYTES: Alg.PASSKEY_EDDSA, P256_BYTES: Alg.PASSKEY_ES256}
"""How a passkey with a key of this length signs."""


def verifies(alg: Alg, public_key: bytes, value: bytes, message: bytes) -> bool:
    """Whether this key made this signature (64 bytes) over exactly this message; False for what is no key at all."""
    try:
        if alg in (Alg.EDDSA, Alg.PASSKEY_EDDSA):
            Ed25519PublicKey.from_public_bytes(public_key).verify(value, message)
            return True
        r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
        if len(value) != SIGNATURE_BYTES or s > P256_ORDER // 2:
            return False
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def compact(der: bytes) -> bytes:
    """An ECDSA signature in DER (what authenticators give) as r and the smaller s, 64 bytes. Raises `ProtocolError`."""
    try:
        r, s = decode_dss_signature(der)
        return _two(r, s)
    except (ValueError, OverflowError) as error:
        raise ProtocolError("bad-signatures", "not an ECDSA signature in DER", field="signature") from error


def smaller(value: bytes) -> bytes:
    """r and s as WebCrypto gives them, with the smaller s. Raises `ProtocolError`."""
    if len(value) != SIGNATURE_BYTES:
        raise ProtocolError("bad-signatures", f"a signature is {SIGNATURE_BYTES} bytes", field="signature")
    return _two(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big"))


def compressed(key: ec.EllipticCurvePublicKey) -> bytes:
    """33 bytes (SEC 1 §2.3.3)."""
    numbers = key.public_numbers()
    return bytes([2 + numbers.y % 2]) + numbers.x.to_bytes(32, "big")


def _two(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")
