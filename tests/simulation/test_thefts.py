"""Keys other than those of orders in honest hands and in a thief's: what sounds, and what the province sees of it."""

from pathlib import Path

import pytest

from protocol.report import FaultCode
from protocol.roles import Role
from tests.simulation.people import COMMUNE_A, EPOCH_S
from tests.simulation.test_faults import everybody, heard, play
from tests.simulation.thefts import Appoint, ForgeRoots, Night, Recover, Restore, Rotate, StealSchedule, TwoControllers
from tests.simulation.world import Broker, Cut, Give, Heal, Jump, ReplayAll, Schedule, Step, Wait, World

BY_ONE = (("role", Role.COMMUNE),)
EVENING = Wait(8.1 * 3_600)


def causes(world: World, name: str = "a1") -> list[str]:
    return [row.cause for row in world.boxes[name].sounded]


@pytest.mark.parametrize(
    "forged",
    [
        ForgeRoots(("root", "thief")),
        ForgeRoots(("root", "root")),
        ForgeRoots(("thief", "thief's brother"), ("thief", "thief's brother")),
        ForgeRoots(("root", "thief"), ahead=0xFFFF_FFFF),
    ],
    ids=["one of two", "one twice", "the new ones alone", "at the highest version"],
)
def test_roots_by_too_few_give_nobody_a_voice_and_show(tmp_path: Path, forged: ForgeRoots) -> None:
    thief = Give("lies", ("thief", "thief's brother"), changes=(("epoch", 1),))
    world = play(tmp_path, forged, thief, Wait(60), Rotate(), Give("flood"), Wait(60))
    assert causes(world) == [world.orders["flood"][0].id.hex()]
    assert all(FaultCode.TRUST in known.told for known in world.controller.known.values())


def test_root_keys_are_exchanged_one_after_the_other_also_for_a_box_that_was_away(tmp_path: Path) -> None:
    """Three versions are missed, and the broker turns them round."""
    rotations = (Rotate(new_root=True), Wait(1), Rotate(new_root=True), Wait(1), Rotate(new_root=True))
    world = play(
        tmp_path, Cut("a1"), *rotations, Broker(shuffle_ms=3_000), Heal("a1"), Wait(200), Give("flood"), Wait(60)
    )
    assert {known.roots_version for known in world.controller.known.values()} == {4}
    assert everybody(world, "flood") == [1, 1, 1]


def test_who_was_taken_out_and_comes_back_counts_again(tmp_path: Path) -> None:
    gone = (Rotate(without=("Minh",)), Wait(2), Give("no", changes=(("expires", EPOCH_S + 60),)), Wait(60))
    world = play(tmp_path, *gone, Rotate(), Wait(2), Give("flood"), Wait(60))
    assert everybody(world, "no") == [0, 0, 0]
    assert everybody(world, "flood") == [1, 1, 1]


def test_what_hoa_approved_is_silent_from_when_her_key_is_taken_away(tmp_path: Path) -> None:
    world = play(tmp_path, Schedule("news", 60), Wait(30), Rotate(without=("Hoa",)), Wait(90))
    assert causes(world) == []


def test_a_substitute_counts_in_the_days_of_the_list_and_not_before_or_after(tmp_path: Path) -> None:
    def alarm(name: str) -> Give:
        return Give(name, ("Nga",), (COMMUNE_A,), changes=BY_ONE)

    world = play(
        tmp_path,
        Appoint(COMMUNE_A, ("Nga",), from_s=100, until_s=400),
        Wait(2),
        Give("early", ("Nga",), (COMMUNE_A,), changes=(*BY_ONE, ("expires", EPOCH_S + 50))),
        Wait(150),
        alarm("in time"),
        Wait(300),
        alarm("late"),
        Wait(60),
    )
    assert [everybody(world, name) for name in ("early", "in time", "late")] == [[0, 0, 0], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    "forged",
    [
        Appoint(COMMUNE_A, ("thief",), signers=("Sơn",)),
        Appoint(COMMUNE_A, ("thief",), signers=("Sơn", "Sơn")),
        Appoint(COMMUNE_A, ("thief",), signers=("Sơn", "Hoa")),
        Appoint(COMMUNE_A, ("thief",), signers=("controller", "root")),
        Appoint(COMMUNE_A, ("thief", "thief's brother"), roles=(Role.EMERGENCY, Role.COMMUNE)),
    ],
    ids=["one", "one twice", "one and an officer", "controller and root", "two, beyond their bounds"],
)
def test_a_list_by_thieves_gives_them_no_voice(tmp_path: Path, forged: Appoint) -> None:
    world = play(tmp_path, forged, Wait(2), Give("lies", ("thief",), (COMMUNE_A,), changes=BY_ONE), Wait(60))
    assert everybody(world, "lies") == [0, 0, 0]


