"""What must hold for every programme, order and lock, whoever asks and however often."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from protocol.bulletin import BulletinClass
from protocol.manifest import Entry, Hours, Kind, Level, Policy
from protocol.order import Severity
from protocol.priority import Precedence, Rank
from protocol.timeline import (
    SESSION_PAUSE_MS,
    Carry,
    Holdings,
    Lock,
    Plan,
    Segment,
    SegmentKind,
    Voice,
    at,
    next_change,
    plan,
)
from protocol.timeline.planner import timeline_of
from tests.protocol.timeline.house import (
    NIGHT,
    NIGHT_EARLY_PERMITTED,
    RURAL,
    WARD,
    assignment,
    emergency,
    length_ms,
    manifest,
    ms,
)

MINUTE = 60_000
DAY_MS = 86_400_000
START = ms("2026-11-23 00:00")
NOON_REST = Policy(Level.COMMUNE, quiet=(Hours(41_400, 43_200), Hours(0, 600)))
ABOVE = (SegmentKind.EMERGENCY, SegmentKind.VOICE)
"""What is no part of the programme."""
ZONES = ("Asia/Ho_Chi_Minh", "Europe/Berlin", "America/St_Johns")


def moment_text(minutes: int) -> str:
    return f"{datetime(2026, 11, 22) + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}"  # noqa: DTZ001


@st.composite
def entries(draw: st.DrawFn, name: str) -> Entry:
    kind = draw(st.sampled_from((Kind.PROGRAMME, Kind.PROGRAMME, Kind.RELAY, Kind.FILLER)))
    crowded = st.integers(6 * 60, 8 * 60) | st.integers(19 * 60, 26 * 60) | st.integers(0, 2880)
    return Entry(
        name,
        kind,
        draw(st.sampled_from(BulletinClass)),
        moment_text(draw(crowded)),
        tuple(draw(st.lists(st.sampled_from(("1m", "3m", "10m", "25m", "45s")), min_size=1, max_size=3))),
        draw(st.sampled_from(("FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TU,TH", "FREQ=DAILY;BYHOUR=6,12,20", ""))),
        commune_order=draw(st.integers(0, 3)),
        repeats=draw(st.integers(1, 3)) if kind is Kind.PROGRAMME else 1,
        gap_s=draw(st.sampled_from((0, 10, 400))),
        pause_ms=draw(st.sampled_from((0, 5_000))),
        window_s=draw(st.sampled_from((0, 300, 3600))),
        length_s=0 if kind is Kind.PROGRAMME else draw(st.sampled_from((60, 600, 3600, 36_000))),
        station="vov1" if kind is Kind.RELAY else None,
    )


POLICIES = st.sampled_from(
    ((), (NIGHT,), (NIGHT_EARLY_PERMITTED, RURAL), (NIGHT, WARD), (NOON_REST,), (RURAL,), (NIGHT, NOON_REST, WARD))
)


@st.composite
def orders(draw: st.DrawFn, number: int) -> Any:
    accepted = START + draw(st.integers(0, 2 * 1440)) * MINUTE
    held = emergency(
        number,
        "06:00",
        severity=draw(st.sampled_from(Severity)),
        level=draw(st.integers(0, 2)),
        tape=draw(st.sampled_from(("30s", "7m"))),
        repeats=draw(st.integers(1, 3)),
        gap_s=draw(st.sampled_from((0, 20, 300))),
        issued=accepted // 1000,
        not_before=None,
    )
    lasts = draw(st.sampled_from((60, 600, 7200)))
    order = msgspec.structs.replace(held.order, not_before=accepted // 1000, expires=accepted // 1000 + lasts)
    ended = draw(st.none() | st.integers(1, 20).map(lambda minutes: accepted + minutes * MINUTE))
    return replace(held, order=order, accepted_ms=accepted, ended_ms=ended)


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    begin = START + draw(st.integers(0, 2 * 1440)) * MINUTE
    length = draw(st.sampled_from((2, 29, 31, 300, None)))
    return Lock(begin, None if length is None else begin + length * MINUTE, "thợ đang làm việc")


@st.composite
def voices(draw: st.DrawFn, number: int) -> Voice:
    begin = START + draw(st.integers(0, 2 * 1440)) * MINUTE
    return Voice(
        f"v{number}",
        draw(st.sampled_from((Rank.LIVE, Rank.MICROPHONE, Rank.KEYED_MICROPHONE))),
        begin,
        begin + draw(st.sampled_from((20_000, 2 * MINUTE, 30 * MINUTE))),
        attached=draw(st.sampled_from(("", (bytes([1]) * 16).hex()))),
        in_quiet_hours=draw(st.booleans()),
    )


@st.composite
def boxes(draw: st.DrawFn, *, disturbed: bool = True, awake: bool = True, zoned: bool = True) -> Holdings:
    rows = [draw(entries(f"s{number}")) for number in range(draw(st.integers(1, 6)))]
    zone = draw(st.sampled_from(ZONES)) if zoned else ZONES[0]
    return Holdings(
        manifest(*rows, policies=draw(POLICIES), zone=zone),
        assignment(valid_until=START // 1000 + draw(st.sampled_from((40, 2880, 14_400))) * 60),
        orders=tuple(draw(orders(number)) for number in range(1, draw(st.integers(0, 2)) + 1)) if disturbed else (),
        locks=tuple(draw(st.lists(locks(), max_size=1))) if disturbed else (),
        voices=tuple(draw(voices(number)) for number in range(draw(st.integers(0, 2)))) if disturbed else (),
        awake_ms=draw(st.sampled_from((0, START + 391 * MINUTE, START + 1215 * MINUTE))) if awake else 0,
    )


INSTANTS = st.integers(0, 3 * 1440 * 60).map(lambda second: START + second * 1000)


def afresh(holdings: Holdings) -> Holdings:
    """The same, never asked before."""
    return replace(holdings)


def stitched(first: Plan, second: Plan) -> Plan:
    told = set(first.segments)
    return Plan(
        first.segments + tuple(row for row in second.segments if row not in told), first.refusals + second.refusals
    )


@given(boxes())
def test_there_are_never_two_sounds(held: Holdings) -> None:
    rows = plan(held, START, START + 3 * DAY_MS).segments
    assert all(row.start_ms < row.end_ms for row in rows)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(rows))


def in_quiet_hours(policies: tuple[Policy, ...], zone: ZoneInfo, instant_ms: int) -> bool:
    """By the clock on the wall."""
    wall = datetime.fromtimestamp(instant_ms / 1000, zone)
    second = wall.hour * 3600 + wall.minute * 60 + wall.second
    today, yesterday = wall.weekday(), (wall.weekday() - 1) % 7
    for policy in policies:
        if not policy.days >> today & 1:
            return True
        for hours in policy.quiet:
            whole_night = hours.end <= hours.start
            if hours.days >> today & 1 and hours.start <= second and (whole_night or second < hours.end):
                return True
            if whole_night and hours.days >> yesterday & 1 and second < hours.end:
                return True
    return False


@given(boxes())
def test_nothing_scheduled_sounds_in_quiet_hours_or_without_a_valid_schedule(held: Holdings) -> None:
    assert held.manifest is not None
    assert held.assignment is not None
    zone = ZoneInfo(held.manifest.zone)
    for row in plan(held, START, START + 3 * DAY_MS).segments:
        if row.kind not in ABOVE:
            assert row.end_ms <= held.assignment.valid_until * 1000
            for instant in (*range(row.start_ms, row.end_ms, MINUTE), row.end_ms - 1):
                assert not in_quiet_hours(held.manifest.policies, zone, instant)


@given(boxes(disturbed=False))
def test_sessions_stay_inside_their_caps(held: Holdings) -> None:
    assert held.manifest is not None
    caps = [policy.max_session_s for policy in held.manifest.policies if policy.max_session_s is not None]
    most = [policy.max_sessions for policy in held.manifest.policies if policy.max_sessions is not None]
    zone = ZoneInfo(held.manifest.zone)
    begin = end = -DAY_MS
    begun: Counter[str] = Counter()
    for row in plan(held, START, START + 3 * DAY_MS).segments:
        if row.start_ms - end >= SESSION_PAUSE_MS:
            begin = row.start_ms
            begun[f"{datetime.fromtimestamp(begin / 1000, zone):%Y-%m-%d}"] += 1
        end = row.end_ms
        assert not caps or end - begin <= min(caps) * 1000
    assert not most or all(count <= min(most) for count in begun.values())


@given(boxes(), INSTANTS, INSTANTS, INSTANTS)
def test_the_answer_does_not_depend_on_where_one_asks(held: Holdings, one: int, two: int, three: int) -> None:
    a, b, c = sorted((one, two, three))
    whole = plan(afresh(held), a, c)
    assert stitched(plan(afresh(held), a, b), plan(afresh(held), b, c)) == whole
    assert plan(held, a, c) == plan(held, a, c) == whole


@given(boxes(), INSTANTS)
def test_what_sounds_now_is_what_the_plan_has_now(held: Holdings, now: int) -> None:
    rows = plan(held, START, START + 4 * DAY_MS).segments
    assert at(afresh(held), now) == next((row for row in rows if row.start_ms <= now < row.end_ms), None)


@given(boxes(), INSTANTS, st.floats(0, 1))
def test_nothing_changes_before_the_next_change(held: Holdings, now: int, part: float) -> None:
    then = next_change(afresh(held), now)
    if then is None:
        assert plan(held, now + 1, now + 45 * DAY_MS).refusals == ()
        return
    assert then > now
    between = plan(held, now + 1, then)
    assert between.refusals == ()
    assert [row for row in between.segments if row.start_ms > now or row.end_ms < then] == []
    assert at(held, now + int((then - 1 - now) * part)) == at(held, now)
    assert at(held, then) != at(held, now) or plan(held, then, then + 1).refusals


@given(boxes())
def test_the_programme_is_the_same_as_played_through_from_the_very_beginning(held: Holdings) -> None:
    timeline = timeline_of(held)
    begin = max(held.awake_ms, timeline.schedule.first_ms or 0)
    today = begin - DAY_MS
    whole = timeline.programme.play_from_awakening(begin, START + 4 * DAY_MS, today, None)
    found = plan(held, begin, START + 4 * DAY_MS)
    assert tuple(row for row in found.segments if row.kind not in ABOVE) == whole.segments


def before(held: Holdings, now: int) -> tuple[list[Segment], list[Any]]:
    """What has been until now: as told then, whole segments shortened to now."""
    found = plan(held, START, now)
    rows = [
        replace(row, end_ms=min(row.end_ms, now), cut=None if row.end_ms > now else row.cut) for row in found.segments
    ]
    return rows, list(found.refusals)


@given(boxes(), orders(9), st.booleans())
def test_what_has_been_does_not_change_when_an_order_or_a_lock_arrives(
    held: Holdings, order: Any, locked: bool
) -> None:
    now = order.accepted_ms
    if locked:
        later = replace(held, locks=(*held.locks, Lock(now, None, "dừng")))
    else:
        later = replace(held, orders=(*held.orders, order))
    assert ends_open(before(later, now), now) == ends_open(before(held, now), now)


@given(boxes(), orders(8), INSTANTS)
def test_what_has_been_does_not_change_when_an_order_ends(held: Holdings, order: Any, now: int) -> None:
    running = replace(held, orders=(*held.orders, replace(order, ended_ms=None)))
    ended = replace(held, orders=(*held.orders, replace(order, ended_ms=now)))
    assert ends_open(before(ended, now), now) == ends_open(before(running, now), now)


def ends_open(told: tuple[list[Segment], list[Any]], now: int) -> tuple[list[Segment], list[Any]]:
    """Without what an end exactly now is called: that is of now, not of before."""
    rows, refusals = told
    return [replace(row, cut=None) if row.end_ms == now else row for row in rows], refusals


@given(boxes(awake=False))
def test_every_bulletin_of_a_programme_sounds_whole_or_is_refused_once(held: Holdings) -> None:
    assert held.manifest is not None
    programmes = {entry.id for entry in held.manifest.entries if entry.kind is Kind.PROGRAMME}
    found = plan(held, START - 2 * DAY_MS, START + 6 * DAY_MS)
    heard: Counter[str] = Counter()
    for row in found.segments:
        if row.kind is SegmentKind.PROGRAMME:
            assert row.offset_ms == heard[row.play]
            heard[row.play] += row.end_ms - row.start_ms
    bulletins = {row.play: row.bulletin for row in found.segments}
    refused = Counter(row.play for row in found.refusals if row.cause in programmes)
    assert all(count == 1 for count in refused.values())
    for play, sounded in heard.items():
        complete = sounded == length_ms(bulletins[play])
        assert complete != (play in refused)
    zone = ZoneInfo(held.manifest.zone)
    planned = {
        f"{row.name}#{item.label}"
        for row in timeline_of(held).schedule.between(START, START + DAY_MS)
        for batch in row.line.batches
        for item in batch.items
    }
    assert planned <= set(heard) | set(refused), zone


@given(boxes(disturbed=False, awake=False), INSTANTS)
def test_a_restart_repeats_nothing_that_had_ended(held: Holdings, now: int) -> None:
    rows = plan(held, START, now).segments
    ended = frozenset(row.play for row in rows if row.end_ms <= now and row.cut is None)
    again = plan(replace(held, awake_ms=now, finished=ended), now, now + 2 * DAY_MS)
    assert ended.isdisjoint(row.play for row in again.segments if row.kind is SegmentKind.PROGRAMME)


@given(boxes(), boxes(), INSTANTS)
def test_what_sounds_when_the_holdings_change_goes_on_or_gives_way(old: Holdings, new: Holdings, now: int) -> None:
    sounding = at(old, now)
    if sounding is None or sounding.kind is SegmentKind.EMERGENCY:
        return
    after = replace(new, awake_ms=now, carry=Carry(sounding))
    row = at(after, now)
    if row is not None and row.play == sounding.play:
        assert replace(row, end_ms=0, cut=None) == replace(sounding, end_ms=0, cut=None)
    rows = plan(after, now, now + 2 * DAY_MS).segments
    assert all(first.end_ms <= second.start_ms for first, second in pairwise(rows))


PRECEDENCES = st.builds(
    Precedence,
    st.sampled_from(Rank),
    *(st.integers(-2, 2) for _ in range(4)),
    st.sampled_from(("a", "b")),
)


@given(PRECEDENCES, PRECEDENCES, PRECEDENCES)
def test_precedence_is_total(one: Precedence, two: Precedence, three: Precedence) -> None:
    assert (one < two) + (two < one) + (one == two) == 1
    assert not (one < two < three) or one < three
    assert not (one.rank < two.rank) or one < two
