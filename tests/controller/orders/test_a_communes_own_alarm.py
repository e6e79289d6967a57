"""Lan warns An Phú by one signature; what that cannot do; and how Hoa and Minh in the province are told."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from msgspec import structs

from controller.cli.roots import sign_roots
from controller.core.errors import NotAllowed, Refused
from controller.orders import services
from controller.orders.composing import Alarm
from controller.orders.models import EmergencyOrder, State
from controller.outbox.models import Message
from controller.trust.services import import_roots
from protocol import topics
from protocol.clock import ClockReading
from protocol.gate import Accept, Me, judge
from protocol.messages import OWN_WORDS
from protocol.order import Chime, Sound, Status
from protocol.report import ClockQuality
from protocol.roles import Role
from protocol.signing import Family
from protocol.trust import Trust
from tests.support import province, signing_kit
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, NOW, Province, key, signed

pytestmark = pytest.mark.django_db
OWN = Alarm(message=1, area=(AN_PHU,), role=Role.COMMUNE)


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make(timezone.now())


def as_(here: Province, who: str) -> Client:
    client = Client()
    client.force_login(here.people[who])
    return client


def hand_in(client: Client, order: EmergencyOrder, who: str) -> int:
    fields = signing_kit.fields(key(who), bytes(order.payload), Family.ORDER, province.DOMAIN)
    return client.post(reverse("orders:sign", args=[order.pk]), fields).status_code


def test_one_signature_of_the_commune_sends_an_alarm_that_a_box_there_accepts(here: Province) -> None:
    order = signed(services.prepare(here.people["lan"], OWN, now=NOW), here, "lan")
    assert order.state == State.SENT
    message = Message.objects.get(kind="order")
    assert message.topic == topics.orders(AN_PHU)
    at_ms = int(NOW.timestamp() * 1000) + 1000
    me = Me(province.DOMAIN, ("77", AN_PHU), (), {}, {}, {}, (), lambda sound: sound == 1)
    clock = ClockReading(at_ms, at_ms, ClockQuality.NTP)
    verdict = judge(bytes(message.payload), Trust(province.roots(here, timezone.now())), clock, me)
    assert isinstance(verdict, Accept)
    assert [holder.person for holder in verdict.signers] == ["Nguyễn Lan"]
    assert verdict.level == 1


@pytest.mark.parametrize(
    ("alarm", "field"),
    [
        (replace(OWN, message=5), "message"),
        (replace(OWN, lifetime_s=3601), "lifetime"),
        (replace(OWN, area=(BINH_MINH,)), "area"),
        (replace(OWN, area=("77",)), "area"),
    ],
)
def test_not_of_other_events_nor_for_longer_nor_elsewhere(here: Province, alarm: Alarm, field: str) -> None:
    with pytest.raises(Refused) as refused:
        services.prepare(here.people["lan"], alarm, now=NOW)
    assert refused.value.field == field
    assert refused.value.way_out
    assert not EmergencyOrder.objects.exists()


def test_somebody_of_the_province_is_no_commune(here: Province) -> None:
    with pytest.raises(NotAllowed) as refused:
        services.prepare(here.people["hoa"], OWN, now=NOW)
    assert "Trần Thị Hoa" not in refused.value.message


def test_who_may_only_warn_the_own_commune_is_offered_that_and_told_who_signs_the_rest(here: Province) -> None:
    record = province.roots(here, timezone.now(), version=2)
    people = [
        structs.replace(one, roles=(Role.COMMUNE,)) if one.person == "Nguyễn Lan" else one for one in record.holders
    ]
    import_roots(sign_roots(structs.replace(record, holders=tuple(people)), key("root")))
    lan = as_(here, "lan")
    for page in (lan.get("/").text, lan.get(reverse("orders:list")).text):
        assert reverse("orders:new") not in page
        assert reverse("orders:warn") in page
    page = lan.get(reverse("orders:new")).text
    assert "Không có khóa nào của bạn được quyền làm việc này" in page
    assert reverse("orders:warn") in page
    with pytest.raises(NotAllowed) as refused:
        services.prepare(here.people["lan"], replace(OWN, role=Role.EMERGENCY))
    assert "Nguyễn Lan" not in refused.value.way_out
    assert "Lê Minh, Trần Thị Hoa" in refused.value.way_out


def test_on_lans_page_one_button_leads_to_the_signature_and_nothing_else_is_asked(here: Province) -> None:
    lan = as_(here, "lan")
    assert f'href="{reverse("orders:warn")}?la=0"' in lan.get("/").text
    page = lan.get(f"{reverse('orders:warn')}?la=0").text
    for title in ("Lũ, ngập lụt", "Bão, gió mạnh", "Cháy lớn"):
        assert f"<b>{title}</b>" in page
    assert "<b>Sóng thần</b>" not in page
    assert "Việc khác (Sơ tán khẩn cấp, Sóng thần" in page
    assert "cần hai người ký của cấp có thẩm quyền" in page
    answer = lan.post(reverse("orders:warn"), {"message": "1", "status": "0", "area": [AN_PHU], "lifetime": "30"})
    order = EmergencyOrder.objects.get()
    assert answer["Location"] == reverse("orders:order", args=[order.pk])
    assert (order.role, order.status) == (Role.COMMUNE, Status.ACTUAL)
    assert "Ký và phát lệnh ngay" in lan.get(answer["Location"]).text
    assert hand_in(lan, order, "lan") == 302
    order.refresh_from_db()
    assert order.state == State.SENT


def test_lan_warns_in_her_own_words_of_what_her_commune_may_warn_of(here: Province) -> None:
    lan = as_(here, "lan")
    page = lan.get(f"{reverse('orders:warn')}?la=0").text
    assert f'name="message" value="{OWN_WORDS}"' in page
    assert '<option value="tsunami"' not in page
    fields = {"message": f"{OWN_WORDS}", "words": "Đê thôn ba sắp vỡ.", "event": "flood", "chime": f"{int(Chime.YELP)}"}
    answer = lan.post(reverse("orders:warn"), fields | {"status": "0", "area": [AN_PHU], "lifetime": "30"})
    order = EmergencyOrder.objects.get()
    content = services.read(order)
    assert (content.event, content.board, content.sound) == ("flood", "Đê thôn ba sắp vỡ.", Sound(99, chime=3))
    assert "“Đê thôn ba sắp vỡ.”" in lan.get(answer["Location"]).text
    assert hand_in(lan, order, "lan") == 302
    order.refresh_from_db()
    assert order.state == State.SENT


def test_nobody_warns_of_the_first_event_of_the_list_because_none_was_chosen(here: Province) -> None:
    fields = {"message": f"{OWN_WORDS}", "words": "Cháy chợ.", "status": "0", "area": [AN_PHU], "lifetime": "30"}
    page = as_(here, "lan").post(reverse("orders:warn"), fields | {"event": ""}).text
    assert "Chưa chọn lời tự soạn nói về việc gì." in page
    assert "<details open><summary>Tự soạn nội dung" in page
    assert not EmergencyOrder.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"event": "tsunami"}, "event"),
        ({"words": "… !"}, "words"),
        ({"words": "x" * 301}, "words"),
        ({"message": 1}, "words"),
    ],
)
def test_own_words_of_another_event_without_words_or_too_many_name_the_field(
    here: Province, changes: dict[str, Any], field: str
) -> None:
    own = replace(OWN, message=OWN_WORDS, words="Đê sắp vỡ.", event="flood")
    assert services.prepare(here.people["lan"], own, now=NOW)
    with pytest.raises(Refused) as refused:
        services.prepare(here.people["lan"], replace(own, **changes), now=NOW)
    assert refused.value.field == field
    assert refused.value.way_out


def test_a_link_that_does_not_say_real_makes_a_drill(here: Province) -> None:
    page = as_(here, "lan").get(reverse("orders:warn")).text
    assert f'name="status" value="{int(Status.EXERCISE)}"' in page


def test_hoa_and_minh_have_no_such_button(here: Province) -> None:
    assert reverse("orders:warn") not in as_(here, "hoa").get("/").text
    page = as_(here, "hoa").get(reverse("orders:warn")).text
    assert "Không có khóa nào của bạn được quyền làm việc này" in page


def test_the_province_reads_it_at_once_and_still_when_it_is_over(here: Province) -> None:
    now = timezone.now()
    order = signed(services.prepare(here.people["lan"], OWN, now=now), here, "lan", at=now)
    live = {"HX-Request": "true"}
    for who in ("hoa", "minh"):
        row = as_(here, who).get("/", headers=live).text
        assert "Lũ, ngập lụt, Xã An Phú" in row
        assert "Cấp xã tự báo động, người ký: Nguyễn Lan." in row
    EmergencyOrder.objects.update(expires=now - dt.timedelta(minutes=1))
    order.refresh_from_db()
    over = as_(here, "hoa").get("/", headers=live).text
    assert "Đang có lệnh khẩn cấp" not in over
    assert "Cấp xã đã tự báo động" in over
    EmergencyOrder.objects.update(sent_at=now - dt.timedelta(hours=25))
    assert "Cấp xã đã tự báo động" not in as_(here, "hoa").get("/", headers=live).text


def test_the_province_cancels_a_communes_alarm_by_one_signature(here: Province) -> None:
    order = signed(services.prepare(here.people["lan"], OWN, now=NOW), here, "lan")
    cancel = signed(services.cancel_prepare(order, here.people["minh"], "nhầm", now=NOW), here, "minh")
    order.refresh_from_db()
    assert (cancel.state, cancel.level, order.state) == (State.SENT, 0, State.CANCELLED)


def test_lan_cancels_her_own_alarm_alone(here: Province) -> None:
    order = signed(services.prepare(here.people["lan"], OWN, now=NOW), here, "lan")
    cancel = signed(services.cancel_prepare(order, here.people["lan"], now=NOW), here, "lan")
    assert cancel.state == State.SENT


def test_on_whatever_page_hoa_is_she_reads_it_within_seconds(here: Province) -> None:
    hoa = as_(here, "hoa")
    page = hoa.get(reverse("boxes:list")).text
    assert f'hx-get="{reverse("orders:strip")}" hx-trigger="load, every 5s"' in page
    assert hoa.get(reverse("orders:strip")).text.strip() == ""
    now = timezone.now()
    signed(services.prepare(here.people["lan"], OWN, now=now), here, "lan", at=now)
    assert "Cấp xã tự báo động, người ký: Nguyễn Lan." in hoa.get(reverse("orders:strip")).text
