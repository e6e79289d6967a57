"""Emergency orders: what persons sign, and a box obeys at once.

An order travels as COSE_Sign (see `signing`) of at most 900 bytes, 300 with a prepared message and two signatures.
The names follow CAP 1.2 (OASIS) where CAP has one.
"""

import enum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.ids import OrderId, Sha256, UnitCode
from protocol.quantities import EpochS, GainCb
from protocol.roles import Role

MAX_ORDER_BYTES = 900
MAX_LIFETIME_S = 7200
MAX_COMMUNE_LIFETIME_S = 3600


class Status(enum.IntEnum):
    """CAP `status`."""

    ACTUAL = 0
    EXERCISE = 1
    """Sounds, with the announcement of a drill before it."""
    TEST = 2
    """Receipted, never sounds."""


class MessageType(enum.IntEnum):
    """CAP `msgType`."""

    ALERT = 0
    UPDATE = 1
    """Takes the place of the orders that it references."""
    CANCEL = 2
    """Ends the orders that it references."""
    STOP = 3
    """Stops and locks the speakers of its area: the programme, and emergencies of its level or a lower one."""
    REINSTATE = 4
    """Ends the cancels and stops that it references: what they had ended goes on."""


class Severity(enum.IntEnum):
    """CAP `severity`, ascending."""

    MINOR = 1
    MODERATE = 2
    SEVERE = 3
    EXTREME = 4


class Chime(enum.IntEnum):
    """What goes before the message; a box generates it. `Sound.chime` may be any other number: an attention chime."""

    NONE = 0
    ATTENTION = 1
    """Three falling notes: listen."""
    WAIL = 2
    """A siren that rises and falls slowly."""
    YELP = 3
    """One that rises and falls several times a second."""
    TWO_TONE = 4
    """A high and a low note in turn."""


USUAL_CHIMES: Final = {
    Severity.MINOR: Chime.ATTENTION,
    Severity.MODERATE: Chime.ATTENTION,
    Severity.SEVERE: Chime.TWO_TONE,
    Severity.EXTREME: Chime.WAIL,
}


def usual_chime(severity: Severity, status: Status) -> Chime:
    """Where nobody has chosen: a siren says that it is serious, so a drill has none."""
    return USUAL_CHIMES[severity] if status is Status.ACTUAL else Chime.ATTENTION


class Sound(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What an order sounds: chime, message, pause, and again."""

    message: Annotated[int, Meta(ge=1, le=65535)] | Sha256
    """The code of a built-in message or `messages.OWN_WORDS`, or the hash of a blob."""
    chime: Annotated[int, Meta(ge=0, le=9)] = 1
    """One of `Chime`, or any other number for an attention chime."""
    repeats: Annotated[int, Meta(ge=1, le=100)] = 3
    gap_s: Annotated[int, Meta(ge=0, le=300)] = 5
    gain_cb: GainCb = 0


class Order(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One order, alert, update or cancel. Strict: an unknown element is an error, never ignored."""

    id: OrderId
    province: UnitCode
    environment: Annotated[str, Meta(pattern=r"^[a-z]{1,12}\Z")]
    role: Role
    """As what its persons sign it: one of `ROLES` for its type."""
    epoch: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    """Version of the roots under which it was signed."""
    sequence: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    """Counts the orders of its first signer."""
    issued: EpochS
    not_before: EpochS
    expires: EpochS
    """At most MAX_LIFETIME_S after `issued`, of a COMMUNE's alert MAX_COMMUNE_LIFETIME_S; what lasts longer is renewed
    by an UPDATE. Of a stop, cancel or reinstatement: until when it may arrive; what it did lasts."""
    status: Status
    type: MessageType
    severity: Severity
    event: Annotated[str, Meta(min_length=1, max_length=12, pattern=r"^[A-Za-z0-9_-]+\Z")]
    """A short code: "flood", "storm", "fire", "health", "test" …"""
    area: Annotated[tuple[UnitCode, ...], Meta(min_length=1, max_length=32)]
    sound: Sound | None = None
    """None in a cancel, stop or reinstatement."""
    references: Annotated[tuple[OrderId, ...], Meta(max_length=8)] = ()
    board: Annotated[str, Meta(max_length=300)] = ""
    """Words for boards; a box speaks them where its message is `messages.OWN_WORDS`, or a blob that is not at hand."""
    cap: Sha256 | None = None
    """Hash of the CAP document that it came from."""
    reason: Annotated[str, Meta(max_length=200)] = ""
    until: EpochS | None = None
    """Of a stop: when its lock ends by itself; None: with its reinstatement."""


SOUNDING: Final = frozenset({MessageType.ALERT, MessageType.UPDATE})
ROLES: Final = {
    MessageType.ALERT: frozenset({Role.EMERGENCY, Role.COMMUNE}),
    MessageType.UPDATE: frozenset({Role.EMERGENCY, Role.COMMUNE}),
    MessageType.CANCEL: frozenset({Role.CANCEL, Role.COMMUNE}),
    MessageType.STOP: frozenset({Role.STOP, Role.CANCEL, Role.COMMUNE}),
    MessageType.REINSTATE: frozenset({Role.STOP, Role.CANCEL, Role.COMMUNE}),
}
"""As what each type may be signed."""
ENDS: Final = {
    MessageType.UPDATE: SOUNDING,
    MessageType.CANCEL: SOUNDING,
    MessageType.REINSTATE: frozenset({MessageType.CANCEL, MessageType.STOP}),
}
"""What each type may refer to."""
