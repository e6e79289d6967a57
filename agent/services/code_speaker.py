"""Speaks the enrolment code on request, for an installer on a ladder: only before the approval, never over a sound."""

from collections.abc import Callable
from typing import Final

from agent.core.code import spoken
from agent.errors import AgentError
from agent.ports.clock import Clock
from agent.ports.sound import Accent, Amplifier, Speaker, SpeechSound, Track
from agent.ports.store import Trust

NAME: Final = "code"


class CodeSpeaker:
    """`speak` returns when the code has been heard."""

    def __init__(
        self,
        code: str,
        *,
        accent: Accent,
        speaker: Speaker,
        amplifier: Amplifier,
        trust: Trust,
        clock: Clock,
        busy: Callable[[], bool],
        lead_in_ms: int,
    ) -> None:
        """`busy` tells whether something else sounds."""
        self._code = code
        self._accent = accent
        self._speaker = speaker
        self._amplifier = amplifier
        self._trust = trust
        self._clock = clock
        self._busy = busy
        self._lead_in_ms = lead_in_ms
        self._speaking = False

    async def speak(self) -> None:
        """Raises AgentError when it may not, SoundError when it cannot."""
        if self._trust.broker() is not None:
            raise AgentError(
                "this box is approved: its code is of no more use, and its loudspeaker is the village's",
                vi="hộp này đã được duyệt: không cần mã nữa, và loa là của làng",
            )
        if self._speaking or self._busy():
            raise AgentError("something sounds now; ask again later", vi="đang có tiếng phát; hãy thử lại sau")
        self._speaking = True
        try:
            await self._amplifier.power(True)
            start_ms = self._clock.now_ms() + self._lead_in_ms
            speech = SpeechSound(spoken(self._code), self._accent)
            track = Track((speech,), 0, start_ms, None, 0, 0, NAME, NAME)
            await (await self._speaker.start(track)).ended()
        finally:
            await self._amplifier.power(False)
            self._speaking = False
