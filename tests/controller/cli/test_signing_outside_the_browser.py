"""`loalang sign`: a request from a page, read and signed on one's own machine, and handed in again."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import LazySettings

from controller.accounts import signing as pages
from controller.cli import wording
from controller.cli.signatures import READINGS, Answer, Request
from controller.core.errors import Refused
from protocol import keyfile, signing
from protocol.approval import Approval, QuietException, Subject
from protocol.bulletin import BulletinClass
from protocol.codec import decode, encode, pack, unpack
from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.messages import OWN_WORDS
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.roles import Holder, Role
from protocol.signing import Domain, Family
from tests.support.installation import install
from tests.support.province import key

PASSPHRASE = "mật khẩu rất dài"
DOMAIN = Domain("77", "test")
NOW = 1_795_478_400
AUDIO, TEXT = b"OggS sound", "UBND phường thông báo cúp điện."
ORDER = Order(
    id=key("hoa").public_key[:16],
    province="77",
    environment="test",
    role=Role.EMERGENCY,
    epoch=1,
    sequence=7,
    issued=NOW,
    not_before=NOW,
    expires=NOW + 3600,
    status=Status.EXERCISE,
    type=MessageType.ALERT,
    severity=Severity.SEVERE,
    event="flood",
    area=("77-1001",),
    sound=Sound(1),
    reason="Công điện 12",
)
STOP = msgspec.structs.replace(
    ORDER, type=MessageType.STOP, role=Role.STOP, status=Status.ACTUAL, sound=None, until=NOW + 7200
)
APPROVAL = Approval(
    Subject.BULLETIN,
    sha256(AUDIO),
    sha256(TEXT.encode()),
    BulletinClass.PRIORITY,
    "vi",
    "77-1001",
    1,
    NOW,
    NOW + 86_400,
    "Cúp điện",
)
EXCEPTION = QuietException(1, NOW, ("77",), NOW, NOW + 3600, "Giao thừa")


def content(name: str, role: Role = Role.CONTENT) -> Holder:
    return Holder(key(name).public_key, name, (role,), ("77-1001",))


BEFORE = Delegation("77-1001", 0, 1, 1, NOW, NOW + 86_400, (content("Lan"), content("Minh")))
DELEGATION = Delegation(
    "77-1001",
    0,
    2,
    1,
    NOW,
    NOW + 86_400,
    (content("Lan", Role.STOP), content("Phúc")),
    (sha256(b"lost"),),
    "Minh mất máy",
)


@dataclass
class Desk:
    """Hoa's own machine: a folder with the key file and what was downloaded. No controller is set up on it."""

    folder: Path

    @property
    def request(self) -> Path:
        return self.folder / "request.json"

    @property
    def key(self) -> Path:
        return self.folder / "khoa.json"

    @property
    def phrase(self) -> Path:
        return self.folder / "phrase"

    def download(self, record: msgspec.Struct, family: Family) -> None:
        """As the kit on a page writes it."""
        self.request.write_text(pages.request_file(encode(record), family))

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


@pytest.fixture
def hoa(settings: LazySettings, tmp_path: Path) -> Desk:
    install(settings, tmp_path / "controller")
    made = Desk(tmp_path)
    made.key.write_text(
        keyfile.seal(
            key("hoa"), "Trần Thị Hoa", PASSPHRASE, salt=b"s" * 16, nonce=b"n" * 12, iterations=keyfile.MIN_ITERATIONS
        )
    )
    made.phrase.write_text(f"{PASSPHRASE}\n")
    made.download(ORDER, Family.ORDER)
    return made


@pytest.mark.parametrize(
    ("record", "family"),
    [
        (ORDER, Family.ORDER),
        (APPROVAL, Family.APPROVAL),
        (DELEGATION, Family.DELEGATION),
        (EXCEPTION, Family.EXCEPTION),
    ],
)
def test_what_was_signed_on_ones_own_machine_is_taken_by_the_page_for_this_content_alone(
    hoa: Desk, record: msgspec.Struct, family: Family
) -> None:
    hoa.download(record, family)
    done = hoa.sign("--yes")
    assert done.returncode == 0, done.stderr
    (answer,) = hoa.answers()
    assert str(answer) in done.stdout
    assert pages.code(encode(record)) in done.stdout, "what one compares with the page"
    assert not (hoa.folder / "data").exists(), "no controller was set up for it"
    signed = pages.read(answer.read_bytes())
    pages.verify(signed, encode(record), family, DOMAIN, None)
    assert signed.public_key == key("hoa").public_key
    for payload, other in ((encode(STOP), family), (encode(record), Family.RECEIPT)):
        with pytest.raises(Refused):
            pages.verify(signed, payload, other, DOMAIN, None)


