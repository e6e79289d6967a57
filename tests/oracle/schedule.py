"""Manifests and assignments: README §3 (machines), §5, written anew from the specification alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from typing import Any
from zoneinfo import available_timezones

from tests.oracle import records
from tests.oracle import trust as trusted
from tests.oracle.cbor import RefusedError, read, write
from tests.oracle.envelope import key_id, raw_verifies
from tests.oracle.records import (
    QuietException,
    gain,
    language,
    many,
    octets,
    optional,
    policy,
    row,
    seconds,
    text,
    uint,
    unit,
)
from tests.oracle.trust import DAY_S, Grant, OracleTrust

MANIFEST, ASSIGNMENT = 65002, 65003
LONGEST = {MANIFEST: 4 << 20, ASSIGNMENT: 4096}
BULLETIN, STATION, LINE = 1, 2, 3
PROGRAMME, RELAY = 1, 2
YEAR_S = 366 * DAY_S
WEEK_S = 7 * DAY_S
LONGEST_IN_A_WEEK_S = DAY_S

ZONES = available_timezones()

name = text(".{1,64}")


def local_time(item: Any) -> str:
    said: str = text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")(item)
    try:
        year = datetime.fromisoformat(said).year
    except ValueError:
        raise RefusedError("no such moment") from None
    if not 2000 <= year < 2200:
        raise RefusedError("not of these centuries")
    return said


def zone(item: Any) -> str:
    if type(item) is not str or item not in ZONES:
        raise RefusedError("no such zone")
    return item


def signed_bytes(item: Any) -> bytes:
    if type(item) is not bytes or len(item) > 2048:
        raise RefusedError("too long, or no bytes")
    return item


@dataclass(frozen=True)
class Assignment:
    box: str
    generation: int
    manifest: bytes
    manifest_size: int
    units: tuple[str, ...]
    issued: int
    valid_until: int
    policy: Any
    gain_cb: int
    site: str
    epoch: int
    era: int


def assignment(payload: bytes) -> Assignment:
    checkers = [
        text("[a-z2-7]{16}"),
        uint(1),
        octets(32),
        uint(),
        many(unit, 1, 6),
        uint(),
        uint(),
        optional(policy),
        gain,
        text(".{0,200}"),
        uint(1),
        uint(),
    ]
    found = Assignment(*row(read(payload), checkers, None, 0, "", 1, 0))
    if any(lower.split("-")[:-1] != upper.split("-") for upper, lower in pairwise(found.units)):
        raise RefusedError("no place")
    return found


@dataclass(frozen=True)
class Entry:
    id: str
    kind: int
    klass: int
    first: str
    playlist: tuple[str, ...]
    rule: str
    until: str | None
    excluded: tuple[str, ...]
    added: tuple[str, ...]
    commune_order: int
    repeats: int
    gap_s: int
    pause_ms: int
    window_s: int
    length_s: int
    station: str | None
    gain_cb: int
    board_s: int


WEEKDAY = "(MO|TU|WE|TH|FR|SA|SU)"
NUMBERED = "(MONTHLY|YEARLY)"
PARTS = {
    "FREQ": "DAILY|WEEKLY|MONTHLY|YEARLY",
    "UNTIL": "[0-9]{8}T[0-9]{6}",
    "WKST": WEEKDAY,
    "BYDAY": f"([+-]?[1-9][0-9]?)?{WEEKDAY}(,([+-]?[1-9][0-9]?)?{WEEKDAY})*",
}
NUMBERS = {
    "INTERVAL": (1, 1000), "COUNT": (1, 100_000), "BYMONTH": (1, 12), "BYMONTHDAY": (-31, 31), "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53), "BYSETPOS": (-366, 366), "BYHOUR": (0, 23), "BYMINUTE": (0, 59), "BYSECOND": (0, 59),
}  # fmt: skip
OF_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")


def rule(item: Any) -> str:
    said: str = text(".{0,200}")(item)
    if said:
        parts = [part.partition("=")[::2] for part in said.split(";")]
        known = dict(parts)
        starts = [known.get(key, "0").count(",") + 1 for key in OF_A_DAY]
        good = (
            len(known) == len(parts)
            and "FREQ" in known
            and all(_part(key, value) for key, value in parts)
            and not {"COUNT", "UNTIL"} <= known.keys()
            and (not re.search("[0-9]", known.get("BYDAY", "")) or known["FREQ"] in ("MONTHLY", "YEARLY"))
            and starts[0] * starts[1] * starts[2] <= 96
        )
        if not good:
            raise RefusedError("no rule")
    return said


def _part(key: str, value: str) -> bool:
    if key == "UNTIL":
        return bool(re.fullmatch(PARTS[key], value)) and _is_a_moment(value)
    if key in PARTS:
        return bool(re.fullmatch(PARTS[key], value))
    if key not in NUMBERS or (key in ("INTERVAL", "COUNT") and "," in value):
        return False
    low, high = NUMBERS[key]
    numbers = value.split(",")
    return all(
        re.fullmatch("[+-]?[0-9]{1,6}", one) and low <= int(one) <= high and (int(one) or key in OF_A_DAY)
        for one in numbers
    )


def _is_a_moment(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def entry(item: Any) -> Entry:
    checkers = [
        name,
        uint(1, 3),
        uint(1, 2),
        local_time,
        many(name, 0, 200),
        rule,
        optional(local_time),
        many(local_time, 0, 500),
        many(local_time, 0, 500),
        uint(0, 1000),
        uint(1, 20),
        uint(0, YEAR_S),
        uint(0, YEAR_S * 1000),
        uint(0, YEAR_S),
        uint(0, YEAR_S),
        optional(name),
        gain,
        uint(0, YEAR_S),
    ]
    return Entry(*row(item, checkers, "", None, (), (), 0, 1, 0, 0, 300, 0, None, 0, 0))


@dataclass(frozen=True)
class Bulletin:
    id: str
    title: str
    language: str
    sound: bytes
    text: str
    picture: bytes | None


@dataclass(frozen=True)
class Station:
    code: str
    name: str
    url: str

    @property
    def hash(self) -> bytes:
        return sha256(write([self.code, self.name, self.url])).digest()


def bulletin(item: Any) -> Bulletin:
    checkers = [name, text(".{0,200}"), language, octets(32), text(".{0,1000}"), optional(octets(32))]
    return Bulletin(*row(item, checkers, "", None))


@dataclass(frozen=True)
class Blob:
    hash: bytes
    size: int
    duration_ms: int


def blob(item: Any) -> Blob:
    return Blob(*row(item, [octets(32), uint(), uint(0, YEAR_S * 1000)]))


def station(item: Any) -> Station:
    found = Station(*row(item, [name, text(".{0,200}"), text("https?://.*")]))
    if len(found.url) > 300:
        raise RefusedError("too long an address")
    return found


@dataclass(frozen=True)
class Line:
    text: str
    until: int

    @property
    def hash(self) -> bytes:
        return sha256(write([self.text, self.until])).digest()


def line(item: Any) -> Line:
    return Line(*row(item, [text(".{1,200}"), seconds]))


@dataclass(frozen=True)
class Manifest:
    zone: str
    policies: tuple[Any, ...]
    entries: tuple[Entry, ...]
    bulletins: tuple[Bulletin, ...]
    blobs: tuple[Blob, ...]
    stations: tuple[Station, ...]
    approvals: tuple[bytes, ...]
    exceptions: tuple[bytes, ...]
    line: Line | None


def manifest(payload: bytes) -> Manifest:
    checkers = [
        zone,
        many(policy, 0, 8),
        many(entry, 0, 2000),
        many(bulletin, 0, 4000),
        many(blob, 0, 4000),
        many(station, 0, 50),
        many(signed_bytes, 0, 4000),
        many(signed_bytes, 0, 50),
        optional(line),
    ]
    found = Manifest(*row(read(payload), checkers, (), (), (), (), (), None))
    if not _whole(found):
        raise RefusedError("no manifest is good in which this is so")
    return found


def _whole(found: Manifest) -> bool:
    """What it names is in it, once; and it has the province's rules."""
    bulletins = [one.id for one in found.bulletins]
    stations = [one.code for one in found.stations]
    entries = [one.id for one in found.entries]
    blobs = {one.hash: one.duration_ms for one in found.blobs}
    once = all(len(set(names)) == len(names) for names in (bulletins, stations, entries))
    lengths = {one.id: blobs.get(one.sound, 0) for one in found.bulletins}
    pictures = {None, *(one.hash for one in found.blobs if one.duration_ms == 0 and one.size <= 262_144)}
    return (
        once
        and all(one.picture in pictures for one in found.bulletins)
        and len(blobs) == len(found.blobs)
        and any(rules[0] == 0 for rules in found.policies)
        and all(lengths.values())
        and all(set(one.playlist) <= set(bulletins) for one in found.entries)
        and all((one.station is not None) == (one.kind == RELAY) for one in found.entries)
        and all(one.station is None or one.station in stations for one in found.entries)
        and all(_can_be_planned(one, lengths) for one in found.entries)
    )


