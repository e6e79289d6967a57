"""A new box for an old one, a key that is in two boxes, and two boxes with one code."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from controller.accounts.models import Audit
from controller.boxes import rules, services
from controller.boxes.models import Box, BoxState, Group, Stage
from controller.boxes.rules import Level, Runs
from controller.core.errors import NotAllowed, Refused
from controller.pki import services as pki
from protocol.ids import box_id, enrolment_code
from protocol.report import ClockQuality, Hello
from tests.support import province
from tests.support.installation import install
from tests.support.province import Province, key


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make(timezone.now())


def waiting(name: str = "new") -> Box:
    return services.enrol(key(name).public_key, "mới", "0.1.0")


@pytest.mark.django_db
def test_a_new_box_takes_the_place_of_the_old_one_in_one_act(here: Province, client: Client) -> None:
    now = timezone.now()
    pki.folder().add_authority("77/test", now)
    old, new = here.boxes["an phú 1"], waiting()
    Box.objects.filter(pk=old.pk).update(site="Cột 12", gain_cb=-30)
    assert old.unit is not None
    schools = Group.objects.create(name="Trường học", unit=old.unit)
    schools.boxes.add(old)
    assert pki.issue(old.pk, bytes(old.public_key)) is not None
    client.force_login(here.people["tuan"])
    page = reverse("boxes:replace", args=[old.pk])
    assert "Thay hộp này" in client.get(page).content.decode()
    assert "Không có hộp nào đang chờ" in client.post(page, {"code": "AAAA-AAAA"}).content.decode()
    answer = client.post(page, {"code": enrolment_code(new.pk).lower()})
    assert answer.headers["Location"] == reverse("boxes:box", args=[new.pk])
    new.refresh_from_db()
    old.refresh_from_db()
    assert (new.state, new.unit, new.name, new.site, new.gain_cb) == (
        Stage.APPROVED,
        here.boxes["an phú 2"].unit,
        "an phú 1",
        "Cột 12",
        -30,
    )
    assert list(schools.boxes.all()) == [new]
    assert new.replaces == old
    assert new.identity_until is not None
    assert new.identity_until > now + dt.timedelta(days=3650)
    assert old.state == Stage.RETIRED
    assert pki.denied(timezone.now()) == {old.pk}
    acts = set(Audit.objects.filter(person=here.people["tuan"]).values_list("action", flat=True))
    assert acts >= {"box.approved", "box.retired", "box.replaced"}
    assert old.pk in client.get(reverse("boxes:box", args=[new.pk])).content.decode()


@pytest.mark.django_db
def test_who_may_not_maintain_the_place_replaces_nothing(here: Province) -> None:
    old, new = here.boxes["an phú 1"], waiting()
    with pytest.raises(NotAllowed):
        services.replace(old, new, here.people["hoa"])
    with pytest.raises(Refused):
        services.replace(old, here.boxes["an phú 2"], here.people["tuan"])
    old.refresh_from_db()
    assert old.state == Stage.APPROVED


@pytest.mark.django_db
def test_two_waiting_boxes_with_one_code_are_approved_by_nobodys_code(here: Province, client: Client) -> None:
    one = waiting()
    twin = Box.objects.create(
        id=one.pk[:8] + "a" * 8, public_key=b"k" * 32, name="giả", enrolled_at=timezone.now(), state=Stage.WAITING
    )
    tuan, unit = here.people["tuan"], here.boxes["an phú 1"].unit
    assert unit is not None
    for box in (one, twin):
        with pytest.raises(Refused, match="cùng mang mã này"):
            services.approve(box, unit, tuan)
    client.force_login(tuan)
    said = client.get(reverse("boxes:find"), {"code": enrolment_code(one.pk)}).content.decode()
    assert "cùng mang mã này" in said
    services.retire(twin, tuan)
    assert services.approve(one, unit, tuan).state == Stage.APPROVED


@pytest.mark.django_db
def test_the_qr_on_a_box_leads_to_the_page_that_approves_it(here: Province, client: Client) -> None:
    new = waiting()
    client.force_login(here.people["tuan"])
    answer = client.get(reverse("boxes:find"), {"code": enrolment_code(new.pk)}, follow=True)
    assert answer.redirect_chain[0][0].startswith(reverse("boxes:approve", args=[new.pk]))
    assert f'value="{enrolment_code(new.pk)}"' in answer.content.decode()


def hello(box: Box, session: bytes, at: dt.datetime) -> Hello:
    ms = int(at.timestamp() * 1000)
    return Hello(box.pk, "0.1.0", ms, 0, 0, 1, (), b"c" * 8, 0, ClockQuality.NTP, ms - 1_000, (), session)


@pytest.mark.django_db
def test_a_key_in_two_boxes_is_noticed_shown_and_written_down(here: Province, client: Client) -> None:
    box, now = here.boxes["an phú 1"], timezone.now()

    def say(session: bytes, second: int) -> None:
        at = now + dt.timedelta(seconds=second)
        services.note_hellos([(hello(box, session, at), at)])

    for second, session in enumerate((b"aaaaaaaa", b"aaaaaaaa", b"bbbbbbbb", b"cccccccc")):
        say(session, second)
        assert BoxState.objects.get(box=box).cloned_at is None, "starting again is no crime"
    say(b"bbbbbbbb", 9)
    fresh = Box.objects.select_related("status").get(pk=box.pk)
    assert rules.judge(services.said(fresh), now)[0] == Level.FAULT
    client.force_login(here.people["tuan"])
    assert "Hai thiết bị đang dùng chung khóa" in client.get(reverse("boxes:box", args=[box.pk])).content.decode()
    assert Audit.objects.filter(action="box.cloned", object=f"box:{box.pk}").count() == 1
    client.post(reverse("boxes:looked_into", args=[box.pk]))
    assert BoxState.objects.get(box=box).cloned_at is None
    say(b"cccccccc", 12)
    assert BoxState.objects.get(box=box).cloned_at is not None


@given(st.lists(st.integers(0, 5), max_size=30))
def test_a_single_box_however_often_it_starts_is_never_called_a_copy(starts: list[int]) -> None:
    runs, at = Runs(), 0
    for run, hellos in enumerate(starts, start=1):
        for _ in range(hellos):
            at += 1
            runs, cloned = rules.after_session(runs, bytes([run]), at)
            assert not cloned
            assert rules.after_session(runs, bytes([max(run - 1, 1)]), at - 1)[1] is False, "a late copy is no clone"


def test_two_that_take_turns_are_noticed_at_the_third_word() -> None:
    runs, first = rules.after_session(Runs(), b"a", 1)
    runs, second = rules.after_session(runs, b"b", 2)
    runs, third = rules.after_session(runs, b"a", 3)
    assert (first, second, third) == (False, False, True)
    assert box_id(key("x").public_key)
