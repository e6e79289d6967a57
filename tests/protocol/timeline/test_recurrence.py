"""Recurrence: what a rule gives, what is added and left out, and which rules no box is asked to expand."""

from contextlib import suppress
from datetime import date, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.recurrence import check, parse_local, starts, zone_named
from tests.protocol.timeline.house import programme

MONDAY = date(2026, 11, 23)


def days(rule: str, first: str = "2026-11-23 06:00", count: int = 14, **more: object) -> list[str]:
    entry = programme("s1", first, "1m", rule=rule, **more)
    return [f"{wall:%d %H:%M}" for wall in starts(entry, MONDAY, MONDAY + timedelta(days=count))]


def test_without_a_rule_it_starts_once() -> None:
    assert days("", "2026-11-25 06:00") == ["25 06:00"]
    assert days("", "2026-11-01 06:00") == []


def test_a_weekly_rule_without_days_has_the_day_of_its_first_start() -> None:
    assert days("FREQ=WEEKLY", "2026-09-02 06:00") == ["25 06:00", "02 06:00"]


def test_several_times_a_day() -> None:
    assert days("FREQ=DAILY;BYHOUR=6,17;BYMINUTE=0,30", count=1) == ["23 06:00", "23 06:30", "23 17:00", "23 17:30"]


def test_the_first_start_belongs_to_the_rule_only_if_the_rule_names_it() -> None:
    assert days("FREQ=WEEKLY;BYDAY=WE", count=7) == ["25 06:00"]


def test_every_other_week_keeps_its_phase_for_years() -> None:
    assert days("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", "2020-01-06 06:00") == ["30 06:00", "06 06:00"]


def test_a_count_is_counted_from_the_first_start() -> None:
    assert days("FREQ=DAILY;COUNT=5", "2026-11-20 06:00") == ["23 06:00", "24 06:00"]


def test_until_includes_its_moment() -> None:
    assert days("FREQ=DAILY;UNTIL=20261125T060000") == ["23 06:00", "24 06:00", "25 06:00"]
    assert days("FREQ=DAILY", until="2026-11-24T06:00:00") == ["23 06:00", "24 06:00"]


def test_exceptions_are_left_out_and_additions_come_once() -> None:
    found = days(
        "FREQ=DAILY",
        count=4,
        excluded=("2026-11-24T06:00:00",),
        added=("2026-11-25T06:00:00", "2026-11-26T09:00:00"),
    )
    assert found == ["23 06:00", "25 06:00", "26 06:00", "26 09:00"]


def test_an_addition_after_the_end_does_not_start() -> None:
    assert days("FREQ=DAILY", count=4, until="2026-11-23T06:00:00", added=("2026-11-24T06:00:00",)) == ["23 06:00"]


def test_the_last_friday_of_a_month() -> None:
    assert days("FREQ=MONTHLY;BYDAY=-1FR", "2019-03-01 06:00") == ["27 06:00"]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=HOURLY",
        "FREQ=MINUTELY;INTERVAL=5",
        "FREQ=SECONDLY",
        "FREQ=SOMETIMES",
        "BYDAY=MO",
        "every day",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=3;UNTIL=20261201T000000",
        "FREQ=DAILY;UNTIL=20261201",
        "FREQ=DAILY;UNTIL=2026121T000000",
        "FREQ=DAILY;UNTIL=20261201T000000Z",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;BYMONTHDAY=0",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=2MO",
        "FREQ=WEEKLY;WKST=XX",
        "FREQ=YEARLY;BYMONTH=",
        "FREQ=YEARLY;BYEASTER=0",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9;BYMINUTE=0,5,10,15,20,25,30,35,40,45",
        "RRULE:FREQ=DAILY",
        "FREQ=DAILY\nDTSTART:20200101T000000",
        "FREQ=DAILY;BYHOUR=٦",
    ],
)
def test_a_rule_that_a_box_cannot_follow_is_refused_with_its_field(rule: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        check(programme("s1", "06:00", "1m", rule=rule))
    assert (caught.value.code, caught.value.field) == ("bad-rule", "rule")


@given(st.text(max_size=200))
def test_any_text_is_a_rule_or_a_protocol_error(rule: str) -> None:
    with suppress(ProtocolError):
        starts(programme("s1", "06:00", "1m", rule=rule), MONDAY, MONDAY + timedelta(days=7))


PARTS = st.sampled_from(
    (
        "INTERVAL=2",
        "INTERVAL=3",
        "BYDAY=MO,SU",
        "BYDAY=TU",
        "BYHOUR=6,18",
        "BYMONTH=11,12",
        "BYMONTHDAY=1,15,-1",
        "WKST=SU",
    )
)


@given(
    st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")),
    st.lists(PARTS, max_size=3, unique_by=lambda part: part.partition("=")[0]),
    st.integers(0, 2000),
    st.integers(0, 60),
)
def test_a_stretch_of_days_has_what_the_whole_rule_has_in_it(
    frequency: str, parts: list[str], ago: int, length: int
) -> None:
    rule = ";".join((f"FREQ={frequency}", *parts))
    first = datetime(2026, 11, 23, 6) - timedelta(days=ago)  # noqa: DTZ001
    until = datetime(2026, 11, 23) + timedelta(days=length)  # noqa: DTZ001
    whole = rrulestr(f"{rule};UNTIL={until:%Y%m%dT%H%M%S}", dtstart=first)
    entry = programme("s1", f"{first:%Y-%m-%d %H:%M}", "1m", rule=rule)
    expected = [wall for wall in whole if datetime(2026, 11, 23) <= wall < until]  # noqa: DTZ001
    assert starts(entry, MONDAY, until.date()) == expected


@pytest.mark.parametrize(
    "text", ["2026-02-30T06:00:00", "2026-11-24 06:00:00", "1999-01-01T00:00:00", "2026-W01-1T06:00", ""]
)
def test_a_time_that_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_local(text, field="first")
    assert caught.value.field == "first"


@pytest.mark.parametrize("name", ["Asia/Saigon2", "America", "../etc", "", "/etc/localtime"])
def test_a_zone_that_the_tz_database_has_not_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        zone_named(name)
    assert caught.value.field == "zone"
