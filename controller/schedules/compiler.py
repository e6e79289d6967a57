"""From schedules, rules and boxes to one manifest for each distinct content. Pure: rows come in as values.

One pass: each programme is a bit; each box collects the bits of the programmes that reach it, and boxes with the same
bits under the same rules share one manifest. So 20,000 boxes with 200 schedules cost as many manifests as there are
different programmes, not boxes.
"""

import dataclasses
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Final

import msgspec

from controller.schedules.rules import EARLY, Rules
from controller.units.rules import above
from protocol.approval import Subject
from protocol.bulletin import Blob, Bulletin, BulletinClass
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.manifest import Entry, Kind, Line, Manifest, PlaceInOrder, Policy, Station


@dataclass(frozen=True)
class Place:
    """A box as the compiler sees it."""

    box: str
    unit: str
    """Code of its own unit; those above follow from it."""
    groups: frozenset[int] = frozenset()
    policy: Policy | None = None
    """Its own."""
    gain_cb: int = 0
    site: str = ""


@dataclass(frozen=True)
class Aim:
    """Units with everything below them, groups, and single boxes."""

    units: frozenset[str] = frozenset()
    groups: frozenset[int] = frozenset()
    boxes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Programme:
    """A schedule: what starts when, and whom it is for. The entry's playlist may name bulletins that are not approved
    (any more); they are left out."""

    entry: Entry
    include: Aim
    exclude: Aim = Aim()


@dataclass(frozen=True)
class Content:
    """An approved bulletin and its file."""

    bulletin: Bulletin
    blob: Blob
    picture: Blob | None = None


@dataclass(frozen=True)
class Seal:
    """A signed approval that counts at a place."""

    envelope: bytes
    klass: BulletinClass
    """The highest class in which it may be scheduled."""


@dataclass(frozen=True)
class Signed:
    """What persons have signed that counts in one unit."""

    bulletins: Mapping[str, Seal] = field(default_factory=dict)
    """By id."""
    stations: Mapping[str, Seal] = field(default_factory=dict)
    """By code."""
    exceptions: tuple[bytes, ...] = ()
    line: tuple[Line, bytes] | None = None
    """The line beside the time of day, and its approval."""


NOTHING: Final = Signed()
Reign = tuple[int, int]
"""Era and epoch under which a controller writes."""
MAX_GENERATION: Final = 0xFFFF_FFFF
MAX_PICTURES_BYTES: Final = 8 * 1024 * 1024
"""Of all pictures in one manifest; further ones are left out."""
MAX_TEXT_BYTES: Final = 256 * 1024
"""Of all texts for boards in one manifest; the titles of the others go on."""


@dataclass(frozen=True)
class Compilation:
    """Distinct manifests, which of them each box is to hold, and what was left out since nobody approved it."""

    manifests: tuple[Manifest, ...]
    of: Mapping[str, int]
    """Box → index into `manifests`."""
    unapproved: Mapping[tuple[Subject, str], frozenset[str]] = field(default_factory=dict)
    """(what it is, its id or code) → units whose boxes go without."""


