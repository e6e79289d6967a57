"""The online key of role SCHEDULE: a PEM file in the data folder, made once, readable by the server alone."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from controller.core.errors import ConfigError
from protocol.signing import Domain, KeySigner


def domain() -> Domain:
    """Where this installation's signatures count."""
    return Domain(settings.LOALANG.province, settings.LOALANG.environment)


def key_file() -> Path:
    """Where the key is: `keys/schedule.key` (PKCS#8 PEM, RFC 8410)."""
    path: Path = settings.LOALANG.keys / "schedule.key"
    return path


def schedule_signer() -> KeySigner:
    """The key that signs manifests and assignments; made (mode 0600) when there is none yet. Raises `ConfigError`."""
    path = key_file()
    try:
        if not path.exists():
            _make(path)
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} cannot be used ({error}); restore it from the backup, or remove it: "
            "a new key is made, and the roots must then name it before boxes believe new schedules"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} holds no Ed25519 key; restore it from the backup")
    return KeySigner(key)


def _make(path: Path) -> None:
    """Whole or not at all, also when two processes start together."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(fresh)
    except FileExistsError:
        pass  # the other process was first; its key counts
    finally:
        fresh.unlink()
