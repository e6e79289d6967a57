"""Live voice: a session that persons sign, and groups of Opus frames signed with the session's own key (design §4).

The session says who may be heard where and until when, and names a key that the page which speaks has just made. A
group carries some 20 ms frames and is signed with that key: whoever carries it can keep it back, and nothing else.
`judge` is the gate of sessions: it asks what `gate` asks of orders, in the same order. `Stream` follows one session.
Both are pure; `judge` is total.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.clock import MAX_AHEAD_S, ClockReading
from protocol.codec import decode, encode
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import BoxId, OrderId, UnitCode
from protocol.quantities import SECOND_MS, EpochS
from protocol.refusals import RejectCode
from protocol.roles import Holder, Role, distinct
from protocol.signing import Domain, Envelope, Family, Signer, open_signed, sign1, verify1
from protocol.trust import Trust

MAX_SESSION_BYTES: Final = 4_096
MAX_BOXES: Final = 64
"""So many boxes a session may name; where more are to listen, it names their units."""
MAX_SESSION_S: Final = 1_800
MAX_GROUP_BYTES: Final = 8_192
FRAME_MS: Final = 20
RATE_HZ: Final = 48_000
BITRATE: Final = 24_000
GROUP_FRAMES: Final = 3
"""So many frames a page puts into a group: a signature every 60 ms costs 18 kbit/s, and the group's length of delay."""
SPEAKING: Final = frozenset({Role.COMMUNE, Role.EMERGENCY})
"""As what a session is signed: a commune's by one person, unless the roots ask for more; any other by two."""
WARM_MS: Final = 2_000
"""So long a page tells the officer to wait while amplifiers that were dark settle, and no box may need longer."""
SILENCE_S: Final = 5
"""After so long without a group the session is over for the box."""


class LiveSession(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Somebody will speak here, until then, with this key. Strict."""

    id: OrderId
    province: UnitCode
    environment: Annotated[str, Meta(pattern=r"^[a-z]{1,12}\Z")]
    role: Role
    """One of SPEAKING."""
    epoch: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    """Version of the roots under which it was signed."""
    issued: EpochS
    not_before: EpochS
    expires: EpochS
    """At most MAX_SESSION_S after `issued`; not included."""
    area: Annotated[tuple[UnitCode, ...], Meta(min_length=1, max_length=32)]
    boxes: Annotated[tuple[BoxId, ...], Meta(max_length=MAX_BOXES)]
    """Only these of the area; empty for all."""
    key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    """Raw Ed25519 public key of the page that speaks."""
    attached: OrderId | None
    """The alarm in which it speaks, quiet hours or not."""
    reason: Annotated[str, Meta(max_length=200)]


class VoiceGroup(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Some frames of one session. Strict."""

    session: OrderId
    first: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF)]
    """Number of its first frame; frames are counted from 0 as they are spoken."""
    frames: Annotated[tuple[Annotated[bytes, Meta(min_length=1, max_length=400)], ...], Meta(max_length=25)]
    """Opus packets (RFC 6716) of FRAME_MS, 48 kHz, one channel."""
    last: bool
    """Nothing follows."""


@dataclass(frozen=True)
class Listener:
    """What the judge must know of the box."""

    domain: Domain
    box: str
    units: tuple[str, ...]
    """Its place, from the province down to its own unit."""
    seen: Container[bytes]
    """Ids of all sessions ever accepted."""
    alarms: Mapping[bytes, int]
    """By id of each alarm in force here, the level of its signers; a test is none."""


@dataclass(frozen=True)
class Admitted:
    """To be written down, then listened to."""

    session: LiveSession
    signers: tuple[Holder, ...]
    level: int
    """As of an order: index in the box's path; 0 is the province."""


@dataclass(frozen=True)
class Denied:
    """Not listened to, and why."""

    code: RejectCode
    session: LiveSession | None = None


def judge(raw: bytes, trust: Trust, clock: ClockReading, me: Listener) -> Admitted | Denied:
    """Whether this box listens to the session in these bytes. Raises nothing."""
    if len(raw) > MAX_SESSION_BYTES:
        return Denied(RejectCode.TOO_LONG)
    try:
        envelope = open_signed(raw, Family.LIVE, me.domain, max_bytes=MAX_SESSION_BYTES)
        session = decode(envelope.payload, LiveSession, max_bytes=MAX_SESSION_BYTES)
    except ProtocolError:
        return Denied(RejectCode.MALFORMED)
    case = _Case(envelope, session, trust, clock, me)
    for check in _CHECKS:
        code = check(case)
        if code is not None:
            return Denied(code, session)
    return Admitted(session, case.speaking(case.level), case.level)


