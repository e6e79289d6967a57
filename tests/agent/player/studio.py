"""A box's sounding half in virtual time: real player, planner and files; fake clock, device and amplifier."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

import numpy as np
import soundfile

from agent.core import tape
from agent.drivers.amplifier import FakeAmplifier
from agent.drivers.audio.fake import FakeSpeaker, Heard
from agent.drivers.clock import FakeClock
from agent.errors import StoreError
from agent.ports.clock import Clock
from agent.ports.journal import Play, is_emergency
from agent.ports.sound import Amplifier, Speaker
from agent.services.checks import digest_of
from agent.services.player import Player
from agent.services.proof import Ears
from agent.services.recordings import Recordings
from agent.services.stumbles import STUMBLED
from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.ids import sha256
from protocol.manifest import Assignment, Entry, Kind, Manifest, Policy, Station
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.quantities import DAY_MS
from protocol.report import ClockQuality, FaultCode, Grade, Result, Stage
from protocol.roles import Role
from protocol.timeline import HeldOrder, Holdings, Lock, Voice

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LEAD_IN_MS = 1_500
RECORDINGS = Recordings()


def at(clock: str, day: str = "2026-11-24") -> int:
    """The instant of this wall time in Vietnam, in milliseconds."""
    return round(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE).timestamp() * 1000)


@dataclass(frozen=True)
class Row:
    """One row of the play log, as it was closed."""

    play: str
    started_ms: int | None
    ended_ms: int | None
    result: Result
    detail: str
    intended_ms: int
    final: bool
    sound: str
    grade: Grade = Grade.NONE


@dataclass
class MemoryJournal:
    """A PlayJournal in memory, with a disk that the test can fill."""

    rows: list[Row] = field(default_factory=list)
    opened: dict[str, tuple[Play, int | None]] = field(default_factory=dict)
    grades: list[Grade] = field(default_factory=list)
    """As the rows were closed."""
    disk_full: bool = False
    broken_at: int | None = None
    """Once, a row that ends after this instant meets an error that is no disk's."""

    def begin(self, play: Play) -> None:
        self._write()
        assert play.play not in self.opened, f"{play.play} is open already"
        self.opened[play.play] = (play, None)

    def started(self, play: str, first_sample_ms: int) -> None:
        self._write()
        self.opened[play] = (self.opened[play][0], first_sample_ms)

    def end(
        self, play: str, ended_ms: int | None, result: Result, grade: Grade, detail: str, *, final: bool = True
    ) -> None:
        self._write()
        if ended_ms is not None and self.broken_at is not None and ended_ms >= self.broken_at:
            self.broken_at = None
            raise RuntimeError("nobody foresaw this")
        row, started = self.opened.pop(play)
        self.grades.append(grade)
        assert (grade > Grade.NONE) == (ended_ms is not None)
        self.rows.append(Row(play, started, ended_ms, result, detail, row.intended_ms, final, row.sound, grade))

    def missed(self, play: Play, detail: str) -> None:
        self._write()
        if all(row.play != play.play for row in self.rows):
            self.rows.append(Row(play.play, None, None, Result.MISSED, detail, play.intended_ms, True, play.sound))

    def finished(self, since_ms: int) -> frozenset[str]:
        return frozenset(row.play for row in self.rows if row.final and (row.ended_ms or since_ms) >= since_ms)

    def heard(self, since_ms: int) -> tuple[tuple[int, int], ...]:
        return tuple(
            (row.started_ms, row.ended_ms or row.started_ms)
            for row in self.rows
            if row.started_ms is not None and not is_emergency(row.play) and (row.ended_ms or since_ms) >= since_ms
        )

    def open(self) -> Sequence[Play]:
        return [play for play, _ in self.opened.values()]

    def _write(self) -> None:
        if self.disk_full:
            raise StoreError("no space left on the device")