@pytest.mark.parametrize(
    ("record", "family", "vi", "en"),
    [
        (ORDER, Family.ORDER, ["diễn tập", "Công điện 12", "nghiêm trọng"], ["exercise", "Công điện 12", "severe"]),
        (STOP, Family.ORDER, ["DỪNG VÀ KHÓA LOA", "THẬT", "khóa đến"], ["STOP AND LOCK", "ACTUAL", "locked until"]),
        (
            APPROVAL,
            Family.APPROVAL,
            ["DUYỆT BẢN TIN", "“Cúp điện”", "ưu tiên", "chưa so âm thanh", sha256(AUDIO).hex()],
            ["APPROVE A BULLETIN", "priority", "sound not compared", sha256(TEXT.encode()).hex()],
        ),
        (
            DELEGATION,
            Family.DELEGATION,
            ["NGƯỜI CỦA ĐƠN VỊ 77-1001", "Phúc: CONTENT", "không tin nữa", "Minh mất máy", "--held"],
            ["PEOPLE OF 77-1001", "Lan: STOP", "believes no more"],
        ),
        (EXCEPTION, Family.EXCEPTION, ["GIỜ YÊN TĨNH", "Giao thừa"], ["QUIET HOURS", "Giao thừa"]),
    ],
)
def test_what_is_signed_is_said_in_words_first_and_only_ky_agrees(
    hoa: Desk, record: msgspec.Struct, family: Family, vi: list[str], en: list[str]
) -> None:
    hoa.download(record, family)
    for language, said in (("vi", [*vi, "Ký nội dung này?"]), ("en", [*en, "Sign it?"])):
        refused = hoa.sign(typed="yes\n", language=language)
        assert refused.returncode == 1, refused.stderr
        for words in said:
            assert words in refused.stdout
    assert hoa.answers() == []
    assert hoa.sign(typed="ky\n").returncode == 0
    assert len(hoa.answers()) == 1


@pytest.mark.parametrize(
    ("chime", "said"),
    [
        (0, "không có âm báo"),
        (1, "chuông chú ý"),
        (2, "còi hú"),
        (3, "còi gấp"),
        (4, "còi hai giọng"),
        (7, "chuông chú ý"),
    ],
)
def test_whoever_signs_an_alarm_reads_what_goes_before_its_message(chime: int, said: str) -> None:
    lines = wording.order(msgspec.structs.replace(ORDER, sound=Sound(1, chime=chime)))
    assert any(f", {said}, âm lượng" in line for line in lines)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("vi", ["nội dung: tự soạn; hộp đọc đúng chữ trên bảng", "chữ trên bảng: Đê thôn ba sắp vỡ."]),
        ("en", ["message: its own words; the box speaks what is on boards", "on boards: Đê thôn ba sắp vỡ."]),
    ],
)
def test_an_order_in_its_own_words_is_shown_with_all_of_them(hoa: Desk, language: str, said: list[str]) -> None:
    hoa.download(msgspec.structs.replace(ORDER, sound=Sound(OWN_WORDS), board="Đê thôn ba sắp vỡ."), Family.ORDER)
    shown = hoa.sign("--yes", language=language).stdout
    assert all(line in shown for line in said)


def test_the_sound_and_the_text_that_somebody_heard_and_read_are_compared_with_what_is_signed(hoa: Desk) -> None:
    hoa.download(APPROVAL, Family.APPROVAL)
    audio, text = hoa.folder / "bulletin.ogg", hoa.folder / "bulletin.txt"
    audio.write_bytes(AUDIO + b"!")
    text.write_text(f"{TEXT}\n")
    wrong = hoa.sign("--yes", "--audio", str(audio))
    assert wrong.returncode == 2
    assert "KHÔNG phải âm thanh" in wrong.stderr
    assert hoa.answers() == []
    audio.write_bytes(AUDIO)
    right = hoa.sign("--yes", "--audio", str(audio), "--text", str(text))
    assert right.returncode == 0, right.stderr
    assert "đúng âm thanh" in right.stdout
    assert "đúng lời văn" in right.stdout


def test_a_sound_beside_what_names_none_is_not_taken_for_it(hoa: Desk) -> None:
    audio = hoa.folder / "bulletin.ogg"
    audio.write_bytes(AUDIO)
    assert hoa.sign("--yes", "--audio", str(audio)).returncode == 2
    assert hoa.answers() == []