class Reach:
    """Which boxes an aim hits; an index over all places, as sets of bits."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = places
        self._units: dict[str, int] = defaultdict(int)
        self._groups: dict[int, int] = defaultdict(int)
        self._boxes: dict[str, int] = {}
        for index, place in enumerate(places):
            bit = 1 << index
            self._boxes[place.box] = bit
            for code in above(place.unit):
                self._units[code] |= bit
            for group in place.groups:
                self._groups[group] |= bit

    def hits(self, include: Aim, exclude: Aim = Aim()) -> list[Place]:
        """The places inside `include` and outside `exclude`."""
        return [self.places[index] for index in _bits(self._of(include) & ~self._of(exclude))]

    def _of(self, aim: Aim) -> int:
        found = (
            *(self._units.get(code, 0) for code in aim.units),
            *(self._groups.get(group, 0) for group in aim.groups),
            *(self._boxes.get(box, 0) for box in aim.boxes),
        )
        return reduce(or_, found, 0)


def compile_all(
    places: Sequence[Place],
    programmes: Sequence[Programme],
    *,
    zone: str,
    contents: Mapping[str, Content],
    stations: Mapping[str, Station],
    rules: Rules,
    signed: Mapping[str, Signed] | None = None,
) -> Compilation:
    """The manifests of all places. `contents` holds the approved bulletins by their id, `stations` those by code.

    `signed` says what counts in each unit; without it everything is as good as signed: that is for reckoning ahead, and
    boxes would refuse it.
    """
    usable = [found for programme in programmes if (found := _approved(programme, contents, stations)) is not None]
    usable.sort(key=lambda programme: programme.entry.id)
    reach = Reach(places)
    named: dict[str, list[int]] = defaultdict(list)
    for number, programme in enumerate(usable):
        for place in reach.hits(programme.include, programme.exclude):
            named[place.box].append(number)
    early = {number for number, programme in enumerate(usable) if _needs_permission(programme.entry, contents)}
    unapproved: dict[tuple[Subject, str], set[str]] = defaultdict(set)
    by_unit: dict[tuple[tuple[int, ...], str], int] = {}
    by_content: dict[tuple[object, ...], int] = {}
    manifests: list[Manifest] = []
    of: dict[str, int] = {}
    for place in places:
        numbers, unit = tuple(named[place.box]), place.unit
        if (numbers, unit) not in by_unit:
            stack, end = rules.stack(unit), rules.early_until(unit)
            entries = [_until(usable[number].entry, end if number in early else None) for number in numbers]
            here = None if signed is None else signed.get(unit, NOTHING)
            if here is not None:
                for what in _unsigned(entries, here):
                    unapproved[what].add(unit)
                entries = [left for entry in entries if (left := _signed(entry, here)) is not None]
            seals = () if here is None else _seals(entries, here)
            exceptions = () if here is None else here.exceptions
            line = None
            if here is not None and here.line is not None:
                line, seals = here.line[0], (*seals, here.line[1])
            key = (tuple(entries), stack, seals, exceptions, line)
            if key not in by_content:
                by_content[key] = len(manifests)
                made = _manifest(zone, stack, entries, contents, stations)
                manifests.append(msgspec.structs.replace(made, approvals=seals, exceptions=exceptions, line=line))
            by_unit[numbers, unit] = by_content[key]
        of[place.box] = by_unit[numbers, unit]
    return Compilation(tuple(manifests), of, {what: frozenset(units) for what, units in unapproved.items()})


def _unsigned(entries: Iterable[Entry], here: Signed) -> Iterable[tuple[Subject, str]]:
    """What these entries name that nobody approved for here."""
    for entry in entries:
        for name in entry.playlist:
            if name not in here.bulletins:
                yield Subject.BULLETIN, name
        if entry.kind is Kind.RELAY and entry.station is not None and entry.station not in here.stations:
            yield Subject.STATION, entry.station


def _signed(entry: Entry, here: Signed) -> Entry | None:
    """The entry with what persons approved for here, in no higher class than they approved; None if nothing is left."""
    playlist = tuple(name for name in entry.playlist if name in here.bulletins)
    if entry.kind is Kind.RELAY:
        if entry.station not in here.stations:
            return None
    elif not playlist:
        return None
    klass = min([entry.klass, *(here.bulletins[name].klass for name in playlist)])
    return msgspec.structs.replace(entry, playlist=playlist, klass=klass)


def _seals(entries: Iterable[Entry], here: Signed) -> tuple[bytes, ...]:
    """The approvals of all that these entries name."""
    rows = list(entries)
    sounds = {here.bulletins[name].envelope for entry in rows for name in entry.playlist}
    codes = {entry.station for entry in rows if entry.station is not None}
    relayed = {here.stations[code].envelope for code in codes if code in here.stations}
    return tuple(sorted(sounds | relayed))


def is_over(entry: Entry, local_now: dt.datetime, *, keep: dt.timedelta = dt.timedelta(days=2)) -> bool:
    """Whether its last start lies so far back that no box needs it any more."""
    last = entry.until or (entry.first if not entry.rule and not entry.added else None)
    return last is not None and dt.datetime.fromisoformat(last) + keep < local_now


def next_generation(reign: Reign, written: PlaceInOrder, seen: PlaceInOrder) -> int:
    """The number of a box's next assignment in this era and epoch: higher than that last written for it, and than any
    that it has seen, also after the database was restored from a backup.

    A number of an earlier era or epoch is no measure, however far somebody drove it. Raises `ProtocolError`
    "outranked" where the box obeys a later one, and "used-up" where the last number was seen.
    """
    if seen[:2] > reign:
        said = (
            f"the box obeys epoch {seen[1]} of era {seen[0]}, this controller writes in epoch {reign[1]} of {reign[0]}"
        )
        raise ProtocolError("outranked", said, field="epoch")
    newest = max((number for *when, number in (written, seen) if tuple(when) == reign), default=0)
    if newest >= MAX_GENERATION:
        raise ProtocolError("used-up", f"no number comes after generation {newest}", field="generation")
    return newest + 1


def facts_of(place: Place, manifest_hash: bytes, reign: Reign = (0, 1)) -> str:
    """What an assignment says besides generation and dates, as a SHA-256 in hex: equal facts need no new one."""
    said = [manifest_hash.hex(), dataclasses.astuple(place)[:2], place.gain_cb, place.site]
    plain = msgspec.json.encode(said if reign == (0, 1) else [*said, reign])
    return sha256(plain + (encode(place.policy) if place.policy else b"")).hex()


def _approved(
    programme: Programme, contents: Mapping[str, Content], stations: Mapping[str, Station]
) -> Programme | None:
    entry = programme.entry
    playlist = tuple(name for name in entry.playlist if name in contents)
    if entry.kind is Kind.RELAY and entry.station not in stations:
        return None
    if not playlist and entry.kind is not Kind.RELAY:
        return None
    if playlist == entry.playlist:
        return programme
    return dataclasses.replace(programme, entry=msgspec.structs.replace(entry, playlist=playlist))


def _needs_permission(entry: Entry, contents: Mapping[str, Content]) -> bool:
    """Whether it may reach into the early hour, however late it starts; a time of day that is hard to tell may."""
    if entry.added or "BY" in entry.rule.replace("BYDAY", ""):
        return True
    length_ms = sum(contents[name].blob.duration_ms + entry.pause_ms for name in entry.playlist) * entry.repeats
    first = dt.datetime.fromisoformat(entry.first)
    start = first.hour * 3600 + first.minute * 60 + first.second
    end = start + entry.window_s + max(length_ms // 1000 + 1 + entry.repeats * entry.gap_s, entry.length_s)
    return any(start < EARLY.end + day and end > EARLY.start + day for day in (0, 86_400))


def _until(entry: Entry, end: dt.date | None) -> Entry:
    """The entry without the starts from this day on: quiet hours have no dates, so a permission that ends does so here.

    A box that is offline then keeps to the permission's end, and loses nothing else of its programme.
    """
    if end is None:
        return entry
    last = f"{end - dt.timedelta(days=1)}T23:59:59"
    return msgspec.structs.replace(entry, until=min(entry.until or last, last))


def _manifest(
    zone: str,
    policies: tuple[Policy, ...],
    entries: list[Entry],
    contents: Mapping[str, Content],
    stations: Mapping[str, Station],
) -> Manifest:
    named = sorted({name for entry in entries for name in entry.playlist})
    bulletins = _illustrated(_worded(contents[name].bulletin for name in named), contents)
    blobs = {contents[name].blob.hash: contents[name].blob for name in named}
    blobs |= {row.picture: blob for row in bulletins if row.picture and (blob := contents[row.id].picture)}
    relayed = sorted({entry.station for entry in entries if entry.station is not None})
    return Manifest(
        zone=zone,
        policies=policies,
        entries=tuple(entries),
        bulletins=bulletins,
        blobs=tuple(blobs[key] for key in sorted(blobs)),
        stations=tuple(stations[code] for code in relayed),
    )


def _worded(bulletins: Iterable[Bulletin]) -> tuple[Bulletin, ...]:
    """With as many of their texts for boards as boxes fetch over a mobile line without harm; sounds go before words."""
    left, made = MAX_TEXT_BYTES, []
    for bulletin in bulletins:
        left -= len(bulletin.text.encode())
        made.append(bulletin if left >= 0 else msgspec.structs.replace(bulletin, text=""))
    return tuple(made)


def _illustrated(bulletins: Iterable[Bulletin], contents: Mapping[str, Content]) -> tuple[Bulletin, ...]:
    """With as many of their pictures as a box has room and time for."""
    left, made = MAX_PICTURES_BYTES, []
    for bulletin in bulletins:
        picture = contents[bulletin.id].picture
        left -= 0 if picture is None else picture.size
        fits = picture is not None and left >= 0
        made.append(bulletin if fits else msgspec.structs.replace(bulletin, picture=None))
    return tuple(made)


def _bits(mask: int) -> Iterable[int]:
    """The numbers of the bits that are set, ascending."""
    text = bin(mask)[:1:-1]
    index = text.find("1")
    while index >= 0:
        yield index
        index = text.find("1", index + 1)
