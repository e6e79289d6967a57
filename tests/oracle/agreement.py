"""Asks both gates the same, and counts: the runs of the tests, of `make fuzz` and of `make bench NAME=gate`."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from protocol.approval import open_approval, open_exception
from protocol.delegation import open_delegation, unit_of
from protocol.errors import ProtocolError
from protocol.roles import open_next_roots
from tests.oracle import bridge, cases, envelope, hostile, programmes, schedule
from tests.oracle import trust as oracle
from tests.oracle.bridge import Trusted
from tests.oracle.cases import Case
from tests.oracle.judge import judge
from tests.oracle.persons import DAY_S, NOW_S, worlds
from tests.oracle.programmes import ProgrammeCase

REPORTED = 5
POOL = 300


@dataclass
class Tally:
    """What came of a run. The examples are numbers of cases, to be run again with the same seed."""

    cases: int = 0
    accepted: int = 0
    wrong_sounds: int = 0
    """Built to be illegitimate, and the product's gate would have sounded it."""
    wrong_accepts: int = 0
    """The same of orders of every type."""
    wrong_refusals: int = 0
    """Built to be legitimate, and the product's gate refused it."""
    disagreements: int = 0
    raised: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> "Tally":
        counts = ("cases", "accepted", "wrong_sounds", "wrong_accepts", "wrong_refusals", "disagreements", "raised")
        for name in counts:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.answers += other.answers
        self.examples = (self.examples + other.examples)[:REPORTED]
        return self

    @property
    def clean(self) -> bool:
        return not (self.wrong_accepts or self.wrong_refusals or self.disagreements or self.raised)

    def note(self, number: int, what: str) -> None:
        if len(self.examples) < REPORTED:
            self.examples.append(f"case {number}: {what}")


@lru_cache
def trusted() -> tuple[Trusted, ...]:
    """Every world, opened by both."""
    return tuple(bridge.open_world(world, NOW_S) for world in worlds())


@lru_cache
def _pool(seed: str) -> tuple[Case, ...]:
    rng = random.Random(f"{seed} pool")
    return tuple(cases.any_case(rng) for _ in range(POOL))


def case_of(seed: str, number: int) -> Case:
    """Two in five are bytes that were mutated, the others are built."""
    rng = random.Random(f"{seed} {number}")
    if rng.random() < 0.6:
        return cases.any_case(rng)
    base = rng.choice(_pool(seed))
    raw = hostile.mutated(base.raw, rng)
    return Case("mutated bytes", base.world, raw, base.clock, base.me, None, base.sounding)


def question_of(seed: str, number: int) -> "Case | ProgrammeCase | TrustQuestion":
    """What is asked in this case: one in twenty is about trust, one about a programme, the others about an order."""
    rng = random.Random(f"{seed} kind {number}")
    kind = rng.random()
    if kind < 0.05:
        return _any_trust_question(rng)
    return programmes.any_case(rng) if kind < 0.10 else case_of(seed, number)


def described(question: "Case | ProgrammeCase | TrustQuestion") -> str:
    """With all its bytes, so that it can become a test."""
    if isinstance(question, Case):
        return f"{question.name}, world {question.world}, clock {question.clock}\n{question.raw.hex()}\n{question.me}"
    if isinstance(question, ProgrammeCase):
        brought = question.brought
        return f"{question.name}, world {question.world}\n{brought.assignment.hex()}\n{brought.manifest.hex()}"
    when = f"at {question.at_s}, the time is {'known' if question.tells_time else 'not known'}"
    return f"family {question.family} {when}, lists held: {question.holds_lists}\n{question.raw.hex()}"


def run(seed: str, numbers: Iterable[int]) -> Tally:
    tally = Tally()
    for number in numbers:
        tally.cases += 1
        try:
            question = question_of(seed, number)
            if isinstance(question, ProgrammeCase):
                ask_for_a_programme(question, number, tally)
            elif isinstance(question, Case):
                _ask(question, number, tally)
            else:
                _ask_for_trust(question, number, tally)
        except Exception as error:  # whatever it is: neither may raise
            tally.raised += 1
            tally.note(number, f"raised {type(error).__name__}: {error}")
    return tally


