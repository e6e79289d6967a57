"""What boxes would leave out if one more schedule came into force: asked of their own planner before it is published.

`rules.conflict` knows the hours; only the planner knows how the sessions of a day add up with what is there already.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from controller.core.times import ZONE
from controller.schedules import facts
from controller.schedules.compiler import Content, Place, Programme, compile_all
from controller.schedules.rules import Rules
from protocol.manifest import Manifest, Policy
from protocol.timeline import Refusal, RefusalCode, refusals_within

SESSIONS: Final = frozenset({RefusalCode.SESSION_COUNT, RefusalCode.SESSION_LENGTH, RefusalCode.CUT_SESSION})
WEEK: Final = 7
"""Days that are looked at of what recurs: regulations and the form's recurrences repeat weekly."""


@dataclass(frozen=True)
class Left:
    """Something that boxes of this place would leave out, or cut."""

    place: Place
    manifest: Manifest
    refusal: Refusal


def crowded_out(
    draft: Programme, sounds: Mapping[str, Content], places: Sequence[Place], first: dt.datetime, now: dt.datetime
) -> Left | None:
    """The first play, the draft's or another's, that the sessions of a day would have no room for any more.

    `sounds` are the draft's bulletins; `first` is its first start, local.
    """
    regulations, bounds = facts.rules(now), facts.bounds()
    capped = [place for place in places if _counts_sessions(place, regulations, bounds)]
    if not capped:
        return None
    there, contents, stations = facts.programmes(now), {**facts.contents(), **sounds}, facts.stations()

    def compiled(programmes: Sequence[Programme]) -> list[Manifest]:
        found = compile_all(capped, programmes, zone=ZONE.key, contents=contents, stations=stations, rules=regulations)
        made = (found.manifests[found.of[place.box]] for place in capped)
        return [msgspec.structs.replace(manifest, policies=(*bounds, *manifest.policies)) for manifest in made]

    days = WEEK if draft.entry.rule else 1
    midnight = dt.datetime.combine(first.date(), dt.time(), ZONE)
    from_ms = int(midnight.timestamp() * 1000)
    looked_at: list[tuple[Manifest, Policy | None]] = []
    for place, before, after in zip(capped, compiled(there), compiled([*there, draft]), strict=True):
        if (after, place.policy) in looked_at:
            continue
        looked_at.append((after, place.policy))
        known = {_what(row) for row in refusals_within(before, from_ms, days=days, policy=place.policy)}
        for row in refusals_within(after, from_ms, days=days, policy=place.policy):
            if row.code in SESSIONS and _what(row) not in known:
                return Left(place, after, row)
    return None


def _counts_sessions(place: Place, regulations: Rules, bounds: tuple[Policy, ...]) -> bool:
    stack = bounds + regulations.stack(place.unit) + ((place.policy,) if place.policy else ())
    return any(policy.max_sessions is not None or policy.max_session_s is not None for policy in stack)


def _what(row: Refusal) -> tuple[str, str, int]:
    """Which play it is, however it is refused."""
    return row.cause, row.play, row.planned_ms
