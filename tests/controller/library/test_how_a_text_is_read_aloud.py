"""Abbreviations, dates, hours and numbers as people say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.library.spoken import ABBREVIATIONS, for_engine, paragraphs, text_to_read


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("UBND TP.Vũng Tàu", "Ủy ban nhân dân thành phố Vũng Tàu"),
        ("Theo UBND. Ngày mai", "Theo ủy ban nhân dân. Ngày mai"),
        ("Trường THCS Nguyễn Huệ", "Trường trung học cơ sở Nguyễn Huệ"),
        ("QĐ số 12/QĐ-UBND", "Quyết định số 12 quyết định ủy ban nhân dân"),
        ("49/2024/NĐ-CP", "49 năm 2024 nghị định chính phủ"),
        ("ngày 07/5/2026", "Ngày 7 tháng 5 năm 2026"),
        ("7-5-2026", "Ngày 7 tháng 5 năm 2026"),
        ("sáng 20/11", "Sáng 20 tháng 11"),
        ("tháng 10/2026", "Tháng 10 năm 2026"),
        ("lúc 6h30", "Lúc 6 giờ 30 phút"),
        ("lúc 06:30:15", "Lúc 6 giờ 30 phút 15 giây"),
        ("lúc 6g30ph", "Lúc 6 giờ 30 phút"),
        ("8h00", "8 giờ"),
        ("từ 7h–9h", "Từ 7 giờ đến 9 giờ"),
        ("giảm 12,5%", "Giảm 12 phẩy 5 phần trăm"),
        ("1.500.000đ", "1.500.000 đồng"),
        ("nộp 1250000 đồng", "Nộp 1.250.000 đồng"),
        ("nộp 1250000đ", "Nộp 1.250.000 đồng"),
        ("họp ở KP1 và KP. 2", "Họp ở khu phố 1 và khu phố 2"),
        ("3,5 ha, 30m2", "3 phẩy 5 héc ta, 30 mét vuông"),
        ("gió 60 km/h", "Gió 60 ki lô mét trên giờ"),
        ("gọi 0254 3852 123", "Gọi 0 2 5 4 3 8 5 2 1 2 3"),
        ("20-25 người", "20 đến 25 người"),
        ("PCCC&CNCH", "Phòng cháy chữa cháy và cứu nạn cứu hộ"),
        ("3/4 người dân", "3/4 người dân"),
        ("lúc 29h75", "Lúc 29h75"),
        ("ngày 45/13/2026", "Ngày 45/13/2026"),
        ("H5N1, tỉ số 2-1", "H5N1, tỉ số 2-1"),
    ],
)
def test_what_is_written_is_said_as_people_say_it(written: str, said: str) -> None:
    assert text_to_read(written) == said


@pytest.mark.parametrize(
    ("shown", "given_to_the_voice"),
    [("Nộp 1.250.000 đồng.", "Nộp 1250000 đồng."), ("Mục 1.2, lúc 7.5", "Mục 1.2, lúc 7.5")],
)
def test_the_voice_does_not_trip_over_grouping_points(shown: str, given_to_the_voice: str) -> None:
    assert for_engine(shown) == given_to_the_voice


def test_letters_composed_in_two_ways_are_one() -> None:
    assert text_to_read("Ti\u00ea\u0301ng") == text_to_read("Tiếng")


def test_another_language_is_left_alone() -> None:
    assert text_to_read("At 6:30 the CP of TP", "en") == "At 6:30 the CP of TP"


def test_each_paragraph_is_one_breath() -> None:
    assert paragraphs(text_to_read("Một.\r\n\r\n\r\n  Hai. \n—\nBa.")) == ("Một.", "Hai.", "Ba.")


@given(st.text(max_size=200))
def test_any_text_at_all_can_be_prepared(text: str) -> None:
    said = text_to_read(text)
    assert "\r" not in said
    assert said == said.strip()


@given(st.integers(0, 23), st.integers(1, 59))
def test_every_minute_of_the_day_is_said(hour: int, minute: int) -> None:
    assert text_to_read(f"lúc {hour:02}:{minute:02}") == f"Lúc {hour} giờ {minute} phút"


@given(st.sampled_from(sorted(ABBREVIATIONS)))
def test_no_abbreviation_is_left_standing(short: str) -> None:
    assert text_to_read(f"a {short} b") == f"a {ABBREVIATIONS[short]} b".replace("a ", "A ", 1)
