"""Hoa registers keys in Chromium and signs: a passkey on a virtual authenticator, a key of the browser, a key file.

The authenticator is the one of the DevTools protocol (`WebAuthn.addVirtualAuthenticator`); what it signs is judged by
`protocol.passkey`, as a box would. The traffic is watched: no file and no passphrase leaves the page.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.demo import world
from protocol import keyfile, passkey
from protocol.curves import Alg
from protocol.ids import key_id
from protocol.passkey import Party
from protocol.signing import Assertion, Domain, Family, Signature, to_be_signed
from tests.support.program import Loalang
from tests.support.province import key

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PASSWORD = "ba từ ghép lại"
PASSPHRASE = "mật khẩu rất dài"
DOMAIN = Domain("79", "test")
PAYLOAD = b"exactly these bytes"
PHONE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
ONLY = """const create = navigator.credentials.create.bind(navigator.credentials);
navigator.credentials.create = (options) => {
  options.publicKey.pubKeyCredParams = options.publicKey.pubKeyCredParams.filter(({ alg }) => alg === %d);
  return create(options);
};"""
NO_ED25519 = """const generate = crypto.subtle.generateKey.bind(crypto.subtle);
crypto.subtle.generateKey = async (kind, ...rest) => {
  if (kind.name === "Ed25519") throw new DOMException("not here", "NotSupportedError");
  return generate(kind, ...rest);
};"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loalang]:
    made = Loalang(tmp_path_factory.mktemp("kit"), None, province="79")
    made.env["DJANGO_SETTINGS_MODULE"] = "tests.support.kit_settings"
    made.must("units", "import", "--root", "79")
    made.start("--web")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Desk:
    """Somebody before a browser of their own."""

    program: Loalang
    page: Any
    sent: list[str] = field(default_factory=list)
    authenticator: str = ""
    devtools: Any = None

    @property
    def party(self) -> Party:
        """As the demo's roots name a console at this address."""
        (one,) = world.parties(self.program.url)
        return Party(one.id, one.origins)

    def with_phone(self, **more: object) -> None:
        self.devtools = self.page.context.new_cdp_session(self.page)
        self.devtools.send("WebAuthn.enable")
        added = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {**PHONE, **more}})
        self.authenticator = added["authenticatorId"]

    def finger(self, there: bool) -> None:
        """Whether the finger on the sensor is the right one."""
        self.devtools.send("WebAuthn.setUserVerified", {"authenticatorId": self.authenticator, "isUserVerified": there})

    def my_keys(self) -> None:
        self.page.goto(f"{self.program.url}/toi/")

    def register(self, way: str) -> None:
        """From the page of one's keys: one tap, the finger, done."""
        self.my_keys()
        with self.page.expect_navigation():
            self.page.click(f"[data-way={way}]:not([disabled])")
        self.page.wait_for_selector("text=Đã đăng ký khóa")

    def open_kit(self) -> None:
        self.page.goto(f"{self.program.url}/kit/?payload={PAYLOAD.hex()}")
        self.page.check("[name=heard]")

    def sign(self, button: str) -> tuple[bytes, Signature]:
        """The key and its signature, as the server has it."""
        self.open_kit()
        with self.page.expect_navigation():
            self.page.click(f"{button}:not([disabled])")
        got = json.loads(self.page.inner_text("body"))
        assert "refused" not in got, got
        alg, public = Alg(got["alg"]), bytes.fromhex(got["public_key"])
        data, client = bytes.fromhex(got["authenticator_data"]), got["client_data"].encode()
        signed = to_be_signed(PAYLOAD, Family.APPROVAL, DOMAIN, alg)
        assertion = Assertion(data, client) if alg.is_passkey else None
        return public, Signature(key_id(public), signed, bytes.fromhex(got["value"]), alg, assertion)


COUNT = iter(range(100))


@pytest.fixture
def hoa(program: Loalang, chromium: Any) -> Iterator[Desk]:
    who = f"hoa{next(COUNT)}"
    given = program.must("person", "add", who, "--name", "Trần Thị Hoa", "--appoint", "signer@79").split()[-1]
    page = chromium.new_context(locale="vi-VN", viewport={"width": 390, "height": 844}).new_page()
    page.set_default_timeout(15_000)
    desk = Desk(program, page)
    page.on("request", lambda request: desk.sent.append(request.url + (request.post_data or "")))
    page.goto(f"{program.url}/")
    page.fill("[name=username]", who)
    page.fill("[name=password]", given)
    page.click("main button.primary")
    for name in ("new", "again"):
        page.fill(f"[name={name}]", PASSWORD)
    page.click("main button.primary")
    page.wait_for_selector("nav.parts")
    yield desk
    page.context.close()


