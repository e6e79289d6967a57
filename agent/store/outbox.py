"""What goes up at least once: log rows, receipts, faults, each until the controller has it in its database."""

from collections.abc import Collection, Sequence
from typing import Final

from agent.store.database import Database, put_state
from agent.store.plays import CHAIN_START
from agent.store.rows import typed
from protocol.codec import decode
from protocol.quantities import DAY_MS
from protocol.report import Ack, Fault, FaultCode, Grade, LogRow, Receipt, Stage

BATCH: Final = 64
KEEP_MS: Final = 100 * DAY_MS  # requirement 6 asks for 90 days on the box
_MAX_DETAIL: Final = 200


class Outgoing:
    """Implements the port `Outbox`."""

    def __init__(self, database: Database, box: str) -> None:
        self._database = database
        self._box = box
        chain = database.state("chain")
        assert chain is not None, "the schema names the chain"
        self._chain = chain

    def chain(self) -> bytes:
        return self._chain

    def log_seq(self) -> int:
        return int(typed(self._database.rows("SELECT coalesce(max(seq), 0) FROM log")[0])[0])

    def acked_seq(self) -> int:
        return int.from_bytes(self._database.state("acked_seq") or b"\0", "big")

    def rows_after(self, seq: int, limit: int) -> tuple[bytes, tuple[LogRow, ...]]:
        before = self._database.rows("SELECT hash FROM log WHERE seq = ?", seq)
        rows = self._database.rows("SELECT row FROM log WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
        return (
            bytes(typed(before[0])[0]) if before else CHAIN_START,
            tuple(decode(bytes(typed(row)[0]), LogRow) for row in rows),
        )

    def receipts(self) -> Sequence[Receipt]:
        """A flood of refusals comes after what was obeyed."""
        sql = (
            "SELECT * FROM ("
            "SELECT id, stage, at_ms, code, first_sample_ms, grade FROM receipts WHERE acked = 0 "
            "UNION ALL "
            "SELECT id, stage, at_ms, code, first_sample_ms, grade FROM again JOIN receipts USING (id, stage) "
            "UNION ALL SELECT id, 0 AS stage, at_ms, code, NULL, 0 FROM refusals WHERE acked = 0"
            ") ORDER BY stage = 0, at_ms, stage LIMIT ?"
        )
        return [
            Receipt(self._box, bytes(name), Stage(stage), at_ms, code, first_sample_ms, Grade(grade))
            for name, stage, at_ms, code, first_sample_ms, grade in map(typed, self._database.rows(sql, BATCH))
        ]

    def faults(self) -> Sequence[Fault]:
        sql = "SELECT code, raised, at_ms, detail FROM faults WHERE acked = 0 ORDER BY at_ms, code LIMIT ?"
        return [
            Fault(self._box, FaultCode(code), bool(raised), at_ms, detail)
            for code, raised, at_ms, detail in map(typed, self._database.rows(sql, BATCH))
        ]

    def note_fault(self, code: FaultCode, raised: bool, at_ms: int, detail: str) -> None:
        """Notes of one code follow each other by at least a millisecond: (code, at) names them on the wire."""
        sql = "SELECT coalesce(max(at_ms), -1) FROM faults WHERE code = ?"
        newest = int(typed(self._database.rows(sql, int(code))[0])[0])
        with self._database.change() as connection:
            connection.execute(
                "INSERT INTO faults VALUES (?, ?, ?, ?, 0)",
                (int(code), max(newest + 1, at_ms), int(raised), _utf8(detail)[:_MAX_DETAIL]),
            )
            connection.execute("DELETE FROM faults WHERE code = ? AND acked = 1", (int(code),))

    def active_faults(self) -> Collection[FaultCode]:
        rows = map(typed, self._database.rows("SELECT code, raised FROM faults ORDER BY at_ms"))
        newest = {FaultCode(code): bool(raised) for code, raised in rows}
        return {code for code, raised in newest.items() if raised}

    def prune(self, now_ms: int) -> None:
        with self._database.change() as connection:
            connection.execute("DELETE FROM log WHERE closed_ms < ? AND seq < ?", (now_ms - KEEP_MS, self.acked_seq()))
            connection.execute("DELETE FROM receipts WHERE at_ms < ? AND acked = 1", (now_ms - KEEP_MS,))

    def acknowledge(self, ack: Ack) -> bool:
        acked = min(ack.log_seq, self.log_seq()) if ack.chain == self._chain else 0
        news = acked > self.acked_seq() or bool(ack.receipts) or bool(ack.faults)
        if not news:
            return False
        with self._database.change() as connection:
            if acked > self.acked_seq():
                put_state(connection, "acked_seq", acked.to_bytes(8, "big"))
            connection.executemany(
                "UPDATE receipts SET acked = 1 WHERE id = ? AND stage = ? AND acked = 0",
                [(order, int(stage)) for order, stage in ack.receipts],
            )
            connection.executemany(
                "DELETE FROM again WHERE id = ? AND stage = ?", [(order, int(stage)) for order, stage in ack.receipts]
            )
            connection.executemany(
                "UPDATE refusals SET acked = 1 WHERE id = ?",
                [(order,) for order, stage in ack.receipts if stage is Stage.REJECTED],
            )
            connection.executemany(
                "UPDATE faults SET acked = 1 WHERE code = ? AND at_ms = ? AND acked = 0",
                [(int(code), at) for code, at in ack.faults],
            )
        return True


def _utf8(text: str) -> str:
    """Names of files may have bytes that are no UTF-8; neither SQLite nor the wire carries those."""
    return text.encode(errors="replace").decode()
