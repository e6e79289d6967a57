"""A simulated box: the agent's real services, store and player; its clock, speaker, amplifier and link are fakes.

A power cut ends every task where it stands and closes the database without a word; what lies in the folder is what the
next boot finds.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.drivers.amplifier import FakeAmplifier
from agent.drivers.audio.fake import FakeSpeaker, Heard
from agent.drivers.clock import FakeClock
from agent.errors import LinkError
from agent.link.fake import FakeOffice
from agent.ports.sound import Track
from agent.ports.store import Store
from agent.services.faults import Faults
from agent.services.fetcher import Fetcher
from agent.services.inbox import Identity, Inbox
from agent.services.keeper import Keeper
from agent.services.player import Player
from agent.services.progress import Progress
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
from protocol.ids import box_id
from protocol.report import ClockQuality, FaultCode
from tests.simulation.people import DOMAIN
from tests.support.small_controller import key

LEAD_IN_MS = 1_500
_RECORDINGS = Recordings()


@dataclass(frozen=True)
class Sounded:
    """What a person beside the horn heard, on a clock that is right."""

    box: str
    cause: str
    play: str
    from_ms: int
    to_ms: int
    wall_from_ms: int
    """By the box's own clock."""


class _Uplink:
    """The port `Uplink` on the simulated broker."""

    def __init__(self, publish: Callable[[str, bytes], bool]) -> None:
        self._publish = publish
        self.connected = False
        self.silent_ms: int | None = 0

    async def publish(self, kind: str, payload: bytes, *, certain: bool) -> None:
        if not self.connected or (not self._publish(kind, payload) and certain):
            raise LinkError("no connection to the broker")


class _Speaker(FakeSpeaker):
    def __init__(self, clock: FakeClock, tell: Callable[[Heard], None]) -> None:
        super().__init__(clock)
        self._tell = tell

    def note(self, track: Track, first_sample_ms: int, ended_ms: int, complete: bool) -> None:
        super().note(track, first_sample_ms, ended_ms, complete)
        self._tell(self.heard[-1])


