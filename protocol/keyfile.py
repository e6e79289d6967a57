"""A person's signing key at rest: a JSON text that only their passphrase opens, here and in a browser alike.

Every step is one that WebCrypto offers (PBKDF2, AES-GCM, PKCS#8 import of Ed25519), so that a console page can open
the file and sign while the key never leaves the person's machine. The controller stores none of these.
"""

import base64
import binascii
import json
import unicodedata
from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from msgspec import Meta

from protocol.errors import ProtocolError
from protocol.ids import Name
from protocol.signing import KeySigner

FORMAT: Final = "key/1"
ITERATIONS: Final = 600_000  # OWASP's figure for PBKDF2-HMAC-SHA256
MIN_ITERATIONS: Final = 100_000
MAX_ITERATIONS: Final = 10_000_000
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
PUBLIC_BYTES: Final = 32
MIN_PASSPHRASE: Final = 8
MAX_TEXT: Final = 4_096

Base64Url = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\Z", max_length=512, description="RFC 4648 §5, unpadded")]


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's fields, in the order in which they are written."""

    loalang: Literal["key/1"]
    person: Name
    public: Base64Url
    """Raw Ed25519 public key, 32 bytes."""
    kdf: Literal["PBKDF2-SHA256"]
    iterations: Annotated[int, Meta(ge=MIN_ITERATIONS, le=MAX_ITERATIONS)]
    salt: Base64Url
    """16 bytes."""
    cipher: Literal["AES-256-GCM"]
    nonce: Base64Url
    """12 bytes."""
    sealed: Base64Url
    """The private key as PKCS#8 DER (RFC 8410), encrypted, with its tag of 16 bytes behind it."""

    @property
    def public_key(self) -> bytes:
        """Raw Ed25519 public key."""
        return _bytes("public", self.public, PUBLIC_BYTES)


def seal(
    signer: KeySigner, person: str, passphrase: str, *, salt: bytes, nonce: bytes, iterations: int = ITERATIONS
) -> str:
    """The key file of this person's key.

    `salt` (16 bytes) and `nonce` (12 bytes) must come fresh from a random source: nothing here draws one. Raises
    `ProtocolError` `short-passphrase` below 8 characters, `not-a-key-file` for a value that a reader would refuse.
    """
    if len(_normal(passphrase)) < MIN_PASSPHRASE:
        raise ProtocolError(
            "short-passphrase", f"a passphrase has at least {MIN_PASSPHRASE} characters; choose a longer one"
        )
    if len(salt) != SALT_BYTES or len(nonce) != NONCE_BYTES:
        raise ProtocolError("not-a-key-file", f"salt has {SALT_BYTES} bytes and nonce {NONCE_BYTES}", field="salt")
    public = _base64(signer.public_key)
    box = AESGCM(_derive(passphrase, salt, iterations))
    file = KeyFile(
        loalang=FORMAT,
        person=person,
        public=public,
        kdf="PBKDF2-SHA256",
        iterations=iterations,
        salt=_base64(salt),
        cipher="AES-256-GCM",
        nonce=_base64(nonce),
        sealed=_base64(box.encrypt(nonce, signer.pkcs8(), _bound(person, public))),
    )
    text = json.dumps(msgspec.to_builtins(file), ensure_ascii=False, indent=2) + "\n"
    read(text)
    return text


def read(text: str) -> KeyFile:
    """What the file says in the clear: whose key it is. Nothing of it is believed before `unseal`.

    Raises `ProtocolError` `not-a-key-file`.
    """
    if len(text) > MAX_TEXT:
        raise ProtocolError("not-a-key-file", f"longer than {MAX_TEXT} characters; choose the file made by 'key new'")
    try:
        file = msgspec.json.decode(text.encode(), type=KeyFile)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise ProtocolError("not-a-key-file", message, field=path.strip("`$.")) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ProtocolError("not-a-key-file", "not a JSON text; choose the file made by 'key new'") from error
    _bytes("public", file.public, PUBLIC_BYTES)
    _bytes("salt", file.salt, SALT_BYTES)
    _bytes("nonce", file.nonce, NONCE_BYTES)
    return file


def unseal(text: str, passphrase: str) -> KeySigner:
    """The key in this file. Raises `ProtocolError` `not-a-key-file` or `wrong-passphrase`.

    A file whose name or public key was exchanged fails as `wrong-passphrase`: the two cannot be told apart.
    """
    file = read(text)
    box = AESGCM(_derive(passphrase, _bytes("salt", file.salt, SALT_BYTES), file.iterations))
    try:
        der = box.decrypt(
            _bytes("nonce", file.nonce, NONCE_BYTES), _bytes("sealed", file.sealed), _bound(file.person, file.public)
        )
    except InvalidTag as error:
        raise ProtocolError(
            "wrong-passphrase", f"this passphrase does not open the key of {file.person}; try again"
        ) from error
    try:
        key = serialization.load_der_private_key(der, None)
    except ValueError as error:
        raise ProtocolError("not-a-key-file", "what is sealed is not a private key", field="sealed") from error
    if not isinstance(key, Ed25519PrivateKey) or key.public_key().public_bytes_raw() != file.public_key:
        raise ProtocolError("not-a-key-file", "what is sealed is not the key that the file names", field="sealed")
    return KeySigner(key)


def _derive(passphrase: str, salt: bytes, iterations: int) -> bytes:
    if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise ProtocolError(
            "not-a-key-file", f"{iterations} is not from {MIN_ITERATIONS} to {MAX_ITERATIONS}", field="iterations"
        )
    kdf = PBKDF2HMAC(algorithm=hashes.SHA256(), length=32, salt=salt, iterations=iterations)
    return kdf.derive(_normal(passphrase).encode("utf-8", "surrogatepass"))


def _normal(passphrase: str) -> str:
    """One spelling for "ế", however a keyboard composes it (NFC)."""
    return unicodedata.normalize("NFC", passphrase)


def _bound(person: str, public: str) -> bytes:
    """What the cipher binds but does not hide: whose key this is."""
    return f"loalang/{FORMAT}\n{public}\n{person}".encode("utf-8", "surrogatepass")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(field: str, text: str, length: int | None = None) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("not-a-key-file", "not base64url", field=field) from error
    if _base64(data) != text or (length is not None and len(data) != length):
        raise ProtocolError(
            "not-a-key-file", f"not {length} bytes of base64url" if length else "not base64url", field=field
        )
    return data
