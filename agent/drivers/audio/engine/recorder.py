"""An output for machines without sound: what the mixer gives becomes WAV files, as fast as it would have sounded.

A recording lasts from the first sample of a track until nothing sounds any more: what somebody beside the horn would
have heard, an alarm over the fading bulletin and bulletins that join included. Beside it lies a JSON of the same name,
{"first_sample_ms", "frames", "left_out_ms", "plays": [{"name", "cause", "sources", "first_sample_ms", "at_ms",
"sounded_ms", "complete"}]}; `at_ms` is where in the recording a play begins. A WAV file with its JSON is whole.
"""

import contextlib
import json
import re
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from agent.drivers.audio.engine.mixer import Began, Happening
from agent.drivers.audio.paced import gone
from agent.drivers.audio.source import RATE_HZ, Samples, frames, milliseconds, pcm16
from agent.ports.sound import Sounded, SoundError, Track, sound_label

KEPT: Final = 50
KEPT_BYTES: Final = 1 << 30
"""And not more than this altogether; the newest stays, however long it is."""
LONGEST_MS: Final = 3_600_000
"""Of a recording; what sounds longer goes on unrecorded. An hour is 350 MB."""
UNFINISHED: Final = ".part"


class Recorder:
    """An `Output` that takes time as a device does, and is never late: files have no clock of their own."""

    underruns = 0

    def __init__(
        self,
        folder: Path,
        *,
        kept: int = KEPT,
        kept_bytes: int = KEPT_BYTES,
        longest_ms: int = LONGEST_MS,
        now_s: Callable[[], float] = time.monotonic,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        """Writes into `folder`, which is made when it is missing, and keeps the `kept` newest recordings there.

        None is longer than `longest_ms`.
        """
        self.name = f"WAV: {folder}"
        self._folder = folder
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._longest = frames(longest_ms)
        self._now_s = now_s
        self._sleep_s = sleep_s
        self._buffer_s = 0.0
        self._until_s = 0.0
        """When the last sample that was written is over."""
        self._happenings: deque[tuple[Track, Happening]] = deque()
        self._recording: _Recording | None = None

    def open(self, name: str | None, buffer_ms: int) -> Self:
        """Get ready; `name` is nobody's. Raises SoundError when the folder takes no files."""
        del name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            trial = self._folder / ".trial"
            trial.write_bytes(bytes(4096))
            trial.unlink()
            for unfinished in self._folder.glob(f"*{UNFINISHED}"):  # by a process that was killed
                unfinished.unlink()
        except OSError as error:
            why = f"{self._folder} cannot be written: {error}; choose another sound.recordings in box.toml"
            raise gone(why) from error
        self._buffer_s = buffer_ms / 1000
        return self

    def note(self, track: Track, happening: Happening) -> None:
        """What becomes of a track, told before the block is written in which it happens. From any thread."""
        if isinstance(happening, Began | Sounded | SoundError):
            self._happenings.append((track, happening))

    def ahead_ms(self) -> float:
        return max(0.0, self._until_s - self._now_s()) * 1000

    def write(self, block: Samples) -> None:
        """Waits until there would be room in a device."""
        length_s = len(block) / RATE_HZ
        self._sleep_s(max(0.0, self._until_s + length_s - self._buffer_s - self._now_s()))
        self._until_s = max(self._until_s, self._now_s()) + length_s
        try:
            self._record(block)
        except OSError as error:
            raise gone(f"{self._folder}: {error}; is the disk full?") from error

    def pause(self) -> None:
        """Nothing runs meanwhile."""

    def go_on(self) -> None:
        """Nothing has run."""

    def lacks(self, name: str | None) -> str:
        """Files need no name."""
        del name
        return ""

    def close(self) -> None:
        """What sounds breaks off; so much of it is kept as can be."""
        recording, self._recording = self._recording, None
        if recording is not None:
            try:
                recording.finish()
            except OSError:
                recording.discard()

    def _record(self, block: Samples) -> None:
        happened = [self._happenings.popleft() for _ in range(len(self._happenings))]
        for track, happening in happened:
            if isinstance(happening, Began):
                block = self._begin(track, happening.first_sample_ms, block)
        recording = self._recording
        if recording is None:
            return
        recording.write(block)
        for track, happening in happened:
            if not isinstance(happening, Began):
                recording.end(track, happening)
        if recording.is_over:
            self._recording = None
            recording.finish()
            _keep_newest(self._folder, self._kept, self._kept_bytes)

    def _begin(self, track: Track, first_sample_ms: int, block: Samples) -> Samples:
        """Of this block what belongs to the recording: before the first sample of its first track there is nothing."""
        if self._recording is None:
            stem = f"{first_sample_ms:013d}-{re.sub(r'[^0-9A-Za-z@#._+-]', '_', track.name)[:80]}"
            self._recording = _Recording(self._folder / stem, first_sample_ms, self._longest)
            block = block[int(np.argmax(block != 0)) :]
        self._recording.begin(track, first_sample_ms, len(block))
        return block


@dataclass(eq=False)
class _Play:
    """A track in a recording."""

    track: Track
    first_sample_ms: int
    at: int
    """Samples of the recording before it."""
    over: bool = False
    sounded_ms: int | None = None
    """None where it broke off."""
    complete: bool = False

    def facts(self) -> dict[str, Any]:
        return {
            "name": self.track.name,
            "cause": self.track.cause,
            "sources": [sound_label(sound) for sound in self.track.sources],
            "first_sample_ms": self.first_sample_ms,
            "at_ms": milliseconds(self.at),
            "sounded_ms": self.sounded_ms,
            "complete": self.complete,
        }


class _Recording:
    """One file while it is written. Everything may raise OSError."""

    def __init__(self, stem: Path, first_sample_ms: int, longest: int) -> None:
        """`stem`: the path without its ending; after `longest` samples no more is written."""
        self._stem = stem
        self._longest = longest
        self._part = stem.with_name(f"{stem.name}.wav{UNFINISHED}")
        self._first_sample_ms = first_sample_ms
        self._plays: list[_Play] = []
        self._frames = self._left_out = 0
        self._file = self._part.open("wb")
        self._file.write(wav_header(0))

    @property
    def is_over(self) -> bool:
        return all(play.over for play in self._plays)

    def begin(self, track: Track, first_sample_ms: int, count: int) -> None:
        """The first sample of this track is among the next `count`."""
        sounded = self._frames + self._left_out
        at = frames(first_sample_ms - self._first_sample_ms)
        self._plays.append(_Play(track, first_sample_ms, min(max(at, sounded), sounded + count)))

    def write(self, block: Samples) -> None:
        room = min(len(block), self._longest - self._frames)
        self._file.write(pcm16(block[:room]))
        self._frames += room
        self._left_out += len(block) - room

    def end(self, track: Track, how: Happening) -> None:
        """Tracks that have not begun here are nothing to it."""
        for play in self._plays:
            if play.track is track:
                play.over = True
                if isinstance(how, Sounded):
                    play.sounded_ms, play.complete = how.sounded_ms, how.complete

    def finish(self) -> None:
        """It is whole."""
        self._file.seek(0)
        self._file.write(wav_header(self._frames))
        self._file.close()
        facts = {
            "first_sample_ms": self._first_sample_ms,
            "frames": self._frames,
            "left_out_ms": milliseconds(self._left_out),
            "plays": [play.facts() for play in self._plays],
        }
        sidecar = self._stem.with_name(f"{self._stem.name}.json")
        part = sidecar.with_name(f"{sidecar.name}{UNFINISHED}")
        part.write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")
        self._part.replace(self._stem.with_name(f"{self._stem.name}.wav"))
        part.replace(sidecar)

    def discard(self) -> None:
        """It cannot be finished."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._part.unlink()


def wav_header(count: int) -> bytes:
    """Before so many samples of 16 bits (Multimedia Programming Interface and Data Specifications 1.0, RIFF WAVE)."""
    size = 2 * count
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)


def _keep_newest(folder: Path, kept: int, room: int) -> None:
    for number, wav in enumerate(sorted(folder.glob("*.wav"), reverse=True)):
        with contextlib.suppress(OSError):
            room -= wav.stat().st_size
            if number and (number >= kept or room < 0):
                wav.with_name(f"{wav.stem}.json").unlink(missing_ok=True)
                wav.unlink()
