"""The play log as evidence: titles and names beside the codes, notes in the reader's language, sensible instants."""

import csv
import io
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import translation

from controller.library.models import Bulletin
from controller.orders import services as orders
from controller.orders.composing import Alarm
from controller.orders.models import EmergencyOrder
from controller.reports import services, wording
from controller.reports.models import PlayLogRow
from controller.reports.services import Question
from controller.schedules.models import Schedule
from protocol.messages import OWN_WORDS
from protocol.order import Severity, Status
from protocol.report import SHOWN, Grade, Result
from protocol.timeline import Cut, RefusalCode
from tests.support import province
from tests.support.installation import install
from tests.support.province import AN_PHU, NOW, Province

NOW_MS = int(NOW.timestamp() * 1000)
pytestmark = pytest.mark.django_db

AS_THE_AGENT_WRITES = [
    *(str(code) for code in (*Cut, *RefusalCode)),
    "cancelled",
    "replaced",
    "the player failed: KeyError('b1')",
    "withdrawn",
    "the programme changed",
    "the speaker was closed",
    "the daemon was stopped",
    "interrupted: the box lost power or the daemon ended",
    "the sound device did not answer",
    "content not here",
    "content damaged",
    "content damaged: not a sound that this box can decode",
    "content not here: the built-in sounds are gone, install the agent again",
    "content not here: the built-in sounds are gone, install the agent again: sounded a siren instead",
    "content damaged: sounded message 2 instead",
    "content not here: sounded a siren instead",
    "content damaged: not a sound that this box can decode: sounded a siren instead",
    "content not here: spoken by the box",
    "the words of the order could not be spoken: sounded a siren instead",
    "content not here: the built-in sounds are gone, install the agent again: spoken by the box",
    "content damaged: sounded message 2 instead, spoken by the box",
    "fallback: station vov1 cannot be received",
    "station vov1 cannot be received, and the entry has no fallback",
    "station vov1 cannot be received; its fallback: content damaged",
    "withdrawn (before its first sample)",
    "ended; content damaged: sounded message 2 instead",
    "acoustic 1.31 < 5",
    "electrical 0.12 < 0.5; clipped: 5.0% of it at full scale",
    "acoustic: heard in 3 of 8 parts",
    "acoustic: too short or too even to tell",
    "acoustic: the microphone does not answer: it was unplugged",
    "acoustic: what was played cannot be read again: b1.flac: cannot be sounded: damaged",
    "electrical: /sys/bus/iio/devices/iio:device0/in_voltage0_raw: no measurement (gone), is the chip connected?",
    "acoustic: the microphone gives silence, not even noise",
]


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make()


def row(here: Province, **facts: object) -> PlayLogRow:
    box = here.boxes["an phú 1"]
    known = {
        "box": box,
        "chain": bytes(8),
        "seq": PlayLogRow.objects.count() + 1,
        "unit_code": AN_PHU,
        "play": "s1@2026-11-24T09:00:00#1.1",
        "cause": "s1",
        "planned_ms": NOW_MS,
        "result": Result.PLAYED,
        "grade": Grade.CLAIMED,
        "start_error_ms": 0,
        "received": NOW,
    }
    made: PlayLogRow = PlayLogRow.objects.create(**(known | facts))
    return made


def drill(here: Province) -> EmergencyOrder:
    return orders.prepare(here.people["hoa"], Alarm(2, (AN_PHU,), Severity.SEVERE, Status.EXERCISE))


def passes(here: Province, order: EmergencyOrder) -> None:
    """Three passes as a box logs them: planned for the first one's instant, each 40 ms late against its own."""
    for number in range(3):
        row(
            here,
            play=f"{order.pk}#{number + 1}",
            cause=order.pk,
            sound="message:2",
            started_ms=NOW_MS + number * 20_000 + 40,
            start_error_ms=40,
        )


@pytest.mark.parametrize("detail", AS_THE_AGENT_WRITES)
def test_every_note_of_the_agent_reads_in_vietnamese_and_in_english(detail: str) -> None:
    with translation.override("vi"):
        vietnamese = wording.note(detail, {})
    with translation.override("en"):
        english = wording.note(detail, {})
    assert vietnamese != detail
    assert not {"withdrawn", "ended", "content", "station", "the", "before"} & set(vietnamese.split())
    assert english != vietnamese


def test_an_officers_own_words_are_named_as_what_sounded_and_not_as_something_in_their_place(here: Province) -> None:
    own = Alarm(OWN_WORDS, (AN_PHU,), words="Đê sắp vỡ.", event="flood")
    order = orders.prepare(here.people["hoa"], own)
    spoken = row(here, play=f"{order.pk}#1", cause=order.pk, sound=f"message:{OWN_WORDS}")
    found = wording.names_of([spoken])
    assert found.sound(spoken) == "Lời tự soạn"
    assert found.what(spoken) == "THẬT: Lũ, ngập lụt (lời tự soạn), lượt 1"
    assert wording.note(spoken.detail, {}) == ""


def test_what_took_over_is_named_by_its_title(here: Province) -> None:
    order = drill(here)
    found = wording.names_of([row(here, result=Result.CUT, detail=f"emergency: {order.pk}")])
    assert wording.note(f"emergency: {order.pk}", found.causes) == "lệnh khẩn cấp chen vào: Diễn tập: Bão, gió mạnh"


