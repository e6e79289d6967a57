"""Whether boxes have been told of everything that officers decided; if not, since when and why.

Until they are told they sound what was withdrawn and miss what is new, so no page may look well meanwhile.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from controller.jobs import services as jobs
from controller.library.papers import trust_or_none, who_may
from controller.schedules.compiling import COMPILE
from controller.schedules.models import Unapproved
from controller.units.models import Unit
from protocol.roles import Role

PATIENCE: Final = dt.timedelta(minutes=2)
"""A compilation that nobody took up for this long is late: the worker is away or hangs."""
NAMED: Final = 5
"""So many are named."""


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


@dataclass(frozen=True)
class Silent:
    """What boxes do not sound since nobody whose signature counts has approved it."""

    title: str
    bulletin: int | None
    """Its number; None for a station."""
    places: str
    """Names of the units, the first few."""
    who: str
    """Whom to ask for a signature."""
    since: dt.datetime


def silent(now: dt.datetime) -> list[Silent]:
    """As the last compilation found it."""
    found = []
    for row in Unapproved.objects.select_related("bulletin__unit", "station").order_by("since", "id")[:NAMED]:
        scope = row.bulletin.unit.code if row.bulletin else row.units[0].split("-")[0]
        names = list(Unit.objects.filter(code__in=row.units[:NAMED]).values_list("name", flat=True))
        more = "…" if len(row.units) > NAMED else ""
        found.append(
            Silent(
                title=str(row),
                bulletin=row.bulletin_id,
                places=", ".join(names) + more,
                who=who_may(Role.CONTENT, scope, trust_or_none(scope), now),
                since=row.since,
            )
        )
    return found
