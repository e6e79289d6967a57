"""How every benchmark begins and ends: what is measured and how long that takes, then a line of JSON."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def begin(measured: str, takes_s: float) -> None:
    """Said before the first measurement, on standard error: the last line of standard output is the figures'."""
    takes = f"{takes_s:.0f} s" if takes_s < 90 else f"{takes_s / 60:.0f} minutes"
    step(f"measures {measured}; takes about {takes}")


def step(doing: str) -> None:
    """A part of a long one begins."""
    sys.stderr.write(f"▸ {doing}\n")
    sys.stderr.flush()


def end(figures: Mapping[str, Any]) -> int:
    """Print them; the exit code, 0 only where `ok` is true."""
    sys.stdout.write(json.dumps({name: _plain(value) for name, value in figures.items()}) + "\n")
    return 0 if figures["ok"] is True else 1


def percentile(values: Sequence[float], share: float) -> float:
    """Of these, where a sound that was never heard is `math.inf`: then it may be infinite too."""
    ordered = sorted(values)
    found = ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] if ordered else math.inf
    return round(found, 1) if math.isfinite(found) else found


def _plain(value: Any) -> Any:
    """JSON knows no infinity (RFC 8259 §6)."""
    return "infinite" if value == math.inf else value
