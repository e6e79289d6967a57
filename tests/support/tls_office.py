"""A controller's HTTPS server for tests of a box's channel: its certificate is whatever the test says."""

import contextlib
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controller.pki import authority as making
from controller.pki.authority import Authority

MOST_SENT = 268_435_456
"""Of an endless answer: more than any box may read of it."""


class TlsOffice:
    """`with TlsOffice(folder, authority, certificate times…) as office:` answers paths with bytes."""

    def __init__(self, folder: Path, answers: Mapping[str, bytes]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        """Paths, the first first."""
        self.endless: set[str] = set()
        """Paths whose answer goes on until the box hangs up."""
        self.sent = 0
        """So many bytes of endless answers were written."""
        self._folder = folder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def show(self, certificate: x509.Certificate, key: EllipticCurvePrivateKey, *chain: x509.Certificate) -> None:
        """From now on this is its certificate."""
        (self._folder / "office.crt").write_bytes(making.pem([certificate, *chain]))
        (self._folder / "office.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self._context.load_cert_chain(self._folder / "office.crt", self._folder / "office.key")

    @property
    def url(self) -> str:
        return f"https://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> "TlsOffice":
        office = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                office.asked.append(self.path)
                if self.path in office.endless:
                    self.send_response(200)
                    self.end_headers()
                    self.pour()
                    return
                body = office.answers.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def pour(self) -> None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    while office.sent < MOST_SENT:
                        self.wfile.write(bytes(65_536))
                        office.sent += 65_536

            def do_POST(self) -> None:
                self.do_GET()

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.socket = self._context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not like the certificate hangs up; that is what is tested."""


def bundle(*authorities: Authority, crosses: tuple[x509.Certificate, ...] = ()) -> bytes:
    return making.pem([*(one.certificate for one in authorities), *crosses])
