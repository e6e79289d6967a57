"""Lan speaks: Chromium's microphone → Opus → signed groups → `loalang serve` → a box's live connection → PCM.

Everything is real but the microphone, which is a file of beeps, and the horn, which is a list. A thief beside her, with
the session's address and a login of his own, is heard by nobody.
"""

import asyncio
import shutil
import threading
import time
import wave
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest
import requests
from paho.mqtt.enums import CallbackAPIVersion

from agent.drivers.opus import OpusDecoder
from agent.link.live import LiveSocket
from agent.link.tls import Tls
from agent.services.live import Live
from agent.store.database import Database
from agent.store.papers import PaperFiles
from agent.store.sessions import Sessions
from protocol import topics
from protocol.ids import box_id
from protocol.ids import sha256 as hashed
from protocol.live import RATE_HZ
from protocol.manifest import Assignment
from protocol.signing import Domain, Family, KeySigner, family_of
from protocol.timeline import Voice
from tests.support.box_parts import BOX, SIGNER, parts
from tests.support.boxes import SmallBox
from tests.support.broker import Broker
from tests.support.live_office import COMMUNE, approve, begin, choose, furnish, log_in, register_key, sign
from tests.support.program import Loalang
from tests.support.small_controller import key

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")

DOMAIN = Domain("79", "test")
BEEP_HZ = 1_000
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


def purity(pcm: bytes) -> float:
    """How much of the loudest half second is the beep (0 to 1)."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    half = RATE_HZ // 2
    loudest = max(
        (samples[at : at + half] for at in range(0, len(samples) - half, half // 4)),
        key=lambda part: float(part @ part),
    )
    power = np.abs(np.fft.rfft(loudest * np.hanning(half))) ** 2
    near = round(BEEP_HZ * half / RATE_HZ)
    return float(power[near - 6 : near + 7].sum() / power.sum())


class Horn:
    def __init__(self) -> None:
        self.pcm = b""

    def push(self, pcm: bytes) -> None:
        self.pcm += pcm

    def close(self) -> None:
        pass


class LiveBox:
    """A box with its real store, its real service and its real connection, in a loop of its own thread."""

    def __init__(self, folder: Path, url: str, roots: bytes, signer: KeySigner = SIGNER) -> None:
        self._signer = signer
        self.horn = Horn()
        self._folder, self._url, self._roots = folder, url, roots
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> "LiveBox":
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def take(self, raw: bytes) -> None:
        self._loop.call_soon_threadsafe(self._take, raw)

    @property
    def speaks(self) -> bool:
        return bool(self.voices)

    @property
    def voices(self) -> tuple[Voice, ...]:
        return self._voices()

    async def _run(self) -> None:
        with parts(self._folder) as box:
            box.clock.jump(round(time.time() * 1000) - box.clock.now_ms())
            box.inbox.take_first(self._roots)
            me = box_id(self._signer.public_key)
            place = Assignment(me, 1, hashed(b""), 1, ("79", COMMUNE), 0, 0xFFFF_FFFF)
            box.store.desired.keep_wanted(b"", place)
            tls = Tls(PaperFiles(self._folder), box.clock)
            live = Live(
                me,
                box.clock,
                box.store,
                sessions=Sessions(Database(self._folder / "live")),
                keeper=box.keeper,
                faults=box.faults,
                ask_for_roots=partial(box.inbox.ask_for_newer_roots, is_signed=False),
                line=LiveSocket(self._url, self._signer, tls, box.clock),
                decoder=OpusDecoder,
                inlet=lambda _: self.horn,
            )
            box.inbox.hand_on(Family.LIVE, live.take)
            self._take: Callable[[bytes], None] = box.inbox.take
            self._voices: Callable[[], tuple[Voice, ...]] = lambda: box.keeper.holdings().voices
            self._loop, self._task = asyncio.get_running_loop(), asyncio.ensure_future(live.run())
            self._ready.set()
            await asyncio.wait([self._task])


@pytest.fixture
def program(tmp_path: Path) -> Iterator[tuple[Loalang, dict[str, str], int]]:
    with Broker(tmp_path) as broker:
        made = Loalang(tmp_path, broker.port, province="79")
        passwords = furnish(made, tmp_path)
        made.start()
        yield made, passwords, broker.port
        made.stop()


def enrol(url: str, signer: KeySigner = SIGNER) -> None:
    box = SmallBox(signer, DOMAIN)
    headers = {"Content-Type": "application/json"}
    requests.post(url + topics.ENROL_PATH, data=box.enrolment(), headers=headers, auth=box.auth(), timeout=10)


class Ear:
    """What the broker carries to a unit."""

    def __init__(self, port: int, unit: str = COMMUNE) -> None:
        self.live: list[bytes] = []
        self._news = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=BOX)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(topics.orders(unit), qos=1)
        self._client.loop_start()

    def session(self) -> bytes:
        with self._news:
            assert self._news.wait_for(lambda: self.live, 15)
            return self.live[0]

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, _client: Any, _data: object, message: Any) -> None:
        with self._news:
            if family_of(message.payload) is Family.LIVE:
                self.live.append(bytes(message.payload))
            self._news.notify_all()


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
            lan.click("#talk-button")
            lan.wait_for_timeout(3_000)
            assert box.speaks
            heard = len(box.horn.pcm)
            assert heard > 1.5 * 2 * RATE_HZ
            assert purity(box.horn.pcm) > 0.9
            _nobody_hears_a_thief(pages["minh"], lan.url, box)
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
            lan.wait_for_timeout(3_000)
            assert chosen.speaks
            assert purity(chosen.horn.pcm) > 0.9
            assert not other.speaks
            assert other.horn.pcm == b""
            lan.click("text=Dừng hẳn")
            lan.wait_for_selector("text=Phiên phát này đã kết thúc")
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
            hoa.wait_for_timeout(3_000)
            assert [voice.level for voice in box.voices] == [0]
            assert purity(box.horn.pcm) > 0.9
            minh.goto(f"{url}/")
            minh.click("#live button:has-text('Dừng')")
            hoa.wait_for_selector("text=Phiên phát đã kết thúc")
        ear.stop()
        browser.close()


def _nobody_hears_a_thief(page: Any, address: str, box: LiveBox) -> None:
    """Minh opens the socket of Lan's session with his own login."""
    page.goto(address)
    code = page.evaluate(
        "address => new Promise(done => { const socket = new WebSocket(address.replace('http', 'ws') + 'noi/');"
        " socket.onopen = () => socket.send(new Uint8Array(100)); socket.onclose = ({code}) => done(code); })",
        address,
    )
    assert code == 4404
