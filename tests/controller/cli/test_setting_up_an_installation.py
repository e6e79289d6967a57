"""What whoever installs the controller types in: units, people, and who is trusted to sign."""

import json
from pathlib import Path

import pytest

from protocol.roles import open_first_roots, root_fingerprint
from tests.support.program import Loalang
from tests.support.province import key

ROOT = key("root")


@pytest.fixture
def installation(tmp_path: Path) -> Loalang:
    return Loalang(tmp_path, None, province="79")


def make_roots(program: Loalang, version: int, controller: str | None) -> Path:
    """Signed roots with Hoa, and with the controller's key if it is given."""
    holders: list[dict[str, object]] = [
        {"person": "Hoa", "roles": ["EMERGENCY", "CANCEL"], "scope": ["79"], "public": key("hoa").public_key.hex()},
        {"person": "Gốc", "roles": ["ROOT"], "scope": ["79"], "public": ROOT.public_key.hex()},
    ]
    if controller is not None:
        holders.append({"person": "controller", "roles": ["SCHEDULE"], "scope": ["79"], "public": controller})
    folder = program.folder
    spec = {"province": "79", "environment": "test", "version": version, "holders": holders}
    (folder / "holders.json").write_text(json.dumps(spec))
    (folder / "root.seed").write_bytes(_seed())
    out = folder / f"roots-{version}.cose"
    words = ("--holders", str(folder / "holders.json"), "--root-key", str(folder / "root.seed"), "--out", str(out))
    program.must("roots", "make", *words)
    return out


def _seed() -> bytes:
    from hashlib import sha256

    return sha256(b"root").hexdigest().encode()


def test_units_and_people_are_added_and_the_one_time_password_is_printed(installation: Loalang) -> None:
    assert installation.must("units", "import", "--root", "79").split()[0].isdigit()
    words = ("--name", "Trần Thị Hoa", "--appoint", "signer@79", "--appoint", "approver@79-26506")
    username, password = installation.must("person", "add", "hoa", *words).split()
    assert username == "hoa"
    assert len(password) >= 12
    again = installation.run("person", "add", "hoa", "--name", "Hoa")
    assert again.returncode == 2
    assert "đã có người dùng" in again.stderr


def test_first_roots_without_a_fingerprint_say_which_one_to_compare(installation: Loalang) -> None:
    machine = installation.must("roots", "machine").strip()
    first, second = (make_roots(installation, version, machine) for version in (1, 2))
    fingerprint = root_fingerprint(open_first_roots(first.read_bytes())).hex(" ", 2).upper()
    assert f"Vân tay khóa gốc: {fingerprint}. " in installation.must("roots", "import", str(first))
    assert "Vân tay" not in installation.must("roots", "import", str(second)), "its predecessor's keys vouch for it"


def test_roots_are_taken_over_only_if_the_root_key_signed_them_and_only_forward(installation: Loalang) -> None:
    machine = installation.must("roots", "machine").strip()
    first, second = (make_roots(installation, version, machine) for version in (1, 2))
    nonsense = installation.run("roots", "import", str(second), "--fingerprint", "no key")
    assert nonsense.returncode == 2
    assert "--fingerprint" in nonsense.stderr
    for wrong in ("00" * 16, "0000"):
        refused = installation.run("roots", "import", str(second), "--fingerprint", wrong)
        assert refused.returncode == 2
        assert "Traceback" not in refused.stderr
    fingerprint = root_fingerprint(open_first_roots(second.read_bytes())).hex(" ", 2).upper()
    done = installation.must("roots", "import", str(second), "--fingerprint", fingerprint)
    assert "CẢNH BÁO" not in done
    back = installation.run("roots", "import", str(first))
    assert back.returncode == 2
    assert "Traceback" not in back.stderr
    shown = installation.must("roots", "show")
    assert "79/test" in shown
    for held in ("EMERGENCY, CANCEL @ 79", "SCHEDULE @ 79", machine):
        assert held in shown


def test_roots_without_this_controller_are_taken_over_with_a_warning(installation: Loalang) -> None:
    """Boxes would refuse every schedule, and nobody would know why."""
    file = make_roots(installation, 1, None)
    fingerprint = root_fingerprint(open_first_roots(Path(file).read_bytes())).hex()
    strange = installation.run("roots", "import", str(file), "--fingerprint", "ab" * 16)
    assert strange.returncode != 0
    done = installation.must("roots", "import", str(file), "--fingerprint", fingerprint)
    assert "CẢNH BÁO" in done
    assert "loalang roots machine" in done


def test_a_file_that_is_not_there_is_named_in_the_language_that_was_asked_for(installation: Loalang) -> None:
    for language, words in (("vi", "không đọc được tệp"), ("en", "cannot read")):
        done = installation.run("--lang", language, "roots", "import", "nowhere.cose")
        assert done.returncode == 2
        assert f"{words} nowhere.cose" in done.stderr


@pytest.mark.parametrize("words", [("pki", "show"), ("roots", "show")])
def test_who_only_looks_leaves_no_data_folder_behind(installation: Loalang, words: tuple[str, str]) -> None:
    data = Path(installation.env["LOALANG_DATA"])
    before = sorted(data.iterdir()) if data.exists() else None
    looked = installation.run(*words)
    assert looked.returncode == 2
    assert "chưa có hệ thống nào ở" in looked.stderr
    assert (sorted(data.iterdir()) if data.exists() else None) == before


def test_a_name_of_the_servers_certificate_is_not_dropped_in_silence(installation: Loalang) -> None:
    installation.must("pki", "init", "--name", "nguon.example.vn", "--name", "10.0.0.5")
    refused = installation.run("pki", "server", "--name", "moi.example.vn", "--name", "10.0.0.5")
    assert refused.returncode == 2
    assert "đang có tên nguon.example.vn" in refused.stderr
    said = installation.must("pki", "server", "--name", "moi.example.vn", "--only")
    assert "trước nguon.example.vn, 10.0.0.5; nay moi.example.vn." in said
