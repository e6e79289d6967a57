"""Scripts that nobody wrote: hypothesis makes them, and shrinks one that breaks an invariant to a few lines."""

import random
import secrets
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.referee import ViolationError
from tests.simulation.scripts import KINDS, Rolled, by_seed, scripts, step
from tests.simulation.world import Step, run


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(script=scripts(), seed=st.integers(0, 3))
def test_whatever_happens_no_invariant_breaks(script: list[Step], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), script, seed=seed)
    assert outcome.steps == len(script)


def test_and_nobody_knew_this_seed_before(tmp_path: Path) -> None:
    """Another one in each run; it is played again by what a failure says."""
    seed, days = secrets.randbelow(1_000_000_000), 0.02
    try:
        run(tmp_path, by_seed(seed, days), seed=seed)
    except ViolationError as error:
        pytest.fail(f"make simulate SEED={seed} DAYS={days}\n{error}")


def test_everything_that_may_happen_comes_about_in_a_few_hundred_rolls() -> None:
    """A kind of step that nobody rolls is not tested."""
    rolled = {type(step(Rolled(random.Random(seed)))) for seed in range(2_000)}
    assert len(rolled) == len({type(kind(Rolled(random.Random(0)))) for _, kind in KINDS})


def test_a_seed_gives_the_same_script_and_the_same_history(tmp_path: Path) -> None:
    first, second = (run(tmp_path / name, by_seed(10, 0.005), seed=10).world for name in ("a", "b"))
    assert first is not None
    assert second is not None
    assert {name: box.sounded for name, box in first.boxes.items()} == {
        name: box.sounded for name, box in second.boxes.items()
    }