@pytest.mark.parametrize("alg", [Alg.PASSKEY_ES256, Alg.PASSKEY_EDDSA])
def test_a_passkey_is_registered_with_one_tap_and_a_box_believes_what_it_signs(hoa: Desk, alg: Alg) -> None:
    hoa.with_phone()
    hoa.page.add_init_script(ONLY % (-7 if alg is Alg.PASSKEY_ES256 else -8))
    hoa.register("passkey")
    assert "điện thoại của Hoa" in hoa.page.inner_text("main")
    public, signature = hoa.sign("[data-sign=passkey]")
    assert signature.alg is alg
    assert passkey.verify(signature, public, hoa.party)
    assert not passkey.verify(signature, public, Party("localhost", ("https://evil.example",)))
    assert not signature.verify(public), "it signed no bytes"


def test_without_the_right_finger_nothing_is_signed_and_the_page_says_so(hoa: Desk) -> None:
    hoa.with_phone()
    hoa.register("passkey")
    hoa.finger(False)
    hoa.open_kit()
    hoa.page.click("[data-sign=passkey]:not([disabled])")
    hoa.page.wait_for_selector("#signing-said:has-text('Chưa ký')")
    assert hoa.page.is_enabled("[data-sign=passkey]"), "one can try again"
    hoa.finger(True)
    assert hoa.sign("[data-sign=passkey]")


def test_a_phone_without_a_lock_registers_no_passkey(hoa: Desk) -> None:
    hoa.with_phone(hasUserVerification=False, isUserVerified=False)
    hoa.my_keys()
    hoa.page.click("[data-way=passkey]:not([disabled])")
    hoa.page.wait_for_selector("#key-said:has-text('khóa màn hình')")
    assert "Chưa có khóa nào" in hoa.page.inner_text("main")


def test_an_assertion_without_a_verified_finger_is_refused_by_the_server(hoa: Desk) -> None:
    """A page that asks the authenticator not to look: the flag in the signed data tells."""
    hoa.with_phone()
    hoa.register("passkey")
    hoa.page.add_init_script(
        """const get = navigator.credentials.get.bind(navigator.credentials);
        navigator.credentials.get = (options) => {
          options.publicKey.userVerification = "discouraged";
          return get(options);
        };"""
    )
    hoa.finger(False)
    hoa.open_kit()
    with hoa.page.expect_navigation():
        hoa.page.click("[data-sign=passkey]:not([disabled])")
    assert "chưa kiểm tra vân tay" in json.loads(hoa.page.inner_text("body"))["refused"]


def test_a_browser_that_wants_a_second_tap_for_the_trial_keeps_the_key_that_was_made(hoa: Desk) -> None:
    """Safari lets a page use a passkey only after a tap; the one that made it is used up."""
    hoa.with_phone()
    hoa.page.add_init_script(
        """const get = navigator.credentials.get.bind(navigator.credentials);
        let taps = 0;
        navigator.credentials.get = async (options) => {
          taps += 1;
          if (taps === 1) throw new DOMException("no tap", "NotAllowedError");
          return get(options);
        };"""
    )
    hoa.my_keys()
    hoa.page.click("[data-way=passkey]:not([disabled])")
    hoa.page.wait_for_selector("#key-said:has-text('Bấm nút lần nữa')")
    with hoa.page.expect_navigation():
        hoa.page.click("[data-way=passkey]:not([disabled])")
    hoa.page.wait_for_selector("text=Đã đăng ký khóa")
    kept = hoa.devtools.send("WebAuthn.getCredentials", {"authenticatorId": hoa.authenticator})["credentials"]
    assert len(kept) == 1


def test_a_phone_that_has_a_key_of_hoa_gets_no_second_one(hoa: Desk) -> None:
    hoa.with_phone()
    hoa.register("passkey")
    hoa.my_keys()
    hoa.page.click("[data-way=passkey]:not([disabled])")
    hoa.page.wait_for_selector("#key-said:has-text('đã có khóa')")


