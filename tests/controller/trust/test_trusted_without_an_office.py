"""Somebody whom a list trusts and whom the console lets do nothing reads why, and whom to ask."""

import datetime as dt
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from msgspec.structs import replace

from controller.accounts.models import Person
from controller.accounts.models import Role as Office
from controller.accounts.services import appoint
from controller.cli.roots import sign_roots
from controller.library.models import Bulletin
from controller.library.models import State as BulletinState
from controller.trust import services
from controller.units.models import Unit
from protocol.roles import Bound, Holder, Role
from tests.support import province
from tests.support.installation import install
from tests.support.province import AN_PHU, Province, key

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    """Tuấn, a technician, is trusted with bulletins and alarms of An Phú; An administers the console."""
    install(settings, tmp_path)
    made = province.make(timezone.now() - dt.timedelta(hours=1))
    made.people["an"] = Person.objects.create(username="an", display_name="Cao An")
    appoint(made.people["an"], Office.ADMINISTRATOR, Unit.objects.get(code="77"))
    record = province.roots(made, timezone.now() - dt.timedelta(minutes=5), version=2)
    tuan = Holder(key("tuan").public_key, "Phạm Tuấn", (Role.CONTENT, Role.COMMUNE), (AN_PHU,))
    services.import_roots(sign_roots(replace(record, holders=(*record.holders, tuan)), key("root")))
    return made


def as_(here: Province, who: str) -> Client:
    client = Client()
    client.force_login(here.people[who])
    return client


def pages(here: Province) -> dict[str, str]:
    bulletin = Bulletin.objects.create(
        unit=Unit.objects.get(code=AN_PHU), author=here.people["an"],
        edited_by=here.people["an"], title="Tiêm phòng", state=BulletinState.READY,
        changed=timezone.now(), edited_at=timezone.now(), created=timezone.now(),
    )  # fmt: skip
    client = as_(here, "tuan")
    return {
        "approve": client.get(reverse("library:bulletin", args=[bulletin.pk])).text,
        "sign": client.get(reverse("orders:list")).text,
        "home": client.get("/").text,
    }


def test_who_is_on_the_list_without_an_office_reads_the_reason_where_the_button_is_missing(here: Province) -> None:
    found = pages(here)
    approve = "Bạn có trong danh sách của Xã An Phú (duyệt bản tin), nhưng tài khoản chưa được phân công “duyệt” ở đó."
    sign = "chưa được phân công “ký lệnh khẩn cấp” ở đó. Nhờ Cao An phân công"
    assert approve in found["approve"]
    assert sign in found["sign"]
    assert approve in found["home"]
    assert sign in found["home"]


def test_whoever_has_the_office_reads_nothing_of_it(here: Province) -> None:
    for office in (Office.APPROVER, Office.SIGNER):
        appoint(here.people["tuan"], office, Unit.objects.get(code=AN_PHU))
    assert not [page for page in pages(here).values() if "chưa được phân công “" in page]


def test_who_prepares_a_list_for_an_account_without_the_office_reads_it_there(here: Province) -> None:
    record = services.current_roots()
    son = Holder(key("son").public_key, "Đỗ Sơn", (Role.DELEGATION,), ("77",))
    bounds = (Bound(Role.STOP, ("77",), 400),)
    people = (*(row for row in record.holders if row.person != "Phạm Tuấn"), son)
    services.import_roots(sign_roots(replace(record, version=3, holders=people, bounds=bounds), key("root")))
    here.people["son"] = Person.objects.create(username="son", display_name="Đỗ Sơn")
    here.people["son"].keys.create(public_key=key("son").public_key, label="1", created=timezone.now())
    tuan = here.people["tuan"].keys.get()
    unit = reverse("trust:unit", args=[AN_PHU])
    page = as_(here, "son").post(unit, {"what": "add", "key": str(tuan.pk), "roles": "STOP"}, follow=True).text
    assert "Phạm Tuấn có trong danh sách của Xã An Phú (dừng và mở loa)" in page
    appoint(here.people["tuan"], Office.SIGNER, Unit.objects.get(code=AN_PHU))
    assert "chưa được phân công “" not in as_(here, "son").get(unit).text
