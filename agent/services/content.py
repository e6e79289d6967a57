"""From a segment to the files that sound it: found, and exactly the bytes that somebody approved (requirement 5)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from agent.core.cueing import Cue
from agent.core.tape import ANNOUNCEMENT, CHIME, SIGNALS_MS, before, instead, length_ms, signal, words
from agent.ports.clock import Clock
from agent.ports.sound import (
    Accent,
    FileSound,
    FramesSound,
    RelaySound,
    Sound,
    SoundError,
    SpeechSound,
    ToneKind,
    ToneSound,
    files,
)
from agent.services.checks import Bytes, Checks, StillReadingError
from agent.services.lately import Lately
from agent.services.play_log import OnFault
from agent.services.recordings import Recordings
from protocol.messages import OWN_WORDS
from protocol.order import Order, Severity, Status, usual_chime
from protocol.report import FaultCode
from protocol.timeline.model import Segment, SegmentKind

DOUBTED: Final = 16
"""So many messages may be sounded anew in another way: more than ever are with the speaker."""
DUE_MS: Final = 400
"""So long before its instant a station does not wait for its fallback any more."""
MISSING: Final = "content not here"
DAMAGED: Final = "content damaged"
PICTURE: Final = "content is a picture"
GONE: Final = f"{MISSING}: the built-in sounds are gone, install the agent again"
SPOKEN: Final = "spoken by the box"
UNSPOKEN: Final = "the words of the order could not be spoken"
SIREN: Final = "sounded a siren instead"

Message = bytes | int | str
"""What a track was to sound: a blob's hash, a built-in message's code; of an order in its own words its id in hex."""


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
    """Looks things up on the shelf and among the built-in recordings, and finds what takes the place of an emergency's.

    What that is, is tried in this order: the order's own sound (an announcer's recording before the shipped one); the
    prepared message of its event and what its signers have signed, spoken by the box; a siren. An order in its own
    words has nothing else that says the same: they are spoken, or there is a siren.
    """

    def __init__(
        self,
        clock: Clock,
        shelf: Callable[[bytes], Path | None],
        recordings: Recordings,
        damaged: Callable[[bytes], None],
        *,
        checks: Checks,
        on_fault: OnFault,
        accent: Accent,
        is_picture: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        """`damaged` is told the hash of a blob whose bytes are not its own any more, so that it is fetched again;
        `is_picture` says of a hash whether the programme holds it as a picture, which no decoder is ever given.
        """
        self._clock = clock
        self._checks = checks
        self._shelf = shelf
        self._recordings = recordings
        self._damaged = damaged
        self._is_picture = is_picture
        self._on_fault = on_fault
        self._accent = accent
        self._unreadable = Lately(clock)
        self._unspoken = Lately(clock)
        """Messages in whose place the box could not speak."""
        self._doubts: dict[Message, list[Callable[[SoundError], None]]] = {}
        """By message, the latest: what to give up where its track cannot be sounded, the least certain first."""

    def avoid(self, segment: Segment, why: SoundError) -> bool:
        """Its track cannot be sounded, though it was found: whether something else may sound in its place."""
        doubts = [] if segment.sound is None else self._doubts.get(_message(segment), [])
        if not doubts:
            self._on_fault(FaultCode.CONTENT_DAMAGED, True, str(why))
            return False
        doubts.pop(0)(why)
        return True

    async def of(self, segment: Segment, cue: Cue, order: Order | None, url: str) -> Ready | Unready:
        """What sounds this segment from the cue on; `order` is an emergency's, `url` a relayed station's.

        Raises StillReadingError.
        """
        if segment.kind is SegmentKind.EMERGENCY:
            return await self._emergency(segment, cue, order)
        if segment.kind is SegmentKind.RELAY:
            return await self._relay(segment, cue, url)
        if segment.kind is SegmentKind.VOICE:
            return Ready((FramesSound(segment.cause),), 0)
        assert isinstance(segment.sound, bytes)
        self._may_doubt(segment.sound, [partial(self._set_aside, self._unreadable, segment.sound)])
        path = await self._blob(segment.sound)
        return Ready(files(path), cue.offset_ms) if isinstance(path, Path) else Unready(path)

    async def _emergency(self, segment: Segment, cue: Cue, order: Order | None) -> Ready | Unready:
        message = segment.sound
        assert message is not None
        if segment.drill and not self._recordings.path(ANNOUNCEMENT).is_file():
            return Unready(GONE)  # a drill without its announcement would be a false alarm
        head = before(chime=segment.chime, drill=segment.drill)
        own = UNSPOKEN if message == OWN_WORDS else await self._own(message)
        doubts = [partial(self._give_up_announcer, piece) for piece in (*head, str(message)) if self._is_read(piece)]
        body: tuple[Sound, ...]
        if isinstance(own, Path):
            body, detail = (FileSound(own),), ""
            doubts.append(partial(self._set_aside, self._unreadable, message))
        else:
            body, said = self._instead(segment, message, order)
            is_as_meant = message == OWN_WORDS and said == SPOKEN
            detail = "" if is_as_meant else f"{own}: {said}"
            doubts += self._doubts_of(body, _message(segment))
        self._may_doubt(_message(segment), [*doubts])
        message_ms = None if segment.drill else length_ms(head, self._recordings.lengths_ms, lambda _: 0)
        return Ready((*(self._piece(piece) for piece in head), *body), cue.offset_ms, detail, message_ms)

    async def _own(self, message: bytes | int) -> Path | str:
        """Its own recording, or what is wrong with it."""
        if isinstance(message, bytes):
            return await self._blob(message)
        if message in self._unreadable:
            return DAMAGED
        path = self._recordings.path(str(message))
        if path.is_file():
            return path
        return GONE if str(message) in self._recordings.lengths_ms else MISSING

    def _instead(self, segment: Segment, message: bytes | int, order: Order | None) -> tuple[tuple[Sound, ...], str]:
        """What says the same, and how the play log names it."""
        event, board = ("", "") if order is None else (order.event, order.board)
        text = "" if _message(segment) in self._unspoken else words(message, board)
        exact = bool(text) and isinstance(message, int)
        code = None if exact else instead(message, event)
        path = None if code is None or int(code) in self._unreadable else self._recordings.path(code)
        recorded = () if path is None or not path.is_file() else (FileSound(path),)
        spoken = (SpeechSound(text, self._accent),) if text else ()
        if not recorded and not spoken:
            return (self._siren(segment),), SIREN
        said = [f"sounded message {code} instead"] if recorded else []
        return (*recorded, *spoken), ", ".join([*said, SPOKEN] if spoken else said)

    def _siren(self, segment: Segment) -> ToneSound:
        """As long as what should have sounded, and as loud as it is serious."""
        status = Status.EXERCISE if segment.drill else Status.ACTUAL
        piece = signal(usual_chime(Severity(segment.precedence.severity), status)) or CHIME
        head = before(chime=segment.chime, drill=segment.drill)
        rest_ms = segment.end_ms - segment.start_ms - length_ms(head, self._recordings.lengths_ms, lambda _: 0)
        return ToneSound(ToneKind(piece), max(SIGNALS_MS[piece], rest_ms))

    def _piece(self, piece: str) -> Sound:
        """A signal, or a built-in recording."""
        length_ms = SIGNALS_MS.get(piece)
        return FileSound(self._recordings.path(piece)) if length_ms is None else ToneSound(ToneKind(piece), length_ms)

    # What may be wrong with a track that cannot be sounded

    def _may_doubt(self, message: Message, doubts: list[Callable[[SoundError], None]]) -> None:
        self._doubts.pop(message, None)
        self._doubts[message] = doubts
        while len(self._doubts) > DOUBTED:
            del self._doubts[next(iter(self._doubts))]

    def _doubts_of(self, body: tuple[Sound, ...], message: Message) -> list[partial[None]]:
        """Of what takes the place of this message."""
        doubts = []
        for sound in reversed(body):
            if isinstance(sound, SpeechSound):
                doubts.append(partial(self._set_aside, self._unspoken, message))
            if isinstance(sound, FileSound) and sound.path in self._recordings.of_announcer.values():
                doubts.append(partial(self._give_up_announcer, sound.path.stem))
            elif isinstance(sound, FileSound):
                doubts.append(partial(self._set_aside, self._unreadable, int(sound.path.stem)))
        return doubts

    def _is_read(self, piece: str) -> bool:
        """Whether an announcer has read it."""
        return piece in self._recordings.of_announcer

    def _give_up_announcer(self, piece: str, why: SoundError) -> None:
        self._recordings.give_up_announcer(piece, why)
        self._on_fault(FaultCode.ANNOUNCER, True, str(why))

    def _set_aside(self, where: Lately, message: Message, why: SoundError) -> None:
        """The bytes are as approved, but no decoder reads them; or nothing speaks. Trying again would not help."""
        where.add(message)
        self._on_fault(FaultCode.CONTENT_DAMAGED, True, str(why))

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
        if self._is_picture(sound):
            return PICTURE
        path = self._shelf(sound)
        if path is None:
            return MISSING
        return f"{DAMAGED}: not a sound that this box can decode" if sound in self._unreadable else path


def _message(segment: Segment) -> Message:
    """What this segment sounds, so that what went wrong with it says nothing of another."""
    assert segment.sound is not None
    return segment.cause if segment.sound == OWN_WORDS else segment.sound


def _first(said: list[Bytes]) -> int:
    """How many of the first are approved."""
    return next((place for place, bytes_ in enumerate(said) if bytes_ is not Bytes.APPROVED), len(said))
