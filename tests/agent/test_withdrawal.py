"""What a newer programme takes back at once, and what of the old one waits to be replaced."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.core.withdrawal import MAX_EXCLUDED, MAX_POLICIES, what_stays
from protocol.bulletin import BulletinClass
from protocol.manifest import Entry, Hours, Kind, Level, Line, Manifest, Policy

DAYS = [f"2026-12-{day:02d}T06:00:00" for day in range(1, 29)]
SIX = Entry("s1", Kind.PROGRAMME, BulletinClass.ORDINARY, DAYS[0], ("b1", "b2"), rule="FREQ=DAILY")

entries = st.builds(
    replace,
    st.just(SIX),
    id=st.sampled_from(["s1", "s2", "s3"]),
    playlist=st.lists(st.sampled_from(["b1", "b2", "b3"]), min_size=1, max_size=3).map(tuple),
    first=st.sampled_from(DAYS[:2]),
    excluded=st.sets(st.sampled_from(DAYS), max_size=3).map(lambda days: tuple(sorted(days))),
    added=st.sets(st.sampled_from(DAYS), max_size=3).map(lambda days: tuple(sorted(days))),
    until=st.none() | st.sampled_from(DAYS),
    gain_cb=st.integers(-50, 0),
)
manifests = st.lists(entries, max_size=3, unique_by=lambda entry: entry.id).map(lambda rows: programme(*rows))


def programme(*rows: Entry) -> Manifest:
    return Manifest("Asia/Ho_Chi_Minh", (), rows)


def left(newer: Entry, old: Entry = SIX) -> tuple[Entry, ...]:
    return what_stays(programme(old), programme(newer)).entries


@given(old=manifests, newer=manifests)
def test_nothing_is_added_and_asking_again_takes_nothing_more(old: Manifest, newer: Manifest) -> None:
    stays = what_stays(old, newer)
    assert what_stays(stays, newer) == stays
    before = {entry.id: entry for entry in old.entries}
    named = {entry.id: entry for entry in newer.entries}
    for entry in stays.entries:
        assert entry.playlist == before[entry.id].playlist
        assert set(entry.playlist) <= set(named[entry.id].playlist)
        assert set(entry.added) <= set(before[entry.id].added) & set(named[entry.id].added)
        assert set(entry.excluded) >= set(named[entry.id].excluded)


@given(old=manifests)
def test_of_an_unchanged_programme_everything_stays(old: Manifest) -> None:
    assert what_stays(old, old) is old


def test_a_bulletin_that_is_added_and_a_gain_that_is_changed_wait_for_the_new_programme() -> None:
    assert left(replace(SIX, playlist=("b1", "b2", "b3"), gain_cb=-30)) == (SIX,)


def test_an_entry_without_one_of_its_bulletins_or_at_another_time_is_silent_until_the_new_programme_is_here() -> None:
    assert left(replace(SIX, playlist=("b1",))) == ()
    assert left(replace(SIX, first="2026-12-01T18:00:00")) == ()
    assert left(replace(SIX, rule="FREQ=WEEKLY")) == ()


def test_a_start_that_is_called_off_does_not_sound_and_the_other_starts_do() -> None:
    (entry,) = left(replace(SIX, excluded=(DAYS[3],)))
    assert entry == replace(SIX, excluded=(DAYS[3],))
    (entry,) = left(replace(SIX, added=(DAYS[5],)), replace(SIX, added=(DAYS[4], DAYS[5])))
    assert entry.added == (DAYS[5],)
    (entry,) = left(replace(SIX, until=DAYS[6]))
    assert entry.until == DAYS[6]


def test_more_exclusions_than_an_entry_can_name_withdraw_it_whole() -> None:
    half = MAX_EXCLUDED // 2 + 1
    old = tuple(f"2026-11-01T06:{n // 60:02d}:{n % 60:02d}" for n in range(half))
    new = tuple(f"2026-11-02T06:{n // 60:02d}:{n % 60:02d}" for n in range(half))
    assert left(replace(SIX, excluded=new), replace(SIX, excluded=old)) == ()


NIGHT = Policy(Level.PROVINCE, (Hours(22 * 3600, 5 * 3600),))
LONGER_NIGHT = Policy(Level.PROVINCE, (Hours(20 * 3600, 7 * 3600),))
HOSPITAL = Policy(Level.BOX, (Hours(12 * 3600, 14 * 3600),))


def test_a_longer_night_holds_as_soon_as_it_is_known() -> None:
    old, newer = replace(programme(SIX), policies=(NIGHT,)), replace(programme(SIX), policies=(LONGER_NIGHT,))
    stays = what_stays(old, newer)
    assert (stays.entries, stays.policies) == ((SIX,), (LONGER_NIGHT,))
    assert what_stays(stays, newer) is stays


def test_quiet_hours_of_one_box_hold_beside_those_of_its_programme_as_soon_as_they_are_known() -> None:
    old = replace(programme(SIX), policies=(NIGHT,))
    stays = what_stays(old, old, HOSPITAL)
    assert (stays.entries, stays.policies) == ((SIX,), (NIGHT, HOSPITAL))
    assert what_stays(stays, old, HOSPITAL) is stays


def test_quiet_hours_for_which_there_is_no_room_silence_the_old_programme() -> None:
    full = replace(programme(SIX), policies=(NIGHT,) * MAX_POLICIES)
    assert what_stays(full, full, HOSPITAL).entries == ()


def test_a_line_that_is_taken_back_goes_at_once_and_a_new_one_waits() -> None:
    old = replace(programme(SIX), line=Line("Mưa", 99))
    assert what_stays(old, old) is old
    assert what_stays(old, programme(SIX)).line is None
    assert what_stays(old, replace(old, line=Line("Nắng", 99))).line is None
    assert what_stays(programme(SIX), old) == programme(SIX)
