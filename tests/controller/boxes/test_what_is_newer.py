"""Beats and hellos that somebody kept and says again change nothing; a box whose clock was wrong is not shut out."""

from hypothesis import given
from hypothesis import strategies as st

from controller.boxes.rules import Mark, after_beat, after_hello
from protocol.report import ClockQuality, Hello

HOUR = 3_600_000
NOW = 1_795_500_000_000
NOBODY = Mark()


def hello(at: int, boot: int = NOW - HOUR, clock: ClockQuality = ClockQuality.NTP) -> Hello:
    return Hello("a" * 16, "0.1.0", at, 1, 1, 1, (), b"c" * 8, 0, clock, boot)


def marked(*hellos: Hello, now: int = NOW) -> Mark:
    """After these, each of which must count."""
    mark = NOBODY
    for one in hellos:
        following = after_hello(mark, one, now)
        assert following is not None, one
        mark = following
    return mark


def beat(mark: Mark, at_ms: int, now: int = NOW) -> Mark | None:
    return after_beat(mark, at_ms // 1000, now // 1000)


def test_a_beat_counts_if_it_is_later_than_the_last_and_in_the_second_of_its_hello() -> None:
    mark = marked(hello(NOW))
    later = beat(mark, NOW)
    assert later is not None
    assert beat(later, NOW) is None
    assert beat(later, NOW - 60_000) is None
    assert beat(later, NOW + 1000) is not None


def test_an_older_hello_rewinds_nothing() -> None:
    yesterday, today = hello(NOW - 24 * HOUR, NOW - 30 * HOUR), hello(NOW - HOUR, NOW - 2 * HOUR)
    mark = marked(yesterday, today)
    assert after_hello(mark, yesterday, NOW) is None
    assert after_hello(mark, today, NOW) is None


def test_a_clock_that_is_set_back_while_the_box_is_connected_does_not_make_it_silent() -> None:
    ahead = beat(marked(hello(NOW - 2 * HOUR)), NOW + 48 * HOUR)
    assert ahead is not None
    right = beat(ahead, NOW + 60_000, NOW + 60_000)
    assert right is not None, "the next beat, a minute later"
    assert beat(right, NOW + 120_000, NOW + 120_000) is not None
    assert beat(right, NOW, NOW + 120_000) is None, "one from before"


def test_a_hello_from_the_future_does_not_shut_out_the_beats_after_the_clock_is_set_right() -> None:
    mark = marked(hello(NOW + 48 * HOUR))
    assert beat(mark, NOW + 60_000, NOW + 60_000) is not None
    assert beat(mark, NOW - HOUR) is None, "one from before"


def test_one_forged_beat_silences_nobody() -> None:
    forged = after_beat(marked(hello(NOW - HOUR)), 2**32 - 1, NOW // 1000)
    assert forged is not None
    assert beat(forged, NOW + 60_000, NOW + 60_000) is not None


def test_after_a_step_back_the_same_run_greets_again_and_no_kept_hello_rewinds_it() -> None:
    boot = NOW + 47 * HOUR
    kept = hello(NOW - 24 * HOUR, NOW - 25 * HOUR)
    right = marked(kept, hello(NOW + 48 * HOUR, boot), hello(NOW, boot))
    assert right.hello_ms == NOW
    assert after_hello(right, kept, NOW) is None


def test_a_box_that_said_hello_from_the_future_is_let_in_again_when_its_clock_is_right() -> None:
    future = hello(NOW + 48 * HOUR, boot=NOW + 47 * HOUR)
    right = marked(future, hello(NOW, boot=NOW - 1000))
    assert beat(right, NOW) is not None
    assert after_hello(right, future, NOW) is not None, "it is later; the box itself corrects it once more"


def test_a_box_that_starts_without_the_time_is_heard_and_later_too() -> None:
    """After a power cut, without a clock chip: it starts from its floor, which lies before its last start."""
    floor = NOW - 72 * HOUR
    lost = marked(hello(NOW - HOUR), hello(floor + 5, boot=floor, clock=ClockQuality.FLOOR))
    assert beat(lost, floor + 60_000) is not None
    known = after_hello(lost, hello(NOW, boot=floor), NOW)
    assert known is not None
    assert after_hello(known, hello(NOW - 2 * HOUR, boot=NOW - HOUR), NOW) is None, "kept from before the power cut"


def test_a_box_that_learnt_the_time_before_it_connected_is_heard() -> None:
    floor = NOW - 72 * HOUR
    marked(hello(NOW - HOUR), hello(NOW, boot=floor))


@given(
    st.lists(
        st.tuples(st.integers(NOW - 99 * HOUR, NOW), st.integers(NOW - 99 * HOUR, NOW)).map(sorted),
        max_size=8,
    )
)
def test_the_newest_hello_said_again_never_counts(times: list[list[int]]) -> None:
    mark = NOBODY
    for boot, at in times:
        following = after_hello(mark, hello(at, boot), NOW)
        if following is not None:
            mark = following
            assert after_hello(mark, hello(at, boot), NOW) is None


@given(st.lists(st.integers(0, NOW // 1000), max_size=20))
def test_beats_that_count_rise(times: list[int]) -> None:
    mark, counted = NOBODY, []
    for at in times:
        following = after_beat(mark, at, NOW // 1000)
        if following is not None:
            mark = following
            counted.append(at)
    assert counted == sorted(set(counted))


@given(st.lists(st.integers(0, 2**32), max_size=20))
def test_whatever_beats_have_claimed_the_next_at_the_right_time_counts(times: list[int]) -> None:
    mark, now_s = NOBODY, NOW // 1000
    for at in times:
        mark = after_beat(mark, at, now_s) or mark
    assert after_beat(mark, now_s + 1, now_s + 1) is not None
