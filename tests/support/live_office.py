"""An office in which Lan may speak to her commune, Hoa and Minh together to the province; what they do in a browser."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from protocol.ids import enrolment_code
from protocol.signing import KeySigner
from tests.support.program import Loalang

COMMUNE: Final = "79-26506"
PASSPHRASE: Final = "mật khẩu rất dài"
SEED: Final = sha256(b"root").digest()
ROOT: Final = KeySigner.from_seed(SEED)
PEOPLE: Final = {
    "lan": ("Nguyễn Lan", f"signer@{COMMUNE}"),
    "minh": ("Lê Minh", "signer@79"),
    "hoa": ("Trần Hoa", "signer@79"),
    "tuan": ("Phạm Tuấn", "technician@79"),
}


def furnish(program: Loalang, folder: Path, environment: str = "test") -> dict[str, str]:
    """People, key files, roots in which Lan is her commune and Hoa and Minh are the province; one-time passwords."""
    run = program.must
    run("units", "import", "--root", "79")
    (folder / "phrase").write_text(f"{PASSPHRASE}\n")
    (folder / "root.seed").write_text(SEED.hex())
    for who in ("lan", "minh", "hoa"):
        out, phrase = str(folder / f"{who}.json"), str(folder / "phrase")
        run("key", "new", "--person", PEOPLE[who][0], "--out", out, "--passphrase-file", phrase)
    holders = [
        {"person": "controller", "roles": ["SCHEDULE"], "scope": ["79"], "public": run("roots", "machine").strip()},
        {"person": "Nguyễn Gốc", "roles": ["ROOT"], "scope": ["79"], "public": ROOT.public_key.hex()},
        {"person": "Nguyễn Lan", "roles": ["COMMUNE"], "scope": [COMMUNE], "key_file": "lan.json"},
        *(
            {"person": PEOPLE[who][0], "roles": ["EMERGENCY"], "scope": ["79"], "key_file": f"{who}.json"}
            for who in ("minh", "hoa")
        ),
    ]
    spec = {"province": "79", "environment": environment, "version": 1, "holders": holders}
    (folder / "holders.json").write_text(json.dumps(spec))
    made = folder / "roots.cose"
    run(
        "roots",
        "make",
        "--holders",
        str(folder / "holders.json"),
        "--root-key",
        str(folder / "root.seed"),
        "--out",
        str(made),
    )
    run("roots", "import", str(made))
    return {
        who: run("person", "add", who, "--name", name, "--appoint", where).split()[-1]
        for who, (name, where) in PEOPLE.items()
    }


def log_in(browser: Any, url: str, who: str, password: str) -> Any:
    context = browser.new_context(locale="vi-VN", permissions=["microphone"])
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{url}/")
    page.fill("[name=username]", who)
    page.fill("[name=password]", password)
    page.click("main button.primary")
    for field in ("new", "again"):
        page.fill(f"[name={field}]", f"{who} đi chợ sớm")
    page.click("main button.primary")
    page.wait_for_selector("nav.parts")
    return page


def approve(page: Any, url: str, box: str) -> None:
    page.goto(f"{url}/hop/{box}/duyet/")
    page.fill("[name=code]", enrolment_code(box))
    page.fill("[name=unit]", COMMUNE)
    page.click("text=Duyệt hộp này")
    page.wait_for_selector("text=Đã duyệt hộp")


def register_key(page: Any, url: str, file: Path) -> None:
    page.goto(f"{url}/toi/")
    page.set_input_files("#key-file", str(file))
    page.fill("[name=label]", "USB đỏ")
    page.fill("#key-passphrase", PASSPHRASE)
    page.click("#key-button:not([disabled])")
    page.wait_for_selector("a.danger.small")


def begin(page: Any, url: str, key_file: Path, *, without: tuple[str, ...] = ()) -> None:
    """Lan chooses her commune, but for these boxes, and signs: the button waits for her."""
    choose(page, url, without=without)
    sign(page, key_file)
    page.wait_for_selector("#talk-button:not([disabled])")


def choose(page: Any, url: str, *, without: tuple[str, ...] = ()) -> None:
    """The first of the person's areas, but for these boxes."""
    page.goto(f"{url}/truc-tiep/")
    for box in without:
        page.uncheck(f"[name=boxes][value={box}]")
    page.click("text=Tiếp tục: ký")


def sign(page: Any, key_file: Path) -> None:
    """On the page of a session."""
    page.wait_for_selector("#signing-file-button:not([disabled])")
    page.set_input_files("#signing-key-file", str(key_file))
    page.fill("#signing-passphrase", PASSPHRASE)
    page.click("#signing-file-button")
