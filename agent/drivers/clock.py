"""The box's clock: what the kernel says of the system time, and how much of that is to be believed (design §5).

A Pi without network boots with whatever time it saved, and playing the morning's programme at night is worse than
silence. So the time counts as known only when the kernel says that it is synchronised, since it was (`core.holdover`),
or when an RTC agrees with it.
"""

import asyncio
import ctypes
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, cast

from agent.core.holdover import Anchor, Drift, Holdover, Kept
from agent.core.past import Past
from agent.drivers.anchor_file import AnchorFile
from protocol.clock import ClockReading
from protocol.quantities import MINUTE_MS, SECOND_MS
from protocol.report import ClockQuality

BUILD_MS: Final = 1_793_491_200_000
"""2026-11-01T00:00:00Z: this version did not exist before; an earlier time is wrong."""
FAR_MS: Final = 253_402_300_799_000
"""9999-12-31: the upper bound of a clock that has none."""
SYSTEM_ERROR_MS: Final = 1_000
SET_BACK_MS: Final = 60_000
"""A clock that is so far behind what was believed was set back, and is no matter of slewing."""
ALONE_TOO_LONG_MS: Final = 150_000
"""So wrong may a clock be before a technician should hear of it: after nine days without network time, or five weeks
with a chip."""
SAVE_EVERY_MS: Final = 60 * MINUTE_MS
"""An anchor that is an hour older is a second worse, and cards wear out."""
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


@cache
def _adjtimex() -> Callable[[object], int] | None:
    try:
        return cast("Callable[[object], int]", ctypes.CDLL(None, use_errno=True).adjtimex)
    except (OSError, AttributeError):
        return None


