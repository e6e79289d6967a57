"""Benchmarks follow the code that they measure: a small one runs here. Its times are nobody's business in a test."""

import json
import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).parents[2]


def test_the_benchmark_of_compilation_tells_every_box_and_after_a_change_those_of_one_commune() -> None:
    """40 boxes in 4 communes; of 8 schedules 4 are the province's and 4 one commune's."""
    asked = subprocess.run(
        [sys.executable, "tests/bench/compile.py", "40", "4", "8"],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    figures = json.loads(asked.stdout.splitlines()[-1])
    counts = {name: number for name, number in figures.items() if not name.endswith("_ms")}
    assert counts == {
        "boxes": 40,
        "schedules": 8,
        "manifests": 3,
        "entries": 16,
        "posted_first": 40,
        "posted_change": 10,
    }
