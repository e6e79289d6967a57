"""What the signing kit sends, without a browser: form fields by a key, and a phone in memory that makes assertions."""

import base64
import json
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol.curves import PASSKEY_ALG, Alg, compressed
from protocol.passkey import Party, challenge
from protocol.signing import Assertion, Domain, Family, SignedBy, Signer, signed_by, to_be_signed

HERE = Party("testserver", ("http://testserver",))
"""The console as Django's test client reaches it."""


def fields(signer: Signer, payload: bytes, family: Family, domain: Domain) -> dict[str, str]:
    """The form of somebody who signs with a key file or a key of the browser."""
    return as_fields(signed_by(signer, payload, family, domain))


def as_fields(signed: SignedBy) -> dict[str, str]:
    assertion = signed.assertion or Assertion(b"", b"")
    return {
        "public_key": base64url(signed.public_key),
        "signature": base64url(signed.value),
        "alg": str(int(signed.alg)),
        "authenticator_data": base64url(assertion.authenticator_data),
        "client_data": base64url(assertion.client_data),
    }


class P256Signer:
    """A key of a browser without Ed25519: signs as WebCrypto does, r and s in 64 bytes, whichever s comes."""

    def __init__(self, name: str) -> None:
        self._key = p256(name)
        self.public_key = compressed(self._key.public_key())

    def sign(self, message: bytes, /) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def p256(name: str) -> ec.EllipticCurvePrivateKey:
    """Always the same for a name."""
    return ec.derive_private_key(int.from_bytes(sha256(name.encode()).digest()[:31], "big") + 1, ec.SECP256R1())


@dataclass
class Passkey:
    """A phone: asks for the finger unless told that nobody put one there."""

    name: str
    party: Party = HERE
    alg: Alg = Alg.PASSKEY_ES256
    flags: int = 0x05
    """User present, user verified."""
    origin: str = ""
    more: dict[str, object] = field(default_factory=dict)
    """Further members of the client data."""

    @property
    def key(self) -> Ed25519PrivateKey | ec.EllipticCurvePrivateKey:
        if self.alg is Alg.PASSKEY_EDDSA:
            return Ed25519PrivateKey.from_private_bytes(sha256(self.name.encode()).digest())
        return p256(self.name)

    @property
    def public_key(self) -> bytes:
        public = self.key.public_key()
        return compressed(public) if isinstance(public, ec.EllipticCurvePublicKey) else public.public_bytes_raw()

    @property
    def spki(self) -> bytes:
        """As `getPublicKey()` gives it."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def credential(self) -> bytes:
        return sha256(b"credential " + self.name.encode()).digest()

    def signs(self, message: bytes) -> SignedBy:
        """An assertion as the browser hands it over: ES256 in DER."""
        data = sha256(self.party.id.encode()).digest() + bytes([self.flags]) + b"\0\0\0\1"
        said = {
            "type": "webauthn.get",
            "challenge": base64url(challenge(message)),
            "origin": self.origin or self.party.origins[0],
            "crossOrigin": False,
        }
        client = json.dumps(said | self.more, separators=(",", ":")).encode()
        covered = data + sha256(client).digest()
        key = self.key
        value = (
            key.sign(covered) if isinstance(key, Ed25519PrivateKey) else key.sign(covered, ec.ECDSA(hashes.SHA256()))
        )
        assert PASSKEY_ALG[len(self.public_key)] is self.alg
        return SignedBy(self.public_key, value, self.alg, Assertion(data, client))

    def fields(self, payload: bytes, family: Family, domain: Domain) -> dict[str, str]:
        return as_fields(self.signs(to_be_signed(payload, family, domain, self.alg)))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
