"""Whether boxes have been told of everything that officers decided; if not, since when and why.

Until they are told they sound what was withdrawn and miss what is new, so no page may look well meanwhile.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from controller.jobs import services as jobs
from controller.schedules.compiling import COMPILE

PATIENCE: Final = dt.timedelta(minutes=2)
"""A compilation that nobody took up for this long is late: the worker is away or hangs."""


@dataclass(frozen=True)
class Arrears:
    """Decisions that have not gone out."""

    since: dt.datetime
    """When the first of them was made."""
    why: str
    """Of the last attempt; empty when there was none."""


def arrears(now: dt.datetime) -> Arrears | None:
    """None while boxes are told, or are about to be."""
    job = jobs.owed(COMPILE, now, after=PATIENCE)
    if job is None:
        return None
    return Arrears(job.created if job.error else job.due, job.error)
