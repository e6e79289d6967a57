"""Scripts that nobody wrote: hypothesis makes them, and shrinks one that breaks an invariant to a few lines."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.scripts import by_seed, scripts
from tests.simulation.world import Step, run


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(script=scripts(), seed=st.integers(0, 3))
def test_whatever_happens_no_invariant_breaks(script: list[Step], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), script, seed=seed)
    assert outcome.steps == len(script)


def test_a_seed_gives_the_same_script_and_the_same_history(tmp_path: Path) -> None:
    first, second = (run(tmp_path / name, by_seed(10, 0.005), seed=10).world for name in ("a", "b"))
    assert first is not None
    assert second is not None
    assert {name: box.sounded for name, box in first.boxes.items()} == {
        name: box.sounded for name, box in second.boxes.items()
    }
