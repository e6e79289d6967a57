"""Every zone of the tz database: where a clock is put forward or back, no item is lost and none comes twice."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from protocol.bulletin import BulletinClass
from protocol.manifest import Entry, Hours, Kind, Level, Manifest, Policy
from protocol.timeline import Holdings, SegmentKind, at, plan
from tests.protocol.timeline.house import manifest

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,30"
SMALL_HOURS = Policy(Level.PROVINCE, quiet=(Hours(5_400, 9_000), Hours(82_800, 1_800)))


@dataclass(frozen=True)
class Change:
    """A clock is put forward or back, at the first instant of the new time."""

    zone: ZoneInfo
    at: datetime

    @property
    def first_day(self) -> datetime:
        """Midnight of the day before, as wall time."""
        return self.at.astimezone(self.zone).replace(hour=0, minute=0, second=0, tzinfo=None) - DAY


@cache
def changes() -> tuple[Change, ...]:
    """Every change of 2026 of every zone; zones whose clocks show the same around it count once."""
    found = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        days = [NEW_YEAR + DAY * number for number in range(366)]
        offsets = [day.astimezone(zone).utcoffset() for day in days]
        for day, before, after in zip(days, offsets, offsets[1:], strict=False):
            if before != after:
                instant = first_after(zone, day, day + DAY)
                found[instant, before, after] = Change(zone, instant)
    return tuple(found.values())


def first_after(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The instant between the two at which the zone's offset becomes what it is at `high`."""
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def ms(instant: datetime) -> int:
    return round(instant.timestamp()) * 1000


def half_hourly(change: Change, policies: tuple[Policy, ...] = ()) -> Manifest:
    entry = Entry("s1", Kind.PROGRAMME, BulletinClass.ORDINARY, change.first_day.isoformat(), ("10s",), TIMES)
    return manifest(entry, policies=policies, zone=change.zone.key)


def test_the_tz_database_has_zones_that_change_in_both_directions() -> None:
    forward = sum(change.at.astimezone(change.zone).dst() != timedelta(0) for change in changes())
    assert forward > 20
    assert len(changes()) - forward > 20


def test_fault_15_no_zone_loses_or_repeats_an_item_where_clocks_are_put_forward_or_back() -> None:
    for change in changes():
        held = Holdings(half_hourly(change), None)
        found = plan(held, ms(change.at - 3 * DAY), ms(change.at + 3 * DAY))
        heard = Counter(row.play for row in found.segments)
        wanted = {f"s1@{(change.first_day + HOUR / 2 * number).isoformat()}#1.1" for number in range(48 * 3)}
        assert found.refusals == (), change
        assert set(heard.values()) == {1}, change
        assert wanted <= set(heard), (change, wanted - set(heard))


def test_every_item_sounds_at_its_wall_time_or_where_the_gap_moved_it() -> None:
    for change in changes():
        for row in plan(Holdings(half_hourly(change), None), ms(change.at - DAY), ms(change.at + DAY)).segments:
            wall = datetime.fromisoformat(row.play.partition("@")[2].partition("#")[0])
            shown = datetime.fromtimestamp(row.planned_ms / 1000, change.zone)
            if shown.replace(tzinfo=None) != wall:
                before = (change.at - HOUR).astimezone(change.zone).utcoffset()
                assert before is not None
                assert ms(wall.replace(tzinfo=UTC) - before) == row.planned_ms, change
            assert shown.fold == 0, change


def test_quiet_hours_hold_on_the_wall_in_every_zone() -> None:
    for change in changes():
        held = Holdings(half_hourly(change, (SMALL_HOURS,)), None)
        for row in plan(held, ms(change.at - DAY), ms(change.at + DAY)).segments:
            for instant in (row.start_ms, row.end_ms - 1):
                wall = datetime.fromtimestamp(instant / 1000, change.zone)
                second = wall.hour * 3600 + wall.minute * 60 + wall.second
                assert 1_800 <= second < 5_400 or 9_000 <= second < 82_800, (change, wall)


def test_a_relay_through_a_change_lasts_as_long_as_it_says() -> None:
    for change in changes():
        first = (change.at - HOUR).astimezone(change.zone).replace(tzinfo=None)
        entry = Entry("r1", Kind.RELAY, BulletinClass.ORDINARY, first.isoformat(), (), length_s=7200, station="vov1")
        row = at(Holdings(manifest(entry, policies=(), zone=change.zone.key), None), ms(change.at))
        assert row is not None
        assert (row.kind, row.end_ms - row.start_ms) == (SegmentKind.RELAY, 7_200_000)
