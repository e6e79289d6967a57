"""What must be true after every step: faults.md, I1-I12, judged by the second gate and by nothing of the agent.

For each box the referee keeps its own picture of trust, of accepted orders and of the past, from the bytes that reached
the box alone. The agent may sound what this picture allows, and must have said what it implies.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from protocol.report import Stage
from tests.oracle import envelope, records, trust
from tests.oracle import judge as second_gate
from tests.oracle.judge import Known, OracleMe, Recent
from tests.oracle.trust import OracleTrust
from tests.simulation.box import LEAD_IN_MS, SimBox, Sounded

MESSAGES: Final = frozenset({1, 2, 3, 4, 5, 6, 7})
TAIL_MS: Final = 3_000
LATE_MS: Final = 500
ENDS: Final = {Stage.DONE, Stage.EXPIRED, Stage.CANCELLED}


class ViolationError(AssertionError):
    """An invariant does not hold: its number, and what was seen."""


def _fail(number: str, what: str) -> None:
    raise ViolationError(f"{number}: {what}")


@dataclass
class Picture:
    """One box, as the referee knows it."""

    box: SimBox
    roots: records.Roots | None = None
    lists: dict[str, records.Delegation] = field(default_factory=dict)
    placed: bool = False
    known: dict[bytes, Known] = field(default_factory=dict)
    expires: dict[bytes, int] = field(default_factory=dict)
    """Of accepted orders that sound: epoch seconds."""
    accepted_at: dict[bytes, int] = field(default_factory=dict)
    """True milliseconds."""
    undone: frozenset[bytes] = frozenset()
    used: dict[bytes, frozenset[int]] = field(default_factory=dict)
    recent: tuple[Recent, ...] = ()
    highest: dict[bytes, int] = field(default_factory=dict)
    checked: int = 0
    """How many of the box's sounds were looked at."""
    done: dict[str, int] = field(default_factory=dict)
    """Since when an order is done, true milliseconds."""

    @property
    def trust(self) -> OracleTrust | None:
        return None if self.roots is None else OracleTrust(self.roots, tuple(self.lists.values()))


