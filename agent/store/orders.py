"""The order book: which orders were accepted, how far each has come, and what was answered.

An order is accepted in one transaction: its row, its signer's replay window, what it cancels, and the receipts that say
so. Before it nothing is accepted and the order may come again; after it the order is obeyed, power cut or not.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.ports.store import Remembered
from agent.store.database import Database
from protocol.codec import decode, encode
from protocol.gate import Accept, ReplayWindow
from protocol.order import MAX_ORDER_BYTES, MessageType, Order, Status
from protocol.quantities import DAY_MS, SECOND_MS
from protocol.report import Grade, Stage

ENDED: Final = (Stage.DONE, Stage.CANCELLED, Stage.EXPIRED)
KEEP_MS: Final = 90 * DAY_MS
"""So long after its expiry an order is remembered, and a cancel after it came."""
_WINDOW_BYTES: Final = 8


@dataclass(frozen=True)
class _Cancelled:
    level: int
    at_ms: int


class Orders:
    """Implements the port `OrderBook`. What the gate asks is kept in memory too, and follows each transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heard_before = database.heard_before()
        self._held: dict[bytes, Remembered] = {}
        self._windows: dict[bytes, ReplayWindow] = {}
        self._cancelled: dict[bytes, _Cancelled] = {}
        self._load()

    def orders(self, since_ms: int) -> Sequence[Remembered]:
        return [held for held in self._held.values() if held.order.expires * SECOND_MS > since_ms]

    def seen(self) -> Collection[bytes]:
        return self._held.keys() | self._heard_before.keys() if self._heard_before else self._held.keys()

    def windows(self) -> Mapping[bytes, ReplayWindow]:
        return self._windows

    def cancelled(self) -> Mapping[bytes, int]:
        return {name: cancelled.level for name, cancelled in self._cancelled.items()}

    def levels(self) -> Mapping[bytes, int]:
        return {name: held.level for name, held in self._held.items()}

    def statuses(self) -> Mapping[bytes, Status]:
        return {name: held.order.status for name, held in self._held.items()}

    def accepted_since(self, since_ms: int) -> tuple[int, ...]:
        return tuple(held.accepted_ms for held in self._held.values() if held.accepted_ms > since_ms)

    def accept(self, raw: bytes, verdict: Accept, at_ms: int, tape_ms: int) -> None:
        order = verdict.order
        silent = order.type is MessageType.CANCEL or order.status is Status.TEST
        stage = Stage.DONE if silent else Stage.ACCEPTED
        window = self._windows.get(verdict.first_signer_key, ReplayWindow()).with_(order.sequence)
        references = order.references if order.type is not MessageType.ALERT else ()
        at_once = order.type is MessageType.CANCEL or order.not_before * SECOND_MS <= at_ms
        ended = [name for name in references if at_once and self._is_live(name)]
        with self._database.change() as connection:
            connection.execute(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    order.id,
                    raw,
                    encode(order),
                    at_ms,
                    verdict.level,
                    tape_ms,
                    order.expires * SECOND_MS,
                    int(stage),
                    at_ms if silent else None,
                ),
            )
            connection.execute(
                "INSERT OR REPLACE INTO windows VALUES (?, ?, ?)",
                (verdict.first_signer_key, window.high, window.bits.to_bytes(_WINDOW_BYTES, "big")),
            )
            _put_receipt(connection, order.id, Stage.ACCEPTED, at_ms)
            if silent:
                _put_receipt(connection, order.id, Stage.DONE, at_ms)
            for reference in references:
                connection.execute(
                    "INSERT INTO cancels VALUES (?, ?, ?) "
                    "ON CONFLICT (id) DO UPDATE SET level = min(level, excluded.level)",
                    (reference, verdict.level, at_ms),
                )
            for reference in ended:
                _end(connection, reference, Stage.CANCELLED, at_ms)
                _put_receipt(connection, reference, Stage.CANCELLED, at_ms)
        self._windows[verdict.first_signer_key] = window
        self._put(order.id, Remembered(order, at_ms, verdict.level, tape_ms, stage, at_ms if silent else None))
        for reference in references:
            before = self._cancelled.get(reference)
            level = verdict.level if before is None else min(before.level, verdict.level)
            self._cancelled[reference] = _Cancelled(level, at_ms if before is None else before.at_ms)
        for reference in ended:
            self._held[reference] = replace(self._held[reference], stage=Stage.CANCELLED, ended_ms=at_ms)
        self._database.keep_trust()

    def reject(self, order: bytes, code: str, at_ms: int) -> None:
        with self._database.change() as connection:
            connection.execute(
                "INSERT INTO receipts VALUES (?, ?, ?, ?, NULL, 0, 0) ON CONFLICT (id, stage) DO UPDATE SET "
                "at_ms = iif(code = excluded.code, at_ms, excluded.at_ms), code = excluded.code, acked = 0",
                (order, int(Stage.REJECTED), at_ms, code),
            )

    def answer_again(self, order: bytes) -> None:
        with self._database.change() as connection:
            connection.execute("UPDATE receipts SET acked = 0 WHERE id = ?", (order,))
            if order in self._heard_before:  # what became of it is lost; that it was accepted is not
                _put_receipt(connection, order, Stage.ACCEPTED, self._heard_before[order])

    def progress(self, order: bytes, stage: Stage, at_ms: int, first_sample_ms: int | None, grade: Grade) -> bool:
        held = self._held.get(order)
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
            self._database.keep_trust()
        return True

    def prune(self, now_ms: int) -> None:
        since_ms = now_ms - KEEP_MS
        old = [name for name, held in self._held.items() if held.order.expires * SECOND_MS < since_ms]
        called_off = [name for name, cancelled in self._cancelled.items() if cancelled.at_ms < since_ms]
        if old or called_off:
            with self._database.change() as connection:
                connection.executemany("DELETE FROM orders WHERE id = ?", [(name,) for name in old])
                connection.executemany("DELETE FROM cancels WHERE id = ?", [(name,) for name in called_off])
            for name in old:
                del self._held[name]
            for name in called_off:
                del self._cancelled[name]

    def _put(self, name: bytes, remembered: Remembered) -> None:
        """Oldest first, also where the clock was set back since."""
        self._held[name] = remembered
        rows = sorted(self._held.items(), key=lambda row: (row[1].accepted_ms, row[0]))
        self._held = dict(rows)

    def _is_live(self, order: bytes) -> bool:
        held = self._held.get(order)
        return held is not None and held.stage not in ENDED

    def _load(self) -> None:
        sql = "SELECT id, record, accepted_ms, level, tape_ms, stage, ended_ms FROM orders ORDER BY accepted_ms, id"
        for row in self._database.rows(sql):
            name, record, accepted_ms, level, tape_ms, stage, ended_ms = _typed(row)
            order = decode(bytes(record), Order, max_bytes=MAX_ORDER_BYTES)
            self._held[bytes(name)] = Remembered(order, accepted_ms, level, tape_ms, Stage(stage), ended_ms)
        for signer, high, bits in map(_typed, self._database.rows("SELECT signer, high, bits FROM windows")):
            self._windows[bytes(signer)] = ReplayWindow(high, int.from_bytes(bits, "big"))
        for name, level, at_ms in map(_typed, self._database.rows("SELECT id, level, at_ms FROM cancels")):
            self._cancelled[bytes(name)] = _Cancelled(level, at_ms)


def _typed(row: tuple[object, ...]) -> Any:
    return row


def _end(connection: sqlite3.Connection, order: bytes, stage: Stage, at_ms: int) -> None:
    connection.execute("UPDATE orders SET stage = ?, ended_ms = ? WHERE id = ?", (int(stage), at_ms, order))


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
