"""A manifest made ready for planning: what each entry sounds, and when it starts, expanded once and kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from protocol.bulletin import BulletinClass
from protocol.manifest import Entry, Kind, Manifest
from protocol.priority import Precedence, Rank
from protocol.quantities import DAY_MS
from protocol.recurrence import EPOCH, parse_local, starts, to_ms, zone_named
from protocol.timeline.model import SESSION_PAUSE_MS, Track
from protocol.timeline.validation import validate_entries

BLOCK_DAYS: Final = 16
"""Starts are expanded in blocks of so many days of wall time."""


@dataclass(frozen=True)
class Item:
    """One bulletin at its place in a programme."""

    label: str
    """Repeat and place, "1.2"."""
    track: Track
    offset_ms: int
    """From the programme's start, with nothing in the way."""
    pause_ms: int
    """The silence after it, before the next of its batch."""
    opens_repeat: bool


@dataclass(frozen=True)
class Batch:
    """The bulletins of a programme that belong to one session: repeats with a longer gap make another batch."""

    items: tuple[Item, ...]

    @property
    def offset_ms(self) -> int:
        return self.items[0].offset_ms

    @property
    def end_ms(self) -> int:
        return self.items[-1].offset_ms + self.items[-1].track.duration_ms


@dataclass(frozen=True, eq=False)
class Line:
    """One entry, ready for planning."""

    entry: Entry
    tracks: tuple[Track, ...]
    batches: tuple[Batch, ...]

    @property
    def rank(self) -> Rank:
        if self.entry.kind is Kind.FILLER:
            return Rank.FILLER
        return Rank.PRIORITY if self.entry.klass is BulletinClass.PRIORITY else Rank.ORDINARY

    @cached_property
    def span_ms(self) -> int:
        """From its start to its end, with nothing in the way."""
        return self.batches[-1].end_ms if self.batches else self.entry.length_s * 1000

    @cached_property
    def cycle_ms(self) -> int:
        """Length of one round of the playlist with its pauses."""
        return (
            sum(track.duration_ms + self.entry.pause_ms for track in self.tracks)
            - self.entry.pause_ms
            + self.entry.gap_s * 1000
        )


@dataclass(frozen=True, eq=False)
class Occurrence:
    """One start of an entry."""

    line: Line
    name: str
    """"s12@2026-11-24T06:00:00", by the wall time that the rule gives."""
    start_ms: int

    def precedence(self, planned_ms: int) -> Precedence:
        entry = self.line.entry
        return Precedence(self.line.rank, 0, 0, -planned_ms, -entry.commune_order, self.name)


class Schedule:
    """The entries of one manifest and their starts. `ProtocolError` if the manifest cannot be planned."""

    def __init__(self, manifest: Manifest) -> None:
        validate_entries(manifest)
        self.zone: ZoneInfo = zone_named(manifest.zone)
        lengths = {blob.hash: blob.duration_ms for blob in manifest.blobs}
        tracks = {row.id: Track(row.id, row.sound, lengths[row.sound]) for row in manifest.bulletins}
        self.lengths = lengths
        self.lines = tuple(_line(entry, tracks) for entry in manifest.entries)
        self.reach_ms = max((line.span_ms for line in self.lines), default=0)
        """The longest time from a start to its end."""
        self.window_ms = max((line.entry.window_s for line in self.lines), default=0) * 1000
        self._blocks: dict[int, list[Occurrence]] = {}

    @cached_property
    def longest_ms(self) -> int:
        """The longest single sound."""
        slots = [line.span_ms for line in self.lines if not line.batches]
        return max([*slots, *self.lengths.values()], default=0)

    @cached_property
    def first_ms(self) -> int | None:
        """Before this nothing starts."""
        texts = [text for line in self.lines for text in (line.entry.first, *line.entry.added)]
        return min((to_ms(parse_local(text), self.zone) for text in texts), default=None)

    def between(self, from_ms: int, to_ms_: int) -> list[Occurrence]:
        """Starts in [from_ms, to_ms), in order of time."""
        # A day more on either side: a wall time that the clock skips comes later than it says.
        first, last = _block_of(from_ms - DAY_MS, self.zone), _block_of(to_ms_ + DAY_MS, self.zone)
        return [
            occurrence
            for block in range(first, last + 1)
            for occurrence in self._block(block)
            if from_ms <= occurrence.start_ms < to_ms_
        ]

    def _block(self, number: int) -> list[Occurrence]:
        known = self._blocks.get(number)
        if known is None:
            if len(self._blocks) > 64:
                self._blocks.clear()
            known = self._blocks[number] = self._expand(number)
        return known

    def _expand(self, number: int) -> list[Occurrence]:
        from_day = (EPOCH + timedelta(days=number * BLOCK_DAYS)).date()
        to_day = from_day + timedelta(days=BLOCK_DAYS)
        found = [
            Occurrence(line, f"{line.entry.id}@{wall.isoformat()}", to_ms(wall, self.zone))
            for line in self.lines
            for wall in starts(line.entry, from_day, to_day)
        ]
        return sorted(found, key=lambda occurrence: (occurrence.start_ms, occurrence.name))


class ByIdentity:
    """Makes one object, not its value, the key of a cache; the cache keeps it alive, so that the key stays its own."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and self.value is other.value


def schedule_of(manifest: Manifest) -> Schedule:
    """The schedule of this manifest, made once. `ProtocolError` if it cannot be planned."""
    return _schedule(ByIdentity(manifest))


@lru_cache(maxsize=64)
def _schedule(key: ByIdentity) -> Schedule:
    assert isinstance(key.value, Manifest)
    return Schedule(key.value)


def _line(entry: Entry, tracks: dict[str, Track]) -> Line:
    playlist = tuple(tracks[name] for name in entry.playlist)
    return Line(entry, playlist, _batches(entry, playlist) if entry.kind is Kind.PROGRAMME else ())


def _batches(entry: Entry, playlist: tuple[Track, ...]) -> tuple[Batch, ...]:
    batches: list[Batch] = []
    items: list[Item] = []
    offset = 0
    for repeat in range(1, entry.repeats + 1):
        for place, track in enumerate(playlist, start=1):
            pause = entry.pause_ms if place < len(playlist) else entry.gap_s * 1000
            items.append(Item(f"{repeat}.{place}", track, offset, pause, place == 1))
            offset += track.duration_ms + pause
            if pause >= SESSION_PAUSE_MS:
                batches.append(Batch(tuple(items)))
                items = []
    return (*batches, Batch(tuple(items))) if items else tuple(batches)


def _block_of(instant_ms: int, zone: ZoneInfo) -> int:
    wall: datetime = (EPOCH + timedelta(milliseconds=instant_ms)).astimezone(zone)
    return (wall.replace(tzinfo=None) - EPOCH.replace(tzinfo=None)).days // BLOCK_DAYS