@dataclass(frozen=True)
class _Case:
    envelope: Envelope
    session: LiveSession
    trust: Trust
    clock: ClockReading
    me: Listener

    @property
    def needed(self) -> int:
        return self.trust.persons_needed(self.session.role)

    @property
    def signed_by(self) -> tuple[Holder, ...]:
        at = self.clock.hi_ms // SECOND_MS if self.clock.tells_time else self.session.issued
        return self.trust.signers(self.envelope, self.session.role, at)

    @property
    def hit(self) -> int | None:
        """Index in the box's path of the lowest unit of the area; None where the session is not for this box."""
        if self.session.boxes and self.me.box not in self.session.boxes:
            return None
        return max((index for index, unit in enumerate(self.me.units) if unit in self.session.area), default=None)

    def speaking(self, index: int) -> tuple[Holder, ...]:
        """Signers whose scope is this unit of the path or one above it; a COMMUNE's is never the province."""
        first = 1 if self.session.role is Role.COMMUNE else 0
        above = self.me.units[first : index + 1]
        return tuple(holder for holder in self.signed_by if any(unit in holder.scope for unit in above))

    @property
    def level(self) -> int:
        assert self.hit is not None  # `_area` has asked
        return next(index for index in range(self.hit + 1) if distinct(self.speaking(index)) >= self.needed)


def _form(case: _Case) -> RejectCode | None:
    return None if case.session.role in SPEAKING else RejectCode.SHAPE


def _domain(case: _Case) -> RejectCode | None:
    said = Domain(case.session.province, case.session.environment)
    return None if said == case.me.domain == case.trust.domain else RejectCode.DOMAIN


def _roots_version(case: _Case) -> RejectCode | None:
    return RejectCode.ROOTS_NEWER if case.session.epoch > case.trust.version else None


def _no_more_than_needed(case: _Case) -> RejectCode | None:
    return RejectCode.SURPLUS if len(case.envelope.signatures) > case.needed else None


def _threshold(case: _Case) -> RejectCode | None:
    persons = distinct(case.signed_by)
    if persons == 0:
        return RejectCode.SIGNATURE
    return RejectCode.THRESHOLD if persons < case.needed else None


def _roots_in_force(case: _Case) -> RejectCode | None:
    expired = case.clock.tells_time and case.clock.hi_ms >= case.trust.roots.expires * SECOND_MS
    return RejectCode.ROOTS_EXPIRED if expired else None


def _scope(case: _Case) -> RejectCode | None:
    return RejectCode.SCOPE if case.hit is not None and distinct(case.speaking(case.hit)) < case.needed else None


def _area(case: _Case) -> RejectCode | None:
    return RejectCode.AREA if case.hit is None else None


def _unseen(case: _Case) -> RejectCode | None:
    return RejectCode.DUPLICATE if case.session.id in case.me.seen else None


def _authority(case: _Case) -> RejectCode | None:
    """It speaks inside an alarm in force here, of its own level or a lower one: nobody talks a higher one down."""
    if case.session.attached is None:
        return None
    alarm = case.me.alarms.get(case.session.attached)
    return RejectCode.AUTHORITY if alarm is None or case.level > alarm else None


def _time(case: _Case) -> RejectCode | None:
    session, clock = case.session, case.clock
    if not clock.tells_time:
        return RejectCode.NO_TIME
    if clock.hi_ms >= session.expires * SECOND_MS:
        return RejectCode.EXPIRED
    if session.issued * SECOND_MS > clock.hi_ms + MAX_AHEAD_S * SECOND_MS:
        return RejectCode.FUTURE
    too_long = not session.issued < session.expires <= session.issued + MAX_SESSION_S
    return RejectCode.LIFETIME if too_long or session.not_before >= session.expires else None


_CHECKS: Final[tuple[Callable[[_Case], RejectCode | None], ...]] = (
    _form,
    _domain,
    _roots_version,
    _no_more_than_needed,
    _threshold,
    _roots_in_force,
    _scope,
    _area,
    _unseen,
    _authority,
    _time,
)


def signed_group(group: VoiceGroup, domain: Domain, signer: Signer) -> bytes:
    """A group as it travels; `signer` holds the session's key."""
    return sign1(encode(group), Family.VOICE, domain, signer)


class Stream:
    """The groups of one session as they come, each believed by itself; order and time are asked here too."""

    def __init__(self, session: LiveSession, domain: Domain) -> None:
        self.session = session
        self._domain = domain
        self._next = 0
        """Number of the first frame that has not come yet."""
        self.over = False
        """Its last group was here."""

    def take(self, raw: bytes, now_ms: int) -> VoiceGroup:
        """The group in these bytes. Raises `SignatureError` or `ProtocolError`: nothing of it may be heard.

        `now_ms` is the latest moment that it may be. Codes: "bad-signature", "other-session", "replayed", "over",
        "early", and those of a message that cannot be read.
        """
        payload = verify1(raw, Family.VOICE, self._domain, self.session.key, max_bytes=MAX_GROUP_BYTES)
        group = decode(payload, VoiceGroup, max_bytes=MAX_GROUP_BYTES)
        if group.session != self.session.id:
            raise SignatureError("other-session", "a group of another session")
        if self.over or now_ms >= self.session.expires * SECOND_MS:
            raise ProtocolError("over", "the session is over")
        if now_ms < self.session.not_before * SECOND_MS:
            raise ProtocolError("early", "the session has not begun", field="LiveSession.not_before")
        if group.first < self._next:
            raise ProtocolError("replayed", f"frame {group.first} was here", field="VoiceGroup.first")
        self._next = group.first + len(group.frames)
        self.over = group.last
        return group