def _ask(case: Case, number: int, tally: Tally) -> None:
    both = trusted()[case.world]
    mine = bridge.plain(bridge.product_verdict(case.raw, both.product, case.clock, case.me))
    theirs = judge(case.raw, both.oracle, case.clock, case.me)
    yes = mine[0] == "ACCEPT"
    tally.accepted += yes
    tally.answers[mine[0] if yes else mine[1]] += 1
    if mine != theirs:
        tally.disagreements += 1
        tally.note(number, f"{case.name}: the product says {mine}, the oracle {theirs}")
    if case.legitimate is not None and yes != case.legitimate:
        tally.wrong_refusals += not yes
        tally.wrong_accepts += yes
        tally.wrong_sounds += yes and case.sounding
        tally.note(number, f"{case.name}: the product says {mine}")


def ask_for_a_programme(case: ProgrammeCase, number: int, tally: Tally) -> None:
    """Whether both take the same assignments and manifests, and let the same of them sound."""
    both, brought = trusted()[case.world], case.brought
    mine, theirs = bridge.product_programme(brought, both.product), schedule.programme(brought, both.oracle)
    yes = mine[0] == "IN FORCE"
    tally.answers[mine[0]] += 1
    if mine != theirs:
        tally.disagreements += 1
        tally.note(number, f"{case.name}, world {case.world}: the product says {mine}, the oracle {theirs}")
    if case.legitimate is not None and yes != case.legitimate:
        tally.wrong_refusals += not yes
        tally.wrong_accepts += yes
        tally.wrong_sounds += yes
        tally.note(number, f"{case.name}, world {case.world}: the product says {mine}")


@dataclass(frozen=True)
class TrustQuestion:
    """What a reader who holds this world is shown, and when."""

    family: int
    raw: bytes
    both: Trusted
    at_s: int
    tells_time: bool
    holds_lists: bool


def _any_trust_question(rng: random.Random) -> TrustQuestion:
    family, raw = hostile.message_of_trust(rng)
    at_s = NOW_S + rng.choice((0, 0, 0, -DAY_S, -361, -360, -301, DAY_S, 400 * DAY_S))
    return TrustQuestion(family, raw, rng.choice(trusted()), at_s, rng.random() < 0.8, rng.random() < 0.5)


def _ask_for_trust(asked: TrustQuestion, number: int, tally: Tally) -> None:
    """Whether both believe the same roots, lists, approvals and exceptions, whatever they hold and at any time."""
    mine, theirs = _opened(asked), _opened_by_oracle(asked)
    tally.answers["BELIEVED" if mine else "NOT BELIEVED"] += 1
    if mine != theirs:
        tally.disagreements += 1
        tally.note(number, f"family {asked.family}: the product believes it: {mine}, the oracle: {theirs}")


def _opened(asked: TrustQuestion) -> bool:
    trust, raw, at_s = asked.both.product, asked.raw, asked.at_s
    opening: dict[int, Any] = {
        envelope.ROOTS: lambda: open_next_roots(raw, trust.roots),
        envelope.DELEGATION: lambda: _opened_list(asked),
        envelope.APPROVAL: lambda: open_approval(raw, trust, at_s),
        envelope.EXCEPTION: lambda: open_exception(raw, trust, at_s),
    }
    try:
        opening[asked.family]()
    except ProtocolError:
        return False
    return True


def _opened_list(asked: TrustQuestion) -> None:
    trust = asked.both.product
    held = {row.unit: row for row in trust.delegations} if asked.holds_lists else {}
    of_its_unit = held.get(unit_of(asked.raw, trust.roots))
    open_delegation(asked.raw, trust.roots, of_its_unit, asked.at_s if asked.tells_time else None)


def _opened_by_oracle(asked: TrustQuestion) -> bool:
    trust, raw, at_s = asked.both.oracle, asked.raw, asked.at_s
    opening: dict[int, Any] = {
        envelope.ROOTS: lambda: oracle.next_roots(raw, trust.roots),
        envelope.DELEGATION: lambda: _taken_list(asked),
        envelope.APPROVAL: lambda: oracle.approval(raw, trust, at_s),
        envelope.EXCEPTION: lambda: oracle.exception(raw, trust, at_s),
    }
    return opening[asked.family]() is not None


def _taken_list(asked: TrustQuestion) -> Any:
    """Refused if any that is held stands in its way: one of another unit never does."""
    trust, at_s = asked.both.oracle, asked.at_s if asked.tells_time else None
    held = (None, *(trust.delegations if asked.holds_lists else ()))
    taken = [oracle.delegation(asked.raw, trust.roots, one, at_s) for one in held]
    return None if None in taken else taken[0]
