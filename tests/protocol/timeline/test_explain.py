"""The answer in words: in Vietnamese and in English, for every reason to sound or to be silent."""

import string
from dataclasses import replace

import msgspec
import pytest

from protocol.ids import sha256
from protocol.manifest import Hours, Level, Policy
from protocol.messages import BY_CODE, OWN_WORDS
from protocol.order import Sound, Status
from protocol.policy import Stretch
from protocol.priority import OWN_LEVEL
from protocol.timeline import Carry, Cut, Holdings, Lock, RefusalCode, at, explain, refusal_sentence, refusals_within
from protocol.timeline.words import EN, VI
from tests.protocol.timeline.house import (
    DAILY,
    HOUR_S,
    NIGHT,
    RURAL,
    WARD,
    assignment,
    box,
    emergency,
    filler,
    manifest,
    ms,
    priority,
    programme,
    relay,
)


def vi(holdings: Holdings, moment: str) -> str:
    return explain(holdings, ms(moment))


def en(holdings: Holdings, moment: str) -> str:
    return explain(holdings, ms(moment), "en")


def places(phrase: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


def test_both_languages_say_the_same_things_with_the_same_places() -> None:
    assert {key: places(phrase) for key, phrase in VI.items()} == {key: places(phrase) for key, phrase in EN.items()}


def test_every_cut_and_every_refusal_has_its_words() -> None:
    assert {f"cut.{cut.value}" for cut in Cut} | {f"refused.{code.value}" for code in RefusalCode} <= set(VI)


def test_a_bulletin_with_its_reason_its_end_and_what_is_next() -> None:
    held = box(programme("s1", "06:00", "3m"), priority("p1", "11:00", "2m"))
    assert vi(held, "06:01:30") == (
        "Lúc 06:01:30, thứ Ba ngày 24/11/2026: đang phát bản tin “Tin 3m” (mục s1, thông thường), từ 06:00 đến 06:03.\n"
        "Lý do: lịch phát có mục này lúc 06:00.\n"
        "Tiếp theo: bản tin “Tin 2m” (mục p1) lúc 11:00."
    )
    assert en(held, "06:01:30") == (
        "At 06:01:30 on Tuesday 24/11/2026: playing the bulletin “Tin 3m” (entry s1, ordinary), from 06:00 to 06:03.\n"
        "Why: the schedule has this entry at 06:00.\n"
        "Next: the bulletin “Tin 2m” (entry p1) at 11:00."
    )


def test_a_late_bulletin_says_how_late() -> None:
    held = box(programme("s1", "06:00", "10m"), programme("s2", "06:05", "3m"))
    assert "muộn 5 phút" in vi(held, "06:11")
    assert "5 min late" in en(held, "06:11")


def test_a_bulletin_that_goes_on_says_so() -> None:
    held = box(programme("s1", "06:00", "10m"), priority("p1", "06:05", "3m"))
    assert "nhường cho mục có mức ưu tiên cao hơn" in vi(held, "06:01")
    assert "đang phát tiếp sau khi bị ngắt" in vi(held, "06:09")


def test_a_relay_that_will_be_cut_by_quiet_hours() -> None:
    told = vi(box(relay("r1", "20:30", 60)), "20:45")
    assert "đang tiếp sóng VOV1 (mục r1, thông thường), từ 20:30 đến 21:00." in told
    assert "tắt vì bắt đầu giờ yên lặng" in told


def test_a_filler() -> None:
    assert "nội dung nền “Tin 3m”" in vi(box(filler("f1", "06:00", 10, "3m")), "06:01")


def test_an_emergency_without_a_prepared_message_is_named_by_where_its_words_come_from() -> None:
    own = Holdings(None, None, orders=(emergency(7, "03:00", sound=Sound(OWN_WORDS), board="Đê sắp vỡ."),))
    assert "KHẨN CẤP “lời soạn trong lệnh”" in vi(own, "03:00:10")
    assert "“the words of the order”" in en(own, "03:00:10")
    blob = Holdings(None, None, orders=(emergency(7, "03:00", sound=Sound(bytes(32))),))
    assert "KHẨN CẤP “nội dung kèm theo lệnh”" in vi(blob, "03:00:10")


def test_an_emergency_names_its_signers_level_and_its_end() -> None:
    held = Holdings(None, None, orders=(emergency(7, "03:00", level=1, gap_s=60),))
    told = vi(held, "03:00:10")
    assert f"đang phát lệnh KHẨN CẤP “{BY_CODE[1].title_vi}”, lượt 1/3, từ 03:00 đến 03:01." in told
    assert "cấp dưới tỉnh 1 bậc ký, có hiệu lực đến 05:00" in told
    assert "nghỉ giữa hai lượt của lệnh khẩn cấp" in vi(held, "03:01:30")
    assert "province level" in en(Holdings(None, None, orders=(emergency(7, "03:00"),)), "03:00:10")
    pressed = Holdings(None, None, orders=(emergency(7, "03:00", level=OWN_LEVEL),))
    assert "signed at this box's own button" in en(pressed, "03:00:10")
    assert "do nút bấm của chính hộp này ký" in vi(pressed, "03:00:10")


def test_a_drill_is_called_one() -> None:
    held = Holdings(None, None, orders=(emergency(7, "10:00", status=Status.EXERCISE),), awake_ms=ms("05:00"))
    told = explain(replace(held, manifest=manifest()), ms("10:00"))
    assert "đang phát DIỄN TẬP" in told


def test_quiet_hours_say_whose_they_are_and_until_when() -> None:
    held = box(programme("s1", "2026-11-20 06:00", "3m", rule=DAILY))
    assert "giờ yên lặng 21:00–05:00 do tỉnh quy định, đến 06:00 ngày 25/11/2026" in vi(held, "23:00")
    noon = Policy(Level.COMMUNE, quiet=(Hours(11 * HOUR_S, 13 * HOUR_S),))
    assert "quiet hours 11:00–13:00 set by the commune, until 13:00" in en(box(policies=(NIGHT, noon)), "12:00")


def test_after_midnight_the_quiet_hours_are_still_those_that_began_in_the_evening() -> None:
    assert "giờ yên lặng 21:00–05:00 do tỉnh quy định, đến 06:00." in vi(box(), "03:00")
    assert "giờ yên lặng 05:00–06:00 do tỉnh quy định, đến 06:00." in vi(box(), "05:00")
    assert "không có mục nào" in vi(box(), "06:00")


def test_while_an_exception_holds_no_quiet_hours_are_blamed() -> None:
    held = box(exceptions=(Stretch(ms("22:00"), ms("23:00")),))
    assert "giờ yên lặng 21:00–05:00 do tỉnh quy định, đến 22:00." in vi(held, "21:59")
    assert "không có mục nào" in vi(held, "22:00")
    assert "không có mục nào" in vi(held, "22:59:59")
    assert "giờ yên lặng 21:00–05:00" in vi(held, "23:00")


def test_the_day_without_programme_is_that_of_the_manifests_zone() -> None:
    friday = replace(box(), manifest=manifest(policies=(NIGHT, WARD), zone="Europe/Berlin"))
    assert "không có mục nào" in vi(friday, "2026-11-28 02:00")
    assert "hôm nay không phải ngày phát" in vi(friday, "2026-11-28 12:30")


def test_a_day_without_programme() -> None:
    held = box(programme("s1", "2026-11-20 06:00", "3m", rule=DAILY), policies=(NIGHT, WARD))
    told = vi(held, "2026-11-21 10:00")
    assert "hôm nay không phải ngày phát, theo quy định của xã" in told
    assert "Hôm nay không phát được:\n- “Tin 3m” (mục s1, giờ định 06:00)" in told


def test_nothing_scheduled_and_nothing_to_come() -> None:
    told = vi(box(), "10:00")
    assert "không có mục nào trong lịch vào lúc này" in told
    assert "Không còn mục nào trong 45 ngày tới." in told


def test_no_schedule_no_time_and_no_validity() -> None:
    assert "chưa nhận được lịch phát nào" in explain(Holdings(None, None), ms("10:00"))
    assert "chưa có giờ tin cậy" in vi(box(awake_ms=ms("11:00")), "10:00")
    assert "lịch phát đã hết hiệu lực từ 09:00" in vi(
        box(assignment=assignment(valid_until=ms("09:00") // 1000)), "10:00"
    )


def test_a_lock_says_why_and_since_when() -> None:
    held = box(programme("s1", "10:00", "3m"), locks=(Lock(ms("09:00"), None, "Tuấn đang thay loa"),))
    told = vi(held, "10:10")
    assert "loa bị khóa từ 09:00 (Tuấn đang thay loa), đến khi được mở" in told
    assert "quá giờ được phép bắt đầu vì loa bị khóa" in told
    assert "until 11:00" in en(box(locks=(Lock(ms("09:00"), ms("11:00"), "repair"),)), "10:00")


@pytest.mark.parametrize(
    ("held", "moment", "reason"),
    [
        (box(programme("s1", "06:00", "3m"), awake_ms=ms("07:00")), "08:00", "khi thiết bị có điện, có giờ"),
        (
            box(programme("s1", "06:00", "3m"), orders=(emergency(7, "05:59", tape="9m", repeats=1),)),
            "08:00",
            "vì loa phát lệnh khẩn cấp",
        ),
        (box(programme("s1", "20:58", "3m")), "20:00", "hãy chọn giờ khác"),
        (box(programme("s1", "06:00", "50m"), policies=(NIGHT, RURAL)), "05:00", "dài hơn một buổi phát cho phép"),
        (box(relay("r1", "06:00", 60), policies=(NIGHT, RURAL)), "05:00", "bị cắt vì hết thời lượng"),
    ],
)
def test_what_was_or_will_be_refused_comes_with_its_reason(held: Holdings, moment: str, reason: str) -> None:
    assert reason in vi(held, moment)


def test_a_long_list_of_refusals_is_shortened() -> None:
    held = box(*(programme(f"s{number}", f"03:{number:02}", "1m") for number in range(9)))
    assert "… và 4 mục nữa." in vi(held, "02:00")


def test_what_goes_on_from_an_entry_that_is_gone_is_still_explained() -> None:
    sounding = at(box(programme("s1", "06:00", "10m")), ms("06:05"))
    assert sounding is not None
    told = explain(replace(box(), awake_ms=ms("06:05"), carry=Carry(sounding)), ms("06:06"))
    assert "(mục s1, thông thường)" in told


def told_next(held: Holdings, moment: str) -> str:
    return vi(held, moment).splitlines()[-1]


def test_what_is_next_is_the_first_to_begin_after_now_programme_or_order() -> None:
    order = emergency(7, "08:00", repeats=2)
    held = box(programme("s1", "06:00", "3m"), programme("s2", "10:00", "2m"), orders=(order,))
    flood = BY_CODE[1].title_vi
    assert told_next(held, "05:00") == "Tiếp theo: bản tin “Tin 3m” (mục s1) lúc 06:00."
    assert told_next(held, "06:00") == f"Tiếp theo: lệnh khẩn cấp “{flood}”, lượt 1 lúc 08:00."
    assert told_next(held, "08:00") == f"Tiếp theo: lệnh khẩn cấp “{flood}”, lượt 2 lúc 08:01:05."
    assert told_next(held, "08:01:05") == "Tiếp theo: bản tin “Tin 2m” (mục s2) lúc 10:00."
    assert told_next(held, "10:00") == "Không còn mục nào trong 45 ngày tới."


def test_a_refusal_is_told_as_past_from_its_very_instant() -> None:
    held = box(programme("s1", "20:58", "3m"))
    before, since = (explain(held, ms("20:58") + shift) for shift in (-1, 0))
    assert "Trong 24 giờ tới sẽ không phát được:" in before
    assert "Hôm nay không phát được:" not in before
    assert "Hôm nay không phát được:" in since
    assert "Trong 24 giờ tới sẽ không phát được:" not in since


def test_today_begins_at_midnight() -> None:
    held = box(programme("s0", "2026-11-23 23:59:50", "1m"), programme("s1", "00:00", "2m"))
    assert vi(held, "09:30:15").endswith(
        "Hôm nay không phát được:\n"
        "- “Tin 2m” (mục s1, giờ định 00:00): rơi vào giờ yên lặng hoặc ngày không phát, hay kéo dài sang đó; "
        "hãy chọn giờ khác."
    )


def test_five_refusals_are_all_of_the_list() -> None:
    told = vi(box(*(programme(f"s{number}", f"03:{number:02}", "1m") for number in range(5))), "02:00")
    assert told.count("\n- ") == 5
    assert "mục nữa" not in told


def test_a_refusal_names_its_own_bulletin_or_station() -> None:
    rows = (programme("s#1.5", "03:00", "3m", "2m"), relay("r1", "03:30", 10, "1m"), filler("f1", "04:00", 10, "4m"))
    told = vi(box(*rows), "02:00")
    for line in (
        "“Tin 3m” (mục s#1.5, giờ định 03:00)",
        "“Tin 2m” (mục s#1.5, giờ định 03:03)",
        "“VOV1” (mục r1",
        "“Tin 4m” (mục f1",
    ):
        assert f"- {line}" in told


def test_what_waited_in_vain_behind_another_is_late_and_a_lock_on_another_day_is_not_blamed() -> None:
    held = box(
        relay("r1", "06:00", 10),
        priority("p1", "06:00", "15m"),
        locks=(Lock(ms("2026-11-25 06:00"), None, "thay loa"),),
    )
    assert "(mục r1, giờ định 06:00): đã quá giờ được phép bắt đầu." in vi(held, "07:00")


def test_what_ended_in_the_instant_at_which_it_was_too_late_is_to_blame() -> None:
    lock = Lock(ms("05:00"), ms("06:05") + 1, "thay loa")
    order = replace(emergency(7, "05:59", repeats=1), tape_ms=6 * 60_000 + 1)
    assert "vì loa bị khóa" in vi(box(programme("s1", "06:00", "3m"), locks=(lock,)), "07:00")
    assert "vì loa phát lệnh khẩn cấp" in vi(box(programme("s1", "06:00", "3m"), orders=(order,)), "07:00")


@pytest.mark.parametrize(
    ("planned", "late"),
    [("06:01:59", ""), ("06:01:58", "2 giây"), ("06:01:01", "59 giây"), ("06:01", "1 phút"), ("06:00:01", "2 phút")],
)
def test_a_delay_is_told_from_two_seconds_on_and_in_minutes_from_the_first(planned: str, late: str) -> None:
    held = box(programme("s0", "06:00", "2m"), programme("s1", planned, "3m"))
    (why,) = (line for line in vi(held, "06:03").splitlines() if line.startswith("Lý do"))
    if late:
        assert why == f"Lý do: lịch có mục này lúc {planned}; muộn {late} vì loa bận hoặc chưa sẵn sàng."
    else:
        assert why == f"Lý do: lịch phát có mục này lúc {planned}."


def test_reasons_to_sound_say_the_planned_time_and_a_relay_that_joined_is_not_called_late() -> None:
    resumed = box(programme("s1", "06:00", "10m"), priority("p1", "06:05", "3m"))
    assert "Lý do: lịch phát có mục này lúc 06:00; đang phát tiếp" in vi(resumed, "06:09")
    joined = box(relay("r1", "06:00", 60), awake_ms=ms("06:10"))
    assert "Lý do: lịch phát có mục này lúc 06:00." in vi(joined, "06:20")


def test_an_order_is_named_by_its_first_eight_signs_and_in_the_readers_language() -> None:
    held = Holdings(None, None, orders=(emergency(7, "03:00"),))
    assert "Why: order 07070707, signed at province level" in en(held, "03:00:10")
    assert f"“{BY_CODE[1].title_en}”, pass 1 of 3" in en(held, "03:00:10")


def test_an_order_with_its_own_recording_says_so() -> None:
    held = Holdings(None, None, orders=(emergency(7, "03:00", sound=Sound(sha256(b"voice"), repeats=1)),))
    assert "“nội dung kèm theo lệnh”, lượt 1/1" in vi(held, "03:00:10")


def test_a_reinstated_order_counts_its_passes_from_one() -> None:
    held = Holdings(None, None, orders=(replace(emergency(7, "03:00"), rounds=1),))
    assert "lượt 1/3, từ 03:00" in vi(held, "03:00:10")


def test_what_goes_on_from_a_station_or_a_bulletin_that_is_gone_is_called_by_its_code() -> None:
    for old, name in (
        (box(relay("r1", "06:00", 60)), "vov1 (mục r1"),
        (box(programme("s1", "06:00", "10m")), "“10m” (mục s1"),
    ):
        sounding = at(old, ms("06:05"))
        assert sounding is not None
        new = replace(box(), awake_ms=ms("06:05"), carry=Carry(sounding))
        assert new.manifest is not None
        assert name in vi(replace(new, manifest=msgspec.structs.replace(new.manifest, stations=())), "06:06")


def test_reasons_to_be_silent_hold_from_their_first_instant_and_not_at_their_end() -> None:
    asleep = box(programme("s0", "2026-11-20 06:00", "3m"), awake_ms=ms("11:00"))
    assert "trước 11:00." in vi(asleep, "10:00")
    assert "không có mục nào" in vi(asleep, "11:00")
    locked = box(locks=(Lock(ms("09:00"), ms("11:00"), "thay loa"),))
    assert "không có mục nào" in vi(locked, "08:00")
    assert "loa bị khóa từ 09:00 (thay loa), đến 11:00. Lệnh khẩn cấp vẫn phát." in vi(locked, "09:00")
    assert "không có mục nào" in vi(locked, "11:00")
    assert "không có mục nào" in vi(box(orders=(emergency(7, "10:00", repeats=1),)), "10:01")
    assert "hết hiệu lực từ 09:00" in vi(box(assignment=assignment(valid_until=ms("09:00") // 1000)), "09:00")
    assert "giờ yên lặng 21:00–05:00" in vi(box(), "21:00")


def test_times_are_those_of_the_manifests_zone() -> None:
    held = replace(box(), manifest=manifest(programme("s1", "06:00", "3m"), zone="Europe/Berlin"))
    told = vi(held, "12:01")
    assert told.startswith("Lúc 06:01, thứ Ba ngày 24/11/2026: đang phát bản tin")
    assert "từ 06:00 đến 06:03" in told


def test_whoever_schedules_reads_a_sentence_for_every_refusal() -> None:
    made = manifest(programme("s1", "03:15", "3m"))
    (found,) = refusals_within(made, ms("00:00"), days=1)
    assert refusal_sentence(found, made) == (
        "“Tin 3m” (mục s1, giờ định 03:15): rơi vào giờ yên lặng hoặc ngày không phát, hay kéo dài sang đó; "
        "hãy chọn giờ khác."
    )
    assert refusal_sentence(found, made, "en").startswith("“Tin 3m” (entry s1, planned 03:15): in quiet hours")
