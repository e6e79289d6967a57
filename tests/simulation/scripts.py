"""Scripts that nobody wrote: one table of what may happen, from which hypothesis draws and from which a seed rolls."""

import random
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from hypothesis import strategies as st

from protocol.order import MessageType, Severity, Sound, Status
from protocol.report import ClockQuality
from protocol.roles import Role
from tests.simulation.people import COMMUNE_A, COMMUNE_B, PROVINCE
from tests.simulation.thefts import (
    FOREVER,
    Appoint,
    ForgeRoots,
    Night,
    Recover,
    Restore,
    Rotate,
    StealSchedule,
    TwoControllers,
)
from tests.simulation.world import (
    Broker,
    ControllerDown,
    Cut,
    Evening,
    Forge,
    Give,
    Heal,
    Jump,
    Mend,
    NoisyBits,
    PlugIn,
    PowerCut,
    ReplayAll,
    Schedule,
    Speak,
    Step,
    Unplug,
    Wait,
)

T = TypeVar("T")

BOXES: Final = ("a1", "a2", "b1")
AREAS: Final = ((PROVINCE,), (COMMUNE_A,), (COMMUNE_B,), (COMMUNE_A, COMMUNE_B), (f"{COMMUNE_A}-01",))
NAMES: Final = ("one", "two", "three", "four")
PAIRS: Final = (("Hoa", "Minh"), ("Minh", "Hoa"), ("Hoa", "Lan"), ("Dung", "Minh"))
ALONE: Final = {"Lan": COMMUNE_A, "Nga": COMMUNE_A, "Nga's new phone": COMMUNE_A, "Bình": COMMUNE_B}
"""Who warns of their own commune by one signature; but for Lan only while a list names them."""
THIEVES: Final = (
    ("Hoa",),
    ("Hoa", "Hoa"),
    ("Lan", "Dung"),
    ("controller",),
    ("a1", "Hoa"),
    ("root", "Sơn"),
    ("Sơn", "Thủy"),
    ("thief",),
    ("Nga",),
)
LIARS: Final = (("Sơn",), ("Sơn", "Sơn"), ("Thủy", "Hoa"), ("controller", "root"), ("thief", "thief's brother"))
"""Who signs lists of people, and exceptions, without being two who may."""
FORGERS: Final = (("root", "thief"), ("second root",), ("thief", "thief's brother"), ("controller", "Sơn"))
QUALITIES: Final = (ClockQuality.NONE, ClockQuality.FLOOR, ClockQuality.RTC, ClockQuality.NTP)
JUMPS_MS: Final = (-3_600_000, -240_000, -2_000, 2_000, 240_000, 3_600_000)


class Choices(Protocol):
    """Where a script takes its choices from."""

    def one_of(self, options: Sequence[T]) -> T: ...

    def number(self, low: int, high: int) -> int:
        """Both included."""
        ...


class Drawn:
    """From hypothesis, which shrinks them."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def one_of(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


class Rolled:
    """From a seed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def one_of(self, options: Sequence[T]) -> T:
        return self._rng.choice(options)

    def number(self, low: int, high: int) -> int:
        return self._rng.randint(low, high)


# --- officers, and thieves with keys of orders


def _alert(choices: Choices) -> Step:
    alone = choices.one_of((None, None, *ALONE))
    signers = choices.one_of(PAIRS) if alone is None else (alone,)
    area = choices.one_of(AREAS) if alone is None else (ALONE[alone],)
    sound = Sound(1, chime=0, repeats=choices.number(1, 3), gap_s=choices.one_of((0, 5)))
    severity = choices.one_of(tuple(Severity))
    status = choices.one_of((Status.ACTUAL, Status.ACTUAL, Status.EXERCISE, Status.TEST))
    role = (("role", Role.COMMUNE),) if alone is not None else ()
    changes = (("sound", sound), ("severity", severity), ("status", status), *role)
    return Give(choices.one_of(NAMES), signers, area, changes=changes)


