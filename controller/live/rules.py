"""From what an officer decides to the session that is signed, and how a session stands. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from controller.orders.capacity import Capacity
from controller.units.rules import above
from protocol.clock import ClockReading
from protocol.live import MAX_SESSION_S, SILENCE_S, Denied, Listener, LiveSession, judge
from protocol.report import ClockQuality
from protocol.trust import Trust

MINUTES: Final = (5, 10, 15, 20, 30)
WAIT_S: Final = 600
"""So long a session that takes several persons waits for the others' signatures; its own time comes behind."""

NOTED_S: Final = 1
"""How often a group that has come is written down."""
GONE: Final = timedelta(seconds=SILENCE_S + NOTED_S)
"""After so long without a group boxes have given the session up, and whoever spoke has gone."""


@dataclass(frozen=True)
class Wanted:
    """What an officer decides about speaking."""

    area: tuple[str, ...]
    key: bytes
    """Raw Ed25519 public key that the page has made."""
    minutes: int = 10
    attached: str = ""
    """Id in hex of the alarm inside which it speaks; empty for none."""
    reason: str = ""
    boxes: tuple[str, ...] = ()
    """Ids of those of the area that are to listen; empty for all."""


class Standing(StrEnum):
    """How a session stands now."""

    WAITING = "waiting"
    """For its signatures."""
    LAPSED = "lapsed"
    """Too few signed it in time."""
    ON = "on"
    OVER = "over"


def standing(
    sent_at: datetime | None,
    ended_at: datetime | None,
    sign_by: datetime,
    expires: datetime,
    now: datetime,
    *,
    heard_at: datetime | None = None,
) -> Standing:
    """Of a session with these times."""
    if ended_at is not None or (heard_at is not None and now - heard_at > GONE):
        return Standing.OVER
    if sent_at is None:
        return Standing.LAPSED if now >= sign_by else Standing.WAITING
    return Standing.OVER if now >= expires else Standing.ON


def stopped(ended_at: datetime | None, heard_at: datetime | None, expires: datetime, now: datetime) -> datetime | None:
    """When it ended before its time: somebody ended it, or groups stayed away; None where neither happened."""
    if ended_at is not None or heard_at is None:
        return ended_at
    gone_at = heard_at + GONE
    return gone_at if gone_at < min(now, expires) else None


def minutes(persons: int) -> tuple[int, ...]:
    """How long somebody may speak in a session that so many sign: the wire gives it half an hour with the waiting."""
    wait_s = WAIT_S if persons > 1 else 0
    return tuple(one for one in MINUTES if wait_s + one * 60 <= MAX_SESSION_S)


def session(wanted: Wanted, way: Capacity, trust: Trust, identity: bytes, now_s: int) -> LiveSession:
    """What the persons will sign, the first of them in this way."""
    wait_s = WAIT_S if way.persons > 1 else 0
    return LiveSession(
        id=identity,
        province=trust.domain.province,
        environment=trust.domain.environment,
        role=way.role,
        epoch=trust.version,
        issued=now_s,
        not_before=now_s,
        expires=now_s + wait_s + wanted.minutes * 60,
        area=wanted.area,
        boxes=wanted.boxes,
        key=wanted.key,
        attached=bytes.fromhex(wanted.attached) if wanted.attached else None,
        reason=wanted.reason,
    )


def trial(
    raw: bytes, places: Iterable[tuple[str, str]], trusts: Mapping[str, Trust], now_ms: int, alarms: Mapping[bytes, int]
) -> Denied | None:
    """The first refusal of a healthy box at each of these places; None where all of them would listen.

    `places`: a box's id and its unit; where all boxes of a unit are meant, an empty id and that unit. `trusts` are by
    unit; `alarms` are those in force, with the levels of their signers.
    """
    clock = ClockReading(now_ms, now_ms, ClockQuality.NTP)
    for box, unit in places:
        trust = trusts[unit]
        verdict = judge(raw, trust, clock, Listener(trust.domain, box, above(unit), (), alarms))
        if isinstance(verdict, Denied):
            return verdict
    return None
