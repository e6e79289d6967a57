"""A passkey's signature, verified with no network and no browser (WebAuthn Level 2 §7.2, as far as that goes offline).

A passkey does not sign our bytes but an assertion: the authenticator's data, then the hash of a JSON text that the
browser wrote and that names the hash of our bytes as its challenge. Both travel beside the signature. A counter of uses
is not kept: passkeys that are synchronised between devices have none.
"""

import base64
import json
from typing import Annotated, Any, Final, NoReturn

import msgspec
from msgspec import Meta

from protocol.curves import PASSKEY_ALG, verifies
from protocol.ids import sha256
from protocol.signing import AUTHENTICATOR_DATA, FLAGS_AND_COUNTER, Assertion, Signature

USER_PRESENT: Final = 0x01
USER_VERIFIED: Final = 0x04
BACKUP: Final = 0x18
"""Whether it may be, and is, kept in a cloud: says nothing against it."""
GET: Final = "webauthn.get"


Origin = Annotated[str, Meta(pattern=r"^https?://[a-z0-9.:-]{1,120}\Z", description="scheme, host, port")]


class Party(msgspec.Struct, frozen=True, array_like=True):
    """A relying party: the console for which passkeys were made."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9.-]{1,100}\Z")]
    """Its domain (WebAuthn's rpId)."""
    origins: Annotated[tuple[Origin, ...], Meta(min_length=1, max_length=4)]
    """Where its pages come from: `https://console.example`."""


def challenge(signed: bytes) -> bytes:
    """What the page hands to the authenticator: the SHA-256 of the bytes that are to be signed."""
    return sha256(signed)


def covered(assertion: Assertion) -> bytes:
    """What a passkey's signature is over."""
    return assertion.authenticator_data + sha256(assertion.client_data)


def verify(signature: Signature, public_key: bytes, party: Party) -> bool:
    """Whether the holder of this passkey, present and verified, signed these bytes on a page of this party."""
    if signature.assertion is None or PASSKEY_ALG.get(len(public_key)) is not signature.alg:
        return False
    whole = _whole(signature.assertion, party)
    return (
        whole.authenticator_data.endswith(signature.assertion.authenticator_data)
        and len(whole.authenticator_data) == AUTHENTICATOR_DATA
        and _by_a_verified_person(whole.authenticator_data)
        and _for_these_bytes(whole.client_data, signature.signed, party)
        and verifies(signature.alg, public_key, signature.value, covered(whole))
    )


def _whole(assertion: Assertion, party: Party) -> Assertion:
    """With the hash of the party's id, which does not travel; one of another party's does not verify then."""
    tail = assertion.authenticator_data[-FLAGS_AND_COUNTER:]
    return Assertion(sha256(party.id.encode()) + tail, assertion.client_data)


def _by_a_verified_person(data: bytes) -> bool:
    flags, needed = data[32], USER_PRESENT | USER_VERIFIED
    return flags & needed == needed and not flags & ~(needed | BACKUP)


def _for_these_bytes(client_data: bytes, signed: bytes, party: Party) -> bool:
    try:
        said = json.loads(client_data.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return False
    wanted = base64.urlsafe_b64encode(challenge(signed)).rstrip(b"=").decode()
    return (
        isinstance(said, dict)
        and said.get("type") == GET
        and said.get("challenge") == wanted
        and said.get("origin") in party.origins
        and said.get("crossOrigin", False) is False
    )


def _no_number(name: str) -> NoReturn:
    """Python reads NaN and Infinity; JSON does not know them (RFC 8259 §6)."""
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that stands twice could mean two things to two readers."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
