"""Alarms that a failing device broke off: what was heard of them need not be heard again, but for the last sentence.

Whoever heard the beginning still has it in mind for some seconds; after that the pass begins again, chime and all. A
drill always does: without its announcement nobody could tell it from an alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.ports.clock import Clock
from agent.ports.sound import Sound, Track

WITHIN_MS: Final = 10_000


@dataclass(frozen=True)
class _Rest:
    """What is left of a pass."""

    sources: tuple[Sound, ...]
    offset_ms: int
    broke_off_boot_ms: int


class Unfinished:
    """Of each play that broke off, where its sentence began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rests: dict[str, _Rest] = {}

    def broke_off(self, track: Track, sentence_ms: int) -> None:
        """This track did, in the sentence that begins there."""
        self._rests.clear()  # one alarm sounds at a time
        if track.message_ms is not None and sentence_ms > 0:
            self._rests[track.name] = _Rest(track.sources, sentence_ms, self._clock.boot_ms())

    def sounds(self, play: str) -> None:
        """It was taken up; what interrupts it from now on is another matter."""
        self._rests.pop(play, None)

    def goes_on(self, play: str) -> bool:
        """Whether this play would be taken up in its middle."""
        rest = self._rests.get(play)
        return rest is not None and self._clock.boot_ms() - rest.broke_off_boot_ms <= WITHIN_MS

    def offset_ms(self, play: str, sources: Sequence[Sound]) -> int:
        """How far into these sounds this play is taken up; 0 from its beginning, as for other sounds than broke off."""
        if not self.goes_on(play) or self._rests[play].sources != tuple(sources):
            return 0
        return self._rests[play].offset_ms
