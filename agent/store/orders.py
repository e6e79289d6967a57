"""The order book: which orders were accepted, how far each has come, and what was answered.

An order is accepted in one transaction: its row, its signer's replay window, what it cancels, and the receipts that say
so. Before it nothing is accepted and the order may come again; after it the order is obeyed, power cut or not.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from agent.ports.store import Remembered, Stopped
from agent.store.database import Database
from agent.store.rows import typed
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.gate import Accept, Accepted, Ending, Known, ReplayWindow
from protocol.order import MAX_ORDER_BYTES, SOUNDING, MessageType, Order, Status
from protocol.quantities import DAY_MS, SECOND_MS
from protocol.report import Grade, Stage

log = structlog.get_logger()

ENDED: Final = (Stage.DONE, Stage.CANCELLED, Stage.EXPIRED)
KEEP_MS: Final = 90 * DAY_MS
"""So long after its expiry an order is remembered, and a cancel after it came."""
MAX_REFUSALS: Final = 1_000
"""So many refusals are remembered until they are answered, the newest."""
_WINDOW_BYTES: Final = 8
_REPLACING: Final = (MessageType.UPDATE, MessageType.CANCEL)
"""What ends an alarm that it refers to."""


@dataclass(frozen=True)
class _Ender:
    """An accepted order that refers to another."""

    id: bytes
    type: MessageType
    level: int
    status: Status
    at_ms: int


@dataclass(frozen=True)
class _Taken:
    """An accepted order, and what it does to others."""

    held: Remembered
    ender: _Ender
    signer: bytes
    window: ReplayWindow
    ended: tuple[bytes, ...]
    revived: tuple[bytes, ...]
    opened: tuple[bytes, ...]
    """Stops whose locks it opens."""
    locks: bool


class Orders:
    """Implements the port `OrderBook`. What the gate asks is kept in memory too, and follows each transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heard_before = database.heard_before()
        self._held: dict[bytes, Remembered] = {}
        self._windows: dict[bytes, ReplayWindow] = {}
        self._enders: dict[bytes, tuple[_Ender, ...]] = {}
        """By id of what they refer to."""
        self._locks: set[bytes] = set()
        """Stops in effect."""
        self._over: set[bytes] = set()
        """Stops whose own end has come since the start."""
        self._load()

    def orders(self, since_ms: int) -> Sequence[Remembered]:
        return [held for held in self._held.values() if held.order.expires * SECOND_MS > since_ms]

    def seen(self) -> Collection[bytes]:
        return self._held.keys() | self._heard_before.keys() if self._heard_before else self._held.keys()

    def windows(self) -> Mapping[bytes, ReplayWindow]:
        return self._windows

    def known(self) -> Mapping[bytes, Known]:
        return {name: Known(held.level, held.order.status, held.order.type) for name, held in self._held.items()}

    def ended(self) -> Mapping[bytes, tuple[Ending, ...]]:
        found = {name: self._endings(name) for name in self._enders}
        return {name: endings for name, endings in found.items() if endings}

    def accepted_since(self, since_ms: int) -> tuple[Accepted, ...]:
        recent = (held for held in self._held.values() if held.accepted_ms > since_ms)
        return tuple(
            Accepted(held.accepted_ms, held.order.severity, held.level, held.order.status, held.order.type)
            for held in recent
        )

    def stops(self) -> Sequence[Stopped]:
        return self._stopped(self._locks)

    def stops_over(self, since_ms: int) -> Sequence[Stopped]:
        return self._stopped(name for name in self._over if _lasts(self._held[name], since_ms))

    def next_opening_ms(self) -> int | None:
        untils = (self._held[name].order.until for name in self._locks)
        return min((until * SECOND_MS for until in untils if until is not None), default=None)

    def open_locks(self, now_ms: int) -> bool:
        over = {name for name in self._locks if not _lasts(self._held[name], now_ms)}
        if not over:
            return False
        revived = self._silenced_by(over, now_ms)
        with self._database.change() as connection:
            connection.executemany("UPDATE orders SET locks = 0 WHERE id = ?", [(name,) for name in over])
            for name in revived:
                _revive(connection, name)
        self._locks -= over
        self._over |= over
        self._go_on(revived)
        self._database.keep_trust()
        return bool(revived)

    def accept(self, raw: bytes, verdict: Accept, at_ms: int, tape_ms: int) -> None:
        taken = self._taken(verdict, at_ms, tape_ms)
        with self._database.change() as connection:
            _put_order(connection, raw, taken.held, taken.locks)
            _put_effects(connection, taken)
        self._follow(taken)
        self._database.keep_trust()

    def raw(self, order: bytes) -> bytes | None:
        rows = [typed(row) for row in self._database.rows("SELECT raw FROM orders WHERE id = ?", order)]
        return bytes(rows[0][0]) if rows else None

    def _taken(self, verdict: Accept, at_ms: int, tape_ms: int) -> "_Taken":
        """What follows from this order; nothing is changed yet."""
        order, reinstates = verdict.order, verdict.order.type is MessageType.REINSTATE
        silent = order.type not in SOUNDING or order.status is Status.TEST
        stage, ended_ms = (Stage.DONE, at_ms) if silent else (Stage.ACCEPTED, None)
        ender = _Ender(order.id, order.type, verdict.level, order.status, at_ms)
        window = self._windows.get(verdict.first_signer_key, ReplayWindow()).with_(order.sequence)
        ends = order.type in _REPLACING and _acts(order, at_ms)
        return _Taken(
            held=Remembered(order, at_ms, verdict.level, tape_ms, stage, ended_ms),
            ender=ender,
            signer=verdict.first_signer_key,
            window=window,
            ended=tuple(name for name in order.references if ends and self._is_live(name)),
            revived=self._revived(ender, order.references) if reinstates else (),
            opened=tuple(name for name in order.references if reinstates and name in self._locks),
            locks=_locks(order, at_ms),
        )

    def _follow(self, taken: "_Taken") -> None:
        """In memory as on the disk."""
        order, at_ms = taken.held.order, taken.held.accepted_ms
        self._windows[taken.signer] = taken.window
        self._put(order.id, taken.held)
        for reference in order.references:
            self._enders[reference] = (*self._enders.get(reference, ()), taken.ender)
        for reference in taken.ended:
            self._held[reference] = replace(self._held[reference], stage=Stage.CANCELLED, ended_ms=at_ms)
        self._go_on(taken.revived)
        self._locks.difference_update(taken.opened)
        if taken.locks:
            self._locks.add(order.id)

    def reject(self, order: bytes, code: str, at_ms: int) -> None:
        with self._database.change() as connection:
            connection.execute(
                "INSERT INTO refusals VALUES (?, ?, ?, 0) ON CONFLICT (id) DO UPDATE SET "
                "at_ms = iif(code = excluded.code, at_ms, excluded.at_ms), code = excluded.code, acked = 0",
                (order, at_ms, code),
            )
            connection.execute(
                "DELETE FROM refusals WHERE id IN (SELECT id FROM refusals ORDER BY at_ms DESC LIMIT -1 OFFSET ?)",
                (MAX_REFUSALS,),
            )

    def answer_again(self, order: bytes) -> None:
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO again SELECT id, stage FROM receipts WHERE id = ? AND acked = 1", (order,)
            )
            connection.execute("UPDATE refusals SET acked = 0 WHERE id = ?", (order,))
            if order in self._heard_before:  # what became of it is lost; that it was accepted is not
                _put_receipt(connection, order, Stage.ACCEPTED, self._heard_before[order])

    def progress(self, order: bytes, stage: Stage, at_ms: int, first_sample_ms: int | None, grade: Grade) -> bool:
        held = self._held.get(order)
        if stage is Stage.NOT_HEARD:
            return held is not None and self._not_heard(order, at_ms, first_sample_ms, grade)
        if held is not None and stage is Stage.STARTED and held.stage is not Stage.ACCEPTED and grade > Grade.CLAIMED:
            return self._surer(order, grade)
        if held is None or held.stage in ENDED or stage <= held.stage:
            return False
        with self._database.change() as connection:
            if stage in ENDED:
                _end(connection, order, stage, at_ms)
            else:
                connection.execute("UPDATE orders SET stage = ? WHERE id = ?", (int(stage), order))
            _put_receipt(connection, order, stage, at_ms, first_sample_ms=first_sample_ms, grade=grade)
        ended_ms = at_ms if stage in ENDED else held.ended_ms
        self._held[order] = replace(held, stage=stage, ended_ms=ended_ms)
        if stage in ENDED:
            self._database.keep_trust(can_wait=stage is not Stage.CANCELLED)
        return True

    def _surer(self, order: bytes, grade: Grade) -> bool:
        """What is known of a start already, better proven: told again, even of an order that has ended meanwhile."""
        with self._database.change() as connection:
            connection.execute(
                "UPDATE receipts SET grade = ?, acked = 0 WHERE id = ? AND stage = ? AND grade < ?",
                (int(grade), order, int(Stage.STARTED), int(grade)),
            )
            return _has_changed(connection)

    def _not_heard(self, order: bytes, at_ms: int, first_sample_ms: int | None, grade: Grade) -> bool:
        """Told once, and the order stays at the stage that it has come to."""
        with self._database.change() as connection:
            _put_receipt(connection, order, Stage.NOT_HEARD, at_ms, first_sample_ms=first_sample_ms, grade=grade)
            return _has_changed(connection)

    def prune(self, now_ms: int) -> None:
        since_ms = now_ms - KEEP_MS
        old = [
            name
            for name, held in self._held.items()
            if held.order.expires * SECOND_MS < since_ms and not (name in self._locks and _lasts(held, since_ms))
        ]
        gone = [name for name, enders in self._enders.items() if all(ender.at_ms < since_ms for ender in enders)]
        if old or gone:
            with self._database.change() as connection:
                connection.executemany("DELETE FROM orders WHERE id = ?", [(name,) for name in old])
                connection.executemany("DELETE FROM endings WHERE id = ?", [(name,) for name in gone])
            self._locks.difference_update(old)
            self._over.difference_update(old)
            for name in old:
                del self._held[name]
            for name in gone:
                del self._enders[name]

    def _endings(self, name: bytes) -> tuple[Ending, ...]:
        """What ends this order and is not ended itself."""
        return tuple(
            Ending(ender.level, ender.status, ender.type)
            for ender in self._enders.get(name, ())
            if not self._is_undone(ender)
        )

    def _is_undone(self, ender: _Ender) -> bool:
        """By a reinstatement. The cancel of an update brings nothing back: what it had replaced stays replaced."""
        return any(
            other.type is MessageType.REINSTATE and other.level <= ender.level and other.status is ender.status
            for other in self._enders.get(ender.id, ())
        )

    def _revived(self, by: _Ender, references: Sequence[bytes]) -> tuple[bytes, ...]:
        """The orders that go on once these cancels and stops count no more."""
        counting = [name for name in references if name in self._held and by.level <= self._held[name].level]
        found = self._silenced_by(self._locks.intersection(counting), by.at_ms)
        for name in counting:
            for other in self._held[name].order.references:
                held = self._held.get(other)
                ended = self._is_ended(other, but_for=name)
                if held is not None and held.stage is Stage.CANCELLED and not ended and _may_sound(held, by.at_ms):
                    found.append(other)
        return tuple(dict.fromkeys(found))

    def _silenced_by(self, stops: set[bytes], now_ms: int) -> list[bytes]:
        """What these stops hold back, and nothing else has ended or holds back, while its time is not over."""
        ending, staying = ([self._held[name] for name in names] for names in (stops, self._locks - stops))
        return [
            name
            for name, held in self._held.items()
            if any(_holds_back(stop, held) for stop in ending)
            and not any(_holds_back(stop, held) for stop in staying)
            and not self._is_ended(name)
            and (held.stage is Stage.CANCELLED or held.stage not in ENDED)
            and _may_sound(held, now_ms)
        ]

    def _go_on(self, revived: Iterable[bytes]) -> None:
        for name in revived:
            before = self._held[name]
            self._held[name] = replace(before, stage=Stage.ACCEPTED, ended_ms=None, rounds=before.rounds + 1)

    def _stopped(self, names: Iterable[bytes]) -> list[Stopped]:
        rows = (self._held[name] for name in names)
        return sorted(
            (Stopped(row.order, row.level, row.accepted_ms) for row in rows),
            key=lambda row: (row.accepted_ms, row.order.id),
        )

    def _is_ended(self, alarm: bytes, but_for: bytes = b"") -> bool:
        """Whether another order than this one has ended the alarm: whatever else named it has not."""
        return any(
            ender.type in _REPLACING and ender.id != but_for and not self._is_undone(ender)
            for ender in self._enders.get(alarm, ())
        )

    def _put(self, name: bytes, remembered: Remembered) -> None:
        """Oldest first, also where the clock was set back since."""
        self._held[name] = remembered
        rows = sorted(self._held.items(), key=lambda row: (row[1].accepted_ms, row[0]))
        self._held = dict(rows)

    def _is_live(self, order: bytes) -> bool:
        held = self._held.get(order)
        return held is not None and held.stage not in ENDED

    def _load(self) -> None:
        sql = (
            "SELECT id, record, accepted_ms, level, tape_ms, stage, ended_ms, rounds, locks FROM orders "
            "ORDER BY accepted_ms, id"
        )
        for row in self._database.rows(sql):
            name, record, accepted_ms, level, tape_ms, stage, ended_ms, rounds, locks = typed(row)
            try:
                order = decode(bytes(record), Order, max_bytes=MAX_ORDER_BYTES)
            except ProtocolError as error:
                log.warning("an order cannot be read; that it was heard is known", id=name.hex(), reason=str(error))
                self._heard_before[bytes(name)] = accepted_ms
                continue
            held = Remembered(order, accepted_ms, level, tape_ms, Stage(stage), ended_ms, rounds)
            self._held[bytes(name)] = held
            if locks:
                self._locks.add(bytes(name))
        for signer, high, bits in map(typed, self._database.rows("SELECT signer, high, bits FROM windows")):
            self._windows[bytes(signer)] = ReplayWindow(high, int.from_bytes(bits, "big"))
        sql = "SELECT id, ender, type, level, status, at_ms FROM endings ORDER BY at_ms, id, ender"
        for name, by, kind, level, status, at_ms in map(typed, self._database.rows(sql)):
            ender = _Ender(bytes(by), MessageType(kind), level, Status(status), at_ms)
            self._enders[bytes(name)] = (*self._enders.get(bytes(name), ()), ender)


