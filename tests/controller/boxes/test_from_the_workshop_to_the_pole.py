"""A box's way into use, and what is remembered of what it says."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from controller.accounts import services as accounts
from controller.accounts.models import Audit, Person, Role
from controller.boxes import services
from controller.boxes.models import Box, BoxState, FaultEvent, Group, Stage
from controller.core.errors import NotAllowed, Refused
from controller.units.models import Unit
from protocol.ids import enrolment_code
from protocol.report import Beat, ClockQuality, Doing, Fault, FaultCode, Hello

NOW = dt.datetime(2026, 11, 24, 1, 0, tzinfo=dt.UTC)
pytestmark = pytest.mark.django_db


def fresh_key() -> bytes:
    return Ed25519PrivateKey.generate().public_key().public_bytes_raw()


@dataclass
class Place:
    city: Unit
    ward: Unit
    island: Unit
    tuan: Person
    """Technician of the ward."""
    lan: Person
    """Editor of the ward."""


@pytest.fixture
def place() -> Place:
    city = Unit.objects.create(code="79", name="Thành phố Hồ Chí Minh", kind="province")
    ward = Unit.objects.create(code="79-26506", name="Phường Vũng Tàu", kind="ward", parent=city)
    island = Unit.objects.create(code="79-26732", name="Đặc khu Côn Đảo", kind="special_zone", parent=city)
    tuan, _ = accounts.add_person("tuan", "Phạm Tuấn", [(Role.TECHNICIAN, ward)])
    lan, _ = accounts.add_person("lan", "Nguyễn Lan", [(Role.EDITOR, ward)])
    for person in (tuan, lan):
        accounts.change_password(person, "ba từ ghép lại")
    return Place(city, ward, island, tuan, lan)


@pytest.fixture
def box(place: Place) -> Box:
    return services.approve(services.enrol(fresh_key(), "box-1", "0.1.0"), place.ward, place.tuan, name="Bến Đá")


Browse = Callable[[Person], Client]


@pytest.fixture
def browse(client: Client) -> Browse:
    def logged_in(person: Person) -> Client:
        client.force_login(person)
        return client

    return logged_in


def hello(box: Box, generation: int = 3) -> Hello:
    at = int(NOW.timestamp() * 1000)
    return Hello(box.pk, "0.1.0", at, generation, 4, 1, (), b"c" * 8, 12, ClockQuality.NTP, at - 60_000)


def beat(doing: Doing = Doing.SILENT, generation: int = 4, at: dt.datetime = NOW) -> Beat:
    return Beat(int(at.timestamp()), b"d" * 16, doing, ClockQuality.NTP, 0, generation)


def test_a_box_that_shows_itself_twice_waits_once() -> None:
    key = fresh_key()
    assert services.enrol(key, "box-1", "0.1.0") == services.enrol(key, "box-1", "0.1.1")
    assert Box.objects.get().state == Stage.WAITING
    assert BoxState.objects.get().version == "0.1.1"


def test_only_the_code_on_the_sticker_approves_a_box(place: Place, browse: Browse) -> None:
    waiting, other = (services.enrol(fresh_key(), f"box-{n}", "0.1.0") for n in (1, 2))
    form = {"name": "Bến Đá", "unit": "79-26506", "site": "Cột 12", "gain_db": "-3.0"}
    url = reverse("boxes:approve", args=[waiting.pk])
    browser = browse(place.tuan)
    assert "đừng duyệt" in browser.post(url, form | {"code": enrolment_code(other.pk)}).text
    assert browser.post(url, form | {"code": enrolment_code(waiting.pk).lower()}).status_code == 302
    waiting.refresh_from_db()
    assert (waiting.state, waiting.unit, waiting.gain_cb, waiting.approved_by) == (
        Stage.APPROVED,
        place.ward,
        -30,
        place.tuan,
    )


def test_a_technician_approves_in_their_own_units_only(place: Place) -> None:
    waiting = services.enrol(fresh_key(), "box-1", "0.1.0")
    with pytest.raises(NotAllowed):
        services.approve(waiting, place.island, place.tuan)
    with pytest.raises(NotAllowed):
        services.approve(waiting, place.ward, place.lan)
    assert Box.objects.get().state == Stage.WAITING


def test_a_box_in_use_is_not_approved_again(place: Place, box: Box) -> None:
    with pytest.raises(Refused, match="đang dùng"):
        services.approve(box, place.ward, place.tuan)


def test_a_box_does_not_move_to_a_unit_that_its_technician_does_not_maintain(place: Place, box: Box) -> None:
    with pytest.raises(NotAllowed) as refused:
        services.place(box, place.island, place.tuan, name="Bến Đầm", site="", gain_cb=0)
    assert refused.value.field == "unit"
    assert Box.objects.get().unit == place.ward


@pytest.mark.parametrize("gain", [-201, 61])
def test_a_gain_beyond_what_a_box_may_do_is_refused(place: Place, box: Box, gain: int) -> None:
    with pytest.raises(Refused) as refused:
        services.place(box, place.ward, place.tuan, name="Bến Đá", site="", gain_cb=gain)
    assert refused.value.field == "gain_db"


def test_a_retired_box_can_be_used_again(place: Place, box: Box) -> None:
    services.retire(box, place.tuan)
    assert list(services.approved("79")) == []
    services.approve(box, place.ward, place.tuan)
    assert list(services.approved("79")) == [box]
    assert list(Audit.objects.order_by("id").values_list("action", flat=True))[-3:] == [
        "box.approved",
        "box.retired",
        "box.approved",
    ]


def test_a_beat_after_a_hello_keeps_what_only_the_hello_says(box: Box) -> None:
    services.note_hellos([(hello(box), NOW)])
    later = NOW + dt.timedelta(seconds=60)
    services.note_beats([(box.pk, beat(), NOW), (box.pk, beat(Doing.SOUNDING, at=later), later)])
    state = BoxState.objects.get(box=box)
    assert (state.last_seen, state.doing, state.generation, state.wanted_generation) == (later, Doing.SOUNDING, 4, 4)
    assert (bytes(state.log_chain), state.log_seq, state.connected_since) == (b"c" * 8, 12, NOW)


def test_nothing_is_learnt_from_strangers(box: Box) -> None:
    stranger = Box(pk="a" * 16)
    services.note_hellos([(hello(stranger), NOW)])
    services.note_beats([(stranger.pk, beat(), NOW)])
    services.note_faults([(Fault(stranger.pk, FaultCode.STORE, True, 1), NOW)])
    assert list(BoxState.objects.values_list("box_id", flat=True)) == [box.pk]
    assert not FaultEvent.objects.exists()


def test_a_fault_that_is_delivered_twice_is_one_row(box: Box) -> None:
    fault = Fault(box.pk, FaultCode.AUDIO_DEVICE, True, int(NOW.timestamp() * 1000), "no such device")
    services.note_faults([(fault, NOW)])
    services.note_faults([(fault, NOW), (fault, NOW)])
    assert FaultEvent.objects.get().detail == "no such device"


def test_a_clock_that_is_beyond_the_calendar_breaks_nothing(box: Box) -> None:
    services.note_faults([(Fault(box.pk, FaultCode.CLOCK, True, 2**53 - 1), NOW)])
    assert FaultEvent.objects.get().at.year == 9999


def test_the_list_says_what_each_box_does_and_how_old_that_is(place: Place, box: Box, browse: Browse) -> None:
    page = browse(place.lan).get("/hop/").text
    assert "Bến Đá" in page
    assert "Chưa liên lạc lần nào" in page
    assert "chưa bao giờ" in page
    live = browse(place.lan).get("/hop/", headers={"HX-Request": "true"}).text
    assert "Bến Đá" in live
    assert "<html" not in live


def test_waiting_boxes_are_shown_to_those_who_install_them(place: Place, browse: Browse) -> None:
    services.enrol(fresh_key(), "hộp mới", "0.1.0")
    assert "hộp mới" in browse(place.tuan).get("/hop/").text
    assert "hộp mới" not in browse(place.lan).get("/hop/").text


def test_boxes_of_other_units_are_not_shown(place: Place, browse: Browse) -> None:
    admin, _ = accounts.add_person("admin", "Lê Minh", [(Role.TECHNICIAN, place.city)])
    far = services.approve(services.enrol(fresh_key(), "box-2", "0.1.0"), place.island, admin, name="Bến Đầm")
    browser = browse(place.lan)
    assert "Bến Đầm" not in browser.get("/hop/").text
    assert browser.get(reverse("boxes:box", args=[far.pk])).status_code == 404


def test_the_list_is_filtered_by_unit_level_and_name(place: Place, box: Box, browse: Browse) -> None:
    browser = browse(place.tuan)
    for query, found in {
        "unit=79-26506": 1,
        "unit=79-26732": 0,
        "level=unknown": 1,
        "level=good": 0,
        "q=bến": 1,
    }.items():
        page = browser.get(f"/hop/?{query}", headers={"HX-Request": "true"}).text
        assert len(re.findall(r'class="card box', page)) == found, query


def test_a_box_has_its_page_with_its_faults_in_words(place: Place, box: Box, browse: Browse) -> None:
    services.note_faults([(Fault(box.pk, FaultCode.DISK_FULL, True, int(NOW.timestamp() * 1000)), NOW)])
    page = browse(place.lan).get(reverse("boxes:box", args=[box.pk])).text
    assert "Hết chỗ lưu trữ" in page
    assert enrolment_code(box.pk) in page
    assert "Sửa hồ sơ" not in page
    assert "Sửa hồ sơ" in browse(place.tuan).get(reverse("boxes:box", args=[box.pk])).text


def test_a_technician_corrects_a_box_and_retires_it(place: Place, box: Box, browse: Browse) -> None:
    browser = browse(place.tuan)
    url = reverse("boxes:box", args=[box.pk])
    form = {"name": "Bến Đá 2", "unit": "79-26506 Phường Vũng Tàu", "site": "Cột 3", "gain_db": "1.5"}
    assert browser.post(url, form).status_code == 302
    box.refresh_from_db()
    assert (box.name, box.site, box.gain_cb) == ("Bến Đá 2", "Cột 3", 15)
    browser.post(reverse("boxes:retire", args=[box.pk]))
    box.refresh_from_db()
    assert box.state == Stage.RETIRED


def test_a_group_holds_boxes_of_its_unit_only(place: Place, box: Box, browse: Browse) -> None:
    admin, _ = accounts.add_person("admin", "Lê Minh", [(Role.TECHNICIAN, place.city)])
    far = services.approve(services.enrol(fresh_key(), "box-2", "0.1.0"), place.island, admin, name="Bến Đầm")
    with pytest.raises(Refused, match="Bến Đầm"):
        services.save_group(None, "Ven biển", place.ward, [box, far], admin)
    assert not Group.objects.exists()
    group = services.save_group(None, "Ven biển", place.ward, [box], place.tuan)
    with pytest.raises(Refused, match="Ven biển"):
        services.save_group(None, "Ven biển", place.ward, [], place.tuan)
    browser = browse(place.tuan)
    assert "Ven biển" in browser.get("/hop/nhom/").text
    browser.post(reverse("boxes:group", args=[group.pk]), {"name": "Bờ biển", "unit": "79-26506", "boxes": [box.pk]})
    assert Group.objects.get().name == "Bờ biển"
    browser.post(reverse("boxes:delete_group", args=[group.pk]))
    assert not Group.objects.exists()
    assert Box.objects.filter(pk=box.pk).exists()


def test_a_boxes_page_counts_its_stored_log_and_leads_to_it_and_to_what_the_box_will_say(
    box: Box, place: Place, client: Client
) -> None:
    for seq in (1, 2, 3):
        box.play_log.create(
            chain=bytes(8),
            seq=seq,
            play=f"s1#{seq}",
            cause="s1",
            planned_ms=0,
            result=1,
            grade=1,
            start_error_ms=0,
            received=NOW,
        )
    client.force_login(place.tuan)
    page = client.get(f"/hop/{box.pk}/").text
    assert f'<a href="/nhat-ky/?box={box.pk}">3 dòng</a>' in page
    assert f'href="{reverse("schedules:preview", args=[box.pk])}"' in page
    client.cookies["loalang_language"] = "en"
    assert "<dt>Approved</dt>" in client.get(f"/hop/{box.pk}/").text


def test_a_retired_box_is_found_by_its_chip_and_by_its_name(place: Place, box: Box, client: Client) -> None:
    services.retire(box, place.tuan)
    client.force_login(place.tuan)
    page = client.get(reverse("boxes:list")).text
    assert reverse("boxes:box", args=[box.pk]) not in page
    assert 'href="?level=retired&amp;unit="><b>1</b> Đã ngừng</a>' in page
    for query in ({"level": "retired"}, {"q": box.name}, {"q": box.pk[:8]}):
        assert reverse("boxes:box", args=[box.pk]) in client.get(reverse("boxes:list"), query).text


def test_a_box_that_knows_no_key_under_its_schedule_says_so_in_words(place: Place, box: Box, client: Client) -> None:
    detail = "bad-signature: no holder of SCHEDULE signed this manifest"
    FaultEvent.objects.create(
        box=box, code=FaultCode.MANIFEST_REFUSED, raised=True, at=timezone.now(), received=timezone.now(), detail=detail
    )
    client.force_login(place.tuan)
    page = client.get(reverse("boxes:box", args=[box.pk])).text
    assert "không khóa nào trong danh sách của nó có vai trò SCHEDULE ký" in page
    assert f'<a href="{reverse("trust:overview")}">Người được tin cậy</a>' in page.partition("Lỗi gần đây")[2]
    assert "no holder" not in page
