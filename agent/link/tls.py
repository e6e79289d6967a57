"""How a box makes sure of whom it speaks to, and shows who it is: one context for each new connection.

Before the box knows the time, the dates of certificates are not looked at (X509_V_FLAG_NO_CHECK_TIME): a clock in 1970
must be able to enrol, and the CA is pinned. Whoever holds a connection that was made so asks `dates_are_due` and makes
it anew once the time is known.
"""

import ssl
from pathlib import Path
from typing import Final

from agent.core import certificates
from agent.errors import LinkError, UntrustedError
from agent.ports.clock import Clock
from agent.ports.papers import Papers

NO_CHECK_TIME: Final = 0x20_0000  # X509_V_FLAG_NO_CHECK_TIME, openssl/x509_vfy.h


class Tls:
    """Contexts from the box's papers."""

    def __init__(self, papers: Papers, clock: Clock, *, pin: str = "", ca_file: Path | None = None) -> None:
        """`pin` is the fingerprint of the CA in box.toml, empty for none; `ca_file` is believed instead of the papers.

        With neither, the system's CAs are.
        """
        self._papers = papers
        self._clock = clock
        self.pin = pin
        self._ca_file = ca_file

    @property
    def lacks_authorities(self) -> bool:
        """Whether the pinned CA has still to be fetched."""
        if not self.pin or self._ca_file is not None:
            return False
        held = self._papers.authorities()
        return held is None or not certificates.includes(held.read_bytes(), self.pin)

    def take_authorities(self, bundle: bytes) -> None:
        """What the controller says its CAs are, from an unverified connection. Raises LinkError, StoreError."""
        believed = certificates.anchors(bundle, self.pin)
        if believed is None:
            raise UntrustedError(
                "the controller has not the CA that controller.ca in box.toml names; compare it with `loalang pki show`"
            )
        self._papers.keep_authorities(believed)

    def checks_dates(self) -> bool:
        """Whether the time is known well enough for that."""
        return self._clock.reading().tells_time

    def context(self, *, dated: bool, with_certificate: bool = False) -> ssl.SSLContext:
        """Verifies the other end, and with `dated` the dates; with `with_certificate` shows the box's own.

        May be asked from any thread. Raises LinkError.
        """
        file = self._ca_file or (self._papers.authorities() if self.pin else None)
        try:
            context = ssl.create_default_context(cafile=None if file is None else str(file))
        except (OSError, ssl.SSLError) as error:
            raise LinkError(f"{file}: cannot be read ({error}); set controller.ca in box.toml") from error
        if not dated:
            context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
        own = self._papers.certificate()
        if with_certificate and own is not None:
            try:
                context.load_cert_chain(own, self._papers.key())
            except (OSError, ssl.SSLError) as error:
                raise UntrustedError(f"{own}: the box's certificate cannot be used ({error})") from error
        return context


def believing_anybody() -> ssl.SSLContext:
    """Only for what verifies itself: the CAs against the pin, and the lifeline."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
