"""The judge of orders: may this box sound these bytes, now? (design §4)

One pure function over the bytes, the people who are trusted, what is known of the time, and what the box remembers.
It is total: whatever arrives, it answers `Accept` or `Reject` and raises nothing. `CHECKS` is the order of the
questions; the first that is answered with a code ends it. Refusals and their sentences are in `refusals`.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from protocol import messages
from protocol.clock import ClockReading
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.ids import key_id
from protocol.order import MAX_LIFETIME_S, MAX_ORDER_BYTES, MessageType, Order, Status
from protocol.quantities import MINUTE_MS, SECOND_MS
from protocol.refusals import RejectCode, sentence
from protocol.replay import ReplayWindow
from protocol.roles import Holder, Role, Roots
from protocol.signing import Domain, Envelope, Family, Signature, open_signed

__all__ = ["Accept", "Me", "Reject", "RejectCode", "ReplayWindow", "Verdict", "judge"]

MAX_AHEAD_S: Final = 300
RATE_LIMIT: Final = 20
RATE_PERIOD_MS: Final = MINUTE_MS


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
    cancelled: Mapping[bytes, int]
    """Ids that an accepted cancel or update refers to, and its level. They may come before what they refer to."""
    levels: Mapping[bytes, int]
    """Level of the signers, of accepted orders."""
    accepted_at_ms: tuple[int, ...]
    """`hi_ms` of the clock at recent acceptances, for the rate limit."""
    has_sound: Callable[[int | bytes], bool]
    """Whether a built-in message (its code) or a blob (its SHA-256) is here, whole."""
    statuses: Mapping[bytes, Status] = field(default_factory=dict)
    """Status of accepted orders: a drill must not end the real thing."""


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

    def sentence(self, language: str) -> str:
        """For people, in "vi" or "en"."""
        return sentence(self.code, language)


Verdict = Accept | Reject


def judge(raw: bytes, roots: Roots, clock: ClockReading, me: Me) -> Verdict:
    """Whether this box obeys these bytes. `roots` are those in force, already verified."""
    if len(raw) > MAX_ORDER_BYTES:
        return Reject(RejectCode.TOO_LONG)
    try:
        envelope = open_signed(raw, Family.ORDER, me.domain, max_bytes=MAX_ORDER_BYTES)
        order = decode(envelope.payload, Order, max_bytes=MAX_ORDER_BYTES)
    except ProtocolError:
        return Reject(RejectCode.MALFORMED)
    case = _Case(envelope, order, roots, clock, me)
    for check in CHECKS:
        code = check(case)
        if code is not None:
            return Reject(code, order)
    return Accept(order, order.id, case.counted, case.level, case.first_signer.key)


@dataclass(frozen=True)
class _Case:
    """One order before the judge, and what follows from its signatures and its area."""

    envelope: Envelope
    order: Order
    roots: Roots
    clock: ClockReading
    me: Me

    @property
    def role(self) -> Role:
        return Role.CANCEL if self.order.type is MessageType.CANCEL else Role.EMERGENCY

    @property
    def needed(self) -> int:
        return self.roots.persons_needed(self.role)

    @cached_property
    def signed_by(self) -> tuple[Holder, ...]:
        """The role's holders whose signatures verify, in the order of the envelope: a person may be there twice.

        A key must be good at the latest moment that it may be. Without a clock the order's own word is taken: it ends
        as NO_TIME all the same.
        """
        at = self.clock.hi_ms // SECOND_MS if self.clock.tells_time else self.order.issued
        return tuple(
            holder
            for signature in self.envelope.signatures
            for holder in _signers(signature, self.roots, self.role, at)
        )

    @cached_property
    def hit(self) -> int | None:
        """Index in the box's path of the lowest unit of the order's area; None where the area is elsewhere."""
        return max((index for index, unit in enumerate(self.me.units) if unit in self.order.area), default=None)

    @cached_property
    def ranks(self) -> Mapping[str, tuple[int, Holder]]:
        """By person who may speak for the hit unit: the highest unit of the box's path that they may speak for."""
        found: dict[str, tuple[int, Holder]] = {}
        above = self.me.units[: self.hit + 1] if self.hit is not None else ()
        for holder in self.signed_by:
            for index, unit in enumerate(above):
                if unit in holder.scope and index < found.get(holder.person, (len(above), holder))[0]:
                    found[holder.person] = (index, holder)
        return found

    @property
    def counted(self) -> tuple[Holder, ...]:
        return tuple(holder for _, holder in self.ranks.values())

    @property
    def level(self) -> int:
        """Two of the province and one of a commune speak as the province where two are needed."""
        return sorted(index for index, _ in self.ranks.values())[self.needed - 1]

    @property
    def first_signer(self) -> Holder:
        """The signer whose key id begins the order's id, else the first in the envelope.

        The signatures' places in the envelope are not signed. An id that begins with its first signer's key id
        (`compose.order_id`) keeps a relay that exchanges them from using up another signer's sequences.
        """
        named = (holder for holder in self.signed_by if self.order.id.startswith(key_id(holder.key)))
        return next(named, self.signed_by[0])


