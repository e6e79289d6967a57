"""Whose request it is: HTTP message signatures (RFC 9421) and digests of bodies (RFC 9530).

Python's ASGI servers do not hand client certificates to the application; a signed request works behind any TLS proxy.
Path, method and body are covered, not host and scheme, which a proxy may change. A query is refused: no box sends one.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.http import HttpRequest
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from protocol.errors import SignatureError

MAX_AGE: Final = dt.timedelta(seconds=600)
COVERED: Final = ("@method", "@path")


@dataclass(frozen=True)
class Message:
    """A request as the library reads it. Only method, path and headers are looked at: the host is not covered."""

    method: str
    url: str
    headers: dict[str, str]


class _OneKey(HTTPSignatureKeyResolver):
    """The key of the box that the request names."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = keys

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        key = self._keys.get(key_id)
        return Ed25519PublicKey.from_public_bytes(key) if key is not None else None

    def resolve_private_key(self, key_id: str) -> None:
        raise KeyError(key_id)


class _Verifier(HTTPMessageVerifier):
    """A box's clock may run ahead by as much as it may run behind."""

    max_clock_skew = MAX_AGE


def message_of(request: HttpRequest) -> Message:
    """The request's method, path and header fields."""
    return Message(request.method or "", f"http://box-api{request.get_full_path()}", dict(request.headers.items()))


def named_box(request: HttpRequest) -> str:
    """The `keyid` that the signature claims, not yet believed; empty when there is none."""
    value = request.headers.get("Signature-Input", "")
    _, found, rest = value.partition('keyid="')
    return rest.partition('"')[0] if found else ""


def verify(request: HttpRequest, box: str, public_key: bytes, *, any_age: bool = False) -> None:
    """Raise `SignatureError` unless this box signed this request, with its body, within MAX_AGE.

    `any_age` is for enrolment: a box that has never been told the time must be able to introduce itself.
    """
    if request.META.get("QUERY_STRING"):
        raise SignatureError("bad-signature", "no request of a box has a query, and its signature covers none")
    verifier = _Verifier(signature_algorithm=algorithms.ED25519, key_resolver=_OneKey({box: public_key}))
    if any_age:
        verifier.max_clock_skew = dt.timedelta(days=36_500)
    try:
        results = verifier.verify(
            message_of(request),
            max_age=None if any_age else dt.timedelta(0),
            require_components=COVERED,
            body=request.body,
        )
    except (InvalidSignature, HTTPMessageSignaturesException, ValueError) as error:
        raise SignatureError("bad-signature", str(error)[:200]) from error
    if len(results) != 1 or results[0].label != "box":
        raise SignatureError("bad-signature", 'exactly one signature with the label "box" is expected')
