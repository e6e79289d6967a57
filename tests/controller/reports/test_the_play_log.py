"""Every row of every box once, in an unbroken chain, or the break is named."""

import csv
import datetime as dt
import io
from pathlib import Path

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from controller.reports import rules, services
from controller.reports.models import ChainAnomaly, LogChain, PlayLogRow
from controller.reports.rules import START, Anomaly, ChainState
from controller.reports.services import Question
from protocol.report import LogBatch, LogRow, Result, chain_hash
from tests.support import province
from tests.support.boxes import SmallBox
from tests.support.installation import install
from tests.support.province import AN_PHU, BINH_MINH, NOW, Province, key

NOW_MS = int(NOW.timestamp() * 1000)


def history(count: int, name: str = "box") -> list[LogRow]:
    box = SmallBox(key(name), province.DOMAIN)
    return [box.play(NOW_MS + n * 1000) for n in range(count)]


def hash_before(rows: list[LogRow], first: int) -> bytes:
    before = START
    for row in rows[: first - 1]:
        before = chain_hash(before, row)
    return before


@given(cuts=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=12))
def test_however_batches_overlap_or_repeat_every_row_is_taken_once_and_in_order(cuts: list[tuple[int, int]]) -> None:
    rows = history(12)
    state, taken = ChainState(), []
    for a, b in [*((min(cut), max(cut)) for cut in cuts), (1, 12)]:
        first = min(a, state.seq + 1)
        result = rules.take(state, hash_before(rows, first), rows[first - 1 : max(b, first)])
        assert result.anomaly is None
        state = result.state
        taken += [row.seq for row in result.rows]
    assert taken == list(range(1, 13))
    assert state.hash == hash_before(rows, 13)


def test_rows_after_a_gap_wait_for_those_before_them() -> None:
    rows = history(6)
    first = rules.take(ChainState(), START, rows[:2])
    gap = rules.take(first.state, hash_before(rows, 5), rows[4:])
    assert gap.rows == ()
    assert gap.state.seq == 2
    filled = rules.take(gap.state, hash_before(rows, 3), rows[2:])
    assert [row.seq for row in filled.rows] == [3, 4, 5, 6]
    assert filled.anomaly is None


def test_a_gap_that_the_box_can_never_fill_is_named_and_does_not_stop_the_log() -> None:
    rows = history(6)
    state = rules.take(ChainState(), START, rows[:2]).state
    for _ in range(rules.PATIENCE - 1):
        state = rules.take(state, hash_before(rows, 5), rows[4:]).state
    last = rules.take(state, hash_before(rows, 5), rows[4:])
    assert [row.seq for row in last.rows] == [5, 6]
    assert last.anomaly == Anomaly("gap", 3, "3-4")
    assert last.state.hash == hash_before(rows, 7)


def test_a_history_that_was_written_anew_is_noticed() -> None:
    rows, other = history(4), history(4, "forger")
    other = [LogRow(**{**{f: getattr(row, f) for f in row.__struct_fields__}, "detail": "changed"}) for row in other]
    state = rules.take(ChainState(), START, rows[:2]).state
    appended = rules.take(state, hash_before(other, 3), other[2:])
    assert appended.anomaly is not None
    assert appended.anomaly.kind == "rewritten"
    repeated = rules.take(state, START, other[:2])
    assert repeated.rows == ()
    assert repeated.anomaly is not None


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make()


def fill(here: Province, name: str, results: list[Result], at: dt.datetime = NOW) -> None:
    box = SmallBox(here.box_key(name), province.DOMAIN)
    for n, result in enumerate(results):
        box.play(int(at.timestamp() * 1000) + n * 60_000, result=result)
    services.store(here.boxes[name], LogBatch(box.id, box.chain, START, tuple(box.rows)), at)


@pytest.mark.django_db
def test_counts_are_exact_by_unit_time_and_result(here: Province) -> None:
    fill(here, "an phú 1", [Result.PLAYED] * 3 + [Result.CUT])
    fill(here, "bình minh", [Result.PLAYED, Result.MISSED])
    assert services.counts(Question()) == {Result.PLAYED: 4, Result.CUT: 1, Result.MISSED: 1}
    assert services.counts(Question(units=(AN_PHU,))) == {Result.PLAYED: 3, Result.CUT: 1, Result.MISSED: 0}
    assert services.counts(Question(units=(BINH_MINH,), result=Result.MISSED))[Result.MISSED] == 1
    assert services.counts(Question(since=NOW + dt.timedelta(minutes=2))) == {
        Result.PLAYED: 1,
        Result.CUT: 1,
        Result.MISSED: 0,
    }
    assert sum(services.counts(Question(until=NOW)).values()) == 0


@pytest.mark.django_db
def test_the_same_batch_a_hundred_times_is_one_set_of_rows(here: Province) -> None:
    for _ in range(100):
        fill(here, "an phú 1", [Result.PLAYED] * 3)
    assert PlayLogRow.objects.count() == 3
    assert LogChain.objects.get().seq == 3
    assert not ChainAnomaly.objects.exists()


@pytest.mark.django_db
def test_csv_opens_in_excel_and_no_cell_is_a_formula(here: Province) -> None:
    here.boxes["an phú 1"].name = "=1+1"
    here.boxes["an phú 1"].save()
    fill(here, "an phú 1", [Result.PLAYED])
    text = "".join(services.csv_lines(Question()))
    assert text.startswith("\ufeff")
    heading, row = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert heading[0] == "Hộp thiết bị"
    assert row[0] == "'=1+1"
    said = dict(zip(heading, row, strict=True))
    assert said["Kế hoạch"] == "24/11/2026 09:00:00"
    assert said["Kết quả"] == "đã phát"
    assert (said["Đơn vị"], said["Mã đơn vị"]) == ("Xã An Phú", AN_PHU)
