"""Which CAs a box believes, and when its own certificate is due: decided on bytes and times alone.

A certificate opens a channel and no more: what sounds is judged by signatures that have nothing to do with it.
"""

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

MAX_BUNDLE: Final = 65_536
RENEWED_AT: Final = 2 / 3
"""Of its life, when a certificate is renewed."""
JITTER: Final = 1 / 30
"""Of its life, by which boxes that were approved together come apart."""


def renewal_due(not_before_s: int, not_after_s: int, now_s: int, draw: float = 0.0) -> bool:
    """Whether a certificate with these dates is to be renewed; `draw` from 0 to 1 puts it off by at most JITTER."""
    life_s = not_after_s - not_before_s
    return now_s >= not_before_s + life_s * (RENEWED_AT + JITTER * draw)


def anchors(bundle: bytes, fingerprint: str) -> bytes | None:
    """The CAs of this PEM bundle that the pinned fingerprint (SHA-256 of the DER, in hex) vouches for, as PEM.

    That is the pinned one, and each that a believed one has cross-signed. None when the pinned one is not among them.
    """
    found = _read(bundle)
    pinned = [one for one in found if one.fingerprint(hashes.SHA256()).hex() == fingerprint.lower() and _is_ca(one)]
    return _pem(_grown(pinned, found)) if pinned else None


def successors(held: bytes, bundle: bytes) -> bytes:
    """The CAs that are believed once this bundle has come, by whatever way: what is held, and what that vouches for."""
    return _pem(_grown(_read(held), _read(bundle)))


def includes(held: bytes, fingerprint: str) -> bool:
    """Whether the CA of this fingerprint is among those."""
    return any(one.fingerprint(hashes.SHA256()).hex() == fingerprint.lower() for one in _read(held))


def is_mine(chain: bytes, box: str, public_key: bytes) -> bool:
    """Whether the first certificate of this PEM is made out to this box and over its raw Ed25519 key."""
    found = _read(chain)
    if not found:
        return False
    key = found[0].public_key()
    names = found[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return (
        isinstance(key, Ed25519PublicKey)
        and key.public_bytes_raw() == public_key
        and [name.value for name in names] == [box]
    )


def dates(chain: bytes) -> tuple[int, int] | None:
    """From when to when the first certificate of this PEM counts, epoch seconds; None where there is none."""
    found = _read(chain)
    if not found:
        return None
    return int(found[0].not_valid_before_utc.timestamp()), int(found[0].not_valid_after_utc.timestamp())


def _grown(believed: Sequence[x509.Certificate], offered: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Those that are believed, and of the offered ones all that a chain of signatures leads to from them."""
    grown = list(believed)
    again = True
    while again:
        again = False
        for one in offered:
            if one not in grown and _is_ca(one) and any(_vouches(by, one) or _same(by, one) for by in grown):
                grown.append(one)
                again = True
    return grown


def _vouches(by: x509.Certificate, one: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _same(by: x509.Certificate, one: x509.Certificate) -> bool:
    """The same CA by name and key: its self-signed certificate beside the cross certificate that is believed."""
    return by.subject == one.subject and by.public_key() == one.public_key()


def _is_ca(one: x509.Certificate) -> bool:
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _read(pem: bytes) -> list[x509.Certificate]:
    """The certificates in these bytes, whoever sent them; none where there are none."""
    try:
        return x509.load_pem_x509_certificates(pem[:MAX_BUNDLE])
    except ValueError:
        return []


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
