"""Sessions of a local day, and what is left of them: sound with pauses shorter than SESSION_PAUSE_MS is one session."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from protocol.policy import EffectivePolicy
from protocol.recurrence import to_wall
from protocol.timeline.model import SESSION_PAUSE_MS, RefusalCode

FOREVER_MS = 2**62


@dataclass(frozen=True)
class Room:
    """Until when sound that starts now may last, and what stands in the way of more."""

    until_ms: int
    code: RefusalCode


class Sessions:
    """Counts as the simulation goes on. A session belongs to the day on which it began; emergencies stop its clock."""

    def __init__(self, policy: EffectivePolicy) -> None:
        self._zone: ZoneInfo = policy.zone
        self._max_sessions = policy.max_sessions
        self._length_ms = FOREVER_MS if policy.max_session_ms is None else policy.max_session_ms
        self._begun: Counter[date] = Counter()
        self._start_ms = self._end_ms = -FOREVER_MS

    def open(self, now_ms: int) -> bool:
        """Whether sound now would belong to the session before."""
        return now_ms - self._end_ms < SESSION_PAUSE_MS

    def room(self, now_ms: int) -> Room:
        if self.open(now_ms):
            return Room(self._start_ms + self._length_ms, RefusalCode.SESSION_LENGTH)
        if self._max_sessions is not None and self._begun[self._day(now_ms)] >= self._max_sessions:
            return Room(now_ms, RefusalCode.SESSION_COUNT)
        return Room(now_ms + self._length_ms, RefusalCode.SESSION_LENGTH)

    def note(self, start_ms: int, end_ms: int) -> None:
        """Something scheduled sounded."""
        if not self.open(start_ms):
            self._start_ms = start_ms
            self._begun[self._day(start_ms)] += 1
        self._end_ms = max(self._end_ms, end_ms)

    def interrupted(self, from_ms: int, sounding_ms: int) -> None:
        """An emergency of this length began: an open session goes on after it as if it had not been."""
        if self.open(from_ms):
            self._start_ms += sounding_ms
            self._end_ms += sounding_ms

    def _day(self, now_ms: int) -> date:
        return to_wall(now_ms, self._zone).date()
