"""What must be true after every step: faults.md, I1-I12, judged by the second gate and by nothing of the agent.

For each box the referee keeps its own picture of trust, of accepted orders and of the past, from the bytes that reached
the box alone. What sounded it hears at the horn, what the box remembers it reads from its disk, and what the province
sees of it the simulated controller tells. The agent may sound what this picture allows, and must have said what it
implies.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from controller.boxes.rules import SILENT_AFTER, Level
from protocol.manifest import NO_ASSIGNMENT, PlaceInOrder
from protocol.report import ClockQuality, FaultCode, Stage, holdings_digest
from protocol.roles import Role
from tests.oracle import envelope, records, trust
from tests.oracle import judge as second_gate
from tests.oracle import live as second_judge
from tests.oracle.cbor import RefusedError
from tests.oracle.judge import OracleMe, Recent
from tests.oracle.trust import OracleTrust
from tests.simulation.box import STILL, SimBox, Sounded
from tests.simulation.controller import Known

if TYPE_CHECKING:
    from tests.simulation.world import World

MESSAGES: Final = frozenset({1, 2, 3, 4, 5, 6, 7})
ENDS: Final = (Stage.DONE, Stage.EXPIRED, Stage.CANCELLED)
SECOND_MS: Final = 1_000
TAIL_MS: Final = 3_000
FADE_MS: Final = 300
"""So long a programme may still be heard under an alarm (fault 34)."""
STOPS_MS: Final = 1_000
"""So long after its acceptance a cancel or a stop may leave what has been handed to the speaker."""
HEARD_MS: Final = 60_000
VISIBLE_MS: Final = round(SILENT_AFTER.total_seconds() * 1000)
REST_MS: Final = 100_000
WINDOW_MS: Final = 35 * 60_000
"""The window of an entry, and the longest interruption after which it goes on."""
DAILY_BYTES: Final = 20_000_000
GAP_MS: Final = 6_000
"""Between two passes of an alarm no other sounds."""
WAITS: Final = {"ROOTS_NEWER", "ROOTS_EXPIRED", "NO_TIME", "RATE"}
ONCE: Final = {FaultCode.ORDER_REFUSED, FaultCode.TRUST, FaultCode.CONFLICT}
"""What happened, and does not last."""
HOSTILE: Final = {"SIGNATURE", "THRESHOLD", "SCOPE"}
"""Refusals that no honest controller causes: somebody must be told."""


class ViolationError(AssertionError):
    """An invariant does not hold: its number, and what was seen."""


def _fail(number: str, what: str) -> None:
    raise ViolationError(f"{number}: {what}")


@dataclass(frozen=True)
class Airing:
    """One start of an entry that persons have approved."""

    planned_ms: int
    sound: str
    """Name of the file."""
    length_ms: int


@dataclass(frozen=True)
class _Before:
    """The picture's accepted orders before this one came."""

    order: bytes
    known: dict[bytes, second_gate.Known]
    used: dict[bytes, frozenset[int]]
    undone: dict[bytes, int]
    recent: tuple[Recent, ...]


Trusted = tuple[records.Roots | None, dict[str, records.Delegation]]
"""The roots, and by unit the list of its people."""


@dataclass
class Picture:
    """One box, as the referee knows it."""

    box: SimBox
    roots: records.Roots | None = None
    lists: dict[str, records.Delegation] = field(default_factory=dict)
    placed: bool = False
    known: dict[bytes, second_gate.Known] = field(default_factory=dict)
    orders: dict[bytes, records.Order] = field(default_factory=dict)
    """The accepted ones."""
    accepted_at: dict[bytes, int] = field(default_factory=dict)
    """True milliseconds."""
    undone: dict[bytes, int] = field(default_factory=dict)
    """Cancels, updates and stops that a reinstatement has ended, and when (true milliseconds)."""
    used: dict[bytes, frozenset[int]] = field(default_factory=dict)
    recent: tuple[Recent, ...] = ()
    voices: dict[bytes, records.Live] = field(default_factory=dict)
    """Sessions that the second judge has let in."""
    waiting: set[bytes] = field(default_factory=set)
    """What was refused for a reason that passes; the box may come back to it."""
    waiting_lists: dict[bytes, None] = field(default_factory=dict)
    """Lists of people that wait for newer roots, in the box's memory; the first first."""
    trusted_ms: int = 0
    """When whom it trusts last changed."""
    before: "_Before | None" = None
    """The last order that it accepted, and what the picture was before."""
    doubtful: "Trusted | None" = None
    """Whom it trusted before the message that a power cut came into."""
    unapproved: list[str] = field(default_factory=list)
    """What began to sound though nobody who is trusted had approved it."""
    marks: dict[str, object] = field(default_factory=dict)
    checked: int = 0
    """How many of the box's sounds were looked at."""
    switched: int = 0
    """How much of the amplifier's story was looked at."""
    truth: object = None
    truth_since: int = 0
    obedient_ms: int = 0
    """When its programme was last seen not to be above its controller's."""
    ailing: dict[FaultCode, int] = field(default_factory=dict)
    """What is wrong with it in truth, and since when (true milliseconds)."""
    said: dict[FaultCode, int] = field(default_factory=dict)
    """What it takes to be wrong itself."""

    @property
    def trust(self) -> OracleTrust | None:
        return None if self.roots is None else OracleTrust(self.roots, tuple(self.lists.values()))

    def silences(self, at_ms: int, name: bytes | None) -> bytes | None:
        """The accepted order because of which this one (None: the programme) may not begin at this true instant."""
        for other, order in self.orders.items():
            if self.accepted_at[other] + STOPS_MS > at_ms or self.undone.get(other, STILL) <= at_ms:
                continue
            if order.type == records.STOPPING and order.status == records.ACTUAL:
                lasts = order.until is None or at_ms < order.until * SECOND_MS
                if lasts and (name is None or self.known[name].level >= self.known[other].level):
                    return other
            ends = order.type == records.CANCELLATION or (
                order.type == records.UPDATE and order.not_before * SECOND_MS + STOPS_MS <= at_ms
            )
            if name is not None and ends and name in order.references and order.status != records.TEST:
                return other
        return None


