"""Two persons with real key files sign an emergency in Chromium; a box on a real broker hears it within the second. One
of them cancels it, brings it back, stops the speakers and opens them again.

Everything is as in an office: `loalang serve` in a process of its own, one-time passwords, the keys registered on
each person's page, the box approved by its code. The network traffic is watched: no private key and no passphrase
leaves a page.
"""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import requests
from paho.mqtt.enums import CallbackAPIVersion

from protocol import topics
from protocol.clock import ClockReading
from protocol.codec import decode
from protocol.gate import Accept, Me, judge
from protocol.ids import enrolment_code
from protocol.order import MAX_ORDER_BYTES, MessageType, Order
from protocol.report import ClockQuality, Stage
from protocol.roles import Roots, open_first_roots
from protocol.signing import Domain, Family, family_of, open_signed
from protocol.topics import ENROL_PATH, ROOTS_PATH
from protocol.trust import Trust
from tests.support.boxes import SmallBox
from tests.support.broker import Broker
from tests.support.program import Loalang
from tests.support.province import key

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

DOMAIN = Domain("79", "test")
COMMUNE = "79-26506"
PASSPHRASE = "mật khẩu rất dài"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIGNERS = {"hoa": "Trần Thị Hoa", "minh": "Lê Minh"}


class Office:
    """The installation, its people and their key files."""

    def __init__(self, program: Loalang, broker_port: int, folder: Path) -> None:
        self.program = program
        self.broker_port = broker_port
        self.folder = folder
        self.passwords: dict[str, str] = {}
        self.root = key("root of the browser test")

    def key_file(self, who: str) -> Path:
        return self.folder / f"{who}.json"

    def furnish(self) -> None:
        run = self.program.must
        run("units", "import", "--root", "79")
        phrase = self.folder / "phrase"
        phrase.write_text(f"{PASSPHRASE}\n")
        holders: list[dict[str, Any]] = [
            {"person": "controller", "roles": ["SCHEDULE"], "scope": ["79"], "public": run("roots", "machine").strip()},
            {"person": "Nguyễn Gốc", "roles": ["ROOT"], "scope": ["79"], "public": self.root.public_key.hex()},
        ]
        for who, name in SIGNERS.items():
            run("key", "new", "--person", name, "--out", str(self.key_file(who)), "--passphrase-file", str(phrase))
            holders.append(
                {"person": name, "roles": ["EMERGENCY", "CANCEL"], "scope": ["79"], "key_file": self.key_file(who).name}
            )
            self._person(who, name, "signer@79")
        self._person("tuan", "Phạm Tuấn", "technician@79")
        seed = self.folder / "root.seed"
        seed.write_bytes(key_seed(self.root.public_key, "root of the browser test"))
        spec = {"province": "79", "environment": "test", "version": 1, "holders": holders}
        (self.folder / "holders.json").write_text(json.dumps(spec))
        out = self.folder / "roots.cose"
        run("roots", "make", "--holders", str(self.folder / "holders.json"), "--root-key", str(seed), "--out", str(out))
        run("roots", "import", str(out))

    def _person(self, who: str, name: str, appointment: str) -> None:
        printed = self.program.must("person", "add", who, "--name", name, "--appoint", appointment)
        self.passwords[who] = printed.split()[-1]


def key_seed(public: bytes, name: str) -> bytes:
    """The seed file of a test's root key: 64 hex digits."""
    from hashlib import sha256

    assert key(name).public_key == public
    return sha256(name.encode()).hexdigest().encode()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Broker(tmp_path) as broker:
        program = Loalang(tmp_path, broker.port, province="79")
        made = Office(program, broker.port, tmp_path)
        made.furnish()
        program.start()
        yield made
        assert program.stop() == 0


