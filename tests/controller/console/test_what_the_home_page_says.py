"""The home page in words: what sounds and what waits has its title, its place, and whether it is real."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from controller.accounts import services as accounts
from controller.accounts.models import Role
from controller.boxes.models import Box, BoxState
from controller.boxes.overview import judge_all
from controller.console import sounding
from controller.core.times import ZONE
from controller.library.models import Bulletin
from controller.library.models import State as BulletinState
from controller.live import services as live
from controller.live import signatures as voices
from controller.live.models import Speech
from controller.live.rules import Wanted
from controller.orders import services as orders
from controller.orders.composing import Alarm
from controller.schedules import services as schedules
from controller.schedules.models import AssignmentRow
from controller.schedules.services import Aimed, Draft
from controller.units.models import Unit
from controller.worker.loop import do_all
from protocol.order import Severity, Status
from protocol.report import ClockQuality, Doing
from protocol.signing import Family, signed_by
from tests.support import province
from tests.support.installation import install
from tests.support.officers import WARD, Office, approved, office, tomorrow
from tests.support.province import AN_PHU, BINH_MINH, key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _installed(settings: LazySettings, tmp_path: Path) -> None:
    install(settings, tmp_path)


def test_an_emergency_that_waits_is_named_by_its_title_and_places_and_whether_it_is_real() -> None:
    here = province.make(timezone.now())
    alarm = Alarm(1, (AN_PHU,), Severity.SEVERE, Status.EXERCISE)
    orders.prepare(here.people["hoa"], alarm)
    browser = Client()
    browser.force_login(here.people["minh"])
    page = browser.get("/").text
    assert "Lũ, ngập lụt, Xã An Phú" in page
    assert "Diễn tập" in page
    assert AN_PHU not in page


def test_orders_of_other_units_are_nobody_elses_news() -> None:
    here = province.make(timezone.now())
    other, _ = accounts.add_person("an", "An", [(Role.SIGNER, Unit.objects.get(code=BINH_MINH))])
    accounts.change_password(other, "ba từ ghép lại")
    order = orders.prepare(here.people["hoa"], Alarm(1, (AN_PHU,)))
    browser = Client()
    browser.force_login(other)
    assert "Xã An Phú" not in browser.get("/").text, "waiting for signatures"
    for who in ("hoa", "minh"):
        order = province.signed(order, here, who, at=timezone.now())
    assert "Xã An Phú" not in browser.get("/").text, "on air"
    browser.force_login(here.people["lan"])
    assert "Xã An Phú" in browser.get("/").text, "it is hers"


def on_air(here: Office, at: dt.datetime) -> None:
    """Lan's bulletin for both wards; every box has its programme and says at this moment that it sounds."""
    schedules.publish(
        Draft("Bản tin sáng", WARD, (approved(here).pk,), tomorrow(9), Aimed(units=(WARD,))),
        here.lan,
    )
    do_all(timezone.now())
    for box in here.boxes:
        BoxState.objects.update_or_create(
            box=box,
            defaults={
                "last_seen": at,
                "doing": Doing.SOUNDING,
                "clock": ClockQuality.NTP,
                "generation": AssignmentRow.objects.get(box=box).generation,
            },
        )


def test_boxes_that_sound_the_same_are_one_line_with_what_they_sound() -> None:
    here, at = office(), tomorrow(9).replace(tzinfo=ZONE) + dt.timedelta(seconds=1)
    on_air(here, at)
    named, unknown = sounding.groups(judge_all(Box.objects.all(), at))
    assert (named.title, len(named.boxes)) == ("Cúp điện", 2)
    assert named.until is not None
    assert dt.timedelta(0) < named.until - at < dt.timedelta(minutes=2)
    assert (unknown.title, [box.name for box in unknown.boxes]) == ("", ["Cụm loa 3"])


def test_what_a_box_sounds_is_not_guessed_from_a_programme_that_it_does_not_have_yet() -> None:
    here, at = office(), tomorrow(9).replace(tzinfo=ZONE) + dt.timedelta(seconds=1)
    on_air(here, at)
    BoxState.objects.update(generation=0)
    assert [group.title for group in sounding.groups(judge_all(Box.objects.all(), at))] == [""]


def test_boxes_with_an_emergency_come_first() -> None:
    here, at = office(), tomorrow(9).replace(tzinfo=ZONE) + dt.timedelta(seconds=1)
    on_air(here, at)
    BoxState.objects.filter(box=here.boxes[1]).update(doing=Doing.EMERGENCY)
    found = sounding.groups(judge_all(Box.objects.all(), at))
    assert [(group.emergency, group.title, len(group.boxes)) for group in found] == [
        (True, "", 1),
        (False, "Cúp điện", 1),
        (False, "", 1),
    ]


def test_a_live_voice_is_named_with_who_speaks_and_is_not_unknown() -> None:
    here, at = province.make(timezone.now()), timezone.now()
    speech = live.prepare(here.people["lan"], Wanted((AN_PHU,), key("a page").public_key), now=at)
    made = signed_by(key("lan"), bytes(speech.payload), Family.LIVE, province.DOMAIN)
    speech = voices.sign(speech, here.people["lan"], made, now=at)
    for name in ("an phú 1", "an phú 2", "bình minh"):
        values = {"last_seen": at, "doing": Doing.SOUNDING, "clock": ClockQuality.NTP}
        BoxState.objects.update_or_create(box=here.boxes[name], defaults=values)
    browser = Client()
    browser.force_login(here.people["minh"])
    assert "Phát trực tiếp: Nguyễn Lan" not in browser.get("/").text, "nobody has spoken yet"
    Speech.objects.update(began_at=at, spoke_at=at, heard_at=at)
    page = browser.get("/").text
    assert "Phát trực tiếp: Nguyễn Lan" in page
    spoken, unknown = sounding.groups(judge_all(Box.objects.all(), at))
    assert (spoken.live, sorted(box.name for box in spoken.boxes)) == (True, ["an phú 1", "an phú 2"])
    assert [box.name for box in unknown.boxes] == ["bình minh"]
    BoxState.objects.update(last_seen=at + dt.timedelta(seconds=30))
    Speech.objects.update(heard_at=at + dt.timedelta(seconds=30))
    assert [group.title for group in sounding.groups(judge_all(Box.objects.all(), at))] == [""], "she pauses"


def test_no_bulletin_is_said_to_wait_for_whoever_has_no_key_to_approve_it_with() -> None:
    here = province.make(timezone.now())
    approver = here.people["tuan"]
    accounts.appoint(approver, Role.APPROVER, Unit.objects.get(code=AN_PHU))
    Bulletin.objects.create(
        unit=Unit.objects.get(code=AN_PHU), author=here.people["lan"], edited_by=here.people["lan"],
        title="Tiêm phòng", state=BulletinState.READY, changed=timezone.now(), edited_at=timezone.now(),
        created=timezone.now(),
    )  # fmt: skip
    browser = Client()
    browser.force_login(approver)
    assert "Bản tin chờ bạn duyệt" in browser.get("/").text
    approver.keys.update(revoked=timezone.now())
    assert "Bản tin chờ bạn duyệt" not in browser.get("/").text