def test_a_new_era_of_lists_takes_all_of_them_away(tmp_path: Path) -> None:
    alarm = Give("flood", ("Nga",), (COMMUNE_A,), changes=BY_ONE)
    script = (Appoint(COMMUNE_A, ("Nga",)), Wait(2), Rotate(anew=True), Wait(2), alarm, Wait(60))
    assert everybody(play(tmp_path, *script, ReplayAll(), Wait(30)), "flood") == [0, 0, 0]


@pytest.mark.parametrize("what", ["unapproved", "approved", "night", "another"])
@pytest.mark.parametrize("ahead", [0, 1, 0xFFFF_FFFF])
def test_a_thief_with_the_controllers_key_sounds_nothing_that_no_person_approved(
    tmp_path: Path, what: str, ahead: int
) -> None:
    world = play(tmp_path, StealSchedule(what, epochs=ahead, generations=1), Wait(200), Recover(), Wait(120))
    assert set(causes(world)) <= ({"lies"} if what != "unapproved" else set())
    for known in world.controller.known.values():
        assert known.in_force == known.assigned == (1, 1, 1)


def test_a_thief_breaks_no_night_by_an_exception_that_one_person_signed(tmp_path: Path) -> None:
    world = play(tmp_path, EVENING, StealSchedule("night"), Wait(200))
    assert causes(world) == []


def test_the_key_of_before_a_recovery_means_nothing_any_more(tmp_path: Path) -> None:
    world = play(tmp_path, Recover(), Wait(30), StealSchedule("approved", 5, 5, "controller"), Wait(120))
    assert causes(world) == []


@pytest.mark.parametrize(
    ("signers", "sounds"), [(("Sơn", "Thủy"), 1), (("Sơn",), 0), (("Sơn", "Sơn"), 0), (("Hoa", "Minh"), 0)]
)
def test_quiet_hours_are_passed_by_two_of_the_province_alone(
    tmp_path: Path, signers: tuple[str, ...], sounds: int
) -> None:
    world = play(tmp_path, EVENING, Night(signers=signers), Wait(120))
    assert [len(box.sounded) for box in world.boxes.values()] == [sounds] * 3


def test_an_exception_for_one_commune_leaves_the_other_quiet(tmp_path: Path) -> None:
    world = play(tmp_path, EVENING, Night(area=(COMMUNE_A,)), Wait(120))
    assert [len(box.sounded) for box in world.boxes.values()] == [1, 1, 0]


def test_fault_40_a_restored_controller_counts_on_in_the_next_epoch_and_what_it_wrote_before_is_old(
    tmp_path: Path,
) -> None:
    world = play(tmp_path, Schedule("news", 400), Wait(5), Restore(), Wait(5), ReplayAll(), Wait(500))
    assert causes(world) == ["news"]
    assert all(known.in_force == (0, 2, 1) for known in world.controller.known.values())


def test_fault_40_a_controller_that_was_never_switched_off_changes_nothing_and_shows(tmp_path: Path) -> None:
    world = play(tmp_path, Schedule("news", 100), TwoControllers(), Wait(200))
    assert causes(world) == ["news"]
    assert all(FaultCode.CONFLICT in known.shown() for known in world.controller.known.values())


def test_a_frozen_broker_makes_no_old_alarm_sound_again_and_the_new_one_comes_when_it_thaws(tmp_path: Path) -> None:
    script: tuple[Step, ...] = (
        *(Give("flood"), Wait(60), Broker(frozen=True), Give("fire"), Jump("a1", -2_000), Wait(300)),
        *(Broker(), Wait(60)),
    )
    world = play(tmp_path, *script)
    assert everybody(world, "flood") == [1, 1, 1]
    assert everybody(world, "fire") == [1, 1, 1]
    assert min(heard(world, name, "fire") for name in world.boxes) == 1
