"""The CA on the disk: `pki/` of the data folder, for the controller's user alone, each file whole or not at all.

`ca-1/`, `ca-2/` … hold a CA each, the newest counts; `cross.crt` is that CA signed by the one before. Old ones
stay: their boxes are still on their way to the new one, and their lists of revoked certificates must be kept up.
"""

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from controller.core.errors import ConfigError
from controller.pki import authority as making
from controller.pki.authority import BRIDGE, SERVER_LIFE, Authority

SECRET: Final = 0o600
BUNDLE: Final = "ca.pem"


@dataclass(frozen=True)
class Folder:
    """Everything of the PKI that is a file."""

    path: Path

    @property
    def is_set_up(self) -> bool:
        return bool(self._homes())

    @property
    def bundle(self) -> Path:
        """Every CA, the newest first, and their cross certificates: what boxes and the broker are given."""
        return self.path / BUNDLE

    @property
    def server(self) -> tuple[Path, Path]:
        """Certificate chain and key of the web server and the broker."""
        return self.path / "server.crt", self.path / "server.key"

    @property
    def bridge(self) -> tuple[Path, Path]:
        """Certificate and key of the controller at the broker."""
        return self.path / "bridge.crt", self.path / "bridge.key"

    def authorities(self) -> list[Authority]:
        """The newest first. Raises `ConfigError` when there is none, or one cannot be read."""
        homes = self._homes()
        if not homes:
            raise ConfigError(f"{self.path}: no CA yet; make it with `loalang pki init --name HOST`")
        return [_read_authority(home) for home in homes]

    def crosses(self) -> list[x509.Certificate]:
        """The newest first."""
        files = [home / "cross.crt" for home in self._homes()]
        return [x509.load_pem_x509_certificate(file.read_bytes()) for file in files if file.exists()]

    def add_authority(self, domain: str, now: dt.datetime) -> Authority:
        """The first CA, or the next one, vouched for by the one before."""
        homes = self._homes()
        before = _read_authority(homes[0]) if homes else None
        fresh = making.make_authority(domain, now)
        home = self.path / f"ca-{_number(homes[0]) + 1 if homes else 1}"
        _make(self.path)
        _make(home)
        write(home / "ca.key", _key_pem(fresh.key), SECRET)
        if before is not None:
            write(home / "cross.crt", making.pem([making.cross_sign(before, fresh.certificate, now)]))
        write(home / "ca.crt", making.pem([fresh.certificate]))  # with this file the CA counts
        write(self.bundle, making.pem([*(one.certificate for one in self.authorities()), *self.crosses()]))
        return fresh

    def make_server(self, names: Sequence[str], now: dt.datetime) -> x509.Certificate:
        """A new key and certificate of the server, by the newest CA."""
        key, authority = making.new_key(), self.authorities()[0]
        certificate = making.issue_server(authority, key.public_key(), names, now)
        self._write_pair(self.server, key, [certificate, *self.crosses()])
        return certificate

    def make_bridge(self, now: dt.datetime) -> x509.Certificate:
        key, authority = making.new_key(), self.authorities()[0]
        certificate = making.issue_client(authority, key.public_key(), BRIDGE, now, SERVER_LIFE)
        self._write_pair(self.bridge, key, [certificate])
        return certificate

    def server_names(self) -> list[str]:
        """What the server's certificate is made out to; empty before there is one."""
        certificate = self.certificate(self.server[0])
        if certificate is None:
            return []
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [str(name.value) for name in found]

    def certificate(self, path: Path) -> x509.Certificate | None:
        """The first certificate in this file; None where it is not there."""
        return x509.load_pem_x509_certificates(path.read_bytes())[0] if path.exists() else None

    def _write_pair(
        self, files: tuple[Path, Path], key: ec.EllipticCurvePrivateKey, chain: Sequence[x509.Certificate]
    ) -> None:
        """Both in one file each; a reader that meets the new key with the old certificate tries again."""
        certificate, secret = files
        write(secret, _key_pem(key), SECRET)
        write(certificate, making.pem(chain))

    def _homes(self) -> list[Path]:
        """Folders of complete CAs, the newest first."""
        found = [home for home in self.path.glob("ca-*") if (home / "ca.crt").exists() and _number(home)]
        return sorted(found, key=_number, reverse=True)


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """On the disk, whole, when this returns. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _number(home: Path) -> int:
    digits = home.name.removeprefix("ca-")
    return int(digits) if digits.isdecimal() else 0


def _read_authority(home: Path) -> Authority:
    try:
        key = load_pem_private_key((home / "ca.key").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((home / "ca.crt").read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{home}: the CA cannot be read ({error}); restore the folder from the backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ConfigError(f"{home}: key and certificate do not belong together; restore the folder from the backup")
    return Authority(key, certificate)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
