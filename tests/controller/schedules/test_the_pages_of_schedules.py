"""Officers plan, see who is told, look ahead, and set regulations, in both languages."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from controller.accounts.models import Audit
from controller.boxes.models import BoxState, Group
from controller.schedules import rules
from controller.schedules.models import AssignmentRow, Permission, PolicyRecord, Schedule, State
from controller.worker.loop import do_all
from tests.support.installation import install
from tests.support.officers import NEXT, WARD, Office, approved, office, tomorrow

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


def browser(person: object, language: str = "vi") -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]
    client.cookies["loalang_language"] = language
    return client


def asked(bulletin: int, **more: object) -> dict[str, object]:
    """What the form sends for tomorrow, 9 o'clock, in the ward."""
    at = tomorrow(9)
    sent = {
        "title": "Bản tin sáng",
        "unit": WARD,
        f"item-{bulletin}": "1",
        "first_0": f"{at:%Y-%m-%d}",
        "first_1": "09:00:05",
        "repeat": "once",
        "targets": [f"unit:{WARD}"],
        "repeats": "1",
        "gap_s": "2",
        "commune_order": "0",
    }
    return {**sent, **more}


def test_lan_plans_and_the_boxes_are_told_at_the_second(here: Office) -> None:
    bulletin = approved(here)
    answer = browser(here.lan).post("/lich/moi/", asked(bulletin.pk))
    schedule = Schedule.objects.get()
    assert answer.headers["Location"] == f"/lich/{schedule.pk}/"
    assert schedule.first_local == tomorrow(9).replace(second=5).isoformat()
    do_all(timezone.now())
    told = AssignmentRow.objects.get(box=here.boxes[0])
    state = BoxState.objects.create(box=here.boxes[0], generation=told.generation, last_seen=timezone.now())
    page = browser(here.lan).get(f"/lich/{schedule.pk}/").content.decode()
    assert "1/2 hộp đã báo là đang dùng lịch mới nhất" in page
    assert "chưa rõ" in page
    for other in ({"epoch": 2}, {"era": 1, "epoch": 1}, {"era": 0, "generation": told.generation + 1}):
        BoxState.objects.filter(pk=state.pk).update(**other)
        page = browser(here.lan).get(f"/lich/{schedule.pk}/").content.decode()
        assert ("0/2 hộp" in page, "đã nhận" in page) == (True, False), "it holds another's schedule"


def test_no_box_has_it_before_it_is_compiled_and_held_by_the_box(here: Office) -> None:
    """What the boxes held before says nothing of the new schedule."""
    client = browser(here.lan)
    client.post("/lich/moi/", asked(approved(here).pk))
    do_all(timezone.now())
    for box in here.boxes[:2]:
        BoxState.objects.create(box=box, generation=box.assignment.generation, last_seen=timezone.now())
    client.post("/lich/moi/", asked(approved(here, "Hai", "Hai.").pk, first_1="10:00:00"))
    path = f"/lich/{Schedule.objects.order_by('-pk')[0].pk}/"
    page = client.get(path).text
    assert ("đã nhận" in page, page.count(">chờ<")) == (False, 2)
    do_all(timezone.now())
    page = client.get(path).text
    assert ("đã nhận" in page, page.count(">chờ<")) == (False, 2)
    told = AssignmentRow.objects.get(box=here.boxes[0])
    BoxState.objects.filter(box=here.boxes[0]).update(generation=told.generation)
    page = client.get(path).text
    assert (page.count("đã nhận"), page.count(">chờ<")) == (1, 1)


def test_the_playlist_follows_the_numbers_that_were_typed(here: Office) -> None:
    first, second = approved(here, "Một", "Một."), approved(here, "Hai", "Hai.")
    sent = asked(first.pk, **{f"item-{first.pk}": "2", f"item-{second.pk}": "1"})
    browser(here.lan).post("/lich/moi/", sent)
    items = Schedule.objects.get().items.values_list("bulletin__title", flat=True)
    assert list(items) == ["Hai", "Một"]


