"""Lan speaks: Chromium's microphone → Opus → signed groups → `loalang serve` → a box's live connection → PCM.

Everything is real but the microphone, which is a file of beeps, and the horn, which is a list. A thief beside her, with
the session's address and a login of his own, is heard by nobody.
"""

import shutil
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.ids import box_id
from protocol.live import RATE_HZ
from tests.support.box_parts import BOX, SIGNER
from tests.support.broker import Broker
from tests.support.live_boxes import BEEP_HZ, Ear, LiveBox, enrol, purity
from tests.support.live_office import approve, begin, choose, furnish, log_in, register_key, sign
from tests.support.program import Loalang
from tests.support.small_controller import key

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

OTHER = key("another box of the commune")


def arguments(microphone: Path) -> list[str]:
    return [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-sync",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--autoplay-policy=no-user-gesture-required",
    ]


def beeps(path: Path) -> Path:
    """Half a second of tone, half a second of silence, and again."""
    at = np.arange(RATE_HZ) / RATE_HZ
    samples = np.where(at < 0.5, 0.5 * np.sin(2 * np.pi * BEEP_HZ * at), 0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.tile(samples, 10) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[Loalang, dict[str, str], int]]:
    with Broker(tmp_path) as broker:
        made = Loalang(tmp_path, broker.port, province="79")
        passwords = furnish(made, tmp_path)
        made.start()
        yield made, passwords, broker.port
        made.stop()


def test_what_lan_says_in_her_browser_is_what_the_box_sounds(
    program: tuple[Loalang, dict[str, str], int], tmp_path: Path
) -> None:
    loalang, passwords, broker_port = program
    url = loalang.url
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=arguments(beeps(tmp_path / "beeps.wav")))
        pages = {who: log_in(browser, url, who, password) for who, password in passwords.items()}
        enrol(url)
        approve(pages["tuan"], url, BOX)
        lan, ear = pages["lan"], Ear(broker_port)
        register_key(lan, url, tmp_path / "lan.json")
        begin(lan, url, tmp_path / "lan.json")
        with LiveBox(tmp_path / "box", url, (tmp_path / "roots.cose").read_bytes()) as box:
            box.take(ear.session())
            lan.wait_for_selector("#talk-listening:text-is('1')")
            assert not box.speaks
            assert lan.locator("#talk-button").bounding_box()["height"] > 100, "a thumb finds it without looking"
            lan.click("#talk-button")
            lan.wait_for_selector("#talk-button [data-speaking]:has-text('ĐANG PHÁT')")
            lan.wait_for_timeout(1_000)
            assert box.speaks
            heard = len(box.horn.pcm)
            assert heard > 1.5 * 2 * RATE_HZ
            assert purity(box.horn.pcm) > 0.9
            _nobody_hears_a_thief(pages["minh"], lan.url, box)
            _her_other_browser_counts_the_boxes_and_does_not_speak(browser, lan)
            pages["minh"].goto(f"{url}/")
            assert "Nguyễn Lan đang phát trực tiếp" in pages["minh"].inner_text("#live")
            lan.click("text=Dừng hẳn")
            lan.wait_for_selector("text=Phiên phát này đã kết thúc")
            pause = threading.Event()
            for _ in range(50):
                if not box.speaks:
                    break
                pause.wait(0.1)
            assert not box.speaks
        ear.stop()
        browser.close()


