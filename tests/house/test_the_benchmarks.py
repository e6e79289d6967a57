"""Benchmarks follow the code that they measure: a small one runs here. Its times are nobody's business in a test."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import live, sound
from tests.support import bench, village_air

REPO = Path(__file__).parents[2]


def ran(*command: str) -> dict[str, Any]:
    """What the last line says."""
    asked = subprocess.run(
        [sys.executable, *command],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    figures: dict[str, Any] = json.loads(asked.stdout.splitlines()[-1])
    return figures


def test_every_benchmark_says_first_what_it_measures_and_how_long_that_takes_and_ends_by_its_verdict() -> None:
    for file in sorted((REPO / "tests" / "bench").glob("*.py")):
        text = file.read_text("utf-8")
        assert "bench.begin(" in text, file.name
        assert "return bench.end(" in text, file.name
        assert "sys.exit(main(" in text, file.name
        assert "print(json" not in text, file.name


def test_a_benchmark_that_is_not_ok_fails_and_says_so_in_its_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.end({"late_ms": math.inf, "ok": False}) == 1
    assert json.loads(capsys.readouterr().out) == {"late_ms": "infinite", "ok": False}
    assert bench.end({"late_ms": 3, "ok": True}) == 0
    bench.begin("how soon it sounds", 300)
    assert "how soon it sounds; takes about 5 minutes" in capsys.readouterr().err


def test_one_lost_sound_of_thirty_is_no_99th_percentile_that_anybody_may_be_proud_of() -> None:
    heard = [20.0] * 29
    assert bench.percentile(heard, 0.99) == 20
    assert bench.percentile([*heard, math.inf], 0.99) == math.inf
    assert bench.percentile([], 0.5) == math.inf


def test_a_press_that_nobody_heard_or_a_beep_that_was_lost_is_not_ok() -> None:
    good: dict[str, Any] = dict.fromkeys(sound.AIMS, 0) | {"button_presses": 40, "button_presses_heard": 40}
    assert sound.is_ok(good)
    assert not sound.is_ok({**good, "button_presses_heard": 39})
    assert not sound.is_ok({**good, "preempt_ms_p99": math.inf})
    assert not sound.is_ok({**good, "button_to_sample_ms_p99": "infinite"})
    spoken = {f"{name}_{what}": 0 for name in live.LIMITS_MS for what in ("ms", "lost", "beeps_unheard")}
    assert live.is_ok(spoken)
    assert not live.is_ok({**spoken, "g3_beeps_unheard": 0.01})
    assert not live.is_ok({**spoken, "lan_ms": math.inf})


def test_the_benchmark_of_the_gate_fails_where_a_sound_is_wrong_or_an_order_too_long() -> None:
    figures = ran("tests/bench/gate.py", "300")
    named = {"decisions_per_s", "verify_ms", "order_bytes", "cases", "wrong_sounds", "disagreements_with_oracle"}
    assert named <= figures.keys()
    assert (figures["cases"], figures["wrong_sounds"], figures["disagreements_with_oracle"]) == (300, 0, 0)
    assert figures["ok"] is True


@pytest.mark.skipif(not village_air.INSTALLED, reason="espeak-ng is not installed: apt-get install espeak-ng")
def test_the_benchmark_of_proof_counts_what_was_heard_and_what_was_taken_for_it() -> None:
    figures = ran("tests/bench/proof.py", "0.01")
    named = {"detect_0db", "detect_minus5db", "detect_minus10db", "false_alarm_rate", "cpu_ms_per_check"}
    assert named <= figures.keys()
    assert (figures["positives_each"], figures["negatives"], figures["train_negatives"]) == (4, 5, 4)
    assert (figures["detect_0db"], figures["false_alarm_rate"]) == (1.0, 0.0)


def test_the_benchmark_of_compilation_tells_every_box_and_after_a_change_those_of_one_commune() -> None:
    """40 boxes in 4 communes; of 8 schedules 4 are the province's and 4 one commune's."""
    figures = ran("tests/bench/compile.py", "40", "4", "8")
    counts = {name: number for name, number in figures.items() if not name.endswith("_ms")}
    assert counts == {
        "boxes": 40,
        "schedules": 8,
        "manifests": 3,
        "entries": 16,
        "posted_first": 40,
        "posted_change": 10,
        "ok": True,
    }
