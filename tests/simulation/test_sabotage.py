"""The referee sees what it is there to see: for each invariant a part of the box is broken, and it must be named.

What is broken is a part, put in through the box's ports: an inbox that believes everybody, a book that forgets, a clock
that does not notice, a horn that mixes. Nobody fakes what the referee looks at.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from agent.ports.clock import Clock
from agent.ports.sound import Amplifier, Mixed, Sounded, Sounding, Speaker, Track
from agent.services.faults import Faults
from agent.services.fetcher import Fetcher
from agent.services.inbox import Inbox
from agent.services.keeper import Keeper, _Programme
from agent.services.live import Live
from agent.services.player import Player
from agent.services.recordings import Recordings
from agent.services.reporter import Reporter
from agent.store.database import Database, put_state
from agent.store.orders import ENDED, Orders
from agent.store.outbox import Outgoing
from agent.store.plays import Plays
from protocol.approval import QuietException
from protocol.clock import ClockReading
from protocol.codec import decode
from protocol.delegation import Delegation
from protocol.gate import Accept
from protocol.live import Admitted, LiveSession
from protocol.manifest import Assignment, Manifest
from protocol.order import MessageType, Order, Sound
from protocol.policy import Stretch
from protocol.replay import ReplayWindow
from protocol.report import ClockQuality, FaultCode, Grade, Receipt, Stage
from protocol.roles import Roots
from protocol.signing import Family, open1, open_signed
from protocol.timeline import Holdings
from protocol.trust import Trust
from tests.simulation.people import COMMUNE_A, DOMAIN, EPOCH_S
from tests.simulation.referee import ViolationError
from tests.simulation.thefts import Appoint, ForgeRoots, Night, Rotate, StealSchedule, TwoControllers
from tests.simulation.world import (
    Broker,
    Evening,
    Forge,
    Give,
    Jump,
    PowerCut,
    Schedule,
    Speak,
    Step,
    Unplug,
    Wait,
    World,
    _wall,
    run,
)

FLOOD = Give("flood")
LONG = Give("flood", changes=(("expires", EPOCH_S + 60), ("sound", Sound(1, chime=0, repeats=20, gap_s=0))))
AGAIN = PowerCut("a1")
TORN = 6
"""A cut ten seconds later, after which nothing is there that was not synced."""


def spoilt(number: str, parts: dict[str, Any]) -> Callable[[World], None]:
    """Parts are exchanged; only this invariant is asked, so that no other one is quicker."""

    def setup(world: World) -> None:
        world.referee.only = (number,)
        box = world.boxes["a1"]
        box.parts = replace(box.parts, **parts)

    return setup


# --- the way in


class Gullible(Inbox):
    """Believes every order."""

    def _take_order(self, raw: bytes) -> None:
        order = decode(open_signed(raw, Family.ORDER, DOMAIN).payload, Order)
        self._accept(raw, Accept(order, order.id, (), 0, b"anybody" + bytes(25)))


class Credulous(Inbox):
    """Believes every list of signers, and every list of people."""

    def _take_roots(self, raw: bytes) -> None:
        payload = open_signed(raw, Family.ROOTS, DOMAIN).payload
        self._keep_roots(raw, decode(payload, Roots, max_bytes=len(payload)))

    def _take_delegation(self, raw: bytes) -> None:
        payload = open_signed(raw, Family.DELEGATION, DOMAIN).payload
        self._trust.keep_delegation(raw, decode(payload, Delegation, max_bytes=len(payload)))


class Unforgetting(Inbox):
    """Takes no new roots."""

    def _take_roots(self, raw: bytes) -> None:
        pass


class Deaf(Inbox):
    """Hears no order."""

    def _take_order(self, raw: bytes) -> None:
        pass


class Hospitable(Live):
    """Lets everybody speak."""

    def take(self, raw: bytes) -> None:
        session = decode(open_signed(raw, Family.LIVE, DOMAIN).payload, LiveSession)
        self._admitted.put_nowait((Admitted(session, (), 0), DOMAIN))


# --- the programme


class Trusting(Fetcher):
    """Asks nobody whether a programme was approved, or who signed it."""

    def _verified(self, wanted: Assignment, trust: Trust) -> Manifest | None:
        raw = self._read(wanted.manifest)
        return None if raw is None else _manifest_in(raw)


class Unjudging(Keeper):
    """Lets everything of a programme sound that is in it."""

    def _judged(self) -> _Programme:
        programme, force = super()._judged(), self._desired.in_force()
        return programme if force is None else replace(programme, manifest=force.manifest)


class Wakeful(Keeper):
    """Passes quiet hours whenever anybody asks for it."""

    def _judged(self) -> _Programme:
        programme, force = super()._judged(), self._desired.in_force()
        manifest = None if force is None else force.manifest
        asked = () if manifest is None else manifest.exceptions
        records = [decode(open_signed(raw, Family.EXCEPTION, DOMAIN).payload, QuietException) for raw in asked]
        return replace(programme, exceptions=tuple(Stretch(row.start * 1000, row.end * 1000) for row in records))


def _manifest_in(raw: bytes) -> Manifest:
    payload = open1(raw, Family.MANIFEST, DOMAIN, max_bytes=len(raw)).payload
    return decode(payload, Manifest, max_bytes=len(raw))


# --- the store


def hasty(database: Database) -> Database:
    """Does not wait until it is on the disk."""
    database.rows("PRAGMA synchronous = OFF")
    return database


class Forgetful(Orders):
    """Says how an order ended, and does not write it down."""

    def progress(self, order: bytes, stage: Stage, at_ms: int, first_sample_ms: int | None, grade: Grade) -> bool:
        return True if stage in ENDED else super().progress(order, stage, at_ms, first_sample_ms, grade)


class Rewinding(Orders):
    """Knows after a start no more what it had done."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._held = {name: replace(row, stage=Stage.ACCEPTED, ended_ms=None) for name, row in self._held.items()}


