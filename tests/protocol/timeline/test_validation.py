"""A programme that cannot be planned is refused before it is signed and before it is adopted, with what to mend."""

from typing import Any

import pytest
from msgspec.structs import replace

from protocol.bulletin import MAX_PICTURE_BYTES, Blob, Bulletin
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.manifest import Entry, Kind, Level, Manifest, Policy, Station
from protocol.timeline import Holdings, plan, validate_entry, validate_manifest
from tests.protocol.timeline.house import filler, manifest, ms, programme, relay

PICTURE = sha256(b"a picture")
GOOD = manifest(programme("s1", "06:00", "3m", "2m"), relay("r1", "05:00", 30, "3m"), filler("f1", "17:00", 30, "2m"))


def refusal(bad: Manifest) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        validate_manifest(bad)
    return caught.value


def test_a_good_manifest_passes() -> None:
    validate_manifest(GOOD)
    for entry in GOOD.entries:
        validate_entry(entry, GOOD)


@pytest.mark.parametrize("policies", [(), (Policy(Level.COMMUNE),), (Policy(Level.BOX), Policy(Level.COMMUNE))])
def test_without_a_policy_of_the_province_there_is_no_sound(policies: tuple[Policy, ...]) -> None:
    error = refusal(replace(GOOD, policies=policies))
    assert (error.code, error.field) == ("no-policy", "policies")
    assert refusal(replace(GOOD, policies=policies, entries=())).code == "no-policy"
    validate_manifest(replace(GOOD, policies=(*policies, Policy(Level.PROVINCE))))


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (replace(GOOD.entries[0], first="2026-02-30T06:00:00"), "first"),
        (replace(GOOD.entries[0], until="2026-11-24T25:00:00"), "until"),
        (replace(GOOD.entries[0], excluded=("2026-13-01T06:00:00",)), "excluded[0]"),
        (replace(GOOD.entries[0], added=("2026-11-24T06:00:00", "x")), "added[1]"),
        (replace(GOOD.entries[0], rule="FREQ=HOURLY"), "rule"),
        (replace(GOOD.entries[0], playlist=("3m", "9m")), "playlist[1]"),
        (replace(GOOD.entries[0], playlist=()), "playlist"),
        (replace(GOOD.entries[0], length_s=60), "length_s"),
        (replace(GOOD.entries[0], station="vov1"), "station"),
        (replace(GOOD.entries[0], pause_ms=300_000), "pause_ms"),
        (replace(GOOD.entries[0], window_s=86_401), "window_s"),
        (replace(GOOD.entries[0], repeats=3, gap_s=43_000), "repeats"),
        (replace(GOOD.entries[1], length_s=0), "length_s"),
        (replace(GOOD.entries[1], length_s=86_401), "length_s"),
        (replace(GOOD.entries[1], station="vov9"), "station"),
        (replace(GOOD.entries[1], station=None), "station"),
        (replace(GOOD.entries[2], playlist=()), "playlist"),
        (replace(GOOD.entries[2], length_s=0), "length_s"),
    ],
)
def test_an_entry_that_cannot_be_planned_is_refused_with_its_field(entry: Entry, field: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        validate_entry(entry, GOOD)
    assert caught.value.field == field
    whole = refusal(replace(GOOD, entries=(GOOD.entries[0], replace(entry, id="bad"))))
    assert whole.field == f"entries[1].{field}"
    assert "'bad'" in whole.message


@pytest.mark.parametrize(
    ("entry", "code", "sentence"),
    [
        (
            replace(GOOD.entries[0], playlist=("9m",)),
            "unknown-bulletin",
            "no bulletin '9m' with a sound in the manifest",
        ),
        (replace(GOOD.entries[0], playlist=()), "empty", "nothing to play: put a bulletin into the playlist"),
        (replace(GOOD.entries[0], length_s=60), "length", "a programme is as long as its playlist; write 0"),
        (replace(GOOD.entries[0], station="vov1"), "station", "only a relay names a station"),
        (
            replace(GOOD.entries[0], pause_ms=300_000),
            "pause",
            "a pause between bulletins is shorter than 5 minutes; make two entries instead",
        ),
        (replace(GOOD.entries[0], window_s=86_401), "window", "a window is 86400 seconds at most"),
        (
            replace(GOOD.entries[0], repeats=3, gap_s=43_000),
            "length",
            "with its repeats and gaps it lasts longer than a day; use fewer, or a rule that comes again",
        ),
        (
            replace(GOOD.entries[1], length_s=0),
            "length",
            "a relay or filler needs the length of its slot, 1 to 86400 seconds",
        ),
        (replace(GOOD.entries[1], station="vov9"), "unknown-station", "no station 'vov9' in the manifest"),
    ],
)
def test_whoever_makes_an_entry_reads_what_to_mend(entry: Entry, code: str, sentence: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        validate_entry(entry, GOOD)
    assert (caught.value.code, caught.value.message) == (code, sentence)
    whole = refusal(replace(GOOD, entries=(entry,)))
    assert (whole.code, whole.message) == (code, f"{sentence} (entry {entry.id!r})")


@pytest.mark.parametrize(
    "entry",
    [
        replace(GOOD.entries[1], length_s=1),
        replace(GOOD.entries[1], length_s=86_400),
        replace(GOOD.entries[0], window_s=86_400),
        replace(GOOD.entries[0], pause_ms=299_999),
        # Three times 3 min, 10 s and 2 min, with two gaps between them: a day.
        replace(GOOD.entries[0], pause_ms=10_000, repeats=3, gap_s=(86_400 - 3 * 310) // 2),
    ],
)
def test_an_entry_may_be_as_long_as_a_day(entry: Entry) -> None:
    validate_entry(entry, GOOD)


def test_an_entry_may_not_be_a_second_longer_than_a_day() -> None:
    longest = replace(GOOD.entries[0], pause_ms=10_000, repeats=3, gap_s=(86_400 - 3 * 310) // 2)
    for entry in (replace(longest, gap_s=longest.gap_s + 1), replace(longest, pause_ms=10_001)):
        with pytest.raises(ProtocolError):
            validate_entry(entry, GOOD)


def test_a_manifest_that_does_not_hold_together_says_what_to_mend() -> None:
    silent = Bulletin("x", "X", "vi", sha256(b"x"))
    told = {
        "no-policy": "no policy of the province in it; set the province's hours, "
        "and every programme is compiled with them",
        "no-sound": "bulletin 'x' has no blob with a length; add its sound to the blobs",
    }
    for bad in (replace(GOOD, policies=()), replace(GOOD, bulletins=(silent,), entries=())):
        error = refusal(bad)
        assert error.message == told[error.code]
    twice: dict[str, dict[str, Any]] = {
        f"the blob {GOOD.blobs[0].hash.hex()!r} stands twice": {"blobs": GOOD.blobs[:1] * 2},
        "the bulletin '2m' stands twice": {"bulletins": GOOD.bulletins[:1] * 2},
        "the entry 's1' stands twice": {"entries": GOOD.entries[:1] * 2},
        "the station 'vov1' stands twice": {"stations": GOOD.stations[:1] * 2},
    }
    for sentence, part in twice.items():
        error = refusal(replace(GOOD, **part))
        assert (error.code, error.message) == ("twice", sentence)


def test_a_relay_without_a_fallback_is_allowed() -> None:
    validate_entry(replace(GOOD.entries[1], playlist=()), GOOD)


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"zone": "Asia/Bà_Rịa"}, "zone"),
        ({"entries": (GOOD.entries[0], GOOD.entries[0])}, "entries[1]"),
        ({"bulletins": (*GOOD.bulletins, GOOD.bulletins[0])}, "bulletins[2]"),
        ({"blobs": (*GOOD.blobs, GOOD.blobs[1])}, "blobs[2]"),
        ({"stations": (*GOOD.stations, Station("vov1", "VOV", "https://example.org"))}, "stations[1]"),
        ({"bulletins": (*GOOD.bulletins, Bulletin("x", "X", "vi", sha256(b"x")))}, "bulletins[2].sound"),
        (
            {
                "bulletins": (*GOOD.bulletins, Bulletin("x", "X", "vi", sha256(b"x"))),
                "blobs": (*GOOD.blobs, Blob(sha256(b"x"), 10, 0)),
            },
            "bulletins[2].sound",
        ),
        ({"bulletins": (replace(GOOD.bulletins[0], picture=PICTURE),)}, "bulletins[0].picture"),
        (
            {"bulletins": (replace(GOOD.bulletins[0], picture=PICTURE),), "blobs": (*GOOD.blobs, Blob(PICTURE, 9, 1))},
            "bulletins[0].picture",
        ),
        (
            {
                "bulletins": (*GOOD.bulletins[:1], replace(GOOD.bulletins[1], picture=PICTURE)),
                "blobs": (*GOOD.blobs, Blob(PICTURE, MAX_PICTURE_BYTES + 1, 0)),
            },
            "bulletins[1].picture",
        ),
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused_with_its_field(part: dict[str, Any], field: str) -> None:
    assert refusal(replace(GOOD, **part)).field == field


def test_a_bulletin_may_have_a_picture_of_the_largest_size() -> None:
    bulletins = tuple(replace(row, picture=PICTURE) for row in GOOD.bulletins)
    validate_manifest(replace(GOOD, bulletins=bulletins, blobs=(*GOOD.blobs, Blob(PICTURE, MAX_PICTURE_BYTES, 0))))
    error = refusal(replace(GOOD, bulletins=bulletins))
    told = "bulletin '2m' names a picture that is no blob of 262144 bytes at most"
    assert (error.code, error.message) == ("no-picture", told)


def test_the_planner_itself_refuses_what_it_cannot_plan() -> None:
    bad = replace(GOOD, entries=(replace(GOOD.entries[0], kind=Kind.RELAY),))
    with pytest.raises(ProtocolError):
        plan(Holdings(bad, None), ms("06:00"), ms("07:00"))
