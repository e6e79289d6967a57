"""A sign of the Alpha protocol on a pty: it reads bytes as the manual says, and knows nothing of our driver."""

import contextlib
import os
import pty
import select
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

NUL, SOH, STX, EOT, ESC = 0x00, 0x01, 0x02, 0x04, 0x1B
POSITIONS = b' "&01'
MODES = b"abcefgijklmnoprtuv"


class AlphaSign:
    """What a passer-by sees: `text` is the priority file's, or the one of file "A" where there is none."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.port = Path(os.ttyname(slave))
        self._slave = slave
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.files: dict[str, str] = {"A": "own text"}
        self.refused: list[bytes] = []

    @property
    def text(self) -> str:
        return self.files.get("0") or self.files["A"]

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def _read(self) -> None:
        waiting = b""
        while not self._stop.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                waiting += os.read(self._master, 4096)
            while (end := waiting.find(EOT)) >= 0:
                self._take(waiting[:end])
                waiting = waiting[end + 1 :]

    def _take(self, data: bytes) -> None:
        nuls = len(data) - len(data.lstrip(b"\0"))
        head, _, body = data[nuls:].partition(bytes([STX]))
        good = nuls >= 5 and head[:1] == bytes([SOH]) and head[1:2] in (b"Z", b"!") and head[2:] == b"00"
        if not good or body[:1] != b"A" or len(body) < 2:
            self.refused.append(data)
            return
        label, rest = chr(body[1]), body[2:]
        if rest[:1] == bytes([ESC]):
            if len(rest) < 3 or rest[1] not in POSITIONS or rest[2] not in MODES:
                self.refused.append(data)
                return
            rest = rest[3:]
        self.files[label] = rest.decode("ascii")


@contextlib.contextmanager
def alpha_sign() -> Iterator[AlphaSign]:
    sign = AlphaSign()
    try:
        yield sign
    finally:
        sign.close()
