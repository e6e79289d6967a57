"""Files that libsndfile cannot read, through ffmpeg: AAC, M4A, WMA. In the sandbox, like every decoder here."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from agent.drivers.audio.engine.feeds import from_pcm
from agent.drivers.audio.source import RATE_HZ, Samples, Stream
from agent.drivers.audio.speech import open_spoken
from agent.ports.sound import FileSound, Sound, SoundError

PROGRAM: Final = "ffmpeg"
FIRST: Final = 960
"""So many samples are read at once: a file that cannot be read is known then."""


def open_any(sound: Sound, skip: int) -> Stream:
    """As `speech.open_spoken`; a file that it cannot read is given to ffmpeg. Raises SoundError."""
    try:
        return open_spoken(sound, skip)
    except SoundError as error:
        if not isinstance(sound, FileSound) or not sound.path.is_file():
            raise
        return FfmpegFile(sound.path, skip, error)


class FfmpegFile:
    """A sound file as a stream: see `source.Stream`. Its length is not known before its end."""

    length = None

    def __init__(self, path: Path, skip: int, why: SoundError) -> None:
        """`why`: what is raised when ffmpeg cannot read it either."""
        program = shutil.which(PROGRAM)
        if program is None:
            raise SoundError(f"{why}; {PROGRAM}, which might read it, is not installed", device=False) from why
        self._why = why
        self._began = False
        self._head = from_pcm(b"")
        options = ["-nostdin", "-loglevel", "quiet", "-xerror", "-protocol_whitelist", "file"]
        options += ["-ss", f"{skip / RATE_HZ:.6f}", "-i", f"file:{path}"]
        options += ["-vn", "-f", "s16le", "-ac", "1", "-ar", str(RATE_HZ), "-"]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        try:
            self._head = self.read(FIRST)
        except SoundError:
            self.close()
            raise

    def read(self, count: int) -> Samples:
        """At most so many samples; none at its end. Raises SoundError."""
        if len(self._head):
            samples, self._head = self._head[:count], self._head[count:]
            return samples
        assert self._process.stdout is not None
        pcm = self._process.stdout.read(count * 2)
        if not pcm and (self._process.wait() != 0 or not self._began):
            raise self._why
        self._began = True
        return from_pcm(pcm)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
