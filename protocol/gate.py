"""The judge of orders: may this box sound these bytes, now? (design §4)

One pure function over the bytes, the people who are trusted, what is known of the time, and what the box remembers.
It is total: whatever arrives, it answers `Accept` or `Reject` and raises nothing. `CHECKS` is the order of the
questions; the first that is answered with a code ends it. Refusals and their sentences are in `refusals`.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from protocol import messages
from protocol.clock import MAX_AHEAD_S, ClockReading
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.ids import key_id
from protocol.order import (
    ENDS,
    MAX_COMMUNE_LIFETIME_S,
    MAX_LIFETIME_S,
    MAX_ORDER_BYTES,
    ROLES,
    SOUNDING,
    MessageType,
    Order,
    Severity,
    Status,
)
from protocol.quantities import MINUTE_MS, SECOND_MS
from protocol.refusals import RejectCode, sentence
from protocol.replay import ReplayWindow
from protocol.roles import Holder, Role, distinct
from protocol.signing import Domain, Envelope, Family, open_signed
from protocol.trust import Trust

__all__ = ["Accept", "Accepted", "Ending", "Known", "Me", "Reject", "RejectCode", "ReplayWindow", "Verdict", "judge"]

RATE_LIMIT: Final = 20
"""So many orders with a sound a minute."""
SILENT_RATE_LIMIT: Final = 60
"""So many cancels, stops and reinstatements a minute."""
RATE_PERIOD_MS: Final = MINUTE_MS


@dataclass(frozen=True)
class Known:
    """What is remembered of an order that was accepted."""

    level: int
    """Of its signers."""
    status: Status
    type: MessageType


@dataclass(frozen=True)
class Ending:
    """An accepted order that no reinstatement has ended ends another that it refers to."""

    level: int
    status: Status
    type: MessageType


@dataclass(frozen=True)
class Accepted:
    """A recent acceptance, for the rate limit."""

    at_ms: int
    """`hi_ms` of the clock then."""
    severity: Severity
    level: int
    """Of its signers."""
    status: Status
    type: MessageType


@dataclass(frozen=True)
class Me:
    """What the judge must know of the box. Nothing in it may raise."""

    domain: Domain
    units: tuple[str, ...]
    """Its place, from the province down to its own unit."""
    seen: Container[bytes]
    """Ids of all orders ever accepted."""
    windows: Mapping[bytes, ReplayWindow]
    """By the full public key of the first signer."""
    known: Mapping[bytes, Known]
    """Accepted orders, as long as they are remembered."""
    ended: Mapping[bytes, tuple[Ending, ...]]
    """By id, what ends it. The endings may come before what they refer to."""
    recent: tuple[Accepted, ...]
    has_sound: Callable[[int | bytes], bool]
    """Whether a built-in message (its code) or a blob (its SHA-256) is here, whole."""


@dataclass(frozen=True)
class Accept:
    """To be journalled, then obeyed."""

    order: Order
    id: bytes
    signers: tuple[Holder, ...]
    """The distinct persons that counted."""
    level: int
    """Index in the box's path of the unit that so many of them as are needed may speak for; 0 is the province."""
    first_signer_key: bytes
    """Whose window takes the order's sequence."""


@dataclass(frozen=True)
class Reject:
    """Not obeyed, and why."""

    code: RejectCode
    order: Order | None = None
    """What could be read, for the receipt; of an order that nobody trusted signed nothing may be believed."""
    is_signed: bool = False
    """Whether its first signer, who is trusted now, has signed it; False where that was not worth asking."""

    def sentence(self, language: str) -> str:
        """For people, in "vi" or "en"."""
        return sentence(self.code, language)


Verdict = Accept | Reject
_FOR_NOBODY: Final = frozenset({RejectCode.SHAPE, RejectCode.DOMAIN, RejectCode.SURPLUS})
"""Refused for ever, whoever signed."""


def judge(raw: bytes, trust: Trust, clock: ClockReading, me: Me) -> Verdict:
    """Whether this box obeys these bytes. `trust` is what is in force, already verified."""
    if len(raw) > MAX_ORDER_BYTES:
        return Reject(RejectCode.TOO_LONG)
    try:
        envelope = open_signed(raw, Family.ORDER, me.domain, max_bytes=MAX_ORDER_BYTES)
        order = decode(envelope.payload, Order, max_bytes=MAX_ORDER_BYTES)
    except ProtocolError:
        return Reject(RejectCode.MALFORMED)
    case = _Case(envelope, order, trust, clock, me)
    for check in CHECKS:
        code = check(case)
        if code is not None:
            return Reject(code, order, code not in _FOR_NOBODY and case.first_signer is not None)
    assert case.first_signer is not None  # else `_threshold` would have refused it
    return Accept(order, order.id, case.counted, case.level, case.first_signer.key)


