"""The time of a box that network time no longer reaches: kept, bounded, and measured when network time is back. Pure.

An oscillator that was right once tells for weeks how wrong it can be by now. The boot clock keeps the time (nobody can
set it), the battery-backed clock chip steers it where there is one, and what an instant of network time says against
both at the end is the error that this box really had (faults.md 14). "Holdover" is what ITU-T G.810 calls this state.

Wall times are epoch milliseconds, boot times milliseconds of the boot clock.
"""

from dataclasses import dataclass
from typing import Final

from protocol.quantities import DAY_MS, MINUTE_MS, SECOND_MS

HOLDOVER_PPM: Final = 200
"""What a box's oscillator can be wrong, in parts per million: 17 s a day. Cheap crystals keep 100, heat included."""
CHIP_PPM: Final = 50
"""What a clock chip can be wrong: 4 s a day. Good ones keep 3.5; uncompensated ones lose 30 in a hot cabinet."""
MAX_ERROR_MS: Final = 15 * MINUTE_MS
"""A box that may be so wrong no longer knows the time: bulletins begin within minutes of their hour, or not at all."""
CHIP_ERROR_MS: Final = 10_000
"""What a chip may be wrong that this boot never saw beside network time."""
CHIP_AGREES_MS: Final = 60_000
"""So near must a chip and the system's time be, that the kernel set from it, where there is no network time."""
MEASURE_AFTER_MS: Final = 120 * MINUTE_MS
"""What was kept for less says nothing of the oscillator: network time comes every half hour."""


@dataclass(frozen=True)
class Anchor:
    """An instant at which network time was here."""

    boot_ms: int
    wall_ms: int
    error_ms: int

    def guess_ms(self, boot_ms: int) -> int:
        """The wall time at that boot time, if the oscillator is right."""
        return self.wall_ms + boot_ms - self.boot_ms

    def error_ms_at(self, boot_ms: int) -> int:
        """What the wall time can be wrong by then."""
        return self.error_ms + (boot_ms - self.boot_ms) * HOLDOVER_PPM // 1_000_000


@dataclass(frozen=True)
class Chip:
    """What a clock chip showed beside network time."""

    boot_ms: int
    off_ms: int
    """The second that it showed less the wall time: from -1,000 to 0 for one that is right."""
    error_ms: int
    """What that wall time could be wrong."""

    def wall_ms(self, chip_ms: int) -> int:
        """The wall time, to a second, when it shows this second."""
        return chip_ms - self.off_ms

    def error_ms_at(self, boot_ms: int) -> int:
        """What it can be wrong by then, its whole seconds included."""
        return self.error_ms + SECOND_MS + (boot_ms - self.boot_ms) * CHIP_PPM // 1_000_000


@dataclass(frozen=True)
class Kept:
    """The time as it was kept: the true wall time lies in [`lo_ms`, `hi_ms`], and what is shown in it too."""

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
    """By no more could an oscillator be off by then."""

    @property
    def ppm(self) -> float:
        """Parts per million, positive where the box was fast."""
        return self.off_ms * 1e6 / max(1, self.over_ms)

    @property
    def is_a_jump(self) -> bool:
        """Whether one of the two network times was wrong. Kernels round, and some say at once that they are right."""
        return abs(self.off_ms) > self.bound_ms + SECOND_MS

    @property
    def is_worth_a_word(self) -> bool:
        """A second can be heard from one loudspeaker to the next, and a day says how good the oscillator is."""
        return self.is_a_jump or abs(self.off_ms) >= SECOND_MS or self.over_ms >= DAY_MS


