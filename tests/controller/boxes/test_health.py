"""What is thought of a box: silence, faults and ignorance are never green."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from controller.boxes import rules
from controller.boxes.details import KNOWN, fault_detail
from controller.boxes.models import Stage
from controller.boxes.rules import Level, Said
from protocol.manifest import NO_ASSIGNMENT
from protocol.refusals import RejectCode, sentence
from protocol.report import ClockQuality, Doing, FaultCode

NOW = dt.datetime(2026, 11, 24, 1, 0, tzinfo=dt.UTC)
WELL = Said(
    stage=Stage.APPROVED,
    last_seen=NOW - dt.timedelta(seconds=30),
    doing=Doing.SILENT,
    clock=ClockQuality.NTP,
    in_force=(0, 1, 7),
    wanted=(0, 1, 7),
)


def level(said: Said) -> Level:
    return rules.health(said, NOW).level


def test_a_box_that_was_heard_lately_knows_the_time_and_has_its_schedule_is_well() -> None:
    found = rules.health(WELL, NOW)
    assert (found.level, found.age) == (Level.GOOD, dt.timedelta(seconds=30))


def test_after_100_seconds_of_silence_a_box_counts_as_lost() -> None:
    assert level(replace(WELL, last_seen=NOW - dt.timedelta(seconds=100))) is Level.GOOD
    assert level(replace(WELL, last_seen=NOW - dt.timedelta(seconds=101))) is Level.FAULT


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(Stage.WAITING), Level.WAITING),
        (replace(WELL, stage=Stage.RETIRED), Level.RETIRED),
        (Said(Stage.APPROVED), Level.UNKNOWN),
        (replace(WELL, doing=None), Level.UNKNOWN),
        (replace(WELL, clock=None), Level.UNKNOWN),
        (replace(WELL, doing=99), Level.UNKNOWN),
        (replace(WELL, clock=ClockQuality.FLOOR), Level.FAULT),
        (replace(WELL, doing=Doing.WITHOUT_TIME), Level.FAULT),
        (replace(WELL, faults=1 << FaultCode.DISK_FULL), Level.FAULT),
        (replace(WELL, doing=Doing.STOPPED), Level.WARNING),
        (replace(WELL, in_force=NO_ASSIGNMENT), Level.WARNING),
        (replace(WELL, wanted=(0, 1, 8)), Level.WARNING),
        (replace(WELL, in_force=(0, 1, 9), wanted=(1, 1, 1)), Level.WARNING),
        (replace(WELL, told=(0, 1, 7)), Level.GOOD),
        (replace(WELL, told=(0, 1, 6)), Level.FAULT),
        (replace(WELL, told=(1, 1, 1)), Level.GOOD),
        (replace(WELL, in_force=(0, 1, 8), told=(0, 1, 7)), Level.FAULT),
        (replace(WELL, doing=Doing.SOUNDING), Level.GOOD),
        (replace(WELL, doing=Doing.EMERGENCY, faults=1), Level.EMERGENCY),
    ],
)
def test_each_state_has_its_level(said: Said, expected: Level) -> None:
    assert level(said) is expected


PLACE = st.tuples(st.integers(0, 2), st.integers(1, 2), st.integers(0, 3))
SAID = st.builds(
    Said,
    stage=st.sampled_from(Stage.values),
    last_seen=st.none() | st.timedeltas(dt.timedelta(minutes=-5), dt.timedelta(minutes=5)).map(lambda ago: NOW - ago),
    doing=st.none() | st.integers(0, 8),
    clock=st.none() | st.integers(0, 8),
    faults=st.integers(0, 2**32 - 1),
    in_force=PLACE,
    wanted=PLACE,
    told=st.none() | PLACE,
)


@given(SAID)
def test_green_is_only_what_was_heard_lately_without_a_fault_and_with_a_known_time(said: Said) -> None:
    found = rules.health(said, NOW)
    assert found.sentence
    if found.level is Level.GOOD:
        assert found.age is not None
        assert found.age <= rules.SILENT_AFTER
        assert said.faults == 0
        assert (said.clock or 0) > ClockQuality.FLOOR
        assert said.doing in (Doing.SILENT, Doing.SOUNDING)
        assert NO_ASSIGNMENT < said.in_force >= said.wanted
        assert said.told is None or said.wanted <= said.told


@given(st.sets(st.integers(0, 31)))
def test_every_fault_bit_is_named(bits: set[int]) -> None:
    assert len(rules.fault_names(sum(1 << bit for bit in bits))) == len(bits)


def test_a_fault_that_this_version_does_not_know_is_shown_by_its_number() -> None:
    with translation.override("en"):
        assert rules.fault_names(1 << 31) == ["Fault number 31"]


@pytest.mark.parametrize("typed", ["ABCD-2345", "abcd2345", " abcd 2345 "])
def test_a_code_may_be_typed_as_one_likes(typed: str) -> None:
    assert rules.same_code(typed, "ABCD-2345")
    assert not rules.same_code(typed, "ABCD-2346")


def test_every_fault_that_a_box_can_have_has_a_name() -> None:
    assert not any("số" in name for name in rules.fault_names(sum(1 << code for code in FaultCode)))


@pytest.mark.parametrize(
    ("detail", "vi", "en"),
    [
        ("the player process works", "bộ phận phát âm thanh chạy lại bình thường", "the part that plays works again"),
        ("it sounds again", "loa phát lại được", "it sounds again"),
        ("no mains, the battery is low", "mất điện lưới, ắc quy sắp cạn", "no mains, the battery is low"),
        ("stop is stuck", "nút stop bị kẹt", "the button stop is stuck"),
        ("EXPIRED: whatever", sentence(RejectCode.EXPIRED, "vi"), sentence(RejectCode.EXPIRED, "en")),
        ("no mains, and a flood", "hộp ghi: “no mains, and a flood”", "the box says: “no mains, and a flood”"),
        ("100% %(role)s", "hộp ghi: “100% %(role)s”", "the box says: “100% %(role)s”"),
        ("", "", ""),
    ],
)
def test_what_a_box_adds_to_a_fault_is_read_in_the_readers_language_or_as_its_own_words(
    detail: str, vi: str, en: str
) -> None:
    for language, words in (("vi", vi), ("en", en)):
        with override(language):
            assert fault_detail(detail) == words


def test_the_sentences_that_boxes_write_are_known_as_they_write_them() -> None:
    written = "".join(path.read_text() for path in Path("agent").rglob("*.py"))
    for plain in (pattern.pattern for pattern, _words in KNOWN):
        if not set(plain) & set("(*["):
            assert plain in written, plain