def _put_order(connection: sqlite3.Connection, raw: bytes, held: Remembered, locks: bool) -> None:
    order = held.order
    connection.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (
            order.id,
            raw,
            encode(order),
            held.accepted_ms,
            held.level,
            held.tape_ms,
            order.expires * SECOND_MS,
            int(held.stage),
            held.ended_ms,
            int(locks),
        ),
    )


def _put_effects(connection: sqlite3.Connection, taken: _Taken) -> None:
    """The signer's window, the first receipts, and what becomes of other orders."""
    held, ender, window = taken.held, taken.ender, taken.window
    connection.execute(
        "INSERT OR REPLACE INTO windows VALUES (?, ?, ?)",
        (taken.signer, window.high, window.bits.to_bytes(_WINDOW_BYTES, "big")),
    )
    _put_receipt(connection, ender.id, Stage.ACCEPTED, ender.at_ms)
    if held.stage is Stage.DONE:
        _put_receipt(connection, ender.id, Stage.DONE, ender.at_ms)
    connection.executemany(
        "INSERT OR REPLACE INTO endings VALUES (?, ?, ?, ?, ?, ?)",
        [
            (name, ender.id, int(ender.type), ender.level, int(ender.status), ender.at_ms)
            for name in held.order.references
        ],
    )
    for name in taken.ended:
        _end(connection, name, Stage.CANCELLED, ender.at_ms)
        _put_receipt(connection, name, Stage.CANCELLED, ender.at_ms)
    for name in taken.revived:
        _revive(connection, name)
    connection.executemany("UPDATE orders SET locks = 0 WHERE id = ?", [(name,) for name in taken.opened])


