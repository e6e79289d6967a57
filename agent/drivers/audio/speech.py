"""Words that the box speaks itself: espeak-ng, in a process of its own that begins at once and ends with its track.

The words come from a signed order, and they are data all the same: they go in by stdin, where nothing is an option, and
without what espeak-ng would take for a command or for phonemes.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
from typing import Final

import numpy as np

from agent.drivers.audio.source import RATE_HZ, Samples, Stream, frames, open_local, pass_over
from agent.ports.sound import Accent, Sound, SoundError, SpeechSound

PROGRAM: Final = "espeak-ng"
VOICES: Final = {Accent.NORTH: "vi", Accent.CENTRAL: "vi-vn-x-central", Accent.SOUTH: "vi-vn-x-south"}
WORDS_A_MINUTE: Final = 140
"""Slower than its default: horns echo between houses."""
PATIENCE_S: Final = 1.2
"""So long it may say nothing; well below what the daemon waits for a track to be taken: else the process would be ended
that plays, again and again."""
LONGEST: Final = frames(300_000)
"""Nothing that is spoken is longer."""
HEAD: Final = 44
"""Bytes of the WAV header that it writes before the samples."""
RATE_AT: Final = slice(24, 28)
CHUNK: Final = 8_192
LEVEL: Final = 0.9
"""Its peaks are at full scale."""


def open_spoken(sound: Sound, skip: int) -> Stream:
    """As `source.open_local`, and speech. Raises SoundError."""
    return Speech(sound, skip) if isinstance(sound, SpeechSound) else open_local(sound, skip)


class Speech:
    """Speech as a stream: see `source.Stream`. Its length is not known before its end."""

    length = None

    def __init__(self, sound: SpeechSound, skip: int = 0, path: str | None = None) -> None:
        """Returns when it has begun to speak. `path`: where the program is looked for, as in $PATH."""
        program = shutil.which(PROGRAM, path=path)
        if program is None:
            raise SoundError(
                f"{PROGRAM} is not installed, so this box cannot speak; install it",
                vi=f"chưa có {PROGRAM} nên hộp không tự đọc được; hãy cài nó",
                device=False,
            )
        self._made = 0
        self._source: Samples = np.zeros(0, np.float32)
        self._first = 0
        """Which sample of espeak-ng's the first of `_source` is."""
        self._odd = b""
        self._ended = False
        options = ["-v", VOICES[sound.voice], "-s", str(WORDS_A_MINUTE), "-b", "1", "--stdin", "--stdout"]
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                [program, *options], stdin=pipe, stdout=pipe, stderr=null, start_new_session=True
            )
        except OSError as error:
            raise SoundError(f"{PROGRAM} cannot be started ({error})", device=False) from error
        try:
            self._rate = self._begin(sound.text)
            pass_over(self, skip)
        except BaseException:
            self.close()
            raise

    def read(self, count: int) -> Samples:
        """At most so many samples; none at its end. Raises SoundError.

        Straight lines between the samples of a voice that was never above 11 kHz will do.
        """
        if self._made > LONGEST:
            raise SoundError(f"{PROGRAM} does not come to an end", device=False)
        places = np.arange(self._made, self._made + count) * (self._rate / RATE_HZ) - self._first
        while not self._ended and len(self._source) < places[-1] + 2:
            self._take(self._heard())
        places = places[places <= len(self._source) - 1]
        samples = np.interp(places, np.arange(len(self._source)), self._source) if len(places) else places
        self._made += len(places)
        done = max(0, int(self._made * self._rate / RATE_HZ) - self._first)
        self._source, self._first = self._source[done:], self._first + done
        return np.asarray(samples, np.float32)

    def close(self) -> None:
        """End it, and whatever it has started."""
        if self._process.returncode is None:  # else its number may be another's by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _begin(self, text: str) -> int:
        """Give it the words and wait for its first; its samples a second."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(plain(text).encode())
            self._process.stdin.close()
        except OSError as error:
            raise SoundError(f"{PROGRAM} takes no words ({error})", device=False) from error
        head = b""
        while len(head) < HEAD:
            heard = self._heard()
            if not heard:
                raise SoundError(f"{PROGRAM} says nothing", device=False)
            head += heard
        rate = int.from_bytes(head[RATE_AT], "little")
        if not head.startswith(b"RIFF") or not 8_000 <= rate <= RATE_HZ:
            raise SoundError(f"{PROGRAM} gives no sound that this box knows", device=False)
        self._take(head[HEAD:])
        return rate

    def _take(self, pcm: bytes) -> None:
        pcm = self._odd + pcm
        whole = len(pcm) // 2 * 2
        self._odd = pcm[whole:]
        samples = np.frombuffer(pcm[:whole], "<i2").astype(np.float32) * np.float32(LEVEL / 32_768)
        self._source = np.concatenate((self._source, samples))

    def _heard(self) -> bytes:
        """What it says next; nothing at its end. Raises SoundError."""
        assert self._process.stdout is not None
        number = self._process.stdout.fileno()
        if not select.select([number], [], [], PATIENCE_S)[0]:
            raise SoundError(f"{PROGRAM} has said nothing for {PATIENCE_S} s", device=False)
        heard = os.read(number, CHUNK)
        if not heard:
            self._ended = True
            self._must_have_ended_well()
        return heard

    def _must_have_ended_well(self) -> None:
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise SoundError(f"{PROGRAM} does not end", device=False) from error
        if code != 0:
            raise SoundError(f"{PROGRAM} ended with code {code}", device=False)


def plain(text: str) -> str:
    """Without control characters, which begin commands of espeak-ng, and without [[, which begins phonemes."""
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("[[", "[ [")