class Referee:
    """Sees every message that reaches a box, before the box does."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.pictures: dict[str, Picture] = {}
        self.programme: dict[str, tuple[int, int]] = {}
        """Entries that persons have approved: id, first start and latest start (wall milliseconds in Vietnam, UTC)."""
        self.sounds = 0
        self.verdicts = 0

    def watch(self, box: SimBox) -> None:
        self.pictures[box.name] = Picture(box)

    def delivered(self, box: SimBox, raw: bytes, *, first: bool = False) -> second_gate.Verdict | None:
        """These bytes reach the box now; the second gate's verdict where they are an order."""
        picture = self.pictures[box.name]
        if first and picture.roots is None:
            picture.roots = trust.first_roots(raw)
            return None
        if picture.roots is None:
            return None
        later = trust.next_roots(raw, picture.roots)
        if later is not None:
            picture.roots = later
            return None
        self._delegation(picture, raw)
        return self._order(picture, raw) if picture.placed else None

    def _delegation(self, picture: Picture, raw: bytes) -> None:
        assert picture.roots is not None
        reading, roots = picture.box.clock.reading(), picture.roots
        at_s = reading.hi_ms // 1000 if reading.tells_time else roots.issued
        for unit in picture.box.units:
            taken = trust.delegation(raw, picture.roots, picture.lists.get(unit), at_s)
            if taken is not None and taken.unit == unit:
                picture.lists[unit] = taken

    def _order(self, picture: Picture, raw: bytes) -> second_gate.Verdict:
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
            ended=picture.undone,
            used=picture.used,
            recent=picture.recent,
            messages=MESSAGES,
            blobs=frozenset(),
            drill=True,
        )
        verdict = second_gate.judge(raw, held, (reading.lo_ms, reading.hi_ms, int(reading.quality)), me)
        if verdict[0] == "ACCEPT":
            self._accepted(picture, raw, verdict, reading.hi_ms)
        return verdict

    def _accepted(self, picture: Picture, raw: bytes, verdict: second_gate.Verdict, hi_ms: int) -> None:
        order = records.order(envelope.open_envelope(raw, envelope.ORDER).payload)
        level, signer = verdict[1]["level"], verdict[1]["first_signer"]
        picture.known[order.id] = Known(level, order.status, order.type, order.references)
        picture.used[signer] = picture.used.get(signer, frozenset()) | {order.sequence}
        picture.accepted_at[order.id] = self._now_ms()
        if order.type == records.REINSTATEMENT:
            undone = {name for name in order.references if name in picture.known and level <= picture.known[name].level}
            picture.undone |= undone
        picture.recent = (*picture.recent, Recent(hi_ms, order.severity, level, order.status, order.type))
        if order.sound is not None:
            picture.expires[order.id] = order.expires

    # --- after every step

    def look(self) -> None:
        for picture in self.pictures.values():
            box = picture.box
            box.settle()
            fresh, picture.checked = box.sounded[picture.checked :], len(box.sounded)
            for sound in fresh:
                self.sounds += 1
                self._cause(picture, sound)
            self._overlaps(box)
            self._amplifier(box)
            if box.has_power:
                self._book(picture)

    def _cause(self, picture: Picture, sound: Sounded) -> None:
        if "#" in sound.play and _is_order(sound.cause):
            order = bytes.fromhex(sound.cause)
            if order not in picture.expires:
                _fail("I1", f"{sound.box} sounded {sound.cause}, which the second gate did not accept")
            if sound.wall_from_ms > picture.expires[order] * 1000 + LATE_MS:
                late_ms = sound.wall_from_ms - picture.expires[order] * 1000
                _fail("I2", f"{sound.box} began {sound.cause} {late_ms} ms late")
            if sound.from_ms > picture.done.get(sound.cause, 1 << 60):
                _fail("I3", f"{sound.box} sounded {sound.cause} after it was done")
            return
        window = self.programme.get(sound.cause)
        if window is None:
            _fail("I1", f"{sound.box} sounded the entry {sound.cause}, which nobody approved")
        local = datetime.fromtimestamp(sound.wall_from_ms / 1000, UTC) + timedelta(hours=7)
        if local.hour >= 21 or local.hour < 5:
            _fail("I11", f"{sound.box} sounded {sound.cause} at {local:%H:%M}")

    def _overlaps(self, box: SimBox) -> None:
        alarms = [row for row in box.sounded if _is_order(row.cause)]
        others = [row for row in box.sounded if not _is_order(row.cause)]
        for alarm in alarms:
            for other in others:
                shared = min(alarm.to_ms, other.to_ms) - max(alarm.from_ms, other.from_ms)
                if shared > LATE_MS:
                    _fail("I7", f"{box.name}: {other.cause} sounded {shared} ms under {alarm.cause}")

    def _amplifier(self, box: SimBox) -> None:
        """Each stretch of power has sound in it, and begins and ends near it."""
        if box.amplifier_on or box.audible:
            return
        on_ms: int | None = None
        for at_ms, on in box.switched:
            if on and on_ms is None:
                on_ms = at_ms
            elif not on and on_ms is not None:
                self._powered(box, on_ms, at_ms)
                on_ms = None
        box.switched.clear()

    def _powered(self, box: SimBox, on_ms: int, off_ms: int) -> None:
        inside = sorted((row.from_ms, row.to_ms) for row in box.sounded if row.to_ms >= on_ms and row.from_ms <= off_ms)
        edges = [on_ms + LEAD_IN_MS, *(edge for row in inside for edge in row), off_ms]
        if off_ms - max(on_ms + LEAD_IN_MS, *(row[1] for row in inside), on_ms + LEAD_IN_MS) > TAIL_MS + LATE_MS:
            _fail("I12", f"{box.name}: the amplifier was on until {off_ms}, the last sound ended before {edges[-2]}")

    def _book(self, picture: Picture) -> None:
        box, book = picture.box, picture.box.on.store.book
        held = set(book.seen())
        if held != set(picture.known):
            odd = held ^ set(picture.known)
            _fail("I1/I6", f"{box.name} and the second gate differ over {sorted(one.hex() for one in odd)}")
        for signer, window in book.windows().items():
            if window.high < picture.highest.get(signer, 0):
                _fail("I4", f"{box.name}: the sequence of {signer.hex()[:8]} fell to {window.high}")
            picture.highest[signer] = window.high
        self._chains(picture)

    def _chains(self, picture: Picture) -> None:
        box = picture.box
        for remembered in box.on.store.book.orders(0):
            name = remembered.order.id.hex()
            if remembered.stage is Stage.DONE and remembered.order.sound is not None:
                picture.done.setdefault(name, self._now_ms())
            elif name in picture.done:
                _fail("I3", f"{box.name}: {name} was done and is {remembered.stage.name}")
            ended = remembered.order.expires * 1000 + 120_000 < box.clock.now_ms()
            if ended and remembered.stage not in ENDS and not box.audible and box.clock.reading().tells_time:
                _fail("I6", f"{box.name}: {name} expired and is still {remembered.stage.name}")

    def heard(self, box: SimBox, order: bytes) -> int:
        """How often a pass of this order began on this box."""
        return sum(row.cause == order.hex() for row in box.sounded)


def _is_order(cause: str) -> bool:
    return len(cause) == 32 and all(letter in "0123456789abcdef" for letter in cause)
