"""What a new database inherits from a damaged one by way of the trust file: what is chosen, and how it is put back.

Each kind has a limit, and their sum is below what the file may hold. Where there is more than a limit, what the highest
level said stays, of that the newest, and of no signer all: nobody who may sign can push out what others have signed.
"""

import sqlite3
from collections.abc import Callable
from typing import Final

from agent.store.rows import typed
from agent.store.trust_file import Kept
from protocol.clock import MAX_AHEAD_S
from protocol.codec import pack, unpack
from protocol.order import MAX_LIFETIME_S
from protocol.quantities import SECOND_MS
from protocol.report import Grade, Stage

Rows = Callable[..., list[tuple[object, ...]]]
"""SQL and values to rows."""

MAX_SEEN: Final = 2_000
"""Newest orders whose ids are kept; older ones are known by their signer's window, and have long expired."""
MAX_LOCKS: Final = 100
MAX_LIVE: Final = 150
MAX_ENDED: Final = 150
MAX_ENDINGS: Final = 4_000
MAX_ENDINGS_OF_ONE: Final = 500
"""Of one signer."""
MAX_WINDOWS: Final = 8_000
MATTERS_MS: Final = (MAX_LIFETIME_S + MAX_AHEAD_S) * SECOND_MS
"""So long after it came an ending can still meet an order that is not here: then that has expired."""
_MAX_HEARD_BYTES: Final = 4_194_304

_LOCKS: Final = """
SELECT id, raw, record, accepted_ms, level, tape_ms, expires_ms, stage, rounds, locks FROM orders
WHERE locks = 1 ORDER BY level, accepted_ms DESC LIMIT ?
"""
_LIVE: Final = """
SELECT id, raw, record, accepted_ms, level, tape_ms, expires_ms, stage, rounds, locks FROM orders
WHERE locks = 0 AND ended_ms IS NULL AND expires_ms > ? ORDER BY level, accepted_ms DESC LIMIT ?
"""
_ENDED: Final = """
WITH enders AS (SELECT ender FROM endings JOIN orders ON orders.id = endings.id WHERE orders.expires_ms > ?1)
SELECT id, raw, record, accepted_ms, level, tape_ms, expires_ms, stage, rounds, locks, ended_ms FROM orders
WHERE locks = 0 AND ended_ms IS NOT NULL AND (expires_ms > ?1 OR id IN enders)
ORDER BY stage = ?2 OR id IN enders DESC, level, accepted_ms DESC LIMIT ?3
"""
"""Floor, CANCELLED, limit."""
_ENDINGS: Final = """
WITH mattering AS (
    SELECT endings.*, coalesce(orders.expires_ms > ?1, 0) AS is_live
    FROM endings LEFT JOIN orders ON orders.id = endings.id
    WHERE endings.at_ms > ?2 OR orders.expires_ms > ?1
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY substr(ender, 1, 4) ORDER BY is_live DESC, at_ms DESC) AS number
    FROM mattering
)
SELECT id, ender, type, level, status, at_ms FROM numbered WHERE number <= ?3
ORDER BY is_live DESC, level, at_ms DESC, id, ender LIMIT ?4
"""
"""Floor, since when they matter, limit of one signer (whose key id begins the id), limit."""
_STATE: Final = "SELECT key, value FROM state WHERE key IN ('roots', 'roots.lost', 'wanted', 'floor_ms')"
_LISTS: Final = """
SELECT key, value FROM state WHERE key LIKE 'delegation/%' OR (
    key LIKE 'delegation.record/%' AND replace(key, '.record', '') NOT IN (SELECT key FROM state)
) ORDER BY key
"""
"""As they were signed; a record where there is nothing signed, which only says how far the list of a place has come."""


def choose(rows: Rows) -> Kept:
    """What goes into the trust file. Raises what `rows` raises."""
    state = {str(key): bytes(value) for key, value in map(typed, rows(_STATE))}
    floor_ms = int.from_bytes(state.get("floor_ms", b"\0"), "big")
    newest = rows("SELECT id, accepted_ms FROM orders ORDER BY accepted_ms DESC LIMIT ?", MAX_SEEN)
    seen = {**heard_before(rows), **dict(map(typed, newest))}
    return Kept(
        roots=state.get("roots", b""),
        windows=typed(tuple(rows("SELECT signer, high, bits FROM windows ORDER BY signer LIMIT ?", MAX_WINDOWS))),
        seen=tuple(sorted(seen.items(), key=lambda row: (-row[1], row[0])))[:MAX_SEEN],
        endings=typed(tuple(rows(_ENDINGS, floor_ms, floor_ms - MATTERS_MS, MAX_ENDINGS_OF_ONE, MAX_ENDINGS))),
        floor_ms=floor_ms,
        live=typed((*rows(_LOCKS, MAX_LOCKS), *rows(_LIVE, floor_ms, MAX_LIVE))),
        delegations=typed(tuple(rows(_LISTS))),
        ended=typed(tuple(rows(_ENDED, floor_ms, int(Stage.CANCELLED), MAX_ENDED))),
        wanted=state.get("wanted", b""),
        lost="roots.lost" in state,
    )


def heard_before(rows: Rows) -> dict[bytes, int]:
    """By id, when orders were accepted whose rows a damaged database took with it."""
    found = rows("SELECT value FROM state WHERE key = 'heard_before'")
    kept = unpack(typed(found[0][0]), max_bytes=_MAX_HEARD_BYTES) if found else []
    return {bytes(name): int(at_ms) for name, at_ms in kept}


def put_back(connection: sqlite3.Connection, kept: Kept) -> None:
    """Into the empty tables of a new database.

    An order that had not ended goes on: how far it had come is lost, and a pass too many is better than an alarm that
    nobody hears. One that had ended stays ended, and can be reinstated before it expires.
    """
    here = {row[0]: row[3] for row in (*kept.live, *kept.ended)}
    state = {
        "roots": kept.roots,
        "roots.lost": b"\1" if kept.lost else b"",
        "wanted": kept.wanted,
        "floor_ms": kept.floor_ms.to_bytes(8, "big"),
        "heard_before": pack([list(row) for row in kept.seen if row[0] not in here]),
        **dict(kept.delegations),
    }
    connection.executemany("INSERT INTO state VALUES (?, ?)", [(key, value) for key, value in state.items() if value])
    # The passes of what is done are forgotten: it must not be taken for something that was done since the start.
    ended = [(*row[:8], 0 if row[7] == Stage.DONE else row[10], *row[8:10]) for row in kept.ended]
    live = [(*row[:8], row[3] if row[9] else None, *row[8:]) for row in kept.live]  # a stop is done when it comes
    connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [*live, *ended])
    # What had ended was told, perhaps: it is told again to whoever asks.
    receipts = [(row[0], int(Stage.ACCEPTED), row[3], 0) for row in kept.live]
    receipts += [(row[0], int(Stage.ACCEPTED), row[3], 1) for row in kept.ended]
    receipts += [(row[0], row[7], row[10], 1) for row in kept.ended if row[7] == Stage.CANCELLED]
    connection.executemany(
        "INSERT INTO receipts VALUES (?, ?, ?, '', NULL, ?, ?)",
        [(name, stage, at_ms, int(Grade.NONE), acked) for name, stage, at_ms, acked in receipts],
    )
    connection.executemany("INSERT INTO windows VALUES (?, ?, ?)", kept.windows)
    connection.executemany("INSERT INTO endings VALUES (?, ?, ?, ?, ?, ?)", kept.endings)
