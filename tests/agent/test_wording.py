"""What the commands at the box say: words for people, no codes, the same things in both languages."""

import re
from string import Formatter
from typing import Any

import pytest

from agent.core import wording
from protocol.messages import OWN_WORDS, PREPARED
from protocol.order import Status
from protocol.report import FaultCode, Stage
from protocol.timeline import SegmentKind

NOW_MS = 1_795_500_000_000  # 2026-11-24, 13:00:00 in Vietnam
LANGUAGES = pytest.mark.parametrize("language", ["vi", "en"])


def answer(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": "Cụm loa thử",
        "id": "b" * 32,
        "code": "ABCD-EFGH",
        "version": "0.1.0",
        "now_ms": NOW_MS,
        "approved": True,
        "connected": True,
        "silent_s": 12,
        "generation": 2,
        "wanted": 2,
        "newest": True,
        "site": "Nhà văn hóa thôn Ba",
        "units": ["77", "77-1001"],
        "clock": "NTP",
        "clock_complaint": "",
        "zone": "Asia/Ho_Chi_Minh",
        "sounding": None,
        "heard": None,
        "orders": [],
        "faults": [],
        "lamps": [],
        "fault_details": {},
        "log_rows": 3,
        "log_acknowledged": 2,
    }
    return {**values, **changes}


def order(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": "00" * 12,
        "event": "storm",
        "stage": "STARTED",
        "type": "ALERT",
        "status": "ACTUAL",
        "message": 2,
        "expires_ms": NOW_MS + 600_000,
    }
    return {**values, **changes}


def heard(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kind": "PROGRAMME",
        "title": "Tin buổi sáng",
        "message": None,
        "event": "",
        "drill": False,
        "rank": 4,
        "until_ms": NOW_MS + 90_000,
    }
    return {**values, **changes}


def test_a_technician_reads_what_the_box_is_doing() -> None:
    said = wording.status(answer(sounding="s1@2026-11-24T13:00:00#1.1", heard=heard(), orders=[order()]), "vi")
    assert said.splitlines() == [
        "Tên: Cụm loa thử",
        f"Mã hộp: {'b' * 32}",
        "Mã đối chiếu: ABCD-EFGH",
        "Nơi đặt: Nhà văn hóa thôn Ba",
        "Đơn vị: 77 › 77-1001",
        "Đã duyệt: có",
        "Kết nối: có (nghe thấy trung tâm 12 giây trước)",
        "Đồng hồ: đúng giờ, lấy qua mạng (NTP)",
        "Lịch phát: đang dùng lịch số 2, là lịch mới nhất",
        "Đang phát: bản tin “Tin buổi sáng”, đến 13:01:30",
        "Lệnh khẩn cấp: “Bão, gió mạnh”: đã bắt đầu phát; hiệu lực đến 13:10:00",
        "Đèn: không đấu đèn nào",
        "Nhật ký phát: trung tâm đã nhận 2 trên 3 dòng",
        "Lỗi: không có",
        "Phiên bản: 0.1.0",
    ]


def test_an_order_with_a_recording_of_its_own_is_named_by_what_it_is_about() -> None:
    own = order(message=None, expires_ms=NOW_MS + 86_400_000)
    assert "“Storm (the order's own recording)”: has begun to sound; valid until 13:00:00 25/11/2026" in wording.status(
        answer(orders=[own]), "en"
    )
    told = heard(kind="EMERGENCY", title="", event="storm", drill=True)
    assert "DIỄN TẬP “Bão, gió mạnh (bản ghi kèm theo lệnh)”, lượt này đến 13:01:30" in wording.status(
        answer(heard=told), "vi"
    )


def test_an_order_in_its_own_words_is_named_by_what_it_is_about() -> None:
    own = order(message=OWN_WORDS)
    assert "“Bão, gió mạnh (lời soạn trong lệnh)”" in wording.status(answer(orders=[own]), "vi")
    told = heard(kind="EMERGENCY", title="", event="other", message=OWN_WORDS)
    assert "EMERGENCY order “other (the words of the order)”" in wording.status(answer(heard=told), "en")


@LANGUAGES
def test_no_code_reaches_a_person_whatever_the_box_goes_through(language: str) -> None:
    orders = [order(stage=stage.name, status=status.name) for stage in Stage for status in Status if stage]
    orders += [order(type="CANCEL", message=None)] + [order(message=row.code) for row in PREPARED]
    faults = [fault.name for fault in FaultCode]
    for kind in SegmentKind:
        said = wording.status(answer(orders=orders, faults=faults, heard=heard(kind=kind.name, event="fire")), language)
        assert not re.search(r"[A-Z]{2,}_|ACCEPTED|STARTED|DONE|CANCELLED|ACTUAL|EXERCISE|[@#]", said)


