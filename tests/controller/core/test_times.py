"""Time as people read it."""

import datetime as dt

from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from controller.core import times

NOW = dt.datetime(2026, 11, 24, 1, 0, tzinfo=dt.UTC)


def test_an_instant_is_shown_on_the_local_clock() -> None:
    assert times.shown(NOW) == "24/11/2026 08:00"
    assert times.shown_to_the_second(NOW) == "24/11/2026 08:00:00"
    assert times.shown(None) == "–"


def test_the_local_day_begins_at_local_midnight() -> None:
    assert times.today(dt.datetime(2026, 11, 23, 17, 0, tzinfo=dt.UTC)) == dt.date(2026, 11, 24)
    assert times.today(dt.datetime(2026, 11, 23, 16, 59, tzinfo=dt.UTC)) == dt.date(2026, 11, 23)


def test_an_age_is_said_in_the_largest_whole_unit() -> None:
    ago = {5: "5 giây trước", 60: "1 phút trước", 3_599: "59 phút trước", 86_399: "23 giờ trước"}
    with translation.override("vi"):
        assert {s: times.age(NOW - dt.timedelta(seconds=s), NOW) for s in ago} == ago
    with translation.override("en"):
        assert times.age(NOW - dt.timedelta(seconds=61), NOW) == "1 minute ago"
        assert times.age(NOW - dt.timedelta(seconds=121), NOW) == "2 minutes ago"


def test_never_is_not_a_number() -> None:
    with translation.override("vi"):
        assert times.age(None, NOW) == "chưa bao giờ"


@given(st.timedeltas(min_value=dt.timedelta(days=-3650), max_value=dt.timedelta(days=3650)))
def test_every_age_has_words_even_when_a_clock_runs_ahead(since: dt.timedelta) -> None:
    assert times.age(NOW - since, NOW)
