"""What a code that somebody entered at the panel is, and what it opens."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from agent.core import pin
from agent.core.panel import Code
from agent.services.panel import Judged
from protocol import keyfile
from protocol.errors import ProtocolError


class CodeJudge:
    """Judges what was entered in a thread of its own: whatever hangs elsewhere, the button's code is judged."""

    def __init__(self, right: str, duress: str, token: str) -> None:
        """As `judged` has them."""
        self._kept = (right, duress, token)
        self._thread = ThreadPoolExecutor(1, "code")

    async def __call__(self, entered: str) -> Judged:
        return await asyncio.get_running_loop().run_in_executor(self._thread, judged, entered, *self._kept)


def judged(entered: str, right: str, duress: str, token: str) -> Judged:
    """`right` and `duress` are hashes, `token` is the text of the commune's key file; each may be empty.

    It takes as long for every code. The code that opens the token is a right one.
    """
    code = pin.judge(entered, right, duress)
    try:
        signer = keyfile.unseal(token, entered) if token else None
    except ProtocolError:
        signer = None
    if code is Code.DURESS:
        return Judged(code)
    return Judged(code if signer is None else Code.RIGHT, signer)
