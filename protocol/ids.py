"""Names of things, as they travel."""

import base64
import functools
import hashlib
import unicodedata
from typing import Annotated, Final

from msgspec import Meta

BoxId = Annotated[str, Meta(pattern=r"^[a-z2-7]{16}\Z", description="80 bits of the SHA-256 of the box's public key")]
UnitCode = Annotated[
    str,
    Meta(pattern=r"^[0-9A-Za-z]{1,8}(-[0-9A-Za-z]{1,8}){0,5}\Z", max_length=32, description="path of GSO codes"),
]
Sha256 = Annotated[bytes, Meta(min_length=32, max_length=32)]
OrderId = Annotated[bytes, Meta(min_length=16, max_length=16)]
KeyId = Annotated[bytes, Meta(min_length=4, max_length=4, description="a hint, not a name: the first bytes of SHA-256")]
PublicKey = Annotated[
    bytes,
    Meta(
        min_length=32,
        max_length=33,
        description="raw Ed25519 (RFC 8032), 32 bytes; or compressed P-256 (SEC 1 §2.3.3), 33 bytes",
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=200)]
Language = Annotated[
    str, Meta(pattern=r"^[A-Za-z]{2,8}(-[0-9A-Za-z]{1,8}){0,4}\Z", max_length=35, description="BCP 47")
]


_UNSEEN: Final = frozenset({"Cc", "Cf"})
"""General categories of what nobody sees: controls, formats."""


@functools.lru_cache(4096)
def one_spelling(name: str) -> str:
    """The one way in which a person's name is written: NFC (UAX #15), nothing unseen in it, one space between words.

    Two names that look the same must not count as two persons.
    """
    words = "".join(" " if char.isspace() else char for char in name)
    seen = "".join(char for char in words if unicodedata.category(char) not in _UNSEEN)
    return " ".join(word for word in unicodedata.normalize("NFC", seen).split(" ") if word)


def box_id(public_key: bytes) -> str:
    """The id of the box that holds this raw Ed25519 public key: 16 characters of RFC 4648 base32, lower case."""
    return base64.b32encode(hashlib.sha256(public_key).digest()[:10]).decode().lower()


def enrolment_code(identity: str) -> str:
    """What the installer compares, on the box and in the console: the first half of the box's id, as XXXX-XXXX."""
    return f"{identity[:4]}-{identity[4:8]}".upper()


def key_id(public_key: bytes) -> bytes:
    """The 4 bytes by which a signature names its key (RFC 9052 §3.1 `kid`)."""
    return hashlib.sha256(public_key).digest()[:4]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
