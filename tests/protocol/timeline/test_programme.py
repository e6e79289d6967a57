"""Programmes: one after the other, priority first, windows, repeats, and what an interruption does."""

from protocol.priority import Precedence, Rank
from protocol.timeline import Holdings, Lock, Refusal, RefusalCode, at
from tests.protocol.timeline.house import (
    DAILY,
    assignment,
    box,
    clock,
    day_of,
    emergency,
    ms,
    priority,
    programme,
    refused,
    relay,
    sounds,
)


def test_a_playlist_sounds_in_its_order_with_its_pauses() -> None:
    assert sounds(box(programme("s1", "06:00", "3m", "2m", "90s", pause_ms=2_000))) == [
        "06:00-06:03 s1#1.1",
        "06:03:02-06:05:02 s1#1.2",
        "06:05:04-06:06:34 s1#1.3",
    ]


def test_repeats_come_with_their_gap() -> None:
    assert sounds(box(programme("s1", "06:00", "1m", repeats=3, gap_s=30))) == [
        "06:00-06:01 s1#1.1",
        "06:01:30-06:02:30 s1#2.1",
        "06:03-06:04 s1#3.1",
    ]


def test_a_long_gap_between_repeats_leaves_the_speakers_to_others() -> None:
    held = box(programme("s1", "06:00", "2m", repeats=2, gap_s=3600), programme("s2", "06:30", "3m"))
    assert sounds(held) == ["06:00-06:02 s1#1.1", "06:30-06:33 s2#1.1", "07:02-07:04 s1#2.1"]


def test_a_short_gap_is_silence_even_if_somebody_waits() -> None:
    held = box(programme("s1", "06:00", "2m", repeats=2, gap_s=60), programme("s2", "06:01", "3m"))
    assert sounds(held) == ["06:00-06:02 s1#1.1", "06:03-06:05 s1#2.1", "06:05-06:08 s2#1.1"]


def test_of_two_that_start_together_the_commune_says_which_goes_first() -> None:
    held = box(programme("s1", "06:00", "3m", commune_order=2), programme("s2", "06:00", "4m", commune_order=1))
    assert sounds(held) == ["06:00-06:04 s2#1.1", "06:04-06:07 s1#1.1"]
    turned = box(programme("s1", "06:00", "3m", commune_order=1), programme("s2", "06:00", "4m", commune_order=2))
    assert sounds(turned) == ["06:00-06:03 s1#1.1", "06:03-06:07 s2#1.1"]


def test_a_programme_waits_for_the_one_before_and_is_not_lost_however_long_that_takes() -> None:
    held = box(programme("s1", "06:00", "40m"), programme("s2", "06:05", "2m"), programme("s3", "06:06", "2m"))
    assert sounds(held) == ["06:00-06:40 s1#1.1", "06:40-06:42 s2#1.1", "06:42-06:44 s3#1.1"]
    assert refused(held) == []


def test_priority_interrupts_an_ordinary_bulletin_which_then_goes_on_where_it_was() -> None:
    held = box(programme("s1", "06:00", "10m"), priority("p1", "06:04", "3m"))
    assert sounds(held) == ["06:00-06:04 s1#1.1 | precedence", "06:04-06:07 p1#1.1", "06:07-06:13 s1#1.1 +240s"]


def test_priority_that_starts_together_with_ordinary_goes_first() -> None:
    held = box(programme("a", "06:00", "3m", commune_order=0), priority("z", "06:00", "2m", commune_order=9))
    assert sounds(held) == ["06:00-06:02 z#1.1", "06:02-06:05 a#1.1"]


def test_priority_does_not_interrupt_priority() -> None:
    held = box(priority("p1", "06:00", "10m", commune_order=5), priority("p2", "06:04", "3m", commune_order=0))
    assert sounds(held) == ["06:00-06:10 p1#1.1", "06:10-06:13 p2#1.1"]


def test_a_priority_bulletin_that_may_not_start_interrupts_nobody() -> None:
    held = box(programme("s1", "20:50", "8m"), priority("p1", "20:55", "6m"))
    assert sounds(held) == ["20:50-20:58 s1#1.1"]
    assert refused(held) == ["20:55 p1#1.1 quiet"]


def test_a_bulletin_interrupted_for_more_than_half_an_hour_ends_there_and_the_programme_goes_on() -> None:
    held = box(programme("s1", "06:00", "10m", "2m"), priority("p1", "06:04", "31m"))
    assert sounds(held) == ["06:00-06:04 s1#1.1 | precedence", "06:04-06:35 p1#1.1", "06:35-06:37 s1#1.2"]
    assert refused(held) == ["06:34 s1#1.1 cut-interrupted"]


