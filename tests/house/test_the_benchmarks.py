"""Benchmarks follow the code that they measure: a small one runs here. Its times are nobody's business in a test."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import village_air

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
    }
