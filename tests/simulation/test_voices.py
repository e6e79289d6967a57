"""Who speaks in the simulated province, and over what: each act by name."""

from pathlib import Path

import pytest

from protocol.order import MessageType, Sound
from protocol.roles import Role
from tests.simulation.people import COMMUNE_A
from tests.simulation.test_faults import play
from tests.simulation.world import Cut, Evening, Give, Heal, PowerCut, ReplayAll, Speak, Step, Wait, World

OWN = Give("flood", ("Lan",), (COMMUNE_A,), changes=(("role", Role.COMMUNE), ("sound", Sound(1, chime=0, repeats=3))))
STOP = Give("stop", ("Lan",), (COMMUNE_A,), MessageType.STOP, changes=(("role", Role.COMMUNE),))


def told(world: World, name: str = "a1") -> list[str]:
    """What a box sounded, in turn: voices, and alarms by their short names."""
    orders = {order.id.hex(): short for short, (order, _) in world.orders.items()}
    return [orders.get(row.cause, "a voice") for row in world.boxes[name].sounded]


def test_a_commune_hears_its_officer_and_nobody_else_does(tmp_path: Path) -> None:
    world = play(tmp_path, Speak("Lan", 1), Wait(20))
    assert [told(world, name) for name in ("a1", "a2", "b1")] == [["a voice"], ["a voice"], []]


@pytest.mark.parametrize(
    "session",
    [Speak("thief", 1), Speak("Bình", 1), Speak("controller", 1), Speak("Lan", 1, voice="thief")],
    ids=["a thief", "the officer of another commune", "the server", "a thief in an officer's session"],
)
def test_who_may_not_is_not_heard(tmp_path: Path, session: Step) -> None:
    world = play(tmp_path, session, Wait(20))
    assert [told(world, name) for name in ("a1", "a2", "b1")] == [[], [], []]


def test_a_session_that_is_said_again_is_not_heard_again_a_power_cut_or_not(tmp_path: Path) -> None:
    world = play(tmp_path, Speak("Lan", 1), Wait(20), ReplayAll(), PowerCut("a1"), ReplayAll(), Wait(20))
    assert told(world) == ["a voice"]


def test_inside_an_alarm_of_the_commune_its_officer_is_heard_and_the_alarm_goes_on(tmp_path: Path) -> None:
    world = play(tmp_path, OWN, Wait(3), Speak("Lan", 1, "flood"), Wait(60))
    assert told(world)[:3] == ["flood", "a voice", "flood"]


def test_over_the_alarm_of_the_province_nobody_in_a_commune_speaks(tmp_path: Path) -> None:
    long = Give("flood", changes=(("sound", Sound(1, chime=0, repeats=5, gap_s=0)),))
    world = play(tmp_path, long, Wait(3), Speak("Lan", 1, "flood"), Speak("Lan", 2), Wait(30))
    assert set(told(world)) == {"flood"}


def test_quiet_hours_hold_for_a_voice_but_not_inside_an_alarm(tmp_path: Path) -> None:
    world = play(
        tmp_path, Evening(), Wait(120), Speak("Lan", 1), Wait(20), OWN, Wait(3), Speak("Lan", 2, "flood"), Wait(30)
    )
    assert told(world)[:3] == ["flood", "a voice", "flood"]


def test_a_stop_ends_a_voice_and_keeps_the_next_from_beginning(tmp_path: Path) -> None:
    world = play(tmp_path, Speak("Lan", 1, for_s=9), Wait(5), STOP, Wait(2), Speak("Lan", 2), Wait(20))
    (row,) = world.boxes["a1"].sounded
    assert row.to_ms - row.from_ms < 4_000


def test_a_box_that_was_away_does_not_hear_what_was_said_meanwhile(tmp_path: Path) -> None:
    world = play(tmp_path, Cut("a1"), Speak("Lan", 1), Wait(20), Heal("a1"), ReplayAll(), Wait(60))
    assert (told(world, "a1"), told(world, "a2")) == ([], ["a voice"])
