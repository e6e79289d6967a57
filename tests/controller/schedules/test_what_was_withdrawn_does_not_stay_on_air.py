"""A compilation that fails is tried until it succeeds, names what it cannot tell, and no page looks well meanwhile."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controller.jobs import services as jobs
from controller.jobs.models import Job
from controller.jobs.models import State as JobState
from controller.schedules import regulating, services
from controller.schedules.arrears import PATIENCE, arrears
from controller.schedules.compiling import COMPILE, DAILY, RENEWAL
from controller.schedules.models import AssignmentRow, Schedule
from controller.schedules.services import Aimed, Draft
from controller.worker.loop import do_all, do_one
from tests.support.installation import install
from tests.support.officers import NEXT, WARD, Office, approved, office, tomorrow

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


class Disk:
    """The disk of the blobs: full when nothing can be kept there."""

    def __init__(self) -> None:
        self.blobs: Path = configured.LOALANG.blobs
        self.aside = self.blobs.with_name("aside")

    def fill(self) -> None:
        self.blobs.rename(self.aside)
        self.blobs.write_text("full")

    def clear(self) -> None:
        self.blobs.unlink()
        self.aside.rename(self.blobs)


def published(here: Office, title: str, hour: int) -> Schedule:
    bulletin = approved(here, title, f"{title}: thông báo.")
    return services.publish(Draft(title, WARD, (bulletin.pk,), tomorrow(hour), Aimed(units=(WARD,))), here.lan)


def sounds(here: Office) -> int:
    """How many sounds the ward's box is told."""
    return len(AssignmentRow.objects.get(box=here.boxes[0]).compiled.sounds)


def page_of(schedule: Schedule, here: Office) -> str:
    client = Client()
    client.force_login(here.lan)
    return client.get(reverse("schedules:schedule", args=[schedule.pk])).content.decode()


def test_a_withdrawal_outlives_a_disk_that_was_full_for_an_hour(here: Office) -> None:
    schedule = published(here, "Cúp điện", 9)
    published(here, "Họp dân", 10)
    do_all(timezone.now())
    assert sounds(here) == 2
    services.withdraw(schedule, here.hoa)
    disk, now = Disk(), timezone.now()
    disk.fill()
    for minute in range(60):
        do_one(now + minute * MINUTE)
    assert Job.objects.get(kind=COMPILE, subject="", state=JobState.WAITING).attempts > jobs.MAX_ATTEMPTS
    disk.clear()
    assert do_one(timezone.now() + MINUTE)
    assert sounds(here) == 1
    assert arrears(timezone.now()) is None


def test_while_boxes_cannot_be_told_the_page_says_since_when_and_is_not_green(here: Office) -> None:
    schedule = published(here, "Cúp điện", 9)
    published(here, "Họp dân", 10)
    do_all(timezone.now())
    services.withdraw(schedule, here.hoa)
    asked = Job.objects.get(kind=COMPILE, subject="", state=JobState.WAITING).created
    disk, now = Disk(), timezone.now()
    disk.fill()
    do_one(now)
    regulating.permit_early(here.ward, "1", now.date(), here.tuan, valid_from=now.date())  # one more wish
    do_one(now + MINUTE)
    found = arrears(now + 2 * MINUTE)
    assert found is not None
    assert found.since == asked
    assert found.why
    page = page_of(schedule, here)
    assert "Các hộp chưa được báo" in page
    assert 'class="note good"' not in page
    disk.clear()


def test_a_worker_that_is_away_is_noticed_too(here: Office) -> None:
    do_all(timezone.now())
    schedule = published(here, "Cúp điện", 9)
    do_all(timezone.now())
    services.withdraw(schedule, here.hoa)
    now = timezone.now()
    assert arrears(now) is None
    assert arrears(now + PATIENCE + MINUTE) is not None


def test_a_wish_that_came_while_it_failed_inherits_since_when_boxes_wait(here: Office) -> None:
    first = jobs.ask(COMPILE)
    job = jobs.claim(timezone.now())
    assert job is not None
    twin = jobs.ask(COMPILE, due=timezone.now() + DAILY)
    jobs.fail(job, "đĩa đầy", timezone.now(), again=True, at_most=None)
    twin.refresh_from_db()
    assert (twin.created, twin.error) == (first.created, "đĩa đầy")
    assert twin.due < timezone.now() + 2 * MINUTE


def test_the_daily_renewal_is_planned_although_the_compilation_fails(here: Office) -> None:
    published(here, "Cúp điện", 9)
    disk = Disk()
    disk.fill()
    do_one(timezone.now())
    disk.clear()
    assert Job.objects.filter(kind=COMPILE, subject=RENEWAL, state=JobState.WAITING).exists()


def test_the_daily_renewal_compiles_and_plans_the_next_day(here: Office) -> None:
    do_all(timezone.now())
    AssignmentRow.objects.update(valid_until=timezone.now() + dt.timedelta(days=45))
    Job.objects.filter(subject=RENEWAL, state=JobState.WAITING).update(due=timezone.now())
    do_all(timezone.now())
    do_all(timezone.now())
    assert (AssignmentRow.objects.get(box=here.boxes[0]).valid_until - timezone.now()).days > 45
    assert Job.objects.get(subject=RENEWAL, state=JobState.WAITING).due > timezone.now() + DAILY / 2


def test_a_programme_that_boxes_would_refuse_is_named_and_all_other_boxes_are_told(here: Office) -> None:
    bad = published(here, "Cúp điện", 9)
    Schedule.objects.filter(pk=bad.pk).update(rule="FREQ=SOMETIMES")  # as no form writes it
    AssignmentRow.objects.all().delete()
    do_all(timezone.now())
    told = set(AssignmentRow.objects.values_list("box_id", flat=True))
    assert told == {here.boxes[2].pk}
    found = arrears(timezone.now())
    assert found is not None
    assert "Cụm loa 1" in found.why
    assert f"s{bad.pk}" in found.why
    services.withdraw(bad, here.hoa)
    do_all(timezone.now())
    assert AssignmentRow.objects.count() == 3
    assert arrears(timezone.now()) is None


def test_an_assignment_that_cannot_be_written_keeps_no_other_box_waiting(here: Office) -> None:
    here.boxes[0].site = "x" * 5_000
    here.boxes[0].save()
    do_all(timezone.now())
    assert set(AssignmentRow.objects.values_list("box__unit__code", flat=True)) == {WARD, NEXT}
    found = arrears(timezone.now())
    assert found is not None
    assert "Cụm loa 1" in found.why