def _update(choices: Choices) -> Step:
    sound = Sound(choices.number(1, 2), chime=0, repeats=choices.number(1, 3), gap_s=0)
    status = choices.one_of((Status.ACTUAL, Status.ACTUAL, Status.EXERCISE))
    about, changes = choices.one_of(NAMES), (("sound", sound), ("status", status))
    return Give(
        choices.one_of(NAMES), choices.one_of(PAIRS), choices.one_of(AREAS), MessageType.UPDATE, (about,), changes
    )


def _cancel(choices: Choices) -> Step:
    name, signer = choices.one_of(NAMES), choices.one_of(("Hoa", "Minh", "Lan"))
    area = choices.one_of(AREAS) if signer != "Lan" else (COMMUNE_A,)
    return Give(f"end {name}", (signer,), area, MessageType.CANCEL, (name,))


def _stop(choices: Choices) -> Step:
    signer = choices.one_of(("Hoa", "Minh", "Lan"))
    area, role = (choices.one_of(AREAS), Role.STOP) if signer != "Lan" else ((COMMUNE_A,), Role.COMMUNE)
    until_s = choices.one_of((None, None, 30, 300))
    return Give("stop", (signer,), area, MessageType.STOP, changes=(("role", role),), until_s=until_s)


def _reinstate(choices: Choices) -> Step:
    about = choices.one_of(("stop", *(f"end {name}" for name in NAMES), *NAMES))
    signer = choices.one_of(("Hoa", "Minh", "Lan"))
    area = (PROVINCE,) if signer != "Lan" else (COMMUNE_A,)
    return Give("again", (signer,), area, MessageType.REINSTATE, (about,))


def _forged_order(choices: Choices) -> Step:
    kind = choices.one_of((MessageType.ALERT, MessageType.ALERT, MessageType.STOP))
    return Forge(choices.one_of(THIEVES), choices.one_of(AREAS), kind, number=choices.number(1, 1_000))


# --- who may sign


def _roots(choices: Choices) -> Step:
    without = choices.one_of(((), (), ("Minh",), ("Hoa",), ("Lan", "Thủy")))
    return Rotate(without, new_root=choices.one_of((False, True)), anew=choices.number(0, 3) == 3)


def _forged_roots(choices: Choices) -> Step:
    rooters = choices.one_of((("root", "second root"), ("thief", "thief's brother")))
    return ForgeRoots(choices.one_of(FORGERS), rooters, choices.one_of((0, 1, 5, FOREVER)))


def _list(choices: Choices) -> Step:
    unit = choices.one_of((COMMUNE_A, COMMUNE_A, COMMUNE_B))
    names = choices.one_of(((), ("Nga",), ("Nga's new phone",), ("Nga", "Bình")))
    revoked = choices.one_of(((), (), ("Nga",), ("Lan",), ("Hoa",)))
    from_s, until_s = choices.one_of(((0, 86_400), (30, 200), (0, 60)))
    return Appoint(unit, names, revoked, from_s=from_s, until_s=until_s)


def _forged_list(choices: Choices) -> Step:
    ahead, names = choices.one_of((1, 9)), ("thief", "Nga")
    return Appoint(choices.one_of((COMMUNE_A, COMMUNE_B)), names, ("Lan",), choices.one_of(LIARS), ahead=ahead)


# --- the controller's key, and the programme


def _stolen_schedule(choices: Choices) -> Step:
    what = choices.one_of(("unapproved", "approved", "night", "another"))
    signer = choices.one_of(("", "", "", "controller", "a1", "Hoa"))
    return StealSchedule(what, choices.one_of((0, 0, 1, -1, FOREVER)), choices.one_of((1, -1, 7, FOREVER)), signer)


def _night(choices: Choices) -> Step:
    signers = choices.one_of((("Sơn", "Thủy"), ("Sơn", "Thủy"), *LIARS))
    return Night("tet", choices.one_of((20, 45)), signers, choices.one_of(AREAS), choices.one_of((60, 3_600)))


# --- boxes, lines, and what is between


