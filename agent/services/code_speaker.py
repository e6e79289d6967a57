"""Speaks the enrolment code on request, for an installer on a ladder: only before the approval, below all else."""

from collections.abc import Awaitable, Callable
from typing import Final

from agent.core.code import spoken
from agent.errors import AgentError
from agent.ports.sound import Accent, Sound, SpeechSound
from agent.ports.store import Trust

NAME: Final = "code"


class CodeSpeaker:
    """`speak` returns when the code has been heard."""

    def __init__(
        self,
        code: str,
        *,
        accent: Accent,
        say: Callable[[tuple[Sound, ...], str], Awaitable[None]],
        trust: Trust,
        busy: Callable[[], bool],
    ) -> None:
        """`say` lets it sound below all else (`Aside.say`); `busy` tells whether something else sounds."""
        self._code = code
        self._accent = accent
        self._say = say
        self._trust = trust
        self._busy = busy
        self._speaking = False

    async def speak(self) -> None:
        """Raises AgentError when it may not or something else begins to sound, SoundError when it cannot."""
        if self._trust.broker() is not None:
            raise AgentError(
                "this box is approved: its code is of no more use, and its loudspeaker is the village's",
                vi="hộp này đã được duyệt: không cần mã nữa, và loa là của làng",
            )
        if self._speaking or self._busy():
            raise AgentError("something sounds now; ask again later", vi="đang có tiếng phát; hãy thử lại sau")
        self._speaking = True
        try:
            await self._say((SpeechSound(spoken(self._code), self._accent),), NAME)
        finally:
            self._speaking = False
