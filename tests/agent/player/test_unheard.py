"""A silent file and a dead horn are one fault with two reasons: neither hides the other."""

from agent.services.unheard import Unheard
from protocol.report import FaultCode


def test_the_fault_stands_as_long_as_one_of_its_reasons_does() -> None:
    told: list[tuple[FaultCode, bool, str]] = []
    unheard = Unheard(lambda *row: told.append(row))
    unheard.raised("silence", "s1: silence for 45 s")
    unheard.raised("mute", "s2: acoustic 2.1 < 5")
    unheard.cleared("silence", "no silence any more")
    assert [raised for _, raised, _ in told] == [True, True]
    assert unheard.has("mute")
    unheard.cleared("mute", "it is heard again")
    assert told[-1] == (FaultCode.NOT_HEARD, False, "it is heard again")
