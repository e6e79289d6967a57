"""Quiet hours, days and sessions: the shipped templates, how they stack, and what passes them."""

from dataclasses import replace

from protocol.manifest import Hours, Level, Policy, Volume
from protocol.timeline import Holdings, Refusal, RefusalCode, at, plan, refusals_within
from tests.protocol.timeline.house import (
    DAILY,
    HOUR_S,
    NIGHT,
    NIGHT_EARLY_PERMITTED,
    RURAL,
    WARD,
    assignment,
    box,
    clock,
    day_of,
    emergency,
    filler,
    manifest,
    ms,
    priority,
    programme,
    refused,
    relay,
    sounds,
)


def test_no_ordinary_schedule_sounds_at_a_quarter_past_three() -> None:
    held = box(programme("s1", "03:15", "3m"), priority("p1", "03:15", "3m"), relay("r1", "03:00", 60))
    assert sounds(held) == []
    assert refused(held) == ["03:00 r1#1 quiet", "03:15 p1#1.1 quiet", "03:15 s1#1.1 quiet"]


def test_an_emergency_sounds_at_a_quarter_past_three() -> None:
    assert sounds(box(orders=(emergency(7, "03:15", repeats=1),))) == ["03:15-03:16 e7#1"]


def test_between_five_and_six_only_with_the_provinces_permission() -> None:
    early = programme("s1", "05:30", "3m")
    assert sounds(box(early, policies=(NIGHT,))) == []
    assert sounds(box(early, policies=(NIGHT_EARLY_PERMITTED,))) == ["05:30-05:33 s1#1.1"]


def test_a_bulletin_may_end_on_the_stroke_of_nine_in_the_evening_but_not_a_second_later() -> None:
    assert sounds(box(programme("s1", "20:57", "3m"))) == ["20:57-21:00 s1#1.1"]
    assert sounds(box(programme("s1", "20:57", "181s"))) == []


def test_of_a_playlist_what_still_fits_before_quiet_hours_sounds() -> None:
    held = box(programme("s1", "20:50", "6m", "5m", "2m"))
    assert sounds(held) == ["20:50-20:56 s1#1.1", "20:56-20:58 s1#1.3"]
    assert refused(held) == ["20:56 s1#1.2 quiet"]


def test_a_relay_is_faded_where_quiet_hours_begin() -> None:
    held = box(relay("r1", "20:30", 60))
    assert sounds(held) == ["20:30-21:00 r1#1 | quiet"]
    assert refused(held) == ["21:00 r1#1 cut-quiet"]


def test_a_relay_through_the_end_of_quiet_hours_joins_then_at_its_offset() -> None:
    assert sounds(box(relay("r1", "05:30", 60))) == ["06:00-06:30 r1#1 +1800s"]


def test_waiting_does_not_carry_a_bulletin_into_quiet_hours() -> None:
    held = box(programme("s1", "20:00", "58m"), programme("s2", "20:05", "3m"))
    assert sounds(held) == ["20:00-20:58 s1#1.1"]
    assert refused(held) == ["20:58 s2#1.1 quiet"]


def test_what_begins_in_quiet_hours_is_not_kept_for_their_end() -> None:
    held = box(programme("s1", "05:58", "3m", window_s=3600))
    assert sounds(held) == []
    assert refused(held) == ["05:58 s1#1.1 quiet"]


def test_a_ward_has_two_sessions_a_day() -> None:
    held = box(*(programme(f"s{hour}", f"{hour:02}:00", "5m") for hour in (6, 11, 17)), policies=(NIGHT, WARD))
    assert sounds(held) == ["06:00-06:05 s6#1.1", "11:00-11:05 s11#1.1"]
    assert refused(held) == ["17:00 s17#1.1 session-count"]


def test_a_session_of_a_ward_lasts_fifteen_minutes_pauses_included() -> None:
    held = box(programme("s1", "06:00", "7m"), programme("s2", "06:09", "7m"), policies=(NIGHT, WARD))
    assert sounds(held) == ["06:00-06:07 s1#1.1"]
    assert refused(held) == ["06:09 s2#1.1 session-length"]


