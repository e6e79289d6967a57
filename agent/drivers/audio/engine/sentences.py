"""Where sentences begin, found in the sound itself, so that nobody has to write it down beside a recording. Pure.

A pause of 300 ms parts sentences: in the prepared messages a full stop is 420 ms or more and a comma 260 at the most,
and people who read aloud keep about the same. What is silent is measured against what was loud before, since rooms hum.
"""

from typing import Final

import numpy as np

from agent.drivers.audio.source import Samples, frames, milliseconds

PAUSE: Final = frames(300)
LOOK: Final = frames(20)
"""So much is judged as one: loud or not."""
QUIET: Final = 10 ** (-30 / 20)
"""30 dB below the loudest of this message so far is a pause: a soft consonant is louder, a room with a fan is not."""
SILENCE: Final = 10 ** (-60 / 20)
BEFORE_MS: Final = 40
"""So long before its first sound a sentence is taken up."""


class Sentences:
    """Takes a track's samples as they sound."""

    def __init__(self, message_ms: int, begin: int) -> None:
        """The message begins `message_ms` into the track, behind its chime; it sounds from the sample `begin` on."""
        self._message = frames(message_ms)
        self._place = begin
        self._loudest = 0.0
        self._pause = 0
        """Samples of the pause that lasts."""
        self._filled = 0
        self._energy = 0.0

    def note(self, samples: Samples) -> int | None:
        """The next samples; where in the track, in milliseconds, a sentence begins of which they are the first."""
        begins = None
        if self._place <= self._message < self._place + len(samples):
            begins = milliseconds(self._message)
            self._loudest, self._pause = 0.0, 0
        self._place += len(samples)
        self._filled += len(samples)
        self._energy += float(np.dot(samples, samples))
        found = self._look() if self._filled >= LOOK else None
        return found if begins is None else begins

    def _look(self) -> int | None:
        level = float(np.sqrt(self._energy / self._filled))
        begin, self._filled, self._energy = self._place - self._filled, 0, 0.0
        self._loudest = max(self._loudest, level)
        if level < max(SILENCE, self._loudest * QUIET):
            self._pause += self._place - begin
            return None
        pause, self._pause = self._pause, 0
        return milliseconds(begin) - BEFORE_MS if pause >= PAUSE and begin > self._message else None