@dataclass(frozen=True)
class _Case:
    """One order before the judge, and what follows from its signatures and its area."""

    envelope: Envelope
    order: Order
    trust: Trust
    clock: ClockReading
    me: Me

    @property
    def needed(self) -> int:
        return self.trust.persons_needed(self.order.role)

    @cached_property
    def signed_by(self) -> tuple[Holder, ...]:
        """The role's holders whose signatures verify, in the order of the envelope: a person may be there twice.

        A key must be good at the latest moment that it may be. Without a clock the order's own word is taken: it ends
        as NO_TIME all the same.
        """
        at = self.clock.hi_ms // SECOND_MS if self.clock.tells_time else self.order.issued
        return self.trust.signers(self.envelope, self.order.role, at)

    @cached_property
    def hit(self) -> int | None:
        """Index in the box's path of the lowest unit of the order's area; None where the area is elsewhere."""
        return max((index for index, unit in enumerate(self.me.units) if unit in self.order.area), default=None)

    def speaking(self, index: int) -> tuple[Holder, ...]:
        """Those signers whose scope is this unit of the box's path or above it; a COMMUNE's is never the province."""
        first = 1 if self.order.role is Role.COMMUNE else 0
        above = self.me.units[first : index + 1]
        return tuple(holder for holder in self.signed_by if any(unit in holder.scope for unit in above))

    @property
    def counted(self) -> tuple[Holder, ...]:
        """One line of each person who speaks at the order's level."""
        return tuple({holder.person: holder for holder in self.speaking(self.level)}.values())

    @property
    def level(self) -> int:
        """The highest unit of the path for which enough may speak: with one of a commune, the commune's."""
        assert self.hit is not None  # `_area` has asked
        return next(index for index in range(self.hit + 1) if distinct(self.speaking(index)) >= self.needed)

    @cached_property
    def first_signer(self) -> Holder | None:
        """The signer whose key id begins the order's id; None where that one has not signed.

        The signatures' places in the envelope are not signed: a relay that exchanges them must not be able to use up
        another signer's sequences. Where two keys have that key id, it is the lower one, for the same reason.
        """
        named = (holder for holder in self.signed_by if self.order.id.startswith(key_id(holder.key)))
        return min(named, key=lambda holder: holder.key, default=None)


Check = Callable[[_Case], RejectCode | None]


def _form(case: _Case) -> RejectCode | None:
    """Each type has what it needs and nothing else, and is signed as one of the roles that may sign it."""
    order = case.order
    sounds, refers = order.type in SOUNDING, order.type in ENDS
    well_formed = (
        order.role in ROLES[order.type]
        and (order.sound is not None) is sounds
        and (order.references != () or not refers or order.type is MessageType.UPDATE)
        and (order.references == () or refers)
        and (order.until is None or (order.type is MessageType.STOP and order.until > order.issued))
        and not (order.type is MessageType.STOP and order.status is Status.EXERCISE)
        and order.id not in order.references
        and (not _is_in_own_words(order) or messages.can_be_spoken(order.board))
    )
    return None if well_formed else RejectCode.SHAPE


def _domain(case: _Case) -> RejectCode | None:
    said = Domain(case.order.province, case.order.environment)
    return None if said == case.me.domain == case.trust.domain else RejectCode.DOMAIN


def _roots_version(case: _Case) -> RejectCode | None:
    """Signed under older roots is good while its signers are still listed; newer ones must be fetched first."""
    return RejectCode.ROOTS_NEWER if case.order.epoch > case.trust.version else None


def _no_more_than_needed(case: _Case) -> RejectCode | None:
    """A relay that takes a signature away must not be able to lower an order's level: there is none to spare."""
    return RejectCode.SURPLUS if len(case.envelope.signatures) > case.needed else None


def _roots_in_force(case: _Case) -> RejectCode | None:
    """Asked once enough who are trusted have signed: what anybody may have sent waits for no new roots."""
    expired = case.clock.tells_time and case.clock.hi_ms >= case.trust.roots.expires * SECOND_MS
    return RejectCode.ROOTS_EXPIRED if expired else None


def _threshold(case: _Case) -> RejectCode | None:
    if case.first_signer is None:
        return RejectCode.SIGNATURE
    return RejectCode.THRESHOLD if distinct(case.signed_by) < case.needed else None


def _scope(case: _Case) -> RejectCode | None:
    """Enough of the signers may speak for the hit unit. Where nothing is hit, that is for the next check to say."""
    return RejectCode.SCOPE if case.hit is not None and distinct(case.speaking(case.hit)) < case.needed else None


def _area(case: _Case) -> RejectCode | None:
    return RejectCode.AREA if case.hit is None else None