def test_a_silence_of_five_minutes_ends_a_session() -> None:
    held = box(
        programme("s1", "06:00", "10m"),
        programme("s2", "06:15", "10m"),
        programme("s3", "06:29:59", "5m"),
        policies=(NIGHT, WARD),
    )
    assert sounds(held) == ["06:00-06:10 s1#1.1", "06:15-06:25 s2#1.1"]
    assert refused(held) == ["06:29:59 s3#1.1 session-length"]


def test_a_shorter_bulletin_of_the_same_playlist_takes_the_place_of_one_too_long_for_the_session() -> None:
    held = box(programme("s1", "06:00", "10m", "10m", "4m"), policies=(NIGHT, WARD))
    assert sounds(held) == ["06:00-06:10 s1#1.1", "06:10-06:14 s1#1.3"]
    assert refused(held) == ["06:10 s1#1.2 session-length"]


def test_a_ward_is_silent_at_the_weekend() -> None:
    held = box(programme("s1", "2026-11-20 06:00", "5m", rule=DAILY), policies=(NIGHT, WARD))
    assert [sounds(held, f"2026-11-{day}") != [] for day in range(20, 27)] == [True, False, False, *[True] * 4]
    assert refused(held, "2026-11-21") == ["2026-11-21 06:00 s1#1.1 quiet"]


def test_what_would_run_from_friday_into_a_silent_saturday_does_not_start() -> None:
    weekdays = Policy(Level.COMMUNE, days=0b0011111)
    assert sounds(box(programme("s1", "2026-11-27 23:58", "3m"), policies=(weekdays,)), "2026-11-27") == []


def test_a_silent_day_begins_and_ends_on_the_stroke_of_midnight() -> None:
    weekdays = Policy(Level.COMMUNE, days=0b0011111)
    entries = (relay("r1", "2026-11-27 23:00", 120), relay("r2", "2026-11-29 23:00", 120))
    held = box(*entries, policies=(weekdays,))
    assert sounds(held, "2026-11-27") == ["2026-11-27 23:00-2026-11-28 00:00 r1#1 | quiet"]
    assert sounds(held, "2026-11-28") == sounds(held, "2026-11-29") == []
    assert sounds(held, "2026-11-30") == ["2026-11-30 00:00-2026-11-30 01:00 r2#1 +3600s"]


def test_a_rural_session_is_cut_after_forty_five_minutes() -> None:
    held = box(relay("r1", "06:00", 60), policies=(NIGHT, RURAL))
    assert sounds(held) == ["06:00-06:45 r1#1 | session"]
    assert refused(held) == ["06:45 r1#1 cut-session"]


def test_a_bulletin_may_fill_a_session_to_its_end() -> None:
    assert sounds(box(programme("s1", "06:00", "15m"), policies=(NIGHT, WARD))) == ["06:00-06:15 s1#1.1"]


def test_an_interrupted_bulletin_whose_rest_no_longer_fits_the_session_ends_there() -> None:
    held = box(programme("s1", "06:00", "10m"), priority("p1", "06:04", "6m"), policies=(NIGHT, WARD))
    assert sounds(held) == ["06:00-06:04 s1#1.1 | precedence", "06:04-06:10 p1#1.1"]
    assert refused(held) == ["06:10 s1#1.1 cut-session"]


def test_what_moves_up_for_a_bulletin_too_long_keeps_one_pause_before_it() -> None:
    held = box(programme("s1", "06:00", "10m", "10m", "10m", "4m", pause_ms=5_000), policies=(NIGHT, WARD))
    assert sounds(held) == ["06:00-06:10 s1#1.1", "06:10:05-06:14:05 s1#1.4"]
    repeated = box(programme("s1", "06:00", "4m", "12m", repeats=2, gap_s=60), policies=(NIGHT, WARD))
    assert sounds(repeated) == ["06:00-06:04 s1#1.1", "06:05-06:09 s1#2.1"]


def test_a_repeat_after_five_minutes_is_a_session_of_its_own_and_does_not_move_up() -> None:
    held = box(programme("s1", "06:00", "4m", "12m", repeats=2, gap_s=300), policies=(NIGHT, WARD))
    assert sounds(held) == ["06:00-06:04 s1#1.1", "06:21-06:25 s1#2.1"]


