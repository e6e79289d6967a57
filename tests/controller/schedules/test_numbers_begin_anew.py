"""Which number the next assignment of a box has: above all that counts where it is written, and no number that a thief
of the server's key drove in an older era or epoch stands in the way."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from hypothesis import assume, given
from hypothesis import strategies as st

from controller.boxes import services as boxes
from controller.boxes.models import BoxState
from controller.core.errors import Refused
from controller.schedules.compiler import Reign, next_generation
from controller.schedules.compiling import compile_now
from controller.schedules.models import AssignmentRow
from controller.trust.epochs import epoch, raise_epoch
from controller.trust.models import Installation
from protocol.errors import ProtocolError
from protocol.manifest import NO_ASSIGNMENT, PlaceInOrder
from protocol.report import Beat, ClockQuality, Doing
from protocol.roles import Era, Role
from tests.support.installation import install
from tests.support.officers import Office, office, roots, trust

LAST = 0xFFFF_FFFF
NUMBER = st.sampled_from([0, 1, 2, 7, LAST - 1, LAST])
PLACE = st.tuples(NUMBER, NUMBER, NUMBER)


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path, db: None) -> Office:
    del db
    install(settings, tmp_path)
    return office()


def told(here: Office) -> AssignmentRow:
    return AssignmentRow.objects.get(box=here.boxes[0])


def heard(here: Office, **place: int) -> None:
    """The first box has greeted and said so."""
    BoxState.objects.update_or_create(box=here.boxes[0], defaults=place)


def new_era(number: int, version: int = 2) -> None:
    trust(roots(version, eras=(Era(Role.SCHEDULE, number),)))


def outcome(reign: Reign, written: PlaceInOrder, seen: PlaceInOrder) -> PlaceInOrder | str:
    """The place of the next assignment, or why there is none."""
    try:
        return (*reign, next_generation(reign, written, seen))
    except ProtocolError as error:
        return error.code


@given(st.tuples(NUMBER, NUMBER), PLACE, PLACE)
def test_a_box_takes_the_next_number_or_it_is_said_why_there_is_none(
    reign: Reign, written: PlaceInOrder, seen: PlaceInOrder
) -> None:
    assume(written[:2] <= reign)
    found = outcome(reign, written, seen)
    if isinstance(found, tuple):
        assert max(seen, written) < found <= (*reign, LAST)
    else:
        assert found == ("outranked" if seen[:2] > reign else "used-up")
        assert max(seen, written) >= (*reign, LAST)


@pytest.mark.parametrize(
    ("reign", "written", "seen", "following"),
    [
        ((0, 1), NO_ASSIGNMENT, NO_ASSIGNMENT, 1),
        ((0, 1), (0, 1, 4), (0, 1, 9), 10),
        ((0, 1), (0, 1, 9), (0, 1, 4), 10),
        ((1, 1), (0, 1, 9), (0, LAST, LAST), 1),
        ((1, 1), (1, 1, 2), (0, LAST, LAST), 3),
        ((0, 2), (0, 1, 9), (0, 1, LAST), 1),
    ],
)
def test_generations_count_on_within_an_era_and_epoch(
    reign: Reign, written: PlaceInOrder, seen: PlaceInOrder, following: int
) -> None:
    assert next_generation(reign, written, seen) == following


def test_a_new_era_writes_1_after_the_last_number_that_there_is(here: Office) -> None:
    compile_now()
    AssignmentRow.objects.update(generation=LAST)
    heard(here, wanted_generation=LAST, wanted_epoch=LAST, generation=LAST, epoch=LAST)
    new_era(1)
    compile_now()
    assert told(here).place_in_order == (1, 1, 1)


def test_where_no_number_is_left_the_boxes_are_named_with_the_way_out_and_a_raised_epoch_is_one(here: Office) -> None:
    heard(here, wanted_generation=LAST)
    with pytest.raises(Refused, match=r"Cụm loa 1\).*no number comes after.*loalang epoch raise"):
        compile_now()
    assert AssignmentRow.objects.count() == 2, "all others are told"
    raise_epoch()
    compile_now()
    assert told(here).place_in_order == (0, 2, 1)


def test_a_box_that_obeys_a_later_epoch_or_era_is_named_instead_of_being_told_in_vain(here: Office) -> None:
    for later in ({"wanted_epoch": 3}, {"wanted_epoch": 1, "wanted_era": 1}):
        heard(here, wanted_generation=2, **later)
        with pytest.raises(Refused, match="obeys epoch"):
            compile_now()
        assert not AssignmentRow.objects.filter(box=here.boxes[0]).exists()


def test_what_a_box_has_that_is_later_than_what_it_was_told_is_overtaken_though_nothing_else_changed(
    here: Office,
) -> None:
    """A backup was restored, or a thief wrote to the box: what it holds is not what it should."""
    compile_now()
    assert told(here).generation == 1
    heard(here, wanted_generation=5)
    compile_now()
    assert told(here).generation == 6
    compile_now()
    assert told(here).generation == 6


def test_nobody_uses_up_the_numbers_with_a_beat_which_is_not_signed(here: Office) -> None:
    compile_now()
    beat = Beat(int(here.boxes[0].enrolled_at.timestamp()), bytes(16), Doing.SILENT, ClockQuality.NTP, 0, LAST - 1)
    boxes.note_beats([(here.boxes[0].pk, beat, here.boxes[0].enrolled_at)])
    assert BoxState.objects.get(box=here.boxes[0]).generation == LAST - 1
    here.boxes[0].site = "đã chuyển"
    here.boxes[0].save()
    compile_now()
    assert told(here).generation == 2


# Epochs


def test_the_last_epoch_is_not_passed_and_a_new_era_begins_them_anew(here: Office) -> None:
    compile_now()
    Installation.objects.create(pk=1, epoch=LAST)
    with pytest.raises(Refused, match="kỷ nguyên SCHEDULE cao hơn"):
        raise_epoch()
    compile_now()
    assert told(here).place_in_order == (0, LAST, 1), "the last one counts like any other"
    new_era(1)
    assert epoch() == 1
    compile_now()
    assert told(here).place_in_order == (1, 1, 1)
    assert raise_epoch() == 2
    new_era(1, version=3)
    assert epoch() == 2, "roots of the same era leave it"
