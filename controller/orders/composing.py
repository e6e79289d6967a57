"""From what an officer decides to the order that persons sign. Pure; what comes of it is never changed again."""

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from protocol.codec import encode
from protocol.messages import BY_CODE, DRILL, OWN_WORDS, PREPARED, PreparedMessage
from protocol.order import (
    MAX_COMMUNE_LIFETIME_S,
    MAX_LIFETIME_S,
    MAX_ORDER_BYTES,
    SOUNDING,
    Chime,
    MessageType,
    Order,
    Severity,
    Sound,
    Status,
    usual_chime,
)
from protocol.roles import Role
from protocol.trust import Trust

MIN_LIFETIME_S: Final = 300
DEFAULT_LIFETIME_S: Final = 3600
OFFERED: Final[tuple[PreparedMessage, ...]] = tuple(message for message in PREPARED if message.code != DRILL)
STOP_EVENT: Final = "stop"
OTHER_EVENT: Final = "other"
"""Of an alarm in an officer's own words about something that no prepared message is about."""
MAX_WORDS: Final = 300
"""Characters of `Order.board`."""


@dataclass(frozen=True)
class Alarm:
    """What an officer decides about an emergency."""

    message: int
    """Code of a built-in message, or `OWN_WORDS`."""
    area: tuple[str, ...]
    severity: Severity = Severity.EXTREME
    status: Status = Status.ACTUAL
    repeats: int = 3
    gap_s: int = 5
    lifetime_s: int = DEFAULT_LIFETIME_S
    reason: str = ""
    chime: Chime | None = None
    """What goes before the message; None: what is usual for its severity."""
    role: Role = Role.EMERGENCY
    """As what it is signed: COMMUNE for a commune's own alarm, by one signature."""
    words: str = ""
    """With `OWN_WORDS`, what the boxes speak and boards show; else empty."""
    event: str = OTHER_EVENT
    """With `OWN_WORDS`, what they are about; a prepared message has its own."""


@dataclass(frozen=True)
class Stop:
    """What an officer decides who stops and locks speakers."""

    area: tuple[str, ...]
    lock_s: int | None = None
    """How long they stay locked; None: until somebody opens them."""
    reason: str = ""


@dataclass(frozen=True)
class Slot:
    """Which order of its first signer this is, and when it is composed."""

    identity: bytes
    sequence: int
    now_s: int


def event_of(alarm: Alarm) -> str:
    """The event of which it warns."""
    return alarm.event if alarm.message == OWN_WORDS else BY_CODE[alarm.message].event


def tidied(words: str) -> str:
    """Composed letters, one space between words, and nothing that is neither seen nor heard."""
    shown = "".join(letter for letter in words if letter.isprintable() or letter.isspace())
    return " ".join(unicodedata.normalize("NFC", shown).split())


def words_to_spare(words: str, bytes_over: int) -> int:
    """About so many characters of these words make so many bytes: a letter has 1 to 3."""
    return math.ceil(bytes_over * len(words) / len(words.encode())) + 1


def longest_s(role: Role) -> int:
    """How long an alarm that is signed as this may live."""
    return MAX_COMMUNE_LIFETIME_S if role is Role.COMMUNE else MAX_LIFETIME_S


def next_sequence(last: int, last_expires_s: int, now_s: int, *, contested: bool = False) -> int:
    """The sequence number of a signer's next order.

    One more than the last; but when nothing of this signer can still be valid it jumps to the present second, so that
    a controller that was restored from an old backup does not use numbers that the boxes have seen. It jumps as well
    when boxes have lately refused such a number (`contested`): another controller counts for the same person.
    """
    return max(last + 1, now_s) if contested or last_expires_s <= now_s else last + 1


def size_signed(payload: bytes, persons: int, trust: Trust) -> int:
    """How long the order may be once so many have signed it, by passkeys if there are any: known beforehand."""
    envelope, row, passkey = 24, 80, 5 + 12 + 150
    origins = [len(origin) for party in trust.roots.parties for origin in party.origins]
    return envelope + len(payload) + persons * (row + (passkey + max(origins) if origins else 0))


