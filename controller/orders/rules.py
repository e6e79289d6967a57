"""How an order stands, and what its boxes' answers come to. Pure: values and `now` come in."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controller.orders.models import State
from protocol.order import SOUNDING, MessageType, Status
from protocol.refusals import RejectCode
from protocol.report import Grade, Stage

RETRIED: Final = frozenset(
    {
        RejectCode.ROOTS_NEWER,
        RejectCode.ROOTS_EXPIRED,
        RejectCode.SIGNATURE,
        RejectCode.THRESHOLD,
        RejectCode.SCOPE,
        RejectCode.EVENT,
        RejectCode.NO_TIME,
        RejectCode.FUTURE,
        RejectCode.NO_SOUND,
        RejectCode.RATE,
    }
)
"""Refusals that may pass while the order is valid: it is sent again. Those of trust pass when the box has taken over
the roots or the delegation under which it was signed: no order is sent that these would not accept. Those of time pass
when the box's clock is set right; so does an EXPIRED that is `early`."""
HARMLESS: Final = frozenset({RejectCode.DUPLICATE})
"""The box has it already."""

SKEW_S: Final = 5
"""By so much a box's clock may be before ours without being called fast."""


class Standing(StrEnum):
    """State and hour together: how an order stands now."""

    WAITING = "waiting"
    LAPSED = "lapsed"
    """Too few signed it in time."""
    DROPPED = "dropped"
    SENT = "sent"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    LIFTED = "lifted"
    """A cancel or a stop that was taken back."""
    ENDED = "ended"
    """Its time is over."""


def standing(
    state: str, expires_s: float, now_s: float, *, is_stop: bool = False, until_s: float | None = None
) -> Standing:
    """How an order in this state stands at this moment. A stop that was sent lasts until `until_s`, or for ever."""
    if state == State.WAITING:
        return Standing.LAPSED if now_s >= expires_s else Standing.WAITING
    if state == State.SENT:
        end_s = until_s if is_stop else expires_s
        return Standing.ENDED if end_s is not None and now_s >= end_s else Standing.SENT
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

    @property
    def contested(self) -> bool:
        """The box has never had this order, and yet its number is used or passed: somebody else counts too."""
        return self.stage is Stage.REJECTED and self.code == RejectCode.REPLAY and self.left_s > 0

    @property
    def was_ended(self) -> bool:
        """The box says that a cancel has ended the order, or came before it: a reinstatement takes that back."""
        return self.stage is Stage.CANCELLED or (self.stage is Stage.REJECTED and self.code == RejectCode.CANCELLED)


def owed(answers: Iterable[Answer]) -> bool:
    """Whether the order must be sent to this box again: nothing heard, or a refusal that may pass."""
    return all(answer.stage is Stage.REJECTED and (answer.code in RETRIED or answer.early) for answer in answers)


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
    contested: bool = False
    """Another controller has used the order's number."""
    not_heard: bool = False
    """The box's own ear did not hear it, and nothing has proven it since."""
    still_ended: bool = False
    """The box has ended the order, and does not know yet that it was reinstated."""


def _last(known: list[Answer]) -> Answer:
    """What counts of these, sorted by stage: what sounded to its end after a stop that ended by itself is not over."""
    last = known[-1]
    later = [answer for answer in known if answer.stage is Stage.DONE and answer.at_ms > last.at_ms]
    return later[-1] if last.stage is Stage.CANCELLED and later else last


def line(
    kind: MessageType, status: Status, answers: Iterable[Answer], sent_ms: int | None, *, runs: bool = False
) -> Line:
    """What a box's answers come to. A silent order (cancel, stop, test) is good once it was accepted.

    `runs`: the order is to be heard there, so that a box which has ended it is not well.
    """
    everything = sorted(answers, key=lambda answer: answer.stage)
    known = [answer for answer in everything if answer.stage is not Stage.NOT_HEARD]
    mute = len(known) < len(everything)
    real = [answer for answer in known if answer.stage is not Stage.REJECTED]
    silent = kind not in SOUNDING or status is Status.TEST
    if not known:
        return Line(None, Level.BAD)
    last = _last(real or known)
    if not real:
        has_it = Level.GOOD if silent else Level.BUSY
        return Line(
            Stage.REJECTED,
            has_it if last.code in HARMLESS else Level.BAD,
            last.code,
            at_ms=last.at_ms,
            early=last.early,
            contested=last.contested,
            still_ended=runs and last.was_ended,
        )
    sample = next((answer.first_sample_ms for answer in real if answer.first_sample_ms is not None), None)
    proven = sample is not None and max(answer.grade for answer in real) >= Grade.ELECTRICAL
    still_ended = runs and last.was_ended
    not_heard = mute and not proven and not silent
    if still_ended or not_heard:
        level = Level.BAD
    elif silent or proven or last.stage is Stage.CANCELLED:  # this one stopped, as it was told
        level = Level.GOOD
    elif sample is not None:
        level = Level.PLAYED
    else:
        level = Level.BAD if last.stage in (Stage.DONE, Stage.EXPIRED) else Level.BUSY
    after = sample - sent_ms if sample is not None and sent_ms is not None else None
    return Line(
        last.stage,
        level,
        last.code,
        sample,
        after,
        last.at_ms,
        proven,
        last.early,
        not_heard=not_heard,
        still_ended=still_ended,
    )
