"""The product's gate and the oracle, written from the specification alone, are of one mind; and neither is fooled.

`make fuzz` asks a million questions, these tests a few thousand of the same kind.
"""

import random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.ids import one_spelling
from protocol.refusals import RejectCode
from tests.oracle import agreement, cases
from tests.oracle.judge import judge
from tests.oracle.persons import worlds
from tests.oracle.trust import well_spelled

SEED: Final = "make test"
CASES: Final = 5_000


@pytest.fixture(scope="module")
def tally() -> agreement.Tally:
    return agreement.run(SEED, range(CASES))


def test_both_gates_give_every_case_the_same_answer(tally: agreement.Tally) -> None:
    assert tally.disagreements == 0, tally.examples


def test_nothing_that_was_built_to_be_illegitimate_is_obeyed(tally: agreement.Tally) -> None:
    assert (tally.wrong_sounds, tally.wrong_accepts) == (0, 0), tally.examples


def test_nothing_that_was_built_to_be_legitimate_is_refused(tally: agreement.Tally) -> None:
    assert tally.wrong_refusals == 0, tally.examples
    assert tally.accepted > CASES / 20


def test_neither_raises_anything(tally: agreement.Tally) -> None:
    assert tally.raised == 0, tally.examples


def test_the_cases_are_refused_for_every_reason_that_there_is(tally: agreement.Tally) -> None:
    assert set(RejectCode) <= tally.answers.keys()


@given(st.text(st.sampled_from("aò o\u0300\u00a0\u200b\u2028\t \u3000\u1100\u1161Đ") | st.characters(), max_size=8))
def test_both_read_one_spelling_of_a_name(name: str) -> None:
    spelled = one_spelling(name)
    assert one_spelling(spelled) == spelled
    assert well_spelled(spelled)
    assert well_spelled(name) is (name == spelled)


def test_a_run_can_be_run_again() -> None:
    again, first = (agreement.run("again", range(200)) for _ in range(2))
    assert again == first
    assert agreement.case_of("again", 7).raw == agreement.case_of("again", 7).raw


@pytest.mark.parametrize("number", range(0, len(worlds()), 5))
def test_both_open_the_same_trust(number: int) -> None:
    """Each has opened the roots and delegations by itself; what differs would have raised on the way."""
    both = agreement.trusted()[number]
    assert len(both.product.holders) == len(both.oracle.grants)
    assert {row.person for row in both.product.holders} == {row.person for row in both.oracle.grants}


def test_the_oracle_too_keeps_to_what_the_cases_were_built_to_be() -> None:
    for number in range(300):
        rng = random.Random(f"oracle {number}")
        case = cases.legitimate_case(rng) if number % 3 else cases.defective_case(rng)
        answer = judge(case.raw, agreement.trusted()[case.world].oracle, case.clock, case.me)
        assert (answer[0] == "ACCEPT") is case.legitimate, (case.name, answer)
