"""A programme that cannot be planned is refused before it is signed and before it is adopted, with what to mend."""

from typing import Any

import pytest
from msgspec.structs import replace

from protocol.bulletin import Blob, Bulletin
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.manifest import Entry, Kind, Level, Manifest, Policy, Station
from protocol.timeline import Holdings, plan, validate_entry, validate_manifest
from tests.protocol.timeline.house import filler, manifest, ms, programme, relay

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
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused_with_its_field(part: dict[str, Any], field: str) -> None:
    assert refusal(replace(GOOD, **part)).field == field


def test_the_planner_itself_refuses_what_it_cannot_plan() -> None:
    bad = replace(GOOD, entries=(replace(GOOD.entries[0], kind=Kind.RELAY),))
    with pytest.raises(ProtocolError):
        plan(Holdings(bad, None), ms("06:00"), ms("07:00"))