def test_a_note_that_this_version_does_not_know_stays_as_the_box_wrote_it() -> None:
    assert wording.note("a later agent's reason: 7", {}) == "a later agent's reason: 7"
    assert wording.note("", {}) == ""


def test_an_emergency_in_the_log_has_its_title_whether_it_was_real_and_its_pass(here: Province) -> None:
    order = drill(here)
    passes(here, order)
    browser = Client()
    browser.force_login(here.people["tuan"])
    page = browser.get("/nhat-ky/").text
    assert "Diễn tập: Bão, gió mạnh, lượt 2" in page
    assert "Xã An Phú" in page
    assert order.pk not in page


def test_each_pass_of_an_emergency_has_its_own_instant_and_a_bulletin_keeps_the_planned_one(here: Province) -> None:
    passes(here, drill(here))
    bulletin = row(here, started_ms=NOW_MS + 9000, start_error_ms=0)
    missed = row(here, play=f"{'0' * 32}#2", cause="0" * 32, result=Result.MISSED)
    found = PlayLogRow.objects.exclude(pk__in=(bulletin.pk, missed.pk)).order_by("pk")
    assert [services.intended_ms(one) - NOW_MS for one in found] == [0, 20_000, 40_000]
    assert services.intended_ms(bulletin) == NOW_MS
    assert services.intended_ms(missed) == NOW_MS


def test_the_csv_has_titles_and_names_beside_every_code(here: Province) -> None:
    author, unit = here.people["lan"], here.boxes["an phú 1"].unit
    assert unit is not None
    news = Bulletin.objects.create(
        title="Cúp điện", text="…", unit=unit, author=author, edited_by=author, created=NOW, changed=NOW, edited_at=NOW
    )
    plan = Schedule.objects.create(title="Bản tin sáng", unit=unit, author=author, first_local="2026", created=NOW)
    order = drill(here)
    row(here, cause=f"s{plan.pk}", bulletin=f"b{news.pk}", sound="ab" * 32, detail="late", result=Result.MISSED)
    row(here, play=f"{order.pk}#1", cause=order.pk, sound="message:2")
    heading, *lines = csv.reader(io.StringIO("".join(services.csv_lines(Question())).removeprefix("\ufeff")))
    first, second = (dict(zip(heading, line, strict=True)) for line in lines)
    assert (first["Bản tin"], first["Mã bản tin"]) == ("Cúp điện", f"b{news.pk}")
    assert (first["Nguyên nhân"], first["Mã nguyên nhân"]) == ("Bản tin sáng", f"s{plan.pk}")
    assert (first["Đơn vị"], first["Mã đơn vị"]) == ("Xã An Phú", AN_PHU)
    assert first["Ghi chú"].startswith("quá giờ cho phép bắt đầu")
    assert first["Ghi chú gốc của hộp"] == "late"
    assert (second["Nguyên nhân"], second["Mã nguyên nhân"]) == ("Diễn tập: Bão, gió mạnh", order.pk)
    assert (second["Âm thanh"], second["Mã âm thanh"]) == ("Bão, gió mạnh", "message:2")


def test_the_log_of_one_box_says_so_and_stays_with_it(here: Province) -> None:
    mine = row(here)
    row(here, box=here.boxes["bình minh"])
    browser = Client()
    browser.force_login(here.people["tuan"])
    page = browser.get("/nhat-ky/", {"box": mine.box_id}).text
    assert "Chỉ các dòng của hộp “an phú 1”" in page
    assert f'type="hidden" name="box" value="{mine.box_id}"' in page
    assert "bình minh" not in page


def test_what_a_board_showed_is_in_the_log_and_is_no_sound_in_the_counts(here: Province) -> None:
    order = drill(here)
    passes(here, order)
    digest = "0123456789abcdef" * 4
    shown = f"shown: drill, 3 pictures, SHA-256 {digest}"
    row(here, play="board:1", cause=order.pk, sound=f"{SHOWN}{digest[:32]}", started_ms=NOW_MS, detail=shown)
    unplugged = "not shown: the board is not plugged in"
    missed = {"result": Result.MISSED, "detail": unplugged, "grade": Grade.NONE}
    row(here, play="board:2", cause="0" * 32, sound=f"{SHOWN}{digest[:32]}", **missed)
    assert services.counts(Question()) == {Result.PLAYED: 3, Result.CUT: 0, Result.MISSED: 0}
    assert services.shown_on_boards(Question()) == 2
    browser = Client()
    browser.force_login(here.people["tuan"])
    page = browser.get("/nhat-ky/").text
    assert "Bảng tin: Diễn tập: Bão, gió mạnh" in page
    assert "3 hình, SHA-256 0123456789abcdef…" in page
    assert "bảng đã nhận, chưa chứng minh" in page
    assert "không hiện" in page
    assert "<b>2</b> trên bảng tin" in page
    with translation.override("en"):
        assert wording.note(shown, {}) == "3 pictures, SHA-256 0123456789abcdef…"
        assert wording.note(unplugged, {}) == "the board did not show it: the board is not plugged in"