def _can_be_planned(one: Entry, lengths: dict[str, int]) -> bool:
    round_ms = sum(lengths[name] for name in one.playlist) + one.pause_ms * (len(one.playlist) - 1)
    all_ms = one.repeats * round_ms + (one.repeats - 1) * one.gap_s * 1000
    slot = one.length_s == 0 and all_ms <= DAY_S * 1000 if one.kind == PROGRAMME else 0 < one.length_s <= DAY_S
    return slot and one.window_s <= DAY_S and one.pause_ms < 300_000 and (one.kind == RELAY or bool(one.playlist))


def machines(raw: bytes, family: int, trust: OracleTrust, at_s: int) -> tuple[bytes, list[Grant]]:
    """The payload of a COSE_Sign1, and the SCHEDULE machines that signed it."""
    if len(raw) > LONGEST[family] or raw[:1] != b"\xd2":
        raise RefusedError("not a COSE_Sign1 of this length")
    outer = read(raw[1:])
    if type(outer) is not list or [type(one) for one in outer] != [bytes, dict, bytes, bytes]:
        raise RefusedError("not a COSE_Sign1")
    protected, header, payload, signature = outer
    if protected != write({1: -8, 16: family}) or list(header) != [4] or len(signature) != 64:
        raise RefusedError("not a machine's headers")
    if type(header[4]) is not bytes or len(header[4]) != 4:
        raise RefusedError("no key id")
    roots = trust.roots
    aad = write(["loalang", 1, roots.province, roots.environment, family])
    message = write(["Signature1", protected, aad, payload])
    signed = [
        one
        for one in trust.grants
        if records.SCHEDULE in one.roles
        and one.first_s <= at_s <= one.last_s
        and one.party == 0
        and len(one.key) == 32
        and key_id(one.key) == header[4]
        and raw_verifies(one.key, message, signature)
    ]
    if not signed:
        raise RefusedError("no machine that may has signed it")
    return payload, signed


