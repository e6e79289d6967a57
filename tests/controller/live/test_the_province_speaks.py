"""Hoa speaks for the province once Minh has signed too, from the browser in which she began; nobody does it alone."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from controller.accounts.models import Audit
from controller.accounts.signing import to_base64url
from controller.core.errors import NotAllowed, Refused
from controller.core.times import ZONE
from controller.live import rules, services, signatures
from controller.live.models import Speech
from controller.live.rules import Standing, Wanted
from controller.orders import people
from controller.orders import services as orders
from controller.orders.composing import Alarm
from controller.outbox.models import Message
from protocol import topics
from protocol.clock import ClockReading
from protocol.live import MAX_SESSION_S, Admitted, Listener, judge
from protocol.report import ClockQuality
from protocol.roles import Role
from protocol.signing import Family, signed_by
from tests.support import province, signing_kit
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, DOMAIN, NOW, Province, key

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
PAGE = key("Hoa's page").public_key


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make(NOW)


def as_(here: Province, who: str) -> Client:
    client = Client()
    client.force_login(here.people[who])
    return client


def prepared(here: Province, *, at: dt.datetime = NOW, who: str = "hoa", **changes: object) -> Speech:
    given = {"area": ("77",), "key": PAGE, "minutes": 10, "reason": "bão số 3"} | changes
    return services.prepare(here.people[who], Wanted(**given), now=at)  # type: ignore[arg-type]


def signed(speech: Speech, here: Province, who: str, *, by: str = "", at: dt.datetime = NOW) -> Speech:
    made = signed_by(key(by or who), bytes(speech.payload), Family.LIVE, DOMAIN)
    return signatures.sign(speech, here.people[who], made, now=at)


def test_nothing_is_sent_before_the_second_person_has_signed(here: Province) -> None:
    speech = signed(prepared(here), here, "hoa")
    assert services.standing(speech, NOW) is Standing.WAITING
    assert signatures.missing(speech) == 1
    assert not Message.objects.filter(kind="order").exists()
    assert not services.speaks(speech.pk, here.people["hoa"], NOW)
    speech = signed(speech, here, "minh", at=NOW + MINUTE)
    assert services.standing(speech, NOW + MINUTE) is Standing.ON
    assert Message.objects.get(kind="order").topic == topics.orders("77")
    assert services.speaks(speech.pk, here.people["hoa"], NOW + MINUTE)


def test_every_box_of_the_province_takes_it_as_the_provinces(here: Province) -> None:
    speech = signed(signed(prepared(here), here, "hoa"), here, "minh")
    now_ms = int(NOW.timestamp()) * 1000
    clock = ClockReading(now_ms, now_ms, ClockQuality.NTP)
    for unit in (AN_PHU, BINH_MINH):
        listener = Listener(DOMAIN, "a" * 16, ("77", unit), (), {})
        verdict = judge(bytes(speech.envelope or b""), people.trust_of([unit]), clock, listener)
        assert isinstance(verdict, Admitted)
        assert (verdict.level, verdict.session.key, verdict.session.role) == (0, PAGE, Role.EMERGENCY)


def test_only_who_prepared_it_speaks_and_the_second_person_does_not(here: Province) -> None:
    speech = signed(signed(prepared(here), here, "hoa"), here, "minh")
    assert speech.holder == "Trần Thị Hoa"
    assert not services.speaks(speech.pk, here.people["minh"], NOW)


def test_who_will_speak_signs_first_and_nobody_twice(here: Province) -> None:
    speech = prepared(here)
    with pytest.raises(Refused, match="phải ký trước"):
        signed(speech, here, "minh")
    signed(speech, here, "hoa")
    with pytest.raises(Refused, match="đã ký"):
        signed(speech, here, "hoa")
    with pytest.raises(Refused):
        signed(speech, here, "minh", by="hoa")
    assert signatures.missing(speech) == 1


def test_somebody_of_one_commune_signs_nothing_of_the_provinces(here: Province) -> None:
    speech = signed(prepared(here), here, "hoa")
    with pytest.raises(NotAllowed, match="Lê Minh"):
        signed(speech, here, "lan")
    assert signatures.to_sign(here.people["lan"], NOW) == []
    assert signatures.to_sign(here.people["minh"], NOW) == [speech]


def test_twenty_sessions_that_wait_ask_the_database_no_more_than_one(here: Province) -> None:
    def asked() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            waiting = signatures.to_sign(here.people["minh"], NOW)
        return len(waiting), len(queries)

    found = [asked()]
    for _ in range(20):
        signed(prepared(here), here, "hoa")
        found.append(asked())
    assert [waiting for waiting, _queries in found] == list(range(21))
    assert found[0][1] <= found[1][1] == found[20][1]


def test_the_second_signature_comes_within_ten_minutes_or_the_session_lapses(here: Province) -> None:
    speech = signed(prepared(here), here, "hoa")
    late = NOW + dt.timedelta(seconds=rules.WAIT_S)
    assert services.standing(speech, late - MINUTE) is Standing.WAITING
    assert services.standing(speech, late) is Standing.LAPSED
    assert signatures.to_sign(here.people["minh"], late) == []
    with pytest.raises(Refused, match="không còn chờ ký"):
        signed(speech, here, "minh", at=late)
    assert not Message.objects.filter(kind="order").exists()


def test_the_minutes_count_from_the_last_signature_and_never_pass_the_end_that_was_signed(here: Province) -> None:
    at = NOW + 2 * MINUTE
    speech = signed(signed(prepared(here), here, "hoa"), here, "minh", at=at)
    assert services.is_on(speech.pk, at + 9 * MINUTE)
    assert not services.is_on(speech.pk, at + 10 * MINUTE)
    record = services.read(speech)
    assert record.expires - record.issued == rules.WAIT_S + 600
    assert max(rules.minutes(2)) * 60 + rules.WAIT_S == MAX_SESSION_S
    with pytest.raises(Refused, match="nhiều nhất 20 phút"):
        prepared(here, minutes=30)


def test_the_province_speaks_to_chosen_boxes_of_several_communes(here: Province) -> None:
    chosen = (here.boxes["an phú 2"].pk, here.boxes["bình minh"].pk)
    speech = signed(signed(prepared(here, boxes=chosen), here, "hoa"), here, "minh")
    assert services.read(speech).boxes == tuple(sorted(chosen))
    assert services.concerns(speech.pk, chosen[1], BINH_MINH, NOW)
    assert not services.concerns(speech.pk, here.boxes["an phú 1"].pk, AN_PHU, NOW)


def test_it_speaks_inside_the_provinces_alarm(here: Province) -> None:
    order = orders.prepare(here.people["hoa"], Alarm(message=1, area=(AN_PHU,), role=Role.EMERGENCY), now=NOW)
    for name in ("hoa", "minh"):
        order = province.signed(order, here, name)
    speech = prepared(here, area=(AN_PHU,), attached=order.pk)
    assert services.read(signed(signed(speech, here, "hoa"), here, "minh")).attached == bytes.fromhex(order.pk)


def test_a_communes_officer_does_not_end_the_provinces_voice(here: Province) -> None:
    speech = signed(signed(prepared(here), here, "hoa"), here, "minh")
    with pytest.raises(NotAllowed):
        services.end(speech, here.people["lan"], now=NOW)
    services.end(speech, here.people["minh"], now=NOW)
    assert not services.is_on(speech.pk, NOW)


@pytest.mark.parametrize("area", [(AN_PHU, BINH_MINH), (AN_PHU,)])
def test_in_a_part_or_in_the_whole_of_its_area_a_commune_ends_no_voice_in_the_provinces_alarm(
    here: Province, area: tuple[str, ...]
) -> None:
    order = orders.prepare(here.people["hoa"], Alarm(message=1, area=area, role=Role.EMERGENCY), now=NOW)
    for name in ("hoa", "minh"):
        order = province.signed(order, here, name)
    speech = signed(prepared(here, area=area, attached=order.pk), here, "hoa")
    with pytest.raises(NotAllowed):
        services.end(speech, here.people["lan"], now=NOW)
    speech = signed(speech, here, "minh")
    with pytest.raises(NotAllowed):
        services.end(speech, here.people["lan"], now=NOW)
    assert services.is_on(speech.pk, NOW)
    services.end(speech, here.people["minh"], now=NOW)
    assert not services.is_on(speech.pk, NOW)


def test_whose_appointment_is_over_ends_nothing_though_their_key_is_listed_still(here: Province) -> None:
    speech = signed(signed(prepared(here), here, "hoa"), here, "minh")
    here.people["minh"].appointments.all().delete()
    with pytest.raises(NotAllowed):
        services.end(speech, here.people["minh"], now=NOW)


def test_who_signs_second_reads_what_is_signed_whatever_the_rows_columns_say(here: Province) -> None:
    at = timezone.now()
    order = orders.prepare(here.people["hoa"], Alarm(message=1, area=("77",), role=Role.EMERGENCY), now=at)
    for name in ("hoa", "minh"):
        order = province.signed(order, here, name, at=at)
    chosen = (here.boxes["an phú 2"].pk, here.boxes["bình minh"].pk)
    speech = signed(prepared(here, at=at, boxes=chosen, attached=order.pk), here, "hoa", at=at)
    address = reverse("live:session", args=[speech.pk])
    page = facts(as_(here, "minh").get(address).text)
    assert "Dừng chậm nhất lúc" in page
    assert f"{(at + 20 * MINUTE).astimezone(ZONE):%H:%M:%S}" in page
    for words in (
        "Tỉnh Bà Rịa",
        "an phú 2, bình minh",
        "bão số 3",
        reverse("orders:order", args=[order.pk]),
        "cấp ra lệnh khẩn cấp",
    ):
        assert words in page
    Speech.objects.filter(pk=speech.pk).update(
        area=[AN_PHU], boxes=[], attached=None, reason="thử", minutes=5, role=Role.COMMUNE
    )
    assert facts(as_(here, "minh").get(address).text) == page


def facts(page: str) -> str:
    """From the heading to the end of the list of facts."""
    return page[page.index("<h1>") : page.index("</dl>")]


def test_the_pages_lead_two_people_in_two_browsers_to_one_button(here: Province) -> None:
    hoa, minh = as_(here, "hoa"), as_(here, "minh")
    page = hoa.get(reverse("live:new")).text
    assert "cần 2 người ký" in page
    assert 'value="30"' not in page
    hoa.post(reverse("live:new"), {"area": ["77"], "minutes": "10", "key": to_base64url(PAGE)})
    speech = Speech.objects.get()
    address = reverse("live:session", args=[speech.pk])
    assert "chờ người nói ký" in minh.get(address).text
    sign(hoa, speech, "hoa")
    page = hoa.get(address).text
    assert "Chờ 1 người nữa ký" in page
    assert "Người ký được: Lê Minh." in page
    assert 'id="talk-button"' not in page
    assert "Trần Thị Hoa muốn phát trực tiếp, chờ bạn ký" in minh.get(reverse("console:home")).text
    assert "chờ bạn ký" not in as_(here, "lan").get(reverse("console:home")).text
    assert "Chỉ ký khi chính Trần Thị Hoa" in minh.get(address).text
    waiting = hoa.get(address, headers={"HX-Request": "true"})
    assert "HX-Refresh" not in waiting.headers
    sign(minh, speech, "minh")
    assert hoa.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert 'id="talk-button"' in hoa.get(address).text
    assert 'id="talk-button"' not in minh.get(address).text
    assert "Trần Thị Hoa đang phát trực tiếp" in minh.get(reverse("console:home")).text
    assert Audit.objects.filter(action="live.signed").count() == 2


def test_a_session_that_waits_can_be_given_up(here: Province) -> None:
    at = timezone.now()
    speech = signed(prepared(here, at=at), here, "hoa", at=at)
    assert "Bỏ phiên này" in as_(here, "hoa").get(reverse("live:session", args=[speech.pk])).text
    as_(here, "hoa").post(reverse("live:end", args=[speech.pk]))
    assert "đã kết thúc" in as_(here, "hoa").get(reverse("live:session", args=[speech.pk])).text
    with pytest.raises(Refused):
        signed(speech, here, "minh", at=at)


def test_the_page_of_a_session_that_lapsed_says_so(here: Province) -> None:
    before = timezone.now() - dt.timedelta(seconds=rules.WAIT_S)
    speech = signed(prepared(here, at=before), here, "hoa", at=before)
    page = as_(here, "hoa").get(reverse("live:session", args=[speech.pk])).text
    assert "Không đủ chữ ký trước hạn" in page
    assert 'id="talk-button"' not in page


def sign(client: Client, speech: Speech, who: str) -> None:
    fields = signing_kit.fields(key(who), bytes(speech.payload), Family.LIVE, DOMAIN)
    assert client.post(reverse("live:sign", args=[speech.pk]), fields).status_code == 302
