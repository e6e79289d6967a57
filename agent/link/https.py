"""The controller's HTTPS interface, with requests signed by the box's key (RFC 9421).

Client certificates do not reach an application behind a proxy; a signature over method, path and body does.
"""

import base64
import threading
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import requests
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from requests_http_signature import HTTPSignatureAuth, algorithms

from agent.errors import LinkError
from agent.link.threads import in_thread
from agent.ports.clock import Clock
from agent.ports.link import Enrolled
from agent.ports.store import Intake
from protocol.ids import box_id, enrolment_code
from protocol.signing import KeySigner
from protocol.topics import BLOB_PATH, ENROL_PATH, MANIFEST_PATH, ROOTS_PATH

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


class HttpsOffice:
    """Implements the port `Office`; each request in a thread of its own."""

    def __init__(self, url: str, signer: KeySigner, ca_file: Path | None, clock: Clock) -> None:
        self._url = url
        self._public_key = signer.public_key
        self._verify: str | bool = True if ca_file is None else str(ca_file)
        self._auth = _Signed(signer, clock)

    async def enrol(self, name: str, version: str) -> Enrolled:
        public = base64.urlsafe_b64encode(self._public_key).rstrip(b"=").decode()
        body = {"public_key": public, "name": name, "version": version}
        response = await in_thread(lambda _: self._ask("POST", ENROL_PATH, json=body))
        return _enrolled(response, enrolment_code(box_id(self._public_key)))

    async def roots(self) -> bytes | None:
        response = await in_thread(lambda _: self._ask("GET", ROOTS_PATH, missing_is_fine=True))
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if len(response.content) > MAX_ANSWER:
            raise LinkError(f"{ROOTS_PATH}: longer than {MAX_ANSWER} bytes; is this the controller?")
        return response.content

    async def fetch(self, kind: str, name: bytes, intake: Intake) -> None:
        path = (MANIFEST_PATH if kind == "manifest" else BLOB_PATH).format(hash=name.hex())
        await in_thread(lambda given_up: self._download(path, f'"{name.hex()}"', intake, given_up))

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
                _check(answer, path)
                if intake.received and not _continues(answer, intake.received):
                    intake.restart()
                for chunk in answer.iter_content(CHUNK):
                    if given_up.is_set():
                        return
                    intake.write(chunk)
        except requests.RequestException as error:
            raise _broken(self._url, path, error) from error

    def _ask(
        self, method: str, path: str, *, json: dict[str, str] | None = None, missing_is_fine: bool = False
    ) -> requests.Response:
        try:
            with self._session() as session:
                answer = self._request(session, method, path, json=json)
        except requests.RequestException as error:
            raise _broken(self._url, path, error) from error
        if not (missing_is_fine and answer.status_code == HTTPStatus.NOT_FOUND):
            _check(answer, path)
        return answer

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # no proxy and no password file of whoever started the daemon
        return session

    def _request(self, session: requests.Session, method: str, path: str, **options: Any) -> requests.Response:
        return session.request(
            method,
            self._url + path,
            auth=self._auth,
            timeout=(CONNECT_S, READ_S),
            verify=self._verify,
            allow_redirects=False,
            **options,
        )


def _check(answer: requests.Response, path: str) -> None:
    if answer.status_code in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    said = answer.text[:200] if not answer.headers.get("Content-Type", "").startswith("text/html") else answer.reason
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
        return LinkError(f"{url}{path}: its certificate is not trusted; check controller.ca_file in box.toml ({error})")
    if isinstance(error, requests.ConnectionError):
        return LinkError(f"{url}{path}: no connection; check the network and controller.url in box.toml")
    return LinkError(f"{url}{path}: {error}")


def _enrolled(response: requests.Response, own_code: str) -> Enrolled:
    """The controller's answer, believed only for the way to the broker; trust comes from the pinned root keys."""
    try:
        answer = response.json()
        state, code, broker = answer["state"], answer.get("code", own_code), answer.get("broker")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LinkError(f"{ENROL_PATH}: not the answer of a controller; check controller.url in box.toml") from error
    if code != own_code:
        raise LinkError(f"{ENROL_PATH}: answered for another box ({code}, not {own_code})")
    if broker is not None and not (isinstance(broker, str) and broker.startswith(("mqtt://", "mqtts://"))):
        raise LinkError(f"{ENROL_PATH}: {broker!r} is not a broker's address (mqtt://host:port)")
    return Enrolled(state == "approved", own_code, broker if state == "approved" else None)
