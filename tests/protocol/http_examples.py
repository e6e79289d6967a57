"""The two signed requests of protocol/README.md, made by the library that the controller verifies with."""

import base64
import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

from protocol import topics
from tests.protocol.people import BOX, BOX_ID, NOW_S

CREATED: Final = dt.datetime.fromtimestamp(NOW_S, dt.UTC)


@dataclass
class Request:
    """As the library wants it: it adds header fields."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://controller.example{self.path}"


class _BoxKey(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> None:
        raise KeyError(key_id)

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        assert key_id == BOX_ID
        key = load_der_private_key(BOX.pkcs8(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return key


def signed(request: Request) -> str:
    """The request's text, signed by the box of the examples."""
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=_BoxKey()).sign(
        request,
        key_id=BOX_ID,
        created=CREATED,
        label="box",
        covered_component_ids=("@method", "@path"),
        body=request.body,
    )
    lines = [f"{request.method} {request.path} HTTP/1.1", "Host: controller.example"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\n".join([*lines, "", request.body.decode(), ""] if request.body else [*lines, ""])


def get(blob: bytes) -> str:
    return signed(Request("GET", topics.BLOB_PATH.format(hash=blob.hex())))


def enrol() -> str:
    public_key = base64.urlsafe_b64encode(BOX.public_key).rstrip(b"=").decode()
    body = json.dumps({"public_key": public_key, "name": "loa-thon-3", "version": "0.1.0"}).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return signed(Request("POST", topics.ENROL_PATH, body, headers))
