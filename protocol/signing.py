"""Signatures over records: COSE_Sign1 and COSE_Sign (RFC 9052).

Machines sign with EdDSA over Ed25519 (RFC 9053 §2.2). Persons sign with that, with ES256 (RFC 9053 §2.1) where a
browser has no Ed25519, or with a passkey (`passkey`), whose assertion is carried beside its signature.

What is signed never leaves its place: the external data (`Domain.aad`) binds province, environment and the family of
the record, so an assignment cannot be passed off as an order, nor a drill province's order as a real one. Reading is
in two steps: `open_*` takes the envelope apart, `verify` says whether one key signed it. Who may sign what is not
decided here but in `gate` and by the callers.
"""

import base64
import enum
import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from protocol.codec import pack, unpack
from protocol.curves import RAW_ALG, SIGNATURE_BYTES, Alg, verifies
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import key_id, sha256

TAG_SIGN1: Final = b"\xd2"  # RFC 9052 §2, tag 18
TAG_SIGN: Final = b"\xd8\x62"  # tag 98
ALG: Final = 1
KID: Final = 4
TYP: Final = 16  # RFC 9596; a number is a CoAP Content-Format, 65000-65535 are for experiments (RFC 7252 §12.3)
EDDSA: Final = int(Alg.EDDSA)
ASSERTION: Final = -70000  # private use (RFC 9052 §11.1 leaves labels below -65536 to it)
AUTHENTICATOR_DATA: Final = 37  # WebAuthn §6.1, without extensions: hash of the party's id, flags, counter
FLAGS_AND_COUNTER: Final = 5
MAX_REST: Final = 250
MAX_CLIENT_DATA: Final = 500
"""Type, challenge, origin and the rest together."""
_CLIENT_DATA: Final = re.compile(
    rb'{"type":"webauthn\.get","challenge":"[A-Za-z0-9_-]{43}","origin":"(?P<origin>[!#-\[\]-~]{1,140})"(?P<rest>[,}].*)',
    re.DOTALL,
)
"""How browsers write it (WebAuthn §5.8.1.1)."""
MAX_SIGNATURES: Final = 8
MAX_MESSAGE_BYTES: Final = 1_048_576


class Family(enum.IntEnum):
    """What a signed record is; stands in the protected header `typ`."""

    ROOTS = 65001
    MANIFEST = 65002
    ASSIGNMENT = 65003
    ORDER = 65004
    ACK = 65005
    DELEGATION = 65006
    APPROVAL = 65007
    EXCEPTION = 65008
    LIVE = 65009
    VOICE = 65010
    HELLO = 65011
    LOG = 65012
    RECEIPT = 65013
    FAULT = 65014


@dataclass(frozen=True)
class Domain:
    """Where signatures count: a province (its unit code) and an environment ("production", "demo", "test")."""

    province: str
    environment: str

    def aad(self, family: Family) -> bytes:
        """The external data of every signature of this family in this domain (RFC 9052 §4.3)."""
        return pack(["loalang", 1, self.province, self.environment, int(family)])


class Signer(Protocol):
    """Holds a private key, or knows who does."""

    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes, /) -> bytes: ...


class KeySigner:
    """An Ed25519 private key in memory."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()

    @classmethod
    def from_seed(cls, seed: bytes) -> "KeySigner":
        """From the 32 bytes of RFC 8032 §5.1.5."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, message: bytes, /) -> bytes:
        return self._key.sign(message)

    def pkcs8(self) -> bytes:
        """The private key as PKCS#8 DER, unencrypted (RFC 8410 §7): for `keyfile.seal` alone."""
        return self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True)
class Assertion:
    """What a passkey signed instead of the bytes themselves (WebAuthn §5.8.1, §6.1): it names their hash."""

    authenticator_data: bytes
    """37 bytes, or flags and counter alone: the party's hash before them does not travel, its reader knows it."""
    client_data: bytes
    """JSON, as the browser made it."""


@dataclass(frozen=True)
class Signature:
    """One signature of an envelope, not yet believed."""

    kid: bytes
    signed: bytes
    """The exact bytes that the signature must cover: the Sig_structure of RFC 9052 §4.4."""
    value: bytes
    """64 bytes: RFC 8032's, or r and s."""
    alg: Alg = Alg.EDDSA
    assertion: Assertion | None = None
    """Of a passkey, and only of one."""

    def verify(self, public_key: bytes) -> bool:
        """Whether this key signed these bytes itself; a passkey's assertion is for `passkey.verify`."""
        return RAW_ALG.get(len(public_key)) is self.alg and verifies(self.alg, public_key, self.value, self.signed)


