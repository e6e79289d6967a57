"""Lan writes a line, Hoa signs it, and it stands beside the clocks of boards until its end."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from controller.accounts import signing
from controller.accounts.models import Audit, Person, Role
from controller.accounts.services import appoint
from controller.boxes.models import BoxState
from controller.core.errors import NotAllowed, Refused
from controller.core.times import ZONE
from controller.library import files
from controller.schedules import lines, services, weather
from controller.schedules.lines import MAX_TEXT
from controller.schedules.models import BoardLine
from controller.schedules.signing import domain, schedule_signer
from controller.trust.services import trust_of
from controller.units.models import Unit
from controller.units.rules import above
from controller.worker.loop import do_all
from protocol.approval import judge_manifest
from protocol.board.page import clock
from protocol.codec import decode
from protocol.manifest import Line, Manifest
from protocol.signing import Family, signed_by, verify1
from tests.controller.library.test_what_boards_will_show import dots, on_the_box
from tests.support.installation import install
from tests.support.officers import NEXT, WARD, Office, key, office
from tests.support.signing_kit import fields

pytestmark = pytest.mark.django_db
WEATHER = "28–34 °C, chiều có dông"


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def written(here: Office, text: str = WEATHER) -> BoardLine:
    return lines.write(text, here.ward, 12, here.lan)


def signed(row: BoardLine, by: Person) -> BoardLine:
    return lines.sign(row, by, signed_by(key(by.username), bytes(row.payload), Family.APPROVAL, signing.domain()))


def on_boards(here: Office, box: int = 0, at: dt.datetime | None = None) -> Line | None:
    """What a box of the ward is told, and takes."""
    do_all(timezone.now())
    row = services.assignment_for(here.boxes[box].pk)
    assert row is not None
    raw = files.path_of(row.compiled.manifest_id).read_bytes()
    manifest = decode(verify1(raw, Family.MANIFEST, domain(), schedule_signer().public_key), Manifest)
    unit = WARD if box < 2 else NEXT
    return judge_manifest(
        manifest, trust_of(unit), above(unit), int((at or timezone.now()).timestamp()) + 1
    ).manifest.line


def test_from_the_form_to_the_boards_and_back(here: Office) -> None:
    for each in here.boxes:
        BoxState.objects.create(box=each)
    lan, hoa = browser(here.lan), browser(here.hoa)
    assert "Thời tiết trên bảng tin" in lan.get(reverse("schedules:list")).text
    page = lan.post(reverse("schedules:lines"), {"text": WEATHER, "unit": WARD, "hours": "12"}).headers["Location"]
    assert "cần một người khác duyệt" in lan.get(page).text
    assert on_boards(here) is None
    row = BoardLine.objects.get()
    waits = "Thời tiết trên bảng tin chờ bạn duyệt"
    assert waits in hoa.get("/").text
    assert waits not in lan.get("/").text
    shown = hoa.get(page).text
    assert WEATHER in shown
    assert "Bạn sẽ ký duyệt" in shown
    made = fields(key("hoa"), bytes(row.payload), Family.APPROVAL, signing.domain())
    assert hoa.post(f"{page}ky/", made).status_code == 302
    assert waits not in hoa.get("/").text
    assert on_boards(here) == Line(WEATHER, int(row.until.timestamp()))
    assert on_boards(here, box=2) is None
    assert "đã duyệt" in lan.get(reverse("schedules:lines")).text
    assert lan.post(f"{page}bo/").status_code == 302
    assert on_boards(here) is None
    assert Audit.objects.filter(action="line.dropped").count() == 1


def test_the_page_shows_it_as_boards_will(here: Office) -> None:
    row = written(here)
    (_time, line) = dots(browser(here.hoa).get(reverse("schedules:line", args=[row.pk])).text)
    now = timezone.now()
    possible = [
        on_the_box(clock((now - dt.timedelta(minutes=ago)).astimezone(ZONE), "", WEATHER), (128, 64)).scenes[1]
        for ago in (0, 1)
    ]
    assert line in [scene.frame.rgb for scene in possible]
    assert browser(here.hoa).get(reverse("schedules:line-board", args=[row.pk]) + "?bang=96x16").status_code == 200


def test_who_signs_reads_text_and_place_from_what_is_signed(here: Office) -> None:
    row, other = written(here), Unit.objects.get(code=NEXT)
    BoardLine.objects.filter(pk=row.pk).update(text="Trời đẹp", unit=other)
    appoint(here.hoa, Role.APPROVER, other)
    page = browser(here.hoa).get(reverse("schedules:line", args=[row.pk])).text
    assert here.ward.name in page
    assert other.name not in page
    assert "Trời đẹp" not in page


def test_of_two_the_newer_stands_there(here: Office) -> None:
    for text in (WEATHER, "Mưa to"):
        signed(written(here, text), here.hoa)
    found = on_boards(here)
    assert found is not None
    assert found.text == "Mưa to"


def test_at_its_end_it_is_nothing(here: Office) -> None:
    row = signed(written(here), here.hoa)
    assert on_boards(here) is not None
    assert on_boards(here, at=row.until) is None


def test_nobody_signs_their_own_and_only_approvers_sign(here: Office) -> None:
    row = written(here)
    for person in (here.lan, here.minh, here.tuan):
        with pytest.raises(NotAllowed):
            signed(row, person)
    with pytest.raises(NotAllowed):
        lines.write(WEATHER, here.ward, 12, here.tuan)
    with pytest.raises(NotAllowed):
        lines.drop(row, here.tuan)


def test_what_was_dropped_or_signed_is_not_signed_again(here: Office) -> None:
    row = signed(written(here), here.hoa)
    with pytest.raises(Refused, match="không còn chờ ký"):
        signed(row, here.hoa)
    lines.drop(row, here.lan)
    with pytest.raises(Refused, match="đã được bỏ"):
        lines.drop(row, here.lan)


@pytest.mark.parametrize(
    ("text", "hours", "field"), [("  ", 12, "text"), ("ồ" * (MAX_TEXT + 1), 12, "text"), (WEATHER, 1_000, "hours")]
)
def test_what_no_board_could_show_is_refused_beside_its_field(here: Office, text: str, hours: int, field: str) -> None:
    with pytest.raises(Refused) as refused:
        lines.write(text, here.ward, hours, here.lan)
    assert refused.value.field == field
    assert not BoardLine.objects.exists()


@pytest.mark.parametrize("hidden", ["\u202e", "\x00", "\u200b", "\ufeff"])
def test_letters_that_nobody_sees_are_refused_and_named(here: Office, hidden: str) -> None:
    with pytest.raises(Refused, match=f"U\\+{ord(hidden):04X}"):
        written(here, f"Mưa {hidden}to")
    assert not BoardLine.objects.exists()


def test_lines_of_past_years_are_not_looked_through() -> None:
    """Neither for what counts, nor for what waits for a signature, nor for the newest on the list."""
    open_now = BoardLine.objects.filter(dropped_at=None, until__gt=timezone.now())
    counts = open_now.filter(envelope__isnull=False).order_by()
    assert "lines_that_count (until>?)" in counts.explain()
    assert "lines_to_sign (until>?)" in open_now.filter(envelope=None).order_by("until").explain()
    assert "USING INDEX lines_by_age" in BoardLine.objects.all()[:30].explain()


def asked(work: Callable[[], object]) -> int:
    """How many questions it puts to the database."""
    with CaptureQueriesContext(connection) as queries:
        work()
    return len(queries)


def test_twenty_lines_that_wait_ask_the_database_no_more_than_one(here: Office) -> None:
    def home() -> list[BoardLine]:
        return weather.to_sign(here.hoa, timezone.now())

    none = asked(home)
    written(here)
    one = asked(home)
    for _ in range(19):
        written(here)
    assert none <= one == asked(home)
    assert len(home()) == 20


def test_the_list_of_twenty_signed_lines_asks_the_database_no_more_than_that_of_one(here: Office) -> None:
    def page() -> str:
        return browser_of_lan.get(reverse("schedules:lines")).text

    browser_of_lan = browser(here.lan)
    signed(written(here), here.hoa)
    page()
    one = asked(page)
    for _ in range(19):
        signed(written(here), here.hoa)
    assert asked(page) == one
    assert page().count("đã duyệt") == 20
