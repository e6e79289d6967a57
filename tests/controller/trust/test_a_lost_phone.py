"""A lost phone: its holder reads what follows, presses once, and the lists wait for those who can sign them."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from msgspec.structs import replace

from controller.accounts.models import Person, PersonKey
from controller.accounts.models import Role as Office
from controller.accounts.services import appoint
from controller.cli.roots import sign_roots
from controller.trust import delegating, losing, services
from controller.trust.machine import domain, schedule_signer
from controller.trust.models import DelegationFile, State
from controller.units.models import Unit
from protocol.ids import sha256
from protocol.roles import Bound, Holder, Role
from protocol.signing import Family, signed_by
from tests.support import province
from tests.support.installation import install
from tests.support.province import AN_PHU, Province, key

pytestmark = pytest.mark.django_db
PASSWORD = "ba từ ghép lại"


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    """The province, with Sơn and Thủy for the lists, and An, who administers the console and has no key."""
    install(settings, tmp_path)
    made = province.make(timezone.now() - dt.timedelta(hours=1))
    for username, name in (("son", "Đỗ Sơn"), ("thuy", "Bùi Thủy"), ("nga", "Võ Nga"), ("an", "Cao An")):
        made.people[username] = Person.objects.create(username=username, display_name=name)
    for username in ("son", "thuy", "nga"):
        PersonKey.objects.create(
            person=made.people[username], public_key=key(username).public_key, label="1", created=timezone.now()
        )
    appoint(made.people["an"], Office.ADMINISTRATOR, Unit.objects.get(code="77"))
    record = province.roots(made, timezone.now() - dt.timedelta(minutes=5), version=2)
    admins = [
        Holder(key(name).public_key, made.people[name].display_name, (Role.DELEGATION,), ("77",))
        for name in ("son", "thuy")
    ]
    bounds = tuple(Bound(role, ("77",), 400) for role in (Role.COMMUNE, Role.CONTENT, Role.STOP))
    record = replace(record, holders=(*record.holders, *admins), bounds=bounds, events=("flood",))
    services.import_roots(sign_roots(record, key("root")))
    return made


def as_(here: Province, who: str) -> Client:
    client = Client()
    client.force_login(here.people[who])
    return client


def key_of(here: Province, who: str) -> PersonKey:
    return PersonKey.objects.get(person=here.people[who])


def reported(here: Province, who: str) -> str:
    """The page that the holder sees after the press."""
    return as_(here, who).post(reverse("trust:lost", args=[key_of(here, who).pk]), follow=True).text


def both_sign(here: Province, row: DelegationFile) -> None:
    for name in ("son", "thuy"):
        delegating.sign(row, here.people[name], signed_by(key(name), bytes(row.payload), Family.DELEGATION, domain()))


def nga(here: Province) -> Holder:
    return Holder(key("nga").public_key, here.people["nga"].display_name, (Role.STOP,), (AN_PHU,))


def test_the_holders_press_prepares_the_list_and_names_and_tells_who_can_sign_it(here: Province) -> None:
    page = reported(here, "hoa")
    assert "Danh sách của Tỉnh Bà Rịa – Vũng Tàu đã soạn và chờ ký; gọi ngay: Bùi Thủy, Đỗ Sơn." in page
    assert "Cao An" not in page, "she has no key and can sign nothing"
    row = delegating.waiting("77")
    assert row is not None
    assert delegating.read(row).revoked == (sha256(key("hoa").public_key),)
    for who in ("son", "thuy"):
        assert "Danh sách số 1 của Tỉnh Bà Rịa – Vũng Tàu chờ bạn ký" in as_(here, who).get("/").text
    assert "đã báo mất" in as_(here, "an").get(reverse("trust:unit", args=["77"])).text
    both_sign(here, row)
    assert key("hoa").public_key not in {one.key for one in services.trust_of(AN_PHU).holders}


def test_nothing_happens_before_the_page_that_says_what_follows_is_confirmed(here: Province) -> None:
    page = as_(here, "hoa").get(reverse("trust:lost", args=[key_of(here, "hoa").pk])).text
    for said in ("danh sách gốc tới", "Người ký được: Bùi Thủy, Đỗ Sơn", "còn 1 người, cần 2", "Lê Minh"):
        assert said in page
    assert key_of(here, "hoa").revoked is None
    assert not DelegationFile.objects.exists()


def test_a_signer_of_lists_reads_that_no_list_can_come_about_without_them(here: Province) -> None:
    page = as_(here, "son").get(reverse("trust:lost", args=[key_of(here, "son").pk])).text
    assert "vai trò quản lý danh sách của nó vẫn còn" in page
    assert "còn 1 người, cần 2" in page
    page = reported(here, "son")
    assert "báo ngay những người giữ khóa gốc" in page
    page = reported(here, "hoa")
    assert "không đủ người ký" in page
    assert "gọi ngay: Bùi Thủy" not in page


def test_a_phone_that_is_found_before_the_list_is_signed_counts_again(here: Province) -> None:
    both_sign(here, delegating.prepare(here.people["son"], AN_PHU, [nga(here)]))
    reported(here, "nga")
    assert delegating.waiting(AN_PHU) is not None
    url = reverse("trust:take_back", args=[key_of(here, "nga").pk])
    owner = here.people["nga"]
    owner.set_password(PASSWORD)
    owner.save()
    assert "Mật khẩu không đúng" in as_(here, "nga").post(url, {"password": "khác"}).text, "the lost phone is logged in"
    assert key_of(here, "nga").revoked is not None
    assert "Đã rút lại" in as_(here, "nga").post(url, {"password": PASSWORD}, follow=True).text
    assert key_of(here, "nga").revoked is None
    assert delegating.waiting(AN_PHU) is None


def test_what_else_the_list_that_waits_says_stays_when_a_loss_is_taken_back(here: Province) -> None:
    both_sign(here, delegating.prepare(here.people["son"], AN_PHU, [nga(here)]))
    losing.report(key_of(here, "nga"), here.people["nga"])
    lan = Holder(key("lan").public_key, here.people["lan"].display_name, (Role.STOP,), (AN_PHU,))
    delegating.prepare(here.people["son"], AN_PHU, delegating.with_(delegating.standing(AN_PHU), lan))
    losing.take_back(key_of(here, "nga"), here.people["nga"])
    row = delegating.waiting(AN_PHU)
    assert row is not None
    assert ({one.person for one in delegating.read(row).holders}, delegating.read(row).revoked) == (
        {"Võ Nga", "Nguyễn Lan"},
        (),
    )


def test_what_a_signed_list_took_away_is_not_taken_back_nor_anybody_elses_key(here: Province) -> None:
    losing.report(key_of(here, "hoa"), here.people["hoa"])
    minh = here.people["minh"]
    minh.set_password(PASSWORD)
    minh.save()
    url = reverse("trust:take_back", args=[key_of(here, "hoa").pk])
    assert "Chỉ chủ khóa" in as_(here, "minh").post(url, {"password": PASSWORD}).text
    row = delegating.waiting("77")
    assert row is not None
    both_sign(here, row)
    hoa = here.people["hoa"]
    hoa.set_password(PASSWORD)
    hoa.save()
    assert "không rút lại được nữa" in as_(here, "hoa").post(url, {"password": PASSWORD}).text
    assert key_of(here, "hoa").revoked is not None


def test_a_second_press_keeps_the_signatures_of_the_list_that_waits(here: Province) -> None:
    losing.report(key_of(here, "hoa"), here.people["hoa"])
    row = delegating.waiting("77")
    assert row is not None
    delegating.sign(row, here.people["son"], signed_by(key("son"), bytes(row.payload), Family.DELEGATION, domain()))
    losing.report(key_of(here, "hoa"), here.people["hoa"])
    again = delegating.waiting("77")
    assert again == row
    assert DelegationFile.objects.filter(state=State.DROPPED).count() == 0


def test_who_prepares_an_emergency_reads_first_that_too_few_are_left_to_sign_it(here: Province) -> None:
    url = reverse("orders:new")
    assert "không còn đủ người ký" not in as_(here, "hoa").get(url).text
    losing.report(key_of(here, "minh"), here.people["minh"])
    page = as_(here, "hoa").get(url).text
    assert "không còn đủ người ký, cần 2" in page
    assert "Ký được: Trần Thị Hoa." in page
    form = {"message": "1", "area": [AN_PHU], "status": "0", "severity": "4", "repeats": "3", "lifetime": "60"}
    page = as_(here, "hoa").post(url, form, follow=True).text
    assert "Lê Minh" not in page, "the console takes no signature of a key that is reported"


def test_who_administers_the_console_is_told_who_manages_the_lists(here: Province) -> None:
    page = as_(here, "an").get(reverse("trust:overview")).text
    assert "Người quản lý danh sách của tỉnh: Bùi Thủy, Đỗ Sơn." in page
    assert "Bạn xem được, nhưng không lập được danh sách." in page
    assert "không lập được" not in as_(here, "son").get(reverse("trust:overview")).text


def test_before_the_servers_key_is_taken_away_what_follows_is_said_and_afterwards_it_is_shown(here: Province) -> None:
    url, machine = reverse("trust:unit", args=["77"]), schedule_signer().public_key
    page = as_(here, "son").get(url).text
    assert '<option value="" selected>Chọn khóa</option>' in page
    assert "Thu hồi khóa của máy chủ (controller)" in page
    page = as_(here, "son").post(url, {"what": "lost", "key": machine.hex()}, follow=True).text
    assert "Đó là khóa của máy chủ: các hộp sẽ không nhận lịch phát nào mới" in page
    assert "gọi cho người được thêm" not in page, "nobody is added"
    assert "Đỗ Sơn soạn lúc" in page
    assert "Lý do: mất điện thoại hoặc khóa" in page
    row = delegating.waiting("77")
    assert row is not None
    both_sign(here, row)
    page = as_(here, "an").get(reverse("trust:overview")).text
    assert "đã thu hồi ở Tỉnh Bà Rịa – Vũng Tàu" in page
    assert "Lý do: mất điện thoại hoặc khóa" in as_(here, "an").get(url).text


def test_the_roots_version_is_no_software(here: Province) -> None:
    client = as_(here, "an")
    client.cookies["loalang_language"] = "en"
    assert "<dt>Version</dt>" in client.get(reverse("trust:overview")).text