class Listener:
    """The small box on the broker: keeps what it is told, answers an order like a box that sounds it."""

    def __init__(self, box: SmallBox, broker_port: int, unit: tuple[str, ...]) -> None:
        self.box = box
        self.heard: list[tuple[str, bytes, int]] = []
        self.news = threading.Condition()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=box.id)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", broker_port)
        for topic in (topics.down(box.id), *(topics.orders(code) for code in unit)):
            self.client.subscribe(topic, qos=1)
        self.client.loop_start()

    def say(self, kind: str, payload: bytes) -> None:
        self.client.publish(self.box.topic(kind), payload, qos=1)

    def wait_for(self, family: Family, within_s: float = 15) -> tuple[bytes, int]:
        """The newest message of this family, and when it came (epoch ms)."""
        with self.news:
            assert self.news.wait_for(lambda: any(family_of(one[1]) is family for one in self.heard), within_s), family
            return next((data, at) for _, data, at in reversed(self.heard) if family_of(data) is family)

    def next_order(self) -> Order:
        """What the order says that came, or comes, since `forget`."""
        raw, _at = self.wait_for(Family.ORDER)
        return decode(open_signed(raw, Family.ORDER, DOMAIN).payload, Order, max_bytes=MAX_ORDER_BYTES)

    def forget(self) -> None:
        with self.news:
            self.heard.clear()

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with self.news:
            self.heard.append((message.topic, bytes(message.payload), round(time.time() * 1000)))
            self.news.notify_all()


def test_two_persons_sign_in_the_browser_and_the_box_hears_it_until_it_is_cancelled(office: Office) -> None:
    box = SmallBox(key("box of the browser test"), DOMAIN)
    url = office.program.url
    sent: list[str] = []
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        pages = {who: _log_in(browser, office, who, sent) for who in ("tuan", "hoa", "minh")}
        _enrol(url, box)
        _approve(pages["tuan"], url, box)
        for who in SIGNERS:
            _register_key(pages[who], url, office.key_file(who))

        listener = Listener(box, office.broker_port, ("79", COMMUNE))
        listener.say("hello", box.hello(round(time.time() * 1000)))
        roots = open_first_roots(listener.wait_for(Family.ROOTS)[0])
        box.roots_version = roots.version

        order_page = _prepare(pages["hoa"], url)
        _sign(pages["hoa"], office.key_file("hoa"), wrong_first=True)
        assert "Còn chờ người khác ký" in pages["hoa"].inner_text("main")
        pages["minh"].goto(order_page)
        _sign(pages["minh"], office.key_file("hoa"), refused="không phải khóa bạn đã đăng ký")
        _sign(pages["minh"], office.key_file("minh"))
        raw, heard_ms = listener.wait_for(Family.ORDER)
        order = _judged(raw, roots)
        assert order.type is MessageType.ALERT
        pages["minh"].wait_for_selector("text=Đã đủ chữ ký")

        for stage, sample in ((Stage.ACCEPTED, None), (Stage.STARTED, heard_ms + 40)):
            listener.say("receipt", box.receipt(order.id, stage, heard_ms, first_sample=sample))
        pages["minh"].wait_for_selector("#sounded:has-text('1/1')")
        assert "Đang phát, chưa chứng minh" in pages["minh"].inner_text("#live")

        listener.forget()
        pages["minh"].fill("#reason", "hết nguy hiểm")
        pages["minh"].click("text=Hủy lệnh này")
        _sign(pages["minh"], office.key_file("minh"))
        content = listener.next_order()
        assert (content.type, content.references) == (MessageType.CANCEL, (order.id,))
        for identity, stage in ((content.id, Stage.ACCEPTED), (order.id, Stage.CANCELLED)):
            listener.say("receipt", box.receipt(identity, stage, heard_ms + 900))
        pages["minh"].wait_for_selector("#good:has-text('1/1')")

        listener.forget()
        pages["minh"].click("button:has-text('Khôi phục lệnh đã hủy')")
        _sign(pages["minh"], office.key_file("minh"))
        back = listener.next_order()
        assert (back.type, back.references) == (MessageType.REINSTATE, (content.id,))
        pages["hoa"].goto(f"{url}/")
        pages["hoa"].wait_for_selector("text=Đang có lệnh khẩn cấp: Lũ, ngập lụt")

        listener.forget()
        pages["hoa"].click("text=Dừng và khóa loa")
        pages["hoa"].check(f"input[name=area][value='{COMMUNE}']")
        assert "sẽ im hoàn toàn" in pages["hoa"].inner_text("main")
        pages["hoa"].click("button:has-text('Dừng loa')")
        _sign(pages["hoa"], office.key_file("hoa"))
        stop = listener.next_order()
        assert (stop.type, stop.area, stop.until) == (MessageType.STOP, (COMMUNE,), None)
        pages["minh"].goto(f"{url}/")
        pages["minh"].wait_for_selector("text=Loa đang bị khóa")
        assert "Trần Thị Hoa" in pages["minh"].inner_text(".lock")

        listener.forget()
        pages["minh"].click(".lock button:has-text('Mở lại loa')")
        _sign(pages["minh"], office.key_file("minh"))
        opened = listener.next_order()
        assert (opened.type, opened.references) == (MessageType.REINSTATE, (stop.id,))
        pages["hoa"].goto(f"{url}/")
        assert pages["hoa"].query_selector(".lock") is None
        listener.stop()
        browser.close()
    secrets = [json.loads(office.key_file(who).read_text())["sealed"] for who in SIGNERS]
    assert sent, "the traffic was watched"
    assert not [body for body in sent for secret in (*secrets, PASSPHRASE) if secret in body]


