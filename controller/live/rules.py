"""From what an officer decides to the session that is signed, and how a session stands. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from controller.units.rules import above
from protocol.clock import ClockReading
from protocol.live import Denied, Listener, LiveSession, judge
from protocol.report import ClockQuality
from protocol.roles import Role
from protocol.trust import Trust

MINUTES: Final = (5, 10, 15, 30)


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
    """For its signature."""
    ON = "on"
    OVER = "over"


def standing(sent_at: datetime | None, ended_at: datetime | None, expires: datetime, now: datetime) -> Standing:
    """Of a session with these times."""
    if ended_at is not None or now >= expires:
        return Standing.OVER
    return Standing.WAITING if sent_at is None else Standing.ON


def session(wanted: Wanted, trust: Trust, identity: bytes, now_s: int) -> LiveSession:
    """What the person will sign."""
    return LiveSession(
        id=identity,
        province=trust.domain.province,
        environment=trust.domain.environment,
        role=Role.COMMUNE,
        epoch=trust.version,
        issued=now_s,
        not_before=now_s,
        expires=now_s + wanted.minutes * 60,
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
