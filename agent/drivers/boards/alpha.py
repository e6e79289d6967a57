"""Signs that speak the Alpha protocol (Adaptive Micro Systems, 9708-8061F), over a serial line.

A packet is five NULs, by which the sign finds the speed, SOH, the type of sign, its address, STX, a command, EOT. The
text file "0" is the priority file: while it is there a sign shows nothing else, and an empty one takes it away. The
line is 8N1. A sign answers nothing to a write, so that a sign without power looks like one that shows.
"""

import asyncio
from typing import Final

import serial

from agent.ports.board import BoardError

WAKE: Final = b"\0" * 5
SOH, STX, EOT, ESC = b"\x01", b"\x02", b"\x04", b"\x1b"
EVERY_SIGN: Final = b"Z00"
WRITE_PRIORITY: Final = b"A0"
MIDDLE: Final = b" "
HOLD: Final = b"b"
PATIENCE_S: Final = 5.0


class AlphaBoard:
    """Implements the port `Board`. The line is opened for each packet: who pulls the plug may put it back."""

    def __init__(self, port: str, baud: int) -> None:
        self._port = port
        self._baud = baud

    async def show(self, text: str) -> None:
        await asyncio.to_thread(self._send, packet(WRITE_PRIORITY + ESC + MIDDLE + HOLD + _ascii(text)))

    async def clear(self) -> None:
        await asyncio.to_thread(self._send, packet(WRITE_PRIORITY))

    def _send(self, data: bytes) -> None:
        try:
            with serial.Serial(self._port, self._baud, timeout=PATIENCE_S, write_timeout=PATIENCE_S) as line:
                line.write(data)
                line.flush()
        except (OSError, ValueError) as error:
            raise BoardError(
                f"the board at {self._port} does not answer ({error}); look at its cable and at [board] in box.toml",
                vi=f"bảng tại {self._port} không trả lời ({error}); hãy xem dây nối và mục [board] trong box.toml",
            ) from error


def packet(command: bytes) -> bytes:
    """As it travels, for every sign on the line."""
    return WAKE + SOH + EVERY_SIGN + STX + command + EOT


def _ascii(text: str) -> bytes:
    if not (text.isascii() and text.isprintable()):
        raise BoardError(f"{text!r}: this sign has no such letters; give it A–Z, 0–9 and signs of ASCII")
    return text.encode("ascii")
