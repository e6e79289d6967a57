"""What persons of CONTENT have approved: exactly these bytes of sound, this text, this picture, this class (design §4).

A manifest carries an approval for each bulletin and each station that it names, and a box refuses a manifest in which
one is missing: the server's key alone makes no new word sound.
"""

import enum
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocol.bulletin import Bulletin, BulletinClass
from protocol.clock import MAX_AHEAD_S
from protocol.codec import decode, encode
from protocol.delegation import covers
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import Language, Sha256, Text, UnitCode, sha256
from protocol.manifest import Entry, Line, Manifest, Station
from protocol.quantities import DAY_S, EpochS
from protocol.roles import Holder, Role, distinct
from protocol.signing import Family, open_signed
from protocol.trust import Trust

MAX_APPROVAL_BYTES: Final = 2_048
MAX_APPROVAL_S: Final = 366 * DAY_S
"""A year. So long, at most, can somebody approve by a date that lies back whose own time is over."""
MAX_EXCEPTION_S: Final = DAY_S
"""Of one exception, and of all of a place within a week."""
EXCEPTION_PERIOD_S: Final = 7 * DAY_S
MAX_EXCEPTION_LEAD_S: Final = 366 * DAY_S
"""So long before its end an exception may have been signed."""
MAX_EXCEPTION_BYTES: Final = 2_048


class Subject(enum.IntEnum):
    """What was approved."""

    BULLETIN = 1
    STATION = 2
    LINE = 3
    """A manifest's line beside the time of day."""


class Approval(msgspec.Struct, frozen=True, array_like=True):
    """A person heard and read this, and it may sound."""

    subject: Subject
    hash: Sha256
    """Of the sound; of a station or a line, of its record."""
    text: Sha256 | None
    """Of the text that was spoken, in UTF-8; null where a recording or a station has none."""
    klass: BulletinClass
    """The highest class in which it may be scheduled."""
    language: Language
    scope: UnitCode
    """The unit at and below which it may sound."""
    epoch: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    """Version of the roots under which it was signed."""
    issued: EpochS
    expires: EpochS
    """At most 366 days after `issued`; not included."""
    title: Text = ""
    picture: Sha256 | None = None
    """Of the picture's file."""


class QuietException(msgspec.Struct, frozen=True, array_like=True):
    """Scheduled sound may pass the quiet hours once, here, from then to then: Tết at midnight."""

    epoch: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)]
    issued: EpochS
    area: Annotated[tuple[UnitCode, ...], Meta(min_length=1, max_length=32)]
    start: EpochS
    end: EpochS
    """At most 24 hours after `start`, and 366 days after `issued`; not included."""
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


def open_approval(data: bytes, trust: Trust, at_s: int | None = None) -> Approval:
    """The approval in these bytes, if as many persons of CONTENT as it takes signed it for its unit.

    A signer must be listed today, and have held the role when it was issued: what an officer approved who has left
    stays good, what a key approved that was taken away does not. `at_s` is the reader's time (epoch seconds): what is
    dated after it is refused; None does not ask. Raises `SignatureError` or `ProtocolError`.
    """
    envelope = open_signed(data, Family.APPROVAL, trust.domain, max_bytes=MAX_APPROVAL_BYTES)
    approval = decode(envelope.payload, Approval, max_bytes=MAX_APPROVAL_BYTES)
    signers = [
        holder
        for holder in trust.signers(envelope, Role.CONTENT, approval.issued)
        if covers(holder.scope, approval.scope)
    ]
    _expect_persons(signers, trust, Role.CONTENT, f"an approval for {approval.scope}")
    if approval.epoch > trust.version:
        raise ProtocolError("roots-newer", f"signed under roots {approval.epoch}", field="Approval.epoch")
    if not approval.issued < approval.expires <= approval.issued + MAX_APPROVAL_S:
        raise ProtocolError("bad-record", "ends within 366 days after its issue", field="Approval.expires")
    if at_s is not None and approval.issued > at_s + MAX_AHEAD_S:
        raise ProtocolError("future", f"issued {approval.issued - at_s} s ahead", field="Approval.issued")
    return approval


def open_exception(data: bytes, trust: Trust, at_s: int | None = None) -> QuietException:
    """The exception in these bytes, if two persons of the province signed it.

    `at_s` as for an approval. Raises `SignatureError` or `ProtocolError`.
    """
    envelope = open_signed(data, Family.EXCEPTION, trust.domain, max_bytes=MAX_EXCEPTION_BYTES)
    exception = decode(envelope.payload, QuietException, max_bytes=MAX_EXCEPTION_BYTES)
    signers = [
        holder
        for holder in trust.signers(envelope, Role.EXCEPTION, exception.issued)
        if trust.domain.province in holder.scope
    ]
    _expect_persons(signers, trust, Role.EXCEPTION, "an exception to quiet hours")
    if not exception.start < exception.end <= exception.start + MAX_EXCEPTION_S:
        raise ProtocolError("bad-record", "ends within 24 hours after its start", field="QuietException.end")
    if exception.end > exception.issued + MAX_EXCEPTION_LEAD_S:
        raise ProtocolError("bad-record", "ends within 366 days after its issue", field="QuietException.end")
    if exception.epoch > trust.version:
        raise ProtocolError("roots-newer", f"signed under roots {exception.epoch}", field="QuietException.epoch")
    if at_s is not None and exception.issued > at_s + MAX_AHEAD_S:
        raise ProtocolError("future", f"issued {exception.issued - at_s} s ahead", field="QuietException.issued")
    return exception