def test_one_number_for_two_bulletins_is_refused_with_a_sentence(here: Office) -> None:
    first, second = approved(here, "Một", "Một."), approved(here, "Hai", "Hai.")
    sent = asked(first.pk, **{f"item-{first.pk}": "2", f"item-{second.pk}": "2"})
    page = browser(here.lan).post("/lich/moi/", sent).text
    assert "Có nhiều bản tin cùng mang số 2." in page
    assert not Schedule.objects.exists()


def test_a_weekly_schedule_keeps_its_days(here: Office) -> None:
    sent = asked(approved(here).pk, repeat="weekly", days=["0", "4"])
    browser(here.lan).post("/lich/moi/", sent)
    assert Schedule.objects.get().rule == "FREQ=WEEKLY;BYDAY=MO,FR"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"first_1": "03:15:00"}, "giờ yên lặng (21:00–05:00)"),
        ({"targets": []}, "Đánh dấu ít nhất một đơn vị, nhóm hoặc hộp thiết bị."),
        ({"targets": ["unit:77-000"]}, "Không có đơn vị nào mang mã “77-000”"),
        ({"targets": ["nonsense"]}, "Không có đơn vị nào mang mã “nonsense”"),
        ({"unit": "không có đâu"}, "Không có đơn vị “không có đâu”"),
        ({"repeat": "weekly"}, "Chưa chọn ngày nào"),
        ({"repeats": "999"}, "20"),
    ],
)
def test_a_refusal_stands_at_its_field_and_nothing_is_made(
    here: Office, change: dict[str, object], sentence: str
) -> None:
    answer = browser(here.lan).post("/lich/moi/", asked(approved(here).pk, **change))
    page = answer.content.decode()
    assert sentence in page
    assert 'value="Bản tin sáng"' in page
    assert not Schedule.objects.exists()


def test_no_bulletin_chosen_is_said_in_english_too(here: Office) -> None:
    bulletin = approved(here)
    answer = browser(here.lan, "en").post("/lich/moi/", asked(bulletin.pk, **{f"item-{bulletin.pk}": ""}))
    assert "The schedule has no bulletin." in answer.content.decode()


def test_the_form_does_not_count_boxes_that_the_person_may_not_address(here: Office) -> None:
    sent = {"targets": [f"unit:{WARD}", "unit:77", f"box:{here.boxes[2].pk}"]}
    assert "<b>2</b>" in browser(here.lan).post("/lich/dem/", sent).content.decode()
    assert "Không có hộp thiết bị nào" in browser(here.tuan).post("/lich/dem/", sent).content.decode()


def test_the_form_counts_boxes_with_groups_and_exceptions(here: Office) -> None:
    group = Group.objects.create(name="Chợ", unit=here.ward)
    group.boxes.set(here.boxes[:1])
    sent = {"targets": [f"unit:{WARD}"], "excluded": [f"group:{group.pk}"]}
    assert "<b>1</b>" in browser(here.lan).post("/lich/dem/", sent).content.decode()
    page = browser(here.lan).get("/lich/moi/").content.decode()
    assert "Chợ" in page
    assert NEXT not in page.partition("datalist")[0]


def test_the_page_of_a_box_says_what_it_will_say(here: Office) -> None:
    client, box = browser(here.lan), here.boxes[0].pk
    assert "chưa được gửi lịch nào" in client.get(f"/lich/hop/{box}/").content.decode()
    client.post("/lich/moi/", asked(approved(here).pk))
    do_all(timezone.now())
    at = {"at_0": f"{tomorrow(9):%Y-%m-%d}", "at_1": "09:00:06"}
    page = client.get(f"/lich/hop/{box}/", at).content.decode()
    assert "Cúp điện" in page
    assert f"{tomorrow(9):%d/%m/%Y} 09:00:05" in page
    assert "Cúp điện" in browser(here.lan, "en").get(f"/lich/hop/{box}/", at).content.decode()