def open_manifest(raw: bytes, trust: OracleTrust, at_s: int) -> Manifest | None:
    try:
        return manifest(machines(raw, MANIFEST, trust, at_s)[0])
    except RefusedError:
        return None


def open_assignment(raw: bytes, trust: OracleTrust, at_s: int) -> Assignment | None:
    """What any box may ask of it; whose it is, and whether it is later than another, is asked by `takes`."""
    try:
        payload, signed = machines(raw, ASSIGNMENT, trust, at_s)
        found = assignment(payload)
    except RefusedError:
        return None
    mine = any(set(one.scope) & set(found.units) for one in signed)
    in_era = found.era == trusted.era(trust.roots, records.SCHEDULE)
    return found if mine and in_era and found.units[0] == trust.roots.province else None


Words = tuple[str, str, bytes | None]
"""What boards may show of a bulletin: title, text, and the hash of its picture."""
Answer = tuple[str, tuple[str, ...], tuple[tuple[int, int], ...], tuple[Words, ...]]
"""What became of it; if it is in force, the entries that may sound, when quiet hours may be passed, and what boards may
show of each bulletin and, last, beside the clock."""


@dataclass(frozen=True)
class Brought:
    """What comes to one box, and two moments (epoch seconds): when it comes, and a later one when it might sound."""

    assignment: bytes
    manifest: bytes
    box: str
    held: tuple[int, int, int] | None
    """Era, epoch and generation of the assignment that the box has."""
    at_s: int
    later_s: int


