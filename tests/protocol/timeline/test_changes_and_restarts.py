"""Holdings that change while something sounds, and boxes that start again: nothing twice, nothing torn."""

from dataclasses import replace

from protocol.manifest import Entry, Hours, Level, Policy
from protocol.timeline import Carry, Holdings, Lock, Segment, at, next_change, plan
from tests.protocol.timeline.house import (
    DAILY,
    HOUR_S,
    NIGHT,
    RURAL,
    box,
    clock,
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


def sounding(holdings: Holdings, moment: str) -> Segment:
    row = at(holdings, ms(moment))
    assert row is not None
    return row


def taken_over(old: Holdings, moment: str, *entries: Entry, finished: frozenset[str] = frozenset()) -> Holdings:
    """New holdings adopted at this moment, while something of the old ones sounds."""
    return replace(
        box(*entries),
        awake_ms=ms(moment),
        finished=finished,
        carry=Carry(sounding(old, moment)),
    )


def test_when_the_schedule_changes_what_sounds_ends_as_it_was_and_the_new_begins_after_it() -> None:
    old = box(programme("s1", "06:00", "10m"))
    new = taken_over(old, "06:04", programme("s2", "06:05", "3m"))
    assert at(new, ms("06:04")) == at(old, ms("06:03"))
    assert sounds(new) == ["06:00-06:10 s1#1.1", "06:10-06:13 s2#1.1"]


def test_what_goes_on_is_not_started_again_by_the_new_schedule() -> None:
    old = box(programme("s1", "06:00", "4m", "2m"))
    new = taken_over(old, "06:02", programme("s1", "06:00", "4m", "2m"), programme("s2", "09:00", "1m"))
    assert sounds(new) == ["06:00-06:04 s1#1.1", "06:04-06:06 s1#1.2", "09:00-09:01 s2#1.1"]


def test_what_had_ended_is_not_repeated_by_the_new_schedule() -> None:
    old = box(programme("s1", "06:00", "2m", "4m"))
    finished = frozenset({"s1@2026-11-24T06:00:00#1.1"})
    new = taken_over(old, "06:03", programme("s1", "06:00", "2m", "4m"), finished=finished)
    assert sounds(new) == ["06:02-06:06 s1#1.2"]


def test_what_goes_on_is_the_same_before_and_after_an_interruption_but_for_its_times() -> None:
    old = box(programme("s#1", "06:00", "10m", gain_cb=-10))
    new = taken_over(old, "06:02", priority("p1", "06:05", "3m"))
    first, _, rest = plan(new, ms("06:00"), ms("07:00")).segments
    assert first.play == rest.play == "s#1@2026-11-24T06:00:00#1.1"
    assert first == replace(rest, start_ms=first.start_ms, end_ms=first.end_ms, offset_ms=0, cut=first.cut)


def test_what_was_to_be_cut_goes_on_whole_where_the_new_schedule_does_not_cut_it() -> None:
    old = box(programme("s1", "06:00", "10m"), priority("p1", "06:05", "3m"))
    new = taken_over(old, "06:02", programme("s1", "06:00", "10m"))
    assert sounds(new) == ["06:00-06:10 s1#1.1"]


def test_what_has_just_begun_when_the_schedule_changes_goes_on_and_what_has_just_ended_does_not() -> None:
    old = box(programme("s1", "06:00", "10m"))
    assert sounds(taken_over(old, "06:00", programme("s2", "09:00", "1m"))) == [
        "06:00-06:10 s1#1.1",
        "09:00-09:01 s2#1.1",
    ]
    carry = Carry(sounding(old, "06:05"))
    for moment, then in (("06:10", "06:11-06:12 s2#1.1"), ("06:12", "06:12-06:13 s2#1.1")):
        assert sounds(replace(box(programme("s2", "06:11", "1m")), awake_ms=ms(moment), carry=carry)) == [then]


def test_new_quiet_hours_that_have_begun_silence_at_once_what_sounds() -> None:
    old = box(programme("s1", "06:00", "10m"))
    dawn = Policy(Level.COMMUNE, quiet=(Hours(5 * HOUR_S, 7 * HOUR_S),))
    new = replace(taken_over(old, "06:02"), manifest=manifest(policies=(NIGHT, dawn)))
    assert at(new, ms("06:02")) is None
    assert refused(new) == ["06:02 s1#1.1 cut-quiet"]


def test_what_goes_on_still_gives_way_to_priority_and_comes_back() -> None:
    old = box(programme("s1", "06:00", "10m"))
    new = taken_over(old, "06:02", priority("p1", "06:05", "3m"))
    assert sounds(new) == ["06:00-06:05 s1#1.1 | precedence", "06:05-06:08 p1#1.1", "06:08-06:13 s1#1.1 +300s"]


def test_what_goes_on_gives_way_to_an_emergency_and_comes_back() -> None:
    old = box(programme("s1", "06:00", "10m"))
    new = replace(taken_over(old, "06:02"), orders=(emergency(7, "06:02", repeats=1),))
    assert sounds(new) == ["06:02-06:03 e7#1", "06:03-06:11 s1#1.1 +120s"]


def test_a_relay_that_goes_on_ends_with_its_old_slot() -> None:
    old = box(relay("r1", "06:00", 30))
    new = taken_over(old, "06:10", relay("r2", "06:00", 60))
    assert sounds(new) == ["06:00-06:30 r1#1", "06:30-07:00 r2#1 +1800s"]


def test_a_slot_that_goes_on_is_the_same_before_and_after_an_interruption_but_for_its_times() -> None:
    for slot in (relay("r1", "06:00", 30, "3m", gain_cb=-10), filler("r1", "06:00", 30, "20m", gain_cb=-10)):
        new = taken_over(box(slot), "06:02", priority("p1", "06:05", "3m"))
        first, _, rest = plan(new, ms("06:00"), ms("07:00")).segments
        assert first == replace(rest, start_ms=first.start_ms, end_ms=first.end_ms, offset_ms=0, cut=first.cut)
        assert (clock(first.start_ms), clock(rest.start_ms), rest.offset_ms) == ("06:00", "06:08", 480_000)


def test_what_was_to_cut_a_slot_that_goes_on_still_cuts_it() -> None:
    old = box(filler("f1", "06:00", 6, "10m"))
    assert sounds(taken_over(old, "06:02")) == ["06:00-06:06 f1#1.1 | slot"]
    capped = replace(taken_over(box(relay("r1", "06:00", 60)), "06:02"), manifest=manifest(policies=(NIGHT, RURAL)))
    assert sounds(capped) == ["06:00-06:45 r1#1 | session"]


def test_a_fillers_bulletin_that_goes_on_ends_and_the_new_programme_follows() -> None:
    old = box(filler("f1", "06:00", 60, "10m"))
    new = taken_over(old, "06:05", programme("s1", "06:20", "3m"))
    assert sounds(new) == ["06:00-06:10 f1#1.1", "06:20-06:23 s1#1.1"]


def test_new_quiet_hours_fade_what_goes_on() -> None:
    old = box(programme("s1", "06:00", "10m"))
    noon = Policy(Level.COMMUNE, quiet=(Hours(6 * HOUR_S + 300, 7 * HOUR_S),))
    new = replace(taken_over(old, "06:02"), manifest=manifest(policies=(NIGHT, noon)))
    assert sounds(new) == ["06:00-06:05 s1#1.1 | quiet"]
    assert refused(new) == ["06:05 s1#1.1 cut-quiet"]


def test_an_emergency_pass_goes_on_through_a_change_of_schedule() -> None:
    order = emergency(7, "06:00", repeats=2, gap_s=10)
    old = box(orders=(order,))
    new = replace(taken_over(old, "06:00:30", programme("s1", "06:01", "3m")), orders=(order,))
    assert at(new, ms("06:00:30")) == at(old, ms("06:00:20"))
    assert sounds(new) == ["06:00-06:01 e7#1", "06:01:10-06:02:10 e7#2", "06:02:10-06:05:10 s1#1.1"]


def test_a_cancelled_pass_does_not_go_on() -> None:
    old = box(orders=(emergency(7, "06:00"),))
    new = replace(taken_over(old, "06:00:30"), orders=(emergency(7, "06:00", ended="06:00:30"),))
    assert sounds(new) == []


def test_after_a_restart_finished_bulletins_do_not_come_again() -> None:
    finished = frozenset({"s1@2026-11-24T06:00:00#1.1"})
    held = box(programme("s1", "06:00", "2m", "3m"), awake_ms=ms("06:03"), finished=finished)
    assert sounds(held) == ["06:03-06:06 s1#1.2"]


def test_a_clock_that_jumps_ahead_brings_no_burst() -> None:
    held = box(programme("s1", "2026-01-01 06:00", "3m", rule=DAILY), awake_ms=ms("06:30"))
    assert sounds(held) == []
    assert sounds(held, "2026-11-25") == ["2026-11-25 06:00-2026-11-25 06:03 s1#1.1"]


def test_nothing_is_known_before_the_box_was_awake() -> None:
    held = box(relay("r1", "06:00", 60), awake_ms=ms("06:30"))
    assert at(held, ms("06:29:59")) is None
    assert next_change(held, ms("06:10")) == ms("06:30")


def test_the_next_change_is_the_next_thing_to_begin_or_end_or_be_refused() -> None:
    held = box(programme("s1", "06:00", "3m"), programme("s2", "20:59", "3m"))
    moments = ["05:00"]
    now = ms("05:00")
    while (then := next_change(held, now)) is not None:
        now = then
        moments.append(clock(now))
    assert moments == ["05:00", "06:00", "06:03", "20:59"]


def test_an_order_for_later_is_the_next_change() -> None:
    held = box(orders=(emergency(7, "03:00", not_before="04:00", repeats=1),))
    assert next_change(held, ms("03:00")) == ms("04:00")


def test_nothing_changes_in_a_box_that_holds_nothing() -> None:
    empty = Holdings(None, None)
    assert next_change(empty, ms("06:00")) is None
    assert at(empty, ms("06:00")) is None
    assert plan(empty, 0, ms("06:00")).segments == ()


def test_a_lock_for_years_is_planned_at_once() -> None:
    held = box(programme("s1", "2020-01-01 06:00", "3m", rule=DAILY), locks=(Lock(0, None, "tháo loa"),))
    assert sounds(held) == []
    assert refused(held) == ["06:05 s1#1.1 late"]


def test_where_no_night_is_quiet_a_programme_of_weeks_ago_still_plans_the_same() -> None:
    entries = [programme(f"s{n}", f"2026-10-20 {n:02}:30", "50m", rule=DAILY) for n in range(24)]
    held = box(*entries, policies=())
    assert len(sounds(held)) == 25
    assert sounds(held)[:2] == ["2026-11-23 23:30-00:20 s23#1.1", "00:30-01:20 s0#1.1"]
