"""A real Mosquitto with the configuration that the controller writes: who is let in, and what each may say and hear."""

import datetime as dt
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import paho.mqtt.client as mqtt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from django.conf import LazySettings
from django.conf import settings as installed
from paho.mqtt.enums import CallbackAPIVersion

from agent.core.certificates import is_mine
from controller.boxes import services as boxes
from controller.boxes.models import Stage
from controller.pki import authority as making
from controller.pki import services as pki
from controller.pki.models import BoxCertificate
from protocol import topics
from protocol.signing import KeySigner
from tests.support import province
from tests.support.agents import eventually
from tests.support.broker import free_port
from tests.support.installation import install
from tests.support.province import Province

MOSQUITTO: Final = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
pytestmark = [
    pytest.mark.broker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(MOSQUITTO is None, reason="apt-get install mosquitto: only a real one shows what it refuses"),
]
REVOKED_WITHIN_S: Final = 60


@dataclass
class Guest:
    """Somebody at the broker."""

    client: mqtt.Client
    came_in: threading.Event = field(default_factory=threading.Event)
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def says(self, topic: str, text: bytes) -> None:
        self.client.publish(topic, text, qos=1).wait_for_publish(10)

    def hears(self, *wanted: str) -> None:
        """Subscribe, and wait until the broker has said yes: it says it to everybody."""
        granted = threading.Semaphore(0)
        self.client.on_subscribe = lambda *_: granted.release()
        for topic in wanted:
            self.client.subscribe(topic, 1)
            assert granted.acquire(timeout=10)


@dataclass
class Hall:
    """The broker with its doors: TLS on `port`."""

    here: Province
    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @contextmanager
    def visit(self, certificate: bytes | None, key: KeySigner | Path | None, name: str = "x") -> Iterator[Guest]:
        context = ssl.create_default_context(cafile=str(pki.folder().bundle))
        if certificate is not None:
            pem, secret = self.folder / f"{name}.crt", self.folder / f"{name}.key"
            pem.write_bytes(certificate)
            secret.write_bytes(key.read_bytes() if isinstance(key, Path) else pem_of(key))
            context.load_cert_chain(pem, secret)
        guest = Guest(mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name))
        guest.client.tls_set_context(context)
        guest.client.on_connect = lambda _c, _d, _f, code, _p: None if code.is_failure else guest.came_in.set()
        guest.client.on_message = lambda _c, _d, message: guest.heard.append((message.topic, bytes(message.payload)))
        with suppress(ssl.SSLError, OSError):
            guest.client.connect("localhost", self.port)
        guest.client.loop_start()
        try:
            yield guest
        finally:
            guest.client.disconnect()
            guest.client.loop_stop()

    @contextmanager
    def box(self, name: str) -> Iterator[Guest]:
        """One of the province's boxes, with the certificate that it is given."""
        box = self.here.boxes[name]
        chain = pki.issue(box.pk, bytes(box.public_key))
        assert chain is not None
        with self.visit(chain, self.here.box_key(name), box.pk) as guest:
            assert guest.came_in.wait(10)
            yield guest

    @contextmanager
    def bridge(self) -> Iterator[Guest]:
        certificate, key = pki.folder().bridge
        with self.visit(certificate.read_bytes(), key, "bridge") as guest:
            assert guest.came_in.wait(10)
            yield guest

    def refuses(self, certificate: bytes | None, key: KeySigner | None) -> bool:
        with self.visit(certificate, key) as guest:
            return not guest.came_in.wait(1)