@dataclass
class Running:
    """What exists while the box has power."""

    store: Store
    inbox: Inbox
    keeper: Keeper
    faults: Faults
    fetcher: Fetcher
    reporter: Reporter
    speaker: _Speaker
    uplink: _Uplink
    database: Database
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class SimBox:
    """One box in the world. `now_ms` gives true time; its own clock may be off by `skew_ms`."""

    def __init__(
        self,
        name: str,
        units: tuple[str, ...],
        folder: Path,
        *,
        now_ms: Callable[[], int],
        publish: Callable[[str, str, bytes], bool],
    ) -> None:
        self.name = name
        self.units = units
        self.folder = folder
        self.signer = key(name)
        self.id = box_id(self.signer.public_key)
        self.office = FakeOffice(self.id)
        self.sounded: list[Sounded] = []
        self.switched: list[tuple[int, bool]] = []
        """(true instant, on) of the amplifier."""
        self.skew_ms = 0
        self.quality = ClockQuality.NTP
        self.link_up = True
        self.sabotage: Callable[[Running], None] = lambda _: None
        """For tests of the simulator itself: breaks a part after each boot."""
        self._now_ms = now_ms
        self._publish = publish
        self._on: Running | None = None
        self._clock: FakeClock | None = None
        self._amplifier: FakeAmplifier | None = None

    @property
    def on(self) -> Running:
        assert self._on is not None, f"{self.name} has no power"
        return self._on

    @property
    def has_power(self) -> bool:
        return self._on is not None

    @property
    def clock(self) -> FakeClock:
        assert self._clock is not None
        return self._clock

    def boot(self) -> None:
        """Power comes: everything is built from what lies in the folder."""
        clock = self._clock = FakeClock(self._now_ms() + self.skew_ms, self.quality)
        wakes = Wakes()
        database = Database(self.folder)
        memory = Memory(database)
        clock.raise_floor(memory.floor_ms())
        store = Store(
            trust=memory,
            desired=memory,
            book=Orders(database),
            outbox=Outgoing(database, self.id),
            shelf=BlobShelf(database, self.folder / "blobs"),
            journal=Plays(database, clock.now_ms, wakes.reporter.set),
        )
        faults = Faults(store.outbox, clock, wakes.reporter)
        keeper = Keeper(clock, store)
        inbox = Inbox(
            Identity(self.id), clock, store, recordings=_RECORDINGS, keeper=keeper, faults=faults, wakes=wakes
        )
        uplink = _Uplink(lambda kind, payload: self._publish(self.name, kind, payload))
        fetcher = Fetcher(self.office, clock, store, keeper=keeper, faults=faults, wakes=wakes, draw=lambda: 0.5)
        speaker = _Speaker(clock, self._heard)
        amplifier = self._amplifier = FakeAmplifier(clock)
        player = Player(
            clock=clock,
            speaker=speaker,
            amplifier=amplifier,
            journal=store.journal,
            shelf=store.shelf.path,
            recordings=_RECORDINGS,
            holdings=keeper.holdings,
            changed=keeper.changed,
            on_order=Progress(store.book, faults, wakes.reporter).note,
            on_fault=faults.note,
            on_damaged=fetcher.damaged,
            on_doing=wakes.reporter.set,
            lead_in_ms=LEAD_IN_MS,
        )
        reporter = Reporter(
            Sender(self.id, lambda: DOMAIN, self.signer, "0.1.0", clock.now_ms()),
            uplink,
            clock,
            store,
            faults=faults,
            wake=wakes.reporter,
            sounding=lambda: player.sounding,
        )
        watch = Watch(clock, store, inbox=inbox, faults=faults, keeper=keeper)
        running = self._on = Running(store, inbox, keeper, faults, fetcher, reporter, speaker, uplink, database)
        self.sabotage(running)
        services = {"watch": watch.run(), "player": player.run(), "fetcher": fetcher.run(), "reporter": reporter.run()}
        running.tasks = [asyncio.create_task(service, name=name) for name, service in services.items()]

    async def power_cut(self) -> None:
        """Nothing is finished and nothing is said: the tasks stop where they wait."""
        running, self._on = self.on, None
        self._note_amplifier()
        self.switched.append((self._now_ms(), False))
        running.uplink.connected = False
        for task in running.tasks:
            task.cancel()
        await asyncio.gather(*running.tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            running.database.close()

    def connect(self) -> None:
        """The broker is there again: the box greets."""
        if self._on is not None and self.link_up and not self._on.uplink.connected:
            self._on.uplink.connected = True
            self._on.reporter.connected()

    def disconnect(self) -> None:
        if self._on is not None:
            self._on.uplink.connected = False

    def jump(self, by_ms: int) -> None:
        self.skew_ms += by_ms
        self.clock.jump(by_ms)

    @property
    def audible(self) -> bool:
        return self._on is not None and bool(self._on.speaker.sounding)

    @property
    def amplifier_on(self) -> bool:
        return self._on is not None and self._amplifier is not None and self._amplifier.on

    def has_fault(self, code: FaultCode) -> bool:
        return self._on is not None and code in self._on.faults.active()

    def _heard(self, heard: Heard) -> None:
        """Told when a track is over; where the clock was set only its length and its end can be trusted."""
        end = self._now_ms()
        length = heard.ended_ms - heard.first_sample_ms
        self.sounded.append(
            Sounded(self.name, heard.cause, heard.play, end - length, end, self.clock.now_ms() - length)
        )

    def _note_amplifier(self) -> None:
        assert self._amplifier is not None
        ahead = self.clock.now_ms() - self._now_ms()
        self.switched += [(at_ms - ahead, on) for at_ms, on in self._amplifier.switched]
        self._amplifier.switched.clear()

    def settle(self) -> None:
        """Write down what the amplifier did so far."""
        if self._on is not None:
            self._note_amplifier()