def test_who_comes_and_who_goes_is_said_against_the_list_before(hoa: Desk) -> None:
    hoa.download(DELEGATION, Family.DELEGATION)
    held = hoa.folder / "held.cose"
    held.write_bytes(signing.sign(encode(BEFORE), Family.DELEGATION, DOMAIN, key("tuan")))
    said = hoa.sign("--held", str(held), typed="\n").stdout.splitlines()
    assert any(line.startswith("  + ") and "Phúc" in line for line in said)
    assert any(line.startswith("  - ") and "Minh" in line for line in said)
    assert any(line.startswith("  < ") and "Lan: CONTENT" in line for line in said)
    assert any(line.startswith("  > ") and "Lan: STOP" in line for line in said)
    hoa.download(ORDER, Family.ORDER)
    assert hoa.sign("--yes", "--held", str(held)).returncode == 2


def test_letters_that_would_deceive_the_reader_of_a_terminal_are_shown_by_their_number(hoa: Desk) -> None:
    hidden = msgspec.structs.replace(APPROVAL, title="Cúp điện\x1b[2K\rTết\u202e")
    hoa.download(hidden, Family.APPROVAL)
    said = hoa.sign(typed="\n").stdout
    assert "\\u001b[2K\\u000dTết\\u202e" in said
    assert "\x1b" not in said


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


def test_what_this_program_does_not_understand_is_not_signed(hoa: Desk) -> None:
    """A newer page may put a field behind the others; nobody signs what is not shown."""
    longer = pack([*unpack(encode(APPROVAL), max_bytes=2048), "something new"])
    assert decode(longer, Approval) == APPROVAL, "a reader may ignore it"
    hoa.request.write_text(pages.request_file(longer, Family.APPROVAL))
    done = hoa.sign("--yes")
    assert done.returncode == 2
    assert "không hiểu" in done.stderr
    assert hoa.answers() == []


@pytest.mark.parametrize(
    "change",
    [
        {"family": "approval"},
        {"family": "manifest"},
        {"province": "79"},
        {"environment": "prod"},
        {"payload": "AAAA"},
        {"payload": "!"},
        {"loalang": "sign/1"},
        {"colour": "red"},
        None,
    ],
)
def test_what_is_no_request_is_refused_before_the_key_is_opened(hoa: Desk, change: dict[str, Any] | None) -> None:
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


def test_the_readme_names_the_fields_of_both_texts() -> None:
    section = (
        (Path(pages.__file__).parents[2] / "protocol" / "README.md").read_text().split("### Signing outside a page")[1]
    )
    asked, answered = (json.loads(block.split("```")[0]) for block in section.split("```json")[1:3])
    assert tuple(asked) == Request.__struct_fields__
    assert tuple(answered) == Answer.__struct_fields__


OTHER: dict[type, dict[str, Any]] = {
    Order: {
        "id": bytes(16),
        "role": Role.COMMUNE,
        "epoch": 2,
        "sequence": 8,
        "issued": NOW + 60,
        "not_before": NOW + 120,
        "expires": NOW + 60,
        "status": Status.ACTUAL,
        "type": MessageType.UPDATE,
        "severity": Severity.EXTREME,
        "event": "storm",
        "area": ("77",),
        "sound": Sound(1, gain_cb=-30),
        "references": (bytes(16),),
        "board": "CÚP ĐIỆN",
        "cap": sha256(b"cap"),
        "reason": "khác",
        "until": NOW + 60,
    },
    Approval: {
        "subject": Subject.STATION,
        "hash": bytes(32),
        "text": None,
        "klass": BulletinClass.ORDINARY,
        "language": "stp",
        "scope": "77",
        "epoch": 2,
        "issued": NOW + 60,
        "expires": NOW + 60,
        "title": "Tết",
        "picture": bytes(32),
    },
    QuietException: {
        "epoch": 2,
        "issued": NOW + 60,
        "area": ("77-1001",),
        "start": NOW + 60,
        "end": NOW + 60,
        "reason": "khác",
    },
    Delegation: {
        "unit": "77-1002",
        "era": 1,
        "version": 3,
        "epoch": 2,
        "issued": NOW + 60,
        "expires": NOW + 60,
        "holders": (),
        "revoked": (),
        "reason": "khác",
    },
}


@pytest.mark.parametrize("record", [ORDER, APPROVAL, EXCEPTION, DELEGATION], ids=lambda one: type(one).__name__)
def test_every_field_of_what_is_signed_is_shown(record: msgspec.Struct) -> None:
    """Another value gives other words; a field that is appended to a record must find its own."""
    reading = next(one for one in READINGS.values() if one.record is type(record))
    shown_elsewhere = {"province", "environment"}  # compared with the request's own, and said with it
    assert set(OTHER[type(record)]) | shown_elsewhere >= set(record.__struct_fields__)
    for name, value in OTHER[type(record)].items():
        base = STOP if name == "until" else record
        assert reading.say(msgspec.structs.replace(base, **{name: value})) != reading.say(base), name
