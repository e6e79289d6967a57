"""The compiler against a slow and obvious second one: who is meant, and that equal programmes are one manifest."""

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from controller.schedules.compiler import (
    MAX_PICTURES_BYTES,
    MAX_TEXT_BYTES,
    Aim,
    Content,
    Place,
    Programme,
    Reach,
    compile_all,
    facts_of,
    is_over,
)
from controller.schedules.rules import Rules
from controller.units.rules import above
from protocol import timeline
from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.codec import encode
from protocol.manifest import Assignment, Entry, Kind, Manifest, Station
from protocol.timeline import Holdings, validate_manifest

UNITS = ("77", "77-1", "77-1-11", "77-1-12", "77-2", "77-2-21")
FIRST = "2030-01-01T09:00:00"

places = st.lists(
    st.builds(Place, st.sampled_from("abcdefgh"), st.sampled_from(UNITS), st.frozensets(st.integers(1, 3))),
    unique_by=lambda place: place.box,
)
aims = st.builds(
    Aim,
    st.frozensets(st.sampled_from(UNITS), max_size=2),
    st.frozensets(st.integers(1, 3), max_size=1),
    st.frozensets(st.sampled_from("abcdefgh"), max_size=2),
)


def entry(number: int, playlist: tuple[str, ...] = ("b1",)) -> Entry:
    return Entry(f"s{number}", Kind.PROGRAMME, BulletinClass.ORDINARY, FIRST, playlist)


def content(number: int) -> Content:
    digest = bytes([number]) * 32
    return Content(Bulletin(f"b{number}", f"Bản tin {number}", "vi", digest), Blob(digest, 1000, 5000))


CONTENTS = {"b1": content(1), "b2": content(2)}


def compiled(all_places: list[Place], *programmes: Programme) -> dict[str, Manifest]:
    found = compile_all(
        all_places, programmes, zone="Asia/Ho_Chi_Minh", contents=CONTENTS, stations={}, rules=Rules({})
    )
    return {box: found.manifests[index] for box, index in found.of.items()}


def meant(aim: Aim, place: Place) -> bool:
    return bool(aim.units & set(above(place.unit)) or aim.groups & place.groups or place.box in aim.boxes)


@given(places, st.lists(st.tuples(aims, aims), max_size=5))
def test_a_box_has_exactly_the_programmes_that_mean_it(all_places: list[Place], pairs: list[tuple[Aim, Aim]]) -> None:
    programmes = [Programme(entry(number), *pair) for number, pair in enumerate(pairs)]
    manifests = compiled(all_places, *programmes)
    assert set(manifests) == {place.box for place in all_places}
    for place in all_places:
        wanted = {row.entry.id for row in programmes if meant(row.include, place) and not meant(row.exclude, place)}
        assert {row.id for row in manifests[place.box].entries} == wanted
        validate_manifest(manifests[place.box])


