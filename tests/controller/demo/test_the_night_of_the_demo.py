"""The demo may be shown at any hour, because its night is moved; nothing else ever moves the night."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from controller.accounts.models import Person
from controller.core.times import ZONE
from controller.demo import world
from controller.demo.layout import ENVIRONMENT, PROVINCE, Layout
from controller.schedules import facts
from controller.schedules.models import PolicyRecord
from controller.schedules.rules import EARLY, NIGHT, conflict
from controller.trust.services import current_roots
from controller.units.models import Unit
from protocol import keyfile
from protocol.passkey import Party
from tests.support.installation import install
from tests.support.province import key

pytestmark = pytest.mark.django_db
HOUR_MS = 3_600_000


@pytest.fixture
def province(settings: LazySettings, tmp_path: Path) -> Unit:
    install(settings, tmp_path)
    return Unit.objects.create(code=PROVINCE, name="Thành phố Hồ Chí Minh", kind="province")


@pytest.mark.parametrize("hour", range(24))
def test_at_any_hour_the_demo_may_sound_for_hours_and_has_a_night(
    province: Unit, settings: LazySettings, hour: int
) -> None:
    settings.LOALANG = replace(settings.LOALANG, environment=ENVIRONMENT)
    now = dt.datetime(2026, 11, 24, hour, 30, tzinfo=ZONE)
    world.regulate(now)
    stack = facts.rules(now).stack(world.HERE)
    local = now.replace(tzinfo=None)
    assert conflict(stack, local, 6 * HOUR_MS) is None
    assert conflict(stack, local + dt.timedelta(hours=9), HOUR_MS) is not None


@pytest.mark.parametrize("environment", ["prod", "test"])
def test_where_people_work_the_record_of_a_demo_changes_nothing(
    province: Unit, settings: LazySettings, environment: str
) -> None:
    settings.LOALANG = replace(settings.LOALANG, environment=environment)
    world.regulate(dt.datetime(2026, 11, 24, 22, 0, tzinfo=ZONE))
    assert PolicyRecord.objects.exists()
    (policy,) = facts.rules(dt.datetime(2026, 11, 24, 22, 0, tzinfo=ZONE)).stack(world.HERE)
    assert policy.quiet == (NIGHT, EARLY)


def test_a_record_below_the_province_moves_no_night_even_in_a_demo(province: Unit, settings: LazySettings) -> None:
    settings.LOALANG = replace(settings.LOALANG, environment=ENVIRONMENT)
    ward = Unit.objects.create(code=world.HERE, name="Phường Vũng Tàu", kind="ward", parent=province)
    now = dt.datetime(2026, 11, 24, 22, 0, tzinfo=ZONE)
    world.regulate(now)
    PolicyRecord.objects.update(unit=ward)
    assert facts.rules(now).stack(world.HERE)[0].quiet == (NIGHT, EARLY)


def test_a_passkey_that_is_made_in_the_demo_can_be_listed_and_one_at_another_address_is_warned_of(
    province: Unit, settings: LazySettings, tmp_path: Path, client: Client
) -> None:
    settings.LOALANG = replace(settings.LOALANG, environment=ENVIRONMENT, province=PROVINCE)
    settings.ALLOWED_HOSTS = ["localhost", "elsewhere.vn"]
    layout = Layout(tmp_path, web_port=8000, broker_port=1883)
    for sample in world.PEOPLE:
        if sample.signs:
            layout.keys.mkdir(exist_ok=True)
            layout.key_file(sample.username).write_text(
                keyfile.seal(key(sample.username), sample.name, "demo demo", salt=b"s" * 16, nonce=b"n" * 12,
                             iterations=100_000)
            )  # fmt: skip
    world.appoint_signers(layout, key("root"))
    assert current_roots().parties == (Party("localhost", (layout.url,)),)
    client.force_login(Person.objects.create(username="hoa", display_name="Hoa"))
    assert "danh sách gốc không có địa chỉ này" not in client.get("/toi/", headers={"host": "localhost:8000"}).text
    page = client.get("/toi/", headers={"host": "elsewhere.vn"}).text
    assert f"danh sách gốc không có địa chỉ này. Hãy mở hệ thống ở: {layout.url}." in page