def programme(brought: Brought, trust: OracleTrust) -> Answer:
    """What the box does with it, and what of it sounds later."""
    taken = open_assignment(brought.assignment, trust, brought.at_s)
    held = brought.held or (0, 1, 0)
    if taken is None or taken.box != brought.box or (taken.era, taken.epoch, taken.generation) <= held:
        return "NOT TAKEN", (), (), ()
    if sha256(brought.manifest).digest() != taken.manifest:
        return "NOT HERE", (), (), ()
    found = open_manifest(brought.manifest, trust, brought.at_s)
    asked_s = max(brought.at_s, taken.issued)
    if found is None or judge_manifest(found, trust, taken.units, asked_s).unapproved:
        return "REFUSED", (), (), ()
    judged = judge_manifest(found, trust, taken.units, brought.later_s)
    passes = tuple((one.start, one.end) for one in exceptions_at(found, trust, taken.units, brought.later_s))
    return "IN FORCE", judged.sounds, passes, judged.words


@dataclass(frozen=True)
class Judged:
    """The entries that may sound, the names without approval, and what boards may show of each bulletin."""

    sounds: tuple[str, ...]
    unapproved: frozenset[str]
    words: tuple[Words, ...]


def judge_manifest(found: Manifest, trust: OracleTrust, place: tuple[str, ...], at_s: int) -> Judged:
    opened = [trusted.approval(raw, trust, at_s) for raw in found.approvals]
    good = [one for one in opened if one is not None and one.scope in place and at_s < one.expires]
    bulletins = {one.id: one for one in found.bulletins}
    stations = {one.code: one for one in found.stations}

    def read_by_a_person(one: str, klass: int) -> bool:
        wanted = bulletins[one]
        return any(
            (had.subject, had.hash, had.language) == (BULLETIN, wanted.sound, wanted.language) and klass <= had.klass
            for had in good
        )

    def heard_by_a_person(one: str, klass: int) -> bool:
        return any((had.subject, had.hash) == (STATION, stations[one].hash) and klass <= had.klass for had in good)

    def signed_words(one: Bulletin) -> Words:
        had = [
            paper
            for paper in good
            if (paper.subject, paper.hash, paper.language) == (BULLETIN, one.sound, one.language)
        ]
        digest = sha256(one.text.encode()).digest()
        best: Words = ("", "", None)
        for paper in had:
            title = one.title if paper.title == one.title else ""
            text = one.text if paper.text == digest else ""
            picture = one.picture if paper.picture == one.picture else None
            if _weight((title, text, picture)) > _weight(best):
                best = (title, text, picture)
        return best

    lines = [(one.hash, one.title, one.expires) for one in good if one.subject == LINE]
    told = found.line
    is_signed = told is not None and (told.hash, told.text, told.until) in lines
    beside_the_clock: Words = ("", told.text if told is not None and is_signed else "", None)
    sounds, unapproved = [], set()
    for one in found.entries:
        missing = {name for name in one.playlist if not read_by_a_person(name, one.klass)}
        if one.station is not None and not heard_by_a_person(one.station, one.klass):
            missing.add(one.station)
        unapproved |= missing
        if not missing:
            sounds.append(one.id)
    return Judged(tuple(sounds), frozenset(unapproved), (*map(signed_words, found.bulletins), beside_the_clock))


def _weight(words: Words) -> int:
    """How many of the three there are; of as many the earlier count for more."""
    title, text, picture = words
    return 8 * sum(map(bool, words)) + 4 * bool(title) + 2 * bool(text) + bool(picture)


def exceptions_at(found: Manifest, trust: OracleTrust, place: tuple[str, ...], at_s: int) -> list[QuietException]:
    """Those that count at this place now."""
    opened = [trusted.exception(raw, trust, at_s) for raw in found.exceptions]
    return within_a_week(one for one in opened if one is not None and set(one.area) & set(place))


def within_a_week(good: Iterable[QuietException]) -> list[QuietException]:
    counting: list[QuietException] = []
    for one in sorted(good, key=lambda row: (row.start, row.end)):
        near = [earlier for earlier in counting if earlier.end > one.end - WEEK_S]
        if sum(each.end - each.start for each in (*near, one)) <= LONGEST_IN_A_WEEK_S:
            counting.append(one)
    return counting
