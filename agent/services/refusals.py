"""What the planner refuses becomes a row of the play log: a sound that was planned and is not heard is never silent."""

from agent.core import cueing
from agent.ports.journal import Play
from agent.services.planning import Planning
from agent.services.play_log import PlayLog
from protocol.quantities import SECOND_MS
from protocol.timeline import SegmentKind, plan


class Refusals:
    """Looks at every stretch of time once, with the holdings that were in force in it."""

    def __init__(self, planning: Planning, play_log: PlayLog) -> None:
        self._planning = planning
        self._log = play_log
        self._until_ms = 0

    def begin_at(self, instant_ms: int) -> None:
        """A new plan begins here."""
        self._until_ms = instant_ms

    def note_until(self, now_ms: int) -> None:
        """Write down what was refused since the last look.

        Not what was planned before this assignment was made: nobody could expect it. Not what has been heard in part:
        its row says how it ended.
        """
        since, self._until_ms = self._until_ms, max(now_ms, self._until_ms)
        holdings = self._planning.holdings
        if since >= now_ms or not cueing.may_sound(SegmentKind.PROGRAMME, self._planning.quality):
            return
        issued = 0 if holdings.assignment is None else holdings.assignment.issued * SECOND_MS
        for refusal in plan(holdings, since, now_ms).refusals:
            if refusal.at_ms < since or refusal.planned_ms < issued or self._log.has_begun(refusal.play):
                continue
            bulletin, sound = cueing.what_was_refused(refusal.play, refusal.cause, holdings.manifest)
            planned = refusal.planned_ms
            row = Play(refusal.play, refusal.cause, bulletin, sound, planned, planned, emergency=False)
            self._log.missed(row, str(refusal.code))