def _acts(order: Order, at_ms: int) -> bool:
    """Whether an update that comes now takes over at once; of other types it is so."""
    begins_at_once = order.not_before <= order.issued or order.not_before * SECOND_MS <= at_ms
    return order.type is not MessageType.UPDATE or begins_at_once


def _end(connection: sqlite3.Connection, order: bytes, stage: Stage, at_ms: int) -> None:
    connection.execute("UPDATE orders SET stage = ?, ended_ms = ? WHERE id = ?", (int(stage), at_ms, order))


def _revive(connection: sqlite3.Connection, order: bytes) -> None:
    """It goes on in another round, as if it had not been ended; that it was is told no more."""
    connection.execute(
        "UPDATE orders SET stage = ?, ended_ms = NULL, rounds = rounds + 1 WHERE id = ?", (int(Stage.ACCEPTED), order)
    )
    connection.execute("DELETE FROM receipts WHERE id = ? AND stage = ?", (order, int(Stage.CANCELLED)))


def _lasts(stop: Remembered, now_ms: int) -> bool:
    """Whether its lock has no end of its own, or not yet."""
    return stop.order.until is None or stop.order.until * SECOND_MS > now_ms


def _locks(order: Order, at_ms: int) -> bool:
    """Whether it is a stop whose lock begins before its own end, be it late."""
    begins_ms = max(at_ms, order.not_before * SECOND_MS)
    is_stop = order.type is MessageType.STOP and order.status is Status.ACTUAL
    return is_stop and (order.until is None or begins_ms < order.until * SECOND_MS)


def _holds_back(stop: Remembered, held: Remembered) -> bool:
    """Whether a stop silences this order: of its level or a lower one, and here before the lock's own end."""
    return held.order.type in SOUNDING and held.level >= stop.level and _lasts(stop, held.accepted_ms)


def _may_sound(held: Remembered, now_ms: int) -> bool:
    return held.order.expires * SECOND_MS > now_ms


def _has_changed(connection: sqlite3.Connection) -> bool:
    """Whether the last statement changed a row; in SQL, since drivers of SQLite name their counters differently."""
    (changes,) = connection.execute("SELECT changes()").fetchone()
    return int(changes) > 0


def _put_receipt(
    connection: sqlite3.Connection,
    order: bytes,
    stage: Stage,
    at_ms: int,
    *,
    first_sample_ms: int | None = None,
    grade: Grade = Grade.NONE,
) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO receipts VALUES (?, ?, ?, '', ?, ?, 0)",
        (order, int(stage), at_ms, first_sample_ms, int(grade)),
    )
