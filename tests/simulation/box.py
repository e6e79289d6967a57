"""A simulated box: the agent's real services, store and player; its clock, speaker, amplifier and link are fakes.

A power cut ends every task where it stands and closes the database without a word; what lies in the folder is what the
next boot finds.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from agent.drivers.amplifier import FakeAmplifier
from agent.drivers.audio.fake import FakeSounding, FakeSpeaker
from agent.drivers.clock import FakeClock
from agent.errors import LinkError
from agent.link.fake import FakeOffice
from agent.ports.live import LiveLine
from agent.ports.sound import SoundError, Track, sound_label
from agent.ports.store import OrderBook, Store
from agent.services.faults import Faults
from agent.services.fetcher import Fetcher
from agent.services.inbox import Identity, Inbox
from agent.services.keeper import Keeper
from agent.services.live import Live
from agent.services.player import Player
from agent.services.progress import Progress
from agent.services.recordings import Recordings
from agent.services.reporter import Reporter, Sender
from agent.services.wake import Wakes
from agent.services.watch import Watch
from agent.store import trust_file
from agent.store.blobs import BlobShelf
from agent.store.database import Database
from agent.store.memory import Memory
from agent.store.orders import Orders
from agent.store.outbox import Outgoing
from agent.store.plays import Plays
from agent.store.sessions import Sessions
from protocol.gate import Accept
from protocol.ids import box_id
from protocol.report import ClockQuality, FaultCode, Grade, Stage
from protocol.signing import Family
from tests.simulation.disk import Disk, Event, Loss, Meter, connected
from tests.simulation.people import DOMAIN
from tests.simulation.voices import Frames
from tests.support.small_controller import key

LEAD_IN_MS: Final = 1_500
RECORDINGS: Final = Recordings()
STILL: Final = 1 << 60
"""The end of what has not ended."""


@dataclass
class Sounded:
    """What a person beside the horn heard, on a clock that is right; there from the first sample on."""

    box: str
    cause: str
    play: str
    sources: tuple[str, ...]
    from_ms: int
    wall_from_ms: int
    """By the box's own clock."""
    to_ms: int = STILL


@dataclass
class Parts:
    """What a box is made of. A test of the referee puts a broken part in place of one of these, before the boot."""

    inbox: Callable[..., Inbox] = Inbox
    player: Callable[..., Player] = Player
    reporter: Callable[..., Reporter] = Reporter
    book: Callable[[Database], Orders] = Orders
    plays: Callable[..., Plays] = Plays
    outbox: Callable[[Database, str], Outgoing] = Outgoing
    faults: Callable[..., Faults] = Faults
    keeper: Callable[..., Keeper] = Keeper
    fetcher: Callable[..., Fetcher] = Fetcher
    live: Callable[..., Live] = Live
    database: Callable[[Database], Database] = lambda database: database
    speaker: Callable[[Any], Any] = lambda speaker: speaker
    """Around the speaker: what the player is given."""
    amplifier: Callable[[Any], Any] = lambda amplifier: amplifier


class _Book:
    """An order book that says what it is about to accept, and when it has."""

    def __init__(self, book: Orders, tell: Callable[[bytes], None], kept: Callable[[], None]) -> None:
        self._book = book
        self._tell = tell
        self._kept = kept

    def accept(self, raw: bytes, verdict: Accept, at_ms: int, tape_ms: int) -> None:
        self._tell(raw)
        self._book.accept(raw, verdict, at_ms, tape_ms)
        self._kept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)


class _Uplink:
    """The port `Uplink` on the simulated broker."""

    def __init__(self, publish: Callable[[str, bytes], None]) -> None:
        self._publish = publish
        self.connected = False
        self.silent_ms: int | None = 0

    async def publish(self, kind: str, payload: bytes, *, certain: bool) -> None:
        del certain  # the simulated line loses nothing while it is up
        if not self.connected:
            raise LinkError("no connection to the broker")
        self._publish(kind, payload)


