"""What an order says, who counts as its signer, what its boxes have answered. Pure: values and `now` come in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from controller.orders.models import State
from controller.units.rules import above, covers
from protocol.clock import ClockReading
from protocol.gate import Accept, Me, Reject, judge
from protocol.ids import key_id
from protocol.messages import BY_CODE, DRILL, PREPARED, PreparedMessage
from protocol.order import MAX_LIFETIME_S, MessageType, Order, Severity, Sound, Status
from protocol.refusals import RejectCode
from protocol.report import ClockQuality, Grade, Stage
from protocol.roles import Holder, Role, Roots

MIN_LIFETIME_S: Final = 300
DEFAULT_LIFETIME_S: Final = 3600
OFFERED: Final[tuple[PreparedMessage, ...]] = tuple(message for message in PREPARED if message.code != DRILL)
RETRIED: Final = frozenset({RejectCode.ROOTS_NEWER, RejectCode.NO_TIME, RejectCode.NO_SOUND, RejectCode.RATE})
"""Refusals that may pass while the order is valid: it is sent again."""
HARMLESS: Final = frozenset({RejectCode.DUPLICATE})
"""The box has it already."""

SKEW_S: Final = 5
"""By so much a box's clock may be before ours without being called fast."""


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
    return msgspec.structs.replace(
        of,
        id=identity,
        epoch=roots.version,
        sequence=sequence,
        issued=now_s,
        not_before=now_s,
        expires=min(max(of.expires, now_s + MIN_LIFETIME_S), now_s + MAX_LIFETIME_S),
        type=MessageType.CANCEL,
        sound=None,
        references=(of.id,),
        board="",
        cap=None,
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


@dataclass(frozen=True)
class Missing:
    """What an order still waits for; false when nothing."""

    persons: int
    """How many more must sign; at least one while the preparer has not."""
    preparer: str
    """Who prepared it, while that person's signature is missing: it counts in their sequence; else empty."""

    def __bool__(self) -> bool:
        return self.persons > 0


def missing(kind: MessageType, first_signer: bytes, signed: Mapping[bytes, str], roots: Roots) -> Missing:
    """`signed` are the holders' names by the keys with which they signed."""
    lacking = roots.persons_needed(role_for(kind)) - len(set(signed.values()))
    if first_signer in signed:
        return Missing(max(lacking, 0), "")
    names = [holder.person for holder in roots.holders if holder.key == first_signer]
    return Missing(max(lacking, 1), names[0] if names else "?")


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
    grade: Grade = Grade.NONE
    left_s: float = 0
    """What the order still had to live, by our clock, when the answer came; negative after its end."""

    @property
    def early(self) -> bool:
        """The box takes the order for over, and it is not: the box's clock runs fast."""
        over = self.stage is Stage.EXPIRED or (self.stage is Stage.REJECTED and self.code == RejectCode.EXPIRED)
        return over and self.left_s > SKEW_S


def owed(answers: Iterable[Answer]) -> bool:
    """Whether the order must be sent to this box again: nothing heard, or a refusal that may pass."""
    known = tuple(answers)
    return not known or all(answer.stage is Stage.REJECTED and answer.code in RETRIED for answer in known)


class Level(StrEnum):
    """How a line of the roll call is shown. Only what is proven to have sounded, or was to be silent, is good."""

    GOOD = "good"
    PLAYED = "played"
    """The box says that it sounded; nothing but its word is known of it (design §6: below ELECTRICAL)."""
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
    proven: bool = False
    """More than the box's own word says that it sounded."""
    early: bool = False
    """The box took the order for over before its end."""


def line(kind: MessageType, status: Status, answers: Iterable[Answer], sent_ms: int | None) -> Line:
    """What a box's answers come to. A silent order (cancel, test) is good once it was accepted."""
    known = sorted(answers, key=lambda answer: answer.stage)
    real = [answer for answer in known if answer.stage is not Stage.REJECTED]
    silent = kind is MessageType.CANCEL or status is Status.TEST
    if not known:
        return Line(None, Level.BAD)
    last = (real or known)[-1]
    if not real:
        has_it = Level.GOOD if silent else Level.BUSY
        return Line(
            Stage.REJECTED,
            has_it if last.code in HARMLESS else Level.BAD,
            last.code,
            at_ms=last.at_ms,
            early=last.early,
        )
    sample = next((answer.first_sample_ms for answer in real if answer.first_sample_ms is not None), None)
    proven = sample is not None and max(answer.grade for answer in real) >= Grade.ELECTRICAL
    if silent or proven or last.stage is Stage.CANCELLED:  # this one stopped, as it was told
        level = Level.GOOD
    elif sample is not None:
        level = Level.PLAYED
    else:
        level = Level.BAD if last.stage in (Stage.DONE, Stage.EXPIRED) else Level.BUSY
    after = sample - sent_ms if sample is not None and sent_ms is not None else None
    return Line(last.stage, level, last.code, sample, after, last.at_ms, proven, last.early)