@pytest.mark.parametrize("alg", [Alg.EDDSA, Alg.ES256])
def test_a_key_of_the_browser_outlives_a_reload_signs_and_cannot_be_taken_out(hoa: Desk, alg: Alg) -> None:
    if alg is Alg.ES256:
        hoa.page.add_init_script(NO_ED25519)
    hoa.register("device")
    hoa.page.reload()
    public, signature = hoa.sign("[data-sign=device]")
    assert signature.alg is alg
    assert signature.verify(public)
    hoa.my_keys()
    tried = hoa.page.evaluate(
        """async () => {
          const { find } = await import("/static/accounts/devicekeys.js");
          const key = await find(document.querySelector("[data-key]").dataset.key);
          const said = [];
          for (const form of ["pkcs8", "jwk", "raw"])
            said.push(await crypto.subtle.exportKey(form, key).then(() => "taken", (problem) => problem.name));
          return { said, extractable: key.extractable, usages: key.usages };
        }"""
    )
    assert tried == {"said": ["InvalidAccessError"] * 3, "extractable": False, "usages": ["sign"]}


def test_a_key_of_another_browser_is_shown_and_cannot_be_pressed(hoa: Desk, chromium: Any) -> None:
    hoa.register("device")
    elsewhere = chromium.new_context(storage_state=hoa.page.context.storage_state()).new_page()
    elsewhere.goto(f"{hoa.program.url}/kit/?payload={PAYLOAD.hex()}")
    elsewhere.wait_for_selector("[data-sign=device][title*='không ở trong trình duyệt này']")
    assert elsewhere.is_disabled("[data-sign=device]")
    elsewhere.context.close()


def test_a_revoked_key_of_the_browser_is_gone_from_the_browser_too(hoa: Desk) -> None:
    hoa.register("device")
    name = hoa.page.get_attribute("[data-key]", "data-key")
    with hoa.page.expect_navigation():
        hoa.page.click("[data-key] a.danger")
    with hoa.page.expect_navigation():
        hoa.page.click("button.danger")
    has = "name => import('/static/accounts/devicekeys.js').then(({ has }) => has(name))"
    hoa.page.wait_for_function(f"async name => !(await ({has})(name))", arg=name)
    hoa.page.goto(f"{hoa.program.url}/kit/?payload={PAYLOAD.hex()}")
    hoa.page.wait_for_selector("text=Bạn chưa có khóa ký nào")


def test_a_key_file_is_opened_in_the_page_and_neither_it_nor_its_passphrase_is_sent(hoa: Desk, tmp_path: Path) -> None:
    text = keyfile.seal(
        key("hoa of the kit"), "Trần Thị Hoa", PASSPHRASE, salt=b"s" * 16, nonce=b"n" * 12, iterations=100_000
    )
    file = tmp_path / "khoa.json"
    file.write_text(text)
    hoa.my_keys()
    hoa.page.set_input_files("#key-file", str(file))
    hoa.page.fill("#key-passphrase", PASSPHRASE)
    hoa.page.wait_for_selector("[data-way=file]:not([disabled])")
    with hoa.page.expect_navigation():
        hoa.page.press("#key-passphrase", "Enter")
    hoa.open_kit()
    hoa.page.set_input_files("#signing-key-file", str(file))
    hoa.page.fill("#signing-passphrase", "sai mật khẩu")
    hoa.page.click("#signing-file-button")
    hoa.page.wait_for_selector("text=Mật khẩu không mở được khóa này")
    hoa.page.fill("#signing-passphrase", PASSPHRASE)
    with hoa.page.expect_navigation():
        hoa.page.press("#signing-passphrase", "Enter")
    assert json.loads(hoa.page.inner_text("body"))["public_key"] == key("hoa of the kit").public_key.hex()
    secret = json.loads(text)["sealed"]
    assert hoa.sent
    assert not [body for body in hoa.sent if secret in body or PASSPHRASE in body]


def test_nothing_is_signed_before_the_pages_own_question_is_answered(hoa: Desk) -> None:
    hoa.with_phone()
    hoa.register("passkey")
    hoa.page.goto(f"{hoa.program.url}/kit/?payload={PAYLOAD.hex()}")
    hoa.page.click("[data-sign=passkey]:not([disabled])")
    assert hoa.page.is_enabled("[data-sign=passkey]")
    assert "/kit/" in hoa.page.url
    assert hoa.page.inner_text("#signing-said") == ""
