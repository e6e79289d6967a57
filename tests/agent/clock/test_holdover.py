"""A box without network time keeps the time, says how wrong it may be, and is told how wrong it was."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.holdover import CHIP_PPM, HOLDOVER_PPM, MEASURE_AFTER_MS, Anchor, Drift, Holdover
from agent.drivers.anchor_file import AnchorFile
from agent.drivers.clock import FakeClock, KernelTime, SystemClock
from agent.services.faults import Faults
from agent.services.watch import Watch
from protocol.quantities import DAY_MS, MINUTE_MS, SECOND_MS
from protocol.report import ClockQuality, Fault, FaultCode
from tests.support import virtual_time
from tests.support.box_parts import NOW_MS, Parts, parts

ERROR_MS = 40
KERNEL_PPM = 500
"""So fast grows the error that Linux admits; at 16 s it says that it is not synchronised."""
FREE = KernelTime(synchronised=False, max_error_ms=0)


@dataclass
class Hardware:
    """The clocks of a board whose oscillator is so many ppm fast; `chip_ppm` None: no clock chip."""

    folder: Path
    ppm: int = 0
    chip_ppm: float | None = None
    chip_off_ms: int = 0
    online: bool = True
    true_ms: int = NOW_MS
    set_by_hand_ms: int = 0
    lost_us: int = 0
    """What the oscillator has gone wrong while nothing corrected it."""
    lost_before_us: int = 0
    """That, when network time was here last and set the wall clock right."""
    chip_lost_us: float = 0
    heard_ms: int = NOW_MS
    """When network time was here last."""
    error_ms: int = ERROR_MS
    """What a server's word leaves open."""

    def pass_ms(self, duration_ms: int) -> None:
        self.true_ms += duration_ms
        self.chip_lost_us += duration_ms * (self.chip_ppm or 0) / 1_000
        if self.online:
            self.heard_ms = self.true_ms
            self.set_by_hand_ms = 0
            self.lost_before_us = self.lost_us
        else:
            self.lost_us += duration_ms * self.ppm // 1_000

    def boot_ms(self) -> int:
        return self.true_ms - NOW_MS + 90_000 + self.lost_us // 1_000

    def wall_ms(self) -> int:
        return self.true_ms + self.set_by_hand_ms + (self.lost_us - self.lost_before_us) // 1_000

    def kernel(self) -> KernelTime:
        error_ms = self.error_ms + (self.true_ms - self.heard_ms) * KERNEL_PPM // 1_000_000
        return KernelTime(synchronised=True, max_error_ms=error_ms) if error_ms < 16_000 else FREE

    def chip(self) -> Path:
        path = self.folder / "since_epoch"
        if self.chip_ppm is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(f"{(self.true_ms + self.chip_off_ms + round(self.chip_lost_us / 1_000)) // 1_000}\n")
        return path

    def clock(self, anchors: AnchorFile | None = None) -> SystemClock:
        return SystemClock(
            "synchronised",
            NOW_MS - DAY_MS,
            anchors=anchors,
            kernel=self.kernel,
            rtc=self.chip(),
            wall_ms=self.wall_ms,
            boot_ms=self.boot_ms,
        )


def alone(board: Hardware, clock: SystemClock, look: Callable[[], None] = lambda: None, *, days: int = 30) -> None:
    """One look with network time, then so many days without: the interval holds the true time, and what is shown."""
    clock.reading()
    board.online = False
    steps_ms = []
    for minutes in (10,) * 72 + (360,) * (4 * days - 2):
        board.pass_ms(minutes * MINUTE_MS)
        board.chip()
        shown_ms, reading = clock.now_ms(), clock.reading()
        assert reading.tells_time
        assert reading.lo_ms <= board.true_ms <= reading.hi_ms
        assert reading.lo_ms <= clock.now_ms() <= reading.hi_ms
        steps_ms.append(abs(clock.now_ms() - shown_ms))
        look()
    assert max(steps_ms) <= 4_500


def back(board: Hardware) -> None:
    board.online = True
    board.pass_ms(0)


@pytest.mark.parametrize("ppm", [100, -100])
def test_fault_14_a_clock_that_drifts_for_30_days_says_how_wrong_it_may_be_and_network_time_how_wrong_it_was(
    tmp_path: Path, ppm: int
) -> None:
    board = Hardware(tmp_path, ppm)
    clock = board.clock()
    alone(board, clock)
    off_ms = clock.now_ms() - board.true_ms
    assert off_ms == 30 * 86_400 * ppm // 1_000
    assert "may be off by up to 518 s" in clock.complaint()
    assert clock.measured() is None
    back(board)
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
    board = Hardware(tmp_path, ppm, chip_ppm=3 * ppm / 100)
    clock = board.clock()
    worst: list[int] = []
    alone(board, clock, lambda: worst.append(abs(clock.now_ms() - board.true_ms)))
    assert max(worst) < 10_000
    assert clock.reading().hi_ms - clock.reading().lo_ms <= 2 * 30 * 86_400 * CHIP_PPM // 1_000 + 2_500
    assert clock.complaint() == ""


