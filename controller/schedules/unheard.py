"""What boxes will not sound in the coming days, or not to its end, though a schedule says so: asked of their own
planner over what they were told, with the roots' hours and volume, which no server can widen.

A schedule is refused when it breaks the regulations of that day; this is for what came later: regulations that were
tightened, an exception that was given up, another schedule, new roots.
"""

import datetime as dt
import enum
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, QuerySet

from controller.core.errors import Refused
from controller.core.times import ZONE
from controller.schedules import facts
from controller.schedules.models import AssignmentRow
from controller.schedules.preview import holdings
from controller.trust.services import current_roots, versions
from controller.units.rules import above
from protocol.manifest import Hours, Level, Policy
from protocol.policy import EffectivePolicy
from protocol.quantities import DAY_MS
from protocol.timeline import Holdings, RefusalCode, plan

AHEAD_MS: Final = 7 * DAY_MS
"""Regulations and the form's recurrences repeat weekly."""
LOOKED_INTO: Final = 12
"""Different programmes for one page, those of the most boxes first."""
HOUR_S: Final = 3600
RUNS_INTO_MS: Final = DAY_MS // 4
"""How far behind a start the quiet hours are looked for, into which it would have run."""


QUIETED: Final = frozenset({RefusalCode.QUIET, RefusalCode.CUT_QUIET})
"""What an exception to quiet hours would let through."""


class Whose(enum.Enum):
    """Who set what stands against it."""

    ROOTS = "roots"
    PROVINCE = "province"
    UNIT = "unit"
    BOX = "box"
    NOBODY = "nobody"
    """Another schedule does."""


@dataclass(frozen=True)
class Against:
    """What stands against it."""

    code: RefusalCode
    whose: Whose = Whose.NOBODY
    hours: Hours | None = None
    """The quiet hours; None with QUIET: that whole day."""


@dataclass(frozen=True)
class Unheard:
    """Plays of one schedule that are not heard, for one reason."""

    schedule: int
    against: Against
    units: tuple[str, ...]
    """Codes of the units where."""
    first: dt.datetime
    """When the first of them was to start."""
    times: int
    """So many starts in the week, at the unit where it is worst."""


def unheard(rows: QuerySet[AssignmentRow], now: dt.datetime, schedules: Collection[int] | None = None) -> list[Unheard]:
    """Of what these boxes were told, the soonest first; of all schedules, or of these."""
    alike = rows.order_by().values("compiled_id", "box__unit__code", "box__policy")
    groups = list(alike.annotate(one=Min("box_id"), boxes=Count("box_id")).order_by("-boxes", "one")[:LOOKED_INTO])
    told = dict(AssignmentRow.objects.filter(box__in=[row["one"] for row in groups]).values_list("box_id", "facts"))
    found: dict[tuple[int, Against], dict[str, tuple[int, ...]]] = defaultdict(dict)
    hour = int(now.timestamp()) // HOUR_S
    for group in groups:
        box, unit = group["one"], group["box__unit__code"]
        if unit is None or box not in told:
            continue
        try:
            plays = _of(box, told[box], _trusted(unit), hour)
        except OSError:  # its manifest cannot be read: what cannot be told is in `arrears`
            continue
        for schedule, against, starts in plays:
            if schedules is None or schedule in schedules:
                found[schedule, against][unit] = max(found[schedule, against].get(unit, ()), starts, key=len)
    made = [
        Unheard(
            schedule,
            against,
            tuple(sorted(units)),
            dt.datetime.fromtimestamp(min(chain.from_iterable(units.values())) / 1000, ZONE),
            max(len(starts) for starts in units.values()),
        )
        for (schedule, against), units in found.items()
    ]
    return sorted(made, key=lambda one: (one.first, one.schedule, one.against.code))


def _trusted(unit: str) -> tuple[object, ...]:
    """Which roots and lists hold there: another answer when one of them changes."""
    try:
        roots = current_roots()
    except Refused:
        return ()
    return roots.version, roots.issued, roots.policies, *sorted(versions(above(unit)).items())


@lru_cache(maxsize=512)
def _of(
    box: str, _facts: str, _trust: tuple[object, ...], hour: int
) -> tuple[tuple[int, Against, tuple[int, ...]], ...]:
    """(schedule, reason, planned starts in epoch ms) of what this box leaves out in the week from this hour on.

    Home pages ask every few seconds: as long as the box is told the same and trusts the same, it is worked out once an
    hour.
    """
    row = AssignmentRow.objects.select_related("compiled__manifest").filter(box=box).first()
    if row is None:
        return ()
    from_ms = hour * HOUR_S * 1000
    # Judged at the hour's end: what was signed a moment ago is not dated ahead.
    held = holdings(row, dt.datetime.fromtimestamp((hour + 1) * HOUR_S, dt.UTC))
    starts: dict[tuple[int, Against], set[int]] = defaultdict(set)
    for refusal in plan(held, from_ms, from_ms + AHEAD_MS).refusals:
        number = refusal.cause.removeprefix(facts.ENTRY.format(""))
        if number.isdecimal() and refusal.code not in (RefusalCode.VALIDITY, RefusalCode.CUT_VALIDITY):
            starts[int(number), _against(held, refusal.code, refusal.planned_ms)].add(refusal.planned_ms)
    return tuple((schedule, against, tuple(sorted(at))) for (schedule, against), at in starts.items())


def _against(held: Holdings, code: RefusalCode, planned_ms: int) -> Against:
    if code in QUIETED:
        return _quiet(held, code, planned_ms)
    if code in (RefusalCode.SESSION_COUNT, RefusalCode.SESSION_LENGTH, RefusalCode.CUT_SESSION):
        name = "max_sessions" if code is RefusalCode.SESSION_COUNT else "max_session_s"
        return Against(code, min(_caps(held, name), key=itemgetter(0), default=(0, Whose.UNIT))[1])
    return Against(code)


def _quiet(held: Holdings, code: RefusalCode, planned_ms: int) -> Against:
    """By the first quiet stretch that it meets; of those that begin together, by the one that is hardest to move."""
    met: list[tuple[int, Whose, Hours | None]] = []
    for whose, policies in _policies(held):
        own = EffectivePolicy(policies, _zone(held), held.exceptions)
        for stretch in own.quiet(planned_ms, planned_ms + RUNS_INTO_MS)[:1]:
            at_ms = max(planned_ms, stretch.start_ms)
            why = own.why_quiet(at_ms)
            if why is not None:
                met.append((at_ms, whose, why[1]))
    _at, whose, hours = min(met, key=itemgetter(0), default=(0, Whose.UNIT, None))
    return Against(code, whose, hours)


def _caps(held: Holdings, name: str) -> Iterable[tuple[int, Whose]]:
    for whose, policies in _policies(held):
        for policy in policies:
            cap = getattr(policy, name)
            if cap is not None:
                yield cap, whose


def _policies(held: Holdings) -> list[tuple[Whose, tuple[Policy, ...]]]:
    """All that hold at the box, by who set them; the one who is hardest to move first."""
    stacked = () if held.manifest is None else held.manifest.policies
    own = held.assignment.policy if held.assignment is not None else None
    return [
        (Whose.ROOTS, held.bounds),
        (Whose.PROVINCE, tuple(policy for policy in stacked if policy.level is Level.PROVINCE)),
        (Whose.UNIT, tuple(policy for policy in stacked if policy.level is not Level.PROVINCE)),
        (Whose.BOX, () if own is None else (own,)),
    ]


def _zone(held: Holdings) -> ZoneInfo:
    return ZONE if held.manifest is None else ZoneInfo(held.manifest.zone)
