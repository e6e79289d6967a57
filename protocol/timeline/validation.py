"""Can this programme be planned? Asked before signing and before adopting; the answer says what to mend."""

from collections.abc import Iterable, Mapping
from typing import Final

from protocol import recurrence
from protocol.bulletin import MAX_PICTURE_BYTES
from protocol.errors import ProtocolError
from protocol.manifest import Entry, Kind, Level, Manifest
from protocol.timeline.model import SESSION_PAUSE_MS

LONGEST_S: Final = 86_400
"""An entry from its start to its end, and its window, are a day at most: what lasts longer comes again by its rule."""


def validate_manifest(manifest: Manifest) -> None:
    """`ProtocolError`, naming the field, unless every entry can be planned and the province's rules stand above them.

    Without rules there is no sound: a manifest that lost them on its way must not sound through the night.
    """
    if not any(policy.level is Level.PROVINCE for policy in manifest.policies):
        message = "no policy of the province in it; set the province's hours, and every programme is compiled with them"
        raise ProtocolError("no-policy", message, field="policies")
    validate_entries(manifest)


def validate_entries(manifest: Manifest) -> None:
    """`ProtocolError`, naming the field, unless every entry can be planned, under whatever rules."""
    recurrence.zone_named(manifest.zone)
    _distinct((blob.hash.hex() for blob in manifest.blobs), "blobs", "blob")
    _distinct((bulletin.id for bulletin in manifest.bulletins), "bulletins", "bulletin")
    _distinct((entry.id for entry in manifest.entries), "entries", "entry")
    _distinct((station.code for station in manifest.stations), "stations", "station")
    lengths, stations = _lengths_ms(manifest), {station.code for station in manifest.stations}
    for index, bulletin in enumerate(manifest.bulletins):
        if not lengths[bulletin.id]:
            message = f"bulletin {bulletin.id!r} has no blob with a length; add its sound to the blobs"
            raise ProtocolError("no-sound", message, field=f"bulletins[{index}].sound")
    _check_pictures(manifest)
    for index, entry in enumerate(manifest.entries):
        try:
            _check(entry, lengths, stations)
        except ProtocolError as error:
            message = f"{error.message} (entry {entry.id!r})"
            raise ProtocolError(error.code, message, field=f"entries[{index}].{error.field}") from error


def _check_pictures(manifest: Manifest) -> None:
    """Those of bulletins are here, are no sounds, and are small: boxes fetch them over mobile lines."""
    pictures = {blob.hash for blob in manifest.blobs if not blob.is_sound and blob.size <= MAX_PICTURE_BYTES}
    for index, bulletin in enumerate(manifest.bulletins):
        if bulletin.picture is not None and bulletin.picture not in pictures:
            message = f"bulletin {bulletin.id!r} names a picture that is no blob of {MAX_PICTURE_BYTES} bytes at most"
            raise ProtocolError("no-picture", message, field=f"bulletins[{index}].picture")


def validate_entry(entry: Entry, manifest: Manifest) -> None:
    """`ProtocolError`, naming the field, unless this entry can be planned with what the manifest has."""
    _check(entry, _lengths_ms(manifest), {station.code for station in manifest.stations})


def _check(entry: Entry, lengths_ms: Mapping[str, int], stations: set[str]) -> None:
    recurrence.check(entry)
    _check_playlist(entry, lengths_ms)
    _check_station(entry, stations)
    if entry.kind is Kind.PROGRAMME and entry.length_s:
        raise ProtocolError("length", "a programme is as long as its playlist; write 0", field="length_s")
    if entry.kind is not Kind.PROGRAMME and not 0 < entry.length_s <= LONGEST_S:
        message = f"a relay or filler needs the length of its slot, 1 to {LONGEST_S} seconds"
        raise ProtocolError("length", message, field="length_s")
    if entry.window_s > LONGEST_S:
        raise ProtocolError("window", f"a window is {LONGEST_S} seconds at most", field="window_s")


def _check_playlist(entry: Entry, lengths_ms: Mapping[str, int]) -> None:
    for index, name in enumerate(entry.playlist):
        if not lengths_ms.get(name):
            message = f"no bulletin {name!r} with a sound in the manifest"
            raise ProtocolError("unknown-bulletin", message, field=f"playlist[{index}]")
    if entry.kind is not Kind.RELAY and not entry.playlist:
        raise ProtocolError("empty", "nothing to play: put a bulletin into the playlist", field="playlist")
    if entry.pause_ms >= SESSION_PAUSE_MS:
        message = "a pause between bulletins is shorter than 5 minutes; make two entries instead"
        raise ProtocolError("pause", message, field="pause_ms")
    if entry.kind is Kind.PROGRAMME:
        once = sum(lengths_ms[name] + entry.pause_ms for name in entry.playlist) - entry.pause_ms
        if once * entry.repeats + entry.gap_s * 1000 * (entry.repeats - 1) > LONGEST_S * 1000:
            message = "with its repeats and gaps it lasts longer than a day; use fewer, or a rule that comes again"
            raise ProtocolError("length", message, field="repeats")


def _check_station(entry: Entry, stations: set[str]) -> None:
    if entry.kind is Kind.RELAY and entry.station not in stations:
        raise ProtocolError("unknown-station", f"no station {entry.station!r} in the manifest", field="station")
    if entry.kind is not Kind.RELAY and entry.station is not None:
        raise ProtocolError("station", "only a relay names a station", field="station")


def _lengths_ms(manifest: Manifest) -> dict[str, int]:
    """Of every bulletin; 0 where its sound is not among the blobs."""
    lengths = {blob.hash: blob.duration_ms for blob in manifest.blobs}
    return {bulletin.id: lengths.get(bulletin.sound, 0) for bulletin in manifest.bulletins}


def _distinct(names: Iterable[str], field: str, what: str) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise ProtocolError("twice", f"the {what} {name!r} stands twice", field=f"{field}[{index}]")
        seen.add(name)
