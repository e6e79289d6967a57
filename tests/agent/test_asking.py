"""When a box asks for newer roots because a message says that there are some."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.core.asking import LONGEST_MS, SHORTEST_MS, Asking
from protocol.quantities import DAY_MS, MINUTE_MS

LOOK_MS = 5_000


def asked_at(wanted: list[int], versions: dict[int, int], until_ms: int) -> list[int]:
    """When it asks, if these are the instants of messages, and newer roots come at those. It looks every 5 seconds."""
    asking, version, asked = Asking(), 1, []
    for now_ms in range(0, until_ms, LOOK_MS):
        version = versions.get(now_ms, version)
        if now_ms in wanted or asking.owes:
            asking = asking.after_a_wish(now_ms, version)
            if not asking.owes:
                asked.append(now_ms)
    return asked


def always(until_ms: int) -> list[int]:
    return list(range(0, until_ms, LOOK_MS))


def test_noise_without_an_end_is_asked_about_ever_more_rarely() -> None:
    asked = asked_at(always(90 * MINUTE_MS), {}, 90 * MINUTE_MS)
    assert [at // MINUTE_MS for at in asked] == [0, 1, 3, 7, 15, 31, 47, 63, 79]


def test_newer_roots_make_the_pause_short_again() -> None:
    asked = asked_at(always(70 * MINUTE_MS), {40 * MINUTE_MS: 2}, 70 * MINUTE_MS)
    assert [at // MINUTE_MS for at in asked if at > 30 * MINUTE_MS] == [31, 40, 41, 43, 47, 55]


def test_after_a_day_without_a_question_the_pause_is_short_again() -> None:
    asking = Asking()
    for minute in (0, 1, 3, 7):
        asking = asking.after_a_wish(minute * MINUTE_MS, 1)
    asking = asking.after_a_wish(7 * MINUTE_MS + DAY_MS, 1)
    assert (asking.owes, asking.pause_ms) == (False, SHORTEST_MS)


@given(
    st.lists(st.integers(0, 700).map(lambda number: number * LOOK_MS), max_size=40),
    st.dictionaries(st.integers(0, 700).map(lambda number: number * LOOK_MS), st.integers(2, 9), max_size=3),
)
def test_a_question_is_put_off_and_never_left_out(wanted: list[int], versions: dict[int, int]) -> None:
    asked = asked_at(wanted, versions, 700 * LOOK_MS + LONGEST_MS + LOOK_MS)
    assert all(any(want <= at <= want + LONGEST_MS for at in asked) for want in wanted)
    assert all(after - before >= SHORTEST_MS for before, after in pairwise(asked))
    assert bool(asked) is bool(wanted)