def test_a_bulletin_interrupted_for_exactly_half_an_hour_goes_on() -> None:
    held = box(programme("s1", "06:00", "10m"), priority("p1", "06:04", "30m"))
    assert sounds(held)[-1] == "06:34-06:40 s1#1.1 +240s"


def test_a_bulletin_interrupted_for_a_millisecond_more_does_not_go_on() -> None:
    lock = Lock(ms("06:04"), ms("06:34") + 1, "thợ đang làm việc")
    held = box(programme("s1", "06:00", "10m"), locks=(lock,))
    assert sounds(held) == ["06:00-06:04 s1#1.1 | stopped"]
    assert day_of(held).refusals == (
        Refusal("s1@2026-11-24T06:00:00#1.1", "s1", ms("06:00"), RefusalCode.CUT_INTERRUPTED, ms("06:34") + 1),
    )


def test_an_interrupted_bulletin_whose_rest_no_longer_fits_ends_there() -> None:
    held = box(programme("s1", "20:40", "15m"), priority("p1", "20:45", "10m"))
    assert sounds(held) == ["20:40-20:45 s1#1.1 | precedence", "20:45-20:55 p1#1.1"]
    assert refused(held) == ["20:55 s1#1.1 cut-quiet"]


def test_a_box_that_wakes_inside_the_window_plays_the_bulletin_from_its_beginning() -> None:
    held = box(programme("s1", "06:00", "3m"), awake_ms=ms("06:05"))
    assert sounds(held) == ["06:05-06:08 s1#1.1"]


def test_a_box_that_wakes_after_the_window_leaves_it_out_and_says_so() -> None:
    held = box(programme("s1", "06:00", "3m"), awake_ms=ms("06:05:01"))
    assert sounds(held) == []
    assert refused(held) == ["06:05:01 s1#1.1 late"]


def test_the_window_is_over_a_millisecond_after_it() -> None:
    held = box(programme("s1", "06:00", "3m"), awake_ms=ms("06:05") + 1)
    assert sounds(held) == []


def test_a_box_that_wakes_after_midnight_still_plays_what_the_window_of_yesterday_lets() -> None:
    entries = (programme("s1", "2026-11-23 23:00", "3m", window_s=7200), programme("s2", "2026-11-23 22:00", "3m"))
    assert sounds(box(*entries, policies=(), awake_ms=ms("00:30"))) == ["00:30-00:33 s1#1.1"]
    assert sounds(box(*entries, policies=(), awake_ms=ms("01:00"))) == ["01:00-01:03 s1#1.1"]


def test_the_programmes_of_today_that_a_box_missed_are_told_from_midnight_on() -> None:
    held = box(
        programme("s1", "00:00", "1m"),
        programme("s2", "2026-11-23 23:30", "1m", repeats=2, gap_s=3600),
        programme("s3", "2026-11-23 23:59", "1m"),
        policies=(),
        awake_ms=ms("09:00"),
    )
    assert refused(held) == ["09:00 s1#1.1 late", "09:00 s2#2.1 late"]


def test_a_box_that_wakes_after_midnight_joins_the_long_programme_of_the_evening() -> None:
    held = box(programme("s1", "2026-11-23 23:30", *["10m"] * 7), policies=(), awake_ms=ms("00:31"))
    assert sounds(held) == ["00:31-00:41 s1#1.7"]


def test_what_was_missed_yesterday_is_told_while_its_window_could_have_reached_and_no_longer() -> None:
    entry = programme("s1", "2026-11-23 22:00", "3m", window_s=7200)
    assert refused(box(entry, policies=(), awake_ms=ms("00:03"))) == ["00:03 s1#1.1 late"]
    assert refused(box(entry, policies=(), awake_ms=ms("00:03:01"))) == []


def test_the_window_is_the_entrys_own() -> None:
    held = box(programme("s1", "06:00", "3m", window_s=1200), awake_ms=ms("06:20"))
    assert sounds(held) == ["06:20-06:23 s1#1.1"]


