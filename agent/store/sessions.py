"""The live sessions that were accepted, so that none is heard twice: a few, in one value of the table `state`."""

from collections.abc import Collection
from typing import Final

from agent.store.database import Database, put_state
from protocol.codec import pack, unpack
from protocol.errors import ProtocolError

KEY: Final = "live"
KEEP_S: Final = 90 * 86_400
"""So long behind its end a session is remembered, against clocks that are set back."""
MAX_BYTES: Final = 4_194_304


class Sessions:
    """Implements the port `SessionBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held = _read(database.state(KEY))
        """By id, when it ends (epoch seconds)."""

    def seen(self) -> Collection[bytes]:
        return self._held.keys()

    def accept(self, session: bytes, expires_s: int) -> None:
        kept = {name: end for name, end in self._held.items() if end > expires_s - KEEP_S} | {session: expires_s}
        with self._database.change() as connection:
            put_state(connection, KEY, pack([[name, end] for name, end in kept.items()]))
        self._held = kept


def _read(value: bytes | None) -> dict[bytes, int]:
    try:
        rows = [] if value is None else unpack(value, max_bytes=MAX_BYTES)
        return {bytes(name): int(end) for name, end in rows}
    except (ProtocolError, TypeError, ValueError):
        return {}
