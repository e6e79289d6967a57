"""Scripts that nobody wrote: hypothesis strategies for steps, and the same by a seed for long runs."""

import random
from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

from protocol.order import MessageType, Severity, Sound, Status
from protocol.report import ClockQuality
from protocol.roles import Role
from tests.simulation.people import COMMUNE_A, COMMUNE_B, PROVINCE
from tests.simulation.world import (
    Broker,
    ControllerDown,
    Cut,
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
    Step,
    Unplug,
    Wait,
)

REINSTATE: Final = MessageType.REINSTATE
BOXES: Final = ("a1", "a2", "b1")
AREAS: Final = ((PROVINCE,), (COMMUNE_A,), (COMMUNE_B,), (COMMUNE_A, COMMUNE_B), (f"{COMMUNE_A}-01",))
NAMES: Final = ("one", "two", "three", "four")
SIGNERS: Final = (("Hoa", "Minh"), ("Minh", "Hoa"), ("Hoa", "Lan"), ("Lan",), ("Dung", "Minh"))
THIEVES: Final = (
    ("Hoa",),
    ("Hoa", "Hoa"),
    ("Lan", "Dung"),
    ("controller",),
    ("a1", "Hoa"),
    ("root", "Sơn"),
    ("thief",),
)
QUALITIES: Final = (ClockQuality.NONE, ClockQuality.FLOOR, ClockQuality.RTC, ClockQuality.NTP)


def _alerts(draw: st.DrawFn) -> Step:
    sound = Sound(1, chime=0, repeats=draw(st.integers(1, 3)), gap_s=draw(st.sampled_from((0, 5))))
    severity = draw(st.sampled_from(tuple(Severity)))
    status = draw(st.sampled_from((Status.ACTUAL, Status.ACTUAL, Status.EXERCISE, Status.TEST)))
    changes = [("sound", sound), ("severity", severity), ("status", status)]
    signers = draw(st.sampled_from(SIGNERS))
    if signers == ("Lan",):
        changes.append(("role", Role.COMMUNE))
    return Give(draw(st.sampled_from(NAMES)), signers, draw(st.sampled_from(AREAS)), changes=tuple(changes))


def _endings(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from((MessageType.CANCEL, MessageType.STOP, MessageType.REINSTATE, MessageType.UPDATE)))
    signers = ("Hoa", "Minh") if kind is MessageType.UPDATE else (draw(st.sampled_from(("Hoa", "Minh", "Lan"))),)
    about = () if kind is MessageType.STOP else (draw(st.sampled_from(NAMES)),)
    role = Role.COMMUNE if signers == ("Lan",) else Role.STOP if kind is MessageType.STOP else None
    changes = () if role is None else (("role", role),)
    area = (COMMUNE_A,) if signers == ("Lan",) else (PROVINCE,)
    return Give(draw(st.sampled_from(NAMES)), signers, area, kind, about, changes)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """One step; time passes most often."""
    box = draw(st.sampled_from(BOXES))
    kinds: tuple[Callable[[], Step], ...] = (
        lambda: Wait(draw(st.sampled_from((1, 7, 20, 90)))),
        lambda: Wait(draw(st.sampled_from((1, 7, 20, 90)))),
        lambda: _alerts(draw),
        lambda: _alerts(draw),
        lambda: _endings(draw),
        lambda: draw(st.sampled_from((Cut(box), Heal(box)))),
        lambda: PowerCut(box, draw(st.sampled_from((1, 30))), int(draw(st.sampled_from(QUALITIES)))),
        lambda: Jump(box, draw(st.sampled_from((-3_600_000, -240_000, -2_000, 2_000, 240_000, 3_600_000)))),
        lambda: Broker(*draw(st.tuples(st.booleans(), st.integers(1, 3), st.sampled_from((0, 3_000)), st.booleans()))),
        ReplayAll,
        lambda: Forge(draw(st.sampled_from(THIEVES)), draw(st.sampled_from(AREAS)), number=draw(st.integers(1, 9))),
        lambda: NoisyBits(draw(st.integers(0, 400)), draw(st.integers(0, 254))),
        lambda: Schedule(draw(st.sampled_from(("news", "market"))), draw(st.sampled_from((20, 45)))),
        lambda: draw(st.sampled_from((Unplug(box), PlugIn(box)))),
        lambda: ControllerDown(draw(st.sampled_from((5, 200)))),
        lambda: Mend(box),
    )
    return kinds[draw(st.integers(0, len(kinds) - 1))]()


def scripts(least: int = 3, most: int = 14) -> st.SearchStrategy[list[Step]]:
    return st.lists(steps(), min_size=least, max_size=most)


def by_seed(seed: int, days: float) -> list[Step]:
    """A long script: busy minutes, and between them hours in which nothing happens."""
    rng = random.Random(seed)
    script: list[Step] = []
    while sum(step.s for step in script if isinstance(step, Wait)) < days * 86_400:
        script += [_random_step(rng) for _ in range(rng.randrange(5, 25))]
        if rng.random() < 0.7:  # else everything stays as broken as it is
            script += [Mend(box) for box in BOXES] + [Broker(), Give("open", ("Hoa",), ("77",), REINSTATE, ("stop",))]
        script.append(Wait(rng.choice((600, 3_600, 4 * 3_600))))
    return script


def _random_step(rng: random.Random) -> Step:
    box, name, area = rng.choice(BOXES), rng.choice(NAMES), rng.choice(AREAS)
    sound = Sound(1, chime=0, repeats=rng.randrange(1, 4), gap_s=rng.choice((0, 5)))
    severity = rng.choice(tuple(Severity))
    return rng.choice(
        (
            Wait(rng.choice((1, 7, 20, 90))),
            Give(
                name,
                rng.choice((("Hoa", "Minh"), ("Minh", "Hoa"))),
                area,
                changes=(("sound", sound), ("severity", severity)),
            ),
            Give(name, ("Lan",), (COMMUNE_A,), changes=(("role", Role.COMMUNE), ("sound", sound))),
            Give(f"end {name}", (rng.choice(("Hoa", "Minh")),), area, MessageType.CANCEL, (name,)),
            Give("stop", ("Hoa",), area, MessageType.STOP),
            Give("again", ("Hoa",), area, MessageType.REINSTATE, (rng.choice(("stop", f"end {name}")),)),
            Cut(box),
            Heal(box),
            Heal(box),
            PowerCut(box, rng.choice((1, 30)), int(rng.choice(QUALITIES))),
            Jump(box, rng.choice((-3_600_000, -240_000, -2_000, 2_000, 240_000))),
            Broker(rng.random() < 0.2, rng.randrange(1, 3), rng.choice((0, 3_000)), rng.random() < 0.2),
            ReplayAll(),
            Forge(rng.choice(THIEVES), area, number=rng.randrange(1, 1_000)),
            NoisyBits(rng.randrange(400), rng.randrange(255)),
            Schedule(rng.choice(("news", "market")), rng.choice((20, 45))),
            Unplug(box),
            PlugIn(box),
            PlugIn(box),
            ControllerDown(rng.choice((5, 200))),
        )
    )