def test_nobody_looks_into_another_ward(here: Office) -> None:
    assert browser(here.lan).get(f"/lich/hop/{here.boxes[2].pk}/").status_code == 404


def test_hoa_withdraws_it_and_the_list_shows_it_no_more(here: Office) -> None:
    browser(here.lan).post("/lich/moi/", asked(approved(here).pk))
    schedule = Schedule.objects.get()
    browser(here.hoa).post(f"/lich/{schedule.pk}/rut/")
    schedule.refresh_from_db()
    assert (schedule.state, schedule.withdrawn_by) == (State.WITHDRAWN, here.hoa)
    assert "Bản tin sáng" not in browser(here.lan).get("/lich/").content.decode()
    assert "Bản tin sáng" in browser(here.lan).get("/lich/?state=withdrawn").content.decode()


@pytest.mark.parametrize(
    ("change", "over"),
    [
        ({"first_local": "2026-01-05T09:00:00"}, True),
        ({}, False),
        ({"first_local": "2026-01-05T09:00:00", "rule": "FREQ=DAILY"}, False),
        ({"first_local": "2026-01-05T09:00:00", "rule": "FREQ=DAILY", "until_local": "2026-02-01T23:59:59"}, True),
    ],
)
def test_what_will_never_sound_again_is_not_called_in_use(here: Office, change: dict[str, str], over: bool) -> None:
    lan = browser(here.lan)
    lan.post("/lich/moi/", asked(approved(here).pk))
    Schedule.objects.update(**change)
    page = lan.get(f"/lich/{Schedule.objects.get().pk}/").text
    assert (">đã phát xong<" in page, ">đang dùng<" in page) == (over, not over)
    assert (">đã phát xong<" in lan.get("/lich/").text) is over


def test_a_schedule_is_over_when_its_last_sound_may_have_ended() -> None:
    start, tail = dt.datetime.fromisoformat("2026-05-04T09:00:00"), dt.timedelta(minutes=10)
    assert not rules.over(start, tail, start + tail)
    assert rules.over(start, tail, start + tail + dt.timedelta(seconds=1))
    assert not rules.over(None, tail, start)


def test_a_withdrawal_is_asked_once_more_and_keeps_its_reason(here: Office) -> None:
    lan = browser(here.lan)
    lan.post("/lich/moi/", asked(approved(here).pk))
    path = f"/lich/{Schedule.objects.get().pk}/"
    before, _button, after = lan.get(path).text.partition("Rút hẳn lịch này")
    assert "<details><summary>Rút lịch</summary>" in before
    assert "</details>" in after
    lan.post(f"{path}rut/", {"reason": "Sai giờ"})
    assert Audit.objects.get(action="schedule.withdrawn").detail["reason"] == "Sai giờ"


def test_tuan_sets_a_regulation_and_records_a_permission(here: Office) -> None:
    client, day = browser(here.tuan), f"{dt.date(2026, 1, 1)}"
    client.post("/lich/quy-dinh/", {"form": "policy", "unit": WARD, "template": "ward"})
    sent = {"form": "permission", "unit": WARD, "number": "12/STTTT", "issued": day, "valid_from": day}
    client.post("/lich/quy-dinh/", sent)
    page = client.get("/lich/quy-dinh/").content.decode()
    assert PolicyRecord.objects.get().template == "ward"
    assert Permission.objects.get().number == "12/STTTT"
    assert "2 buổi mỗi ngày" in page
    assert "15 phút" in page


def test_lan_sets_none(here: Office) -> None:
    answer = browser(here.lan).post("/lich/quy-dinh/", {"form": "policy", "unit": WARD, "template": "ward"})
    assert answer.status_code == 200
    assert not PolicyRecord.objects.exists()