def test_a_relay_that_finds_no_session_left_is_refused_with_its_reason() -> None:
    held = box(
        programme("s1", "06:00", "5m"), programme("s2", "11:00", "5m"), relay("r1", "17:00", 10), policies=(NIGHT, WARD)
    )
    assert sounds(held) == ["06:00-06:05 s1#1.1", "11:00-11:05 s2#1.1"]
    assert day_of(held).refusals == (
        Refusal("r1@2026-11-24T17:00:00#1", "r1", ms("17:00"), RefusalCode.SESSION_COUNT, ms("17:00")),
    )


def test_a_relay_that_comes_back_after_its_session_is_over_stays_out() -> None:
    held = box(relay("r1", "06:00", 60), priority("p1", "06:40", "5m"), policies=(NIGHT, RURAL))
    assert sounds(held) == ["06:00-06:40 r1#1 | precedence", "06:40-06:45 p1#1.1"]
    assert refused(held) == ["06:45 r1#1 cut-session"]


def test_the_refusal_of_a_relay_cut_by_its_session_names_it() -> None:
    assert day_of(box(relay("r1", "06:00", 60), policies=(NIGHT, RURAL))).refusals == (
        Refusal("r1@2026-11-24T06:00:00#1", "r1", ms("06:00"), RefusalCode.CUT_SESSION, ms("06:45")),
    )


def test_an_emergency_makes_a_session_longer_by_itself_and_no_more() -> None:
    held = box(relay("r1", "06:00", 60), policies=(NIGHT, RURAL), orders=(emergency(7, "06:05", tape="6m", repeats=1),))
    assert sounds(held) == ["06:00-06:05 r1#1 | emergency", "06:05-06:11 e7#1", "06:11-06:51 r1#1 +660s | session"]


def test_the_sessions_of_a_day_begin_anew_at_midnight() -> None:
    held = box(
        *(programme(f"s{hour}", f"2026-11-20 {hour:02}:00", "5m", rule=DAILY) for hour in (6, 11, 17)),
        policies=(NIGHT, WARD),
    )
    assert len(sounds(held, "2026-11-24")) == len(sounds(held, "2026-11-25")) == 2


def test_an_emergency_neither_counts_nor_ends_a_session() -> None:
    held = box(
        programme("s1", "06:00", "14m"),
        programme("s2", "11:00", "5m"),
        policies=(NIGHT, WARD),
        orders=(emergency(7, "06:05", tape="6m", repeats=1),),
    )
    assert sounds(held) == [
        "06:00-06:05 s1#1.1 | emergency",
        "06:05-06:11 e7#1",
        "06:11-06:20 s1#1.1 +300s",
        "11:00-11:05 s2#1.1",
    ]


def test_sessions_before_a_restart_count() -> None:
    entries = [programme(f"s{hour}", f"{hour:02}:00", "5m") for hour in (6, 11, 17)]
    finished = frozenset({"s6@2026-11-24T06:00:00#1.1", "s11@2026-11-24T11:00:00#1.1"})
    held = box(*entries, policies=(NIGHT, WARD), awake_ms=ms("15:00"), finished=finished)
    assert sounds(held) == []
    assert refused(held) == ["17:00 s17#1.1 session-count"]


def test_what_was_missed_before_a_restart_took_no_session() -> None:
    entries = [programme(f"s{hour}", f"{hour:02}:00", "5m") for hour in (6, 11, 17)]
    finished = frozenset({"s6@2026-11-24T06:00:00#1.1", "s11@2026-11-24T11:00:00#1.1"})
    heard = ((ms("11:00"), ms("11:05")),)
    held = box(*entries, policies=(NIGHT, WARD), awake_ms=ms("15:00"), finished=finished, heard=heard)
    assert sounds(held) == ["17:00-17:05 s17#1.1"]


def test_where_only_names_of_plays_are_left_their_sessions_are_reckoned_as_planned() -> None:
    entries = (
        relay("r#6", "06:00", 5),
        programme("s0", "00:00", "2m", "3m"),
        programme("s8", "2026-11-23 08:00", "2m", "9m", rule=DAILY, window_s=40_000),
        programme("s17", "17:00", "5m"),
    )

    def left(awake: str, *finished: str) -> list[str]:
        names = frozenset(f"{entry}@2026-11-24T{play}" for entry, play in (name.split(" ") for name in finished))
        held = box(*entries, policies=(WARD,), awake_ms=ms(awake), finished=names)
        return [row.rpartition(" ")[0] for row in refused(held) if row.endswith("session-count")]

    both = ("s8 08:00:00#1.1", "s8 08:00:00#1.2")
    assert left("16:00", *both) == []
    assert left("16:00", "r#6 06:00:00#1", *both) == ["17:00 s17#1.1"]
    assert left("16:00", "s0 00:00:00#1.1", *both) == ["17:00 s17#1.1"]


