"""From a segment to the files that sound it: found, and exactly the bytes that somebody approved (requirement 5)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.core.cueing import Cue
from agent.core.tape import ANNOUNCEMENT, CHIME, before, instead
from agent.ports.clock import Clock
from agent.ports.sound import FramesSound, RelaySound, Sound, ToneKind, ToneSound, files
from agent.services.checks import Bytes, Checks, StillReadingError
from agent.services.lately import Lately
from agent.services.recordings import Recordings
from protocol.timeline.model import Segment, SegmentKind

DUE_MS: Final = 400
"""So long before its instant a station does not wait for its fallback any more."""
MISSING: Final = "content not here"
DAMAGED: Final = "content damaged"
GONE: Final = f"{MISSING}: the built-in sounds are gone; install the agent again"


@dataclass(frozen=True)
class Ready:
    """Sounds, and how far into them to begin."""

    sources: tuple[Sound, ...]
    offset_ms: int
    detail: str = ""
    """What is not as planned, for the play log."""


@dataclass(frozen=True)
class Unready:
    """It cannot sound, and why."""

    detail: str


class Content:
    """Looks things up on the shelf and among the built-in recordings; the latter stand in for damaged emergencies."""

    def __init__(
        self,
        clock: Clock,
        shelf: Callable[[bytes], Path | None],
        recordings: Recordings,
        damaged: Callable[[bytes], None],
        checks: Checks,
    ) -> None:
        """`damaged` is told the hash of a blob whose bytes are not its own any more, so that it is fetched again."""
        self._clock = clock
        self._checks = checks
        self._shelf = shelf
        self._recordings = recordings
        self._damaged = damaged
        self._unreadable = Lately(clock)

    def avoid(self, sound: bytes | int) -> bool:
        """The bytes are as approved, but no decoder reads them; fetching them again would not help.

        They are tried again after some minutes: a card may have failed, and not they. Whether that was known before.
        """
        known = sound in self._unreadable
        self._unreadable.add(sound)
        return known

    async def of(self, segment: Segment, cue: Cue, event: str, url: str) -> Ready | Unready:
        """What sounds this segment from the cue on; `event` is an emergency order's, `url` a relayed station's.

        Raises StillReadingError.
        """
        if segment.kind is SegmentKind.EMERGENCY:
            return await self._emergency(segment, cue, event)
        if segment.kind is SegmentKind.RELAY:
            return await self._relay(segment, cue, url)
        if segment.kind is SegmentKind.VOICE:
            return Ready((FramesSound(segment.cause),), 0)
        assert isinstance(segment.sound, bytes)
        path = await self._blob(segment.sound)
        return Ready(files(path), cue.offset_ms) if isinstance(path, Path) else Unready(path)

    async def _emergency(self, segment: Segment, cue: Cue, event: str) -> Ready | Unready:
        message = segment.sound
        assert message is not None
        detail = ""
        if isinstance(message, bytes):
            found = await self._blob(message)
            if isinstance(found, str):
                detail = found
        else:
            found = self._recordings.path(str(message))
            if message in self._unreadable:
                detail = DAMAGED
            elif not found.is_file():
                detail = MISSING
        if detail:
            other = instead(message, event)
            detail = f"{detail}: sounded {'message ' + other if other else 'the chime'} instead"
            found = self._recordings.path(other or CHIME)
        assert isinstance(found, Path)
        head = [self._recordings.path(piece) for piece in before(chime=segment.chime != 0, drill=segment.drill)]
        whole = tuple(path for path in (*head, found) if path.is_file())
        if segment.drill and self._recordings.path(ANNOUNCEMENT) not in whole:
            # An alarm without its chime is an alarm; a drill without its announcement would be a false one.
            return Unready(GONE)
        if not whole:
            siren = ToneSound(ToneKind.WAIL, segment.end_ms - segment.start_ms)
            return Ready((siren,), cue.offset_ms, f"{GONE}: sounded a siren instead")
        return Ready(files(*whole), cue.offset_ms, detail)

    async def _relay(self, segment: Segment, cue: Cue, url: str) -> Ready | Unready:
        """A station, and the playlist that sounds over and over while it cannot be heard."""
        assert segment.station is not None
        if cue.length_ms is None or not url:
            return Unready(f"station {segment.station} is not in the programme")
        paths, detail = await self._fallback(segment)
        return Ready((RelaySound(segment.station, url, paths, cue.offset_ms),), 0, detail)

    async def _fallback(self, segment: Segment) -> tuple[tuple[Path, ...], str]:
        """All of it or, when it is time for the station, what has been read of it until then; what is not as planned.

        Raises StillReadingError.
        """
        found = [(self._found(track.sound), track.sound) for track in segment.fallback]
        lacking = next((lacks for lacks, _ in found if isinstance(lacks, str)), None)
        if lacking is not None:
            return (), f"its fallback: {lacking}"
        files = [(path, sound) for path, sound in found if isinstance(path, Path)]
        said = await self._checks.look(*files)
        for (_, sound), bytes_ in zip(files, said, strict=True):
            if bytes_ is Bytes.OTHER:
                self._damaged(sound)
                return (), f"its fallback: {DAMAGED}"
        good = tuple(path for path, _ in files[: _first(said)])
        if len(good) == len(files):
            return good, ""
        due = self._clock.now_ms() >= segment.start_ms - DUE_MS
        if Bytes.STUCK not in said and not (good and due):
            raise StillReadingError
        return good, f"its fallback: {len(good)} of {len(files)} sounds could be read in time"

    async def _blob(self, sound: bytes) -> Path | str:
        """The blob's file, or what is wrong with it. Raises StillReadingError."""
        path = self._found(sound)
        if isinstance(path, str):
            return path
        match (await self._checks.look((path, sound)))[0]:
            case Bytes.APPROVED:
                return path
            case Bytes.OTHER:
                self._damaged(sound)
                return DAMAGED
            case Bytes.STUCK:
                return f"{MISSING}: the card does not give it"
            case Bytes.UNKNOWN:
                raise StillReadingError

    def _found(self, sound: bytes) -> Path | str:
        """The blob's file, whatever its bytes, or why there is none to sound."""
        path = self._shelf(sound)
        if path is None:
            return MISSING
        return f"{DAMAGED}: not a sound that this box can decode" if sound in self._unreadable else path


def _first(said: list[Bytes]) -> int:
    """How many of the first are approved."""
    return next((place for place, bytes_ in enumerate(said) if bytes_ is not Bytes.APPROVED), len(said))
