"""The edges of a question: what is told of a stretch of time, at a midnight, in another zone, and no more than that."""

from dataclasses import replace

from protocol.manifest import Hours, Level, Policy, Volume
from protocol.policy import Stretch
from protocol.timeline import HORIZON_MS, Holdings, at, next_change, plan, refusals_within
from tests.protocol.timeline.house import (
    DAILY,
    HOUR_S,
    NIGHT,
    box,
    clock,
    emergency,
    manifest,
    ms,
    priority,
    programme,
    refused,
    relay,
    said,
    sounds,
)

BERLIN = 6 * HOUR_S * 1000
"""So much later than in Vietnam a clock in Berlin shows the same time, in winter."""


def told(held: Holdings, from_: str, to: str) -> list[str]:
    found = plan(held, ms(from_), ms(to))
    return [said(row) for row in found.segments] + [f"{clock(row.at_ms)} {row.code.value}" for row in found.refusals]


def in_berlin(held: Holdings) -> Holdings:
    assert held.manifest is not None
    rows = held.manifest
    return replace(held, manifest=manifest(*rows.entries, policies=rows.policies, zone="Europe/Berlin"))


def test_what_ends_as_the_question_begins_or_begins_as_it_ends_is_not_part_of_the_answer() -> None:
    held = box(
        programme("s0", "2026-11-23 07:00", "1m"),
        programme("s1", "06:00", "10m"),
        programme("s2", "20:59", "3m"),
        orders=(emergency(7, "08:00", repeats=1),),
    )
    assert told(held, "06:10", "08:00") == []
    assert told(held, "05:00", "06:00") == []
    assert told(held, "08:01", "20:59") == []
    assert told(held, "06:09:59", "08:00:01") == ["06:00-06:10 s1#1.1", "08:00-08:01 e7#1"]


def test_a_millisecond_before_its_start_nothing_sounds() -> None:
    held = box(programme("s1", "06:00", "3m"), orders=(emergency(7, "08:00", repeats=1),))
    for moment in ("06:00", "08:00"):
        assert at(held, ms(moment) - 1) is None
        assert at(held, ms(moment)) is not None
    assert at(held, ms("06:03")) is None
    assert at(held, ms("08:01")) is None


def test_a_bulletin_at_midnight_is_told_once_and_not_lost() -> None:
    held = box(programme("s1", "23:50", "1m"), programme("s2", "2026-11-25 00:00", "1m"), policies=())
    assert told(held, "00:00", "2026-11-26 00:00") == [
        "23:50-23:51 s1#1.1",
        "2026-11-25 00:00-2026-11-25 00:01 s2#1.1",
    ]


def test_an_answer_does_not_end_where_the_planner_cuts_its_calendar_into_blocks() -> None:
    for day in (f"2026-11-{number:02}" for number in range(2, 31)):
        (row,) = plan(box(programme("s1", f"{day} 06:00", "3m")), ms(f"{day} 06:00"), ms(f"{day} 07:00")).segments
        assert clock(row.start_ms).endswith("06:00")
    for day, night in ((f"2026-11-{number:02}", f"2026-11-{number + 1:02}") for number in range(2, 30)):
        rows = (programme("s1", f"{day} 23:50", "20m"), priority("p1", f"{night} 00:05", "1m"))
        first = at(box(*rows, policies=()), ms(f"{day} 23:55"))
        assert first is not None
        assert first.end_ms == ms(f"{night} 00:05")


def test_a_session_that_goes_on_after_two_silent_minutes_at_midnight_is_the_same_wherever_one_asks() -> None:
    short = Policy(Level.PROVINCE, quiet=(Hours(24 * HOUR_S - 60, 60),), max_session_s=15 * 60)
    entries = (programme("s1", "23:49", "10m"), programme("s2", "2026-11-25 00:01", "4m"))
    assert told(box(*entries, policies=(short,)), "00:00", "2026-11-25 12:00") == [
        "23:49-23:59 s1#1.1",
        "2026-11-25 00:01 session-length",
    ]
    assert told(box(*entries, policies=(short,)), "2026-11-25 00:00", "2026-11-25 12:00") == [
        "2026-11-25 00:01 session-length"
    ]


def test_the_next_change_is_an_orders_when_that_comes_before_the_programme() -> None:
    held = box(programme("s1", "10:00", "3m"), orders=(emergency(7, "08:00", repeats=1),))
    moments = [next_change(held, ms(moment)) for moment in ("07:00", "08:00", "08:01", "10:00", "10:03")]
    assert moments == [ms("08:00"), ms("08:01"), ms("10:00"), ms("10:03"), None]