def test_only_the_boxes_that_lan_has_chosen_sound_what_she_says(
    program: tuple[Loalang, dict[str, str], int], tmp_path: Path
) -> None:
    loalang, passwords, broker_port = program
    url, roots = loalang.url, (tmp_path / "roots.cose").read_bytes()
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=arguments(beeps(tmp_path / "beeps.wav")))
        lan, tuan = (log_in(browser, url, who, passwords[who]) for who in ("lan", "tuan"))
        for signer in (SIGNER, OTHER):
            enrol(url, signer)
            approve(tuan, url, box_id(signer.public_key))
        ear = Ear(broker_port)
        register_key(lan, url, tmp_path / "lan.json")
        begin(lan, url, tmp_path / "lan.json", without=(box_id(OTHER.public_key),))
        with (
            LiveBox(tmp_path / "box", url, roots) as chosen,
            LiveBox(tmp_path / "other", url, roots, OTHER) as other,
        ):
            for box in (chosen, other):
                box.take(ear.session())
            lan.wait_for_selector("p:has(#talk-listening:text-is('1')):has-text('/ 1 hộp đang nghe')")
            lan.click("#talk-button")
            lan.wait_for_selector("#talk-button [data-speaking]:has-text('ĐANG PHÁT')")
            lan.wait_for_timeout(1_000)
            assert chosen.speaks
            assert purity(chosen.horn.pcm) > 0.9
            assert not other.speaks
            assert other.horn.pcm == b""
            tuan.goto(f"{url}/")
            assert "Nguyễn Lan đang phát trực tiếp" in tuan.inner_text("main")
            lan.close()
            tuan.wait_for_selector("main:not(:has-text('Nguyễn Lan đang phát trực tiếp'))")
        ear.stop()
        browser.close()


def test_hoa_speaks_for_the_province_from_her_browser_once_minh_has_signed_in_his(
    program: tuple[Loalang, dict[str, str], int], tmp_path: Path
) -> None:
    loalang, passwords, broker_port = program
    url, roots = loalang.url, (tmp_path / "roots.cose").read_bytes()
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=arguments(beeps(tmp_path / "beeps.wav")))
        hoa, minh, tuan = (log_in(browser, url, who, passwords[who]) for who in ("hoa", "minh", "tuan"))
        enrol(url)
        approve(tuan, url, BOX)
        for who, page in (("hoa", hoa), ("minh", minh)):
            register_key(page, url, tmp_path / f"{who}.json")
        ear = Ear(broker_port, "79")
        choose(hoa, url)
        sign(hoa, tmp_path / "hoa.json")
        hoa.wait_for_selector("text=Chờ 1 người nữa ký")
        assert ear.live == []
        minh.goto(f"{url}/")
        minh.click("text=Trần Hoa muốn phát trực tiếp, chờ bạn ký")
        sign(minh, tmp_path / "minh.json")
        minh.wait_for_selector("text=Tự dừng lúc")
        assert minh.query_selector("#talk-button") is None
        with LiveBox(tmp_path / "box", url, roots) as box:
            box.take(ear.session())
            hoa.wait_for_selector("#talk-button:not([disabled])")  # the page has turned by itself
            hoa.wait_for_selector("#talk-listening:text-is('1')")
            hoa.click("#talk-button")
            hoa.wait_for_selector("#talk-button [data-speaking]:has-text('ĐANG PHÁT')")
            hoa.wait_for_timeout(1_000)
            assert [voice.level for voice in box.voices] == [0]
            assert purity(box.horn.pcm) > 0.9
            minh.goto(f"{url}/")
            minh.click("#live button:has-text('Dừng')")
            hoa.wait_for_selector("text=Phiên phát đã kết thúc")
        ear.stop()
        browser.close()


def _her_other_browser_counts_the_boxes_and_does_not_speak(browser: Any, lan: Any) -> None:
    context = browser.new_context(ignore_https_errors=True)
    context.add_cookies(lan.context.cookies())
    page = context.new_page()
    page.goto(lan.url)
    page.wait_for_selector("text=Khóa của phiên phát này ở trình duyệt khác")
    page.wait_for_selector("#talk-listening:text-is('1')")
    assert page.is_disabled("#talk-button")
    context.close()


def _nobody_hears_a_thief(page: Any, address: str, box: LiveBox) -> None:
    """Minh opens the socket of Lan's session with his own login."""
    page.goto(address)
    code = page.evaluate(
        "address => new Promise(done => { const socket = new WebSocket(address.replace('http', 'ws') + 'noi/');"
        " socket.onopen = () => socket.send(new Uint8Array(100)); socket.onclose = ({code}) => done(code); })",
        address,
    )
    assert code == 4404
