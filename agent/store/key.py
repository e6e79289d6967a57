"""The box's own key: made at the first start, never leaves the state folder. Its public half names the box."""

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from agent.errors import StoreError
from protocol.signing import KeySigner

FILE: Final = "box.key"
OWNER_ONLY: Final = 0o600


def load_or_make(folder: Path) -> KeySigner:
    """The key in this folder; a new one when there is none. Raises `StoreError`."""
    path = folder / FILE
    try:
        if not path.exists():
            _write(path, secrets.token_bytes(32))
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be read or made ({error}); check the folder box.state_dir",
            vi=f"{path}: không đọc hoặc tạo được ({error}); hãy kiểm tra thư mục box.state_dir",
        ) from error
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{path}: not a key; restore it, or remove it and approve this box anew in the console",
            vi=f"{path}: không phải khóa; hãy khôi phục tệp, hoặc xóa nó và duyệt lại hộp này trên trang quản trị",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(
            f"{path}: not an Ed25519 key; restore it, or remove it and approve this box anew",
            vi=f"{path}: không phải khóa Ed25519; hãy khôi phục tệp, hoặc xóa nó và duyệt lại hộp này",
        )
    return KeySigner(key)


def _write(path: Path, seed: bytes) -> None:
    """Whole or not at all, and for nobody else to read."""
    pem = Ed25519PrivateKey.from_private_bytes(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
