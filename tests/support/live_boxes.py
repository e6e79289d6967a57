"""Boxes that listen to real live connections of a real controller: their horn is a list."""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import paho.mqtt.client as mqtt
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
from tests.support.live_office import COMMUNE

DOMAIN: Final = Domain("79", "test")
BEEP_HZ: Final = 1_000


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
