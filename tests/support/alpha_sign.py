"""A sign of the Alpha protocol on a pty: it reads bytes as the manual says, and knows nothing of our driver."""

import contextlib
import os
import pty
import re
import select
import termios
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

NUL, SOH, STX, EOT, ESC, CALL = 0x00, 0x01, 0x02, 0x04, 0x1B, 0x14
POSITIONS = b' "&01'
MODES = b"abcefgijklmnoprtuv"
NOTHING_WRONG, ILLEGAL = 0x40, 0x60


class AlphaSign:
    """What a passer-by sees is `text` or `dots`: the priority file's, or those of file "A" where there is none."""

    def __init__(self, *, answers: bool = False, baud: int | None = None) -> None:
        """`baud`: the speed at which it reads; at another it understands nothing. None: it finds it by itself."""
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.port = Path(os.ttyname(slave))
        self._slave = slave
        self.answers = answers
        self._speed = None if baud is None else getattr(termios, f"B{baud}")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.files: dict[str, str] = {"A": "own text"}
        self.room: dict[str, tuple[int, int]] = {}
        """Rows and columns of each picture that the memory was laid out for."""
        self.pictures: dict[str, list[str]] = {}
        self.refused: list[bytes] = []
        self.layouts = 0
        self.errors = NOTHING_WRONG

    @property
    def text(self) -> str:
        return self.files.get("0") or self.files["A"]

    @property
    def dots(self) -> list[str]:
        """Rows of the picture that is seen; empty where letters are."""
        if self.text[:1] != chr(CALL):
            return []
        return self.pictures.get(self.text[1:], [])

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def garbage(self) -> None:
        """As if lightning had struck near the line."""
        self.errors = ILLEGAL
        self.pictures.clear()

    def _read(self) -> None:
        waiting = b""
        while not self._stop.is_set():
            if select.select([self._master], [], [], 0.05)[0]:
                waiting += self._heard(os.read(self._master, 4096))
            while (end := waiting.find(EOT)) >= 0:
                self._take(waiting[:end])
                waiting = waiting[end + 1 :]

    def _heard(self, data: bytes) -> bytes:
        if self._speed is None or termios.tcgetattr(self._slave)[5] == self._speed:
            return data
        return bytes(byte ^ 0x55 | 0x80 for byte in data)

    def _take(self, data: bytes) -> None:
        start = data.rfind(bytes(5) + bytes([SOH]))
        head, _, body = data[start + 5 :].partition(bytes([STX]))
        good = start >= 0 and head[1:2] in (b"Z", b"!") and head[2:] == b"00"
        kinds = {b"A": self._take_text, b"I": self._take_dots, b"E": self._take_special, b"F": self._answer}
        if not good or body[:1] not in kinds or not kinds[body[:1]](body[1:]):
            self.refused.append(data)
            self.errors = ILLEGAL

    def _take_text(self, body: bytes) -> bool:
        label, rest = body[:1].decode(), body[1:]
        if rest[:1] == bytes([ESC]):
            if len(rest) < 3 or rest[1] not in POSITIONS or rest[2] not in MODES:
                return False
            rest = rest[3:]
        called = rest[1:].decode("ascii") if rest[:1] == bytes([CALL]) else None
        if called is not None and (label == "0" or called not in self.room):
            return False
        self.files[label] = rest.decode("ascii")
        return True

    def _take_dots(self, body: bytes) -> bool:
        found = re.fullmatch(rb"(.)([0-9A-F]{2})([0-9A-F]{2})((?:[0-8]*\r)*)", body, re.DOTALL)
        if found is None:
            return False
        label, height, width = found[1].decode(), int(found[2], 16), int(found[3], 16)
        rows = found[4].decode().split("\r")[:-1]
        fits = self.room.get(label) == (height, width) and [len(row) for row in rows] == [width] * height
        if fits and height <= 31 and not self.files.get("0"):
            self.pictures[label] = rows
        return fits and height <= 31

    def _take_special(self, body: bytes) -> bool:
        if body == b"4":
            self.errors = NOTHING_WRONG
            return True
        found = re.fullmatch(rb"\$((?:.[ABD][UL][0-9A-F]{8})+)", body, re.DOTALL)
        if found is None:
            return False
        self.layouts += 1
        self.files, self.room, self.pictures = {"A": ""}, {}, {}
        for start in range(0, len(found[1]), 11):
            entry = found[1][start : start + 11].decode()
            if entry[1] == "D":
                self.room[entry[0]] = (int(entry[3:5], 16), int(entry[5:7], 16))
        return True

    def _answer(self, body: bytes) -> bool:
        if self.answers and body == b"*":
            os.write(self._master, bytes(20) + b"\x01000\x02E*" + bytes([self.errors]) + b"\x03\x04")
        return body == b"*"


@contextlib.contextmanager
def alpha_sign(*, answers: bool = False, baud: int | None = None) -> Iterator[AlphaSign]:
    sign = AlphaSign(answers=answers, baud=baud)
    try:
        yield sign
    finally:
        sign.close()
