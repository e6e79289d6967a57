"""What a code that somebody entered at the panel is, and what it opens."""

from agent.core import pin
from agent.core.panel import Code
from agent.services.panel import Judged
from protocol import keyfile
from protocol.errors import ProtocolError


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