def pem_of(key: KeySigner | None) -> bytes:
    assert key is not None
    return load_der_private_key(key.pkcs8(), None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def hall(settings: LazySettings, tmp_path: Path) -> Iterator[Hall]:
    install(settings, tmp_path)
    here = province.make(dt.datetime.now(dt.UTC))
    now = dt.datetime.now(dt.UTC)
    pki.folder().add_authority("77/test", now)
    pki.folder().make_server(["localhost"], now)
    pki.folder().make_bridge(now)
    port = free_port()
    assert MOSQUITTO is not None
    log = (tmp_path / "mosquitto.log").open("wb")
    command = [MOSQUITTO, "-c", str(pki.set_up_broker(port, "127.0.0.1"))]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(installed.LOALANG.broker_pid.exists, "Mosquitto's pid file")
        yield Hall(here, tmp_path, port, process)
    finally:
        process.kill()
        process.wait()
        log.close()


def test_a_box_says_and_hears_what_is_its_own_and_nothing_of_others(hall: Hall) -> None:
    a, b = hall.here.boxes["an phú 1"].pk, hall.here.boxes["an phú 2"].pk
    with hall.bridge() as bridge, hall.box("an phú 1") as one, hall.box("an phú 2") as two:
        bridge.hears(topics.ALL_UP)
        one.hears(topics.down(a), topics.down(b), "#", topics.ALL_UP, topics.orders("77"))
        two.hears(topics.down(b))
        one.says(topics.up(b, "beat"), b"in another's name")
        one.says(topics.down(b), b"as if from the controller")
        one.says(topics.orders("77"), b"to everybody")
        two.says(topics.up(b, "hello"), b"of two")
        one.says(topics.up(a, "beat"), b"of one")
        eventually(lambda: len(bridge.heard) >= 2, "what the boxes say of themselves")
        assert sorted(bridge.heard) == sorted([(topics.up(a, "beat"), b"of one"), (topics.up(b, "hello"), b"of two")])
        bridge.says(topics.down(b), b"for two")
        bridge.says(topics.down(a), b"for one")
        bridge.says(topics.orders("77"), b"an order")
        eventually(lambda: len(one.heard) >= 2 and two.heard, "what the controller says")
        assert one.heard == [(topics.down(a), b"for one"), (topics.orders("77"), b"an order")]
        assert two.heard == [(topics.down(b), b"for two")]


def test_nobody_comes_in_without_a_certificate_of_this_ca(hall: Hall) -> None:
    box, key = hall.here.boxes["an phú 1"], hall.here.box_key("an phú 1")
    public = Ed25519PublicKey.from_public_bytes(key.public_key)
    now = dt.datetime.now(dt.UTC)
    stranger, mine = making.make_authority("77/test", now), pki.folder().authorities()[0]
    assert hall.refuses(None, None)
    assert hall.refuses(making.pem([making.issue_client(stranger, public, box.pk, now)]), key)
    assert hall.refuses(making.pem([making.issue_client(mine, public, box.pk, now - dt.timedelta(days=91))]), key)
    assert not hall.refuses(making.pem([making.issue_client(mine, public, box.pk, now)]), key)


def test_a_box_that_calls_itself_by_anothers_client_id_throws_nobody_out(hall: Hall) -> None:
    a, thief = hall.here.boxes["an phú 1"], hall.here.boxes["an phú 2"]
    chain = pki.issue(thief.pk, bytes(thief.public_key))
    with hall.bridge() as bridge, hall.box("an phú 1") as one:
        bridge.hears(topics.ALL_UP)
        gone = threading.Event()
        one.client.on_disconnect = lambda *_: gone.set()
        with hall.visit(chain, hall.here.box_key("an phú 2"), a.pk) as other:
            assert other.came_in.wait(10)
            one.says(topics.up(a.pk, "beat"), b"still here")
            eventually(lambda: bridge.heard, "the box that was there first")
        assert not gone.is_set()


def test_fault_41_a_stolen_box_that_is_connected_loses_its_ears_and_its_voice_within_a_minute(hall: Hall) -> None:
    stolen, other = hall.here.boxes["an phú 1"], hall.here.boxes["an phú 2"]
    key = hall.here.box_key("an phú 1")
    chain = pki.issue(stolen.pk, bytes(stolen.public_key))
    with hall.bridge() as bridge, hall.box("an phú 1") as thief, hall.box("an phú 2") as honest:
        bridge.hears(topics.ALL_UP)
        thief.hears(topics.down(stolen.pk), topics.orders("77"))
        honest.hears(topics.down(other.pk), topics.orders("77"))
        thief.says(topics.up(stolen.pk, "beat"), b"before")
        eventually(lambda: bridge.heard, "the box before it was stolen")

        boxes.retire(stolen, hall.here.people["tuan"])

        def deaf_and_dumb() -> bool:
            """Each round: the thief speaks, then the honest box; the bridge speaks to the thief, then to the other."""
            for guest in (bridge, thief, honest):
                guest.heard.clear()
            thief.says(topics.up(stolen.pk, "beat"), b"after")
            honest.says(topics.up(other.pk, "beat"), b"well")
            bridge.says(topics.orders("77"), b"an order")
            bridge.says(topics.down(stolen.pk), b"a secret")
            bridge.says(topics.down(other.pk), b"the last")
            eventually(lambda: len(honest.heard) == 2 and bridge.heard, "the honest box")
            return bridge.heard == [(topics.up(other.pk, "beat"), b"well")] and thief.heard == []

        before = dt.datetime.now(dt.UTC)
        eventually(deaf_and_dumb, "the thief is deaf and dumb")
        assert (dt.datetime.now(dt.UTC) - before).total_seconds() < REVOKED_WITHIN_S
        assert deaf_and_dumb()
    assert chain is not None
    assert hall.refuses(chain, key), "and it does not come in again"


def test_a_power_cut_between_row_and_file_leaves_no_stolen_box_connected(hall: Hall) -> None:
    stolen, key = hall.here.boxes["an phú 1"], hall.here.box_key("an phú 1")
    chain = pki.issue(stolen.pk, bytes(stolen.public_key))
    assert not hall.refuses(chain, key)
    BoxCertificate.objects.update(revoked=dt.datetime.now(dt.UTC))  # the row is there, and then the power went
    assert pki.publish(), "the worker looks every few seconds"
    eventually(lambda: hall.refuses(chain, key), "the stolen box is refused")
    assert not pki.publish(), "nothing has changed since"


def test_a_box_that_is_used_again_gets_a_new_certificate_and_the_old_one_stays_revoked(hall: Hall) -> None:
    box, key, tuan = hall.here.boxes["an phú 1"], hall.here.box_key("an phú 1"), hall.here.people["tuan"]
    first = pki.issue(box.pk, bytes(box.public_key))
    assert box.unit is not None
    unit = box.unit
    boxes.retire(box, tuan)
    boxes.approve(box, unit, tuan)
    second = pki.issue(box.pk, bytes(box.public_key))
    assert second is not None
    assert second != first
    assert is_mine(second, box.pk, key.public_key)
    eventually(lambda: hall.refuses(first, key), "the first certificate is refused")
    with hall.bridge() as bridge, hall.box("an phú 1") as guest:
        bridge.hears(topics.ALL_UP)
        guest.says(topics.up(box.pk, "beat"), b"again")
        eventually(lambda: bridge.heard, "the box that is used again")


def test_certificates_of_the_ca_before_last_night_still_count_and_revocation_reaches_them(hall: Hall) -> None:
    kept, stolen = hall.here.boxes["an phú 1"], hall.here.boxes["an phú 2"]
    chains = {box.pk: pki.issue(box.pk, bytes(box.public_key)) for box in (kept, stolen)}
    now = dt.datetime.now(dt.UTC)
    pki.folder().add_authority("77/test", now)
    pki.folder().make_server(["localhost"], now)
    pki.folder().make_bridge(now)
    pki.publish()
    eventually(lambda: not hall.refuses(chains[kept.pk], hall.here.box_key("an phú 1")), "a box of the old CA")
    with hall.box("bình minh"), hall.bridge():  # of the new one
        boxes.retire(stolen, hall.here.people["tuan"])
        stolen.refresh_from_db()
        assert stolen.state == Stage.RETIRED
        eventually(lambda: hall.refuses(chains[stolen.pk], hall.here.box_key("an phú 2")), "the stolen one")
    assert not hall.refuses(chains[kept.pk], hall.here.box_key("an phú 1"))
