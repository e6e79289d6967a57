"""A controller small enough to read, for tests of the agent: it keeps what boxes say and sends what they lack.

It speaks the real protocol to real agent processes: HTTPS's paths over plain HTTP with Range and signed requests, and
MQTT through whatever broker it is given. It can be stopped and started; a broken download is one of its habits.
"""

import base64
import functools
import io
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import numpy as np
import paho.mqtt.client as mqtt
import soundfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from msgspec import structs
from paho.mqtt.enums import CallbackAPIVersion

from protocol import topics
from protocol.approval import Approval, Subject
from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.codec import decode, encode
from protocol.compose import order_id, signed_order
from protocol.ids import box_id, enrolment_code
from protocol.manifest import Assignment, Entry, Kind, Level, Manifest, Policy
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.quantities import DAY_S
from protocol.report import Ack, Fault, Hello, LogBatch, LogRow, Receipt, Stage, chain_hash
from protocol.roles import FEWEST, Holder, Role, Roots, Threshold
from protocol.signing import Domain, Family, KeySigner, sign, sign1, verify1

DOMAIN: Final = Domain("77", "test")
AN_PHU: Final = ("77", "77-1001")
RATE: Final = 48_000
VIRTUAL_S: Final = 1_795_500_000
"""When virtual time begins: 2026-11-24, 13:00 in Vietnam."""


def key(name: str) -> KeySigner:
    """Somebody's key, always the same."""
    return KeySigner.from_seed(sha256(name.encode()).digest())