def test_fault_14_a_box_that_booted_without_network_follows_its_clock_chip_too(tmp_path: Path) -> None:
    board = Hardware(tmp_path, 100, chip_ppm=3, online=False)
    clock = board.clock()
    alone(board, clock)
    assert abs(clock.now_ms() - board.true_ms) < 10_000


def test_fault_14_the_error_is_a_row_that_goes_up_until_it_is_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        with parts(tmp_path) as box:
            board = Hardware(tmp_path, 100)
            clock = board.clock()
            faults, watch = _watched(box, clock)
            alone(board, clock, watch.look)
            assert FaultCode.CLOCK in faults.active()
            back(board)
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


def test_who_sets_the_system_clock_of_a_box_that_is_alone_changes_nothing_and_is_told(tmp_path: Path) -> None:
    board = Hardware(tmp_path)
    clock = board.clock()
    alone(board, clock, days=1)
    for by_hand_ms in (3_600_000, -3_600_000, 40 * DAY_MS):
        board.set_by_hand_ms = by_hand_ms
        assert clock.now_ms() == board.true_ms
        assert clock.reading().quality is ClockQuality.RTC
        assert clock.now_ms() == board.true_ms
        assert "somebody has set the system's clock" in clock.complaint()


@pytest.mark.parametrize("off_ms", [-600_000, -60_000, -1_000, 1_000, 60_000, 600_000])
@pytest.mark.parametrize("chip_ppm", [-20, 0, 20])
def test_a_clock_chip_that_is_off_or_slow_is_no_truth(tmp_path: Path, off_ms: int, chip_ppm: int) -> None:
    board = Hardware(tmp_path, 30, chip_ppm=chip_ppm, chip_off_ms=off_ms)
    clock = board.clock()
    alone(board, clock, days=50)
    assert abs(clock.now_ms() - board.true_ms) <= 50 * 86_400 * 20 // 1_000 + 1_500
    assert "quite another time" not in clock.complaint()


def test_a_clock_chip_that_jumps_is_out_until_network_time_is_back(tmp_path: Path) -> None:
    board = Hardware(tmp_path, 100, chip_ppm=0)
    clock = board.clock()
    alone(board, clock, days=2)
    board.chip_off_ms = 100_000
    for _ in range(8 * 4):
        board.pass_ms(360 * MINUTE_MS)
        board.chip()
        reading = clock.reading()
        assert reading.lo_ms <= board.true_ms <= reading.hi_ms
    assert "the clock chip shows quite another time" in clock.complaint()
    back(board)
    assert clock.reading().quality is ClockQuality.NTP
    assert clock.complaint() == ""


def test_a_clock_chip_that_loses_minutes_beside_network_time_is_not_followed(tmp_path: Path) -> None:
    board = Hardware(tmp_path, chip_ppm=5_000)
    clock = board.clock()
    alone(board, clock)
    assert clock.now_ms() == board.true_ms


def test_the_kernel_may_set_the_chip_while_it_calls_its_time_synchronised(tmp_path: Path) -> None:
    board = Hardware(tmp_path, chip_ppm=0, chip_off_ms=-40_000)
    clock = board.clock()
    clock.reading()
    board.online = False
    board.pass_ms(11 * MINUTE_MS)
    board.chip_off_ms = 0
    board.chip()
    assert clock.reading().quality is ClockQuality.NTP
    alone(board, clock)
    assert clock.complaint() == ""
    assert abs(clock.now_ms() - board.true_ms) <= 1_000


def test_chip_and_system_clock_that_agree_against_the_last_network_time_leave_no_time(tmp_path: Path) -> None:
    """Network time was a year ahead; a technician sets both right. Which of the two is right nobody can tell here."""
    board = Hardware(tmp_path, chip_ppm=0)
    board.set_by_hand_ms = 365 * DAY_MS
    board.chip_off_ms = 365 * DAY_MS
    clock = board.clock()
    clock.reading()
    board.online = False
    board.pass_ms(DAY_MS)
    board.set_by_hand_ms = board.chip_off_ms = 0
    board.chip()
    assert clock.reading().quality is ClockQuality.FLOOR
    assert "restart the box to go by the chip" in clock.complaint()
    after_a_restart_of_the_box = board.clock()
    assert after_a_restart_of_the_box.reading().quality is ClockQuality.RTC
    assert abs(after_a_restart_of_the_box.now_ms() - board.true_ms) <= 1_000


def test_a_network_time_that_was_corrected_is_in_no_file(tmp_path: Path) -> None:
    (boot_id := tmp_path / "boot_id").write_text("first\n")
    anchors = AnchorFile(tmp_path / "network-time", boot_id)
    board = Hardware(tmp_path)
    board.set_by_hand_ms = 3_600_000
    clock = board.clock(anchors)
    clock.reading()
    board.pass_ms(MINUTE_MS)
    clock.reading()
    again = board.clock(anchors)
    board.online = False
    board.pass_ms(DAY_MS)
    assert again.reading().quality is ClockQuality.RTC
    assert again.now_ms() == board.true_ms
    anchors.forget()
    assert board.clock(anchors).reading().quality is ClockQuality.FLOOR


