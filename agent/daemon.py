"""The composition root: what a box is made of, in the order in which it is built; it stops in the reverse order.

state folder → store → identity → clock → holdings → sound → controller → what comes down, what goes up → service
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import structlog

from agent.config import Config
from agent.drivers import audio
from agent.drivers.amplifier import AlwaysOn
from agent.drivers.audio.source import RATE_HZ, File, milliseconds
from agent.drivers.clock import SystemClock
from agent.drivers.systemd import Notifier
from agent.link.control import ControlServer
from agent.link.https import HttpsOffice
from agent.link.mqtt import MqttLink, Place
from agent.ports.sound import Speaker
from agent.ports.store import Store
from agent.services import selftest
from agent.services.enrolment import Enrolment
from agent.services.faults import Faults
from agent.services.fetcher import Fetcher
from agent.services.inbox import Identity, Inbox
from agent.services.keeper import Keeper
from agent.services.player import Player
from agent.services.progress import Progress
from agent.services.recordings import Recordings
from agent.services.reporter import Reporter, Sender
from agent.services.service_desk import About, ServiceDesk
from agent.services.wake import Wakes
from agent.services.watch import Watch
from agent.store.blobs import BlobShelf
from agent.store.database import Database
from agent.store.key import load_or_make
from agent.store.lock import only_one
from agent.store.memory import Memory
from agent.store.orders import Orders
from agent.store.outbox import Outgoing
from agent.store.plays import Plays
from protocol.ids import box_id, enrolment_code
from protocol.report import FaultCode
from protocol.signing import Domain

log = structlog.get_logger()

VERSION: Final = version("loalang")


async def run_box(config: Config, stop: asyncio.Event, notifier: Notifier) -> None:
    """One box, until `stop` is set. Raises AgentError when it cannot be what `config` says."""
    with only_one(config.state_dir), contextlib.closing(Database(config.state_dir)) as database:
        await _run(config, database, stop, notifier)


def forget_time(config: Config) -> None:
    """Forget which instants have certainly passed. Raises AgentError, also while the daemon runs."""
    with only_one(config.state_dir), contextlib.closing(Database(config.state_dir)) as database:
        Memory(database).forget_floor()


async def _run(config: Config, database: Database, stop: asyncio.Event, notifier: Notifier) -> None:
    draw = random.SystemRandom().random
    wakes = Wakes()

    # Who it is: the key that names the box, and whom it was born to trust.
    signer = load_or_make(config.state_dir)
    box = box_id(signer.public_key)
    identity = Identity(box, Domain(config.province, config.environment), config.root_keys)
    log.info("starting", id=box, code=enrolment_code(box), version=VERSION, state=str(config.state_dir))

    # What it remembers, and since when it knows the time.
    memory = Memory(database)
    clock = SystemClock(config.clock_trust, memory.floor_ms())
    store = Store(
        trust=memory,
        desired=memory,
        book=Orders(database),
        outbox=Outgoing(database, box),
        shelf=BlobShelf(database, config.state_dir / "blobs"),
        journal=Plays(database, clock.now_ms, wakes.reporter.set),
    )
    faults = Faults(store.outbox, clock, wakes.reporter)
    if database.put_aside is not None:
        faults.raised(FaultCode.STORE, f"a damaged database was put aside as {database.put_aside.name}")

    # What it is to sound, and with what.
    keeper = Keeper(clock, store)
    recordings = Recordings()
    speaker = audio.choose(config, clock)

    # The controller: HTTPS for bulk and enrolment, MQTT for everything that is small.
    office = HttpsOffice(config.url, signer, config.ca_file, clock)
    inbox = Inbox(identity, clock, store, recordings=recordings, keeper=keeper, faults=faults, wakes=wakes)
    link = MqttLink(
        box, place=_place(store), take=inbox.take, moved=wakes.subscriptions, ca_file=config.ca_file, draw=draw
    )
    enrolment = Enrolment(
        config.name, VERSION, office=office, trust=store.trust, take=inbox.take, wakes=wakes, draw=draw
    )
    fetcher = Fetcher(
        office, clock, store, domain=identity.domain, keeper=keeper, faults=faults, wakes=wakes, draw=draw
    )

    # Sounding it, and saying so.
    player = Player(
        clock=clock,
        speaker=speaker,
        amplifier=AlwaysOn(),
        journal=store.journal,
        shelf=store.shelf.path,
        recordings=recordings,
        holdings=keeper.holdings,
        changed=keeper.changed,
        on_order=Progress(store.book, faults, wakes.reporter).note,
        on_fault=faults.note,
        on_damaged=fetcher.damaged,
        on_doing=wakes.reporter.set,
        lead_in_ms=config.lead_in_ms,
    )
    sender = Sender(box, identity.domain, signer, VERSION, clock.now_ms())
    reporter = Reporter(
        sender, link, clock, store, faults=faults, wake=wakes.reporter, sounding=lambda: player.sounding
    )
    link.on_connect, link.on_lost = reporter.connected, enrolment.broker_lost

    # Whoever stands at the box.
    watch = Watch(clock, store, inbox=inbox, faults=faults)
    about = About(box, config.name, VERSION, sender.boot_ms)
    checks = selftest.checks(store.trust, clock, link, _sound_check(speaker, recordings), recordings)
    desk = ServiceDesk(
        about,
        clock,
        store,
        uplink=link,
        keeper=keeper,
        faults=faults,
        wakes=wakes,
        sounding=lambda: player.sounding,
        checks=checks,
    )
    control = ControlServer(config.control_socket, desk.commands)

    await _until(
        stop,
        {
            "watch": watch.run(),
            "player": player.run(),
            "fetcher": fetcher.run(),
            "reporter": reporter.run(),
            "enrolment": enrolment.run(),
            "link": link.run(),
            "control": control.run(),
            "watchdog": _signs_of_life(notifier),
        },
    )
    await speaker.close()
    log.info("stopped")


async def _until(stop: asyncio.Event, services: Mapping[str, Coroutine[Any, Any, None]]) -> None:
    """Run them all; at `stop` end them one by one, the last first. One that fails ends them all."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(service, name=name) for name, service in services.items()]
        await stop.wait()
        log.info("stopping")
        for task in reversed(tasks):
            task.cancel()
            await asyncio.wait([task])


async def _signs_of_life(notifier: Notifier) -> None:
    notifier.ready()
    try:
        while True:
            notifier.alive()
            await asyncio.sleep(notifier.ping_s)
    finally:
        notifier.stopping()


def _sound_check(speaker: Speaker, recordings: Recordings) -> Callable[[], Awaitable[str]]:
    """A built-in message is decoded whole, and the speaker says what it would sound on."""

    async def check() -> str:
        device = await speaker.probe()
        length_ms = await asyncio.to_thread(_decoded_ms, recordings.path("1"))
        return f"{device}; 1.ogg: {length_ms} ms"

    return check


def _decoded_ms(path: Path) -> int:
    """Decode the whole file; its length. Raises SoundError."""
    with contextlib.closing(File(path)) as file:
        total = 0
        while count := len(file.read(RATE_HZ)):
            total += count
        return milliseconds(total)


def _place(store: Store) -> Callable[[], Place | None]:
    """Where the broker is and whose orders to hear: nothing before the box is approved."""

    def place() -> Place | None:
        broker, wanted = store.trust.broker(), store.desired.wanted()
        return None if broker is None else Place(broker, () if wanted is None else wanted.units)

    return place