class Holdover:
    """One boot's memory of network time."""

    def __init__(self, anchor: Anchor | None = None, chip: Chip | None = None) -> None:
        self.anchor, self.chip = anchor, chip
        self.contradiction = ""
        """Who says another time than the one kept: "chip", "system", "both", or nobody."""
        self._shown_less_boot_ms = None if anchor is None else anchor.wall_ms - anchor.boot_ms
        self._chip_is_out = False
        """The chip has shown what it cannot show: until network time is back it is not asked again."""
        self._alone_since_ms: int | None = None
        """Boot time since which a chip alone has told the time."""
        self._drift: Drift | None = None

    def now_ms(self, boot_ms: int) -> int | None:
        """The wall time that is shown; None where nothing is known."""
        return None if self._shown_less_boot_ms is None else boot_ms + self._shown_less_boot_ms

    def synchronised(self, wall_ms: int, error_ms: int, boot_ms: int, chip_ms: int | None = None) -> None:
        """Network time is here, or was a while ago: kernels call a time synchronised for hours after its last word."""
        anchor, shown_ms = self.anchor, self.now_ms(boot_ms)
        self.contradiction, self._chip_is_out, self._alone_since_ms = "", False, None
        self._shown_less_boot_ms = wall_ms - boot_ms
        if anchor is None:
            self._anchor_at(wall_ms, error_ms, boot_ms, chip_ms)
            return
        if shown_ms is None:
            shown_ms = anchor.guess_ms(boot_ms)
        drift = Drift(shown_ms - wall_ms, boot_ms - anchor.boot_ms, anchor.error_ms_at(boot_ms) + error_ms)
        if drift.is_a_jump or error_ms <= anchor.error_ms_at(boot_ms):
            if drift.is_a_jump or drift.over_ms >= MEASURE_AFTER_MS:
                self._drift = drift
            self._anchor_at(wall_ms, error_ms, boot_ms, chip_ms)
        elif not self._chip_fits(wall_ms, chip_ms, boot_ms):
            self.chip = self._chip_as_the_kernel_sets_it(wall_ms, chip_ms, boot_ms)

    def kept(self, wall_ms: int, chip_ms: int | None, boot_ms: int) -> Kept | None:
        """Network time is not here. `wall_ms` is the system's time, which anybody may have set since; `chip_ms` is what
        the clock chip shows, in whole seconds. None where they say too little, or both contradict what was kept."""
        if self.anchor is None:
            return self._by_the_chip(wall_ms, chip_ms, boot_ms)
        shown_ms = self.now_ms(boot_ms)
        if shown_ms is None:
            shown_ms = self.anchor.guess_ms(boot_ms)
        lo_ms, hi_ms = _around(self.anchor.guess_ms(boot_ms), self.anchor.error_ms_at(boot_ms))
        if chip_ms is not None and self.chip is not None and not self._chip_is_out:
            by_chip_ms, error_ms = self.chip.wall_ms(chip_ms), self.chip.error_ms_at(boot_ms)
            self._chip_is_out = by_chip_ms + error_ms < lo_ms or by_chip_ms - error_ms > hi_ms
            if not self._chip_is_out:
                lo_ms, hi_ms = max(lo_ms, by_chip_ms - error_ms), min(hi_ms, by_chip_ms + error_ms)
                shown_ms = min(max(shown_ms, by_chip_ms - SECOND_MS), by_chip_ms + SECOND_MS)
        # The system's time and the boot clock run by one oscillator: apart from each other they were set.
        system_is_out = abs(wall_ms - self.anchor.guess_ms(boot_ms)) > self.anchor.error_ms + SECOND_MS
        self.contradiction = _WHO[self._chip_is_out, system_is_out]
        both_say_another = (
            system_is_out
            and chip_ms is not None
            and abs(chip_ms - wall_ms) <= CHIP_AGREES_MS
            and not lo_ms - CHIP_AGREES_MS <= chip_ms <= hi_ms + CHIP_AGREES_MS
        )
        if hi_ms - lo_ms > 2 * MAX_ERROR_MS or both_say_another:
            self._shown_less_boot_ms = None
            return None
        return self._show(shown_ms, lo_ms, hi_ms, boot_ms)

    def measured(self) -> Drift | None:
        """What was measured since this was asked last."""
        drift, self._drift = self._drift, None
        return drift

    def _anchor_at(self, wall_ms: int, error_ms: int, boot_ms: int, chip_ms: int | None) -> None:
        self.anchor = Anchor(boot_ms, wall_ms, error_ms)
        self.chip = None if chip_ms is None else Chip(boot_ms, chip_ms - wall_ms, error_ms)

    def _chip_fits(self, wall_ms: int, chip_ms: int | None, boot_ms: int) -> bool:
        """Whether the chip goes on as it did beside network time."""
        if chip_ms is None or self.chip is None:
            return chip_ms is None and self.chip is None
        return abs(self.chip.wall_ms(chip_ms) - wall_ms) <= self.chip.error_ms_at(boot_ms) + SECOND_MS

    def _chip_as_the_kernel_sets_it(self, wall_ms: int, chip_ms: int | None, boot_ms: int) -> Chip | None:
        """Linux writes a synchronised time to the chip every eleven minutes; a chip that shows anything else fails."""
        if chip_ms is None or self.anchor is None or not -SECOND_MS <= chip_ms - wall_ms <= 0:
            return None
        return Chip(boot_ms, chip_ms - wall_ms, self.anchor.error_ms_at(boot_ms))

    def _by_the_chip(self, wall_ms: int, chip_ms: int | None, boot_ms: int) -> Kept | None:
        """No network time since this boot: a chip is believed that agrees with the system's time, set from it at boot,
        or with what is shown since."""
        shown_ms = self.now_ms(boot_ms)
        near = next(
            (
                at_ms
                for at_ms in (shown_ms, wall_ms)
                if chip_ms is not None and at_ms is not None and abs(chip_ms - at_ms) <= CHIP_AGREES_MS
            ),
            None,
        )
        if chip_ms is None or near is None:
            self._shown_less_boot_ms = self._alone_since_ms = None
            return None
        if self._alone_since_ms is None:
            self._alone_since_ms = boot_ms
        error_ms = CHIP_ERROR_MS + (boot_ms - self._alone_since_ms) * CHIP_PPM // 1_000_000
        now_ms = min(max(near, chip_ms), chip_ms + SECOND_MS - 1)
        return self._show(now_ms, *_around(now_ms, error_ms), boot_ms)

    def _show(self, now_ms: int, lo_ms: int, hi_ms: int, boot_ms: int) -> Kept:
        now_ms = min(max(now_ms, lo_ms), hi_ms)
        self._shown_less_boot_ms = now_ms - boot_ms
        return Kept(now_ms, lo_ms, hi_ms)


_WHO: Final = {(False, False): "", (True, False): "chip", (False, True): "system", (True, True): "both"}


def _around(middle_ms: int, error_ms: int) -> tuple[int, int]:
    return middle_ms - error_ms, middle_ms + error_ms