@LANGUAGES
@pytest.mark.parametrize(
    ("missing", "generation", "wanted", "vi", "en"),
    [
        (0, 2, 2, "Không thiếu gì; đang dùng lịch số 2.", "Nothing is missing; programme 2 is in force."),
        (0, 0, 0, "chưa giao lịch nào", "has not assigned"),
        (3, 1, 2, "còn thiếu ít nhất 3 tệp; hiện vẫn dùng lịch số 1.", "at least 3 files are missing; 1 is in force"),
        (1, 0, 1, "hiện chưa có lịch nào.", "none is in force yet."),
        (1, 2, 2, "Đang tải lại 1 tệp của lịch số 2", "Fetching 1 files of programme 2 again"),
        (0, 1, 2, "chưa dùng được; hiện vẫn dùng lịch số 1.", "not usable yet; 1 is in force"),
        (0, 0, 1, "chưa dùng được; hiện chưa có lịch nào.", "not usable yet; none is in force"),
    ],
)
def test_fetch_says_what_is_missing(  # noqa: PLR0917 - a table
    language: str, missing: int, generation: int, wanted: int, vi: str, en: str
) -> None:
    numbers = {"generation": generation, "wanted": wanted, "newest": generation == wanted}
    said = wording.fetched({**numbers, "missing": missing}, language)
    assert (vi if language == "vi" else en) in said


def test_the_same_number_of_a_new_era_is_not_the_programme_in_force() -> None:
    fetching = wording.fetched({"generation": 2, "wanted": 2, "newest": False, "missing": 3}, "vi")
    assert "Đang tải lịch số 2, còn thiếu ít nhất 3 tệp" in fetching
    assert "đang dùng lịch số 2; lịch số 2 chưa tải xong" in wording.status(answer(newest=False), "vi")


def test_both_languages_say_the_same_things() -> None:
    def places(text: str) -> set[str | None]:
        return {place for _, place, _, _ in Formatter().parse(text) if place}

    vi, en = wording.WORDS["vi"], wording.WORDS["en"]
    assert vi.keys() == en.keys()
    for key, text in vi.items():
        assert places(text) == places(en[key]), key


def test_every_fault_has_a_name_in_both_languages_but_the_one_that_nobody_may_see() -> None:
    for language in ("vi", "en"):
        named = {key.removeprefix("fault.") for key in wording.WORDS[language] if key.startswith("fault.")}
        assert named == {code.name for code in FaultCode if code is not FaultCode.DURESS}


@LANGUAGES
def test_an_order_that_sounds_nothing_is_not_said_to_have_sounded(language: str) -> None:
    silent = [order(type=kind, stage=stage, message=None, event="stop") for kind in ("STOP", "REINSTATE")
              for stage in ("ACCEPTED", "DONE", "CANCELLED", "EXPIRED")]  # fmt: skip
    said = wording.status(answer(orders=silent), language)
    assert "stop (" not in said
    assert "“" not in said.partition("Cụm loa thử")[2]
    assert "đã phát xong" not in said


def test_a_stop_that_is_over_says_how_it_ended() -> None:
    said = wording.status(answer(orders=[order(type="STOP", stage="CANCELLED", message=None)]), "vi")
    assert "lệnh dừng và khóa loa: đã được mở lại" in said


@LANGUAGES
def test_a_fault_says_what_is_known_of_it_and_the_way_out(language: str) -> None:
    told = answer(faults=["PANEL", "CLOCK"], fault_details={"PANEL": "GPIO 5 …; look at [panel]"})
    line = wording.status(told, language).splitlines()[-2]
    assert "(GPIO 5 …; look at [panel]); " in line
    assert "()" not in line


@LANGUAGES
def test_who_speaks_live_is_named_and_no_brackets_are_empty(language: str) -> None:
    said = wording.status(answer(heard=heard(kind="VOICE", title="", rank=4)), language)
    assert {"vi": "(micrô tại cụm loa)", "en": "(the microphone at the box)"}[language] in said


@LANGUAGES
@pytest.mark.parametrize("hindrance", ["service", "power", "device", "clock", ""])
def test_explain_says_what_hinders_the_plan(language: str, hindrance: str) -> None:
    facts = answer(as_planned=False, hindrance=hindrance, fault_details={"AUDIO_DEVICE": "unplugged"})
    said = wording.really(facts, language)
    assert said
    assert ("unplugged" in said) == (hindrance == "device")
    assert wording.really({**facts, "hindrance": "", "as_planned": True}, language) == ""


def test_the_page_of_a_box_shows_the_time_what_sounds_and_what_is_wrong() -> None:
    told = answer(heard=heard(), faults=["BOARD"], fault_details={"BOARD": "không nhận hình"})
    rows = dict(wording.glance(told))
    assert rows["Giờ · time"] == "13:00:00 24/11/2026"
    assert rows["Đang phát · sounding"].startswith("bản tin “Tin buổi sáng”")
    assert rows["Lỗi · faults"].startswith("bảng tin hỏng")
    assert "(không nhận hình)" in rows["Lỗi · faults"]
    assert dict(wording.glance(answer()))["Lỗi · faults"] == "không có · none"
