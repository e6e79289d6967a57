"""A behaving fake of a speaker: real durations, real errors, no samples; it lives in virtual time as well.

Simulated boxes sound with it, and tests of the player drive it: unplug it, plug it in again, ask what sounded.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from agent.drivers.audio.paced import NEVER, PacedSounding, fallbacks, gone, not_received, stalled
from agent.drivers.audio.source import duration_ms
from agent.ports.clock import Clock, wait_for
from agent.ports.sound import FramesSound, RelaySound, Sounded, SoundError, SpeechSound, Track, sound_label

ENDLESS_MS: Final = 1 << 50
"""What has no end of its own lasts until it is stopped."""


@dataclass(frozen=True)
class Heard:
    """One track that sounded, as a person beside the horn could tell."""

    play: str
    cause: str
    sources: tuple[str, ...]
    """File names, and what others are called (`sound_label`)."""
    first_sample_ms: int
    ended_ms: int
    complete: bool


class FakeSpeaker:
    """Keeps `heard`, and writes it as lines of JSON when it is given a file."""

    def __init__(self, clock: Clock, record: Path | None = None) -> None:
        self.heard: list[Heard] = []
        self.inlets: dict[str, FakeFrames] = {}
        self.trouble = ""
        self.can_speak = True
        """Whether it has a voice of its own."""
        self.sentences_ms: tuple[int, ...] = ()
        """Where the messages' sentences begin, in the order of their beginning."""
        self._clock = clock
        self._record = record
        self._plugged_in = True
        self._tracks: list[FakeSounding] = []

    async def start(self, track: Track) -> "FakeSounding":
        if not self._plugged_in:
            raise gone("it is not plugged in")
        _refuse_silent_stations(track)
        if not self.can_speak and any(isinstance(sound, SpeechSound) for sound in track.sources):
            raise SoundError("espeak-ng is not installed, so this box cannot speak; install it", device=False)
        whole = duration_ms(track.sources)
        length = ENDLESS_MS if whole is None else max(0, whole - track.offset_ms)
        if track.length_ms is not None:
            length = min(length, track.length_ms)
        self._tracks = [other for other in self._tracks if not other.done]
        before = self._tracks[-1] if self._tracks else None
        sounding = FakeSounding(self._clock, track, before, length, self)
        self._tracks.append(sounding)
        return sounding

    def frames(self, name: str) -> "FakeFrames":
        """A voice that is stopped leaves it open; only who pushes ends it, and begins anew after that."""
        if name not in self.inlets or self.inlets[name].closed:
            self.inlets[name] = FakeFrames(lambda: self._finish(FramesSound(name)))
        return self.inlets[name]

    def _finish(self, inlet: FramesSound) -> None:
        for sounding in self._tracks:
            if inlet in sounding.track.sources:
                sounding.finish()

    async def probe(self) -> str:
        if not self._plugged_in:
            raise gone("it is not plugged in")
        return "fake"

    async def close(self) -> None:
        for sounding in self._tracks:
            sounding.abandon()
        for sounding in self._tracks:
            await sounding.wait()

    @property
    def sounding(self) -> tuple[str, ...]:
        """Names of the plays that are to be heard at this moment."""
        return tuple(other.track.name for other in self._tracks if other.audible)

    def unplug(self) -> None:
        """The device goes: whatever sounds breaks off, and nothing starts until `plug_in`."""
        self._plugged_in = False
        for sounding in self._tracks:
            sounding.break_off(gone("it was unplugged"))

    def stall(self) -> None:
        """The card stands still: nothing comes of what sounds any more."""
        for sounding in self._tracks:
            sounding.break_off(stalled(2_000))

    def plug_in(self) -> None:
        self._plugged_in = True

    def note(self, track: Track, first_sample_ms: int, ended_ms: int, complete: bool) -> None:
        """Called by soundings."""
        sources = tuple(sound_label(sound) for sound in track.sources)
        heard = Heard(track.name, track.cause, sources, first_sample_ms, ended_ms, complete)
        self.heard.append(heard)
        if self._record is not None:
            with self._record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(heard), ensure_ascii=False) + "\n")


@dataclass
class FakeFrames:
    """Remembers how much was pushed."""

    on_close: Callable[[], None]
    pushed: int = 0
    """Bytes."""
    closed: bool = False

    def push(self, pcm: bytes) -> None:
        self.pushed += len(pcm)

    def close(self) -> None:
        self.closed = True
        self.on_close()


class FakeSounding(PacedSounding):
    """One track; it takes its time and remembers."""

    def __init__(
        self, clock: Clock, track: Track, before: PacedSounding | None, length_ms: int, speaker: FakeSpeaker
    ) -> None:
        super().__init__(clock, track, before)
        self._length_ms = length_ms
        self._speaker = speaker
        self._broken: SoundError | None = None
        self._finished = False
        self._first_sample_ms: int | None = None
        self._began_ms = 0
        self._sounded_ms = 0
        self.audible = False

    async def sound(self, first_sample_ms: int) -> Sounded:
        self._first_sample_ms = first_sample_ms
        self._raise_if_broken()
        self.audible = True
        self._began_ms = began = self.clock.boot_ms()
        complete = True
        self._sounded_ms = self._length_ms
        if self._finished or await wait_for(self.clock, self.stopped, self._length_ms):
            elapsed = min(self._length_ms, self.clock.boot_ms() - began)
            complete = self._finished or elapsed == self._length_ms
            self._sounded_ms = elapsed
            self._raise_if_broken()
            fade = 0 if self._finished else min(self.fade_ms, self._length_ms - elapsed)
            await self.clock.sleep_ms(fade)
            self._sounded_ms = elapsed + fade
            self._raise_if_broken()
        return Sounded(first_sample_ms, self._sounded_ms, complete, detail=fallbacks(self.track))

    def break_off(self, error: SoundError) -> None:
        """The device is gone, or the card."""
        self._broken = error
        self.stopped.set()

    @property
    def sentence_ms(self) -> int:
        message_ms, heard_ms = self.track.message_ms, self.track.offset_ms + self._sounded_so_far_ms
        if message_ms is None or heard_ms < message_ms:
            return self.track.offset_ms
        later = (begin for begin in self._speaker.sentences_ms if message_ms <= begin <= heard_ms)
        return max(self.track.offset_ms, message_ms, *later)

    @property
    def _sounded_so_far_ms(self) -> int:
        if self._first_sample_ms is None:
            return 0
        return self.clock.boot_ms() - self._began_ms if self.audible else self._sounded_ms

    def finish(self) -> None:
        """Who pushes its sound has no more."""
        if self.stopped.is_set():
            return
        self._finished = True
        if self.audible:
            self.stopped.set()

    def over(self, sounded: Sounded | None) -> None:
        self.audible = False
        if self._first_sample_ms is not None and sounded is not NEVER:
            ended = self._first_sample_ms + self._sounded_ms
            self._speaker.note(self.track, self._first_sample_ms, ended, sounded is not None and sounded.complete)

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise self._broken


def _refuse_silent_stations(track: Track) -> None:
    for sound in track.sources:
        if isinstance(sound, RelaySound) and not sound.fallback:
            raise not_received(sound.station)
