"""`make simulate SEEDS=20 DAYS=7`: weeks of virtual time. A seed that breaks an invariant is printed with its script.

`make simulate SEED=123 DAYS=7` plays that one again. The last line is one JSON object.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

import django

IN_MEMORY: Final = next((path for path in (Path("/dev/shm"),) if path.is_dir()), None)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controller.settings")
    django.setup()
    from tests.simulation.referee import ViolationError
    from tests.simulation.scripts import by_seed
    from tests.simulation.world import run

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--days", type=float, default=1)
    parser.add_argument("--seed", type=int)
    args = parser.parse_args()
    seeds = [args.seed] if args.seed is not None else list(range(args.seeds))
    total = {"seeds": 0, "virtual_days": 0.0, "steps": 0, "sounds": 0, "verdicts": 0, "violations": 0}
    asked: Counter[str] = Counter()
    began = time.monotonic()
    for seed in seeds:
        with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
            try:
                outcome = run(Path(folder), by_seed(seed, args.days), seed=seed)
            except ViolationError as error:
                total["violations"] += 1
                sys.stderr.write(f"seed {seed}: {error}\n")
                continue
        total["seeds"] += 1
        total["virtual_days"] += outcome.virtual_s / 86_400
        total["steps"] += outcome.steps
        total["sounds"] += outcome.sounds
        total["verdicts"] += outcome.verdicts
        asked += outcome.asked
    total["virtual_days"] = round(total["virtual_days"], 2)
    sys.stdout.write(json.dumps(total | {"asked": dict(asked), "seconds": round(time.monotonic() - began, 1)}) + "\n")
    return 1 if total["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