def test_a_reckoned_session_is_as_long_as_its_plays_were_to_be() -> None:
    entries = (programme("s1", "06:00", "6m", "4m"), programme("s2", "06:12", "4m"), relay("r1", "17:00", 10))
    more = (programme("s3", "17:12", "4m"),)
    finished = frozenset(f"s1@2026-11-24T06:00:00#1.{place}" for place in (1, 2))
    held = box(*entries, *more, policies=(NIGHT, WARD), awake_ms=ms("06:11"), finished=finished)
    assert refused(held) == ["06:12 s2#1.1 session-length", "17:12 s3#1.1 session-length"]
    later = frozenset({*finished, "r1@2026-11-24T17:00:00#1"})
    again = box(*entries, *more, policies=(NIGHT, WARD), awake_ms=ms("17:11"), finished=later)
    assert refused(again)[1:] == ["17:12 s3#1.1 session-length"]


def test_of_a_programme_that_began_yesterday_only_what_came_after_midnight_is_reckoned_to_today() -> None:
    night = programme("s1", "2026-11-24 23:30", "1m", repeats=2, gap_s=3600)
    relayed = relay("r1", "2026-11-24 20:00", 600)
    entries = (*(programme(f"s{hour}", f"2026-11-25 {hour:02}:00", "5m") for hour in (6, 11, 17)), night, relayed)
    finished = {f"s{hour}@2026-11-25T{hour:02}:00:00#1.1" for hour in (6,)}
    finished |= {"s1@2026-11-24T23:30:00#1.1", "s1@2026-11-24T23:30:00#2.1", "r1@2026-11-24T20:00:00#1"}
    held = box(*entries, policies=(WARD,), awake_ms=ms("2026-11-25 10:00"), finished=frozenset(finished))
    assert refused(held, "2026-11-25") == [
        "2026-11-25 11:00 s11#1.1 session-count",
        "2026-11-25 17:00 s17#1.1 session-count",
    ]


def test_a_session_goes_on_through_a_restart() -> None:
    heard = ((ms("06:00"), ms("06:30")),)
    held = box(relay("r1", "06:00", 60), policies=(NIGHT, RURAL), awake_ms=ms("06:32"), heard=heard)
    assert sounds(held) == ["06:32-06:45 r1#1 +1920s | session"]


def test_a_lower_level_can_only_tighten() -> None:
    own = Policy(Level.BOX, quiet=(Hours(11 * HOUR_S, 13 * HOUR_S),), max_session_s=5 * 60, days=0b1111110)
    loose = Policy(Level.COMMUNE, quiet=(Hours(23 * HOUR_S, 4 * HOUR_S),), max_session_s=7200)
    entries = [programme(f"s{hour}", f"2026-11-23 {hour:02}:00", "4m", rule=DAILY) for hour in (6, 12, 22)]
    held = box(*entries, policies=(NIGHT, WARD, loose), assignment=assignment(policy=own))
    assert sounds(held, "2026-11-23") == []
    assert sounds(held, "2026-11-24") == ["06:00-06:04 s6#1.1"]


def test_of_stacked_rules_the_fewest_days_the_fewest_sessions_and_the_shortest_cap_hold() -> None:
    own = Policy(Level.BOX, max_session_s=5 * 60, max_sessions=1, days=0b1111110)
    for policies in ((NIGHT, own, WARD), (NIGHT, WARD, own)):
        entries = [programme(f"s{hour}", f"2026-11-20 {hour:02}:00", "4m", "2m", rule=DAILY) for hour in (6, 11)]
        held = box(*entries, policies=policies)
        heard = [day for day in range(21, 28) if sounds(held, f"2026-11-{day}")]
        assert heard == [24, 25, 26, 27]
        assert sounds(held) == ["06:00-06:04 s6#1.1"]
        assert refused(held) == [
            "06:04 s6#1.2 session-length",
            "11:00 s11#1.1 session-count",
            "11:00 s11#1.2 session-count",
        ]


