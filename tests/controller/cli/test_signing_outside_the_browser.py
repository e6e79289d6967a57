"""`loalang sign`: the request from the order's page, read and signed on one's own machine, and handed in again."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controller.orders import services
from controller.orders.models import EmergencyOrder, State
from controller.orders.rules import Alarm
from protocol import keyfile
from protocol.order import Severity, Status
from tests.support import province
from tests.support.installation import install
from tests.support.province import AN_PHU, Province, key

pytestmark = pytest.mark.django_db
PASSPHRASE = "mật khẩu rất dài"


@dataclass
class Desk:
    """Somebody's own machine: a folder with the key file and what was downloaded. No controller is set up on it."""

    folder: Path
    name: str

    @property
    def request(self) -> Path:
        return self.folder / "request.json"

    @property
    def key(self) -> Path:
        return self.folder / "khoa.json"

    @property
    def phrase(self) -> Path:
        return self.folder / "phrase"

    def sign(self, *more: str, typed: str = "", language: str = "vi") -> subprocess.CompletedProcess[str]:
        words = ["sign", str(self.request), "--key", str(self.key), "--passphrase-file", str(self.phrase), *more]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("LOALANG", "DJANGO"))}
        return subprocess.run(
            [sys.executable, "-m", "controller", "--lang", language, *words],
            env={**environ, "LOALANG_DATA": str(self.folder / "data")},
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )

    def answers(self) -> list[Path]:
        return sorted(self.folder.glob("request.*.json"))


def desk(folder: Path, who: str, name: str) -> Desk:
    made = Desk(folder / who, who)
    made.folder.mkdir()
    made.key.write_text(
        keyfile.seal(key(who), name, PASSPHRASE, salt=b"s" * 16, nonce=b"n" * 12, iterations=keyfile.MIN_ITERATIONS)
    )
    made.phrase.write_text(f"{PASSPHRASE}\n")
    return made


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path / "controller")
    return province.make(timezone.now())


@pytest.fixture
def order(here: Province) -> EmergencyOrder:
    alarm = Alarm(1, (AN_PHU,), Severity.SEVERE, Status.EXERCISE, reason="Công điện 12")
    return services.prepare(here.people["hoa"], alarm)


def as_(here: Province, who: str) -> Client:
    client = Client()
    client.force_login(here.people[who])
    return client


def download(here: Province, order: EmergencyOrder, to: Desk) -> None:
    page = as_(here, to.name).get(reverse("orders:request", args=[order.pk]))
    assert page.headers["Content-Disposition"].startswith("attachment")
    to.request.write_bytes(page.content)


def hand_in(here: Province, order: EmergencyOrder, by: Desk, answer: Path) -> int:
    file = SimpleUploadedFile("answer.json", answer.read_bytes(), "application/json")
    return as_(here, by.name).post(reverse("orders:sign", args=[order.pk]), {"file": file}).status_code


@pytest.fixture
def hoa(here: Province, order: EmergencyOrder, tmp_path: Path) -> Desk:
    made = desk(tmp_path, "hoa", "Trần Thị Hoa")
    download(here, order, made)
    return made


def test_two_persons_who_sign_on_their_own_machines_send_the_order(
    here: Province, order: EmergencyOrder, hoa: Desk, tmp_path: Path
) -> None:
    minh = desk(tmp_path, "minh", "Lê Minh")
    download(here, order, minh)
    for one in (hoa, minh):
        done = one.sign("--yes")
        assert done.returncode == 0, done.stderr
        (answer,) = one.answers()
        assert str(answer) in done.stdout
        assert hand_in(here, order, one, answer) == 302
        assert not (one.folder / "data").exists(), "no controller was set up for it"
    order.refresh_from_db()
    assert order.state == State.SENT


def test_an_answer_counts_for_its_signer_only_and_for_its_order_only(
    here: Province, order: EmergencyOrder, hoa: Desk, tmp_path: Path
) -> None:
    hoa.sign("--yes")
    (answer,) = hoa.answers()
    minh = desk(tmp_path, "minh", "Lê Minh")
    assert hand_in(here, order, minh, answer) == 422
    other = services.prepare(here.people["hoa"], Alarm(2, (AN_PHU,)))
    assert hand_in(here, other, hoa, answer) == 422
    answer.write_text(" " * 10_000 + answer.read_text())
    assert hand_in(here, order, hoa, answer) == 422, "a file of any length is not read to its end"
    assert not order.signatures.exists()


@pytest.mark.parametrize(
    ("language", "said"),
    [("vi", ["diễn tập", "Công điện 12", "Ký lệnh này?"]), ("en", ["exercise", "Công điện 12", "Sign it?"])],
)
def test_what_is_signed_is_said_in_words_first_and_only_ky_agrees(hoa: Desk, language: str, said: list[str]) -> None:
    refused = hoa.sign(typed="yes\n", language=language)
    assert refused.returncode == 1
    for words in [*said, AN_PHU]:
        assert words in refused.stdout
    assert hoa.answers() == []
    assert hoa.sign(typed="ky\n", language=language).returncode == 0
    assert len(hoa.answers()) == 1


def test_with_nobody_there_to_agree_nothing_is_signed(hoa: Desk) -> None:
    done = hoa.sign()
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert "Traceback" not in done.stderr
    assert hoa.answers() == []


def test_a_wrong_passphrase_is_said_and_leaves_nothing(hoa: Desk) -> None:
    hoa.phrase.write_text("mật khẩu khác hẳn\n")
    done = hoa.sign("--yes")
    assert done.returncode == 2
    assert "Trần Thị Hoa" in done.stderr
    assert "Traceback" not in done.stderr
    assert hoa.answers() == []


def test_a_signature_is_never_overwritten(hoa: Desk) -> None:
    assert hoa.sign("--yes").returncode == 0
    (answer,) = hoa.answers()
    before = answer.read_bytes()
    again = hoa.sign("--yes")
    assert again.returncode == 2
    assert "không ghi đè" in again.stderr
    assert answer.read_bytes() == before
    elsewhere = hoa.folder / "other.json"
    assert hoa.sign("--yes", "--out", str(elsewhere)).returncode == 0
    assert elsewhere.read_bytes() == before, "Ed25519: the same order, the same signature"


@pytest.mark.parametrize(
    "change",
    [
        {"order": "0" * 32},
        {"payload": "AAAA"},
        {"payload": "!"},
        {"loalang": "sign/2"},
        {"colour": "red"},
        None,
    ],
)
def test_what_is_no_request_is_refused_before_the_key_is_opened(hoa: Desk, change: dict[str, str] | None) -> None:
    good = json.loads(hoa.request.read_text())
    hoa.request.write_text("không phải JSON" if change is None else json.dumps(good | change))
    hoa.phrase.unlink()
    done = hoa.sign("--yes")
    assert done.returncode == 2
    assert done.stderr.startswith("loalang: ")
    assert "Traceback" not in done.stderr
    assert hoa.answers() == []


def test_a_file_that_is_missing_is_named(hoa: Desk) -> None:
    hoa.request.unlink()
    done = hoa.sign("--yes")
    assert done.returncode == 2
    assert str(hoa.request) in done.stderr


def test_a_key_file_whose_name_was_exchanged_does_not_open(hoa: Desk) -> None:
    """Else somebody could be shown another one's name before typing in their passphrase."""
    hoa.key.write_text(hoa.key.read_text().replace("Trần Thị Hoa", "Lê Minh"))
    assert hoa.sign("--yes").returncode == 2
    assert hoa.answers() == []
