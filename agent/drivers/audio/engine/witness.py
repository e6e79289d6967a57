"""A second opinion: now and then a second of what was mixed is compared with the file, read and decoded anew.

That the mixer hands on what the decoder gave proves nothing of the decoder, of the place in the file, or of the card's
second reading of it. A tenth of the work of decoding, done by a thread that gives way to every other.
"""

import contextlib
import os
import queue
import threading
from dataclasses import dataclass
from typing import Final

from agent.drivers.audio.engine.rendered import Answers, alike
from agent.drivers.audio.source import Joined, Samples, frames
from agent.drivers.audio.speech import open_spoken
from agent.ports.sound import Track

NICE: Final = 10
WAITING: Final = 4
"""So many seconds wait to be looked at, at most; a machine that is slower than that looks at fewer."""


@dataclass(frozen=True)
class _Question:
    track: Track
    position: int
    mixed: Samples
    answers: Answers


class Witness:
    """One thread for all tracks."""

    def __init__(self) -> None:
        self._questions: queue.Queue[_Question] = queue.Queue(WAITING)
        threading.Thread(target=self._look, name="witness", daemon=True).start()

    def ask(self, track: Track, position: int, mixed: Samples, answers: Answers) -> None:
        """Compare what was mixed from this sample of the track on, some time soon; never waits."""
        with contextlib.suppress(queue.Full):
            self._questions.put_nowait(_Question(track, position, mixed, answers))

    def _look(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while True:
            asked = self._questions.get()
            read_anew(asked.track, asked.position, asked.mixed, asked.answers)


def read_anew(track: Track, position: int, mixed: Samples, answers: Answers) -> None:
    """Read the track anew from this sample on, compare, and note what that says. What cannot be read says nothing."""
    try:
        joined = Joined(track.sources, frames(track.offset_ms) + position, open_spoken)
        try:
            source = joined.read(len(mixed))
        finally:
            joined.close()
    except Exception:  # a decoder raises many things, and one that ended this thread would end the second opinion
        return
    if len(source) == len(mixed) and alike(source, mixed):
        answers.confirmed += 1
    else:
        answers.contradicted += 1
