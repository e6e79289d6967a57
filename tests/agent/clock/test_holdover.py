"""A box without network time keeps the time, says how wrong it may be, and is told how wrong it was."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.holdover import HOLDOVER_PPM, MAX_ERROR_MS, MEASURE_AFTER_MS, Anchor, Drift, Holdover
from agent.drivers.anchor_file import AnchorFile
from agent.drivers.clock import FakeClock, KernelTime, SystemClock
from agent.services.faults import Faults
from agent.services.watch import Watch
from protocol.quantities import DAY_MS, MINUTE_MS, SECOND_MS
from protocol.report import ClockQuality, Fault, FaultCode
from tests.support import virtual_time
from tests.support.box_parts import NOW_MS, Parts, parts

ERROR_MS = 40
FREE = KernelTime(synchronised=False, max_error_ms=0)


@dataclass
class Hardware:
    """The clocks of a board whose oscillator is so many ppm fast; `rtc_ppm` None: no battery-backed clock."""

    folder: Path
    ppm: int = 0
    rtc_ppm: float | None = None
    online: bool = True
    true_ms: int = NOW_MS
    set_by_hand_ms: int = 0
    lost_us: int = 0
    """What the oscillator has gone wrong while nothing corrected it."""
    rtc_lost_us: float = 0

    def pass_ms(self, duration_ms: int) -> None:
        self.true_ms += duration_ms
        self.rtc_lost_us += duration_ms * (self.rtc_ppm or 0) / 1_000
        if not self.online:
            self.lost_us += duration_ms * self.ppm // 1_000

    def boot_ms(self) -> int:
        return self.true_ms - NOW_MS + 90_000 + self.lost_us // 1_000

    def wall_ms(self) -> int:
        return self.true_ms + self.set_by_hand_ms + (0 if self.online else self.lost_us // 1_000)

    def kernel(self) -> KernelTime:
        return KernelTime(synchronised=True, max_error_ms=ERROR_MS) if self.online else FREE

    def rtc(self) -> Path:
        path = self.folder / "since_epoch"
        if self.rtc_ppm is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(f"{(self.true_ms + round(self.rtc_lost_us / 1_000)) // 1_000}\n")
        return path

    def clock(self, anchors: AnchorFile | None = None) -> SystemClock:
        return SystemClock(
            "synchronised",
            NOW_MS - DAY_MS,
            anchors=anchors,
            kernel=self.kernel,
            rtc=self.rtc(),
            wall_ms=self.wall_ms,
            boot_ms=self.boot_ms,
        )


def a_month_alone(board: Hardware, clock: SystemClock, look: Callable[[], None] = lambda: None) -> None:
    """One look with network time, then 30 days without."""
    clock.reading()
    board.online = False
    for _ in range(30 * 24 * 4):
        board.pass_ms(15 * MINUTE_MS)
        board.rtc()
        reading = clock.reading()
        assert reading.quality is ClockQuality.RTC
        assert reading.lo_ms <= board.true_ms <= reading.hi_ms
        assert reading.lo_ms <= clock.now_ms() <= reading.hi_ms
        look()


@pytest.mark.parametrize("ppm", [100, -100])
def test_fault_14_a_clock_that_drifts_for_30_days_says_how_wrong_it_may_be_and_network_time_how_wrong_it_was(
    tmp_path: Path, ppm: int
) -> None:
    board = Hardware(tmp_path, ppm)
    clock = board.clock()
    a_month_alone(board, clock)
    off_ms = clock.now_ms() - board.true_ms
    assert off_ms == 30 * 86_400 * ppm // 1_000
    assert "may be off by up to 518 s" in clock.complaint()
    assert clock.measured() is None
    board.online = True
    assert clock.reading().quality is ClockQuality.NTP
    drift = clock.measured()
    assert drift is not None
    assert drift.off_ms == off_ms
    assert drift.ppm == pytest.approx(ppm, rel=0.001)
    assert not drift.is_a_jump
    assert clock.measured() is None
    assert (clock.complaint(), clock.now_ms()) == ("", board.true_ms)


@pytest.mark.parametrize("ppm", [100, -100])
def test_fault_14_with_a_clock_chip_the_error_stays_under_10_s(tmp_path: Path, ppm: int) -> None:
    board = Hardware(tmp_path, ppm, rtc_ppm=3.4 * ppm / 100)
    clock = board.clock()
    worst: list[int] = []
    a_month_alone(board, clock, lambda: worst.append(abs(clock.now_ms() - board.true_ms)))
    assert max(worst) < 10_000
    assert clock.reading().hi_ms - clock.reading().lo_ms <= 20_000
    assert clock.complaint() == ""


def test_fault_14_a_box_that_booted_without_network_follows_its_clock_chip_too(tmp_path: Path) -> None:
    board = Hardware(tmp_path, 100, rtc_ppm=3.4, online=False)
    clock = board.clock()
    a_month_alone(board, clock)
    assert abs(clock.now_ms() - board.true_ms) < 10_000


def test_fault_14_the_error_is_a_row_that_goes_up_until_it_is_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        with parts(tmp_path) as box:
            board = Hardware(tmp_path, 100)
            clock = board.clock()
            faults, watch = _watched(box, clock)
            a_month_alone(board, clock, watch.look)
            assert FaultCode.CLOCK in faults.active()
            board.online = True
            watch.look()
            assert FaultCode.CLOCK not in faults.active()
            *_, newest = _rows(box)
            assert newest.detail == "the clock was 259.2 s ahead after 30.0 days without network time (+100 ppm)"
            assert not newest.raised

    virtual_time.run(story())


def test_a_drift_that_no_fault_announced_is_told_all_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        with parts(tmp_path) as box:
            faults = Faults(box.store.outbox, box.clock, box.wakes.reporter)
            box.clock.drift = Drift(-2_500, 6 * 3_600_000, 4_500)
            box.watch.look()
            assert [(row.raised, row.detail) for row in _rows(box)] == [
                (False, "the clock was 2.5 s behind after 0.2 days without network time (-116 ppm)")
            ]
            box.clock.drift = Drift(300, 3 * 3_600_000, 2_300)
            box.watch.look()
            assert len(_rows(box)) == 1
            assert not faults.active()

    virtual_time.run(story())


def test_network_time_that_contradicts_itself_is_reported(tmp_path: Path) -> None:
    async def story() -> None:
        with parts(tmp_path) as box:
            board = Hardware(tmp_path)
            clock = board.clock()
            _, watch = _watched(box, clock)
            watch.look()
            board.pass_ms(30 * MINUTE_MS)
            board.set_by_hand_ms = 3_600_000
            watch.look()
            (row,) = _rows(box)
            assert "differs from what it said 30 min ago" in row.detail
            assert "3600.0 s behind" in row.detail

    virtual_time.run(story())


def test_who_sets_the_system_clock_of_a_box_that_is_alone_changes_nothing(tmp_path: Path) -> None:
    board = Hardware(tmp_path)
    clock = board.clock()
    clock.reading()
    board.online = False
    board.pass_ms(DAY_MS)
    for by_hand_ms in (3_600_000, -3_600_000, 40 * DAY_MS):
        board.set_by_hand_ms = by_hand_ms
        assert clock.reading().quality is ClockQuality.RTC
        assert clock.now_ms() == board.true_ms


def test_a_clock_chip_that_contradicts_the_oscillator_is_not_followed(tmp_path: Path) -> None:
    board = Hardware(tmp_path, rtc_ppm=5_000)
    clock = board.clock()
    a_month_alone(board, clock)
    assert abs(clock.now_ms() - board.true_ms) <= 30 * 86_400 * HOLDOVER_PPM // 1_000


def test_a_box_knows_no_time_when_it_has_been_alone_for_too_long(tmp_path: Path) -> None:
    board = Hardware(tmp_path)
    clock = board.clock()
    clock.reading()
    board.online = False
    board.pass_ms(MAX_ERROR_MS * 1_000_000 // HOLDOVER_PPM + DAY_MS)
    assert clock.reading().quality is ClockQuality.FLOOR
    board.online = True
    assert clock.reading().quality is ClockQuality.NTP
    assert (drift := clock.measured()) is not None
    assert abs(drift.off_ms) <= ERROR_MS


def test_a_daemon_that_starts_again_still_knows_the_time_and_a_board_that_starts_again_does_not(tmp_path: Path) -> None:
    (boot_id := tmp_path / "boot_id").write_text("first\n")
    kept = tmp_path / "network-time"
    board = Hardware(tmp_path)
    board.clock(AnchorFile(kept, boot_id)).reading()
    board.online = False
    board.pass_ms(DAY_MS)
    again = board.clock(AnchorFile(kept, boot_id))
    assert again.reading().quality is ClockQuality.RTC
    assert again.now_ms() == board.true_ms
    boot_id.write_text("second\n")
    assert board.clock(AnchorFile(kept, boot_id)).reading().quality is ClockQuality.FLOOR


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", '{"boot":"b","boot_ms":-1,"wall_ms":1,"error_ms":1}'])
def test_an_anchor_file_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (boot_id := tmp_path / "boot_id").write_text("b\n")
    (path := tmp_path / "network-time").write_text(text)
    assert AnchorFile(path, boot_id).load() is None


def test_an_anchor_that_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    anchors = AnchorFile(tmp_path / "none" / "network-time")
    anchors.save(Anchor(1, 2, 3))
    assert anchors.load() is None


@given(
    ppm=st.integers(-HOLDOVER_PPM, HOLDOVER_PPM),
    rtc_off_ms=st.none() | st.integers(-(10**8), 10**8),
    looks=st.lists(st.integers(1_000, DAY_MS), min_size=1, max_size=20),
)
def test_whatever_the_clock_chip_says_the_true_time_of_an_oscillator_within_its_bound_is_in_the_interval(
    ppm: int, rtc_off_ms: int | None, looks: list[int]
) -> None:
    """For a chip that is right within its error; one that is not leaves the time within the oscillator's bound."""
    holdover, true_ms, boot_ms = Holdover(), NOW_MS, 0.0
    holdover.synchronised(true_ms, ERROR_MS, 0)
    for look in looks:
        true_ms += look
        boot_ms += look * (1 + ppm / 1_000_000)
        rtc_ms = None if rtc_off_ms is None else (true_ms + rtc_off_ms) // SECOND_MS * SECOND_MS
        kept = holdover.kept(0, rtc_ms, round(boot_ms))
        assert kept is not None
        assert kept.lo_ms <= kept.now_ms <= kept.hi_ms
        if rtc_off_ms is None or abs(rtc_off_ms) < 9_000:
            assert kept.lo_ms - 1 <= true_ms <= kept.hi_ms + 1
        bound_ms = ERROR_MS + (true_ms - NOW_MS) * HOLDOVER_PPM * 2 // 1_000_000 + SECOND_MS
        assert abs(kept.now_ms - true_ms) <= bound_ms


def test_a_short_gap_in_network_time_is_no_measurement() -> None:
    holdover = Holdover()
    holdover.synchronised(NOW_MS, ERROR_MS, 0)
    holdover.synchronised(NOW_MS + MEASURE_AFTER_MS - 1, ERROR_MS, MEASURE_AFTER_MS - 1)
    assert holdover.measured() is None


def _watched(box: Parts, clock: SystemClock) -> tuple[Faults, Watch]:
    faults = Faults(box.store.outbox, clock, box.wakes.reporter)
    return faults, Watch(clock, box.store, inbox=box.inbox, faults=faults, keeper=box.keeper)


def _rows(box: Parts) -> list[Fault]:
    assert isinstance(box.clock, FakeClock)
    return [row for row in box.store.outbox.faults() if row.code is FaultCode.CLOCK]
