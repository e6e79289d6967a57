"""A person at the pages, without a browser: logs in, fills forms in, reads what comes back."""

import base64
import html
import re
import secrets
from pathlib import Path
from typing import Final

import requests
from django.urls import reverse

from controller.accounts.signing import to_base64url
from controller.demo.errors import DemoError
from protocol import keyfile
from protocol.curves import Alg

TIMEOUT_S: Final = 20
_TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_PAYLOAD: Final = re.compile(r'name="payload" value="([^"]+)"')
_COMPLAINT: Final = re.compile(r'class="[^"]*\berror(?:list)?\b[^"]*"[^>]*>(.*?)</(?:ul|p|div|li)>', re.DOTALL)


class Officer:
    """One logged-in person."""

    def __init__(self, url: str, username: str) -> None:
        self.url = url
        self.username = username
        self._session = requests.Session()

    def log_in(self, one_time_password: str) -> str:
        """First login: with the one-time password, which has to be changed at once; the new one."""
        self.submit(reverse("accounts:login"), username=self.username, password=one_time_password)
        password = secrets.token_urlsafe(12)
        self.submit(reverse("accounts:password"), old=one_time_password, new=password, again=password)
        return password

    def page(self, path: str) -> str:
        """The HTML of a page."""
        answer = self._session.get(self.url + path, timeout=TIMEOUT_S)
        self._check(answer, path)
        return answer.text

    def payload_on(self, path: str) -> bytes:
        """What the page asks to be signed. Raises `DemoError` where it asks for nothing."""
        asked = _PAYLOAD.search(self.page(path))
        if asked is None:
            raise DemoError(f"{self.username} is asked to sign nothing at {path}")
        return base64.urlsafe_b64decode(asked[1] + "=" * (-len(asked[1]) % 4))

    @property
    def cookies(self) -> str:
        """As a header of the browser."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._session.cookies)

    def submit(self, path: str, form: str = "", **fields: str | list[str]) -> str:
        """Fill in the form of a page and send it to `form` (the same path if empty); where one lands afterwards.

        Raises `DemoError` with the page's own complaint if the form comes back.
        """
        token = _TOKEN.search(self.page(path))
        if token is None:
            raise DemoError(f"{self.username} finds no form at {path}")
        answer = self._session.post(
            self.url + (form or path),
            data={"csrfmiddlewaretoken": token[1], **fields},
            headers={"Referer": self.url + path},
            timeout=TIMEOUT_S,
        )
        self._check(answer, path)
        if not answer.history:
            complaints = [re.sub(r"<[^>]+>|\s+", " ", found) for found in _COMPLAINT.findall(answer.text)]
            raise DemoError(f"{self.username} at {path}: {html.unescape(' '.join(complaints)) or 'the form came back'}")
        return answer.url.removeprefix(self.url)

    def _check(self, answer: requests.Response, path: str) -> None:
        if answer.status_code != requests.codes.ok:
            raise DemoError(f"{self.username} at {path}: HTTP {answer.status_code}")


def signature_fields(message: bytes, key_file: Path, passphrase: str) -> dict[str, str | list[str]]:
    """The fields of a form that is signed, as the page's script fills them in with a person's key file."""
    signer = keyfile.unseal(key_file.read_text(), passphrase)
    return {
        "public_key": to_base64url(signer.public_key),
        "signature": to_base64url(signer.sign(message)),
        "alg": str(int(Alg.EDDSA)),
    }
