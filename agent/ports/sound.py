"""Sound out, and the amplifier's power."""

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from agent.core.proof import Samples
from agent.errors import AgentError
from protocol.report import Grade


class SoundError(AgentError):
    """The device or the file failed. `device` tells which: the device may come back, the file will not.

    `stalled`: nothing came of the file in time, as when a card stands still; it may be as good as ever.
    """

    def __init__(self, message: str, *, device: bool, vi: str = "", stalled: bool = False) -> None:
        super().__init__(message, vi=vi)
        self.device = device
        self.stalled = stalled


class FileSound(msgspec.Struct, frozen=True, tag="file"):
    """A sound file."""

    path: Path


class ToneKind(enum.StrEnum):
    """Sounds that are reckoned, not stored."""

    CHIME = "chime"
    """Three falling notes, again and again: listen."""
    WAIL = "wail"
    """Rises and falls slowly, over seconds."""
    YELP = "yelp"
    """Rises and falls quickly, several times a second."""
    TWO_TONE = "two-tone"
    """A high and a low note in turn."""
    TEST = "test"
    """One steady note of 1 kHz."""
    SWEEP = "sweep"
    """Once through all notes that a horn can sound."""


class ToneSound(msgspec.Struct, frozen=True, tag="tone"):
    """A generated sound."""

    kind: ToneKind
    length_ms: int


class Accent(enum.StrEnum):
    """Where somebody comes from who speaks Vietnamese."""

    NORTH = "north"
    CENTRAL = "central"
    SOUTH = "south"


class SpeechSound(msgspec.Struct, frozen=True, tag="speech"):
    """Vietnamese words that the box speaks itself."""

    text: str
    voice: Accent


class RelaySound(msgspec.Struct, frozen=True, tag="relay"):
    """A station from the network; it has no end of its own. While it cannot be heard, files sound over and over."""

    station: str
    """Its code, for the play log."""
    url: str
    """http or https."""
    fallback: tuple[Path, ...] = ()
    fallback_offset_ms: int = 0
    """How far into the files the fallback begins."""
    patience_ms: int = 5_000
    """The station is given up, for a while, after so much silence."""


class FramesSound(msgspec.Struct, frozen=True, tag="frames"):
    """What somebody pushes while it sounds, see `Speaker.frames`; silence while nothing comes."""

    name: str


Sound = FileSound | ToneSound | SpeechSound | RelaySound | FramesSound


def files(*paths: Path) -> tuple[Sound, ...]:
    """Files one after another."""
    return tuple(FileSound(path) for path in paths)


def sound_label(sound: Sound) -> str:
    """How recordings and evidence name it."""
    match sound:
        case FileSound(path=path):
            return path.name
        case ToneSound(kind=kind):
            return f"tone:{kind}"
        case SpeechSound(text=text):
            return f"speech:{text}"
        case RelaySound(station=station):
            return f"station:{station}"
        case FramesSound(name=name):
            return f"frames:{name}"


@dataclass(frozen=True)
class Track:
    """Sounds one after another without a gap, as one thing."""

    sources: tuple[Sound, ...]
    offset_ms: int
    """How far into the track to begin."""
    start_ms: int
    """Wall instant of the first sample; at once if it has passed."""
    length_ms: int | None
    """Cut after so much; None for to the end."""
    gain_cb: int
    fade_out_ms: int
    """Fade before the cut; 0 for none."""
    name: str
    """The play's name, for recordings and evidence."""
    cause: str
    """Id of the schedule's entry or of the order, for recordings and evidence."""
    latest_ms: int | None = None
    """Wall instant from which on its first sample must not leave; None: whenever. Asked where the sample leaves, since
    the clock may be set between the hand-over and that moment."""
    over: bool = False
    """Sounds over what sounds already, which is lowered meanwhile, and does not wait for its end."""
    message_ms: int | None = None
    """How far into the sources a message begins that may be taken up at each of its sentences, behind what calls for
    attention. None: nobody needs to know."""
    witnessed: bool = False
    """Whether somebody compares what was mixed with what is heard (`Sounding.mixed`)."""

    def may_begin(self, at_ms: int) -> bool:
        """Whether its first sample may leave at this wall instant."""
        return self.latest_ms is None or at_ms < self.latest_ms


