"""The box's clock: what the kernel says of the system time, and how much of that is to be believed (design §5).

A Pi without network boots with whatever time it saved, and playing the morning's programme at night is worse than
silence. So the time counts as known only when the kernel says that it is synchronised, or when an RTC agrees with it.
"""

import asyncio
import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agent.core.past import Past
from protocol.clock import ClockReading
from protocol.report import ClockQuality

BUILD_MS: Final = 1_793_491_200_000
"""2026-11-01T00:00:00Z: this version did not exist before; an earlier time is wrong."""
FAR_MS: Final = 253_402_300_799_000
"""9999-12-31: the upper bound of a clock that has none."""
RTC_ERROR_MS: Final = 10_000
RTC_AGREES_MS: Final = 60_000
SYSTEM_ERROR_MS: Final = 1_000
SET_BACK_MS: Final = 60_000
"""A clock that is so far behind what was believed was set back, and is no matter of slewing."""
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


def complaint(reading: ClockReading, shown_ms: int, floor_ms: int, language: str = "en") -> str:
    """What is wrong with the time and the way out; empty when nothing is. Pure. `shown_ms` is what the clock shows."""
    if shown_ms < floor_ms:
        key = "behind"
    elif reading.quality < ClockQuality.RTC:
        key = "unknown"
    elif reading.tells_time and reading.hi_ms - shown_ms > SET_BACK_MS:
        key = "set back"
    else:
        return ""
    return _COMPLAINTS[language][key].format(
        shown=_iso(shown_ms), floor=_iso(floor_ms), high=_iso(reading.hi_ms), quality=reading.quality.name
    )


_COMPLAINTS: Final[dict[str, dict[str, str]]] = {
    "vi": {
        "behind": (
            "đồng hồ chỉ {shown}, nhưng các tin đã ký cho biết {floor} đã qua; hãy chỉnh đồng hồ (giờ mạng, hoặc pin "
            "của mạch giờ); nếu chính các tin đó sai thì dừng loalang-agent, chạy loalang-agent forget-time rồi "
            "khởi động lại"
        ),
        "unknown": "chưa tin được giờ ({quality}); hãy lắp mạch giờ, cho hộp lấy giờ mạng, hoặc đặt clock.trust "
        "trong box.toml",
        "set back": (
            "đồng hồ bị vặn lùi từ {high} về {shown}; trong hai giờ tới, một lệnh chỉ có hiệu lực nếu chưa hết hạn "
            "theo cả hai giờ đó; nếu giờ bây giờ đã đúng, hãy khởi động lại loalang-agent"
        ),
    },
    "en": {
        "behind": (
            "the clock shows {shown}, but signed messages say that {floor} has passed: set the clock (network time, "
            "or the clock chip's battery); if the messages were wrong, stop the agent, run loalang-agent forget-time, "
            "and start it again"
        ),
        "unknown": "{quality}: fit a clock chip, let the box synchronise, or set clock.trust in box.toml",
        "set back": (
            "the clock was set back from {high} to {shown}; for two hours an order counts only if it has expired by "
            "neither; if the time is right now, restart loalang-agent"
        ),
    },
}


def _iso(instant_ms: int) -> str:
    return f"{datetime.fromtimestamp(min(instant_ms, FAR_MS) / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


class SystemClock:
    """The Clock of a real box."""

    def __init__(
        self,
        trust: str,
        floor_ms: int = BUILD_MS,
        *,
        kernel: Callable[[], KernelTime] = kernel_time,
        rtc: Path = RTC,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`floor_ms`: an instant that has certainly passed; the build date is one too."""
        self._trust = trust
        self._past = Past(max(floor_ms, BUILD_MS), self.boot_ms())
        self._kernel = kernel
        self._rtc = rtc
        self._wall_ms = wall_ms

    def now_ms(self) -> int:
        return max(self.floor_ms(), self._wall_ms())

    def boot_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def reading(self) -> ClockReading:
        reading = judge(
            self._wall_ms(),
            floor_ms=self.floor_ms(),
            trust=self._trust,
            kernel=self._kernel(),
            rtc_ms=self._rtc_ms(),
        )
        return self._past.widened(reading, self.boot_ms())

    def floor_ms(self) -> int:
        return self._past.floor_ms(self.boot_ms())

    def lower_floor(self, at_ms: int) -> None:
        self._past = Past(max(at_ms, BUILD_MS), self.boot_ms())

    def raise_floor(self, at_ms: int) -> None:
        self._past.raise_floor(at_ms, self.boot_ms())

    def complaint(self, language: str = "en") -> str:
        return complaint(self.reading(), self._wall_ms(), self.floor_ms(), language)

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
        self._loop = asyncio.get_running_loop()
        self._offset_ms = wall_ms - self.boot_ms()
        self._past = Past(0, self.boot_ms())

    def now_ms(self) -> int:
        return self.boot_ms() + self._offset_ms

    def boot_ms(self) -> int:
        return round(self._loop.time() * 1000)

    def reading(self) -> ClockReading:
        now = self.now_ms()
        if self.quality <= ClockQuality.FLOOR:
            return ClockReading(0, FAR_MS, self.quality)
        if now < self.floor_ms():
            return ClockReading(self.floor_ms(), FAR_MS, ClockQuality.FLOOR)
        return self._past.widened(_around(now, self.error_ms, self.quality), self.boot_ms())

    def floor_ms(self) -> int:
        return self._past.floor_ms(self.boot_ms())

    def lower_floor(self, at_ms: int) -> None:
        self._past = Past(at_ms, self.boot_ms())

    def raise_floor(self, at_ms: int) -> None:
        self._past.raise_floor(at_ms, self.boot_ms())

    def complaint(self, language: str = "en") -> str:
        return complaint(self.reading(), self.now_ms(), self.floor_ms(), language)

    def jump(self, by_ms: int) -> None:
        """The wall clock is set to another time; the boot clock does not notice."""
        self._offset_ms += by_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(max(0, duration_ms) / 1000)