def _power_cut(choices: Choices) -> Step:
    torn = None if choices.one_of((True, False)) else choices.number(0, 1_000_000)
    return PowerCut(choices.one_of(BOXES), choices.one_of((1, 30)), int(choices.one_of(QUALITIES)), torn)


def _broker(choices: Choices) -> Step:
    drop, misdeliver, frozen = (choices.number(0, 4) == 4 for _ in range(3))
    return Broker(drop, choices.number(1, 3), choices.one_of((0, 3_000)), misdeliver, frozen)


def _programme(choices: Choices) -> Step:
    return Schedule(choices.one_of(("news", "market")), choices.one_of((20, 45)))


def _voice(choices: Choices) -> Step:
    who, voice = (
        choices.one_of(("Lan", "Lan", "Lan", "Lan", "Nga", "Bình", "thief")),
        choices.one_of(("", "", "", "thief")),
    )
    attached = choices.one_of(("", *NAMES))
    return Speak(who, choices.number(1, 1_000_000), attached, choices.one_of((5, 9)), voice)


KINDS: Final[tuple[tuple[int, Callable[[Choices], Step]], ...]] = (
    (4, lambda choices: Wait(choices.one_of((1, 7, 20, 90)))),
    (5, _alert),
    (1, _update),
    (2, _cancel),
    (2, _stop),
    (2, _reinstate),
    (2, lambda choices: Cut(choices.one_of(BOXES))),
    (3, lambda choices: Heal(choices.one_of(BOXES))),
    (3, _power_cut),
    (2, lambda choices: Jump(choices.one_of(BOXES), choices.one_of(JUMPS_MS))),
    (2, _broker),
    (1, lambda _: Broker()),
    (2, lambda _: ReplayAll()),
    (2, _forged_order),
    (2, lambda choices: NoisyBits(choices.number(0, 400), choices.number(0, 254))),
    (2, _programme),
    (4, _voice),
    (1, lambda choices: Unplug(choices.one_of(BOXES))),
    (2, lambda choices: PlugIn(choices.one_of(BOXES))),
    (1, lambda choices: ControllerDown(choices.one_of((5, 200)))),
    (1, lambda choices: Mend(choices.one_of(BOXES))),
    (1, _roots),
    (1, _forged_roots),
    (2, _list),
    (1, _forged_list),
    (2, _stolen_schedule),
    (1, lambda _: Recover()),
    (1, lambda _: Restore()),
    (1, lambda _: TwoControllers()),
    (1, _night),
    (1, lambda _: Evening()),
)
"""What may happen, and how often; time passes first, so that hypothesis takes it for the simplest."""
_WEIGHED: Final = tuple(kind for weight, kind in KINDS for _ in range(weight))


def step(choices: Choices) -> Step:
    return choices.one_of(_WEIGHED)(choices)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    return step(Drawn(draw))


def scripts(least: int = 3, most: int = 14) -> st.SearchStrategy[list[Step]]:
    return st.lists(steps(), min_size=least, max_size=most)


def by_seed(seed: int, days: float) -> list[Step]:
    """A long script: busy minutes, and between them hours in which nothing happens."""
    rng = random.Random(seed)
    script: list[Step] = []
    while sum(map(_takes_s, script)) < days * 86_400:
        script += [step(Rolled(rng)) for _ in range(rng.randrange(5, 25))]
        if rng.random() < 0.7:  # else everything stays as broken as it is
            script += mended(rng)
        script.append(Wait(rng.choice((600, 3_600, 4 * 3_600))))
    return script


def _takes_s(step: Step) -> float:
    """About so much time passes."""
    return step.s if isinstance(step, Wait) else 43_200 if isinstance(step, Evening) else 0


def mended(rng: random.Random) -> list[Step]:
    """Technicians, administrators and officers put everything right."""
    trusted: list[Step] = [Rotate()]
    if rng.random() < 0.5:
        trusted.append(Recover())
    boxes: list[Step] = [Mend(box) for box in BOXES]
    again = Give("open", ("Hoa",), (PROVINCE,), MessageType.REINSTATE, ("stop",))
    return [*boxes, Broker(), *trusted, Wait(20), again]
