"""One SQLite file in WAL mode with synchronous=FULL: a transaction that returned is on the disk (sqlite.org/wal.html).

A file that SQLite calls damaged is put aside and a new one begun: the box must sound emergencies today, and the
controller has the rest. The new one carries a new log chain, so that nobody mistakes its rows for the old ones, and
whatever the trust file has kept.
"""

import contextlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import structlog
from sqlite_utils import Database as Tables

from agent.errors import StoreError
from agent.store import inheritance, trust_file
from agent.store.failure import store_error
from agent.store.rows import typed

log = structlog.get_logger()

SCHEMA_VERSION: Final = 2
CHAIN_BYTES: Final = 8
PROMPT_WRITES: Final = 20
"""So often between two settlements, ten minutes apart, the trust file is written at once, whatever for."""

_SCHEMA: Final = """
CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blobs (hash BLOB PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE orders (
    id BLOB PRIMARY KEY, raw BLOB NOT NULL, record BLOB NOT NULL, accepted_ms INTEGER NOT NULL, level INTEGER NOT NULL,
    tape_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, stage INTEGER NOT NULL, ended_ms INTEGER,
    rounds INTEGER NOT NULL DEFAULT 0, locks INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX orders_by_acceptance ON orders (accepted_ms);
CREATE TABLE windows (signer BLOB PRIMARY KEY, high INTEGER NOT NULL, bits BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE endings (
    id BLOB NOT NULL, ender BLOB NOT NULL, type INTEGER NOT NULL, level INTEGER NOT NULL, status INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (id, ender)
) WITHOUT ROWID;
CREATE TABLE receipts (
    id BLOB NOT NULL, stage INTEGER NOT NULL, at_ms INTEGER NOT NULL, code TEXT NOT NULL, first_sample_ms INTEGER,
    grade INTEGER NOT NULL, acked INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (id, stage)
) WITHOUT ROWID;
CREATE INDEX receipts_to_send ON receipts (at_ms) WHERE acked = 0;
CREATE TABLE faults (
    code INTEGER NOT NULL, at_ms INTEGER NOT NULL, raised INTEGER NOT NULL, detail TEXT NOT NULL,
    acked INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (code, at_ms)
) WITHOUT ROWID;
CREATE TABLE plays (
    play TEXT PRIMARY KEY, cause TEXT NOT NULL, bulletin TEXT NOT NULL, sound TEXT NOT NULL,
    planned_ms INTEGER NOT NULL, intended_ms INTEGER NOT NULL, emergency INTEGER NOT NULL, started_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE log (
    seq INTEGER PRIMARY KEY, row BLOB NOT NULL, hash BLOB NOT NULL, play TEXT NOT NULL, result INTEGER NOT NULL,
    closed_ms INTEGER NOT NULL, final INTEGER NOT NULL
);
CREATE INDEX log_by_end ON log (closed_ms);
CREATE INDEX log_by_play ON log (play);
"""

_IN_MEMORY: Final = (
    "CREATE TEMP TABLE again (id BLOB NOT NULL, stage INTEGER NOT NULL, PRIMARY KEY (id, stage)) WITHOUT ROWID",
    "CREATE TEMP TABLE refusals (id BLOB PRIMARY KEY, at_ms INTEGER NOT NULL, code TEXT NOT NULL, "
    "acked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
)
"""Receipts that were acknowledged and are asked for again, and orders that were refused. Whoever repeats old messages
or makes up new ones all day must not wear the card out, so none of this reaches the disk. What a restart forgets of it
the controller asks again: it has no answer yet."""