def test_of_two_outages_each_is_measured_by_itself(tmp_path: Path) -> None:
    board = Hardware(tmp_path, 50)
    clock = board.clock()
    for days in (3, 5):
        alone(board, clock, days=days)
        back(board)
        clock.reading()
        drift = clock.measured()
        assert drift is not None
        assert drift.off_ms == days * 86_400 * 50 // 1_000


def test_a_kernel_that_says_at_once_that_it_is_right_is_no_contradiction(tmp_path: Path) -> None:
    """systemd-timesyncd says an error of 0 at each poll; clocks are read a millisecond apart."""
    board = Hardware(tmp_path, error_ms=0)
    clock = board.clock()
    for number in range(2_000):
        board.pass_ms(5_000)
        board.set_by_hand_ms = number % 2
        clock.reading()
        assert clock.measured() is None


def test_a_time_before_the_floor_is_no_network_time(tmp_path: Path) -> None:
    board = Hardware(tmp_path)
    board.set_by_hand_ms = -3 * DAY_MS
    clock = board.clock()
    assert clock.reading().quality is ClockQuality.FLOOR
    board.online = False
    board.pass_ms(DAY_MS)
    assert clock.reading().quality is ClockQuality.FLOOR


def test_a_clock_that_the_installer_vouches_for_is_not_kept_by_the_box(tmp_path: Path) -> None:
    board = Hardware(tmp_path)
    clock = SystemClock("system", kernel=lambda: FREE, rtc=board.chip(), wall_ms=board.wall_ms, boot_ms=board.boot_ms)
    clock.reading()
    board.online = False
    board.pass_ms(MINUTE_MS)
    board.set_by_hand_ms = 3_600_000
    assert clock.now_ms() == board.true_ms + 3_600_000
    assert clock.complaint() == ""


def test_the_anchor_is_saved_again_every_hour(tmp_path: Path) -> None:
    (boot_id := tmp_path / "boot_id").write_text("first\n")
    kept = tmp_path / "network-time"
    board = Hardware(tmp_path)
    clock = board.clock(AnchorFile(kept, boot_id))
    texts = set()
    for _ in range(6 * 60):
        board.pass_ms(MINUTE_MS)
        clock.reading()
        texts.add(kept.read_text())
    assert len(texts) == 6


def test_a_box_knows_no_time_when_it_has_been_alone_for_too_long(tmp_path: Path) -> None:
    board = Hardware(tmp_path)
    clock = board.clock()
    alone(board, clock, days=51)
    board.pass_ms(2 * DAY_MS)
    assert clock.reading().quality is ClockQuality.FLOOR
    back(board)
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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "nonsense",
        '{"boot":"b","anchor":[1,2],"chip":null}',
        '{"boot":"b","anchor":[1,2,"3"],"chip":null}',
        '{"boot":"b","anchor":[1,2,3],"chip":[1,true,3]}',
        '{"boot":"b","anchor":[1,2,3]}',
        '{"boot":"other","anchor":[1,2,3],"chip":null}',
    ],
)
def test_an_anchor_file_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (boot_id := tmp_path / "boot_id").write_text("b\n")
    (path := tmp_path / "network-time").write_text(text)
    assert AnchorFile(path, boot_id).load() == (None, None)


def test_an_anchor_that_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    anchors = AnchorFile(tmp_path / "none" / "network-time")
    anchors.save(Anchor(1, 2, 3), None)
    assert anchors.load() == (None, None)


@given(
    ppm=st.integers(-HOLDOVER_PPM, HOLDOVER_PPM),
    chip=st.none() | st.tuples(st.integers(-(10**8), 10**8), st.integers(-CHIP_PPM, CHIP_PPM)),
    looks=st.lists(st.integers(1_000, 3 * DAY_MS), min_size=1, max_size=20),
)
def test_whatever_a_clock_chip_is_off_the_true_time_is_in_the_interval(
    ppm: int, chip: tuple[int, int] | None, looks: list[int]
) -> None:
    def chip_ms() -> int | None:
        if chip is None:
            return None
        off_ms, chip_ppm = chip
        return round(true_ms + off_ms + (true_ms - NOW_MS) * chip_ppm / 1_000_000) // SECOND_MS * SECOND_MS

    holdover, true_ms, boot_ms = Holdover(), NOW_MS, 0.0
    holdover.synchronised(true_ms, ERROR_MS, 0, chip_ms())
    for look in looks:
        true_ms += look
        boot_ms += look * (1 + ppm / 1_000_000)
        kept = holdover.kept(round(NOW_MS + boot_ms), chip_ms(), round(boot_ms))
        if kept is None:
            assert true_ms - NOW_MS > 50 * DAY_MS
            continue
        assert kept.lo_ms <= kept.now_ms <= kept.hi_ms
        assert kept.lo_ms - 1 <= true_ms <= kept.hi_ms + 1
        assert holdover.contradiction == ""


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
