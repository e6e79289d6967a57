"""The controller's HTTPS interface, with requests signed by the box's key (RFC 9421).

Client certificates do not reach an application behind a proxy; a signature over method, path and body does.
"""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from requests.adapters import HTTPAdapter
from requests_http_signature import HTTPSignatureAuth, algorithms
from urllib3 import HTTPSConnectionPool

from agent.errors import LinkError, UntrustedError
from agent.link.threads import in_thread
from agent.link.tls import Tls, believing_anybody
from agent.ports.clock import Clock
from agent.ports.link import Enrolled
from agent.ports.store import Intake
from protocol import lifeline
from protocol.ids import box_id, enrolment_code
from protocol.signing import KeySigner
from protocol.topics import (
    BLOB_PATH,
    CA_PATH,
    CERTIFICATE_PATH,
    ENROL_PATH,
    LIFELINE_PATH,
    MANIFEST_PATH,
    ORDER_PATH,
    ROOTS_PATH,
)

CONNECT_S: Final = 10
READ_S: Final = 30
CHUNK: Final = 16_384
MAX_ANSWER: Final = 1_048_576
LABEL: Final = "box"


class _Signed(HTTPSignatureAuth):
    """Signs what the controller asks for and no more; the time is the box's own."""

    _auto_cover_header_fields = ()

    def __init__(self, signer: KeySigner, clock: Clock) -> None:
        key = load_der_private_key(signer.pkcs8(), None)
        super().__init__(
            signature_algorithm=algorithms.ED25519,
            key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            key_id=box_id(signer.public_key),
            covered_component_ids=("@method", "@path"),
            label=LABEL,
        )
        self._clock = clock

    def get_created(self, request: requests.PreparedRequest) -> datetime:
        del request
        return datetime.fromtimestamp(self._clock.now_ms() // 1000, UTC)

    def _signing_options(self, request: requests.PreparedRequest) -> dict[str, Any]:
        options = super()._signing_options(request)
        return options if request.body else {**options, "body": None}


def signed_headers(signer: KeySigner, clock: Clock, url: str) -> dict[str, str]:
    """The headers that sign a GET of this address, for what is not sent by requests."""
    request = requests.Request("GET", url).prepare()
    signed = _Signed(signer, clock)(request)
    return {name: str(signed.headers[name]) for name in ("Signature-Input", "Signature")}


class _Pool(HTTPSConnectionPool):
    """Does not warn at each use of the lifeline that nobody verifies it: that is what it is for."""

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


class _Channel(HTTPAdapter):
    """Connections by this context and nothing else: requests would let every CA of the world in beside ours."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **{**options, "ssl_context": self._context})
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> Any:
        host, _pool = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context, "cert_reqs": self._requirement}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        del url, verify, cert
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = self._requirement, None, None

    @property
    def _requirement(self) -> str:
        return self._context.verify_mode.name


class HttpsOffice:
    """Implements the port `Office`; each request in a thread of its own."""

    def __init__(self, url: str, signer: KeySigner, tls: Tls, clock: Clock) -> None:
        self._url = url
        self._public_key = signer.public_key
        self._tls = tls
        self._dated = tls.checks_dates()
        self._auth = _Signed(signer, clock)
        self.on_untrusted: Callable[[], None] = lambda: None
        """Called when the controller's certificate was refused."""

    async def enrol(self, name: str, version: str) -> Enrolled:
        public = base64.urlsafe_b64encode(self._public_key).rstrip(b"=").decode()
        body = {"public_key": public, "name": name, "version": version}
        response = await self._verified(lambda: self._ask("POST", ENROL_PATH, json=body))
        return _enrolled(response, enrolment_code(box_id(self._public_key)))

    async def roots(self) -> bytes | None:
        response = await self._verified(lambda: self._ask("GET", ROOTS_PATH, missing_is_fine=True))
        return None if response.status_code == HTTPStatus.NOT_FOUND else response.content

    async def authorities(self) -> bytes | None:
        answer = await self._unverified("GET", CA_PATH, missing_is_fine=True)
        return None if answer.status_code == HTTPStatus.NOT_FOUND else answer.content

    async def certificate(self) -> bytes | None:
        answer = await self._unverified("POST", CERTIFICATE_PATH, missing_is_fine=True)
        return None if answer.status_code == HTTPStatus.NOT_FOUND else answer.content

    async def give(self, order: bytes) -> None:
        await self._unverified("POST", ORDER_PATH, data=order)

    async def lifeline(self, roots: int) -> bytes:
        answer = await self._unverified("GET", LIFELINE_PATH.format(roots=roots), max_bytes=lifeline.MAX_BYTES)
        return answer.content

    async def fetch(self, kind: str, name: bytes, intake: Intake) -> None:
        path = (MANIFEST_PATH if kind == "manifest" else BLOB_PATH).format(hash=name.hex())
        self._dated = self._tls.checks_dates()
        try:
            await in_thread(lambda given_up: self._download(path, f'"{name.hex()}"', intake, given_up))
        except UntrustedError:
            self.on_untrusted()
            raise

    async def _verified(self, ask: Callable[[], "_Answer"]) -> "_Answer":
        self._dated = self._tls.checks_dates()
        try:
            return await in_thread(lambda _: ask())
        except UntrustedError:
            self.on_untrusted()
            raise

    async def _unverified(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        missing_is_fine: bool = False,
        max_bytes: int = MAX_ANSWER,
    ) -> "_Answer":
        def ask(_: threading.Event) -> _Answer:
            context = believing_anybody()
            return self._ask(
                method, path, data=data, missing_is_fine=missing_is_fine, context=context, max_bytes=max_bytes
            )

        return await in_thread(ask)

    def _download(self, path: str, tag: str, intake: Intake, given_up: threading.Event) -> None:
        """Stream into the intake; go on behind what it has if the server can (RFC 9110 §14)."""
        headers = {}
        if intake.received:
            headers = {"Range": f"bytes={intake.received}-", "If-Range": tag}
        try:
            with (
                self._session() as session,
                self._request(session, "GET", path, headers=headers, stream=True) as answer,
            ):
                if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    intake.restart()
                    raise LinkError(f"{path}: the part that is here is longer than the file there; it is fetched anew")
                if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                    _check(_whole(answer, path), path)
                if intake.received and not _continues(answer, intake.received):
                    intake.restart()
                for chunk in answer.iter_content(CHUNK):
                    if given_up.is_set():
                        return
                    intake.write(chunk)
        except requests.RequestException as error:
            raise _broken(self._url, path, error) from error

    def _ask(
        self,
        method: str,
        path: str,
        *,
        json: dict[str, str] | None = None,
        data: bytes | None = None,
        missing_is_fine: bool = False,
        context: ssl.SSLContext | None = None,
        max_bytes: int = MAX_ANSWER,
    ) -> "_Answer":
        try:
            with (
                self._session(context) as session,
                self._request(session, method, path, json=json, data=data, stream=True) as response,
            ):
                answer = _whole(response, path, max_bytes)
        except requests.RequestException as error:
            raise _broken(self._url, path, error) from error
        if not (missing_is_fine and answer.status_code == HTTPStatus.NOT_FOUND):
            _check(answer, path)
        return answer

    def _session(self, context: ssl.SSLContext | None = None) -> requests.Session:
        """Verifies the controller, unless it is given a context that does not."""
        if context is None and self._url.startswith("https:") and self._tls.lacks_authorities:
            self._tls.take_authorities(self._ask("GET", CA_PATH, context=believing_anybody()).content)
        session = requests.Session()
        session.trust_env = False  # no proxy and no password file of whoever started the daemon
        session.mount("https://", _Channel(context or self._tls.context(dated=self._dated)))
        return session

    def _request(self, session: requests.Session, method: str, path: str, **options: Any) -> requests.Response:
        return session.request(
            method,
            self._url + path,
            auth=self._auth,
            timeout=(CONNECT_S, READ_S),
            allow_redirects=False,
            **options,
        )


@dataclass(frozen=True)
class _Answer:
    """An answer that has been read to its end."""

    status_code: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


def _whole(response: requests.Response, path: str, max_bytes: int = MAX_ANSWER) -> _Answer:
    """Whoever answers may not be the controller, and must not fill the memory. Raises LinkError."""
    content = bytearray()
    for chunk in response.iter_content(CHUNK):
        content += chunk
        if len(content) > max_bytes:
            raise LinkError(f"{path}: longer than {max_bytes} bytes; is this the controller?")
    return _Answer(response.status_code, response.reason, response.headers, bytes(content))


def _check(answer: _Answer, path: str) -> None:
    if answer.status_code in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    said = (
        answer.content.decode(errors="replace")[:200]
        if not answer.headers.get("Content-Type", "").startswith("text/html")
        else answer.reason
    )
    permanent = 400 <= answer.status_code < 500 and answer.status_code not in (408, 425, 429)
    way_out = "the address in box.toml may be another server's, or this box is not approved; see the console"
    raise LinkError(
        f"{path}: the controller answered {answer.status_code} {said}" + (f"; {way_out}" if permanent else ""),
        permanent=permanent,
    )


def _continues(answer: requests.Response, received: int) -> bool:
    return answer.status_code == HTTPStatus.PARTIAL_CONTENT and answer.headers.get("Content-Range", "").startswith(
        f"bytes {received}-"
    )


def _broken(url: str, path: str, error: requests.RequestException) -> LinkError:
    if isinstance(error, requests.exceptions.SSLError):
        return UntrustedError(
            f"{url}{path}: its certificate is not trusted; check controller.ca in box.toml and the clocks ({error})"
        )
    if isinstance(error, requests.ConnectionError):
        return LinkError(f"{url}{path}: no connection; check the network and controller.url in box.toml")
    return LinkError(f"{url}{path}: {error}")


def _enrolled(response: _Answer, own_code: str) -> Enrolled:
    """The controller's answer, believed only for the way to the broker; trust comes from the pinned root keys."""
    try:
        answer = json.loads(response.content)
        state, code, broker = answer["state"], answer.get("code", own_code), answer.get("broker")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LinkError(f"{ENROL_PATH}: not the answer of a controller; check controller.url in box.toml") from error
    if code != own_code:
        raise LinkError(f"{ENROL_PATH}: answered for another box ({code}, not {own_code})")
    if broker is not None and not (isinstance(broker, str) and broker.startswith(("mqtt://", "mqtts://"))):
        raise LinkError(f"{ENROL_PATH}: {broker!r} is not a broker's address (mqtt://host:port)")
    return Enrolled(state == "approved", own_code, broker if state == "approved" else None)
