"""The judge of live sessions and the oracle, written from the specification alone, are of one mind."""

import random
from collections import Counter

import pytest

from protocol.clock import ClockReading
from protocol.live import Admitted, Listener
from protocol.live import judge as product
from protocol.report import ClockQuality
from protocol.signing import Domain
from tests.oracle import agreement, live
from tests.oracle.persons import DOMAIN

CASES = 4_000


def answered(number: int) -> tuple[live.Case, str, str]:
    case = live.case(random.Random(f"live {number}"))
    both, me = agreement.trusted()[case.world], case.me
    listener = Listener(Domain(*DOMAIN), me.box, me.path, me.seen, me.alarms or {})
    reading = ClockReading(case.clock[0], case.clock[1], ClockQuality(case.clock[2]))
    verdict = product(case.raw, both.product, reading, listener)
    mine = f"ACCEPT {verdict.level}" if isinstance(verdict, Admitted) else str(verdict.code)
    return case, mine, live.judge(case.raw, both.oracle, case.clock, me)


@pytest.fixture(scope="module")
def answers() -> list[tuple[live.Case, str, str]]:
    return [answered(number) for number in range(CASES)]


def test_both_give_every_session_the_same_answer(answers: list[tuple[live.Case, str, str]]) -> None:
    assert [(case.name, mine, theirs) for case, mine, theirs in answers if mine != theirs] == []


def test_no_session_that_was_built_to_be_wrong_is_listened_to_and_none_that_is_right_is_refused(
    answers: list[tuple[live.Case, str, str]],
) -> None:
    wrong = [
        (case.name, mine)
        for case, mine, _ in answers
        if case.legitimate is not None and mine.startswith("ACCEPT") is not case.legitimate
    ]
    assert wrong == []


def test_sessions_are_refused_for_every_reason_that_there_is(answers: list[tuple[live.Case, str, str]]) -> None:
    told = Counter(mine for _, mine, _ in answers)
    assert {
        "MALFORMED", "SHAPE", "DOMAIN", "ROOTS_NEWER", "SURPLUS", "SIGNATURE", "THRESHOLD", "SCOPE", "AREA",
        "DUPLICATE", "AUTHORITY", "NO_TIME", "EXPIRED", "FUTURE", "LIFETIME", "ACCEPT 0", "ACCEPT 1", "ACCEPT 2",
    } <= told.keys()  # fmt: skip
