"""Codes that unlock the panel: box.toml has their hashes, which answer a thief's guesses slowly. Pure.

Both hashes are always worked out, so that the time it takes does not tell a duress code from a right one.
"""

import base64
import binascii
import hashlib
import hmac
import unicodedata
from typing import Final

from agent.core.panel import Code

PREFIX: Final = "scrypt"
COST: Final = 1 << 14  # 16 MiB and a third of a second on a Raspberry Pi 4 (RFC 7914 §2)
BLOCK: Final = 8
SALT_BYTES: Final = 16
MIN_CODE: Final = 8
"""As many as a key file's passphrase needs."""


def hash_of(code: str, salt: bytes) -> str:
    """How box.toml names this code; the salt is 16 fresh random bytes."""
    return f"{PREFIX}${_text(salt)}${_text(_digest(code, salt))}"


def is_hash(text: str) -> bool:
    """Whether this is what `hash_of` gives."""
    return _parts(text) is not None


def judge(entered: str, right: str, duress: str) -> Code:
    """What was entered, by the hashes of the right code and of the duress code; an empty hash matches nothing."""
    matches = [_matches(entered, stored) for stored in (right, duress)]
    return Code.DURESS if matches[1] else Code.RIGHT if matches[0] else Code.WRONG


def _matches(entered: str, stored: str) -> bool:
    salt, digest = _parts(stored) or (bytes(SALT_BYTES), b"")
    return hmac.compare_digest(_digest(entered, salt), digest)


def _digest(code: str, salt: bytes) -> bytes:
    plain = unicodedata.normalize("NFC", code).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(plain, salt=salt, n=COST, r=BLOCK, p=1, dklen=32)


def _parts(stored: str) -> tuple[bytes, bytes] | None:
    try:
        prefix, salt, digest = stored.split("$")
        found = base64.urlsafe_b64decode(salt), base64.urlsafe_b64decode(digest)
    except (ValueError, binascii.Error):
        return None
    return found if prefix == PREFIX and (len(found[0]), len(found[1])) == (SALT_BYTES, 32) else None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()
