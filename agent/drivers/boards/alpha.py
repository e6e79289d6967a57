"""Signs that speak the Alpha protocol (Adaptive Micro Systems, 9708-8061F), over a serial line.

A packet is five NULs, by which the sign finds the speed, SOH, the type of sign, its address, STX, a command, EOT. The
line is 8N1. What a sign draws itself goes as text into file "0", the priority file: while it is there a sign shows
nothing else, and an empty one takes it away. Everything else goes dot by dot as a SMALL DOTS PICTURE, which text file
"A" calls; its place in the sign's memory must be laid out once, which forgets what the sign held before.

A sign answers nothing to a write. Where the line runs both ways (`answers`) it is asked for its serial error register
after each: silence, or an error, is a fault.
"""

import time
from typing import Final

import serial

from agent.drivers.boards.worker import Worker
from agent.ports.board import BoardError, Picture

WAKE: Final = b"\0" * 5
SOH, STX, EOT, ESC, CR = b"\x01", b"\x02", b"\x04", b"\x1b", b"\r"
EVERY_SIGN: Final = b"Z00"
WRITE_PRIORITY: Final = b"A0"
WRITE_TEXT: Final = b"AA"
WRITE_DOTS: Final = b"IP"
SET_MEMORY: Final = b"E$"
READ_ERRORS: Final = b"F*"
CLEAR_ERRORS: Final = b"E4"
CALL_DOTS: Final = b"\x14P"
MIDDLE: Final = b" "
HOLD: Final = b"b"
TEXT_FILE: Final = b"AAU0100FF00"
"""Label A, a text, unlocked, 256 bytes, shown always."""
DOTS_FILE: Final = b"PDU%02X%02X2000"
"""Label P, dots, unlocked, rows and columns, three colours."""
BLANK: Final = b" "
PATIENCE_S: Final = 5.0
ANSWER_S: Final = 2.0
WIDTH_PAUSE_S: Final = 0.1
"""A sign prepares for a picture after its width (§6.4.1)."""
MAX_WIDTH: Final = 255
MAX_HEIGHT: Final = 31
NO_ERRORS: Final = 0x40
LIT: Final = 96


class AlphaBoard:
    """Implements the port `Board`. The line is opened for each picture: who pulls the plug may put it back."""

    def __init__(self, port: str, baud: int, *, answers: bool = False) -> None:
        self._port = port
        self._baud = baud
        self._answers = answers
        self._worker = Worker("board")
        self._laid_out: tuple[int, int] | None = None
        """For pictures of this size, as far as is known."""

    async def show(self, picture: Picture) -> None:
        await self._worker.do(lambda: self._send(self._packets(picture)))

    async def close(self) -> None:
        own = [] if self._laid_out is None else [packet(WRITE_TEXT + ESC + MIDDLE + HOLD + BLANK)]
        await self._worker.do(lambda: self._send([*own, packet(WRITE_PRIORITY)]))

    def _packets(self, picture: Picture) -> list[bytes]:
        frame = picture.frame
        if picture.brightness == 0 or not any(frame.rgb):
            return [packet(WRITE_PRIORITY + ESC + MIDDLE + HOLD + BLANK)]
        if picture.text:
            return [packet(WRITE_PRIORITY + ESC + MIDDLE + HOLD + picture.text.encode("ascii"))]
        size = (frame.width, frame.height)
        setting_up = [packet(SET_MEMORY + TEXT_FILE + DOTS_FILE % (frame.height, frame.width))]
        return [
            *([] if self._laid_out == size else setting_up),
            packet(WRITE_PRIORITY),  # while it is there, a sign does not draw the picture below anew
            dots(picture),
            packet(WRITE_TEXT + ESC + MIDDLE + HOLD + CALL_DOTS),
        ]

    def _send(self, packets: list[bytes]) -> None:
        laid_out, self._laid_out = self._laid_out, None
        try:
            with serial.Serial(self._port, self._baud, timeout=ANSWER_S, write_timeout=PATIENCE_S) as line:
                for data in packets:
                    _write(line, data)
                line.flush()
                if self._answers:
                    _expect_no_errors(line)
        except (OSError, ValueError) as error:
            raise BoardError(
                f"the board at {self._port} does not answer ({error}); look at its cable and at [board] in box.toml",
                vi=f"bảng tại {self._port} không trả lời ({error}); hãy xem dây nối và mục [board] trong box.toml",
            ) from error
        self._laid_out = next((_size(data) for data in packets if WRITE_DOTS in data[: len(WAKE) + 8]), laid_out)


def packet(command: bytes) -> bytes:
    """As it travels, for every sign on the line."""
    return WAKE + SOH + EVERY_SIGN + STX + command + EOT


def dots(picture: Picture) -> bytes:
    """The packet that writes the frame, one digit for each dot: 0 dark, 1 red, 2 green, 3 both. Raises BoardError."""
    frame = picture.frame
    if frame.width > MAX_WIDTH or frame.height > MAX_HEIGHT:
        size, most = f"{frame.width}x{frame.height}", f"{MAX_WIDTH}x{MAX_HEIGHT}"
        raise BoardError(
            f"{size}: such a sign has {most} dots at most; mend board.size",
            vi=f"{size}: loại bảng này có nhiều nhất {most} điểm; hãy sửa board.size",
        )
    rgb, row = frame.rgb, 3 * frame.width
    lines = (
        bytes(_dot(rgb[at], rgb[at + 1], rgb[at + 2]) for at in range(start, start + row, 3))
        for start in range(0, len(rgb), row)
    )
    return packet(WRITE_DOTS + b"%02X%02X" % (frame.height, frame.width) + b"".join(line + CR for line in lines))


def _dot(red: int, green: int, blue: int) -> int:
    lit = (red >= LIT) + 2 * (green >= LIT)
    return ord("0") + (lit or (3 if blue >= LIT else 0))


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of a packet of dots."""
    digits = data[data.index(WRITE_DOTS) + 2 :][:4]
    return int(digits[2:], 16), int(digits[:2], 16)


def _write(line: serial.Serial, data: bytes) -> None:
    head = len(WAKE + SOH + EVERY_SIGN + STX + WRITE_DOTS) + 4
    if WRITE_DOTS not in data[:head]:
        line.write(data)
        return
    line.write(data[:head])
    line.flush()
    time.sleep(WIDTH_PAUSE_S)
    line.write(data[head:])


def _expect_no_errors(line: serial.Serial) -> None:
    """Raises BoardError where the sign is silent, or has read something else than was written."""
    line.reset_input_buffer()
    line.write(packet(READ_ERRORS))
    line.flush()
    answer = line.read_until(EOT)
    start = answer.find(STX + b"E*")
    if start < 0 or len(answer) < start + 4:
        raise BoardError(
            f"the board at {line.port} is silent; look at its power, at both wires, and at board.baud",
            vi=f"bảng tại {line.port} im lặng; hãy xem nguồn, cả hai dây tín hiệu và board.baud",
        )
    if answer[start + 3] != NO_ERRORS:
        line.write(packet(CLEAR_ERRORS))
        line.flush()
        raise BoardError(
            f"the board at {line.port} read garbage (register {answer[start + 3]:02X}); look at its cable and earth",
            vi=f"bảng tại {line.port} đọc sai dữ liệu (thanh ghi {answer[start + 3]:02X}); hãy xem dây và tiếp đất",
        )
