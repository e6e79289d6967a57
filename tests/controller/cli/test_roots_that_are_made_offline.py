"""`loalang roots make, sign, next, check, show`: the list of who is trusted, on machines that have no controller."""

import json
import os
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from controller.__main__ import main
from controller.cli import signatures
from protocol import keyfile
from protocol.manifest import Hours, Level, Volume
from protocol.passkey import Party
from protocol.roles import Bound, Era, Role, Roots, open_first_roots, open_next_roots, root_fingerprint
from protocol.signing import Family, open_signed
from tests.support.province import DOMAIN, key
from tests.support.signing_kit import Passkey

PHONE = Passkey("điện thoại của Hoa")


class Machine:
    """A machine without a network, in a folder; what it was asked, and what it said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.out = self.err = ""

    def run(self, *words: str) -> int:
        before = os.umask(0o077)
        try:
            code = main(["--lang", "vi", "roots", *words])
        except SystemExit as stopped:
            code = int(str(stopped.code))
        finally:
            os.umask(before)
        self.out, self.err = self._capsys.readouterr()
        return code

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def data(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def seed(self, name: str) -> str:
        """A root key as a file of 64 hex digits."""
        (self.folder / f"{name}.seed").write_text(sha256(name.encode()).hexdigest())
        return self.path(f"{name}.seed")

    def spec(self, *roots: str, **more: Any) -> str:
        """A holders file in which these hold the root keys, and Hoa a phone and a commune."""
        spec = {"province": "77", "environment": "test", "holders": [holder(name, "ROOT") for name in roots], **more}
        (self.folder / "holders.json").write_text(json.dumps(spec))
        return self.path("holders.json")


def holder(name: str, *roles: str, **more: Any) -> dict[str, Any]:
    return {"person": name, "roles": list(roles), "scope": ["77"], "public": key(name).public_key.hex(), **more}


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    return Machine(tmp_path, capsys)


TWO = {"ROOT": 2, "EMERGENCY": 2}


def test_everything_that_roots_may_say_is_written_in_json_and_shown_in_words(machine: Machine) -> None:
    spec = machine.spec(
        "gốc 1",
        version=1,
        eras={"DELEGATION": 3},
        events=["flood", "fire"],
        parties=[{"id": "console.example", "origins": ["https://console.example"]}],
        bounds=[{"role": "COMMUNE", "scope": ["77"], "days": 90}],
        policies=[
            {
                "quiet": [{"start": "21:00", "end": "05:00"}],
                "max_sessions": 4,
                "max_session_minutes": 45,
                "volume": [{"start": "05:00", "end": "06:00", "gain_db": -6, "days": ["sat", "sun"]}],
            }
        ],
        holders=[
            holder("gốc 1", "ROOT"),
            holder(
                "Hoa",
                "EMERGENCY",
                public=PHONE.public_key.hex(),
                party="console.example",
                not_before="2026-12-01",
                not_after="2026-12-31",
            ),
        ],
    )
    assert machine.run("make", "--holders", spec, "--root-key", machine.seed("gốc 1"), "--out", machine.path("r")) == 0
    roots = open_first_roots(machine.data("r"))
    assert roots.eras == (Era(Role.DELEGATION, 3),)
    assert roots.events == ("flood", "fire")
    assert roots.parties == (Party("console.example", ("https://console.example",)),)
    assert roots.bounds == (Bound(Role.COMMUNE, ("77",), 90),)
    (policy,) = roots.policies
    assert (policy.level, policy.max_sessions, policy.max_session_s) == (Level.PROVINCE, 4, 2700)
    assert policy.quiet == (Hours(75_600, 18_000),)
    assert policy.volume == (Volume(Hours(18_000, 21_600, 0b1100000), -60),)
    hoa = roots.holders[1]
    assert (hoa.party, hoa.not_after - hoa.not_before) == (1, 31 * 86_400 - 1)

    assert machine.run("show", machine.path("r")) == 0
    shown = " ".join(machine.out.split())
    fingerprint = root_fingerprint(roots).hex().upper()
    for said in (
        "77/test · danh sách số 1",
        " ".join(fingerprint[at : at + 4] for at in range(0, 32, 4)),
        "EMERGENCY (ra lệnh khẩn cấp): 2",
        "01/12/2026 00:00 – 31/12/2026 23:59",
        "passkey của console.example",
        "quy định của tỉnh: yên tĩnh 21:00–05:00",
        "nhiều nhất 4 buổi/ngày",
        "mỗi buổi tối đa 45 phút",
        "âm lượng -6.0 dB 05:00–06:00 (T7, CN)",
        "nhiều nhất 90 ngày",
        "flood, fire",
        "kỷ nguyên DELEGATION",
        "ĐỦ CHỮ KÝ",
    ):
        assert said in shown


def test_outside_of_trials_two_root_holders_are_asked_for_where_the_file_says_nothing(machine: Machine) -> None:
    seeds = ("--root-key", machine.seed("gốc 1"), "--root-key", machine.seed("gốc 2"))
    for environment, persons in (("prod", 2), ("demo", 1)):
        spec = machine.spec("gốc 1", "gốc 2", version=1, environment=environment)
        assert machine.run("make", "--holders", spec, *seeds, "--out", machine.path(environment)) == 0
        assert open_first_roots(machine.data(environment)).persons_needed(Role.ROOT) == persons


def test_a_name_is_written_in_its_one_spelling_however_the_file_composes_it(machine: Machine) -> None:
    people = [holder("gốc 1", "ROOT"), holder("Hoa", "STOP") | {"person": unicodedata.normalize("NFD", " Hòa  Bình")}]
    spec = machine.spec(version=1, holders=people)
    assert machine.run("make", "--holders", spec, "--root-key", machine.seed("gốc 1"), "--out", machine.path("r")) == 0
    assert [row.person for row in open_first_roots(machine.data("r")).holders] == ["gốc 1", "Hòa Bình"]


def test_a_new_era_of_delegation_says_what_it_forgets(machine: Machine) -> None:
    spec = machine.spec("gốc 1", version=1)
    seed = ("--root-key", machine.seed("gốc 1"))
    assert machine.run("make", "--holders", spec, *seed, "--out", machine.path("r")) == 0
    spec = machine.spec("gốc 1", eras={"DELEGATION": 1})
    words = ("next", "--held", machine.path("r"), "--holders", spec, *seed, "--out", machine.path("n"))
    assert machine.run(*words) == 0
    assert "KỶ NGUYÊN DELEGATION MỚI" in machine.out
    assert "bỏ chúng khỏi holders" in " ".join(machine.out.split())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"holders": [holder("Hoa", "EMERGENCY")]}, "cần 1 người có vai trò ROOT"),
        ({"thresholds": {"ROOT": 3}}, "cần 3 người có vai trò ROOT, mới có 2"),
        ({"holders": [holder("gốc 1", "ROOT"), holder("gốc 1", "STOP")]}, "một khóa ghi hai lần"),
        ({"holders": [holder("gốc 1", "ROOT", "SCHEDULE")]}, "vừa là của máy chủ vừa là của người"),
        ({"bounds": [{"role": "EMERGENCY", "scope": ["77"], "days": 1}]}, "không giao lại được"),
        ({"holders": [holder("gốc 1", "BOSS")]}, "holders[0].roles"),
        ({"holders": [holder("gốc 1", "ROOT", party="x")]}, "holders[0].party"),
        ({"holders": [holder("gốc 1", "ROOT", not_after="31/12/2026")]}, "holders[0].not_after"),
        ({"holders": [holder("gốc 1", "ROOT", public="abc")]}, "holders[0].public"),
        ({"holders": [holder("gốc 1", "ROOT", key_file="x")]}, "đúng một trong public, key_file"),
        ({"policies": [{"level": "HAMLET"}]}, "policies[0].level"),
        ({"policies": [{"days": ["t2"]}]}, "policies[0].days"),
        ({"policies": [{"quiet": [{"start": "9pm", "end": "05:00"}]}]}, "quiet"),
        ({"eras": {"BOSS": 1}}, "eras"),
        ({"events": ["no spaces"]}, "events[0]"),
        ({"parties": [{"id": "Console", "origins": ["https://c"]}]}, "parties[0].id"),
        ({"holders": [holder("gốc 1", "ROOT"), holder("gốc 2", "ROOT", scope=["a b"])]}, "holders[1].scope"),
        ({"environment": "TEST"}, "environment"),
        ({"environment": "prod", "thresholds": {"ROOT": 1}}, "ROOT phải từ 2 người trở lên"),
        ({"colour": "red"}, "colour"),
        ({"version": None}, "version"),
    ],
)
def test_what_no_box_would_take_is_refused_with_its_field_and_nothing_is_written(
    machine: Machine, change: dict[str, Any], said: str
) -> None:
    spec = machine.spec("gốc 1", "gốc 2", **({"version": 1} | change))
    assert machine.run("make", "--holders", spec, "--root-key", machine.seed("gốc 1"), "--out", machine.path("r")) == 2
    assert said in machine.err
    assert not (machine.folder / "r").exists()


def test_a_key_that_is_no_root_key_signs_no_roots(machine: Machine) -> None:
    spec = machine.spec("gốc 1", version=1)
    assert machine.run("make", "--holders", spec, "--root-key", machine.seed("kẻ lạ"), "--out", machine.path("r")) == 2
    assert key("kẻ lạ").public_key.hex() in machine.err
    assert "ROOT" in machine.err


def test_root_holders_sign_one_after_another_on_their_own_machines(machine: Machine) -> None:
    spec = machine.spec("gốc 1", "gốc 2", version=1, thresholds=TWO)
    assert machine.run("make", "--holders", spec, "--out", machine.path("asked.json")) == 0
    assert "0/2" in machine.out
    assert json.loads(machine.data("asked.json"))["loalang"] == "sign/2"
    one = ("sign", machine.path("asked.json"), "--key", machine.seed("gốc 1"), "--yes", "--out", machine.path("one"))
    assert machine.run(*one) == 0
    assert "1/2 (gốc 1)" in machine.out
    assert "CHƯA ĐỦ" in machine.out
    assert machine.run("check", machine.path("one")) == 1
    (machine.folder / "phrase").write_text("mật khẩu rất dài\n")
    (machine.folder / "two.json").write_text(
        keyfile.seal(key("gốc 2"), "gốc 2", "mật khẩu rất dài", salt=b"s" * 16, nonce=b"n" * 12, iterations=100_000)
    )
    two = ("sign", machine.path("one"), "--key", machine.path("two.json"), "--out", machine.path("both"))
    assert machine.run(*two, "--yes", "--passphrase-file", machine.path("phrase")) == 0
    assert "2/2 (gốc 1, gốc 2)" in machine.out
    assert machine.run("check", machine.path("both")) == 0
    assert open_first_roots(machine.data("both")).version == 1
    again = ("sign", machine.path("both"), "--key", machine.seed("gốc 1"), "--yes", "--out", machine.path("thrice"))
    assert machine.run(*again) == 2
    assert "đã ký" in machine.err
    assert not (machine.folder / "thrice").exists()


def test_a_signature_that_loalang_sign_made_is_collected_if_it_is_for_these_roots(machine: Machine) -> None:
    spec = machine.spec("gốc 1", "gốc 2", version=1, thresholds=TWO)
    machine.run("make", "--holders", spec, "--root-key", machine.seed("gốc 1"), "--out", machine.path("one"))
    payload = open_signed(machine.data("one"), Family.ROOTS, DOMAIN).payload
    asked = signatures.read_request(signatures.request_text(payload, Family.ROOTS, DOMAIN))
    (machine.folder / "answer.json").write_text(signatures.answer(asked, key("gốc 2")))
    collect = ("sign", machine.path("one"), "--signature", machine.path("answer.json"), "--out")
    assert machine.run(*collect, machine.path("both")) == 0
    assert open_first_roots(machine.data("both"))
    spec = machine.spec("gốc 1", "gốc 2", version=2, thresholds=TWO)
    machine.run("make", "--holders", spec, "--root-key", machine.seed("gốc 1"), "--out", machine.path("other"))
    foreign = ("sign", machine.path("other"), "--signature", machine.path("answer.json"), "--out", machine.path("x"))
    assert machine.run(*foreign) == 2
    assert "nội dung khác" in machine.err
    forged = json.loads((machine.folder / "answer.json").read_text())
    forged["signature"] = signatures.to_base64url(bytes(64))
    (machine.folder / "answer.json").write_text(json.dumps(forged))
    assert machine.run(*collect, machine.path("y")) == 2
    assert not (machine.folder / "y").exists()


@pytest.fixture
def held(machine: Machine) -> str:
    """Version 1, by one root key."""
    spec = machine.spec("gốc 1", version=1)
    machine.run("make", "--holders", spec, "--root-key", machine.seed("gốc 1"), "--out", machine.path("held"))
    return machine.path("held")


def test_root_keys_are_changed_by_a_version_that_the_old_and_the_new_ones_sign(machine: Machine, held: str) -> None:
    spec = machine.spec("gốc 2")
    new = (
        "next",
        "--held",
        held,
        "--holders",
        spec,
        "--root-key",
        machine.seed("gốc 2"),
        "--out",
        machine.path("half"),
    )
    assert machine.run(*new) == 0
    for said in ("KHÓA GỐC THAY ĐỔI", "+ " + key("gốc 2").public_key.hex(), "- " + key("gốc 1").public_key.hex()):
        assert said in machine.out
    assert "CHƯA ĐỦ" in machine.out
    assert machine.run("check", machine.path("half"), "--held", held) == 1
    old = ("sign", machine.path("half"), "--key", machine.seed("gốc 1"), "--yes", "--out", machine.path("next"))
    assert machine.run(*old) == 2, "gốc 1 is no root of the new version: the held one must be shown"
    assert "--held" in machine.err
    assert machine.run(*old, "--held", held) == 0
    assert machine.run("check", machine.path("next"), "--held", held) == 0
    before = open_first_roots(machine.data("held"))
    assert open_next_roots(machine.data("next"), before).version == 2


@pytest.mark.parametrize(
    "change", [{"version": 1}, {"environment": "demo"}, {"province": "79"}], ids=lambda change: next(iter(change))
)
def test_what_could_never_follow_is_refused_before_anybody_signs(
    machine: Machine, held: str, change: dict[str, Any]
) -> None:
    spec = machine.spec("gốc 1", **change)
    words = ("next", "--held", held, "--holders", spec, "--root-key", machine.seed("gốc 1"), "--out", machine.path("x"))
    assert machine.run(*words) == 2
    assert not (machine.folder / "x").exists()


def test_an_era_never_falls(machine: Machine) -> None:
    spec = machine.spec("gốc 1", version=1, eras={"SCHEDULE": 2})
    machine.run("make", "--holders", spec, "--root-key", machine.seed("gốc 1"), "--out", machine.path("held"))
    words = ("next", "--held", machine.path("held"), "--root-key", machine.seed("gốc 1"), "--out", machine.path("x"))
    assert machine.run(*words, "--holders", machine.spec("gốc 1", eras={"SCHEDULE": 1})) == 2
    assert "SCHEDULE" in machine.err


def test_with_both_keys_at_hand_the_next_version_is_ready_at_once(machine: Machine, held: str) -> None:
    keys = ("--root-key", machine.seed("gốc 1"), "--root-key", machine.seed("gốc 2"))
    spec = machine.spec("gốc 1", "gốc 2", thresholds=TWO)
    assert machine.run("next", "--held", held, "--holders", spec, *keys, "--out", machine.path("next")) == 0
    assert "ĐỦ CHỮ KÝ" in machine.out
    assert "1 → 2" in machine.out


def test_what_is_no_list_of_signers_is_said(machine: Machine) -> None:
    (machine.folder / "x").write_bytes(b"\x00\x01")
    for words in (("show", machine.path("x")), ("check", machine.path("x")), ("show", machine.path("nowhere"))):
        assert machine.run(*words) == 2
        assert machine.err.startswith("loalang: ")


def test_the_example_of_the_documentation_is_taken_and_comes_back_from_the_signed_roots(machine: Machine) -> None:
    page = (Path(__file__).parents[3] / "docs" / "roots.md").read_text(encoding="utf-8")
    example = page.partition("```json\n")[2].partition("```")[0]
    for name in ("ROOT-A", "ROOT-B", "MINH", "SERVER"):
        example = example.replace(f'"{name}"', f'"{key(name).public_key.hex()}"')
    example = example.replace('"HOA"', f'"{PHONE.public_key.hex()}"')
    (machine.folder / "spec.json").write_text(example)
    seeds = ("--root-key", machine.seed("ROOT-A"), "--root-key", machine.seed("ROOT-B"))
    assert machine.run("make", "--holders", machine.path("spec.json"), *seeds, "--out", machine.path("r")) == 0, (
        machine.err
    )
    assert machine.run("holders", machine.path("r"), "--out", machine.path("back.json")) == 0
    first = open_first_roots(machine.data("r"))
    words = ("next", "--held", machine.path("r"), "--holders", machine.path("back.json"), *seeds)
    assert machine.run(*words, "--out", machine.path("r2")) == 0
    second = open_next_roots(machine.data("r2"), first)
    assert second.version == 2
    same = [name for name in Roots.__struct_fields__ if name not in {"version", "issued", "expires", "eras"}]
    assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]
    assert {row.role: row.number for row in second.eras} == {row.role: row.number for row in first.eras}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"province": "7"}, "không có tỉnh nào mã '7'"),
        ({"province": "79"}, "không nằm trong tỉnh 79"),
        ({"bounds": [{"role": "STOP", "scope": ["79-1"], "days": 9}]}, "bounds[0].scope: '79-1' không nằm trong"),
    ],
)
def test_roots_of_a_place_that_is_none_are_not_made(machine: Machine, change: dict[str, Any], said: str) -> None:
    spec = machine.spec("gốc 1", version=1, **change)
    assert machine.run("make", "--holders", spec, "--out", machine.path("r")) == 2
    assert said in machine.err


def test_a_machine_that_is_set_up_for_another_province_makes_no_roots_of_this_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOALANG_PROVINCE", "79")
    assert machine.run("make", "--holders", machine.spec("gốc 1", version=1), "--out", machine.path("r")) == 2
    assert "LOALANG_PROVINCE=79" in machine.err


def test_what_the_file_leaves_out_is_said(machine: Machine) -> None:
    spec = machine.spec("gốc 1", version=1)
    assert machine.run("make", "--holders", spec, "--out", machine.path("r")) == 0
    assert "lấy mặc định: thresholds.EMERGENCY = 2, valid_days = 366" in machine.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"eras": {"SCHEDULE": 0}}, "cần số nguyên từ 1 trở lên"),
        ({"bound": []}, "không có trường nào tên “bound”"),
        ({"valid_days": "year"}, "cần int, không phải str, ở valid_days"),
        ({"version": 0}, "cần số nguyên từ 1 trở lên, ở version"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_in_one_language(
    machine: Machine, change: dict[str, Any], said: str
) -> None:
    spec = machine.spec("gốc 1", **{"version": 1, **change})
    assert machine.run("make", "--holders", spec, "--out", machine.path("r")) == 2
    assert said in machine.err
    assert "Expected" not in machine.err
