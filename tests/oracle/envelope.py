"""COSE_Sign as README §3 describes it: read strictly, verify each signature by itself."""

import base64
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.oracle.cbor import RefusedError, read, write
from tests.oracle.records import Party

ROOTS, ORDER, DELEGATION, APPROVAL, EXCEPTION, LIVE = 65001, 65004, 65006, 65007, 65008, 65009
LONGEST = {ROOTS: 1 << 20, ORDER: 900, DELEGATION: 65536, APPROVAL: 2048, EXCEPTION: 2048, LIVE: 4096}
ASSERTION = -70000
PLAIN = {-8: 32, -7: 33}
PASSKEY = {-70008: 32, -70007: 33}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Signed:
    algorithm: int
    protected: bytes
    key_id: bytes
    assertion: tuple[bytes, str, bytes] | None
    """Flags and counter, origin, and the rest of the client data."""
    signature: bytes


@dataclass(frozen=True)
class Envelope:
    family: int
    protected: bytes
    payload: bytes
    signatures: tuple[Signed, ...]


def need(so: bool) -> None:
    if not so:
        raise RefusedError("not such an envelope")


def open_envelope(raw: bytes, family: int) -> Envelope:
    need(len(raw) <= LONGEST[family] and raw[:2] == b"\xd8\x62")
    outer = read(raw[2:])
    need(type(outer) is list and len(outer) == 4)
    protected, unprotected, payload, signatures = outer
    need(protected == write({16: family}))
    need(unprotected == {} and type(unprotected) is dict and type(payload) is bytes)
    need(type(signatures) is list and 1 <= len(signatures) <= 8)
    return Envelope(family, protected, payload, tuple(_signed(one) for one in signatures))


def _signed(item: Any) -> Signed:
    need(type(item) is list and len(item) == 3)
    protected, header, signature = item
    need(type(protected) is bytes and type(header) is dict and type(signature) is bytes and len(signature) == 64)
    spelled = {write({1: algorithm}): algorithm for algorithm in PLAIN | PASSKEY}
    need(protected in spelled)
    algorithm = spelled[protected]
    need(list(header) == ([4] if algorithm in PLAIN else [4, ASSERTION]))
    need(type(header[4]) is bytes and len(header[4]) == 4)
    assertion = None
    if algorithm in PASSKEY:
        parts = header[ASSERTION]
        need(type(parts) is list and [type(part) for part in parts] == [bytes, str, bytes])
        tail, origin, rest = parts
        need(len(tail) == 5 and 1 <= len(origin) <= 140 and 1 <= len(rest) <= 250 and rest[:1] in (b",", b"}"))
        need(all("!" <= letter <= "~" and letter not in '"\\' for letter in origin))
        assertion = (tail, origin, rest)
    return Signed(algorithm, protected, header[4], assertion, signature)


def key_id(key: bytes) -> bytes:
    return sha256(key).digest()[:4]


def signed_bytes(envelope: Envelope, one: Signed, domain: tuple[str, str]) -> bytes:
    aad = write(["loalang", 1, *domain, envelope.family])
    return write(["Signature", envelope.protected, one.protected, aad, envelope.payload])


def verifies(envelope: Envelope, one: Signed, domain: tuple[str, str], key: bytes, party: Party | None) -> bool:
    """Whether this key made this signature; `party` is set exactly for a passkey."""
    algorithms = PLAIN if party is None else PASSKEY
    if algorithms.get(one.algorithm) != len(key) or one.key_id != key_id(key):
        return False
    message = signed_bytes(envelope, one, domain)
    if party is not None:
        assert one.assertion is not None
        tail, origin, rest = one.assertion
        authenticator = sha256(party.id.encode()).digest() + tail
        client = client_data(sha256(message).digest(), origin, rest)
        if not _asserted(authenticator, client, sha256(message).digest(), party):
            return False
        message = authenticator + sha256(client).digest()
    return raw_verifies(key, message, one.signature)


def client_data(challenge: bytes, origin: str, rest: bytes) -> bytes:
    """As browsers write it."""
    said = base64.urlsafe_b64encode(challenge).rstrip(b"=")
    return b'{"type":"webauthn.get","challenge":"' + said + b'","origin":"' + origin.encode() + b'"' + rest


def raw_verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        if len(key) == 32:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        else:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
            if not (0 < r < P256_ORDER and 0 < s <= P256_ORDER // 2):
                return False
            point.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


class _NotStrictError(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotStrictError
    return found


def _never(_: str) -> Any:
    raise _NotStrictError


def _asserted(authenticator: bytes, client: bytes, challenge: bytes, party: Party) -> bool:
    if authenticator[:32] != sha256(party.id.encode()).digest() or authenticator[32] not in (0x05, 0x0D, 0x15, 0x1D):
        return False
    try:
        told = json.loads(client.decode("utf-8"), object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError, _NotStrictError):
        return False
    expected = base64.urlsafe_b64encode(challenge).decode().rstrip("=")
    return (
        type(told) is dict
        and told.get("type") == "webauthn.get"
        and told.get("challenge") == expected
        and type(told.get("origin")) is str
        and told["origin"] in party.origins
        and ("crossOrigin" not in told or told["crossOrigin"] is False)
    )
