"""From a segment to the files that sound it: found, and exactly the bytes that somebody approved (requirement 5)."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.core.cueing import Cue
from agent.core.tape import ANNOUNCEMENT, CHIME, before, instead
from agent.ports.sound import FramesSound, RelaySound, Sound, ToneKind, ToneSound, files
from agent.services.recordings import Recordings
from protocol.timeline.model import Segment, SegmentKind

CHUNK_BYTES: Final = 1 << 20
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
    message_ms: int | None = None
    """Where an alarm's message begins, behind its chime: broken off after that, it goes on with its sentence."""


@dataclass(frozen=True)
class Unready:
    """It cannot sound, and why."""

    detail: str


class Content:
    """Looks things up on the shelf and among the built-in recordings; the latter stand in for damaged emergencies."""

    def __init__(
        self, shelf: Callable[[bytes], Path | None], recordings: Recordings, damaged: Callable[[bytes], None]
    ) -> None:
        """`damaged` is told the hash of a blob whose bytes are not its own any more, so that it is fetched again."""
        self._shelf = shelf
        self._recordings = recordings
        self._damaged = damaged
        self._unreadable: set[bytes | int] = set()

    def avoid(self, sound: bytes | int) -> bool:
        """The bytes are as approved, but no decoder reads them; fetching them again would not help.

        Whether that was known before.
        """
        known = sound in self._unreadable
        self._unreadable.add(sound)
        return known

    async def of(self, segment: Segment, cue: Cue, event: str, url: str) -> Ready | Unready:
        """What sounds this segment from the cue on; `event` is an emergency order's, `url` a relayed station's."""
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
        chime_ms = self._recordings.lengths_ms.get(CHIME, 0) if len(whole) > 1 else 0
        return Ready(files(*whole), cue.offset_ms, detail, message_ms=None if segment.drill else chime_ms)

    async def _relay(self, segment: Segment, cue: Cue, url: str) -> Ready | Unready:
        """A station, and the playlist that sounds over and over while it cannot be heard."""
        assert segment.station is not None
        if cue.length_ms is None or not url:
            return Unready(f"station {segment.station} is not in the programme")
        paths, detail = [], ""
        for track in segment.fallback:
            path = await self._blob(track.sound)
            if isinstance(path, str):
                detail = f"its fallback: {path}"
                break
            paths.append(path)
        relay = RelaySound(segment.station, url, tuple([] if detail else paths), cue.offset_ms)
        return Ready((relay,), 0, detail)

    async def _blob(self, sound: bytes) -> Path | str:
        """The blob's file, or what is wrong with it."""
        path = self._shelf(sound)
        if path is None:
            return MISSING
        if sound in self._unreadable:
            return f"{DAMAGED}: not a sound that this box can decode"
        if not await _is(path, sound):
            self._damaged(sound)
            return DAMAGED
        return path


async def _is(path: Path, sound: bytes) -> bool:
    """Whether the file has exactly these bytes; other tasks run between its parts."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                await asyncio.sleep(0)
    except OSError:
        return False
    return digest.digest() == sound