@given(places, st.lists(st.tuples(aims, aims), max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_byte(
    all_places: list[Place], pairs: list[tuple[Aim, Aim]], chance: object
) -> None:
    programmes = [Programme(entry(number), *pair) for number, pair in enumerate(pairs)]
    before = {box: encode(manifest) for box, manifest in compiled(all_places, *programmes).items()}
    chance.shuffle(programmes)  # type: ignore[attr-defined]
    chance.shuffle(all_places)  # type: ignore[attr-defined]
    after = {box: encode(manifest) for box, manifest in compiled(all_places, *programmes).items()}
    assert after == before


def test_what_is_not_approved_is_left_out_and_a_programme_of_nothing_vanishes() -> None:
    box, everywhere = Place("a", "77"), Aim(frozenset({"77"}))
    mixed, empty = Programme(entry(1, ("b1", "b9", "b2")), everywhere), Programme(entry(2, ("b9",)), everywhere)
    manifest = compiled([box], mixed, empty)["a"]
    assert [(row.id, row.playlist) for row in manifest.entries] == [("s1", ("b1", "b2"))]
    assert len(manifest.blobs) == 2


def test_a_relay_goes_without_its_fallback_but_not_without_its_station() -> None:
    relay = msgspec.structs.replace(entry(1, ()), kind=Kind.RELAY, station="vov1", length_s=900)
    programme, station = Programme(relay, Aim(frozenset({"77"}))), Station("vov1", "VOV1", "https://example.vn/vov1")
    for stations, count in (({}, 0), ({"vov1": station}, 1)):
        found = compile_all(
            [Place("a", "77")],
            [programme],
            zone="Asia/Ho_Chi_Minh",
            contents={},
            stations=stations,
            rules=Rules({}),
        )
        assert len(found.manifests[0].entries) == len(found.manifests[0].stations) == count


def test_only_what_lies_more_than_two_days_back_is_over() -> None:
    first = dt.datetime.fromisoformat(FIRST)
    assert not is_over(entry(1), first + dt.timedelta(hours=47))
    assert is_over(entry(1), first + dt.timedelta(hours=49))
    daily = msgspec.structs.replace(entry(1), rule="FREQ=DAILY")
    assert not is_over(daily, first + dt.timedelta(days=900))
    assert is_over(msgspec.structs.replace(daily, until="2030-02-01T00:00:00"), first + dt.timedelta(days=40))


def test_a_box_that_moved_or_was_calibrated_needs_a_new_assignment() -> None:
    place = Place("a", "77-1-11", gain_cb=0, site="Chợ")
    same = facts_of(place, bytes(32))
    assert facts_of(Place("a", "77-1-11", frozenset({5}), None, 0, "Chợ"), bytes(32)) == same
    for other in (Place("a", "77-1-12", site="Chợ"), Place("a", "77-1-11", gain_cb=-30, site="Chợ")):
        assert facts_of(other, bytes(32)) != same
    assert facts_of(place, bytes(31) + b"1") != same


def test_exceptions_win_over_a_box_named_by_itself() -> None:
    reach = Reach([Place("a", "77-1"), Place("b", "77-2")])
    assert [place.box for place in reach.hits(Aim(boxes=frozenset("ab")), Aim(frozenset({"77-1"})))] == ["b"]


def permitted_until(end: dt.date | None, *programmes: Programme) -> Manifest:
    found = compile_all(
        [Place("a", "77-1")],
        programmes,
        zone="Asia/Ho_Chi_Minh",
        contents=CONTENTS,
        stations={},
        rules=Rules({}, {"77": end}),
    )
    return found.manifests[found.of["a"]]


def at(number: int, clock: str) -> Programme:
    daily = msgspec.structs.replace(entry(number), first=f"2030-01-01T{clock}", rule="FREQ=DAILY")
    return Programme(daily, Aim(frozenset({"77"})))


def test_a_box_without_a_network_keeps_to_the_end_of_an_early_permission_and_loses_nothing_else() -> None:
    manifest = permitted_until(dt.date(2030, 1, 4), at(1, "05:15:00"), at(2, "09:00:00"), at(3, "04:58:00"))
    assert [row.until for row in manifest.entries] == ["2030-01-03T23:59:59", None, "2030-01-03T23:59:59"]
    validate_manifest(manifest)
    box = Assignment("a" * 16, 1, bytes(32), 1, ("77", "77-1"), 0, 0xFFFF_FFFF)
    first = dt.datetime(2030, 1, 1, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    begin = int(first.timestamp() * 1000)
    found = timeline.plan(Holdings(manifest=manifest, assignment=box), begin, begin + 7 * 86_400_000)
    heard = [(part.start_ms - begin) // 3_600_000 for part in found.segments]
    assert [hour // 24 for hour in heard if hour % 24 == 5] == [0, 1, 2]
    assert [hour // 24 for hour in heard if hour % 24 == 9] == [0, 1, 2, 3, 4, 5, 6]


def test_a_permission_without_an_end_cuts_nothing() -> None:
    assert [row.until for row in permitted_until(None, at(1, "05:15:00")).entries] == [None]


def test_a_schedule_that_ends_before_the_permission_keeps_its_own_end() -> None:
    short = at(1, "05:15:00")
    short = Programme(msgspec.structs.replace(short.entry, until="2030-01-02T23:59:59"), short.include)
    assert permitted_until(dt.date(2030, 1, 4), short).entries[0].until == "2030-01-02T23:59:59"


def test_places_whose_permissions_end_apart_share_a_manifest_unless_something_sounds_early() -> None:
    two = [Place("a", "77-1"), Place("b", "77-2")]
    ends: dict[str, dt.date | None] = {"77-1": dt.date(2030, 1, 4), "77-2": dt.date(2030, 1, 9)}
    for programme, count in ((at(1, "09:00:00"), 1), (at(1, "05:15:00"), 2)):
        found = compile_all(
            two, [programme], zone="Asia/Ho_Chi_Minh", contents=CONTENTS, stations={}, rules=Rules({}, ends)
        )
        assert len(found.manifests) == count


def test_texts_for_boards_are_left_behind_before_a_manifest_becomes_heavy_for_mobile_lines() -> None:
    """Titles and sounds stay; which texts go does not hang on chance."""
    names = [f"b{number:03}" for number in range(400)]
    words = "Tiếng Việt " * 90
    many = {
        name: Content(Bulletin(name, f"Tin {name}", "vi", digest, words), Blob(digest, 1000, 5000))
        for number, name in enumerate(names)
        for digest in [number.to_bytes(32, "big")]
    }
    programmes = [
        Programme(entry(1, tuple(names[:200])), everywhere()),
        Programme(entry(2, tuple(names[200:])), everywhere()),
    ]
    found = compile_all(
        [Place("a", "77-1")], programmes, zone="Asia/Ho_Chi_Minh", contents=many, stations={}, rules=Rules({})
    )
    (manifest,) = found.manifests
    assert [row.title for row in manifest.bulletins] == [f"Tin {name}" for name in names]
    texts = [row.text for row in manifest.bulletins]
    kept = MAX_TEXT_BYTES // len(words.encode())
    assert texts == [words] * kept + [""] * (400 - kept)
    assert 0 < kept < 400


def test_as_many_pictures_go_on_as_boxes_have_room_for_and_sounds_go_before_pictures() -> None:
    size = 250_000
    names = [f"b{number:03}" for number in range(100)]
    contents = {
        name: Content(
            Bulletin(name, name, "vi", digest, picture=picture), Blob(digest, 1000, 5000), Blob(picture, size, 0)
        )
        for number, name in enumerate(names)
        if (digest := bytes([number]) * 32) and (picture := bytes([number, 200]) * 16)
    }
    programme = Programme(entry(1, tuple(names)), everywhere())
    place = Place("a", "77")
    found = compile_all([place], [programme], zone="Asia/Ho_Chi_Minh", contents=contents, stations={}, rules=Rules({}))
    (manifest,) = found.manifests
    validate_manifest(manifest)
    shown = [row.picture for row in manifest.bulletins if row.picture is not None]
    kept = MAX_PICTURES_BYTES // size
    assert 0 < kept < 100
    assert len(shown) == kept
    assert {blob.hash for blob in manifest.blobs if not blob.is_sound} == set(shown)
    assert sum(blob.is_sound for blob in manifest.blobs) == 100


def everywhere() -> Aim:
    return Aim(frozenset({"77"}))