def _event(case: _Case) -> RejectCode | None:
    """By one signature a commune warns of listed events alone, in prepared words or in its own, never by a blob."""
    order = case.order
    if order.role is not Role.COMMUNE or order.sound is None:
        return None
    listed = order.event in case.trust.roots.events and isinstance(order.sound.message, int)
    return None if listed else RejectCode.EVENT


def _status(case: _Case) -> RejectCode | None:
    """A test ends nothing; a drill ends no real order, and a real one no drill; each type ends what it is there for."""
    order = case.order
    if not order.references:
        return None
    if order.status is Status.TEST:
        return RejectCode.STATUS
    for known in _referred(case):
        if known.status is not order.status or known.type not in ENDS[order.type]:
            return RejectCode.STATUS
    return None


def _unseen(case: _Case) -> RejectCode | None:
    """The id first: the same order once more is answered with its receipt, another one with its sequence is not."""
    if case.order.id in case.me.seen:
        return RejectCode.DUPLICATE
    assert case.first_signer is not None  # `_threshold` has asked
    window = case.me.windows.get(case.first_signer.key, ReplayWindow())
    return RejectCode.REPLAY if window.seen(case.order.sequence) else None


def _authority(case: _Case) -> RejectCode | None:
    """What ends an order is of its level or a higher one; who is lower can neither cancel, replace nor reinstate it."""
    return RejectCode.AUTHORITY if any(case.level > known.level for known in _referred(case)) else None


def _not_cancelled(case: _Case) -> RejectCode | None:
    """An ending that came first holds, if it is of this order's status and level, or a higher one, and can end it."""
    order = case.order
    ended = any(
        ending.level <= case.level and ending.status is order.status and order.type in ENDS.get(ending.type, ())
        for ending in case.me.ended.get(order.id, ())
    )
    return RejectCode.CANCELLED if ended else None


def _time(case: _Case) -> RejectCode | None:
    """Judged at the latest moment that it may be: an order that may have expired has expired."""
    order, clock = case.order, case.clock
    if not clock.tells_time:
        return RejectCode.NO_TIME
    if clock.hi_ms >= order.expires * SECOND_MS:
        return RejectCode.EXPIRED
    if order.issued * SECOND_MS > clock.hi_ms + MAX_AHEAD_S * SECOND_MS:
        return RejectCode.FUTURE
    longest = MAX_COMMUNE_LIFETIME_S if order.role is Role.COMMUNE and order.type in SOUNDING else MAX_LIFETIME_S
    if not order.issued < order.expires <= order.issued + longest or order.not_before >= order.expires:
        return RejectCode.LIFETIME
    return None


def _rate(case: _Case) -> RejectCode | None:
    """So many a minute. A flood keeps out only what is no more severe, no more earnest and of no higher authority.

    What is silent has a limit of its own. Acceptances that a clock set back has left in the future do not count for
    ever.
    """
    order, sounds = case.order, case.order.type in SOUNDING
    recent = [
        row
        for row in case.me.recent
        if abs(case.clock.hi_ms - row.at_ms) < RATE_PERIOD_MS
        and (row.type in SOUNDING) is sounds
        and row.level <= case.level
        and row.status <= order.status
        and (row.severity >= order.severity or not sounds)
    ]
    return RejectCode.RATE if len(recent) >= (RATE_LIMIT if sounds else SILENT_RATE_LIMIT) else None


def _sound_at_hand(case: _Case) -> RejectCode | None:
    """Here and whole, or in words that the box can speak; and for a drill the announcement that it is one."""
    order = case.order
    if order.sound is None:
        return None
    is_in_words = _is_in_own_words(order) or (isinstance(order.sound.message, bytes) and order.board != "")
    wanted: list[int | bytes] = [] if is_in_words else [order.sound.message]
    if order.status is Status.EXERCISE:
        wanted.append(messages.DRILL)
    return None if all(case.me.has_sound(message) for message in wanted) else RejectCode.NO_SOUND


CHECKS: Final[tuple[Check, ...]] = (
    _form,
    _domain,
    _roots_version,
    _no_more_than_needed,
    _threshold,
    _roots_in_force,
    _scope,
    _area,
    _event,
    _status,
    _unseen,
    _authority,
    _not_cancelled,
    _time,
    _rate,
    _sound_at_hand,
)


def _is_in_own_words(order: Order) -> bool:
    """Whether its signers wrote what is to be said; nothing else can say it."""
    return order.sound is not None and order.sound.message == messages.OWN_WORDS


def _referred(case: _Case) -> Iterable[Known]:
    """What is remembered of the orders that this one refers to."""
    return (case.me.known[reference] for reference in case.order.references if reference in case.me.known)