class WithoutWindows(Orders):
    """Knows after a start no more whose numbers were used."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._windows = dict.fromkeys(self._windows, ReplayWindow())


class Losing(Orders):
    """Loses what it had accepted."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._held.clear()


class BlankLog(Plays):
    """Nothing was ever heard."""

    def finished(self, since_ms: int) -> frozenset[str]:
        return frozenset()


class Restless(Outgoing):
    """Writes whenever it is asked."""

    def log_seq(self) -> int:
        self._write()
        return super().log_seq()

    def acked_seq(self) -> int:
        self._write()
        return super().acked_seq()

    def _write(self) -> None:
        with self._database.change() as connection:
            put_state(connection, "restless", secrets.token_bytes(8))


class Unsent(Outgoing):
    """Has nothing to tell."""

    def receipts(self) -> list[Receipt]:
        return []


# --- the player, and what it is told

Holder = Callable[[], Holdings]


def player_with(change: Callable[[Holdings], Holdings]) -> Callable[..., Player]:
    """A player that is told something else than the truth."""

    def make(*, holdings: Holder, **others: Any) -> Player:
        known: dict[int, tuple[Holdings, Holdings]] = {}

        def changed() -> Holdings:
            true = holdings()
            if id(true) not in known:
                known[id(true)] = true, change(true)
            return known[id(true)][1]

        return Player(holdings=changed, **others)

    return make


def _orders(holdings: Holdings, change: Callable[[Any], Any]) -> Holdings:
    return replace(holdings, orders=tuple(map(change, holdings.orders)))


def living_longer(holdings: Holdings) -> Holdings:
    def longer(held: Any) -> Any:
        return replace(held, order=msgspec.structs.replace(held.order, expires=held.order.expires + 3_600))

    return _orders(holdings, longer)


def never_ended(holdings: Holdings) -> Holdings:
    return replace(_orders(holdings, lambda held: replace(held, ended_ms=None)), locks=())


def without_orders(holdings: Holdings) -> Holdings:
    return replace(holdings, orders=())


def _manifest(holdings: Holdings, **changes: Any) -> Holdings:
    if holdings.manifest is None:
        return holdings
    return replace(holdings, manifest=msgspec.structs.replace(holdings.manifest, **changes))


def without_rules(holdings: Holdings) -> Holdings:
    return replace(_manifest(holdings, policies=()), bounds=())


def another_hour(holdings: Holdings) -> Holdings:
    entries = holdings.manifest.entries if holdings.manifest is not None else ()
    early = _wall(EPOCH_S + 120)
    return _manifest(holdings, entries=tuple(msgspec.structs.replace(entry, first=early) for entry in entries))


class Swapped(Recordings):
    """One message under every number."""

    def path(self, piece: str) -> Path:
        return super().path("2" if piece.isdecimal() else piece)


