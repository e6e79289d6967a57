"""What has certainly passed, and what was taken for the time before."""

from hypothesis import given
from hypothesis import strategies as st

from agent.core.past import FORGET_MS, Past
from protocol.clock import ClockReading
from protocol.report import ClockQuality

NOW = 1_795_500_000_000


def reading(at_ms: int, quality: ClockQuality = ClockQuality.NTP) -> ClockReading:
    return ClockReading(at_ms - 10, at_ms + 10, quality)


@given(told=st.lists(st.tuples(st.integers(-(10**7), 10**7), st.integers(0, 10**7)), max_size=20))
def test_the_floor_only_rises_and_never_overtakes_what_it_was_told_and_the_time_since(
    told: list[tuple[int, int]],
) -> None:
    past, boot, best = Past(NOW, 0), 0, NOW
    for ahead, passes in told:
        past.raise_floor(NOW + boot + ahead, boot)
        best = max(best, NOW + boot + ahead)
        before = past.floor_ms(boot)
        boot, best = boot + passes, best + passes
        assert before <= past.floor_ms(boot) <= best


@given(steps=st.lists(st.tuples(st.integers(-(10**8), 10**8), st.integers(0, FORGET_MS // 30)), max_size=20))
def test_for_two_hours_the_latest_that_was_believed_bounds_the_time_from_above(steps: list[tuple[int, int]]) -> None:
    past, boot, wall, best = Past(NOW, 0), 0, NOW, 0
    for jump, passes in steps:
        wall += jump
        seen = past.widened(reading(wall), boot)
        best = max(best, wall - 10)
        assert seen.lo_ms == wall - 10
        assert seen.hi_ms >= max(wall + 10, best)
        boot, wall, best = boot + passes, wall + passes, best + passes


def test_a_belief_that_the_clock_has_left_is_given_up_after_two_hours_and_a_clock_that_returns_keeps_it() -> None:
    past = Past(NOW, 0)
    past.widened(reading(NOW + 10**9), 0)
    assert past.widened(reading(NOW), 1).hi_ms > NOW + 10**8
    assert past.widened(reading(NOW + FORGET_MS), FORGET_MS).hi_ms > NOW + 10**8
    assert past.widened(reading(NOW + FORGET_MS), FORGET_MS + 1).hi_ms == NOW + FORGET_MS + 10
    unknown = reading(NOW, ClockQuality.FLOOR)
    assert past.widened(unknown, FORGET_MS + 2) is unknown