class Referee:
    """Sees every message that reaches a box, before the box does."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.pictures: dict[str, Picture] = {}
        self.programme: dict[str, set[Airing]] = {}
        """What persons have approved, by the entry's id."""
        self.approvals: dict[bytes, None] = {}
        """Every approval that any manifest carried, honest or not: the second gate judges them."""
        self.exceptions: dict[bytes, None] = {}
        self.only: tuple[str, ...] = ()
        """For tests of the referee: the invariants to ask, so that no other one is quicker; empty for all."""
        self.asked: Counter[str] = Counter()
        """How often an invariant that needs good conditions could be asked."""
        self.sounds = 0
        self.verdicts = 0

    def watch(self, box: SimBox) -> None:
        picture = self.pictures[box.name] = Picture(box)
        box.on_accept = lambda raw: self._on_accept(picture, raw)
        box.on_sound = lambda sound: self._on_sound(picture, sound)

    def delivered(self, box: SimBox, raw: bytes, *, first: bool = False) -> Trusted:
        """These bytes reach the box now. Whom it trusted before."""
        picture = self.pictures[box.name]
        before = picture.roots, dict(picture.lists)
        if first and picture.roots is None:
            picture.roots = trust.first_roots(raw)
            return before
        if picture.roots is None:
            return before
        later = trust.next_roots(raw, picture.roots)
        if later is not None:
            picture.roots, picture.trusted_ms = later, self._now
            waiting, picture.waiting_lists = reversed(picture.waiting_lists), {}
            for each in list(waiting):
                self._delegation(picture, each)
            return before
        self._delegation(picture, raw)
        if picture.placed:
            self._order(picture, raw)
            self._voice(picture, raw)
        return before

    def _voice(self, picture: Picture, raw: bytes) -> None:
        """Somebody wants to speak: may they?"""
        said, held = _voice_in(raw), picture.trust
        if said is None or held is None:
            return
        self.verdicts += 1
        reading = picture.box.clock.reading()
        alarms = {name: known.level for name, known in picture.known.items() if self._is_in_force(picture, name)}
        me = second_judge.Me(frozenset(picture.voices), alarms, picture.box.id, picture.box.units)
        verdict = second_judge.judge(raw, held, (reading.lo_ms, reading.hi_ms, int(reading.quality)), me)
        if verdict.startswith("ACCEPT"):
            picture.voices[said.id] = said

    def _delegation(self, picture: Picture, raw: bytes) -> None:
        assert picture.roots is not None
        reading = picture.box.clock.reading()
        at_s = reading.hi_ms // SECOND_MS if reading.tells_time else None
        said = _list_in(raw)
        if said is None or said.unit not in picture.box.units:
            return
        taken = trust.delegation(raw, picture.roots, picture.lists.get(said.unit), at_s)
        if taken is not None:
            picture.lists[said.unit], picture.trusted_ms = taken, self._now
        elif said.epoch > picture.roots.version and _are_administrators(raw, said.unit, picture.roots, at_s):
            picture.waiting_lists[raw] = None

    def interrupted(self, box: SimBox, before: Trusted) -> None:
        """The power went while the box took a message: what this one changed, its disk may have or not have."""
        picture = self.pictures[box.name]
        picture.doubtful = before
        picture.ailing = {code: since for code, since in picture.ailing.items() if since != self._now}

    def reborn(self, box: SimBox) -> None:
        """It has started again: of the message that the cut came into, believe the disk; of all others, not."""
        picture, store = self.pictures[box.name], box.on.store
        picture.waiting_lists = {}
        if picture.doubtful is not None:
            roots, lists = picture.doubtful
            kept = store.trust.roots()
            if roots is not None and kept is not None and kept.version == roots.version:
                picture.roots = roots
            held = {row.unit: (row.era, row.version) for row in store.trust.delegations()}
            for unit in box.units:
                old = lists.get(unit)
                if old is None and unit not in held:
                    picture.lists.pop(unit, None)
                elif old is not None and held.get(unit) == (old.era, old.version):
                    picture.lists[unit] = old
        if box.half is not None:
            self._forget_unless_kept(picture, records.order(_payload(box.half)).id)
        picture.doubtful, box.half = None, None

    def _forget_unless_kept(self, picture: Picture, order: bytes) -> None:
        before = picture.before
        if order in picture.box.on.store.book.seen() or before is None or before.order != order:
            return
        picture.known, picture.used, picture.undone = before.known, before.used, before.undone
        picture.recent, picture.before = before.recent, None
        del picture.orders[order], picture.accepted_at[order]

    def _judge(self, picture: Picture, raw: bytes) -> second_gate.Verdict:
        self.verdicts += 1
        box, held = picture.box, picture.trust
        assert held is not None
        reading = box.clock.reading()
        me = OracleMe(
            province="77",
            environment="test",
            path=box.units,
            seen=frozenset(picture.known),
            known=picture.known,
            ended=frozenset(picture.undone),
            used=picture.used,
            recent=picture.recent,
            messages=MESSAGES,
            blobs=frozenset(),
            drill=True,
        )
        return second_gate.judge(raw, held, (reading.lo_ms, reading.hi_ms, int(reading.quality)), me)

    def _is_in_force(self, picture: Picture, name: bytes) -> bool:
        """Whether it is an alarm in which somebody may speak."""
        order = picture.orders[name]
        ended = picture.silences(self._now - STOPS_MS, name)
        alive = picture.box.clock.now_ms() < order.expires * SECOND_MS
        is_alarm = order.type in (records.ALERT, records.UPDATE) and order.status != records.TEST
        return is_alarm and alive and ended is None

    def _order(self, picture: Picture, raw: bytes) -> None:
        verdict = self._judge(picture, raw)
        if verdict[0] == "ACCEPT":
            self._accepted(picture, raw, verdict, picture.box.clock.reading().hi_ms)
        elif verdict[1] in WAITS:
            picture.waiting.add(raw)
        if verdict[0] == "REJECT" and verdict[1] in HOSTILE and picture.box.has_power:
            self.must_show(picture.box, FaultCode.ORDER_REFUSED)

    def must_show(self, box: SimBox, code: FaultCode) -> None:
        """It happened to this box now. Where the fault stands already, it is not said anew."""
        if box.has_power and not box.has_fault(code):
            self.pictures[box.name].ailing.setdefault(code, self._now)

    def _on_accept(self, picture: Picture, raw: bytes) -> None:
        """The box takes up what it had put aside: the second gate judges it at this instant once more."""
        if raw in picture.waiting:
            verdict = self._judge(picture, raw)
            if verdict[0] == "ACCEPT":
                picture.waiting.discard(raw)
                self._accepted(picture, raw, verdict, picture.box.clock.reading().hi_ms)

    def _on_sound(self, picture: Picture, sound: Sounded) -> None:
        """At its first sample: has somebody approved it whom the box trusts, or did so a moment ago?"""
        if _is_order(sound) or _is_voice(sound) or self._now - picture.trusted_ms < STOPS_MS:
            return
        for source in sound.sources:
            if not self._is_approved(picture, source):
                picture.unapproved.append(f"{sound.play} at {_local(sound.wall_from_ms)}")

    def _is_approved(self, picture: Picture, source: str) -> bool:
        held, at_s = picture.trust, picture.box.clock.now_ms() // SECOND_MS
        assert held is not None
        approvals = [trust.approval(raw, held, at_s) for raw in self.approvals]
        unit = picture.box.units[-1]
        return any(row is not None and row.hash.hex() == source and trust.covers(row.scope, unit) for row in approvals)

    def _accepted(self, picture: Picture, raw: bytes, verdict: second_gate.Verdict, hi_ms: int) -> None:
        order = records.order(_payload(raw))
        picture.before = _Before(
            order.id, dict(picture.known), dict(picture.used), dict(picture.undone), picture.recent
        )
        level, signer = verdict[1]["level"], verdict[1]["first_signer"]
        picture.known[order.id] = second_gate.Known(level, order.status, order.type, order.references)
        picture.orders[order.id] = order
        picture.used[signer] = picture.used.get(signer, frozenset()) | {order.sequence}
        picture.accepted_at[order.id] = self._now
        if order.type == records.REINSTATEMENT:
            for name in order.references:
                if name in picture.known and level <= picture.known[name].level:
                    picture.undone.setdefault(name, self._now)
        picture.recent = (*picture.recent, Recent(hi_ms, order.severity, level, order.status, order.type))

    @property
    def _now(self) -> int:
        return self._world.now_ms()

    # --- after every step

    def look(self) -> None:
        """Raises ViolationError."""
        for picture in self.pictures.values():
            for number, check in self._checks():
                if not self.only or number in self.only:
                    check(picture)
            picture.checked = len(picture.box.sounded)
        if self._world.controller.conflicts:
            _fail("I8", self._world.controller.conflicts[0])

    def _checks(self) -> Iterator[tuple[str, Callable[[Picture], None]]]:
        yield "I1", self._causes
        yield "trust", self._trusts_the_same
        yield "I2", self._in_time
        yield "I3", self._never_again
        yield "I7", self._overlaps
        yield "I11", self._nights
        yield "I12", self._amplifier
        yield "I9", self._writes
        yield "I4", self._marks
        yield "I1/I6", self._book
        yield "I6", self._chains
        yield "I5", self._heard_in_time
        yield "I8", self._the_picture_is_true
        yield "I10", self._visible
        yield "alive", self._alive

    def _fresh(self, picture: Picture) -> list[Sounded]:
        return picture.box.sounded[picture.checked :]

    def _causes(self, picture: Picture) -> None:
        """I1."""
        for what in picture.unapproved:
            _fail("I1", f"{picture.box.name} sounded {what}, and nobody whom it may trust has approved it")
        for sound in self._fresh(picture):
            self.sounds += 1
            name = bytes.fromhex(sound.cause) if _is_order(sound) else None
            if _is_voice(sound):
                self._may_speak(picture, sound)
            elif name is None:
                self._is_planned(sound)
            elif name not in picture.orders:
                _fail("I1", f"{sound.box} sounded {sound.cause}, which the second gate did not accept")
            elif f"{_message(picture.orders[name])}.ogg" not in sound.sources:
                _fail("I1", f"{sound.box} sounded {sound.sources} for {sound.cause}, which asks for another message")
            silenced = picture.silences(sound.from_ms, name)
            if silenced is not None:
                _fail("I1", f"{sound.box} began {sound.cause}, which {silenced.hex()} had ended or stopped")

    def _may_speak(self, picture: Picture, sound: Sounded) -> None:
        """A voice has its session, and the session has not ended."""
        self.asked["voices"] += 1
        session = picture.voices.get(_session(sound))
        if session is None:
            _fail("I1", f"{sound.box} let {sound.cause} speak, whom the second judge had not let in")
        elif sound.wall_from_ms >= session.expires * SECOND_MS:
            _fail("I2", f"{sound.box} let {sound.cause} speak after its end")

    def _is_planned(self, sound: Sounded) -> None:
        """An approved entry, at its hour, with its own sound."""
        for airing in self.programme.get(sound.cause, ()):
            late_ms = sound.wall_from_ms - airing.planned_ms
            if sound.sources == (airing.sound,) and -50 <= late_ms <= WINDOW_MS + airing.length_ms:
                return
        _fail("I1", f"{sound.box} sounded {sound.play} at {_local(sound.wall_from_ms)}, which nobody approved")

    def _trusts_the_same(self, picture: Picture) -> None:
        """The roots and the lists that both gates have let in."""
        if not picture.box.has_power or picture.roots is None:
            return
        held, units = picture.box.on.store.trust, picture.box.units
        roots = held.roots()
        ours = 0 if roots is None else roots.version
        lists = {row.unit: (row.era, row.version) for row in held.delegations() if row.unit in units}
        theirs = {unit: (row.era, row.version) for unit, row in picture.lists.items()}
        if (ours, lists) != (picture.roots.version, theirs):
            mine = picture.roots.version, theirs
            _fail("trust", f"{picture.box.name} trusts {(ours, lists)}, and the second gate {mine}")

    def _in_time(self, picture: Picture) -> None:
        """I2: by the box's clock always, by the true time where its clock is right."""
        for sound in self._fresh(picture):
            order = picture.orders.get(bytes.fromhex(sound.cause)) if _is_order(sound) else None
            if order is None:
                continue
            late_ms = sound.wall_from_ms - order.expires * SECOND_MS
            if late_ms >= 0:
                _fail("I2", f"{sound.box} began {sound.cause} {late_ms} ms after its end by its own clock")
            late_ms = sound.from_ms - order.expires * SECOND_MS
            if late_ms >= SECOND_MS and picture.box.clock_is_right:
                _fail("I2", f"{sound.box} began {sound.cause} {late_ms} ms after its end")

    def _never_again(self, picture: Picture) -> None:
        """I3: a first sample after DONE was on the disk."""
        for sound in self._fresh(picture):
            if _is_order(sound):
                stage, at_ms = picture.box.ended.get(bytes.fromhex(sound.cause), (None, 0))
                if stage is Stage.DONE and sound.from_ms > at_ms:
                    _fail("I3", f"{sound.box} sounded {sound.cause} {sound.from_ms - at_ms} ms after it was done")
        if picture.box.has_power:
            for row in picture.box.on.store.book.orders(0):
                done = picture.box.ended.get(row.order.id, (None, 0))[0] is Stage.DONE
                if done and row.stage is not Stage.DONE:
                    _fail("I3", f"{picture.box.name}: {row.order.id.hex()} was done and is {row.stage.name}")

    def _overlaps(self, picture: Picture) -> None:
        """I7: two sounds at once, one of them an alarm."""
        rows = picture.box.sounded[max(0, picture.checked - 8) :]
        for number, one in enumerate(rows):
            for other in rows[:number]:
                shared = min(one.to_ms, other.to_ms, self._now) - max(one.from_ms, other.from_ms)
                if shared > FADE_MS and (_is_order(one) or _is_order(other)):
                    _fail("I7", f"{one.box}: {other.play} and {one.play} sounded together for {shared} ms")

    def _nights(self, picture: Picture) -> None:
        """I11: neither begins in quiet hours nor goes on into them, by the box's clock."""
        for sound in self._fresh(picture):
            if self._keeps_quiet(picture, sound) and self._is_quiet(picture, sound.wall_from_ms):
                _fail("I11", f"{sound.box} sounded {sound.cause} at {_local(sound.wall_from_ms)}")
        box = picture.box
        if not box.has_power:
            return
        for sound in box.sounded[-3:]:
            lately = [box.clock.now_ms() - ago_ms for ago_ms in (0, 11_000)]
            keeps_quiet = sound.to_ms == STILL and self._keeps_quiet(picture, sound)
            if keeps_quiet and all(self._is_quiet(picture, at) for at in lately):
                _fail("I11", f"{sound.box} still sounds {sound.cause} at {_local(lately[0])}")

    def _keeps_quiet(self, picture: Picture, sound: Sounded) -> bool:
        """Whether quiet hours hold for it: for all but alarms, and the voice inside one."""
        session = picture.voices.get(_session(sound)) if _is_voice(sound) else None
        return not _is_order(sound) and (session is None or session.attached is None)

    def _is_quiet(self, picture: Picture, wall_ms: int) -> bool:
        """Whether it is night, and no two persons of the province have excepted it."""
        held, box = picture.trust, picture.box
        if not _is_night(wall_ms) or held is None:
            return _is_night(wall_ms)
        found = [trust.exception(raw, held, wall_ms // SECOND_MS) for raw in self.exceptions]
        return not any(
            row is not None
            and row.start * SECOND_MS <= wall_ms < row.end * SECOND_MS
            and set(row.area) & set(box.units)
            for row in found
        )

    def _amplifier(self, picture: Picture) -> None:
        """I12: each stretch of power has sound in it, and begins and ends near it."""
        box = picture.box
        story = [*box.switched[picture.switched :], *([(self._now, False)] if box.amplifier_on else [])]
        for (on_ms, on), (off_ms, _) in pairwise(story):
            if on:
                self._powered(box, on_ms, off_ms)
        picture.switched = len(box.switched) - (1 if box.amplifier_on else 0)

    def _powered(self, box: SimBox, on_ms: int, off_ms: int) -> None:
        silent_from = on_ms
        for row in box.sounded:
            if row.to_ms <= on_ms or row.from_ms >= off_ms:
                continue
            if row.from_ms - silent_from > TAIL_MS:
                _fail("I12", f"{box.name}: the amplifier was on for {row.from_ms - silent_from} ms before {row.play}")
            silent_from = max(silent_from, row.to_ms)
        if off_ms - silent_from > TAIL_MS:
            _fail("I12", f"{box.name}: the amplifier was on for {off_ms - silent_from} ms after the last sound")

    def _writes(self, picture: Picture) -> None:
        """I9."""
        written = picture.box.meter.last_day()
        if written > DAILY_BYTES:
            _fail("I9", f"{picture.box.name} wrote {written} bytes within a day")

    # --- what the box remembers

    def _marks(self, picture: Picture) -> None:
        """I4."""
        if not picture.box.has_power:
            return
        store = picture.box.on.store
        roots, wanted = store.trust.roots(), store.desired.wanted()
        now: dict[str, object] = {signer.hex(): window.high for signer, window in store.book.windows().items()}
        now["roots"] = 0 if roots is None else roots.version
        now["assignment"] = (0, 0, 0) if wanted is None else (wanted.era, wanted.epoch, wanted.generation)
        for name, before in picture.marks.items():
            if name not in now or now[name] < before:  # type: ignore[operator]
                _fail("I4", f"{picture.box.name}: {name[:12]} fell from {before} to {now.get(name)}")
        picture.marks = now

    def _book(self, picture: Picture) -> None:
        """Both gates have let in the same."""
        if not picture.box.has_power:
            return
        odd = set(picture.box.on.store.book.seen()) ^ set(picture.known)
        if odd:
            _fail("I1/I6", f"{picture.box.name} and the second gate differ over {sorted(one.hex() for one in odd)}")

    def _chains(self, picture: Picture) -> None:
        """I6, from the receipts on the disk."""
        box = picture.box
        if not box.has_power:
            return
        receipts = _receipts(box)
        for name, order in picture.orders.items():
            stages = set(receipts.get(name, {})) - {Stage.REJECTED}
            ends = [stage for stage in stages if stage in ENDS]
            if Stage.ACCEPTED not in stages:
                _fail("I6", f"{box.name}: {name.hex()} was accepted, and its receipts are {_names(stages)}")
            if len(ends) > 1:
                _fail("I6", f"{box.name}: {name.hex()} ended twice: {_names(stages)}")
            if Stage.NOT_HEARD in stages and Stage.STARTED not in stages:
                _fail("I6", f"{box.name}: {name.hex()} was not heard and never began: {_names(stages)}")
            over = order.expires * SECOND_MS + 2 * HEARD_MS < box.clock.now_ms()
            settled = min(self._world.powered_ms(box.name), self._now - box.jumped_ms[-1]) > 2 * HEARD_MS
            if over and settled and not ends and not box.audible and box.clock.reading().tells_time:
                _fail("I6", f"{box.name}: {name.hex()} is over, and nothing says how it ended")

    def _alive(self, picture: Picture) -> None:
        for task in picture.box.on.tasks if picture.box.has_power else ():
            if task.done():
                _fail("alive", f"{picture.box.name}: {task.get_name()} ended: {task!r}")

    # --- what the province hears and sees

    def _heard_in_time(self, picture: Picture) -> None:
        """I5, from what came out of the horn."""
        box, well_ms = picture.box, self._world.well_ms(picture.box.name)
        if well_ms < HEARD_MS:
            return
        for order, raw in self._world.controller.orders.values():
            began = order.not_before * SECOND_MS, self._now - well_ms, picture.trusted_ms
            since = max(self._world.given_ms[order.id], *began)
            over = self._now >= order.expires * SECOND_MS or self._now - since < HEARD_MS
            if over or order.sound is None or order.status == records.TEST or not set(order.area) & set(box.units):
                continue
            self.asked["I5"] += 1
            if not self.heard(box, order.id) and self._is_due(picture, order.id, raw):
                seconds = (self._now - since) // 1000
                _fail("I5", f"{box.name} has not sounded {order.id.hex()} in {seconds} s of health")

    def _is_due(self, picture: Picture, name: bytes, raw: bytes) -> bool:
        """Whether the second gate has let it in, or would, and nothing higher kept the horn."""
        if name not in picture.orders:
            return self._judge(picture, raw)[0] == "ACCEPT"
        touched = [
            at_ms
            for other, at_ms in picture.accepted_at.items()
            if name in picture.orders[other].references or picture.orders[other].type != records.ALERT
        ]
        opened = [order.until * SECOND_MS for order in picture.orders.values() if order.until is not None]
        touched += [at_ms for at_ms in opened if at_ms <= self._now]
        lately = self._now - HEARD_MS
        if self._was_over_by_a_wrong_clock(picture, name):
            return False
        if picture.silences(self._now, name) is not None or max(touched, default=0) > lately:
            return False
        severity = picture.orders[name].severity
        taken_ms = sum(
            min(row.to_ms, self._now) - max(row.from_ms, lately) + GAP_MS
            for row in picture.box.sounded
            if row.to_ms > lately and _is_order(row) and picture.orders[bytes.fromhex(row.cause)].severity >= severity
        )
        return taken_ms < HEARD_MS // 2

    def _was_over_by_a_wrong_clock(self, picture: Picture, name: bytes) -> bool:
        """Its clock was set ahead, so that the order expired: that is said, and an end is an end (I6)."""
        stage, at_ms = picture.box.ended.get(name, (None, 0))
        since = picture.accepted_at[name]
        return stage is Stage.EXPIRED and any(since <= jumped <= at_ms for jumped in picture.box.jumped_ms)

    def _the_picture_is_true(self, picture: Picture) -> None:
        """I8: at rest; and at all times, no receipt tells of a sound that nobody heard."""
        box, world = picture.box, self._world
        self._no_receipt_lies(box)
        truth = _truth(box) if box.has_power else None
        if truth != picture.truth:
            picture.truth, picture.truth_since = truth, self._now
        rest_ms = min(world.well_ms(box.name), self._now - max(picture.truth_since, world.trusted_ms))
        if truth is None or rest_ms < REST_MS or not set(truth.live) <= set(world.controller.orders):
            return
        self.asked["I8"] += 1
        known = world.controller.known[box.name]
        believed = (known.in_force, known.chain, known.log_seq, known.shown())
        held = (truth.place, truth.chain, truth.log_seq, truth.faults)
        if believed != held:
            _fail("I8", f"{box.name}: the controller believes {believed}, and the box holds {held}")
        for name, stages in truth.receipts.items():
            told = {answer.stage for answer in known.answers.get(name, ())}
            if not set(stages) <= told:
                _fail("I8", f"{box.name}: {name.hex()} is {_names(stages)}, and the controller knows {_names(told)}")
        if self._is_asked_again(picture):
            return
        if (
            truth.unsaid and not world.malice.misdeliver
        ):  # what is owed to others is answered by this box, again and again
            _fail("I8", f"{box.name}: {truth.unsaid} receipts are told to nobody")
        if not self._may_be_in_force(picture):
            return
        if world.controller.in_step(box.name) != truth.digest:
            _fail("I8", f"{box.name}: the controller takes it to lack something: {truth}")

    def _is_asked_again(self, picture: Picture) -> bool:
        """An order that it refuses is sent again and answered again for as long as it lives."""
        return any(
            order.expires * SECOND_MS > self._now - REST_MS
            and set(order.area) & set(picture.box.units)
            and order.id not in picture.orders
            for order, _ in self._world.controller.orders.values()
        )

    def _may_be_in_force(self, picture: Picture) -> bool:
        """Whether the controller's newest is: it is refused here when its approver's key was taken away, and stands
        behind that of a thief."""
        if self._world.is_led_astray(picture.box.name):
            return False
        return all(self._is_approved(picture, row.sound.hex()) for row in self._world.programme.bulletins)

    def _no_receipt_lies(self, box: SimBox) -> None:
        for name, answers in self._world.controller.known[box.name].answers.items():
            for answer in answers:
                sample = answer.first_sample_ms
                if sample is None:
                    continue
                heard = [row for row in box.sounded if row.cause == name.hex()]
                if not any(abs(row.wall_from_ms - sample) <= 20 for row in heard):
                    _fail("I8", f"{box.name} told of a first sample of {name.hex()} at {sample}, and nobody heard it")

    def _visible(self, picture: Picture) -> None:
        """I10: what is wrong in truth, what the box takes to be wrong, and a box that cannot be reached."""
        box, world = picture.box, self._world
        known, linked_ms = world.controller.known[box.name], world.linked_ms(box.name)
        self._note_what_is_wrong(picture, known)
        if linked_ms >= VISIBLE_MS:
            for kind in (picture.ailing, picture.said):
                for code, since in kind.items():
                    self.asked["I10"] += self._now - since >= VISIBLE_MS
                    if self._now - since >= VISIBLE_MS and code not in known.shown():
                        _fail("I10", f"{box.name}: {code.name} for {(self._now - since) // 1000} s, and nobody sees it")
        silent_ms = self._now - (known.seen_ms or 0)
        if world.well_ms(box.name) >= VISIBLE_MS and silent_ms > VISIBLE_MS:
            _fail("I10", f"{box.name} is well and passes for lost: nothing heard of it for {silent_ms // 1000} s")
        shown = world.controller.health(box.name)
        if world.cut_off_ms(box.name) > VISIBLE_MS and shown not in (Level.FAULT, Level.UNKNOWN):
            _fail("I10", f"{box.name} cannot be reached, and its page shows {shown}")
        if not self._obeys_another(picture):
            picture.obedient_ms = self._now
        elif min(linked_ms, self._now - picture.obedient_ms) >= VISIBLE_MS and shown not in (
            Level.FAULT,
            Level.EMERGENCY,
        ):
            _fail("I10", f"{box.name} has a programme that its controller did not write, and its page shows {shown}")

    def _obeys_another(self, picture: Picture) -> bool:
        """Whether a programme is in force that is above the controller's newest: somebody else has its key."""
        force = picture.box.on.store.desired.in_force() if picture.box.has_power else None
        assigned = self._world.controller.known[picture.box.name].assigned
        return force is not None and force.assignment.place_in_order > assigned

    def _note_what_is_wrong(self, picture: Picture, known: Known) -> None:
        """What happens once was seen when it was told once; what lasts must be shown as long as it lasts."""
        box, now = picture.box, self._now
        truly = {
            code
            for code in ONCE & picture.ailing.keys()
            if code not in known.shown() and known.told.get(code, 0) < picture.ailing[code]
        }
        if box.has_power and box.quality < ClockQuality.RTC:
            truly.add(FaultCode.CLOCK)
        if box.has_power and not box.plugged_in and self._has_alarm_to_sound(picture):
            truly.add(FaultCode.AUDIO_DEVICE)
        picture.ailing = {code: picture.ailing.get(code, now) for code in truly}
        said = box.on.faults.active() if box.has_power else ()
        picture.said = {code: picture.said.get(code, now) for code in said}

    def _has_alarm_to_sound(self, picture: Picture) -> bool:
        now = picture.box.clock.now_ms()
        return picture.box.clock.reading().tells_time and any(
            order.sound is not None
            and order.status != records.TEST
            and order.not_before * SECOND_MS <= now < order.expires * SECOND_MS
            and name not in picture.box.ended
            and picture.silences(self._now, name) is None
            for name, order in picture.orders.items()
        )

    def heard(self, box: SimBox, order: bytes) -> int:
        """How often a pass of this order began on this box."""
        return sum(row.cause == order.hex() for row in box.sounded)


@dataclass(frozen=True)
class _Truth:
    """What a box holds, read from its disk."""

    place: PlaceInOrder
    """Of the assignment in force."""
    live: tuple[bytes, ...]
    chain: bytes
    log_seq: int
    faults: frozenset[FaultCode]
    receipts: dict[bytes, tuple[Stage, ...]]
    unsaid: int
    """Receipts that nobody has acknowledged."""
    digest: bytes


def _truth(box: SimBox) -> _Truth:
    store, now = box.on.store, box.clock.now_ms()
    force, roots, outbox = store.desired.in_force(), store.trust.roots(), store.outbox
    place = NO_ASSIGNMENT if force is None else force.assignment.place_in_order
    live = tuple(sorted(row.order.id for row in store.book.orders(now) if row.order.expires * SECOND_MS > now))
    era = 0 if roots is None else roots.era(Role.DELEGATION)
    lists = tuple((row.unit, row.version) for row in store.trust.delegations() if row.era == era)
    version = 0 if roots is None else roots.version
    log_seq, chain = outbox.log_seq(), outbox.chain()
    digest = holdings_digest(place, version, live, chain, outbox.acked_seq(), log_seq, lists)
    receipts = {name: tuple(sorted(rows)) for name, rows in _receipts(box).items()}
    return _Truth(
        place, live, chain, log_seq, frozenset(outbox.active_faults()), receipts, len(outbox.receipts()), digest
    )


def _receipts(box: SimBox) -> dict[bytes, set[Stage]]:
    found: dict[bytes, set[Stage]] = {}
    for name, stage in box.on.database.rows("SELECT id, stage FROM receipts"):
        assert isinstance(name, bytes)
        assert isinstance(stage, int)
        found.setdefault(name, set()).add(Stage(stage))
    return found


def _payload(raw: bytes) -> bytes:
    return envelope.open_envelope(raw, envelope.ORDER).payload


def _list_in(raw: bytes) -> records.Delegation | None:
    """What it says, not yet believed."""
    try:
        return records.delegation(envelope.open_envelope(raw, envelope.DELEGATION).payload)
    except RefusedError:
        return None


def _voice_in(raw: bytes) -> records.Live | None:
    """What it says, not yet believed."""
    try:
        return records.live(envelope.open_envelope(raw, envelope.LIVE).payload)
    except RefusedError:
        return None


def _are_administrators(raw: bytes, unit: str, roots: records.Roots, at_s: int | None) -> bool:
    """Whether as many have signed this list as it takes; who did not will not be waited for."""
    opened, at_ms = envelope.open_envelope(raw, envelope.DELEGATION), (at_s or roots.issued) * SECOND_MS
    signed = trust.signers(opened, roots, OracleTrust(roots).grants, records.DELEGATION, at_ms)
    of_the_unit = [grant for grant in signed if any(trust.covers(top, unit) for top in grant.scope)]
    return trust.people(of_the_unit) >= trust.takes(roots, records.DELEGATION)


def _message(order: records.Order) -> object:
    return None if order.sound is None else order.sound.message


def _names(stages: object) -> list[str]:
    assert isinstance(stages, set | tuple | list)
    return [stage.name for stage in sorted(stages)]


def _local(wall_ms: int) -> str:
    return f"{datetime.fromtimestamp(wall_ms / 1000, UTC) + timedelta(hours=7):%Y-%m-%d %H:%M:%S}"


def _is_night(wall_ms: int) -> bool:
    hour = (datetime.fromtimestamp(wall_ms / 1000, UTC) + timedelta(hours=7)).hour
    return hour >= 21 or hour < 5


def _is_voice(row: Sounded) -> bool:
    return any(source.startswith("frames:") for source in row.sources)


def _session(row: Sounded) -> bytes:
    """Of a voice, in whichever of its turns."""
    return bytes.fromhex(row.cause)


def _is_order(row: Sounded) -> bool:
    return (
        not _is_voice(row)
        and "#" in row.play
        and len(row.cause) == 32
        and all(letter in "0123456789abcdef" for letter in row.cause)
    )
