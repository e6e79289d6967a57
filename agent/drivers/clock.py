"""The box's clock: what the kernel says of the system time, and how much of that is to be believed (design §5).

A Pi without network boots with whatever time it saved, and playing the morning's programme at night is worse than
silence. So the time counts as known only when the kernel says that it is synchronised, or when an RTC agrees with it.
"""

import asyncio
import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocol.clock import ClockReading
from protocol.report import ClockQuality

BUILD_MS: Final = 1_793_491_200_000
"""2026-11-01T00:00:00Z: this version did not exist before; an earlier time is wrong."""
FAR_MS: Final = 253_402_300_799_000
"""9999-12-31: the upper bound of a clock that has none."""
RTC_ERROR_MS: Final = 10_000
RTC_AGREES_MS: Final = 60_000
SYSTEM_ERROR_MS: Final = 1_000
RTC: Final = Path("/sys/class/rtc/rtc0/since_epoch")

_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
_STA_UNSYNC: Final = 0x40


@dataclass(frozen=True)
class KernelTime:
    """What adjtimex(2) tells."""

    synchronised: bool
    max_error_ms: int


class _Timex(ctypes.Structure):
    """struct timex as Linux has it, up to what is read here; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_char * 256),
    )


def kernel_time() -> KernelTime:
    """Ask the kernel; where it cannot be asked the time is not synchronised."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return KernelTime(synchronised=False, max_error_ms=0)
    timex = _Timex()
    state = adjtimex(ctypes.byref(timex))
    synchronised = 0 <= state != _TIME_ERROR and not timex.status & _STA_UNSYNC
    return KernelTime(synchronised, int(timex.maxerror) // 1000)


def judge(now_ms: int, *, floor_ms: int, trust: str, kernel: KernelTime, rtc_ms: int | None) -> ClockReading:
    """What a system time is worth. Pure.

    `trust` is "system" (the installer vouches for it, counted like NTP) or "synchronised"; `rtc_ms` is what the
    battery-backed clock shows at the same moment. A time before `floor_ms` is wrong whoever vouches for it.
    """
    if now_ms < floor_ms:
        return ClockReading(floor_ms, FAR_MS, ClockQuality.FLOOR)
    if kernel.synchronised:
        return _around(now_ms, kernel.max_error_ms, ClockQuality.NTP)
    if trust == "system":
        return _around(now_ms, SYSTEM_ERROR_MS, ClockQuality.NTP)
    if rtc_ms is not None and rtc_ms >= floor_ms and abs(rtc_ms - now_ms) <= RTC_AGREES_MS:
        return _around(now_ms, RTC_ERROR_MS, ClockQuality.RTC)
    return ClockReading(floor_ms, FAR_MS, ClockQuality.FLOOR)


def _around(now_ms: int, error_ms: int, quality: ClockQuality) -> ClockReading:
    return ClockReading(now_ms - error_ms, now_ms + error_ms, quality)


class SystemClock:
    """The Clock of a real box."""

    def __init__(
        self,
        trust: str,
        floor_ms: int = BUILD_MS,
        *,
        kernel: Callable[[], KernelTime] = kernel_time,
        rtc: Path = RTC,
    ) -> None:
        """`floor_ms`: an instant that has certainly passed; the build date is one too."""
        self._trust = trust
        self._floor_ms = max(floor_ms, BUILD_MS)
        self._kernel = kernel
        self._rtc = rtc

    def now_ms(self) -> int:
        return max(self._floor_ms, time.time_ns() // 1_000_000)

    def boot_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def reading(self) -> ClockReading:
        return judge(
            time.time_ns() // 1_000_000,
            floor_ms=self._floor_ms,
            trust=self._trust,
            kernel=self._kernel(),
            rtc_ms=self._rtc_ms(),
        )

    def raise_floor(self, at_ms: int) -> None:
        """This instant has certainly passed; a lower one than before changes nothing."""
        self._floor_ms = max(self._floor_ms, at_ms)

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(max(0, duration_ms) / 1000)

    def _rtc_ms(self) -> int | None:
        try:
            return int(self._rtc.read_text(encoding="ascii")) * 1000
        except (OSError, ValueError):
            return None


class FakeClock:
    """A Clock on the event loop's time, so that it is virtual where the loop is; the test jumps and distrusts it."""

    def __init__(self, wall_ms: int, quality: ClockQuality = ClockQuality.NTP, error_ms: int = 0) -> None:
        self.quality = quality
        self.error_ms = error_ms
        self._offset_ms = wall_ms - self.boot_ms()

    def now_ms(self) -> int:
        return self.boot_ms() + self._offset_ms

    def boot_ms(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)

    def reading(self) -> ClockReading:
        now = self.now_ms()
        if self.quality <= ClockQuality.FLOOR:
            return ClockReading(0, FAR_MS, self.quality)
        return _around(now, self.error_ms, self.quality)

    def jump(self, by_ms: int) -> None:
        """The wall clock is set to another time; the boot clock does not notice."""
        self._offset_ms += by_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(max(0, duration_ms) / 1000)
