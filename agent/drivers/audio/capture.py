"""Run as a program: what comes in at a PortAudio input, to standard output, block by block, until it is killed.

16-bit little-endian PCM, 48 kHz, one channel; before each block stands the instant of its first sample (`INSTANT`).
The arguments are part of the input's name, empty for the default input, and how many samples a block has; where that is
none, the input's name is told and nothing is opened.
"""

import struct
import sys
import time
from typing import Any, Final

RATE_HZ: Final = 48_000
BLOCK: Final = 960
INSTANT: Final = struct.Struct("<q")
"""Nanoseconds of the system's monotonic clock, which is the same in every process."""


def main() -> int:
    """Never returns while sound comes; 1 with a sentence on standard error where it does not."""
    wanted, frames = sys.argv[1], int(sys.argv[2])
    try:
        import pyaudio

        port = pyaudio.PyAudio()
        if frames == 0:
            sys.stdout.write(_name(port, _input(port, wanted)))
            return 0
        stream = port.open(
            rate=RATE_HZ,
            channels=1,
            format=pyaudio.paInt16,
            input=True,
            input_device_index=_input(port, wanted),
            frames_per_buffer=frames,
        )
        while True:
            block = stream.read(frames, exception_on_overflow=False)
            # The latency that PortAudio states is the size of a buffer; what waits in it is what we are late by.
            late = frames + int(stream.get_read_available())
            first_ns = time.monotonic_ns() - late * 1_000_000_000 // RATE_HZ
            sys.stdout.buffer.write(INSTANT.pack(first_ns) + block)
            sys.stdout.buffer.flush()
    except (ImportError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _name(port: Any, index: int | None) -> str:
    found = port.get_default_input_device_info() if index is None else port.get_device_info_by_index(index)
    return str(found["name"])


def _input(port: Any, wanted: str) -> int | None:
    if not wanted:
        return None
    rows = [port.get_device_info_by_index(place) for place in range(port.get_device_count())]
    inputs = [row for row in rows if row["maxInputChannels"] > 0]
    found = next((row for row in inputs if wanted in row["name"]), None)
    if found is None:
        known = ", ".join(str(row["name"]) for row in inputs) or "none"
        raise ValueError(f"no input is named {wanted!r}; it may be one of: {known}")
    return int(found["index"])


if __name__ == "__main__":
    sys.exit(main())
