"""What sounds without being planned, below everything that is: the enrolment code, for an installer on a ladder.

The player gives it power and takes the speaker back: whatever of the plan is about to begin ends it at once.
"""

import asyncio

from agent.core.cueing import FADE_MS
from agent.errors import AgentError
from agent.ports.clock import Clock
from agent.ports.sound import Sound, SoundError, Sounding, Speaker, Track


class Aside:
    """One thing at a time. `say` is for whoever wants it heard, all else for the player's turns."""

    def __init__(self, speaker: Speaker, clock: Clock, changed: asyncio.Event) -> None:
        """`changed` wakes the player."""
        self._speaker = speaker
        self._clock = clock
        self._changed = changed
        self._powered = asyncio.Event()
        self._settles_in_ms: int | None = None
        self._sounding: Sounding | None = None
        self._gave_way = False
        self.is_wanted = False
        """Something is to sound, or sounds: it needs the amplifier."""

    async def say(self, sources: tuple[Sound, ...], name: str) -> None:
        """Returns when it has been heard. Raises AgentError when something else sounds, SoundError when it cannot."""
        if self.is_wanted:
            raise _busy()
        self.is_wanted, self._gave_way = True, False
        self._powered.clear()
        self._changed.set()
        try:
            await self._powered.wait()
            self._go_on_unless_it_gave_way()
            if self._settles_in_ms is None:
                raise _without_power()
            start_ms = self._clock.now_ms() + self._settles_in_ms
            self._sounding = await self._speaker.start(Track(sources, 0, start_ms, None, 0, 0, name, name))
            self._go_on_unless_it_gave_way()
            await self._sounding.ended()
            self._go_on_unless_it_gave_way()
        finally:
            self._end()

    def has_power(self, settles_in_ms: int | None) -> None:
        """The amplifier is on, and is heard after so much time; None: its relay does not answer."""
        if self.is_wanted:
            self._settles_in_ms = settles_in_ms
            self._powered.set()

    def give_way(self) -> None:
        """The plan has the speaker now."""
        if not self.is_wanted:
            return
        self._gave_way = True
        self._powered.set()
        if self._sounding is not None:
            self._sounding.stop(FADE_MS)

    def _go_on_unless_it_gave_way(self) -> None:
        if self._gave_way:
            raise _busy()

    def _end(self) -> None:
        if self._sounding is not None:
            self._sounding.stop(FADE_MS)
        self._sounding = None
        self.is_wanted = False
        self._changed.set()


def _busy() -> AgentError:
    return AgentError("something sounds now; ask again later", vi="đang có tiếng phát; hãy thử lại sau")


def _without_power() -> SoundError:
    return SoundError(
        "the amplifier did not go on: look at its relay",
        vi="âm ly không bật được: hãy kiểm tra rơ le",
        device=True,
    )
