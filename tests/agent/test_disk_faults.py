"""A full disk and a broken one are two things: one is mended from the office."""

import errno
import sqlite3

import pytest

from agent.store.failure import store_error
from protocol.report import FaultCode


def full_database() -> sqlite3.Error:
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA max_page_count = 2")
    connection.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    connection.close()
    return caught.value


@pytest.mark.parametrize(
    ("cause", "fault"),
    [
        (OSError(errno.ENOSPC, "no space left"), FaultCode.DISK_FULL),
        (OSError(errno.EDQUOT, "quota"), FaultCode.DISK_FULL),
        (OSError(errno.EROFS, "read-only"), FaultCode.STORE),
        (OSError(errno.EIO, "input/output"), FaultCode.STORE),
        (full_database(), FaultCode.DISK_FULL),
        (sqlite3.ProgrammingError("closed"), FaultCode.STORE),
    ],
)
def test_a_full_disk_and_a_broken_one_are_reported_as_what_they_are(
    cause: OSError | sqlite3.Error, fault: FaultCode
) -> None:
    assert store_error("x", cause).fault is fault
