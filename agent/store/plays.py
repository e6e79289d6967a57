"""The play log: what was about to sound is a row before it sounds, and one row of a hash chain when it has ended.

The open row and the chain's row change places in one transaction, so a power cut leaves a play open or closed, never
both and never neither.
"""

from collections.abc import Callable, Sequence
from typing import Final

from agent.ports.journal import Play, is_emergency
from agent.store.database import Database
from agent.store.rows import typed
from protocol.codec import decode, encode
from protocol.report import Grade, LogRow, Result, chain_hash

CHAIN_START: Final = bytes(32)
_MAX_NAME: Final = 160
_MAX_DETAIL: Final = 200
_MAX_ERROR_MS: Final = 2**31 - 1


class Plays:
    """Implements the port `PlayJournal`."""

    def __init__(self, database: Database, now_ms: Callable[[], int], changed: Callable[[], None]) -> None:
        """`changed` is called after each transaction: there is something to report."""
        self._database = database
        self._now_ms = now_ms
        self._changed = changed

    def begin(self, play: Play) -> None:
        with self._database.change() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO plays VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (
                    play.play,
                    play.cause,
                    play.bulletin,
                    play.sound,
                    play.planned_ms,
                    play.intended_ms,
                    int(play.emergency),
                ),
            )
        self._changed()

    def started(self, play: str, first_sample_ms: int) -> None:
        with self._database.change() as connection:
            connection.execute("UPDATE plays SET started_ms = ? WHERE play = ?", (first_sample_ms, play))

    def end(
        self, play: str, ended_ms: int | None, result: Result, grade: Grade, detail: str, *, final: bool = True
    ) -> None:
        found = self._database.rows("SELECT * FROM plays WHERE play = ?", play)
        if not found:
            return
        started_ms = found[0][-1]
        self._append(
            _play(found[0]),
            started_ms if isinstance(started_ms, int) else None,
            ended_ms=ended_ms,
            result=result,
            grade=grade,
            detail=detail,
            final=final,
        )

    def missed(self, play: Play, detail: str) -> None:
        if not self._database.rows("SELECT 1 FROM log WHERE play = ? LIMIT 1", play.play):
            self._append(play, None, ended_ms=None, result=Result.MISSED, grade=Grade.NONE, detail=detail, final=True)

    def finished(self, since_ms: int) -> frozenset[str]:
        found = self._database.rows("SELECT play FROM log WHERE closed_ms > ? AND final = 1", since_ms)
        return frozenset(str(row[0]) for row in found)

    def heard(self, since_ms: int) -> tuple[tuple[int, int], ...]:
        found = self._database.rows("SELECT row FROM log WHERE closed_ms > ? ORDER BY seq", since_ms)
        rows = [decode(bytes(typed(row)[0]), LogRow) for row in found]
        return tuple(
            (row.started, row.started if row.ended is None else row.ended)
            for row in rows
            if row.started is not None and not is_emergency(row.play)
        )

    def open(self) -> Sequence[Play]:
        return [_play(row) for row in self._database.rows("SELECT * FROM plays ORDER BY intended_ms")]

    def _append(
        self,
        play: Play,
        started_ms: int | None,
        *,
        ended_ms: int | None,
        result: Result,
        grade: Grade,
        detail: str,
        final: bool,
    ) -> None:
        last = self._database.rows("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1")
        seq, before = typed(last[0]) if last else (0, CHAIN_START)
        error_ms = 0 if started_ms is None else max(-_MAX_ERROR_MS, min(_MAX_ERROR_MS, started_ms - play.intended_ms))
        row = LogRow(
            seq=seq + 1,
            play=play.play[:_MAX_NAME],
            cause=play.cause,
            bulletin=play.bulletin,
            sound=play.sound,
            planned=play.planned_ms,
            started=started_ms,
            ended=ended_ms,
            result=result,
            grade=grade,
            start_error_ms=error_ms,
            detail=detail[:_MAX_DETAIL],
        )
        with self._database.change() as connection:
            connection.execute(
                "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    row.seq,
                    encode(row),
                    chain_hash(bytes(before), row),
                    play.play,
                    int(result),
                    self._now_ms(),
                    int(final),
                ),
            )
            connection.execute("DELETE FROM plays WHERE play = ?", (play.play,))
        self._changed()


def _play(row: tuple[object, ...]) -> Play:
    play, cause, bulletin, sound, planned_ms, intended_ms, emergency, _ = typed(row)
    return Play(play, cause, bulletin, sound, planned_ms, intended_ms, bool(emergency))
