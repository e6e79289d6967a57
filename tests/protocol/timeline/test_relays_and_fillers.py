"""Slots: relays with their fallback and fillers, functions of the time that anything above may cut out of."""

from protocol.bulletin import BulletinClass
from protocol.ids import sha256
from protocol.timeline import Lock, Refusal, RefusalCode, at
from tests.protocol.timeline.house import (
    assignment,
    box,
    day_of,
    emergency,
    filler,
    length_ms,
    ms,
    priority,
    programme,
    refused,
    relay,
    sounds,
)


def test_a_relay_fills_its_slot_and_names_its_station_and_its_fallback() -> None:
    row = at(box(relay("r1", "06:00", 30, "3m", "2m")), ms("06:10"))
    assert row is not None
    assert (row.station, row.sound, row.end_ms - row.start_ms) == ("vov1", None, 30 * 60_000)
    assert row.bulletin == ""
    assert [(track.bulletin, track.duration_ms) for track in row.fallback] == [
        ("3m", length_ms("3m")),
        ("2m", length_ms("2m")),
    ]


def test_after_a_late_start_a_relay_joins_at_its_offset_however_late() -> None:
    assert sounds(box(relay("r1", "06:00", 60), awake_ms=ms("06:40"))) == ["06:40-07:00 r1#1 +2400s"]


def test_priority_cuts_into_a_relay_which_comes_back_at_the_right_place() -> None:
    assert sounds(box(relay("r1", "06:00", 60), priority("p1", "06:10", "5m"))) == [
        "06:00-06:10 r1#1 | precedence",
        "06:10-06:15 p1#1.1",
        "06:15-07:00 r1#1 +900s",
    ]


def test_a_relay_comes_back_even_after_a_long_interruption() -> None:
    held = box(relay("r1", "06:00", 60), locks=(Lock(ms("06:05"), ms("06:50"), "sửa loa"),))
    assert sounds(held) == ["06:00-06:05 r1#1 | stopped", "06:50-07:00 r1#1 +3000s"]


def test_an_ordinary_bulletin_waits_for_the_end_of_an_ordinary_relay() -> None:
    held = box(relay("r1", "06:00", 30), programme("s1", "06:10", "3m"))
    assert sounds(held) == ["06:00-06:30 r1#1", "06:30-06:33 s1#1.1"]
    assert refused(held) == []


def test_a_relay_that_comes_while_a_bulletin_sounds_joins_after_it() -> None:
    held = box(programme("s1", "05:58", "5m", window_s=300), relay("r1", "06:00", 10), policies=())
    assert sounds(held) == ["05:58-06:03 s1#1.1", "06:03-06:10 r1#1 +180s"]


def test_a_priority_relay_stands_above_ordinary_bulletins() -> None:
    held = box(programme("s1", "06:00", "10m"), relay("r1", "06:05", 10, klass=BulletinClass.PRIORITY))
    assert sounds(held) == ["06:00-06:05 s1#1.1 | precedence", "06:05-06:15 r1#1", "06:15-06:20 s1#1.1 +300s"]


def test_a_relay_that_was_never_heard_is_told() -> None:
    held = box(relay("r1", "06:00", 10), priority("p1", "06:00", "15m"))
    assert sounds(held) == ["06:00-06:15 p1#1.1"]
    assert refused(held) == ["06:10 r1#1 late"]


def test_a_refusal_of_a_relay_names_its_slot_its_entry_and_its_planned_start() -> None:
    unheard = box(relay("r1", "06:00", 10), priority("p1", "06:00", "15m"))
    quiet = box(relay("r1", "03:00", 10))
    assert day_of(unheard).refusals == (
        Refusal("r1@2026-11-24T06:00:00#1", "r1", ms("06:00"), RefusalCode.LATE, ms("06:10")),
    )
    assert day_of(quiet).refusals == (
        Refusal("r1@2026-11-24T03:00:00#1", "r1", ms("03:00"), RefusalCode.QUIET, ms("03:00")),
    )


def test_every_relay_that_was_never_heard_is_told_whatever_slots_came_before_it() -> None:
    held = box(
        relay("r0", "03:00", 10),
        filler("f1", "05:55", 20, "1m"),
        relay("r1", "06:00", 10),
        priority("p1", "06:00", "15m"),
    )
    assert refused(held) == ["03:00 r0#1 quiet", "06:10 r1#1 late"]


def test_a_relay_that_may_have_been_heard_before_a_restart_is_not_told_as_never_heard() -> None:
    lock = Lock(ms("06:05"), ms("07:30"), "sửa loa")
    assert refused(box(relay("r1", "06:00", 60), locks=(lock,), awake_ms=ms("06:10"))) == []