class _Speaker(FakeSpeaker):
    """Tells of every first sample, and of the end."""

    def __init__(self, clock: FakeClock, tell: Callable[[Track], Sounded], now_ms: Callable[[], int]) -> None:
        super().__init__(clock)
        self._tell = tell
        self._true_ms = now_ms
        self._watches: set[asyncio.Task[None]] = set()
        self.plugged_in = True

    def unplug(self) -> None:
        self.plugged_in = False
        super().unplug()

    def plug_in(self) -> None:
        self.plugged_in = True
        super().plug_in()

    async def start(self, track: Track) -> FakeSounding:
        sounding = await super().start(track)
        watch = asyncio.create_task(self._listen(track, sounding))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)
        return sounding

    async def _listen(self, track: Track, sounding: FakeSounding) -> None:
        with contextlib.suppress(SoundError):  # it was unplugged: that is an end too
            if await sounding.started() is None:
                return
            row = self._tell(track)
            try:
                await sounding.ended()
            finally:
                row.to_ms = min(row.to_ms, self._true_ms())

    def fall_silent(self) -> None:
        """There is no power."""
        for sounding in self._tracks:
            sounding.abandon()


class _Amplifier(FakeAmplifier):
    """Remembers by true time."""

    def __init__(self, clock: FakeClock, note: Callable[[bool], None]) -> None:
        super().__init__(clock)
        self._note = note

    async def power(self, on: bool) -> None:
        if on != self.on:
            self._note(on)
        await super().power(on)