def room_for_words(unit: str, role: Role, trust: Trust) -> int:
    """Bytes of own words that fit with so many signatures as it takes, in one unit and without a reason."""
    alarm = Alarm(OWN_WORDS, (unit,), lifetime_s=longest_s(role), role=role, event="x" * 12)
    bare = encode(alert(alarm, trust, Slot(bytes(16), 2**32 - 1, 2**31)))
    head_of_a_long_text = 2
    return MAX_ORDER_BYTES - size_signed(bare, trust.persons_needed(role), trust) - head_of_a_long_text


def alert(alarm: Alarm, trust: Trust, slot: Slot) -> Order:
    """The alert that persons will sign."""
    chime = usual_chime(alarm.severity, alarm.status) if alarm.chime is None else alarm.chime
    return Order(
        id=slot.identity,
        province=trust.domain.province,
        environment=trust.domain.environment,
        role=alarm.role,
        epoch=trust.version,
        sequence=slot.sequence,
        issued=slot.now_s,
        not_before=slot.now_s,
        expires=slot.now_s + alarm.lifetime_s,
        status=alarm.status,
        type=MessageType.ALERT,
        severity=alarm.severity,
        event=event_of(alarm),
        area=alarm.area,
        sound=Sound(message=alarm.message, chime=chime, repeats=alarm.repeats, gap_s=alarm.gap_s),
        board=alarm.words,
        reason=alarm.reason,
    )


def stop(wanted: Stop, role: Role, trust: Trust, slot: Slot) -> Order:
    """The order that stops and locks the speakers of an area. It may arrive for as long as any order may."""
    until = None if wanted.lock_s is None else slot.now_s + wanted.lock_s
    return Order(
        id=slot.identity,
        province=trust.domain.province,
        environment=trust.domain.environment,
        role=role,
        epoch=trust.version,
        sequence=slot.sequence,
        issued=slot.now_s,
        not_before=slot.now_s,
        expires=slot.now_s + min(wanted.lock_s or MAX_LIFETIME_S, MAX_LIFETIME_S),
        status=Status.ACTUAL,
        type=MessageType.STOP,
        severity=Severity.MINOR,
        event=STOP_EVENT,
        area=wanted.area,
        reason=wanted.reason,
        until=until,
    )


def cancel(of: Order, role: Role, trust: Trust, slot: Slot, *, reason: str) -> Order:
    """The order that ends `of`. It is valid for as long as a box might still hear `of`."""
    lifetime_s = min(max(of.expires - slot.now_s, MIN_LIFETIME_S), MAX_LIFETIME_S)
    return msgspec.structs.replace(_ending(of, role, trust, slot, reason), expires=slot.now_s + lifetime_s)


def reinstatement(of: Order, role: Role, trust: Trust, slot: Slot, *, reason: str, more: Iterable[bytes] = ()) -> Order:
    """The order that ends a cancel or a stop, and `more` of them (ids): what they had ended goes on."""
    made = _ending(of, role, trust, slot, reason)
    return msgspec.structs.replace(made, type=MessageType.REINSTATE, references=(of.id, *more))


def once_more(of: Order, trust: Trust, slot: Slot) -> Order:
    """The same order under a new number, for as long as it was to live; an alarm replaces itself."""
    sounds = of.type in SOUNDING
    return msgspec.structs.replace(
        of,
        type=MessageType.UPDATE if sounds else of.type,
        references=(of.id,) if sounds else of.references,
        id=slot.identity,
        epoch=trust.version,
        sequence=slot.sequence,
        issued=slot.now_s,
        not_before=slot.now_s,
        expires=slot.now_s + of.expires - of.issued,
        until=None if of.until is None else slot.now_s + of.until - of.issued,
    )


def _ending(of: Order, role: Role, trust: Trust, slot: Slot, reason: str) -> Order:
    return msgspec.structs.replace(
        of,
        id=slot.identity,
        role=role,
        epoch=trust.version,
        sequence=slot.sequence,
        issued=slot.now_s,
        not_before=slot.now_s,
        expires=slot.now_s + MAX_LIFETIME_S,
        type=MessageType.CANCEL,
        sound=None,
        references=(of.id,),
        board="",
        cap=None,
        reason=reason,
        until=None,
    )