def test_a_relay_that_was_never_heard_is_told_even_if_its_slot_ends_with_the_day() -> None:
    lock = Lock(ms("19:00"), ms("22:00"), "sửa loa")
    held = box(relay("r1", "20:30", 210), relay("r2", "20:30", 300), locks=(lock,))
    assert sounds(held) == []
    assert refused(held) == ["21:00 r1#1 late", "21:00 r2#1 late"]


def test_a_relay_through_the_night_goes_on_in_the_morning_and_the_evening_is_not_told_again() -> None:
    held = box(relay("r1", "2026-11-23 20:30", 600), programme("s1", "2026-11-23 20:00", "3m"))
    assert sounds(held) == ["06:00-06:30 r1#1 +34200s"]
    assert refused(held) == []


def test_a_relay_that_touches_the_day_only_with_its_edge_is_refused_as_quiet() -> None:
    held = box(relay("r1", "05:00", 60), relay("r2", "21:00", 60))
    assert refused(held) == ["05:00 r1#1 quiet", "21:00 r2#1 quiet"]


def test_a_relay_in_quiet_hours_is_refused_as_quiet_though_the_schedule_runs_out_during_it() -> None:
    held = box(relay("r1", "21:30", 60), assignment=assignment(valid_until=ms("22:00") // 1000))
    assert refused(held) == ["21:30 r1#1 quiet"]


def test_what_ends_where_both_the_validity_ends_and_the_night_begins_ends_with_the_validity() -> None:
    held = box(relay("r1", "20:30", 60), assignment=assignment(valid_until=ms("21:00") // 1000))
    assert sounds(held) == ["20:30-21:00 r1#1 | validity"]
    assert refused(held) == ["21:00 r1#1 cut-validity"]


def test_a_filler_plays_its_playlist_over_and_over_and_is_cut_at_the_end_of_its_slot() -> None:
    assert sounds(box(filler("f1", "06:00", 10, "3m", "1m", pause_ms=5_000, gap_s=10))) == [
        "06:00-06:03 f1#1.1",
        "06:03:05-06:04:05 f1#1.2",
        "06:04:15-06:07:15 f1#2.1",
        "06:07:20-06:08:20 f1#2.2",
        "06:08:30-06:10 f1#3.1 | slot",
    ]


def test_a_filler_of_three_bulletins_begins_again_after_its_gap_whatever_its_pause() -> None:
    held = box(filler("f1", "06:00", 8, "3m", "1m", "2m", pause_ms=5_000, gap_s=2))
    assert sounds(held) == [
        "06:00-06:03 f1#1.1",
        "06:03:05-06:04:05 f1#1.2",
        "06:04:10-06:06:10 f1#1.3",
        "06:06:12-06:08 f1#2.1 | slot",
    ]
    assert day_of(held).segments[-1].start_ms == ms("06:06:12")


def test_a_filler_has_its_bulletins_sound_and_nothing_to_fall_back_on() -> None:
    row = at(box(filler("f1", "06:00", 10, "3m")), ms("06:01"))
    assert row is not None
    assert (row.bulletin, row.sound, row.station, row.fallback) == ("3m", sha256(b"3m"), None, ())


def test_a_filler_is_under_everything_and_comes_back_at_its_offset() -> None:
    assert sounds(box(filler("f1", "06:00", 20, "8m"), programme("s1", "06:05", "5m"))) == [
        "06:00-06:05 f1#1.1 | precedence",
        "06:05-06:10 s1#1.1",
        "06:10-06:16 f1#2.1 +120s",
        "06:16-06:20 f1#3.1 | slot",
    ]


def test_a_programmes_pause_is_silence_not_filler() -> None:
    held = box(filler("f1", "06:00", 10, "10m"), programme("s1", "06:00", "2m", "2m", pause_ms=30_000))
    assert sounds(held) == ["06:00-06:02 s1#1.1", "06:02:30-06:04:30 s1#1.2", "06:04:30-06:10 f1#1.1 +270s"]


def test_an_emergencys_gap_is_silence_not_programme() -> None:
    held = box(relay("r1", "06:00", 10), orders=(emergency(7, "06:02", repeats=2, gap_s=20),))
    assert sounds(held) == [
        "06:00-06:02 r1#1 | emergency",
        "06:02-06:03 e7#1",
        "06:03:20-06:04:20 e7#2",
        "06:04:20-06:10 r1#1 +260s",
    ]