def test_the_next_change_is_looked_for_within_45_days() -> None:
    held = box(orders=(emergency(7, "2027-01-08 10:00", repeats=1),))
    assert next_change(held, ms("2027-01-08 10:00") - HORIZON_MS) == ms("2027-01-08 10:00")
    assert next_change(held, ms("2027-01-08 10:00") - HORIZON_MS - 1) is None


def test_whoever_makes_a_schedule_is_told_of_45_days() -> None:
    made = manifest(programme("s1", "2026-12-01 03:15", "3m", rule=DAILY))
    found = refusals_within(made, ms("2026-12-01 00:00"))
    assert len(found) == 45
    assert clock(found[-1].at_ms) == "2027-01-14 03:15"


def test_whoever_asks_for_one_box_is_told_of_its_relays_too() -> None:
    own = Policy(Level.BOX, quiet=(Hours(6 * HOUR_S, 7 * HOUR_S),))
    (found,) = refusals_within(manifest(relay("r1", "05:50", 30)), ms("00:00"), days=1, policy=own)
    assert (found.cause, found.code.value) == ("r1", "quiet")


def test_an_exception_of_the_province_lets_scheduled_sound_pass_quiet_hours_and_not_a_second_more() -> None:
    held = box(programme("s1", "04:00", "3m"), programme("s2", "04:10", "3m"), relay("r1", "23:30", 60))
    excepted = replace(
        held,
        exceptions=(Stretch(ms("04:00"), ms("04:12:59")), Stretch(ms("23:00"), ms("2026-11-25 00:15"))),
    )
    assert sounds(held) == []
    assert sounds(excepted) == ["04:00-04:03 s1#1.1", "23:30-2026-11-25 00:15 r1#1 | quiet"]
    assert refused(excepted) == ["04:10 s2#1.1 quiet"]


def test_an_exception_at_the_edge_of_the_night_joins_it_to_the_day() -> None:
    held = box(programme("s1", "20:58", "5m"), programme("s2", "05:58", "5m"))
    for edge, play in ((("21:00", "22:00"), "20:58-21:03 s1#1.1"), (("05:00", "06:00"), "05:58-06:03 s2#1.1")):
        stretch = Stretch(*(ms(moment) for moment in edge))
        assert sounds(replace(held, exceptions=(stretch,))) == [play]


def test_a_box_in_another_zone_keeps_the_night_and_the_hours_of_its_own_wall() -> None:
    held = in_berlin(box(*(programme(f"s{hour}", f"{hour}:58", "3m") for hour in ("05", "06", "16", "20"))))
    found = plan(held, ms("00:00"), ms("2026-11-25 12:00"))
    assert [clock(row.start_ms - BERLIN) for row in found.segments] == ["06:58", "16:58"]
    assert [clock(row.at_ms - BERLIN) for row in found.refusals] == ["05:58", "20:58"]


def test_the_sessions_of_a_day_are_those_of_the_wall() -> None:
    two = Policy(Level.PROVINCE, max_sessions=2)
    moments = ("2026-11-24 10:00", "2026-11-24 20:00", "2026-11-25 06:00", "2026-11-25 11:00")
    held = in_berlin(box(*(programme(f"s{n}", moment, "3m") for n, moment in enumerate(moments)), policies=(two,)))
    found = plan(held, ms("2026-11-24 00:00"), ms("2026-11-26 00:00"))
    assert [row.cause for row in found.segments] == ["s0", "s1", "s2", "s3"]
    assert found.refusals == ()


def test_volumes_and_silent_days_are_those_of_the_wall_where_the_day_begins_earlier_too() -> None:
    quieter = Volume(Hours(HOUR_S, 2 * HOUR_S), -60)
    rules = Policy(Level.PROVINCE, days=0b0011111, volume=(quieter,))
    rows = (programme("s1", "01:30", "3m"), relay("r1", "2026-11-27 23:00", 120))
    held = Holdings(manifest(*rows, policies=(rules,), zone="Pacific/Auckland"), None)
    bulletin, relayed = plan(held, ms("2026-11-23 12:00"), ms("2026-11-28 12:00")).segments
    # Six hours before Vietnam, in their summer.
    assert (clock(bulletin.start_ms), bulletin.gain_cb) == ("2026-11-23 19:30", -60)
    assert (clock(relayed.start_ms), clock(relayed.end_ms)) == ("2026-11-27 17:00", "2026-11-27 18:00")


def test_what_was_missed_today_is_told_after_a_start_and_today_is_that_of_the_wall() -> None:
    early, late = programme("s1", "06:00", "3m"), programme("s2", "2026-11-23 20:00", "3m")
    for awake in ("10:00", "20:30"):
        since = ms(awake) + BERLIN
        held = in_berlin(box(early, late, policies=(NIGHT,), awake_ms=since))
        rows = plan(held, since, since + HOUR_S).refusals
        assert [(row.cause, row.code.value, row.at_ms) for row in rows] == [("s1", "late", since)]
