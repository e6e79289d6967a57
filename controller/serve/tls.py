"""Which certificates this process shows: to those who come to its pages, and to the broker."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from controller.core.config import Config
from controller.core.errors import ConfigError
from controller.pki.folder import Folder


@dataclass(frozen=True)
class Pair:
    """PEM files: a certificate with its chain, and its key."""

    certificate: Path
    key: Path

    def stamp(self) -> tuple[int, int]:
        """Changes when the files do."""
        try:
            return self.certificate.stat().st_mtime_ns, self.key.stat().st_mtime_ns
        except FileNotFoundError:
            return 0, 0


def chosen_pair(config: Config, certificate: Path | None, key: Path | None, *, wanted: bool) -> Pair | None:
    """From the options, else from LOALANG_TLS_CERT and LOALANG_TLS_KEY, else, where one is `wanted`, the PKI's own.

    None: plain HTTP. Raises `ConfigError` for files that cannot be used.
    """
    certificate, key = certificate or config.tls_cert, key or config.tls_key
    if (certificate is None) != (key is None):
        raise ConfigError("--tls-cert, --tls-key: give both or none (LOALANG_TLS_CERT and LOALANG_TLS_KEY alike)")
    if certificate is None or key is None:
        if not wanted:
            return None
        certificate, key = Folder(config.pki).server
        if not certificate.exists():
            raise ConfigError(
                f"--tls-port: {certificate} is not there; make it with `loalang pki init --name HOST`, or give "
                "--tls-cert and --tls-key"
            )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"--tls-cert {certificate}, --tls-key {key}: cannot be used ({error}); they must be PEM files that belong "
            "together, readable for this user"
        ) from error
    return Pair(certificate, key)


def at_the_broker(config: Config) -> ssl.SSLContext:
    """The broker must be the PKI's, and is shown the bridge's certificate; without a PKI the system's CAs count."""
    folder = Folder(config.pki)
    if not folder.is_set_up:
        return ssl.create_default_context()
    context = ssl.create_default_context(cafile=str(folder.bundle))
    certificate, key = folder.bridge
    if certificate.exists():
        context.load_cert_chain(certificate, key)
    return context