Check = Callable[[_Case], RejectCode | None]


def _form(case: _Case) -> RejectCode | None:
    """A cancel refers to something and has no sound; all else has a sound. None refers to itself."""
    order = case.order
    if order.type is MessageType.CANCEL:
        well_formed = order.sound is None and order.references != ()
    else:
        well_formed = order.sound is not None
    return None if well_formed and order.id not in order.references else RejectCode.SHAPE


def _domain(case: _Case) -> RejectCode | None:
    said = Domain(case.order.province, case.order.environment)
    return None if said == case.me.domain == case.roots.domain else RejectCode.DOMAIN


def _roots_version(case: _Case) -> RejectCode | None:
    """Signed under older roots is good while its signers are still listed; newer ones must be fetched first."""
    return RejectCode.ROOTS_NEWER if case.order.epoch > case.roots.version else None


def _threshold(case: _Case) -> RejectCode | None:
    persons = {holder.person for holder in case.signed_by}
    if not persons:
        return RejectCode.SIGNATURE
    return RejectCode.THRESHOLD if len(persons) < case.needed else None


def _scope(case: _Case) -> RejectCode | None:
    """Enough of the signers may speak for the hit unit. Where nothing is hit, that is for the next check to say."""
    return RejectCode.SCOPE if case.hit is not None and len(case.ranks) < case.needed else None


def _area(case: _Case) -> RejectCode | None:
    return RejectCode.AREA if case.hit is None else None


def _status(case: _Case) -> RejectCode | None:
    """A test ends nothing; a drill ends no real order, and a real one no drill."""
    order, known = case.order, case.me.statuses
    if not order.references or order.type is MessageType.ALERT:
        return None
    ends_another = any(known.get(reference, order.status) is not order.status for reference in order.references)
    return RejectCode.STATUS if order.status is Status.TEST or ends_another else None


def _unseen(case: _Case) -> RejectCode | None:
    """The id first: the same order once more is answered with its receipt, another one with its sequence is not."""
    if case.order.id in case.me.seen:
        return RejectCode.DUPLICATE
    window = case.me.windows.get(case.first_signer.key, ReplayWindow())
    return RejectCode.REPLAY if window.seen(case.order.sequence) else None


def _authority(case: _Case) -> RejectCode | None:
    """What ends an order is of its level or a higher one; who is lower can neither cancel nor replace it."""
    if case.order.type is MessageType.ALERT:
        return None
    known = (case.me.levels[reference] for reference in case.order.references if reference in case.me.levels)
    return RejectCode.AUTHORITY if any(case.level > level for level in known) else None


def _not_cancelled(case: _Case) -> RejectCode | None:
    """A cancel that came first holds, unless its level was too low for this order."""
    cancelled_by = case.me.cancelled.get(case.order.id)
    return RejectCode.CANCELLED if cancelled_by is not None and cancelled_by <= case.level else None


def _time(case: _Case) -> RejectCode | None:
    """Judged at the latest moment that it may be: an order that may have expired has expired."""
    order, clock = case.order, case.clock
    if not clock.tells_time:
        return RejectCode.NO_TIME
    if clock.hi_ms >= order.expires * SECOND_MS:
        return RejectCode.EXPIRED
    if order.issued * SECOND_MS > clock.hi_ms + MAX_AHEAD_S * SECOND_MS:
        return RejectCode.FUTURE
    if not order.issued < order.expires <= order.issued + MAX_LIFETIME_S or order.not_before >= order.expires:
        return RejectCode.LIFETIME
    return None


def _rate(case: _Case) -> RejectCode | None:
    """Cancels pass. Acceptances that a clock set back has left in the future do not count for ever."""
    if case.order.type is MessageType.CANCEL:
        return None
    recent = [at for at in case.me.accepted_at_ms if abs(case.clock.hi_ms - at) < RATE_PERIOD_MS]
    return RejectCode.RATE if len(recent) >= RATE_LIMIT else None


def _sound_at_hand(case: _Case) -> RejectCode | None:
    """Here and whole, and for a drill the announcement that it is one."""
    order = case.order
    wanted: list[int | bytes] = [] if order.sound is None else [order.sound.message]
    if wanted and order.status is Status.EXERCISE:
        wanted.append(messages.DRILL)
    return None if all(case.me.has_sound(message) for message in wanted) else RejectCode.NO_SOUND


CHECKS: Final[tuple[Check, ...]] = (
    _form,
    _domain,
    _roots_version,
    _threshold,
    _scope,
    _area,
    _status,
    _unseen,
    _authority,
    _not_cancelled,
    _time,
    _rate,
    _sound_at_hand,
)


def _signers(signature: Signature, roots: Roots, role: Role, at_s: int) -> tuple[Holder, ...]:
    candidates = roots.holders_of(signature.kid, role, at_s)
    return tuple(holder for holder in candidates if signature.verify(holder.key))
