"""Assignments and manifests: the product and the oracle take the same of them, and let the same of them sound."""

import random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import approval as product
from tests.oracle import agreement, bridge, programmes, schedule
from tests.oracle.persons import DAY_S, NOW_S
from tests.oracle.records import QuietException

CASES: Final = 700
WEEK_S: Final = 7 * DAY_S


@pytest.fixture(scope="module")
def tally() -> agreement.Tally:
    made = agreement.Tally()
    for number in range(CASES):
        agreement.ask_for_a_programme(programmes.any_case(random.Random(f"programme {number}")), number, made)
    return made


def test_both_give_every_programme_the_same_answer(tally: agreement.Tally) -> None:
    assert tally.disagreements == 0, tally.examples


def test_what_was_built_right_comes_into_force_and_nothing_else_does(tally: agreement.Tally) -> None:
    assert (tally.wrong_accepts, tally.wrong_refusals) == (0, 0), tally.examples
    assert {"IN FORCE", "REFUSED", "NOT TAKEN", "NOT HERE"} <= tally.answers.keys()
    assert tally.answers["IN FORCE"] > CASES / 5


@pytest.mark.parametrize("name", programmes.DEFECTS)
def test_no_box_sounds_a_programme_with_one_thing_wrong(name: str) -> None:
    """By either of the two: neither is right because the other is."""
    for number in range(3):
        case = programmes.wrong(random.Random(f"{name} {number}"), name)
        both = agreement.trusted()[case.world]
        assert bridge.product_programme(case.brought, both.product)[0] != "IN FORCE"
        assert schedule.programme(case.brought, both.oracle)[0] != "IN FORCE"


def test_in_a_run_of_the_fuzz_there_are_programmes() -> None:
    answers = agreement.run("programmes among orders", range(300)).answers
    assert answers["IN FORCE"]
    assert answers["REFUSED"]


def _starting(hours: int, lengths: tuple[int, int]) -> tuple[int, int]:
    start = NOW_S + hours * 3_600 + lengths[1]
    return start, start + lengths[0]


stretches = st.builds(
    _starting,
    st.integers(0, 24 * 16),
    st.tuples(st.sampled_from((1, 3_600, 43_200, DAY_S - 1, DAY_S)), st.sampled_from((-1, 0, 1))),
)


@given(st.lists(stretches, max_size=12))
def test_both_count_the_same_exceptions_of_a_week(spans: list[tuple[int, int]]) -> None:
    mine = product.within_a_week(product.QuietException(7, NOW_S, ("77",), *span, "Tết") for span in spans)
    theirs = schedule.within_a_week(QuietException(7, NOW_S, ("77",), *span, "Tết") for span in spans)
    assert [(one.start, one.end) for one in mine] == [(one.start, one.end) for one in theirs]


@given(st.lists(stretches, max_size=12))
def test_what_ends_within_any_week_lasts_a_day_at_most_and_what_stands_alone_counts(
    spans: list[tuple[int, int]],
) -> None:
    counted = product.within_a_week(product.QuietException(7, NOW_S, ("77",), *span, "Tết") for span in spans)
    for last in counted:
        assert sum(one.end - one.start for one in counted if last.end - WEEK_S < one.end <= last.end) <= DAY_S
    assert bool(counted) is bool(spans)
    for span in spans:
        others = [one for one in spans if one is not span]
        if all(abs(end - span[1]) >= WEEK_S for _, end in others):
            assert span in [(one.start, one.end) for one in counted]
