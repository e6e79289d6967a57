"""Regulations as values: what is checked here agrees with what the planner of the boxes does."""

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from controller.schedules.rules import EARLY, NIGHT, TEMPLATES, Recurrence, Rules, Trouble, conflict, next_allowed
from protocol import timeline
from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.manifest import Assignment, Entry, Hours, Kind, Level, Manifest, Policy
from protocol.timeline import Holdings

MONDAY = dt.datetime.fromisoformat("2026-11-23")
DEFAULT = Rules({}).stack("77-747-26506")
ZONE = "Asia/Ho_Chi_Minh"

starts = st.integers(0, 7 * 86_400 - 1).map(lambda second: MONDAY + dt.timedelta(seconds=second))
lengths = st.integers(1, 90).map(lambda minutes: minutes * 60_000)
hours = st.builds(Hours, st.integers(0, 86_400), st.integers(0, 86_400), st.integers(1, 127))
policies = st.lists(
    st.builds(
        Policy,
        st.just(Level.COMMUNE),
        quiet=st.lists(hours, max_size=2).map(tuple),
        days=st.sampled_from([127, 31, 96]),
        max_session_s=st.sampled_from([None, 900, 2700]),
    ),
    max_size=3,
).map(tuple)


def manifest_of(stack: tuple[Policy, ...], start: dt.datetime, length_ms: int) -> Manifest:
    sound = bytes(32)
    entry = Entry("s1", Kind.PROGRAMME, BulletinClass.ORDINARY, start.isoformat(timespec="seconds"), ("b1",))
    blob = Blob(sound, 1, length_ms)
    return Manifest(ZONE, stack, (entry,), (Bulletin("b1", "Bản tin", "vi", sound),), (blob,))


@given(policies, starts, lengths)
def test_what_the_console_allows_a_box_sounds_to_its_end(
    stack: tuple[Policy, ...], start: dt.datetime, length_ms: int
) -> None:
    if conflict(stack, start, length_ms) is not None:
        return
    manifest = manifest_of(stack, start, length_ms)
    box = Assignment("a" * 16, 1, bytes(32), 1, ("77",), 0, 0xFFFF_FFFF)
    at = int(start.replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)
    found = timeline.plan(Holdings(manifest=manifest, assignment=box), at - 60_000, at + 2 * 86_400_000)
    assert [(part.start_ms, part.end_ms, part.cut) for part in found.segments] == [(at, at + length_ms, None)]


def test_what_runs_past_midnight_into_a_day_without_programme_is_refused() -> None:
    weekend = (Policy(Level.COMMUNE, days=0b1100000),)
    late = MONDAY + dt.timedelta(days=6, hours=23)
    assert conflict(weekend, late, 3_600_000) is None
    found = conflict(weekend, late, 3_600_001)
    assert found is not None
    assert found.trouble is Trouble.DAY


@given(policies, starts, lengths)
def test_the_next_allowed_time_is_allowed_and_none_before_it_at_a_full_minute(
    stack: tuple[Policy, ...], start: dt.datetime, length_ms: int
) -> None:
    allowed = next_allowed(stack, start, length_ms)
    if allowed is None:
        return
    assert allowed >= start
    assert conflict(stack, allowed, length_ms) is None
    minute = start
    while minute < allowed:
        assert conflict(stack, minute, length_ms) is not None
        minute += dt.timedelta(minutes=7)


@given(starts)
def test_nothing_is_allowed_at_night(start: dt.datetime) -> None:
    found = conflict(DEFAULT, start, 1000)
    if start.hour >= 21 or start.hour < 5:
        assert found is not None
        assert found.trouble is Trouble.QUIET
    elif start.hour == 5:
        assert found is not None
        assert found.trouble is Trouble.EARLY


def test_a_permission_opens_the_early_hour_below_its_unit_only() -> None:
    rules = Rules({}, {"77-747": None})
    assert EARLY not in rules.stack("77-747-26506")[0].quiet
    assert EARLY in rules.stack("77-748")[0].quiet
    assert NIGHT in rules.stack("77-747-26506")[0].quiet


def test_a_commune_that_writes_no_quiet_hours_keeps_those_of_the_province() -> None:
    stack = Rules({"77-747": Policy(Level.PROVINCE)}).stack("77-747-26506")
    assert [policy.level for policy in stack] == [Level.PROVINCE, Level.COMMUNE]
    assert stack[0] == TEMPLATES["province_default"]


own_policies = st.dictionaries(
    st.sampled_from(["77", "77-747", "77-747-26506"]), st.sampled_from(sorted(TEMPLATES)).map(TEMPLATES.__getitem__)
)


@given(own_policies, starts)
def test_whatever_units_write_even_the_province_itself_the_night_stays_silent(
    own: dict[str, Policy], start: dt.datetime
) -> None:
    stack = Rules(own).stack("77-747-26506")
    assert stack[0].level is Level.PROVINCE
    assert {NIGHT, EARLY} <= set(stack[0].quiet)
    if start.hour >= 21 or start.hour < 6:
        assert conflict(stack, start, 1000) is not None


@given(own_policies, st.builds(Policy, st.just(Level.COMMUNE), quiet=st.tuples(hours)), starts, lengths)
def test_a_record_of_a_unit_only_tightens(
    own: dict[str, Policy], more: Policy, start: dt.datetime, length_ms: int
) -> None:
    before = Rules({code: policy for code, policy in own.items() if code != "77-747"}).stack("77-747-26506")
    after = Rules({**own, "77-747": more}).stack("77-747-26506")
    if conflict(before, start, length_ms) is not None:
        assert conflict(after, start, length_ms) is not None


def test_of_several_permissions_the_one_that_holds_longest_counts() -> None:
    first, second = dt.date(2026, 12, 1), dt.date(2027, 1, 1)
    assert Rules({}, {"77": first, "77-747": second}).early_until("77-747-26506") == second
    assert Rules({}, {"77": first, "77-747": None}).early_until("77-747-26506") is None
    assert Rules({}, {"77": first, "77-747": None}).early_until("77-748") == first


def test_a_weekly_rule_starts_on_its_first_day() -> None:
    assert Recurrence(0b0000100).first_from(MONDAY) == MONDAY + dt.timedelta(days=2)
    assert Recurrence().first_from(MONDAY) == MONDAY


@given(st.integers(0, 127))
def test_a_rule_of_the_form_is_read_back(mask: int) -> None:
    assert Recurrence.of(Recurrence(mask).rule) == Recurrence(mask)


def test_a_foreign_rule_is_none_of_the_form() -> None:
    assert Recurrence.of("FREQ=MONTHLY;BYMONTHDAY=1") is None


def test_templates_can_be_written_on_the_wire() -> None:
    for policy in TEMPLATES.values():
        assert msgspec.convert(msgspec.to_builtins(policy), Policy) == policy
