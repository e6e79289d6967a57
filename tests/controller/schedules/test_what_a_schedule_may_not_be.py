"""Schedules that would be silent or wrong are refused at once, with the field, the reason and the way out."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from controller.boxes.models import Box, Stage
from controller.core.errors import NotAllowed, Refused
from controller.library import services as library
from controller.library.models import Bulletin
from controller.library.services import Words
from controller.schedules import regulating, services
from controller.schedules.models import PolicyRecord, Schedule, Target
from controller.schedules.rules import Recurrence
from controller.schedules.services import Aimed, Draft
from controller.units.models import Unit
from controller.worker.loop import do_all
from protocol.quantities import EVERY_DAY
from tests.support.installation import install
from tests.support.officers import NEXT, WARD, Office, approved, office, tomorrow

pytestmark = pytest.mark.django_db
Change = Callable[..., Draft]
WORKING = Recurrence(0b0011111)


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


@pytest.fixture
def good(here: Office) -> Draft:
    return Draft("Bản tin sáng", WARD, (approved(here).pk,), tomorrow(9), Aimed(units=(WARD,)))


def refused(here: Office, draft: Draft, field: str) -> Refused:
    with pytest.raises(Refused) as caught:
        services.publish(draft, here.lan)
    assert caught.value.field == field
    assert caught.value.message
    assert caught.value.way_out
    assert not Schedule.objects.exists()
    assert not Target.objects.exists()
    return caught.value


def test_the_draft_that_the_others_are_made_from_is_good(here: Office, good: Draft) -> None:
    assert services.publish(good, here.lan).items.count() == 1


def test_inside_quiet_hours_the_sentence_says_which_and_when_it_may(here: Office, good: Draft) -> None:
    found = refused(here, dataclasses.replace(good, first=tomorrow(22, 15)), "first")
    assert "21:00–05:00" in found.message
    assert "Phường 1" in found.message
    assert f"{tomorrow(6) + dt.timedelta(days=1):%d/%m/%Y %H:%M}" in found.way_out


def test_running_into_quiet_hours_is_found_before_the_box_falls_silent(here: Office, good: Draft) -> None:
    late = dataclasses.replace(good, first=tomorrow(20, 59).replace(second=58))
    assert "chưa hết bản tin" in refused(here, late, "first").message


def test_the_early_hour_needs_the_province_and_with_its_permission_it_passes(here: Office, good: Draft) -> None:
    early = dataclasses.replace(good, first=tomorrow(5, 30))
    assert "cấp tỉnh cho phép" in refused(here, early, "first").message
    day = timezone.now().date()
    with pytest.raises(NotAllowed):
        regulating.permit_early(here.ward, "12/STTTT", day, here.lan, valid_from=day)
    regulating.permit_early(here.ward, "12/STTTT", day, here.tuan, valid_from=day - dt.timedelta(days=1))
    services.publish(early, here.lan)


def test_the_early_hour_after_the_permission_has_ended_is_refused(here: Office, good: Draft) -> None:
    day = timezone.now().date()
    regulating.permit_early(here.ward, "12/STTTT", day, here.tuan, valid_from=day, valid_to=day + dt.timedelta(days=9))
    refused(here, dataclasses.replace(good, first=tomorrow(5, 30) + dt.timedelta(days=9)), "first")
    services.publish(dataclasses.replace(good, first=tomorrow(5, 30) + dt.timedelta(days=3)), here.lan)


@pytest.mark.parametrize("template", ["ward", "rural"])
def test_no_regulation_takes_the_night_silence_from_the_province(here: Office, good: Draft, template: str) -> None:
    top = Unit.objects.get(code="77")
    with pytest.raises(Refused) as caught:
        regulating.set_policy(top, template, here.tuan)
    assert caught.value.field == "template"
    PolicyRecord.objects.create(unit=top, template=template, changed=timezone.now())  # as older versions let it be
    refused(here, dataclasses.replace(good, first=tomorrow(3, 15)), "first")
    regulating.set_policy(top, "province_default", here.tuan)
    refused(here, dataclasses.replace(good, first=tomorrow(3, 15)), "first")


def test_a_weekly_schedule_is_checked_on_each_of_its_days(here: Office, good: Draft) -> None:
    regulating.set_policy(here.ward, "ward", here.tuan)
    refused(here, dataclasses.replace(good, recurrence=Recurrence(EVERY_DAY)), "first")
    services.publish(dataclasses.replace(good, recurrence=Recurrence(0b0011111)), here.lan)


def test_longer_than_a_session_may_be(here: Office, good: Draft) -> None:
    regulating.set_policy(here.ward, "ward", here.tuan)
    weekday = Recurrence(0b0000001)
    found = refused(here, dataclasses.replace(good, recurrence=weekday, repeats=20, gap_s=60), "bulletins")
    assert "15 phút" in found.message


def third_session(here: Office, good: Draft) -> Draft:
    """Two sessions a day are there, all that a ward may have; this would be one more."""
    regulating.set_policy(here.ward, "ward", here.tuan)
    for hour in (7, 17):
        services.publish(dataclasses.replace(good, first=tomorrow(hour), recurrence=WORKING), here.lan)
    return dataclasses.replace(good, first=tomorrow(11), recurrence=WORKING)


def test_more_sessions_a_day_than_a_ward_may_have(here: Office, good: Draft) -> None:
    draft = third_session(here, good)
    with pytest.raises(Refused) as caught:
        services.publish(draft, here.lan)
    assert caught.value.field == "first"
    assert "Phường 1" in caught.value.message
    assert "đã hết số buổi phát trong ngày" in caught.value.message
    assert Schedule.objects.count() == 2


def test_a_schedule_that_would_silence_another_one_later_in_the_day_is_refused_too(here: Office, good: Draft) -> None:
    draft = third_session(here, good)
    existing = Schedule.objects.order_by("id")[1]
    with pytest.raises(Refused, match=f"mục s{existing.pk}"):
        services.publish(draft, here.lan)


def test_what_joins_a_session_that_is_there_already_has_room(here: Office, good: Draft) -> None:
    draft = third_session(here, good)
    services.publish(dataclasses.replace(draft, first=tomorrow(7, 1)), here.lan)
    elsewhere = dataclasses.replace(draft, targets=Aimed(units=(WARD,)), first=tomorrow(17, 2))
    services.publish(elsewhere, here.lan)
    assert Schedule.objects.filter(first_local__contains="T07:01").count() == 1
    assert Schedule.objects.filter(first_local__contains="T17:02").count() == 1


def test_two_programmes_that_make_one_session_too_long(here: Office, good: Draft) -> None:
    regulating.set_policy(here.ward, "ward", here.tuan)
    weekday = dataclasses.replace(good, recurrence=WORKING, repeats=3, gap_s=260)
    services.publish(weekday, here.lan)
    with pytest.raises(Refused, match="buổi"):
        services.publish(dataclasses.replace(weekday, first=tomorrow(9, 10)), here.lan)


def test_without_a_regulation_of_sessions_there_is_always_room(here: Office, good: Draft) -> None:
    for hour in (7, 9, 11, 17):
        services.publish(dataclasses.replace(good, first=tomorrow(hour)), here.lan)
    assert Schedule.objects.count() == 4


def test_an_unknown_unit_code_is_named(here: Office, good: Draft) -> None:
    assert "77-999" in refused(here, dataclasses.replace(good, targets=Aimed(units=("77-999",))), "targets").message
    assert "88" in refused(here, dataclasses.replace(good, unit="88"), "unit").message


def test_nobody_to_hear_it(here: Office, good: Draft) -> None:
    refused(here, dataclasses.replace(good, targets=Aimed()), "targets")
    refused(here, dataclasses.replace(good, excluded=Aimed(units=(WARD,))), "targets")
    Box.objects.update(state=Stage.RETIRED)
    refused(here, good, "targets")


def test_a_group_or_box_that_is_gone(here: Office, good: Draft) -> None:
    refused(here, dataclasses.replace(good, targets=Aimed(groups=(99,))), "targets")
    refused(here, dataclasses.replace(good, targets=Aimed(boxes=("a" * 16,))), "targets")


def test_an_empty_playlist_and_one_that_is_not_approved(here: Office, good: Draft) -> None:
    refused(here, dataclasses.replace(good, bulletins=()), "bulletins")
    waiting = library.write(Words("Chưa duyệt", "Chữ."), here.ward, here.lan)
    do_all(timezone.now())
    assert "Chưa duyệt" in refused(here, dataclasses.replace(good, bulletins=(waiting.pk,)), "bulletins").message
    refused(here, dataclasses.replace(good, bulletins=(999,)), "bulletins")


def test_a_time_that_has_passed(here: Office, good: Draft) -> None:
    refused(here, dataclasses.replace(good, first=tomorrow(9) - dt.timedelta(days=2)), "first")


def test_numbers_out_of_bounds_and_a_missing_title(here: Office, good: Draft) -> None:
    refused(here, dataclasses.replace(good, title=" "), "title")
    refused(here, dataclasses.replace(good, repeats=21), "repeats")
    refused(here, dataclasses.replace(good, gap_s=-1), "gap_s")
    refused(here, dataclasses.replace(good, commune_order=1001), "commune_order")
    weekly = Recurrence(1)
    refused(here, dataclasses.replace(good, recurrence=weekly, until=dt.date(2020, 1, 1)), "until")


def test_nobody_schedules_in_a_ward_that_is_not_theirs(here: Office, good: Draft) -> None:
    refused(here, dataclasses.replace(good, targets=Aimed(units=(NEXT,))), "targets")
    refused(here, dataclasses.replace(good, targets=Aimed(boxes=(here.boxes[2].pk,))), "targets")
    with pytest.raises(NotAllowed):
        services.publish(good, here.tuan)


def test_another_wards_bulletin_is_not_theirs_to_sound(here: Office, good: Draft) -> None:
    Bulletin.objects.update(unit=Unit.objects.get(code=NEXT))
    refused(here, good, "bulletins")
    Bulletin.objects.update(unit=Unit.objects.get(code="77"))
    services.publish(good, here.lan)


def test_a_schedule_is_withdrawn_once(here: Office, good: Draft) -> None:
    schedule = services.publish(good, here.lan)
    services.withdraw(schedule, here.lan)
    with pytest.raises(Refused, match="đã được rút"):
        services.withdraw(schedule, here.lan)