class Studio:
    """Enter it with a programme, let time pass, look at what was heard and what was written.

    Sounds are silent FLAC files of the length that their name says: `b30` lasts 30 seconds.
    """

    def __init__(self, folder: Path, *, wall: int, lead_in_ms: int = LEAD_IN_MS) -> None:
        self.folder = folder
        self.clock = FakeClock(wall)
        self.speaker = FakeSpeaker(self.clock)
        self.amplifier = FakeAmplifier(self.clock)
        self.journal = MemoryJournal()
        self.changed = asyncio.Event()
        self.holdings = Holdings(None, None, awake_ms=wall)
        self.stages: list[tuple[str, Stage, int]] = []
        self.first_samples: list[int | None] = []
        self.grades: list[Grade] = []
        self.faults: list[tuple[FaultCode, bool]] = []
        self.damaged: list[bytes] = []
        self.on_damaged: Callable[[bytes], None] = lambda _: None
        self._relay_broke_ms: int | None = None
        self.relay_broken_ms = 0
        """So long in all."""
        self.card_takes_ms = 0
        """For each chunk of a file."""
        self.card_chunks = 1
        """Of each file."""
        self.card_fails = False
        self.has_read: list[Path] = []
        self.asked: list[asyncio.Future[None]] = []
        """What somebody wants to hear beside the plan."""
        self.may_fail = False
        """Whether the player may meet errors that nobody foresaw; else each breaks the test."""
        self.failures: list[str] = []
        self.lead_in_ms = lead_in_ms
        self._generation = 0
        self._lengths_ms: dict[bytes, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.player = self.build()

    def build(
        self,
        clock: Clock | None = None,
        speaker: Speaker | None = None,
        ears: Ears | None = None,
        recordings: Recordings = RECORDINGS,
        amplifier: Amplifier | None = None,
    ) -> Player:
        """Another player on the same holdings; what is not named is the fake."""
        return Player(
            clock=clock or self.clock,
            speaker=speaker or self.speaker,
            amplifier=amplifier or self.amplifier,
            journal=self.journal,
            shelf=self.shelf,
            recordings=recordings,
            holdings=lambda: self.holdings,
            changed=self.changed,
            on_order=self.note_order,
            on_fault=self.note_fault,
            on_damaged=self.note_damaged,
            on_doing=lambda: None,
            lead_in_ms=self.lead_in_ms,
            ears=ears or Ears(),
            digest=self.read,
        )

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.stop()

    def start(self) -> None:
        self._tasks.append(asyncio.ensure_future(self.player.run()))

    async def stop(self) -> None:
        """The daemon is ended in order; a player that broke breaks the test here."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        assert self.may_fail or self.failures == []

    async def read(self, path: Path, on_chunk: Callable[[], None]) -> bytes | None:
        """The box's card gives a file, chunk by chunk."""
        self.has_read.append(path)
        for _ in range(self.card_chunks if self.card_takes_ms else 0):
            await self.clock.sleep_ms(self.card_takes_ms)
            on_chunk()
        if self.card_fails:
            return None
        return digest_of(path)

    async def until(self, instant_ms: int) -> None:
        """Let time pass until the wall clock shows this."""
        await self.pass_ms(instant_ms - self.clock.now_ms())

    def note_fault(self, code: FaultCode, raised: bool, detail: str) -> None:
        self.faults.append((code, raised))
        if detail.startswith(STUMBLED):
            self.failures.append(detail)

    def note_damaged(self, sound: bytes) -> None:
        self.damaged.append(sound)
        self.on_damaged(sound)

    async def pass_ms(self, duration_ms: int) -> None:
        """Let so much time pass, whatever the wall clock shows."""
        await self.clock.sleep_ms(duration_ms)
        for task in self._tasks:
            if task.done():
                task.result()
        assert self.may_fail or self.failures == []

    def shelf(self, sound: bytes) -> Path | None:
        path = self.folder / sound.hex()
        return path if path.exists() else None

    def blob(self, bulletin: str) -> Blob:
        """The sound of a bulletin that is called after its length in seconds; made when it is missing."""
        seconds = float(bulletin.split("-", maxsplit=1)[0].removeprefix("b"))
        samples = np.zeros(round(seconds * 48_000), np.int16)
        samples[: len(bulletin)] = [ord(letter) for letter in bulletin]
        path = self.folder / f"{bulletin}.flac"
        if not path.exists():
            soundfile.write(path, samples, 48_000)
            data = path.read_bytes()
            (self.folder / sha256(data).hex()).write_bytes(data)
        data = path.read_bytes()
        self._lengths_ms[sha256(data)] = round(seconds * 1000)
        return Blob(sha256(data), len(data), round(seconds * 1000))

    def adopt(self, *entries: Entry, policies: tuple[Policy, ...] = (), extra: tuple[str, ...] = ()) -> None:
        """A programme comes into force."""
        names = dict.fromkeys([name for entry in entries for name in entry.playlist] + list(extra))
        blobs = {name: self.blob(name) for name in names}
        manifest = Manifest(
            zone="Asia/Ho_Chi_Minh",
            policies=policies,
            entries=entries,
            bulletins=tuple(Bulletin(name, name, "vi", blob.hash) for name, blob in blobs.items()),
            blobs=tuple(blobs.values()),
            stations=(Station("vov1", "VOV1", "https://radio.example/vov1"),),
        )
        self._generation += 1
        now = self.clock.now_ms()
        assignment = Assignment(
            box="aaaaaaaaaaaaaaaa",
            generation=self._generation,
            manifest=sha256(b"manifest"),
            manifest_size=1,
            units=("77", "77-1", "77-1-2"),
            issued=(now - DAY_MS) // 1000,
            valid_until=(now + 60 * DAY_MS) // 1000,
        )
        self.change(
            manifest=manifest, assignment=assignment, awake_ms=now, finished=self.journal.finished(now - 2 * DAY_MS)
        )

    def change(self, **fields: object) -> None:
        self.holdings = replace(self.holdings, **fields)  # type: ignore[arg-type]
        self.changed.set()

    def accept(self, order: Order, level: int = 0) -> str:
        """An order passed the gate. Its id in hex."""
        lengths = RECORDINGS.lengths_ms
        length = tape.length_ms(tape.of_order(order), lengths, self._length_of)
        held = HeldOrder(order, self.clock.now_ms(), level, length)
        self.change(orders=(*self.holdings.orders, held))
        return order.id.hex()

    def _length_of(self, piece: tape.Piece) -> int:
        return self._lengths_ms.get(piece, 10_000) if isinstance(piece, bytes) else 10_000

    def cancel(self, order_hex: str) -> None:
        """A cancel of this order passed the gate."""
        now = self.clock.now_ms()
        self.change(
            orders=tuple(
                replace(held, ended_ms=now) if held.order.id.hex() == order_hex else held
                for held in self.holdings.orders
            )
        )

    def lock(self) -> None:
        self.change(locks=(Lock(self.clock.now_ms(), None, "Tuấn works on the pole"),))

    def unlock(self) -> None:
        now = self.clock.now_ms()
        self.change(locks=tuple(replace(lock, until_ms=now) for lock in self.holdings.locks))

    def break_relay(self) -> None:
        """The relay of the amplifier stays as it is, whatever it is told."""
        self.amplifier.is_broken = True
        self._relay_broke_ms = self.clock.boot_ms() if self._relay_broke_ms is None else self._relay_broke_ms

    def lose_relay(self) -> None:
        """The relay of the amplifier does not answer, and falls off when it is told something."""
        self.break_relay()
        self.amplifier.lets_go = True

    def mend_relay(self) -> None:
        self.amplifier.is_broken = self.amplifier.lets_go = False
        if self._relay_broke_ms is not None:
            self.relay_broken_ms += self.clock.boot_ms() - self._relay_broke_ms
            self._relay_broke_ms = None

    def note_order(self, order: str, stage: Stage, at_ms: int, first_sample_ms: int | None, grade: Grade) -> None:
        assert (grade > Grade.NONE) == (first_sample_ms is not None)
        self.stages.append((order, stage, at_ms))
        self.first_samples.append(first_sample_ms)
        self.grades.append(grade)

    def speak(self, voice: Voice) -> None:
        """Somebody speaks."""
        self.change(voices=(*self.holdings.voices, voice))

    def fall_silent(self) -> None:
        self.change(voices=())

    def heard(self) -> list[Heard]:
        return self.speaker.heard

    def results(self) -> list[tuple[str, Result]]:
        return [(row.play, row.result) for row in self.journal.rows]

    @property
    def heard_without_power(self) -> list[Heard]:
        """What sounded while the relay of the amplifier was off, if only for a moment."""
        switched = [*self.amplifier.switched, (self.clock.now_ms(), False)]
        powered = [(on_ms, off_ms) for (on_ms, on), (off_ms, _) in pairwise(switched) if on]
        return [
            sound
            for sound in self.speaker.heard
            if not any(on <= sound.first_sample_ms and sound.ended_ms <= off for on, off in powered)
        ]

    @property
    def silent_while_powered_ms(self) -> int:
        """The longest time for which the amplifier was on while nothing sounded."""
        longest = 0
        switched = [*self.amplifier.switched]
        if self.amplifier.on:
            switched.append((self.clock.now_ms(), False))
        for (on_ms, _), (off_ms, _) in zip(switched[::2], switched[1::2], strict=True):
            edges = [on_ms]
            for heard in sorted(self.speaker.heard, key=lambda heard: heard.first_sample_ms):
                if on_ms <= heard.first_sample_ms <= off_ms:
                    longest = max(longest, heard.first_sample_ms - edges[-1])
                    edges.append(heard.ended_ms)
            longest = max(longest, off_ms - edges[-1])
        return longest


def entry(
    name: str,
    clock: str,
    *playlist: str,
    klass: BulletinClass = BulletinClass.ORDINARY,
    kind: Kind = Kind.PROGRAMME,
    length_s: int = 0,
    station: str | None = None,
    pause_ms: int = 0,
    window_s: int = 300,
    repeats: int = 1,
) -> Entry:
    """One start on 24 November 2026."""
    return Entry(
        id=name,
        kind=kind,
        klass=klass,
        first=f"2026-11-24T{clock}",
        playlist=playlist,
        length_s=length_s,
        station=station,
        pause_ms=pause_ms,
        window_s=window_s,
        repeats=repeats,
    )


def order(
    number: int,
    studio: Studio,
    *,
    message: int | bytes = 1,
    repeats: int = 1,
    gap_s: int = 5,
    chime: int = 1,
    status: Status = Status.ACTUAL,
    severity: Severity = Severity.SEVERE,
    lifetime_s: int = 3600,
    kind: MessageType = MessageType.ALERT,
    references: tuple[bytes, ...] = (),
    event: str = "flood",
    board: str = "",
) -> Order:
    """What Minh and Hoa sign now."""
    now = studio.clock.now_ms() // 1000
    return Order(
        id=bytes([number] * 16),
        province="77",
        environment="test",
        role=Role.EMERGENCY,
        epoch=1,
        sequence=number,
        issued=now,
        not_before=now,
        expires=now + lifetime_s,
        status=status,
        type=kind,
        severity=severity,
        event=event,
        area=("77",),
        sound=Sound(message, chime=chime, repeats=repeats, gap_s=gap_s),
        references=references,
        board=board,
    )


__all__ = ["ClockQuality", "Studio", "at", "entry", "order"]
