"""`make fuzz`: asks the gate and its oracle a million questions (N=, SEED=, PROCESSES=), or one of them again (CASE=).

Three in five are orders that were built to be right or to be wrong in one way or in several, the others bytes that
were mutated; one in twenty is of roots, a delegation, an approval or an exception, and one in twenty an assignment with
its manifest. The last line is one JSON object.
"""

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.oracle import agreement
from tests.oracle.agreement import Tally

CHUNK = 2_000


def main() -> int:
    count, seed = int(os.environ.get("N") or 1_000_000), os.environ.get("SEED") or time.strftime("%Y%m%d%H%M%S")
    if case := os.environ.get("CASE"):
        return _again(seed, int(case))
    processes = int(os.environ.get("PROCESSES") or 2)
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    tally, begin = Tally(), time.monotonic()
    print(f"seed {seed}, {count} cases in {processes} processes", flush=True)
    with ProcessPoolExecutor(processes) as pool:
        for number, part in enumerate(pool.map(agreement.run, [seed] * len(chunks), chunks), 1):
            tally.add(part)
            if number % 25 == 0:
                print(f"{tally.cases} cases, {tally.disagreements} disagreements", flush=True)
    summary = {
        "seed": seed,
        "cases": tally.cases,
        "accepted": tally.accepted,
        "wrong_sounds": tally.wrong_sounds,
        "wrong_accepts": tally.wrong_accepts,
        "wrong_refusals": tally.wrong_refusals,
        "disagreements_with_oracle": tally.disagreements,
        "raised": tally.raised,
        "answers": dict(tally.answers.most_common()),
        "examples": tally.examples,
        "seconds": round(time.monotonic() - begin),
        "ok": tally.clean,
    }
    print(json.dumps(summary, ensure_ascii=False))
    return 0 if tally.clean else 1


def _again(seed: str, number: int) -> int:
    """One case, with its bytes, so that it can become a test."""
    tally = agreement.run(seed, [number])
    print(agreement.described(agreement.question_of(seed, number)))
    print(json.dumps({"seed": seed, "case": number, "examples": tally.examples, "ok": tally.clean}, ensure_ascii=False))
    return 0 if tally.clean else 1


if __name__ == "__main__":
    sys.exit(main())
