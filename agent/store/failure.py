"""From what the system says of a disk to what the box says: a full one is mended from the office, a bad one on site."""

import errno
import sqlite3

from agent.errors import StoreError
from protocol.report import FaultCode

_FULL = (errno.ENOSPC, errno.EDQUOT)


def store_error(message: str, cause: OSError | sqlite3.Error) -> StoreError:
    """To be raised from `cause`."""
    full = cause.errno in _FULL if isinstance(cause, OSError) else _code(cause) == sqlite3.SQLITE_FULL
    return StoreError(message, fault=FaultCode.DISK_FULL if full else FaultCode.STORE)


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's own; None for errors of the Python module's."""
    return getattr(error, "sqlite_errorcode", None)