def test_a_box_that_wakes_in_the_middle_of_a_programme_joins_it_at_the_bulletins_still_inside_their_window() -> None:
    held = box(programme("s1", "06:00", "10m", "4m", "3m", "2m"), awake_ms=ms("06:16"))
    assert sounds(held) == ["06:16-06:19 s1#1.3", "06:19-06:21 s1#1.4"]
    assert refused(held) == ["06:16 s1#1.1 late", "06:16 s1#1.2 late"]


def test_a_lost_bulletin_keeps_its_time_so_the_next_ones_do_not_come_early() -> None:
    held = box(programme("s1", "06:00", "1m", "10m", "2m"), awake_ms=ms("06:07"))
    assert sounds(held) == ["06:11-06:13 s1#1.3"]


def test_a_bulletin_is_told_as_late_a_millisecond_after_its_window() -> None:
    lock = Lock(ms("05:00"), ms("07:00"), "thợ đang làm việc")
    assert day_of(box(programme("s1", "06:00", "3m"), locks=(lock,))).refusals == (
        Refusal("s1@2026-11-24T06:00:00#1.1", "s1", ms("06:00"), RefusalCode.LATE, ms("06:05") + 1),
    )


def test_a_bulletin_waits_behind_others_and_not_behind_the_interrupted_one_before_it() -> None:
    entries = (
        programme("s0", "06:00", "20m", commune_order=0),
        programme("s1", "06:00", "10m", "2m", commune_order=1, window_s=3600),
    )
    for until, rest in (("07:20", ["07:20-07:22 s1#1.2"]), ("07:22", [])):
        held = box(*entries, locks=(Lock(ms("06:25"), ms(until), "thợ đang làm việc"),))
        assert sounds(held) == ["06:00-06:20 s0#1.1", "06:20-06:25 s1#1.1 | stopped", *rest]


def test_a_programme_that_starts_late_keeps_its_pauses() -> None:
    held = box(programme("s0", "06:00", "10m"), programme("s1", "06:02", "1m", "1m", pause_ms=10_000))
    assert sounds(held) == ["06:00-06:10 s0#1.1", "06:10-06:11 s1#1.1", "06:11:10-06:12:10 s1#1.2"]


def test_where_the_next_bulletin_is_five_minutes_away_the_speakers_are_others_till_then() -> None:
    other = programme("s2", "06:15", "1m")
    near = box(programme("s1", "06:00", "1m", "19m", "2m"), other, awake_ms=ms("06:15") + 1)
    far = box(programme("s1", "06:00", "1m", "19m", "2m"), other, awake_ms=ms("06:15"))
    assert sounds(near) == ["06:20-06:22 s1#1.3", "06:22-06:23 s2#1.1"]
    assert sounds(far) == ["06:15-06:16 s2#1.1", "06:20-06:22 s1#1.3"]


def test_what_was_missed_days_ago_is_not_told_again_at_every_start() -> None:
    held = box(programme("s1", "2026-11-01 06:00", "3m", rule=DAILY), awake_ms=ms("05:00"))
    assert sounds(held) == ["06:00-06:03 s1#1.1"]
    assert refused(held) == []


def test_a_short_emergency_interrupts_and_the_bulletin_goes_on() -> None:
    held = box(programme("s1", "06:00", "10m"), orders=(emergency(7, "06:02", repeats=2, gap_s=10),))
    assert sounds(held) == [
        "06:00-06:02 s1#1.1 | emergency",
        "06:02-06:03 e7#1",
        "06:03:10-06:04:10 e7#2",
        "06:04:10-06:12:10 s1#1.1 +120s",
    ]


def test_an_emergency_does_not_extend_the_window_of_what_it_delays() -> None:
    held = box(programme("s1", "06:00", "3m"), orders=(emergency(7, "05:58", tape="5m", repeats=2),))
    assert sounds(held) == ["05:58-06:03 e7#1", "06:03:05-06:08:05 e7#2"]
    assert refused(held) == ["06:05 s1#1.1 late"]


def test_what_an_emergency_made_late_is_not_revived_by_the_programme_after_it() -> None:
    held = box(
        programme("s1", "06:00", "3m"),
        priority("p1", "06:07", "3m"),
        orders=(emergency(7, "05:59", tape="9m", repeats=1),),
    )
    assert sounds(held) == ["05:59-06:08 e7#1", "06:08-06:11 p1#1.1"]
    assert refused(held) == ["06:05 s1#1.1 late"]