@dataclass(frozen=True)
class Judged:
    """A manifest, and what of it no person has approved."""

    manifest: Manifest
    """Less the entries that name something unapproved, and words and pictures that no one approval names together."""
    unapproved: tuple[str, ...]
    """Ids of bulletins and codes of stations."""


def judge_manifest(manifest: Manifest, trust: Trust, units: tuple[str, ...], at_s: int) -> Judged:
    """Which of its bulletins and stations may sound at this place at this moment (epoch seconds). Raises nothing."""
    approvals = tuple(_approvals(manifest.approvals, trust, units, at_s))
    sounds = {(row.hash, row.language): row for row in approvals if row.subject is Subject.BULLETIN}
    relayed = {row.hash: row for row in approvals if row.subject is Subject.STATION}
    bulletins = {row.id: row for row in manifest.bulletins}
    stations = {row.code: relayed.get(station_hash(row)) for row in manifest.stations}
    unapproved: set[str] = set()
    left = []
    for entry in manifest.entries:
        named: dict[str, Approval | None] = {}
        for name in entry.playlist:
            bulletin = bulletins.get(name)
            named[name] = None if bulletin is None else sounds.get((bulletin.sound, bulletin.language))
        bad = {name for name, approval in named.items() if not _allows(approval, entry)}
        if entry.station is not None and not _allows(stations.get(entry.station), entry):
            bad.add(entry.station)
        unapproved |= bad
        if not bad:
            left.append(entry)
    words: defaultdict[tuple[bytes, str], list[Approval]] = defaultdict(list)
    for row in approvals:
        if row.subject is Subject.BULLETIN:
            words[row.hash, row.language].append(row)
    read = tuple(_approved_words(row, words.get((row.sound, row.language), ())) for row in manifest.bulletins)
    line = manifest.line if any(_is_of_line(row, manifest.line) for row in approvals) else None
    judged = msgspec.structs.replace(manifest, entries=tuple(left), bulletins=read, line=line)
    return Judged(judged, tuple(sorted(unapproved)))


def _is_of_line(approval: Approval, line: Line | None) -> bool:
    """Persons read the approval's title and its end: they must be the line's own."""
    if line is None or approval.subject is not Subject.LINE:
        return False
    return (approval.title, approval.expires, approval.hash) == (line.text, line.until, line_hash(line))


def _approved_words(bulletin: Bulletin, approvals: Iterable[Approval]) -> Bulletin:
    """With those of its words, and that picture, that one approval signs for together: boards show no others.

    Of several the one with which most of them stays; of as many the title goes before the text, and that before the
    picture.
    """
    text = sha256(bulletin.text.encode())
    signed = [(row.title == bulletin.title, row.text == text, row.picture == bulletin.picture) for row in approvals]
    says = (bool(bulletin.title), bool(bulletin.text), bulletin.picture is not None)
    kept = [tuple(a and b for a, b in zip(says, same, strict=True)) for same in signed]
    title, words, picture = max(kept, key=lambda one: (sum(one), one), default=(False, False, False))
    return msgspec.structs.replace(
        bulletin,
        title=bulletin.title if title else "",
        text=bulletin.text if words else "",
        picture=bulletin.picture if picture else None,
    )


def _allows(approval: Approval | None, entry: Entry) -> bool:
    return approval is not None and entry.klass <= approval.klass


def exceptions_at(manifest: Manifest, trust: Trust, units: tuple[str, ...], at_s: int) -> tuple[QuietException, ...]:
    """The manifest's exceptions that are good at this moment (epoch seconds) and are for this place.

    The rest mean nothing, and quiet stays quiet.
    """
    found = []
    for data in manifest.exceptions:
        try:
            exception = open_exception(data, trust, at_s)
        except ProtocolError:
            continue
        if any(unit in units for unit in exception.area):
            found.append(exception)
    return within_a_week(found)


def within_a_week(exceptions: Iterable[QuietException]) -> tuple[QuietException, ...]:
    """Of one place's exceptions those that count, by their start: many that adjoin are no way around the length of one.

    One that with those before it, whose end lies within a week before its own, would last more than 24 hours means
    nothing.
    """
    taken: list[QuietException] = []
    for one in sorted(exceptions, key=lambda row: (row.start, row.end)):
        within = (row.end - row.start for row in taken if row.end > one.end - EXCEPTION_PERIOD_S)
        if sum(within) + one.end - one.start <= MAX_EXCEPTION_S:
            taken.append(one)
    return tuple(taken)


def station_hash(station: Station) -> bytes:
    """What an approval of a station names: the SHA-256 of its record."""
    return sha256(encode(station))


def line_hash(line: Line) -> bytes:
    """What an approval of a line names: the SHA-256 of its record."""
    return sha256(encode(line))


def _approvals(signed: Iterable[bytes], trust: Trust, units: tuple[str, ...], at_s: int) -> Iterable[Approval]:
    """Those that count here and now; of two for one sound in one language the one of the higher class comes last."""
    found = []
    for data in signed:
        try:
            approval = open_approval(data, trust, at_s)
        except ProtocolError:
            continue
        if approval.scope in units and at_s < approval.expires:
            found.append(approval)
    return sorted(found, key=lambda row: row.klass)


def _expect_persons(signers: list[Holder], trust: Trust, role: Role, what: str) -> None:
    needed = trust.persons_needed(role)
    if distinct(signers) < needed:
        raise SignatureError(
            "bad-signature", f"{what} needs {needed} person(s) with role {role.name}, {distinct(signers)} signed"
        )
