"""Lan's schedule is not heard as she wrote it: her pages say what, where, why, and whom to ask."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from controller.accounts.models import Person, Role
from controller.accounts.services import appoint
from controller.boxes.models import BoxState
from controller.core.errors import Refused
from controller.library import services as library
from controller.library.models import Bulletin
from controller.schedules import approved, services
from controller.schedules.compiling import compile_now
from controller.schedules.models import PolicyRecord, Schedule
from controller.schedules.services import Aimed, Draft
from controller.trust.services import trust_of
from controller.units.models import Unit
from protocol.manifest import Hours, Level, Policy, Volume
from tests.support.installation import install
from tests.support.officers import HOA, HOA_ABOVE, NEXT, TUAN, WARD, Office, office, roots, tomorrow, trust
from tests.support.officers import approved as approved_bulletin

pytestmark = pytest.mark.django_db
HOUR = 3600
MORNING = Hours(8 * HOUR, 10 * HOUR)


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    made = office()
    for box in made.boxes:
        BoxState.objects.create(box=box)
    return made


@pytest.fixture
def nga(here: Office) -> Person:
    """She edits in the next ward."""
    person = Person.objects.create(username="nga", display_name="Võ Nga")
    appoint(person, Role.EDITOR, Unit.objects.get(code=NEXT))
    return person


def page(person: Person, path: str = "/") -> str:
    client = Client()
    client.force_login(person)
    return " ".join(client.get(path).text.split())


def on_air(here: Office, bulletin: Bulletin | None = None, at: dt.datetime | None = None) -> Schedule:
    row = bulletin or approved_bulletin(here)
    schedule = services.publish(Draft("Bản tin sáng", WARD, (row.pk,), at or tomorrow(9), Aimed((WARD,))), here.lan)
    compile_now()
    return schedule


def rule(unit: str, **values: Any) -> PolicyRecord:
    made = PolicyRecord.objects.create(unit=Unit.objects.get(code=unit), changed=timezone.now(), **values)
    compile_now()
    return made


def with_bounds(*policies: Policy, version: int = 2) -> None:
    trust(roots(version, HOA, HOA_ABOVE, TUAN, policies=policies))
    compile_now()


def test_quiet_hours_that_came_later_are_named_where_the_schedules_owner_looks(here: Office, nga: Person) -> None:
    schedule = on_air(here)
    own = f"/lich/{schedule.pk}/"
    for path in ("/", "/lich/", own):
        assert "giờ yên lặng 08:00" not in page(here.lan, path)
    late = rule(WARD, quiet=[[8 * HOUR, 10 * HOUR, 127]])
    said = "không phát: rơi vào giờ yên lặng 08:00–10:00, theo quy định của đơn vị (1 lần trong 7 ngày tới, lần đầu"
    link = f'Lịch <a href="{own}">“Bản tin sáng”</a> ở Phường 1'
    for path in ("/", "/lich/"):
        assert f"{link} {said}" in page(here.lan, path)
    assert f"Ở Phường 1 {said} {tomorrow(9):%d/%m/%Y %H:%M})." in page(here.lan, own)
    assert "xin cho phép phát ngoài giờ (người ký được: Trần Thị Hoa, Phạm Tuấn)" in page(here.lan, own)
    assert said not in page(nga)
    late.delete()
    compile_now()
    assert "giờ yên lặng 08:00" not in page(here.lan)


def test_what_would_run_into_quiet_hours_names_the_hours(here: Office) -> None:
    on_air(here, at=tomorrow(9, 59) + dt.timedelta(seconds=59))
    rule(WARD, quiet=[[10 * HOUR, 11 * HOUR, 127]])
    assert "rơi vào giờ yên lặng 10:00–11:00, theo quy định của đơn vị" in page(here.lan)


def test_of_two_quiet_hours_ahead_the_one_that_is_met_first_is_named(here: Office) -> None:
    on_air(here, at=tomorrow(19))
    rule(WARD, quiet=[[19 * HOUR, 20 * HOUR, 127]])
    assert "rơi vào giờ yên lặng 19:00–20:00, theo quy định của đơn vị" in page(here.lan), "not the night of 21:00"


def test_a_day_that_is_not_allowed_any_more_is_named(here: Office) -> None:
    on_air(here)
    rule(WARD, days=127 & ~(1 << tomorrow(9).weekday()))
    assert "ngày đó trong tuần không được phát, theo quy định của đơn vị" in page(here.lan)


def test_a_schedule_for_which_the_day_has_no_session_left_is_named_with_whom_to_ask(here: Office) -> None:
    bulletin = approved_bulletin(here)
    on_air(here, bulletin)
    second = on_air(here, bulletin, tomorrow(15))
    rule(WARD, max_sessions=1)
    text = page(here.lan, f"/lich/{second.pk}/")
    assert "không phát: đã hết số buổi phát trong ngày, theo quy định của đơn vị" in text
    assert "người đặt quy định: Phạm Tuấn." in text, "he administers the province"


def test_hours_of_the_roots_are_named_as_theirs_on_the_schedule_and_on_the_regulations(here: Office) -> None:
    schedule = on_air(here)
    assert "Danh sách gốc không đặt thêm giờ hay âm lượng nào" in page(here.lan, "/lich/quy-dinh/")
    bound = Policy(
        Level.PROVINCE,
        quiet=(MORNING,),
        days=0b0111111,
        max_sessions=3,
        max_session_s=1200,
        volume=(Volume(Hours(18 * HOUR, 20 * HOUR), -60),),
    )
    with_bounds(bound)
    assert "giờ yên lặng 08:00–10:00, theo danh sách gốc của tỉnh" in page(here.lan, f"/lich/{schedule.pk}/")
    text = page(here.lan, "/lich/quy-dinh/")
    for said in (
        "yên lặng 08:00–10:00",
        "chỉ phát thứ hai, thứ ba, thứ tư, thứ năm, thứ sáu, thứ bảy",
        "3 buổi mỗi ngày",
        "mỗi buổi dài nhất 20 phút",
        "âm lượng lớn nhất -6,0 dB lúc 18:00–20:00",
        "máy chủ và trang này không nới được",
        "Nguyễn Gốc",
    ):
        assert said in text


def test_a_schedule_against_the_roots_hours_is_refused_at_once_and_says_whose_they_are(here: Office) -> None:
    with_bounds(Policy(Level.PROVINCE, quiet=(MORNING,)))
    with pytest.raises(Refused, match=r"\(08:00–10:00\) ở Phường 1, theo danh sách gốc của tỉnh"):
        on_air(here)
    with_bounds(Policy(Level.PROVINCE, max_sessions=1), version=3)
    bulletin = approved_bulletin(here)
    on_air(here, bulletin)
    with pytest.raises(Refused, match="không được phát trọn vẹn"):
        on_air(here, bulletin, tomorrow(15))


def test_a_bulletin_whose_approver_is_trusted_no_more_is_named_to_those_of_the_place(here: Office, nga: Person) -> None:
    schedule = on_air(here)
    trust(roots(2, HOA_ABOVE, TUAN))
    compile_now()
    said = "không phát ở Phường 1: chữ ký duyệt của Trần Thị Hoa không còn được tin cậy ở đó."
    for person, path in ((here.lan, "/"), (here.lan, f"/lich/{schedule.pk}/"), (here.tuan, "/")):
        assert said in page(person, path)
    assert "Cúp điện" not in page(nga)


def test_each_reason_why_an_approval_does_not_count_has_its_words(here: Office) -> None:
    bulletin, now = approved_bulletin(here), timezone.now()
    why = approved.why_not
    year = dt.timedelta(days=367)
    assert why(bulletin, WARD, trust_of(WARD), now + year).startswith("chữ ký duyệt của Trần Thị Hoa hết hạn lúc")
    assert why(bulletin, NEXT, trust_of(NEXT), now) == "Trần Thị Hoa chỉ duyệt cho đơn vị Phường 1"
    trust(roots(2, HOA_ABOVE, TUAN))
    assert "không còn được tin cậy" in why(bulletin, WARD, trust_of(WARD), now)
    bulletin.approvals.update(envelope=None)
    assert why(bulletin, WARD, trust_of(WARD), now) == "chưa ai ký duyệt"


def test_a_bulletin_that_was_withdrawn_under_a_schedule_is_named_until_that_is_over(here: Office) -> None:
    bulletin = approved_bulletin(here)
    schedule = on_air(here, bulletin)
    library.withdraw(bulletin, here.lan)
    compile_now()
    said = "không phát ở Phường 1: bản tin đang ở trạng thái “đã rút”."
    for path in ("/", f"/lich/{schedule.pk}/"):
        assert said in page(here.lan, path)
    services.withdraw(schedule, here.lan)
    assert said not in page(here.lan)