def test_the_bounds_of_the_roots_hold_beside_the_schedules_own() -> None:
    held = box(programme("s1", "04:00", "3m"), programme("s2", "06:00", "3m"), policies=(), bounds=(NIGHT,))
    assert sounds(held) == ["06:00-06:03 s2#1.1"]


def test_the_lowest_volume_of_any_policy_holds_and_the_calibration_is_added() -> None:
    quieter = Policy(Level.COMMUNE, volume=(Volume(Hours(6 * HOUR_S, 7 * HOUR_S), -60),))
    quietest = Policy(Level.BOX, volume=(Volume(Hours(0, 0), -20), Volume(Hours(6 * HOUR_S, 6 * HOUR_S + 1), -80)))
    held = box(
        programme("s1", "06:00", "3m", gain_cb=-5),
        programme("s2", "08:00", "3m"),
        policies=(NIGHT, quieter),
        assignment=assignment(policy=quietest, gain_cb=-7),
        orders=(emergency(7, "12:00", repeats=1),),
    )
    gains = [row.gain_cb for row in plan(held, ms("06:00"), ms("13:00")).segments]
    assert gains == [-5 - 80 - 7, -20 - 7, 0]


def test_without_an_assignment_there_is_no_calibration() -> None:
    row = at(box(programme("s1", "06:00", "3m", gain_cb=-5), assignment=None), ms("06:00"))
    assert row is not None
    assert row.gain_cb == -5


def test_sound_that_runs_into_a_quieter_period_is_as_quiet_from_its_start() -> None:
    quieter = Policy(Level.COMMUNE, volume=(Volume(Hours(12 * HOUR_S, 13 * HOUR_S), -60),))
    row = at(box(relay("r1", "11:00", 120), policies=(NIGHT, quieter)), ms("11:30"))
    assert row is not None
    assert row.gain_cb == -60


def test_a_quieter_period_holds_neither_for_what_ends_as_it_begins_nor_for_what_begins_as_it_ends() -> None:
    quieter = Policy(Level.COMMUNE, volume=(Volume(Hours(12 * HOUR_S, 13 * HOUR_S), -60),))
    held = box(*(programme(f"s{n}", moment, "3m") for n, moment in enumerate(("11:57", "12:57", "13:00"))))
    rows = day_of(replace(held, bounds=(quieter,))).segments
    assert [row.gain_cb for row in rows] == [0, -60, 0]


def test_where_a_clock_is_put_back_quiet_hours_begin_at_the_first_reading_and_end_at_the_last() -> None:
    night = Policy(Level.PROVINCE, quiet=(Hours(2 * HOUR_S + 1800, 2 * HOUR_S + 2700),))
    rows = manifest(relay("r1", "2026-10-25 01:00", 240), policies=(night,), zone="Europe/Berlin")
    found = plan(Holdings(rows, None), ms("2026-10-25 00:00"), ms("2026-10-26 00:00")).segments
    # 02:30 in summer time is 00:30 UTC, 02:45 in winter time 01:45: 07:30 and 08:45 in Vietnam.
    before, after = found
    assert (clock(before.end_ms), clock(after.start_ms)) == ("2026-10-25 07:30", "2026-10-25 08:45")


def test_a_filler_leaves_a_session_like_everything_else() -> None:
    held = box(filler("f1", "06:00", 60, "10m"), policies=(NIGHT, WARD))
    assert sounds(held) == ["06:00-06:10 f1#1.1", "06:10-06:15 f1#2.1 | session"]


def test_whoever_makes_a_schedule_is_told_what_every_box_would_refuse() -> None:
    made = manifest(programme("s1", "03:15", "3m", rule=DAILY), programme("s2", "06:00", "3m", rule=DAILY))
    found = refusals_within(made, ms("00:00"), days=3)
    assert [clock(row.at_ms) for row in found] == ["03:15", "2026-11-25 03:15", "2026-11-26 03:15"]
    own = Policy(Level.BOX, quiet=(Hours(6 * HOUR_S, 7 * HOUR_S),))
    assert len(refusals_within(made, ms("00:00"), days=3, policy=own)) == 6
