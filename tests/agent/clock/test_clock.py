"""How much of the system's time is to be believed."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.holdover import Kept
from agent.drivers.clock import BUILD_MS, FakeClock, KernelTime, SystemClock, judge, kernel_time
from agent.ports.clock import wait_for
from protocol.report import ClockQuality
from tests.support import virtual_time

NOW = BUILD_MS + 1_000_000_000
YEAR_MS = 365 * 86_400_000
FREE = KernelTime(synchronised=False, max_error_ms=0)
SYNCHRONISED = KernelTime(synchronised=True, max_error_ms=40)


def test_a_synchronised_kernel_is_believed_with_its_own_error() -> None:
    reading = judge(NOW, floor_ms=BUILD_MS, trust="synchronised", kernel=SYNCHRONISED, kept=None)
    assert (reading.quality, reading.lo_ms, reading.hi_ms) == (ClockQuality.NTP, NOW - 40, NOW + 40)


def test_an_rtc_that_agrees_is_believed_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    def quality(rtc_s: int) -> ClockQuality:
        (rtc := tmp_path / "since_epoch").write_text(f"{rtc_s}\n")
        clock = SystemClock("synchronised", NOW - 1, kernel=lambda: FREE, rtc=rtc, wall_ms=lambda: NOW)
        return clock.reading().quality

    assert quality(NOW // 1000 + 2) is ClockQuality.RTC
    assert quality(NOW // 1000 + 3_600) is ClockQuality.FLOOR
    assert quality(1) is ClockQuality.FLOOR


def test_the_installer_may_vouch_for_the_system_clock() -> None:
    assert judge(NOW, floor_ms=BUILD_MS, trust="system", kernel=FREE, kept=None).quality is ClockQuality.NTP


@given(
    now=st.integers(0, 2 * NOW),
    floor=st.integers(BUILD_MS, 2 * NOW),
    trust=st.sampled_from(["system", "synchronised"]),
    kernel=st.sampled_from([FREE, SYNCHRONISED]),
    kept_ms=st.none() | st.integers(0, 2 * NOW),
)
def test_a_time_before_the_floor_is_never_believed(
    now: int, floor: int, trust: str, kernel: KernelTime, kept_ms: int | None
) -> None:
    kept = None if kept_ms is None else Kept(kept_ms, kept_ms - 5, kept_ms + 5)
    reading = judge(now, floor_ms=floor, trust=trust, kernel=kernel, kept=kept)
    assert reading.lo_ms <= reading.hi_ms
    by_itself = kept_ms is not None and not kernel.synchronised and trust != "system"
    believed = kept_ms if by_itself and kept_ms is not None else now
    if believed < floor:
        assert not reading.tells_time
        assert reading.lo_ms == floor
    elif reading.tells_time:
        assert reading.lo_ms <= believed <= reading.hi_ms


def test_the_clock_of_a_box_never_shows_less_than_its_floor(tmp_path: Path) -> None:
    rtc = tmp_path / "since_epoch"
    rtc.write_text("1\n")
    future = NOW + 10**12
    clock = SystemClock("system", future, kernel=lambda: FREE, rtc=rtc)
    assert clock.now_ms() >= future
    assert clock.reading().quality is ClockQuality.FLOOR
    clock.raise_floor(future + 10**9)
    clock.raise_floor(future - 1)
    assert clock.now_ms() >= future + 10**9


def test_a_time_that_was_believed_and_signed_by_nobody_never_becomes_the_floor() -> None:
    wall = [NOW + 10 * YEAR_MS]
    clock = SystemClock("synchronised", NOW, kernel=lambda: SYNCHRONISED, wall_ms=lambda: wall[0])
    assert clock.reading().lo_ms == NOW + 10 * YEAR_MS - 40
    kept = clock.floor_ms()
    assert NOW <= kept < NOW + 3_600_000
    after_a_restart = SystemClock("synchronised", kept, kernel=lambda: SYNCHRONISED, wall_ms=lambda: NOW + 3_600_000)
    assert after_a_restart.reading().quality is ClockQuality.NTP
    assert after_a_restart.complaint() == ""


def test_a_technician_is_told_what_is_wrong_with_the_time_and_the_way_out() -> None:
    wall = [NOW - 3_600_000]
    clock = SystemClock("synchronised", NOW, kernel=lambda: SYNCHRONISED, wall_ms=lambda: wall[0])
    assert "forget-time" in clock.complaint()
    wall[0] = NOW + 3_600_000
    assert clock.complaint() == ""
    wall[0] = NOW + 3_000_000
    assert "set back from" in clock.complaint()
    free = SystemClock("synchronised", NOW, kernel=lambda: FREE, rtc=Path("/none"), wall_ms=lambda: NOW + 3_600_000)
    assert "clock chip" in free.complaint()


def test_a_missing_or_broken_rtc_is_none(tmp_path: Path) -> None:
    rtc = tmp_path / "since_epoch"
    assert SystemClock("synchronised", kernel=lambda: FREE, rtc=rtc).reading().quality is ClockQuality.FLOOR
    rtc.write_text("nonsense")
    assert SystemClock("synchronised", kernel=lambda: FREE, rtc=rtc).reading().quality is ClockQuality.FLOOR


def test_the_kernel_can_be_asked() -> None:
    assert kernel_time().max_error_ms >= 0


def test_the_boot_clock_only_rises() -> None:
    clock = SystemClock("system")
    assert clock.boot_ms() <= clock.boot_ms()


def test_a_fake_clock_jumps_on_the_wall_and_never_on_the_boot_clock() -> None:
    async def story() -> None:
        clock = FakeClock(NOW)
        boot = clock.boot_ms()
        await clock.sleep_ms(1500)
        clock.jump(-3_600_000)
        assert clock.now_ms() == NOW + 1500 - 3_600_000
        assert clock.boot_ms() == boot + 1500
        clock.quality = ClockQuality.NONE
        assert not clock.reading().tells_time

    virtual_time.run(story())


@pytest.mark.parametrize("turns", range(8))
def test_who_waits_for_an_event_or_an_instant_can_be_ended_at_every_moment(turns: int) -> None:
    async def main() -> None:
        event, clock = asyncio.Event(), FakeClock(1_000)

        async def wait_again_and_again() -> None:
            while True:
                event.clear()
                await wait_for(clock, event, 1_000)

        waiting = asyncio.create_task(wait_again_and_again())
        await asyncio.sleep(0.5)
        event.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=10)
        assert waiting.cancelled()

    virtual_time.run(main())