def _log_in(browser: Any, office: Office, who: str, sent: list[str]) -> Any:
    page = browser.new_context(locale="vi-VN").new_page()
    page.set_default_timeout(15_000)
    page.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    page.goto(f"{office.program.url}/")
    page.fill("[name=username]", who)
    page.fill("[name=password]", office.passwords[who])
    page.click("main button.primary")
    for field in ("new", "again"):
        page.fill(f"[name={field}]", f"{who} đi chợ sớm")
    page.click("main button.primary")
    page.wait_for_selector("nav.parts")
    return page


def _enrol(url: str, box: SmallBox) -> None:
    body = box.enrolment("Nhà văn hóa khu phố 1")
    answer = requests.post(
        url + ENROL_PATH, data=body, headers={"Content-Type": "application/json"}, auth=box.auth(), timeout=10
    )
    assert answer.json()["state"] == "waiting", answer.text
    assert requests.get(url + ROOTS_PATH, auth=box.auth(), timeout=10).status_code == 401


def _approve(page: Any, url: str, box: SmallBox) -> None:
    page.goto(f"{url}/hop/{box.id}/duyet/")
    page.fill("[name=code]", enrolment_code(box.id))
    page.fill("[name=unit]", COMMUNE)
    page.click("text=Duyệt hộp này")
    page.wait_for_selector("text=Đã duyệt hộp")
    assert requests.get(url + ROOTS_PATH, auth=box.auth(), timeout=10).status_code == 200


def _register_key(page: Any, url: str, key_file: Path) -> None:
    page.goto(f"{url}/toi/")
    page.set_input_files("#key-file", str(key_file))
    page.fill("[name=label]", "USB đỏ")
    page.fill("#key-passphrase", "sai mật khẩu")
    page.click("#key-button:not([disabled])")
    page.wait_for_selector("text=Mật khẩu không mở được khóa này")
    page.fill("#key-passphrase", PASSPHRASE)
    page.click("#key-button:not([disabled])")
    page.wait_for_selector("a.danger.small")


def _prepare(page: Any, url: str) -> str:
    page.goto(f"{url}/khan-cap/moi/")
    page.check("input[name=message][value='1']")
    page.check(f"input[name=area][value='{COMMUNE}']")
    page.check("input[name=status][value='0']")
    page.click("text=Soạn lệnh và đến bước ký")
    page.wait_for_selector("#signing")
    address: str = page.url
    return address


def _sign(page: Any, key_file: Path, *, wrong_first: bool = False, refused: str = "") -> None:
    page.wait_for_selector("#signing-file-button:not([disabled])")
    page.set_input_files("#signing-key-file", str(key_file))
    if wrong_first:
        page.fill("#signing-passphrase", "sai mật khẩu")
        page.click("#signing-file-button")
        page.wait_for_selector("text=Mật khẩu không mở được khóa này")
    page.fill("#signing-passphrase", PASSPHRASE)
    if refused:
        page.click("#signing-file-button")
        page.wait_for_selector(f"text={refused}")
        return
    with page.expect_navigation():
        page.click("#signing-file-button")


def _judged(raw: bytes, roots: Roots) -> Order:
    now_ms = round(time.time() * 1000)
    me = Me(DOMAIN, ("79", COMMUNE), (), {}, {}, {}, (), lambda _: True)
    verdict = judge(raw, Trust(roots), ClockReading(now_ms, now_ms, ClockQuality.NTP), me)
    assert isinstance(verdict, Accept), verdict
    assert {holder.person for holder in verdict.signers} == set(SIGNERS.values())
    return verdict.order
