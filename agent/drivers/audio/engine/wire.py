"""What the daemon and its player process say to each other: MessagePack over a socket pair, its length before each.

Both ends are ours and of one version; but what the process says is decoded strictly all the same, since a file may have
taken it over.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from agent.ports.sound import Sounded, SoundError, Track

MAX_BYTES: Final = 1 << 20
"""No message is longer."""
HEAD: Final = 4
"""Bytes of the length before each message, big-endian."""
NICE: Final = -15
"""Priority of the process, where the unit allows it (LimitNICE=): it does little, but in time."""
STUCK_CODE: Final = 75
"""The process's last word, its exit code: the device hangs, and this process with it."""
UNFED_CODE: Final = 76
"""And: the thread that feeds the device ended, by an error of ours."""


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Sound this; `pipes` says where the samples of which station come from, `apart_ms` is as in `Beat`."""

    id: int
    track: Track
    pipes: dict[str, str]
    apart_ms: int


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    id: int
    fade_ms: int


class Push(msgspec.Struct, frozen=True, tag="push"):
    """More for the inlet of this name; no bytes: there is no more."""

    name: str
    pcm: bytes


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """The daemon's wall clock minus the boot clock, which both processes see alike: the clock may have been set."""

    apart_ms: int


class Probe(msgspec.Struct, frozen=True, tag="probe"):
    id: int


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """The track is open and has its output; or, as an answer to a probe, this is the output."""

    id: int
    output: str
    trouble: str = ""
    """As in `Alive`."""


class Broke(msgspec.Struct, frozen=True, tag="broke"):
    """It was not taken, or broke off."""

    id: int
    message: str
    vi: str
    device: bool
    stalled: bool

    def error(self) -> SoundError:
        return SoundError(self.message, vi=self.vi, device=self.device, stalled=self.stalled)


class Started(msgspec.Struct, frozen=True, tag="started"):
    id: int
    first_sample_ms: int


class Sentence(msgspec.Struct, frozen=True, tag="sentence"):
    """A sentence begins with what was given to the device last, so far into the track."""

    id: int
    offset_ms: int


class Mixed(msgspec.Struct, frozen=True, tag="mixed"):
    """Of a witnessed track: what was mixed since the last of these, 16 bits, at a third of the rate."""

    id: int
    pcm: bytes


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    id: int
    sounded: Sounded


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """The process works; said several times a second."""

    underruns: int
    """How often the device or a decoder ran dry, since the process began."""
    rss_kb: int
    buffer_ms: int
    """How much the device holds."""
    trouble: str
    """What is wrong although it sounds: the first output failed, and this is the second. Empty for nothing."""
    place: int
    """Which of the outputs is open, or was last; 0 is the first."""


Command = Start | Stop | Push | Beat | Probe
Event = Taken | Broke | Started | Sentence | Mixed | Ended | Alive


def broke(number: int, error: SoundError) -> Broke:
    return Broke(number, str(error)[:500], error.vi[:500], error.device, error.stalled)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError


def _rich(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_plain)
_commands: Final[msgspec.msgpack.Decoder[Command]] = msgspec.msgpack.Decoder(Command, dec_hook=_rich)
_events: Final[msgspec.msgpack.Decoder[Event]] = msgspec.msgpack.Decoder(Event, dec_hook=_rich)


def framed(message: Command | Event) -> bytes:
    """The message with its length before it."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEAD, "big") + body


def body_length(head: bytes) -> int:
    """Raises ValueError for a length that no message has."""
    length = int.from_bytes(head, "big")
    if not 0 < length <= MAX_BYTES:
        raise ValueError(f"a message of {length} bytes")
    return length


def command(body: bytes) -> Command:
    """Raises msgspec.DecodeError."""
    return _commands.decode(body)


def event(body: bytes) -> Event:
    """Raises msgspec.DecodeError."""
    return _events.decode(body)
