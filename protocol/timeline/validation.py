"""Can this programme be planned? Asked before signing and before adopting; the answer says what to mend."""

from collections.abc import Iterable

from protocol import recurrence
from protocol.errors import ProtocolError
from protocol.manifest import Entry, Kind, Manifest
from protocol.timeline.model import SESSION_PAUSE_MS


def validate_manifest(manifest: Manifest) -> None:
    """`ProtocolError`, naming the field, unless every entry can be planned."""
    recurrence.zone_named(manifest.zone)
    _distinct((bulletin.id for bulletin in manifest.bulletins), "bulletins", "bulletin")
    _distinct((entry.id for entry in manifest.entries), "entries", "entry")
    _distinct((station.code for station in manifest.stations), "stations", "station")
    lengths = {blob.hash: blob.duration_ms for blob in manifest.blobs}
    for index, bulletin in enumerate(manifest.bulletins):
        if not lengths.get(bulletin.sound):
            raise ProtocolError(
                "no-sound",
                f"bulletin {bulletin.id!r} has no blob with a length; add its sound to the blobs",
                field=f"bulletins[{index}].sound",
            )
    bulletins = {bulletin.id for bulletin in manifest.bulletins}
    stations = {station.code for station in manifest.stations}
    for index, entry in enumerate(manifest.entries):
        try:
            _check_entry(entry, bulletins, stations)
        except ProtocolError as error:
            raise ProtocolError(
                error.code, f"{error.message} (entry {entry.id!r})", field=f"entries[{index}].{error.field}"
            ) from error


def validate_entry(entry: Entry, manifest: Manifest) -> None:
    """`ProtocolError`, naming the field, unless this entry can be planned with what the manifest has."""
    _check_entry(
        entry, {bulletin.id for bulletin in manifest.bulletins}, {station.code for station in manifest.stations}
    )


def _check_entry(entry: Entry, bulletins: set[str], stations: set[str]) -> None:
    recurrence.check(entry)
    for index, name in enumerate(entry.playlist):
        if name not in bulletins:
            raise ProtocolError("unknown-bulletin", f"no bulletin {name!r} in the manifest", field=f"playlist[{index}]")
    if entry.pause_ms >= SESSION_PAUSE_MS:
        raise ProtocolError(
            "too-long", "a pause between bulletins is shorter than 5 minutes; make two entries", field="pause_ms"
        )
    if entry.kind is not Kind.RELAY and not entry.playlist:
        raise ProtocolError("empty", "nothing to play: put a bulletin into the playlist", field="playlist")
    if entry.kind is Kind.PROGRAMME and entry.length_s:
        raise ProtocolError("length", "a programme is as long as its playlist; write 0", field="length_s")
    if entry.kind is not Kind.PROGRAMME and not entry.length_s:
        raise ProtocolError("length", "a relay or filler needs the length of its slot in seconds", field="length_s")
    if entry.kind is Kind.RELAY and entry.station not in stations:
        raise ProtocolError("unknown-station", f"no station {entry.station!r} in the manifest", field="station")
    if entry.kind is not Kind.RELAY and entry.station is not None:
        raise ProtocolError("station", "only a relay names a station", field="station")


def _distinct(names: Iterable[str], field: str, what: str) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise ProtocolError("twice", f"the {what} {name!r} stands twice", field=f"{field}[{index}]")
        seen.add(name)
