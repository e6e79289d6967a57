"""A box without its network and its sound: real store, real services, a clock that the test holds."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.drivers.clock import FakeClock
from agent.link.fake import FakeOffice, FakeUplink
from agent.ports.store import Store
from agent.services.faults import Faults
from agent.services.fetcher import Fetcher
from agent.services.inbox import Identity, Inbox
from agent.services.keeper import Keeper
from agent.services.recordings import Recordings
from agent.services.reporter import Reporter, Sender
from agent.services.wake import Wakes
from agent.services.watch import Watch
from agent.store.blobs import BlobShelf
from agent.store.database import Database
from agent.store.memory import Memory
from agent.store.orders import Orders
from agent.store.outbox import Outgoing
from agent.store.plays import Plays
from protocol.codec import encode
from protocol.ids import box_id, sha256
from protocol.manifest import Assignment, Manifest
from protocol.report import Ack, ClockQuality
from protocol.signing import Family, sign1
from tests.support.small_controller import AN_PHU, DOMAIN, Programme, key, roots, signed_roots

NOW_S = 1_795_500_000
NOW_MS = NOW_S * 1000
SIGNER = key("box")
BOX = box_id(SIGNER.public_key)


@dataclass
class Parts:
    """What a test takes hold of."""

    clock: FakeClock
    store: Store
    wakes: Wakes
    faults: Faults
    keeper: Keeper
    inbox: Inbox
    uplink: FakeUplink
    office: FakeOffice
    fetcher: Fetcher
    reporter: Reporter
    watch: Watch

    def trusts(self, version: int = 1) -> "Parts":
        """Give it the roots."""
        self.inbox.take_first(signed_roots(roots(version, at_s=NOW_S)))
        return self

    def assigned(self, programme: Programme | None = None, generation: int = 1) -> "Parts":
        """Offer it a programme, and let the controller have the files."""
        raw, files = offer(programme or Programme(), generation)
        self.office.files.update(files)
        self.inbox.take(raw)
        return self


def offer(programme: Programme, generation: int, *, signer: str = "controller") -> tuple[bytes, dict[bytes, bytes]]:
    """A signed assignment for the box, and every file behind it."""
    manifest = signed_manifest(programme.manifest(), signer)
    record = assignment(generation, manifest)
    files = {sha256(manifest): manifest, **programme.sounds}
    return sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key(signer)), files


def signed_manifest(manifest: Manifest, signer: str = "controller") -> bytes:
    return sign1(encode(manifest), Family.MANIFEST, DOMAIN, key(signer))


def assignment(generation: int, manifest: bytes, box: str = BOX) -> Assignment:
    return Assignment(box, generation, sha256(manifest), len(manifest), AN_PHU, NOW_S, NOW_S + 86_400 * 50)


def acknowledgement(store: Store, signer: str = "controller", box: str = BOX) -> bytes:
    """Everything that the box has said so far."""
    record = Ack(
        box,
        store.outbox.chain(),
        store.outbox.log_seq(),
        tuple((receipt.order, receipt.stage) for receipt in store.outbox.receipts()),
        tuple((fault.code, fault.at) for fault in store.outbox.faults()),
    )
    return sign1(encode(record), Family.ACK, DOMAIN, key(signer))


@contextlib.contextmanager
def parts(folder: Path, quality: ClockQuality = ClockQuality.NTP, fingerprint: bytes | None = None) -> Iterator[Parts]:
    """Inside a running loop, virtual or not. `fingerprint`: of the roots, where `box.toml` names it."""
    clock = FakeClock(NOW_MS, quality)
    wakes = Wakes()
    with contextlib.closing(Database(folder)) as database:
        memory = Memory(database)
        clock.raise_floor(memory.floor_ms())
        store = Store(
            trust=memory,
            desired=memory,
            book=Orders(database),
            outbox=Outgoing(database, BOX),
            shelf=BlobShelf(database, folder / "blobs"),
            journal=Plays(database, clock.now_ms, wakes.reporter.set),
        )
        faults = Faults(store.outbox, clock, wakes.reporter)
        keeper = Keeper(clock, store)
        identity = Identity(BOX, fingerprint)
        inbox = Inbox(identity, clock, store, recordings=Recordings(), keeper=keeper, faults=faults, wakes=wakes)
        uplink, office = FakeUplink(), FakeOffice(BOX)
        fetcher = Fetcher(office, clock, store, keeper=keeper, faults=faults, wakes=wakes, draw=lambda: 0.5)
        sender = Sender(BOX, lambda: DOMAIN, SIGNER, "0.1.0", NOW_MS)
        reporter = Reporter(sender, uplink, clock, store, faults=faults, wake=wakes.reporter, sounding=lambda: None)
        watch = Watch(clock, store, inbox=inbox, faults=faults, keeper=keeper)
        yield Parts(clock, store, wakes, faults, keeper, inbox, uplink, office, fetcher, reporter, watch)
