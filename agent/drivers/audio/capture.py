"""Run as a program: what comes in at a PortAudio input, to standard output, 20 ms at a time, until it is killed.

16-bit little-endian PCM, 48 kHz, one channel. The argument is part of the input's name; none for the default input.
"""

import sys
from typing import Any, Final

RATE_HZ: Final = 48_000
BLOCK: Final = 960


def main() -> int:
    """Never returns while sound comes; 1 with a sentence on standard error where it does not."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        import pyaudio

        port = pyaudio.PyAudio()
        stream = port.open(
            rate=RATE_HZ,
            channels=1,
            format=pyaudio.paInt16,
            input=True,
            input_device_index=_input(port, wanted),
            frames_per_buffer=BLOCK,
        )
        while True:
            sys.stdout.buffer.write(stream.read(BLOCK, exception_on_overflow=False))
            sys.stdout.buffer.flush()
    except (ImportError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _input(port: Any, wanted: str) -> int | None:
    if not wanted:
        return None
    rows = [port.get_device_info_by_index(place) for place in range(port.get_device_count())]
    found = next((row for row in rows if row["maxInputChannels"] > 0 and wanted in row["name"]), None)
    if found is None:
        raise ValueError(f"no input is named {wanted!r}")
    return int(found["index"])


if __name__ == "__main__":
    sys.exit(main())