@dataclass(frozen=True)
class SignedBy:
    """A person's signature as it is collected: with which key, how, and the value."""

    public_key: bytes
    value: bytes
    alg: Alg = Alg.EDDSA
    assertion: Assertion | None = None


@dataclass(frozen=True)
class Envelope:
    """A message taken apart."""

    family: Family
    payload: bytes
    signatures: tuple[Signature, ...]


def sig_structure1(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """What the signature of a COSE_Sign1 covers (RFC 9052 §4.4)."""
    return pack(["Signature1", protected, external_aad, payload])


def sig_structure(body_protected: bytes, sign_protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """What each signature of a COSE_Sign covers (RFC 9052 §4.4)."""
    return pack(["Signature", body_protected, sign_protected, external_aad, payload])


def sign1(payload: bytes, family: Family, domain: Domain, signer: Signer) -> bytes:
    """A COSE_Sign1 message: one signature, by a machine's key."""
    protected = pack({ALG: EDDSA, TYP: int(family)})
    signature = signer.sign(sig_structure1(protected, domain.aad(family), payload))
    return TAG_SIGN1 + pack([protected, {KID: key_id(signer.public_key)}, payload, signature])


def open1(data: bytes, family: Family, domain: Domain, *, max_bytes: int = MAX_MESSAGE_BYTES) -> Envelope:
    """Take a COSE_Sign1 of this family apart, its one signature unverified. Raises `ProtocolError`."""
    protected, unprotected, payload, value = _parts(data, TAG_SIGN1, max_bytes)
    _expect_header(protected, {ALG: EDDSA, TYP: int(family)})
    signed = sig_structure1(protected, domain.aad(family), payload)
    return Envelope(family, payload, (Signature(_kid(unprotected), signed, _signature(value)),))


def verify1(
    data: bytes, family: Family, domain: Domain, public_key: bytes, *, max_bytes: int = MAX_MESSAGE_BYTES
) -> bytes:
    """The payload of a COSE_Sign1 that this key signed; `SignatureError` otherwise."""
    envelope = open1(data, family, domain, max_bytes=max_bytes)
    if not envelope.signatures[0].verify(public_key):
        raise SignatureError("bad-signature", f"not signed by {key_id(public_key).hex()}")
    return envelope.payload


def to_be_signed(payload: bytes, family: Family, domain: Domain, alg: Alg = Alg.EDDSA) -> bytes:
    """What every signer of a COSE_Sign message of this family signs with this algorithm.

    A passkey signs its assertion, whose challenge is the SHA-256 of these bytes.
    """
    return sig_structure(pack({TYP: int(family)}), pack({ALG: int(alg)}), domain.aad(family), payload)


def assemble(payload: bytes, family: Family, signatures: tuple[SignedBy, ...]) -> bytes:
    """A COSE_Sign message from signatures over `to_be_signed`, in the order they were given."""
    rows = [[pack({ALG: int(row.alg)}), _row_header(row), row.value] for row in signatures]
    return TAG_SIGN + pack([pack({TYP: int(family)}), {}, payload, rows])


def sign(payload: bytes, family: Family, domain: Domain, *signers: Signer) -> bytes:
    """A COSE_Sign message signed by each of these."""
    return assemble(payload, family, tuple(signed_by(signer, payload, family, domain) for signer in signers))


def signed_by(signer: Signer, payload: bytes, family: Family, domain: Domain) -> SignedBy:
    """The signature of a key that signs the bytes themselves: Ed25519 or P-256, as its public half says."""
    alg = RAW_ALG[len(signer.public_key)]
    return SignedBy(signer.public_key, signer.sign(to_be_signed(payload, family, domain, alg)), alg)


def open_signed(data: bytes, family: Family, domain: Domain, *, max_bytes: int = MAX_MESSAGE_BYTES) -> Envelope:
    """Take a COSE_Sign message of this family apart, its signatures unverified. Raises `ProtocolError`."""
    protected, unprotected, payload, rows = _parts(data, TAG_SIGN, max_bytes)
    _expect_header(protected, {TYP: int(family)})
    if unprotected != {}:
        raise ProtocolError("bad-header", "the body's unprotected header must be empty")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_SIGNATURES:
        raise ProtocolError("bad-signatures", f"1 to {MAX_SIGNATURES} signatures are expected")
    return Envelope(family, payload, tuple(_row(row, family, domain, payload) for row in rows))


def family_of(data: bytes) -> Family:
    """What a message says it is, so that a reader can choose how to open it. Nothing is verified."""
    tag = TAG_SIGN if data.startswith(TAG_SIGN) else TAG_SIGN1
    protected = _parts(data, tag, MAX_MESSAGE_BYTES)[0]
    header = unpack(protected, max_bytes=64)
    try:
        return Family(header[TYP])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ProtocolError("bad-header", "no family that this version knows") from error


def _row_header(row: SignedBy) -> dict[int, Any]:
    header: dict[int, Any] = {KID: key_id(row.public_key)}
    if row.assertion is not None:
        header[ASSERTION] = _shortened(row.assertion)
    return header


def _shortened(assertion: Assertion) -> list[Any]:
    """What cannot be reckoned from the signed bytes: flags and counter, origin, and what the browser added."""
    written = _CLIENT_DATA.fullmatch(assertion.client_data)
    if written is None or len(written["rest"]) > MAX_REST:
        raise ProtocolError(
            "bad-assertion", "this browser writes its client data in a way of its own; use another or a key file"
        )
    return [assertion.authenticator_data[-FLAGS_AND_COUNTER:], written["origin"].decode(), written["rest"]]


def _row(row: object, family: Family, domain: Domain, payload: bytes) -> Signature:
    if not isinstance(row, list) or len(row) != 3 or not isinstance(row[0], bytes):
        raise ProtocolError("bad-signatures", "a COSE_Signature is an array of three")
    alg = _PERSONS_HEADERS.get(row[0])
    if alg is None:
        raise ProtocolError("bad-header", "no algorithm with which persons sign")
    signed = to_be_signed(payload, family, domain, alg)
    if not alg.is_passkey:
        return Signature(_kid(row[1]), signed, _signature(row[2]), alg)
    if not isinstance(row[1], dict) or set(row[1]) != {KID, ASSERTION}:
        raise ProtocolError("bad-header", "a passkey's header holds its key id and its assertion, and nothing else")
    return Signature(_kid({KID: row[1][KID]}), signed, _signature(row[2]), alg, _assertion(row[1][ASSERTION], signed))


def _assertion(value: object, signed: bytes) -> Assertion:
    """With the client data as the browser wrote it, if it was for these bytes."""
    if not isinstance(value, list) or [type(part) for part in value] != [bytes, str, bytes]:
        raise ProtocolError("bad-header", "an assertion is flags and counter, origin, and the rest")
    challenge = base64.urlsafe_b64encode(sha256(signed)).rstrip(b"=")
    head = b'{"type":"webauthn.get","challenge":"' + challenge + b'","origin":"'
    client_data = head + value[1].encode("utf-8", "surrogatepass") + b'"' + value[2]
    if len(value[0]) != FLAGS_AND_COUNTER or len(value[2]) > MAX_REST or _CLIENT_DATA.fullmatch(client_data) is None:
        raise ProtocolError("bad-header", "an assertion has 5 bytes, an origin, and the rest of the client data")
    return Assertion(value[0], client_data)


def _parts(data: bytes, tag: bytes, max_bytes: int) -> tuple[bytes, Any, bytes, Any]:
    if len(data) > max_bytes:
        raise ProtocolError("too-long", f"{len(data)} bytes, the limit is {max_bytes}")
    if not data.startswith(tag):
        raise ProtocolError("not-cose", "not the COSE message that is expected here")
    parts = unpack(data[len(tag) :], max_bytes=max_bytes)
    if not isinstance(parts, list) or len(parts) != 4:
        raise ProtocolError("not-cose", "a COSE message is an array of four")
    protected, unprotected, payload, rest = parts
    if not isinstance(protected, bytes) or not isinstance(payload, bytes):
        raise ProtocolError("not-cose", "header and payload must be byte strings")
    return protected, unprotected, payload, rest


def _expect_header(protected: bytes, expected: dict[int, int]) -> None:
    if protected != pack(expected):
        raise ProtocolError("bad-header", "the protected header is not the one of this family")


def _kid(unprotected: object) -> bytes:
    if not isinstance(unprotected, dict) or set(unprotected) != {KID}:
        raise ProtocolError("bad-header", "the unprotected header holds the key id and nothing else")
    kid = unprotected[KID]
    if not isinstance(kid, bytes) or len(kid) != 4:
        raise ProtocolError("bad-header", "a key id is 4 bytes")
    return kid


def _signature(value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != SIGNATURE_BYTES:
        raise ProtocolError("bad-signatures", f"a signature is {SIGNATURE_BYTES} bytes")
    return value


_PERSONS_HEADERS: Final = {pack({ALG: int(alg)}): alg for alg in Alg}