def test_what_begins_after_midnight_interrupts_what_began_before_it() -> None:
    held = box(programme("s1", "23:50", "20m"), priority("p1", "2026-11-25 00:05", "1m"), policies=())
    row = at(held, ms("23:55"))
    assert row is not None
    assert clock(row.end_ms) == "2026-11-25 00:05"
    relayed = at(box(relay("r1", "23:00", 120), priority("p1", "2026-11-25 00:30", "1m"), policies=()), ms("23:55"))
    assert relayed is not None
    assert clock(relayed.end_ms) == "2026-11-25 00:30"


def test_a_lock_stops_the_programme_and_a_short_one_lets_it_go_on() -> None:
    lock = Lock(ms("06:02"), ms("06:12"), "thợ đang làm việc")
    assert sounds(box(programme("s1", "06:00", "10m"), locks=(lock,))) == [
        "06:00-06:02 s1#1.1 | stopped",
        "06:12-06:20 s1#1.1 +120s",
    ]


def test_a_lock_without_end_keeps_everything_silent_but_an_emergency() -> None:
    held = box(
        programme("s1", "06:00", "10m", "1m"),
        programme("s2", "17:00", "3m"),
        locks=(Lock(ms("06:02"), None, "thợ đang làm việc"),),
        orders=(emergency(7, "10:00", repeats=1),),
    )
    assert sounds(held) == ["06:00-06:02 s1#1.1 | stopped", "10:00-10:01 e7#1"]
    assert refused(held) == ["06:32 s1#1.1 cut-interrupted", "06:32 s1#1.2 late", "17:05 s2#1.1 late"]


def test_nothing_scheduled_sounds_after_the_assignment_has_run_out() -> None:
    held = box(
        programme("s1", "06:00", "3m"),
        programme("s2", "06:08", "3m"),
        relay("r1", "05:00", 120),
        policies=(),
        assignment=assignment(valid_until=ms("06:10") // 1000),
    )
    assert sounds(held) == ["05:00-06:10 r1#1 | validity"]
    assert refused(held) == ["06:10 r1#1 cut-validity", "06:10 s1#1.1 validity", "06:10 s2#1.1 validity"]


def test_what_was_planned_for_after_the_assignment_is_refused_with_it() -> None:
    held = box(
        programme("s1", "06:10", "3m"),
        programme("s2", "07:00", "3m", "2m"),
        policies=(),
        assignment=assignment(valid_until=ms("06:10") // 1000),
    )
    assert refused(held) == ["06:10 s1#1.1 validity", "07:00 s2#1.1 validity", "07:00 s2#1.2 validity"]


def test_a_refusal_says_for_when_each_bulletin_was_planned() -> None:
    rows = day_of(box(programme("s1", "03:00", "3m", "2m"))).refusals
    assert [(row.cause, clock(row.planned_ms), clock(row.at_ms)) for row in rows] == [
        ("s1", "03:00", "03:00"),
        ("s1", "03:03", "03:00"),
    ]


def test_a_segment_says_all_that_a_player_needs() -> None:
    held = box(programme("s1", "06:00", "3m", "2m", gain_cb=-10, commune_order=4))
    row = at(held, ms("06:03:30"))
    assert row is not None
    assert (row.play, row.cause, row.bulletin) == ("s1@2026-11-24T06:00:00#1.2", "s1", "2m")
    assert (clock(row.planned_ms), row.offset_ms, row.gain_cb, row.station) == ("06:03", 0, -10, None)
    assert row.precedence == Precedence(Rank.ORDINARY, 0, 0, -ms("06:00"), -4, "s1@2026-11-24T06:00:00")


def test_a_segment_that_is_cut_fades_out_and_one_that_ends_by_itself_does_not() -> None:
    rows = day_of(box(programme("s1", "06:00", "10m"), priority("p1", "06:04", "3m"))).segments
    assert [row.fade_out for row in rows] == [True, False, False]


def test_a_date_added_before_the_first_sounds_too() -> None:
    held = box(programme("s1", "2026-11-25 06:00", "3m", added=("2026-11-24T07:00:00",)))
    assert sounds(held) == ["07:00-07:03 s1#1.1"]


def test_what_is_late_keeps_the_time_for_which_it_was_planned() -> None:
    held = box(programme("s1", "06:00", "10m"), programme("s2", "06:05", "1m"))
    assert [clock(row.planned_ms) for row in day_of(held).segments] == ["06:00", "06:05"]


def test_without_a_manifest_only_orders_sound() -> None:
    held = Holdings(None, None, orders=(emergency(7, "03:00", repeats=1),))
    assert sounds(held) == ["03:00-03:01 e7#1"]
