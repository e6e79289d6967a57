"""A track as a stream of samples: sounds decoded block by block, joined, cut, faded, at their gain, never clipped.

A box has little memory and a relay may last for hours, so no file is ever whole in it. Everything here is decoding and
arithmetic; no device and no clock.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import soundfile

from agent.core.tape import spoken_ms
from agent.drivers.audio.tones import Tone
from agent.ports.sound import FileSound, FramesSound, RelaySound, Sound, SoundError, SpeechSound, ToneSound, Track

Samples = npt.NDArray[np.float32]

RATE_HZ: Final = 48_000
BLOCK_FRAMES: Final = 480
"""10 ms."""
KNEE: Final = 0.8
"""Below this level samples pass unchanged; above it they bend towards 1 and never reach it."""
SHORTFALL_MS: Final = 100
"""A file that ends so much earlier than it says is damaged."""


class Stream(Protocol):
    """Samples of one sound, 48 kHz mono, in order."""

    @property
    def length(self) -> int | None:
        """Samples of the whole sound; None when it has no end of its own."""
        ...

    def read(self, count: int) -> Samples:
        """At most so many; none at its end. Raises SoundError."""
        ...

    def close(self) -> None: ...


Open = Callable[[Sound, int], Stream]
"""Opens a sound, so many samples into it. Raises SoundError."""


def frames(duration_ms: int) -> int:
    """Samples in so many milliseconds."""
    return duration_ms * RATE_HZ // 1000


def milliseconds(count: int) -> int:
    """Duration of so many samples."""
    return count * 1000 // RATE_HZ


def factor(gain_cb: int) -> float:
    """Amplitude factor of a gain in hundredths of a bel."""
    return float(10.0 ** (gain_cb / 200.0))


def limited(samples: Samples) -> Samples:
    """Samples bent softly above the knee, so that a gain above 0 dB or a loud file cannot clip."""
    loud = np.abs(samples)
    if not np.any(loud > KNEE):
        return samples
    bent = np.sign(samples) * (KNEE + (1.0 - KNEE) * np.tanh((loud - KNEE) / (1.0 - KNEE)))
    return np.where(loud > KNEE, bent, samples).astype(np.float32)


def pcm16(samples: Samples) -> bytes:
    """Native 16-bit integers, as devices take them; samples are within -1 and 1, as `limited` leaves them."""
    return bytes(np.rint(samples * 32767.0).astype(np.int16).data)


class File:
    """One sound file, from an offset on, as 48 kHz mono. Raises SoundError, never anything else."""

    def __init__(self, path: Path, skip: int = 0) -> None:
        self._path = path
        try:
            self._file = soundfile.SoundFile(path)
            if self._file.samplerate != RATE_HZ:
                rate = self._file.samplerate
                self._file.close()
                raise self._damaged(
                    f"{rate} samples a second instead of {RATE_HZ}; publish it again",
                    f"có {rate} mẫu mỗi giây thay vì {RATE_HZ}; hãy chuyển lại tệp",
                )
            self.length = int(self._file.frames)
            if skip:
                self._file.seek(min(skip, self.length))
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            raise self._damaged(str(error)) from error
        self._left = self.length - min(skip, self.length)

    def read(self, count: int) -> Samples:
        """At most so many samples; fewer only at the end."""
        try:
            decoded = self._file.read(min(count, self._left), dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise self._damaged(str(error)) from error
        if len(decoded) < min(count, self._left) and self._left - len(decoded) > frames(SHORTFALL_MS):
            raise self._damaged(f"it ends {milliseconds(self._left - len(decoded))} ms too early")
        self._left = self._left - len(decoded) if len(decoded) else 0
        return np.asarray(decoded.mean(axis=1), dtype=np.float32)

    def close(self) -> None:
        self._file.close()

    def _damaged(self, why: str, vi: str = "") -> SoundError:
        name = self._path.name
        return SoundError(f"{name}: cannot be sounded: {why}", vi=f"{name}: không phát được: {vi or why}", device=False)


class Loop:
    """Files over and over, without a gap: what sounds in place of a station."""

    length = None

    def __init__(self, paths: Sequence[Path], skip: int, open_sound: Open) -> None:
        """Begins so many samples into the cycle. Raises SoundError, also when there is nothing to sound."""
        self._sounds = [FileSound(path) for path in paths]
        self._open = open_sound
        self._next = 0
        cycle = sum(_length_of(path) for path in paths)
        if cycle == 0:
            raise SoundError("there is no fallback that could sound", device=False)
        self._file = self._open_next(skip % cycle)

    def read(self, count: int) -> Samples:
        samples = self._file.read(count)
        if len(samples) == 0:
            self._file.close()
            self._file = self._open_next(0)
            samples = self._file.read(count)
        return samples

    def close(self) -> None:
        self._file.close()

    def _open_next(self, skip: int) -> Stream:
        while True:
            file = self._open(self._sounds[self._next], skip)
            self._next = (self._next + 1) % len(self._sounds)
            if file.length is None or skip < file.length:
                return file
            skip -= file.length
            file.close()


def open_local(sound: Sound, skip: int) -> Stream:
    """What needs neither network nor microphone; a station is its fallback. Raises SoundError."""
    match sound:
        case FileSound(path=path):
            return File(path, skip)
        case ToneSound(kind=kind, length_ms=length_ms):
            return Tone(kind, frames(length_ms), skip)
        case RelaySound(fallback=fallback, fallback_offset_ms=offset_ms):
            return Loop(fallback, frames(offset_ms) + skip, open_local)
        case FramesSound(name=name):
            raise SoundError(f"{name}: this output takes no live sound", device=False)
        case SpeechSound():
            raise SoundError("this output speaks no words", device=False)


def pass_over(stream: Stream, count: int) -> None:
    """Drop so many samples, or all there are. Raises SoundError."""
    while count > 0 and (dropped := len(stream.read(min(count, RATE_HZ)))):
        count -= dropped


class Joined:
    """Sounds one after another without a gap."""

    def __init__(self, sounds: Sequence[Sound], skip: int, open_sound: Open = open_local) -> None:
        """Begins so many samples into them all; opens the first that is needed, and all speech: an order whose words
        cannot be spoken is to sound otherwise, and that must be known before its chime. Raises SoundError.
        """
        self._sounds = list(sounds)
        self._open = open_sound
        self._stream: Stream | None = None
        self._speech: list[Stream] = []
        try:
            for sound in sounds:
                if isinstance(sound, SpeechSound):
                    self._speech.append(open_sound(sound, 0))
            self._begin(skip)
        except SoundError:
            self.close()
            raise

    def _begin(self, skip: int) -> None:
        while self._sounds:
            stream = self._next(skip)
            if stream.length is None or skip < stream.length or not self._sounds:
                self._stream = stream
                return
            skip -= stream.length
            stream.close()

    def _next(self, skip: int) -> Stream:
        sound = self._sounds.pop(0)
        if not isinstance(sound, SpeechSound):
            return self._open(sound, skip)
        stream = self._speech.pop(0)
        pass_over(stream, skip)
        return stream

    def read(self, count: int) -> Samples:
        """The next samples, at most `count`; fewer only at the end. Raises SoundError."""
        parts: list[Samples] = []
        have = 0
        while have < count and self._stream is not None:
            part = self._stream.read(count - have)
            if len(part) == 0:
                self._stream.close()
                self._stream = None
                self._stream = self._next(0) if self._sounds else None
                continue
            parts.append(part)
            have += len(part)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def close(self) -> None:
        for stream in (*self._speech, *([] if self._stream is None else [self._stream])):
            stream.close()
        self._stream = None
        self._speech, self._sounds = [], []


class Envelope:
    """Gain, cut and fade of a stretch of sound, sample by sample."""

    def __init__(self, gain_cb: int, length_ms: int | None, fade_out_ms: int) -> None:
        self._gain = np.float32(factor(gain_cb))
        self._left: int | None = None if length_ms is None else frames(length_ms)
        self._fade = frames(fade_out_ms) if length_ms is not None else 0

    def room(self, count: int) -> int:
        """How many of so many samples are before the cut."""
        return count if self._left is None else min(count, self._left)

    def fade_out(self, duration_ms: int) -> None:
        """End after this time, fading from here; an earlier end stays."""
        left = frames(duration_ms)
        if self._left is None or self._left > left:
            self._left = left
            self._fade = left

    def shaped(self, samples: Samples) -> Samples:
        """The next samples as they are to sound."""
        samples = samples * self._gain
        if self._left is None:
            return samples
        remaining = self._left - np.arange(len(samples), dtype=np.float32)
        self._left -= len(samples)
        if self._fade and len(samples) and remaining[-1] <= self._fade:
            samples = samples * np.minimum(1.0, remaining / self._fade).astype(np.float32)
        return samples


class Source:
    """A track's samples in order; `read` until it gives fewer than asked."""

    def __init__(self, track: Track, open_sound: Open = open_local) -> None:
        """Opens the first sound. Raises SoundError."""
        self._joined = Joined(track.sources, frames(track.offset_ms), open_sound)
        self._envelope = Envelope(track.gain_cb, track.length_ms, track.fade_out_ms)

    def read(self, count: int) -> Samples:
        """The next samples, at most `count`; fewer only at the end. Raises SoundError."""
        return self._envelope.shaped(self._joined.read(self._envelope.room(count)))

    def fade_out(self, duration_ms: int) -> None:
        """End after this time, fading from here; an earlier end stays."""
        self._envelope.fade_out(duration_ms)

    def close(self) -> None:
        self._joined.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def duration_ms(sounds: Sequence[Sound]) -> int | None:
    """Length of sounds one after another, from their headers, of speech about; None when one has no end.

    Raises SoundError.
    """
    total = 0
    for sound in sounds:
        match sound:
            case FileSound(path=path):
                total += _length_of(path)
            case ToneSound(length_ms=length_ms):
                total += frames(length_ms)
            case SpeechSound(text=text):
                total += frames(spoken_ms(text))
            case _:
                return None
    return milliseconds(total)


def _length_of(path: Path) -> int:
    file = File(path)
    file.close()
    return file.length