class Unaware:
    """A clock that does not notice when it is set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart_ms = clock.now_ms() - clock.boot_ms()

    def now_ms(self) -> int:
        return self.boot_ms() + self._apart_ms

    def boot_ms(self) -> int:
        return self._clock.boot_ms()

    def reading(self) -> ClockReading:
        return ClockReading(self.now_ms(), self.now_ms(), ClockQuality.NTP)

    async def sleep_ms(self, duration_ms: int) -> None:
        await self._clock.sleep_ms(duration_ms)


def player_of(**broken: Any) -> Callable[..., Player]:
    """A player that is given broken parts; each is made of the good one."""

    def make(**parts: Any) -> Player:
        return Player(**parts | {name: part(parts[name]) for name, part in broken.items()})

    return make


class Dying(Player):
    async def run(self) -> NoReturn:
        raise RuntimeError("nobody foresaw this")


# --- what sounds


class Mixing:
    """A horn that waits for nobody."""

    trouble = ""

    def __init__(self, speaker: Any) -> None:
        self._speaker = speaker

    async def start(self, track: Track) -> Sounding:
        self._speaker._tracks = []
        sounding: Sounding = await self._speaker.start(track)
        sounding.stop = lambda fade_ms: None  # type: ignore[method-assign]
        return sounding


class Eager:
    """A horn that does not ask whether it is too late."""

    trouble = ""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    async def start(self, track: Track) -> Sounding:
        return await self._speaker.start(replace(track, latest_ms=None))


class Echoing:
    """A horn whose buffer comes round again."""

    trouble = ""

    def __init__(self, speaker: Any) -> None:
        self._speaker = speaker

    async def start(self, track: Track) -> Sounding:
        sounding: Sounding = await self._speaker.start(track)
        await self._speaker.start(replace(track, start_ms=track.start_ms + 60_000))
        return sounding


class Mute:
    """A horn that says that it sounds."""

    trouble = ""

    def __init__(self, speaker: Any) -> None:
        self._clock = speaker._clock

    async def start(self, track: Track) -> "_Silence":
        return _Silence(self._clock, track)


class _Silence:
    def __init__(self, clock: Clock, track: Track) -> None:
        self._clock = clock
        self._track = track

    async def started(self) -> int:
        await self._clock.sleep_ms(self._track.start_ms - self._clock.now_ms())
        return self._clock.now_ms()

    async def ended(self) -> Sounded:
        await self._clock.sleep_ms(8_000)
        return Sounded(self._clock.now_ms() - 8_000, 8_000, complete=True)

    def stop(self, fade_ms: int) -> None:
        pass

    def mixed(self) -> Mixed:
        raise AssertionError("this box has no ears")

    @property
    def sentence_ms(self) -> int:
        return self._track.offset_ms


class StuckAmplifier:
    def __init__(self, amplifier: Amplifier) -> None:
        self._amplifier = amplifier

    async def power(self, on: bool) -> None:
        if on:
            await self._amplifier.power(on)


# --- what is told


class Secretive(Faults):
    """Tells nobody what is wrong."""

    def _note(self, code: FaultCode, raised: bool, detail: str) -> None:
        pass

    def active(self) -> frozenset[FaultCode]:
        return frozenset()


class Lifeless(Reporter):
    """Says hello and nothing more."""

    async def _send_beat(self) -> int:
        return 60_000


class Boasting(Reporter):
    """Keeps its log and its receipts to itself, and beats."""

    async def _send_log(self) -> None:
        pass


CASES: list[tuple[str, dict[str, Any], tuple[Step, ...]]] = [
    ("I1", {"inbox": Gullible}, (Forge(("thief",)), Wait(30))),
    ("I1", {"player": player_with(another_hour)}, (Schedule("news", 600), Wait(200))),
    ("I1", {"player": player_of(recordings=lambda _: Swapped())}, (FLOOD, Wait(30))),
    (
        "I1",
        {"player": player_with(never_ended)},
        (LONG, Wait(3), Give("no", ("Minh",), kind=MessageType.CANCEL, about=("flood",)), Wait(40)),
    ),
    (
        "I1",
        {"player": player_with(never_ended)},
        (LONG, Wait(3), Give("stop", ("Hoa",), kind=MessageType.STOP), Wait(40)),
    ),
    ("I2", {"player": player_with(living_longer)}, (LONG, Wait(120))),
    ("I2", {"player": player_of(clock=Unaware), "speaker": Eager}, (LONG, Wait(5), Jump("a1", 600_000), Wait(60))),
    ("I2", {"speaker": Eager}, (FLOOD, Wait(0.7), Jump("a1", 1_000_000), Wait(60))),
    ("I3", {"speaker": Echoing}, (FLOOD, Wait(120))),
    ("I3", {"book": Rewinding, "plays": BlankLog}, (FLOOD, Wait(60), AGAIN, Wait(60))),
    ("I4", {"book": WithoutWindows}, (FLOOD, Wait(60), AGAIN)),
    ("I5", {"player": player_with(without_orders)}, (FLOOD, Wait(120))),
    ("I5", {"inbox": Deaf}, (FLOOD, Wait(120))),
    ("I6", {"book": Forgetful}, (FLOOD, Wait(1_200))),
    ("I1/I6", {"book": Losing}, (FLOOD, Wait(60), AGAIN)),
    ("I1/I6", {"inbox": Gullible}, (Forge(("thief",)),)),
    ("I7", {"speaker": Mixing}, (Schedule("news", 30), Wait(40), FLOOD, Wait(30))),
    ("I8", {"outbox": Unsent}, (FLOOD, Wait(400))),
    ("I8", {"reporter": Boasting}, (FLOOD, Wait(400))),
    ("I8", {"speaker": Mute}, (FLOOD, Wait(60))),
    ("I9", {"outbox": Restless}, (Wait(10 * 3_600),)),
    ("I10", {"faults": Secretive}, (PowerCut("a1", 5, int(ClockQuality.NONE)), Wait(200))),
    ("I10", {"faults": Secretive}, (Unplug("a1"), FLOOD, Wait(200))),
    ("I10", {"faults": Secretive}, (Forge(("thief",)), Wait(200))),
    ("I10", {"reporter": Lifeless}, (Wait(300),)),
    ("I11", {"player": player_with(without_rules)}, (Wait(8.1 * 3_600), Schedule("news", 60), Wait(100))),
    ("trust", {"inbox": Credulous}, (ForgeRoots(),)),
    ("trust", {"inbox": Credulous}, (Appoint(COMMUNE_A, ("thief",), signers=("Sơn",)),)),
    ("trust", {"inbox": Unforgetting}, (Rotate(without=("Minh",)), Wait(5))),
    ("I10", {"faults": Secretive}, (ForgeRoots(), Wait(200))),
    ("I10", {"faults": Secretive}, (TwoControllers(), Wait(200))),
    ("I1", {"fetcher": Trusting, "keeper": Unjudging}, (StealSchedule("unapproved"), Wait(60))),
    ("I1", {"keeper": Unjudging}, (Schedule("news", 60), Wait(30), Rotate(without=("Hoa",)), Wait(90))),
    ("I1", {"live": Hospitable}, (Speak("thief", 1), Wait(20))),
    ("I11", {"player": player_with(without_rules)}, (Evening(), Wait(120), Speak("Lan", 1), Wait(20))),
    ("I11", {"keeper": Wakeful}, (Evening(), Night(in_s=120, signers=("Sơn",)), Wait(200))),
    ("I1/I6", {"database": hasty}, (Broker(shuffle_ms=6_000), FLOOD, PowerCut("a1", torn=TORN), Wait(5))),
    ("I12", {"amplifier": StuckAmplifier}, (FLOOD, Wait(60))),
    ("alive", {"player": Dying}, (Wait(1),)),
]


def _name(case: tuple[str, dict[str, Any], tuple[Step, ...]]) -> str:
    number, parts, script = case
    return re.sub(r"[^A-Za-z0-9_]+", "-", f"{number} {' '.join(parts)} {script[0]!r}")[:40]


@pytest.mark.parametrize(("number", "parts", "script"), CASES, ids=map(_name, CASES))
def test_a_broken_part_is_noticed(tmp_path: Path, number: str, parts: dict[str, Any], script: tuple[Step, ...]) -> None:
    with pytest.raises(ViolationError, match=rf"^{number}:"):
        run(tmp_path, script, places=("a1",), setup=spoilt(number, parts))


@pytest.mark.parametrize(("number", "parts", "script"), CASES, ids=map(_name, CASES))
def test_and_the_same_script_breaks_nothing_where_every_part_is_whole(
    tmp_path: Path, number: str, parts: dict[str, Any], script: tuple[Step, ...]
) -> None:
    del number, parts
    run(tmp_path, script, places=("a1",))


class Crashing(Inbox):
    """Raises for what it is given, which nobody awaits: it comes by a timer of the broker."""

    def take(self, raw: bytes) -> None:
        if b"flood" in raw:
            raise KeyError("flood")
        super().take(raw)


def test_a_crash_that_nobody_awaits_ends_the_run_with_its_script(tmp_path: Path) -> None:
    def setup(world: World) -> None:
        box = world.boxes["a1"]
        box.parts = replace(box.parts, inbox=Crashing)

    with pytest.raises(ViolationError, match=r"^crash: KeyError: 'flood'\nrun\(tmp_path, \[\n    Give\("):
        run(tmp_path, [FLOOD, Wait(300)], places=("a1",), setup=setup)


def test_a_failure_prints_its_script_as_python_that_fails_again(tmp_path: Path) -> None:
    setup = spoilt("I2", {"player": player_with(living_longer)})
    with pytest.raises(ViolationError) as caught:
        run(tmp_path / "first", [LONG, Wait(120)], seed=7, places=("a1",), setup=setup)
    text = str(caught.value).partition("\n")[2]
    assert text.startswith("run(tmp_path, [\n    Give(")
    assert text.endswith("], seed=7)")