def kernel_time() -> KernelTime:
    """Ask the kernel; where it cannot be asked the time is not synchronised."""
    adjtimex = _adjtimex()
    if adjtimex is None:
        return KernelTime(synchronised=False, max_error_ms=0)
    timex = _Timex()
    state = adjtimex(ctypes.byref(timex))
    synchronised = 0 <= state != _TIME_ERROR and not timex.status & _STA_UNSYNC
    return KernelTime(synchronised, int(timex.maxerror) // 1000)


def judge(now_ms: int, *, floor_ms: int, trust: str, kernel: KernelTime, kept: Kept | None) -> ClockReading:
    """What a system time is worth. Pure.

    `trust` is "system" (the installer vouches for it, counted like NTP) or "synchronised"; `kept` is what is known
    without either. A time before `floor_ms` is wrong whoever vouches for it.
    """
    if kernel.synchronised:
        reading = _around(now_ms, kernel.max_error_ms, ClockQuality.NTP)
    elif trust == "system":
        reading = _around(now_ms, SYSTEM_ERROR_MS, ClockQuality.NTP)
    elif kept is not None:
        now_ms, reading = kept.now_ms, ClockReading(kept.lo_ms, kept.hi_ms, ClockQuality.RTC)
    else:
        return ClockReading(floor_ms, FAR_MS, ClockQuality.FLOOR)
    return reading if now_ms >= floor_ms else ClockReading(floor_ms, FAR_MS, ClockQuality.FLOOR)


def _around(now_ms: int, error_ms: int, quality: ClockQuality) -> ClockReading:
    return ClockReading(now_ms - error_ms, now_ms + error_ms, quality)


def complaint(
    reading: ClockReading,
    shown_ms: int,
    floor_ms: int,
    language: str = "en",
    *,
    believed_ms: int | None = None,
    contradiction: str = "",
) -> str:
    """What is wrong with the time and the way out; empty when nothing is. Pure.

    `shown_ms` is what the clock shows; `believed_ms` is the upper bound that was left of an earlier belief, if any;
    `contradiction` says who says another time (`Holdover.contradiction`).
    """
    error_ms = (reading.hi_ms - reading.lo_ms) // 2
    if shown_ms < floor_ms:
        key = "behind"
    elif contradiction:
        key = f"against {contradiction}"
    elif reading.quality < ClockQuality.RTC:
        key = "unknown"
    elif believed_ms is not None and believed_ms - max(shown_ms, reading.hi_ms) > SET_BACK_MS:
        key = "set back"
    elif error_ms > ALONE_TOO_LONG_MS:
        key = "alone"
    else:
        return ""
    return _COMPLAINTS[language][key].format(
        shown=_iso(shown_ms),
        floor=_iso(floor_ms),
        high=_iso(reading.hi_ms if believed_ms is None else believed_ms),
        quality=reading.quality.name,
        error_s=error_ms // SECOND_MS,
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
        "against system": (
            "ai đó đã chỉnh đồng hồ hệ thống; hộp vẫn theo giờ mạng lần cuối và chỉ {shown}; nếu giờ này sai thì khởi "
            "động lại hộp"
        ),
        "against chip": (
            "mạch giờ chỉ một giờ khác hẳn; hộp không theo nó mà chỉ {shown}; hãy xem pin của mạch giờ, hoặc cho hộp "
            "lấy giờ mạng"
        ),
        "against both": (
            "đồng hồ hệ thống và mạch giờ cùng chỉ khác giờ mạng lần cuối, nên hộp không tin giờ nào; hãy cho hộp lấy "
            "giờ mạng, hoặc khởi động lại hộp để theo mạch giờ"
        ),
        "alone": (
            "lâu rồi không lấy được giờ mạng: giờ của hộp có thể sai tới {error_s} giây; hãy xem cổng UDP 123 (NTP) có "
            "bị chặn không, hoặc lắp mạch giờ"
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
        "against system": (
            "somebody has set the system's clock; the box goes on by its last network time and shows {shown}; if that "
            "is wrong, restart the box"
        ),
        "against chip": (
            "the clock chip shows quite another time; the box does not follow it and shows {shown}: look at the chip's "
            "battery, or let the box synchronise"
        ),
        "against both": (
            "the system's clock and the clock chip both differ from the last network time, so the box believes none: "
            "let it synchronise, or restart the box to go by the chip"
        ),
        "alone": (
            "no network time for long: the box's clock may be off by up to {error_s} s; see whether UDP port 123 (NTP) "
            "is blocked, or fit a clock chip"
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
        anchors: AnchorFile | None = None,
        kernel: Callable[[], KernelTime] = kernel_time,
        rtc: Path = RTC,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        boot_ms: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
    ) -> None:
        """`floor_ms`: an instant that has certainly passed; the build date is one too. `anchors`: where this boot's
        last network time is kept."""
        self._trust = trust
        self._boot_ms = boot_ms
        self._past = Past(max(floor_ms, BUILD_MS), self.boot_ms())
        self._anchors = anchors
        self._holdover = Holdover() if anchors is None else Holdover(*anchors.load())
        self._saved_boot_ms: int | None = None
        self._kernel = kernel
        self._rtc = rtc
        self._wall_ms = wall_ms
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        return max(self.floor_ms(), self._shown_ms())

    def boot_ms(self) -> int:
        return self._boot_ms()

    def reading(self) -> ClockReading:
        with self._lock:
            return self._past.widened(self._look(), self.boot_ms())

    def measured(self) -> Drift | None:
        with self._lock:
            return self._holdover.measured()

    def floor_ms(self) -> int:
        return self._past.floor_ms(self.boot_ms())

    def lower_floor(self, at_ms: int) -> None:
        self._past = Past(max(at_ms, BUILD_MS), self.boot_ms())

    def raise_floor(self, at_ms: int) -> None:
        self._past.raise_floor(at_ms, self.boot_ms())

    def complaint(self, language: str = "en") -> str:
        with self._lock:
            now = self._look()
            return complaint(
                now,
                self._shown_ms(),
                self.floor_ms(),
                language,
                believed_ms=self._past.widened(now, self.boot_ms()).hi_ms if now.tells_time else None,
                contradiction=self._holdover.contradiction if self._is_alone() else "",
            )

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(max(0, duration_ms) / 1000)

    def _look(self) -> ClockReading:
        """What the time is worth now, before an earlier belief is asked; the holdover learns from it."""
        wall_ms, boot_ms, kernel, kept = self._wall_ms(), self.boot_ms(), self._kernel(), None
        if kernel.synchronised and wall_ms >= self.floor_ms():
            before = self._holdover.anchor
            self._holdover.synchronised(wall_ms, kernel.max_error_ms, boot_ms, self._rtc_ms())
            self._save(before, boot_ms)
        elif not kernel.synchronised and self._trust != "system":
            kept = self._holdover.kept(wall_ms, self._rtc_ms(), boot_ms)
        return judge(wall_ms, floor_ms=self.floor_ms(), trust=self._trust, kernel=kernel, kept=kept)

    def _is_alone(self) -> bool:
        """Whether neither network time nor the installer vouches for the system's time: it may be anybody's."""
        return self._trust != "system" and not self._kernel().synchronised

    def _shown_ms(self) -> int:
        shown_ms = self._holdover.now_ms(self.boot_ms()) if self._is_alone() else None
        return self._wall_ms() if shown_ms is None else shown_ms

    def _save(self, before: Anchor | None, boot_ms: int) -> None:
        """The anchor, every hour, and at once where it is another time than before."""
        anchor = self._holdover.anchor
        if self._anchors is None or anchor is None:
            return
        jumped = before is not None and abs(before.guess_ms(boot_ms) - anchor.guess_ms(boot_ms)) > SECOND_MS
        if jumped or self._saved_boot_ms is None or boot_ms - self._saved_boot_ms >= SAVE_EVERY_MS:
            self._anchors.save(anchor, self._holdover.chip)
            self._saved_boot_ms = boot_ms

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
        self.drift: Drift | None = None
        """What `measured` is to say next."""

    def now_ms(self) -> int:
        return self.boot_ms() + self._offset_ms

    def measured(self) -> Drift | None:
        drift, self.drift = self.drift, None
        return drift

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
        now, reading = self.now_ms(), self.reading()
        believed_ms = reading.hi_ms if reading.tells_time else None
        alone = replace(reading, hi_ms=now + self.error_ms) if reading.tells_time else reading
        return complaint(alone, now, self.floor_ms(), language, believed_ms=believed_ms)

    def jump(self, by_ms: int) -> None:
        """The wall clock is set to another time; the boot clock does not notice."""
        self._offset_ms += by_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(max(0, duration_ms) / 1000)
