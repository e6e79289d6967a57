"""What an order says, who counts as its signer, what its boxes have answered. Pure: values and `now` come in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controller.orders.models import State
from controller.units.rules import above, covers
from protocol.clock import ClockReading
from protocol.gate import Accept, Me, Reject, judge
from protocol.ids import key_id
from protocol.messages import BY_CODE, DRILL, PREPARED, PreparedMessage
from protocol.order import MAX_LIFETIME_S, MessageType, Order, Severity, Sound, Status
from protocol.refusals import RejectCode
from protocol.report import ClockQuality, Stage
from protocol.roles import Holder, Role, Roots

MIN_LIFETIME_S: Final = 300
DEFAULT_LIFETIME_S: Final = 3600
OFFERED: Final[tuple[PreparedMessage, ...]] = tuple(message for message in PREPARED if message.code != DRILL)
RETRIED: Final = frozenset({RejectCode.ROOTS_NEWER, RejectCode.NO_TIME, RejectCode.NO_SOUND, RejectCode.RATE})
"""Refusals that may pass while the order is valid: it is sent again."""
HARMLESS: Final = frozenset({RejectCode.DUPLICATE})
"""The box has it already."""


@dataclass(frozen=True)
class Alarm:
    """What an officer decides about an emergency."""

    message: int
    """Code of a built-in message."""
    area: tuple[str, ...]
    severity: Severity = Severity.EXTREME
    status: Status = Status.ACTUAL
    repeats: int = 3
    gap_s: int = 5
    lifetime_s: int = DEFAULT_LIFETIME_S
    reason: str = ""


def next_sequence(last: int, last_expires_s: int, now_s: int) -> int:
    """The sequence number of a signer's next order.

    One more than the last; but when nothing of this signer can still be valid it jumps to the present second, so that
    a controller that was restored from an old backup does not use numbers that the boxes have seen.
    """
    return max(last + 1, now_s) if last_expires_s <= now_s else last + 1


def compose_alert(alarm: Alarm, roots: Roots, identity: bytes, sequence: int, now_s: int) -> Order:
    """The alert that persons will sign."""
    return Order(
        id=identity,
        province=roots.province,
        environment=roots.environment,
        epoch=roots.version,
        sequence=sequence,
        issued=now_s,
        not_before=now_s,
        expires=now_s + alarm.lifetime_s,
        status=alarm.status,
        type=MessageType.ALERT,
        severity=alarm.severity,
        event=BY_CODE[alarm.message].event,
        area=alarm.area,
        sound=Sound(message=alarm.message, repeats=alarm.repeats, gap_s=alarm.gap_s),
        reason=alarm.reason,
    )


def compose_cancel(of: Order, roots: Roots, identity: bytes, sequence: int, now_s: int, *, reason: str) -> Order:
    """The order that ends `of`. It is valid for as long as a box might still hear `of`."""
    return Order(
        id=identity,
        province=roots.province,
        environment=roots.environment,
        epoch=roots.version,
        sequence=sequence,
        issued=now_s,
        not_before=now_s,
        expires=min(max(of.expires, now_s + MIN_LIFETIME_S), now_s + MAX_LIFETIME_S),
        status=of.status,
        type=MessageType.CANCEL,
        severity=of.severity,
        event=of.event,
        area=of.area,
        references=(of.id,),
        reason=reason,
    )


def role_for(kind: MessageType) -> Role:
    """The role whose holders sign this type of order."""
    return Role.CANCEL if kind is MessageType.CANCEL else Role.EMERGENCY


def holder_for(key: bytes, kind: MessageType, area: Iterable[str], roots: Roots, now_s: int) -> Holder | None:
    """The holder of this key, if it may sign such an order for the whole of this area now."""
    wanted = role_for(kind)
    for holder in roots.holders_of(key_id(key), wanted, now_s):
        if holder.key == key and all(any(covers(scope, unit) for scope in holder.scope) for unit in area):
            return holder
    return None


def signers(kind: MessageType, area: Iterable[str], roots: Roots, now_s: int) -> tuple[str, ...]:
    """Names of those who may sign such an order, for the page that waits for them."""
    units = tuple(area)
    named = (holder_for(holder.key, kind, units, roots, now_s) for holder in roots.holders)
    return tuple(sorted({holder.person for holder in named if holder is not None}))


def trial(
    raw: bytes,
    order: Order,
    roots: Roots,
    now_ms: int,
    *,
    levels: Mapping[bytes, int] | None = None,
    statuses: Mapping[bytes, Status] | None = None,
) -> Reject | int:
    """What a healthy box would say of these bytes in each unit of the area: the first refusal, or the signers' level.

    The level is the lowest authority (highest number) that they have in any of the units. `levels` and `statuses` are
    those of the orders that this one refers to.
    """
    clock = ClockReading(now_ms, now_ms, ClockQuality.NTP)
    worst = 0
    for unit in order.area:
        me = Me(
            domain=roots.domain,
            units=above(unit),
            seen=(),
            windows={},
            cancelled={},
            levels=levels or {},
            accepted_at_ms=(),
            has_sound=lambda sound: sound in BY_CODE,
            statuses=statuses or {},
        )
        verdict = judge(raw, roots, clock, me)
        if not isinstance(verdict, Accept):
            return verdict
        worst = max(worst, verdict.level)
    return worst


class Standing(StrEnum):
    """State and hour together: how an order stands now."""

    WAITING = "waiting"
    LAPSED = "lapsed"
    """Too few signed it in time."""
    DROPPED = "dropped"
    SENT = "sent"
    CANCELLED = "cancelled"
    ENDED = "ended"
    """Its time is over."""


def standing(state: str, expires_s: float, now_s: float) -> Standing:
    """How an order in this state stands at this moment."""
    over = now_s >= expires_s
    if state == State.WAITING:
        return Standing.LAPSED if over else Standing.WAITING
    if state == State.SENT:
        return Standing.ENDED if over else Standing.SENT
    return Standing(state)


@dataclass(frozen=True)
class Answer:
    """One receipt."""

    stage: Stage
    code: str = ""
    first_sample_ms: int | None = None
    at_ms: int = 0


def owed(answers: Iterable[Answer]) -> bool:
    """Whether the order must be sent to this box again: nothing heard, or a refusal that may pass."""
    known = tuple(answers)
    return not known or all(answer.stage is Stage.REJECTED and answer.code in RETRIED for answer in known)


class Level(StrEnum):
    """How a line of the roll call is shown. Only what is known to have sounded is good."""

    GOOD = "good"
    BUSY = "busy"
    BAD = "bad"


@dataclass(frozen=True)
class Line:
    """One box in a roll call."""

    stage: Stage | None
    """The furthest that is known; None: no answer."""
    level: Level
    code: str = ""
    first_sample_ms: int | None = None
    after_ms: int | None = None
    """From the last needed signature to the first sample, if it sounded."""
    at_ms: int | None = None


def line(kind: MessageType, status: Status, answers: Iterable[Answer], sent_ms: int | None) -> Line:
    """What a box's answers come to. A silent order (cancel, test) is good once it was accepted."""
    known = sorted(answers, key=lambda answer: answer.stage)
    real = [answer for answer in known if answer.stage is not Stage.REJECTED]
    if not known:
        return Line(None, Level.BAD)
    last = (real or known)[-1]
    if not real:
        harmless = last.code in HARMLESS
        return Line(Stage.REJECTED, Level.GOOD if harmless else Level.BAD, last.code, at_ms=last.at_ms)
    sample = next((answer.first_sample_ms for answer in real if answer.first_sample_ms is not None), None)
    silent = kind is MessageType.CANCEL or status is Status.TEST
    sounded = sample is not None or any(answer.stage in (Stage.STARTED, Stage.DONE) for answer in real)
    if sounded or silent or last.stage is Stage.CANCELLED:
        level = Level.GOOD
    else:
        level = Level.BAD if last.stage is Stage.EXPIRED else Level.BUSY
    after = sample - sent_ms if sample is not None and sent_ms is not None else None
    return Line(last.stage, level, last.code, sample, after, last.at_ms)
