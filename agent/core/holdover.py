"""The time of a box that network time no longer reaches: kept, bounded, and measured when network time is back. Pure.

An oscillator that was right once tells for weeks how wrong it can be by now. The boot clock keeps the time (nobody can
set it), the battery-backed clock steers it where there is one, and what an instant of network time says against both
at the end is the error that this box really had (faults.md 14). "Holdover" is what ITU-T G.810 calls this state.
"""

from dataclasses import dataclass
from typing import Final

from protocol.quantities import DAY_MS, MINUTE_MS, SECOND_MS

HOLDOVER_PPM: Final = 200
"""What a box's oscillator can be wrong, in parts per million: 17 s a day. Cheap crystals keep 100, heat included."""
MAX_ERROR_MS: Final = 15 * MINUTE_MS
"""A box that may be so wrong (52 days alone) no longer knows the time."""
RTC_ERROR_MS: Final = 10_000
"""What a battery-backed clock may be wrong: 30 days at 3.5 ppm, its whole seconds included."""
RTC_AGREES_MS: Final = 60_000
MEASURE_AFTER_MS: Final = 120 * MINUTE_MS
"""What was kept for less says nothing of the oscillator: network time comes every half hour."""


@dataclass(frozen=True)
class Anchor:
    """An instant at which network time was here."""

    boot_ms: int
    wall_ms: int
    error_ms: int

    def guess_ms(self, boot_ms: int) -> int:
        """The wall time at that instant of the boot clock, if the oscillator is right."""
        return self.wall_ms + boot_ms - self.boot_ms

    def error_ms_at(self, boot_ms: int) -> int:
        return self.error_ms + (boot_ms - self.boot_ms) * HOLDOVER_PPM // 1_000_000


@dataclass(frozen=True)
class Kept:
    """The time as it was kept; the true time lies in [`lo_ms`, `hi_ms`], and `now_ms` in it too."""

    now_ms: int
    lo_ms: int
    hi_ms: int


@dataclass(frozen=True)
class Drift:
    """What network time said when it came back."""

    off_ms: int
    """The box's time less network time: positive where the box was fast."""
    over_ms: int
    """Without network time for so long."""
    bound_ms: int
    """By no more could an oscillator be off by then: beyond it one of the two network times was wrong."""

    @property
    def ppm(self) -> float:
        return self.off_ms * 1e6 / max(1, self.over_ms)

    @property
    def is_a_jump(self) -> bool:
        return abs(self.off_ms) > self.bound_ms

    @property
    def is_worth_a_word(self) -> bool:
        """A second can be heard from one loudspeaker to the next, and a day says how good the oscillator is."""
        return self.is_a_jump or abs(self.off_ms) >= SECOND_MS or self.over_ms >= DAY_MS


class Holdover:
    """One boot's memory of network time; instants of the boot clock come from the caller."""

    def __init__(self, anchor: Anchor | None = None) -> None:
        self.anchor = anchor
        self._apart_ms = None if anchor is None else anchor.wall_ms - anchor.boot_ms
        """What is shown, less the boot clock."""
        self._drift: Drift | None = None

    def now_ms(self, boot_ms: int) -> int | None:
        """What is shown; None where nothing is known."""
        return None if self._apart_ms is None else boot_ms + self._apart_ms

    def synchronised(self, wall_ms: int, error_ms: int, boot_ms: int) -> None:
        """Network time is here, or was a while ago: kernels call a time synchronised for hours after its last word."""
        anchor = self.anchor
        if anchor is None:
            self.anchor, self._apart_ms = Anchor(boot_ms, wall_ms, error_ms), wall_ms - boot_ms
            return
        shown_ms = self._shown(anchor.guess_ms(boot_ms), boot_ms)
        self._apart_ms = wall_ms - boot_ms
        bound_ms, off_ms = anchor.error_ms_at(boot_ms) + error_ms, shown_ms - wall_ms
        if error_ms > anchor.error_ms_at(boot_ms) and abs(off_ms) <= bound_ms:
            return
        drift = Drift(off_ms, boot_ms - anchor.boot_ms, bound_ms)
        if drift.over_ms >= MEASURE_AFTER_MS or drift.is_a_jump:
            self._drift = drift
        self.anchor = Anchor(boot_ms, wall_ms, error_ms)

    def kept(self, wall_ms: int, rtc_ms: int | None, boot_ms: int) -> Kept | None:
        """Network time is not here. `wall_ms` is the system's time, which anybody may have set since; `rtc_ms` is what
        the battery-backed clock shows, in whole seconds. None where neither says enough."""
        if self.anchor is None:
            return self._by_the_rtc(wall_ms, rtc_ms, boot_ms)
        guess_ms, error_ms = self.anchor.guess_ms(boot_ms), self.anchor.error_ms_at(boot_ms)
        lo_ms, hi_ms = guess_ms - error_ms, guess_ms + error_ms
        if rtc_ms is not None and lo_ms - SECOND_MS <= rtc_ms <= hi_ms:
            self._steer(rtc_ms, guess_ms, boot_ms)
            lo_ms, hi_ms = max(lo_ms, rtc_ms - RTC_ERROR_MS), min(hi_ms, rtc_ms + RTC_ERROR_MS)
        if hi_ms - lo_ms > 2 * MAX_ERROR_MS:
            self._apart_ms = None
            return None
        now_ms = min(max(self._shown(guess_ms, boot_ms), lo_ms), hi_ms)
        self._apart_ms = now_ms - boot_ms
        return Kept(now_ms, lo_ms, hi_ms)

    def measured(self) -> Drift | None:
        """What was measured since this was asked last."""
        drift, self._drift = self._drift, None
        return drift

    def _by_the_rtc(self, wall_ms: int, rtc_ms: int | None, boot_ms: int) -> Kept | None:
        shown_ms = self._shown(wall_ms, boot_ms)
        if rtc_ms is not None and abs(rtc_ms - shown_ms) > RTC_AGREES_MS:
            self._apart_ms, shown_ms = None, wall_ms
        if rtc_ms is None or abs(rtc_ms - shown_ms) > RTC_AGREES_MS:
            self._apart_ms = None
            return None
        now_ms = self._steer(rtc_ms, shown_ms, boot_ms)
        return Kept(now_ms, now_ms - RTC_ERROR_MS, now_ms + RTC_ERROR_MS)

    def _shown(self, otherwise_ms: int, boot_ms: int) -> int:
        shown_ms = self.now_ms(boot_ms)
        return otherwise_ms if shown_ms is None else shown_ms

    def _steer(self, rtc_ms: int, otherwise_ms: int, boot_ms: int) -> int:
        """Into the second that the battery-backed clock shows: steps of a millisecond, and never far off."""
        now_ms = min(max(self._shown(otherwise_ms, boot_ms), rtc_ms), rtc_ms + SECOND_MS - 1)
        self._apart_ms = now_ms - boot_ms
        return now_ms