@dataclass(frozen=True)
class Sounded:
    """What the driver can say of a track that ended."""

    first_sample_ms: int | None
    """Wall instant at which the first sample left (device latency included); None when none did."""
    sounded_ms: int
    """Length of what the device took."""
    complete: bool
    """Whether the track came to its natural or agreed end."""
    grade: Grade = Grade.CLAIMED
    """RENDERED when what was mixed is what the sources hold."""
    score: float | None = None
    """How much of it was (0 to 1); None where nobody has compared."""
    reason: str = ""
    """Why the score is lower than it should be."""
    silent: bool = False
    """The sources themselves were silence where there should have been sound."""
    detail: str = ""
    """What sounded otherwise than asked for: a fallback, and from when to when."""
    rendered: bytes = field(default=b"", repr=False)
    """Envelope of what was mixed: a byte per 100 ms, RMS level in half decibels below full scale (255: silence)."""

    @property
    def ended_ms(self) -> int | None:
        """Wall instant of the last sample."""
        return None if self.first_sample_ms is None else self.first_sample_ms + self.sounded_ms


class Mixed(Protocol):
    """What sounds while a track does, as it was mixed, from the track's first sample on."""

    async def read(self, count: int) -> Samples:
        """The next so many samples at `agent.core.proof.RATE_HZ`, as soon as they are mixed, which is a little before
        they are heard; fewer only at the end. Raises SoundError."""
        ...

    def close(self) -> None: ...


class Sounding(Protocol):
    """A track that has been handed to the device."""

    async def started(self) -> int | None:
        """Wait for the first sample; its wall instant, or None when there is none. Raises SoundError.

        There is none when the track was stopped before, or when its `latest_ms` had come.
        """
        ...

    async def ended(self) -> Sounded:
        """Wait for the end. Raises SoundError."""
        ...

    def stop(self, fade_ms: int) -> None:
        """End it now, after a fade; `ended` then returns with complete=False."""
        ...

    def mixed(self) -> Mixed:
        """Of a track that is `witnessed`. Raises SoundError where nobody knows what it sounds like."""
        ...

    @property
    def sentence_ms(self) -> int:
        """How far into the sources the sentence begins that was heard last, where `message_ms` was given; until one
        is known, the track's own offset."""
        ...


class Frames(Protocol):
    """Where somebody pours sound in as it comes: a microphone, a voice from afar."""

    def push(self, pcm: bytes) -> None:
        """More of it: 16-bit little-endian, 48 kHz, one channel. Never waits; too much at a time drops the oldest."""
        ...

    def close(self) -> None:
        """There is no more: the track ends with what was pushed."""
        ...


class Speaker(Protocol):
    """The box's one sound output; one track sounds at a time, over the fading end of another that was stopped."""

    @property
    def trouble(self) -> str:
        """What is wrong although it sounds: the first output failed, and this is the second. Empty for nothing."""
        ...

    async def start(self, track: Track) -> Sounding:
        """Hand a track over, at best some time before its `start_ms`: the device opens, the first source is read.

        While another track sounds the new one waits for its end, so that one follows another without a gap; it does
        not wait for the fade of one that was stopped.
        Raises SoundError when a source cannot be read or no device answers.
        """
        ...

    def frames(self, name: str) -> Frames:
        """The inlet of the `FramesSound` of this name; the last 300 ms are kept that were pushed before it sounds."""
        ...

    async def probe(self) -> str:
        """Try the output without a sound; what it is. Raises SoundError."""
        ...

    async def close(self) -> None:
        """Let the device go; what sounds ends at once."""
        ...


class Amplifier(Protocol):
    """Power of the amplifier; off whenever nothing sounds (requirement 3)."""

    async def power(self, on: bool) -> None:
        """Returns when it is switched; the amplifier needs its lead-in before it is heard. Raises SoundError."""
        ...
