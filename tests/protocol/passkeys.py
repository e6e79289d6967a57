"""A passkey as an authenticator and a browser would use it, in software: for tests, from a fixed seed, nobody's."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from protocol import curves, passkey
from protocol.curves import PASSKEY_ALG, Alg
from protocol.ids import sha256
from protocol.passkey import Party
from protocol.signing import Assertion, Domain, Family, SignedBy, to_be_signed

VERIFIED = passkey.USER_PRESENT | passkey.USER_VERIFIED


@dataclass(frozen=True)
class Passkey:
    """On P-256 unless it is told otherwise."""

    name: str
    rp_id: str
    origin: str
    ed25519: bool = False

    @property
    def _seed(self) -> bytes:
        return sha256(f"loalang test passkey of {self.name}".encode())

    @property
    def public_key(self) -> bytes:
        if self.ed25519:
            return Ed25519PrivateKey.from_private_bytes(self._seed).public_key().public_bytes_raw()
        return curves.compressed(self._p256().public_key())

    @property
    def party(self) -> Party:
        return Party(self.rp_id, (self.origin,))

    @property
    def alg(self) -> Alg:
        return PASSKEY_ALG[len(self.public_key)]

    def sign(self, payload: bytes, family: Family, domain: Domain, *, flags: int = VERIFIED, **client: Any) -> SignedBy:
        """What the page hands in; `client` exchanges fields of the client data."""
        challenge = passkey.challenge(to_be_signed(payload, family, domain, self.alg))
        said = {
            "type": "webauthn.get",
            "challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "origin": self.origin,
            "crossOrigin": False,
        }
        data = json.dumps(said | client, separators=(",", ":")).encode()
        assertion = Assertion(sha256(self.rp_id.encode()) + bytes([flags]) + bytes(4), data)
        return self.over(assertion)

    def over(self, assertion: Assertion) -> SignedBy:
        """An authenticator that signs whatever it is told."""
        return SignedBy(self.public_key, self._raw(passkey.covered(assertion)), self.alg, assertion)

    def _raw(self, message: bytes) -> bytes:
        if self.ed25519:
            return Ed25519PrivateKey.from_private_bytes(self._seed).sign(message)
        signature = self._p256().sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
        return curves.compact(signature)

    def _p256(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self._seed, "big") % curves.P256_ORDER, ec.SECP256R1())
