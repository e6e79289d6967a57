"""An analogue input that the kernel knows (MCP3008, ADS1115, chips of industrial boards): a file holds its value.

A read goes over the chip's bus, which may hang for a second or for ever; so it has a thread of its own.
"""

import asyncio
from pathlib import Path
from typing import Final

from agent.drivers.boards.worker import Worker
from agent.ports.ear import EarError

PATIENCE_S: Final = 0.5
"""The slowest chips convert for 125 ms; after so long the bus hangs."""
REST_S: Final = 30.0
"""So long a chip that was slow is left alone."""


class IioLine:
    """A file such as /sys/bus/iio/devices/iio:device0/in_voltage0_raw (Documentation/ABI/testing/sysfs-bus-iio)."""

    def __init__(self, path: Path, patience_s: float = PATIENCE_S, rest_s: float = REST_S) -> None:
        self._path = path
        self._patience_s = patience_s
        self._rest_s = rest_s
        self._worker = Worker("line")
        self._reading: asyncio.Task[float] | None = None
        self._rests_until = 0.0
        """By the loop's clock."""

    async def level(self) -> float:
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until or (self._reading is not None and not self._reading.done()):
            raise self._slow()
        self._reading = loop.create_task(self._worker.do(self._read), name="line")
        done, _ = await asyncio.wait([self._reading], timeout=self._patience_s)
        if not done:
            self._reading.add_done_callback(_whatever_it_was)
            self._rests_until = loop.time() + self._rest_s
            raise self._slow()
        return self._reading.result()

    def _read(self) -> float:
        try:
            return float(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise EarError(
                f"{self._path}: no measurement ({error}); is the chip connected and its driver loaded?",
                vi=f"{self._path}: không đo được ({error}); đã nối mạch đo và nạp trình điều khiển chưa?",
            ) from error

    def _slow(self) -> EarError:
        return EarError(
            f"{self._path}: a measurement takes longer than {self._patience_s:g} s, so the chip is left alone for "
            f"{self._rest_s:g} s; does its bus hang?",
            vi=f"{self._path}: đo mất hơn {self._patience_s:g} giây nên tạm ngừng đo {self._rest_s:g} giây; "
            "đường truyền của mạch đo có bị treo không?",
        )


def _whatever_it_was(reading: asyncio.Task[float]) -> None:
    if not reading.cancelled():
        reading.exception()