@dataclass
class Running:
    """What exists while the box has power."""

    store: Store
    inbox: Inbox
    keeper: Keeper
    faults: Faults
    fetcher: Fetcher
    reporter: Reporter
    player: Player
    speaker: _Speaker
    amplifier: _Amplifier
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
        publish: Callable[[str, str, bytes], None],
        line: LiveLine,
    ) -> None:
        """`line` is the way on which groups of live voice come."""
        self._line = line
        self.name = name
        self.units = units
        self.signer = key(name)
        self.id = box_id(self.signer.public_key)
        self.office = FakeOffice(self.id)
        self.parts = Parts()
        self.sounded: list[Sounded] = []
        self.switched: list[tuple[int, bool]] = []
        """(true instant, on) of the amplifier."""
        self.ended: dict[bytes, tuple[Stage, int]] = {}
        """Orders whose end is on the disk, and the true instant of it."""
        self.meter = Meter(now_ms)
        """What is written to the disk."""
        self.watched_by: Disk | None = None
        """Another disk that remembers every call."""
        self.skew_ms = 0
        self.jumped_ms: list[int] = [0]
        """When its clock was set, true time."""
        self.quality = ClockQuality.NTP
        self.link_up = True
        self.plugged_in = True
        self.on_accept: Callable[[bytes], None] = lambda _: None
        """Told of every order before it is written down."""
        self.on_sound: Callable[[Sounded], None] = lambda _: None
        """Told of every first sample."""
        self.half: bytes | None = None
        """An order that was being written down when the power went: the disk has it or has it not."""
        self._dead: tuple[Running, Path] | None = None
        """Of the life that has just ended, what is left to be taken away."""
        self._folder = folder
        self._life = 0
        self._now_ms = now_ms
        self._publish = publish
        self._on: Running | None = None
        self._clock: FakeClock | None = None

    def note(self, event: Event) -> None:
        """What SQLite does to its files."""
        self.meter.note(event)
        if self.watched_by is not None:
            self.watched_by.note(event)

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

    @property
    def folder(self) -> Path:
        """The disk of this life."""
        return self._folder / f"life-{self._life}"

    def boot(self) -> None:
        """Power comes: everything is built from what lies in the folder."""
        clock = self._clock = FakeClock(self._now_ms() + self.skew_ms, self.quality)
        parts, wakes = self.parts, Wakes()
        database = parts.database(Database(self.folder, lambda path: connected(path, self), self._write_trust))
        memory = Memory(database)
        clock.raise_floor(memory.floor_ms())
        store = Store(
            trust=memory,
            desired=memory,
            book=cast("OrderBook", _Book(parts.book(database), self._accepting, self._accepted)),
            outbox=parts.outbox(database, self.id),
            shelf=BlobShelf(database, self.folder / "blobs"),
            journal=parts.plays(database, clock.now_ms, wakes.reporter.set),
        )
        faults = parts.faults(store.outbox, clock, wakes.reporter)
        keeper = parts.keeper(clock, store)
        inbox = parts.inbox(
            Identity(self.id), clock, store, recordings=RECORDINGS, keeper=keeper, faults=faults, wakes=wakes
        )
        uplink = _Uplink(lambda kind, payload: self._publish(self.name, kind, payload))
        fetcher = parts.fetcher(self.office, clock, store, keeper=keeper, faults=faults, wakes=wakes, draw=lambda: 0.5)
        speaker = _Speaker(clock, self._heard, self._now_ms)
        if not self.plugged_in:
            speaker.unplug()
        amplifier = _Amplifier(clock, lambda on: self.switched.append((self._now_ms(), on)))
        player = parts.player(
            clock=clock,
            speaker=parts.speaker(speaker),
            amplifier=parts.amplifier(amplifier),
            journal=store.journal,
            shelf=store.shelf.path,
            recordings=RECORDINGS,
            holdings=keeper.holdings,
            changed=keeper.changed,
            on_order=self._noting(Progress(store.book, faults, wakes.reporter), store),
            on_fault=faults.note,
            on_damaged=fetcher.damaged,
            on_doing=wakes.reporter.set,
            lead_in_ms=LEAD_IN_MS,
        )
        reporter = parts.reporter(
            Sender(self.id, lambda: DOMAIN, self.signer, "0.1.0", clock.now_ms()),
            uplink,
            clock,
            store,
            faults=faults,
            wake=wakes.reporter,
            sounding=lambda: player.sounding,
        )
        live = parts.live(
            self.id,
            clock,
            store,
            sessions=Sessions(database),
            keeper=keeper,
            faults=faults,
            ask_for_roots=partial(inbox.ask_for_newer_roots, is_signed=False),
            line=self._line,
            decoder=Frames,
            inlet=speaker.frames,
        )
        inbox.hand_on(Family.LIVE, live.take)
        watch = Watch(clock, store, inbox=inbox, faults=faults, keeper=keeper)
        running = self._on = Running(
            store, inbox, keeper, faults, fetcher, reporter, player, speaker, amplifier, uplink, database
        )
        services = {
            "watch": watch.run(),
            "player": player.run(),
            "fetcher": fetcher.run(),
            "reporter": reporter.run(),
            "live": live.run(),
        }
        running.tasks = [asyncio.create_task(service, name=name) for name, service in services.items()]

    async def power_cut(self) -> None:
        """Nothing is finished and nothing is said. What the dying daemon still writes goes to a disk that is gone."""
        if self._on is not None:
            self._die(None)
        await self._bury()

    async def power_cut_while_it_writes(self, seed: int, aside: Path, within_s: float) -> None:
        """The power goes at one of the next calls that its disk hears, and what was not synced may be lost, torn or
        out of order; where the disk hears too few of them within this time, at its end."""
        random = Random(seed)
        calls, loss = random.choice((1, 2, 3, 5, 8, 13, 21, 34, 55, 89)), random.choice(tuple(Loss))
        cut = asyncio.Event()

        def heard() -> None:
            if len(disk.events) == calls and self._on is not None:
                self._die(disk.left_at(calls, loss, random))
                cut.set()

        shutil.rmtree(aside, ignore_errors=True)
        disk = self.watched_by = Disk(self.folder, aside, heard)
        with disk.recording(), contextlib.suppress(TimeoutError):
            await asyncio.wait_for(cut.wait(), within_s)
        if self._on is not None:
            self._die(disk.left_at(len(disk.events), loss, random))
        self.watched_by = None
        await self._bury()

    def _die(self, files: dict[str, bytes] | None) -> None:
        """At this instant, perhaps in the middle of a call; `files` are what the cut leaves of those in the folder."""
        running, old = self.on, self.folder
        self._life += 1
        shutil.copytree(old, self.folder, ignore=shutil.ignore_patterns("*-shm"))
        if files is not None:
            for path in [path for path in self.folder.iterdir() if path.is_file()]:
                path.unlink()
            for name, data in files.items():
                (self.folder / name).write_bytes(data)
        self._on, self._dead = None, (running, old)
        for row in self.sounded:
            row.to_ms = min(row.to_ms, self._now_ms())
        if running.amplifier.on:
            self.switched.append((self._now_ms(), False))
        running.amplifier.on = False
        running.uplink.connected = False
        running.speaker.fall_silent()
        for task in running.tasks:
            task.cancel()

    async def _bury(self) -> None:
        assert self._dead is not None
        (running, old), self._dead = self._dead, None
        await asyncio.gather(*running.tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            running.database.close()
        shutil.rmtree(old)

    def connect(self) -> None:
        """The broker is there again: the box greets."""
        if self._on is not None and self.link_up and not self._on.uplink.connected:
            self._on.uplink.connected = True
            self._on.reporter.connected()

    def disconnect(self) -> None:
        if self._on is not None:
            self._on.uplink.connected = False

    @property
    def connected(self) -> bool:
        return self._on is not None and self._on.uplink.connected

    def jump(self, by_ms: int) -> None:
        self.skew_ms += by_ms
        self.jumped_ms.append(self._now_ms())
        self.clock.jump(by_ms)

    def plug(self, *, in_: bool) -> None:
        """The sound device goes, or comes back."""
        self.plugged_in = in_
        if self._on is not None:
            (self._on.speaker.plug_in if in_ else self._on.speaker.unplug)()

    @property
    def audible(self) -> bool:
        return self._on is not None and bool(self._on.speaker.sounding)

    @property
    def amplifier_on(self) -> bool:
        return self._on is not None and self._on.amplifier.on

    @property
    def clock_is_right(self) -> bool:
        """Whether the box knows the true time, and knows that it does."""
        if self._on is None:
            return False
        reading, now = self.clock.reading(), self._now_ms()
        near = max(abs(reading.hi_ms - now), abs(self.clock.now_ms() - now)) <= 1_000
        return reading.quality >= ClockQuality.RTC and near

    def has_fault(self, code: FaultCode) -> bool:
        return self._on is not None and code in self._on.faults.active()

    def _heard(self, track: Track) -> Sounded:
        sources = tuple(sound_label(sound) for sound in track.sources)
        row = Sounded(self.name, track.cause, track.name, sources, self._now_ms(), self.clock.now_ms())
        if self._on is not None:
            self.sounded.append(row)
            self.on_sound(row)
            self._mark("sounds")
        return row

    def _accepting(self, raw: bytes) -> None:
        if self._on is not None:
            self.half = raw
            self.on_accept(raw)

    def _accepted(self) -> None:
        if self._on is not None:
            self.half = None

    def _noting(self, progress: Progress, store: Store) -> Callable[[str, Stage, int, int | None, Grade], None]:
        """Remembers when the end of an order came to be on the disk."""

        def note(order: str, stage: Stage, at_ms: int, first_sample_ms: int | None, grade: Grade) -> None:
            progress.note(order, stage, at_ms, first_sample_ms, grade)
            name = bytes.fromhex(order)
            held = next((row for row in store.book.orders(0) if row.order.id == name), None)
            if self._on is not None and held is not None and held.ended_ms == at_ms:
                self.ended.setdefault(name, (held.stage, self._now_ms()))
                self._mark(held.stage.name)

        return note

    def _mark(self, what: str) -> None:
        if self.watched_by is not None:
            self.watched_by.mark(what)

    def _write_trust(self, folder: Path, kept: trust_file.Kept) -> None:
        trust_file.write(folder, kept)
        self.meter.wrote_file((folder / trust_file.FILE).stat().st_size)