class Database:
    """The connection, and the few ways in which the rooms of the store use it."""

    def __init__(
        self,
        folder: Path,
        connect: Callable[[Path], Tables] = Tables,
        write_trust: Callable[[Path, trust_file.Kept], None] = trust_file.write,
    ) -> None:
        """Open or create `box.sqlite3` in this folder. Raises `StoreError` when the disk will not have it."""
        self.path: Final = folder / "box.sqlite3"
        self._write_trust = write_trust
        self._prompt_left = PROMPT_WRITES
        self._owes_trust = False
        self.put_aside: Path | None = None
        """Where a damaged file of before lies now."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._tables = _open(self.path, connect)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self.put_aside = _put_aside(self.path)
                self._tables = _open(self.path, connect)
            if trust_file.read(folder).lost:
                self.keep_trust()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self.path}: cannot be opened ({error}); check that the disk is there, writable and not full",
                vi=f"{self.path}: không mở được ({error}); hãy kiểm tra thẻ nhớ có đó, ghi được và còn chỗ",
            ) from error

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; on the disk when the block ends, undone when it fails. Raises `StoreError`."""
        try:
            with self._tables.atomic():
                yield self._tables.conn
        except sqlite3.Error as error:
            raise store_error(
                f"{self.path}: not written ({error}); check that the disk is writable and not full", error
            ) from error

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Raises `StoreError`."""
        try:
            found: list[tuple[object, ...]] = self._tables.conn.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise store_error(f"{self.path}: cannot be read ({error}); check the disk", error) from error
        return found

    def state(self, key: str) -> bytes | None:
        found = self.rows("SELECT value FROM state WHERE key = ?", key)
        return bytes(found[0][0]) if found and isinstance(found[0][0], bytes) else None

    def keys(self, prefix: str) -> list[str]:
        """Of all values whose key begins so, what follows, sorted."""
        sql = "SELECT key FROM state WHERE substr(key, 1, ?) = ? ORDER BY key"
        return [str(row[0])[len(prefix) :] for row in typed(self.rows(sql, len(prefix), prefix))]

    def heard_before(self) -> dict[bytes, int]:
        """By id, when orders were accepted whose rows a damaged database took with it."""
        return inheritance.heard_before(self.rows)

    def keep_trust(self, *, can_wait: bool = False) -> None:
        """Bring the trust file up to date. Only said when the disk refuses: an order must sound all the same.

        `can_wait` is for what costs a pass too many at most, should the database be damaged meanwhile: an alarm has
        come to its end. In a flood of orders it waits for the next one that is accepted, which writes everything, or
        for the settlement: stolen keys shall not wear the card out twice as fast. What is accepted, cancelled or
        stopped, and whom to trust, never waits: the controller sends nothing again that was answered, so that an alarm
        which the file does not know would fall silent.
        """
        if can_wait and self._prompt_left <= 0:
            self._owes_trust = True
            return
        self._prompt_left -= 1
        try:
            self._write_trust(self.path.parent, inheritance.choose(self.rows))
        except (OSError, StoreError) as error:
            self._owes_trust = True
            log.warning("the trust file was not written; the database has it all", reason=str(error))
        else:
            self._owes_trust = False

    def settle_trust(self) -> None:
        """Write what has waited. Called every ten minutes while the box is up."""
        self._prompt_left = PROMPT_WRITES
        if self._owes_trust:
            self.keep_trust()

    def close(self) -> None:
        if self._owes_trust:
            self.keep_trust()
        self._tables.close()


def put_state(connection: sqlite3.Connection, key: str, value: bytes) -> None:
    """A value of the table `state`, inside a `change`."""
    connection.execute(
        "INSERT INTO state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
    )


def _open(path: Path, connect: Callable[[Path], Tables]) -> Tables:
    tables = connect(path)
    try:
        connection = tables.conn
        connection.execute("PRAGMA busy_timeout = 5000")
        tables.enable_wal()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
        for statement in _IN_MEMORY:
            connection.execute(statement)
        if _version(path, connection) == 0:
            _create(tables, path.parent)
    except BaseException:
        tables.close()
        raise
    return tables


def _version(path: Path, connection: sqlite3.Connection) -> int:
    """The schema's version, 0 for an empty file. Raises `sqlite3.DatabaseError` when the file is damaged."""
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise sqlite3.DatabaseError(f"malformed: {damage}")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if 0 < version < SCHEMA_VERSION:  # before the wire was frozen: nothing in it can be read any more
        raise sqlite3.DatabaseError(f"malformed: of version {version}")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by a newer version of this program; install that version again",
            vi=f"{path}: do phiên bản mới hơn của phần mềm này ghi; hãy cài lại phiên bản đó",
        )
    return version


def _create(tables: Tables, folder: Path) -> None:
    """The schema and the chain's name, in one transaction: a power cut leaves all of it or an empty file."""
    with tables.atomic():
        for statement in _SCHEMA.split(";\n"):
            if statement.strip():
                tables.conn.execute(statement)
        inheritance.put_back(tables.conn, trust_file.read(folder))
        put_state(tables.conn, "chain", secrets.token_bytes(CHAIN_BYTES))
        tables.conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    trust_file.sync_folder(folder)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is bad, rather than the disk full, locked or read-only."""
    words = ("malformed", "not a database", "file is encrypted", "unsupported file format")
    return not isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError) and any(
        word in str(error) for word in words
    )


def _put_aside(path: Path) -> Path:
    """Move the file and its companions out of the way, under the first free number."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.replace(aside.with_name(aside.name + suffix))
    return aside