@functools.cache
def tone(length_ms: int, frequency: float = 440.0) -> bytes:
    """A bulletin: Opus in Ogg, mono; the same bytes each time, which the encoder would not give."""
    samples = 0.3 * np.sin(2 * np.pi * frequency * np.arange(RATE * length_ms // 1000) / RATE)
    file = io.BytesIO()
    soundfile.write(file, samples.astype(np.float32), RATE, format="OGG", subtype="OPUS")
    return file.getvalue()


def roots(version: int = 1, *, at_s: int | None = None) -> Roots:
    """Hoa and Minh sign emergencies for the province, Lan for An Phú; the controller's key signs schedules."""
    at = int(time.time()) if at_s is None else at_s
    people = tuple(
        Holder(key(name).public_key, name, (Role.EMERGENCY, Role.CANCEL, Role.CONTENT, Role.STOP), (scope,))
        for name, scope in (("Hoa", "77"), ("Minh", "77"), ("Lan", "77-1001"))
    )
    root = Holder(key("root").public_key, "root", (Role.ROOT,), ("77",))
    machine = Holder(key("controller").public_key, "controller", (Role.SCHEDULE,), ("77",))
    return Roots(
        version, "77", "test", at, at + 86_400 * 365, (Threshold(Role.EMERGENCY, 2),), (*people, machine, root)
    )


def signed_roots(record: Roots) -> bytes:
    return sign(encode(record), Family.ROOTS, DOMAIN, key("root"))


def alert(sequence: int, *, at_s: int | None = None, **changes: Any) -> Order:
    """A flood alert for An Phú that sounds once; first signed by Hoa."""
    at = int(time.time()) if at_s is None else at_s
    values: dict[str, Any] = {
        "id": order_id(key("Hoa").public_key, sequence.to_bytes(12, "big")),
        "province": "77",
        "environment": "test",
        "epoch": 1,
        "sequence": sequence,
        "issued": at,
        "not_before": at,
        "expires": at + 600,
        "status": Status.ACTUAL,
        "type": MessageType.ALERT,
        "severity": Severity.SEVERE,
        "event": "flood",
        "area": ("77-1001",),
        "sound": Sound(1, chime=0, repeats=1, gap_s=0),
    }
    values |= changes
    usual = {MessageType.CANCEL: Role.CANCEL, MessageType.STOP: Role.STOP, MessageType.REINSTATE: Role.STOP}
    return Order(role=values.pop("role", usual.get(values["type"], Role.EMERGENCY)), **values)


def signed(order: Order, *names: str) -> bytes:
    """Signed by those who are named, or by as many of Hoa and Minh as it takes."""
    return signed_order(order, *(key(name) for name in names or ("Hoa", "Minh")[: FEWEST.get(order.role, 1)]))


def approval(bulletin: Bulletin, signer: str = "Hoa", **changes: Any) -> bytes:
    """This person's approval of a bulletin, for the whole province and any class."""
    values: dict[str, Any] = {
        "subject": Subject.BULLETIN,
        "hash": bulletin.sound,
        "text": None,
        "klass": BulletinClass.PRIORITY,
        "language": bulletin.language,
        "scope": "77",
        "epoch": 1,
        "issued": VIRTUAL_S - DAY_S,
        "expires": VIRTUAL_S + 365 * DAY_S,
        "title": bulletin.title,
        "picture": bulletin.picture,
    }
    return sign(encode(Approval(**values | changes)), Family.APPROVAL, DOMAIN, key(signer))


@functools.cache
def yesterday() -> int:
    """By the clock of this machine; the same all the while the tests run."""
    return int(time.time()) - DAY_S


@dataclass
class Programme:
    """Bulletins and entries, collected for a manifest."""

    sounds: dict[bytes, bytes] = field(default_factory=dict)
    blobs: dict[bytes, Blob] = field(default_factory=dict)
    bulletins: list[Bulletin] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def add(self, name: str, first: str, sound: bytes, length_ms: int, *, picture: bytes = b"", **changes: Any) -> None:
        """One bulletin, once, at this wall time in Vietnam. `picture` is the file of one that goes with it."""
        digest = sha256(sound).digest()
        self.sounds[digest] = sound
        self.blobs[digest] = Blob(digest, len(sound), length_ms)
        self.bulletins.append(Bulletin(f"b-{name}", name, "vi", digest, picture=self._picture(picture)))
        values: dict[str, Any] = {
            "id": name,
            "kind": Kind.PROGRAMME,
            "klass": BulletinClass.ORDINARY,
            "first": first,
            "playlist": (f"b-{name}",),
        }
        self.entries.append(Entry(**{**values, **changes}))

    def _picture(self, file: bytes) -> bytes | None:
        if not file:
            return None
        digest = sha256(file).digest()
        self.sounds[digest] = file
        self.blobs[digest] = Blob(digest, len(file), 0)
        return digest

    def manifest(self) -> Manifest:
        """Hoa has approved every bulletin of it, for the year of the virtual clock and for the one of this machine."""
        mine: dict[str, Any] = {"issued": yesterday(), "expires": yesterday() + 366 * DAY_S}
        return Manifest(
            "Asia/Ho_Chi_Minh",
            (Policy(Level.PROVINCE),),
            tuple(self.entries),
            tuple(self.bulletins),
            tuple(self.blobs.values()),
            approvals=tuple(approval(bulletin, **year) for bulletin in self.bulletins for year in ({}, mine)),
        )


@dataclass
class Heard:
    """What boxes have said."""

    rows: dict[tuple[str, bytes, int], LogRow] = field(default_factory=dict)
    arrivals: Counter[tuple[str, bytes, int]] = field(default_factory=Counter)
    conflicts: list[str] = field(default_factory=list)
    receipts: dict[tuple[str, bytes, Stage], Receipt] = field(default_factory=dict)
    receipt_arrivals: Counter[tuple[str, bytes, Stage]] = field(default_factory=Counter)
    """Every copy counts: a box may say a thing again, and must say the same."""
    faults: list[Fault] = field(default_factory=list)
    hellos: list[Hello] = field(default_factory=list)


class SmallController:
    """`with SmallController(folder, broker_port) as controller:`"""

    def __init__(self, broker_port: int) -> None:
        self.broker = f"mqtt://127.0.0.1:{broker_port}"
        self._broker_port = broker_port
        self.roots = signed_roots(roots())
        self.blobs: dict[str, bytes] = {}
        self.keys: dict[str, bytes] = {}
        self.heard = Heard()
        self.requests: list[tuple[str, str, str]] = []
        """(path, Range, outcome) of every download."""
        self.cut_after: Callable[[], int | None] = lambda: None
        """Bytes after which the next download breaks off."""
        self._assignments: dict[str, bytes] = {}
        self._generations = itertools.count(1)
        self._lock = threading.RLock()
        self._hashes: dict[tuple[str, bytes, int], bytes] = {}

    # Starting and stopping

    def __enter__(self) -> "SmallController":
        self.http = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="small-controller")
        self.mqtt.on_connect = lambda client, *_: client.subscribe(topics.ALL_UP, 1)
        self.mqtt.on_message = lambda _client, _data, message: self._take(message.topic, bytes(message.payload))
        self.mqtt.reconnect_delay_set(1, 1)
        self.mqtt.connect("127.0.0.1", self._broker_port)
        self.mqtt.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        self.http.shutdown()
        self.http.server_close()

    # What it sends

    def publish(self, programme: Programme, boxes: Iterable[str] | None = None) -> int:
        """A new generation for these boxes (None: all that are known)."""
        with self._lock:
            signed_manifest = sign1(encode(programme.manifest()), Family.MANIFEST, DOMAIN, key("controller"))
            name = sha256(signed_manifest).digest()
            self.blobs[name.hex()] = signed_manifest
            self.blobs.update({digest.hex(): sound for digest, sound in programme.sounds.items()})
            generation, now = next(self._generations), int(time.time())
            for box in list(self.keys) if boxes is None else boxes:
                record = Assignment(
                    box, generation, name, len(signed_manifest), AN_PHU, now, now + 86_400 * 50, None, 0, "An Phú"
                )
                self._assignments[box] = sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key("controller"))
                self.mqtt.publish(topics.down(box), self._assignments[box], 1)
            return generation

    def order(self, raw: bytes, unit: str = "77-1001") -> None:
        self.mqtt.publish(topics.orders(unit), raw, 1)

    # What it hears

    def _take(self, topic: str, payload: bytes) -> None:
        box, kind = topics.parse_up(topic)
        public = self.keys.get(box)
        if kind == "beat" or public is None:
            return
        with self._lock:
            if kind == "hello":
                self._hello(box, decode(verify1(payload, Family.HELLO, DOMAIN, public), Hello))
            elif kind == "log":
                self._log(box, decode(verify1(payload, Family.LOG, DOMAIN, public), LogBatch))
            elif kind == "receipt":
                receipt = decode(verify1(payload, Family.RECEIPT, DOMAIN, public), Receipt)
                self._receipt(box, receipt)
                self._ack(box, receipts=((receipt.order, receipt.stage),))
            elif kind == "fault":
                fault = decode(verify1(payload, Family.FAULT, DOMAIN, public), Fault)
                self.heard.faults.append(fault)
                self._ack(box, faults=((fault.code, fault.at),))

    def _hello(self, box: str, hello: Hello) -> None:
        self.heard.hellos.append(hello)
        if box in self._assignments:
            self.mqtt.publish(topics.down(box), self._assignments[box], 1)
        self._ack(box)

    def _receipt(self, box: str, receipt: Receipt) -> None:
        name = (box, receipt.order, receipt.stage)
        before = self.heard.receipts.get(name, receipt)
        proven = structs.replace(before, grade=receipt.grade)  # a start is told again when it was proven better
        if receipt.stage is not Stage.REJECTED and (proven != receipt or receipt.grade < before.grade):
            self.heard.conflicts.append(f"{receipt.stage.name} of {receipt.order.hex()} came with two contents")
        self.heard.receipts[name] = receipt
        self.heard.receipt_arrivals[name] += 1

    def _log(self, box: str, batch: LogBatch) -> None:
        digest = batch.before
        for row in batch.rows:
            name = (box, batch.chain, row.seq)
            before = self._hashes.get((box, batch.chain, row.seq - 1), bytes(32) if row.seq == 1 else None)
            if before is not None and before != digest:
                self.heard.conflicts.append(f"row {row.seq} does not follow the row before it")
            digest = chain_hash(digest, row)
            if self._hashes.setdefault(name, digest) != digest:
                self.heard.conflicts.append(f"row {row.seq} came with two contents")
            self.heard.rows[name] = row
            self.heard.arrivals[name] += 1
        self._ack(box)

    def _ack(self, box: str, **values: Any) -> None:
        chain, seq = self._newest(box)
        record = Ack(box, chain, seq, **values)
        self.mqtt.publish(topics.down(box), sign1(encode(record), Family.ACK, DOMAIN, key("controller")), 1)

    def _newest(self, box: str) -> tuple[bytes, int]:
        """The chain of the last hello, and its newest row without a gap before it."""
        chains = [hello.chain for hello in self.heard.hellos if hello.box == box]
        chain, seq = (chains[-1] if chains else bytes(8)), 0
        while (box, chain, seq + 1) in self.heard.rows:
            seq += 1
        return chain, seq


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = keys

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self._keys[key_id])

    def resolve_private_key(self, key_id: str) -> None:
        raise KeyError(key_id)


@dataclass(frozen=True)
class _Message:
    method: str
    url: str
    headers: dict[str, str]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A box that was killed says nothing; that is no error of the server's."""


def _handler(controller: SmallController) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = json.loads(body)
            public = base64.urlsafe_b64decode(said["public_key"] + "=")
            box = box_id(public)
            if not self._is_signed({box: public}, body):
                return self._answer(401, b"{}")
            controller.keys[box] = public
            answer = {"state": "approved", "code": enrolment_code(box), "broker": controller.broker}
            return self._answer(200, json.dumps(answer).encode())

        def do_GET(self) -> None:
            if not self._is_signed(controller.keys, b""):
                return self._answer(401, b'{"error": "bad-signature"}')
            if self.path == topics.ROOTS_PATH:
                return self._answer(200, controller.roots)
            data = controller.blobs.get(self.path.rpartition("/")[2])
            return self._answer(404, b"{}") if data is None else self._file(data)

        def _file(self, data: bytes) -> None:
            start, status = 0, 200
            asked = self.headers.get("Range", "")
            if asked.startswith("bytes=") and self.headers.get("If-Range") == f'"{self.path.rpartition("/")[2]}"':
                start, status = int(asked[6:].rstrip("-")), 206
            cut = controller.cut_after()
            rest = data[start:]
            controller.requests.append((self.path, asked, "whole" if cut is None else f"cut after {cut}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(rest)))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            self.wfile.write(rest if cut is None else rest[:cut])
            self.close_connection = True

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if body[:1] == b"{" else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _is_signed(self, keys: dict[str, bytes], body: bytes) -> bool:
            verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=_OneKey(keys))
            message = _Message(self.command, f"http://{self.headers['Host']}{self.path}", dict(self.headers.items()))
            try:
                found = verifier.verify(message, require_components=("@method", "@path"), body=body)
            except Exception:
                return False
            return len(found) == 1 and found[0].label == "box"

    return Handler


def box_toml(folder: Path, controller: SmallController, **sound: object) -> Path:
    """A box.toml in this folder, for this controller; the fake speaker writes to `sounded.jsonl` there."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"output": "fake", "recordings": str(folder), "lead_in_ms": 0, **sound}
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    (folder / "box.toml").write_text(
        f"""[box]
name = "Cụm loa thử"
state_dir = "state"
[controller]
url = "{controller.url}"
[clock]
trust = "system"
[sound]
"""
        + "\n".join(lines)
        + "\n",
        encoding="utf-8",
    )
    return folder / "box.toml"
