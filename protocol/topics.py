"""Where messages go over MQTT, and which paths serve them over HTTPS."""

import re
from typing import Final

from protocol.errors import ProtocolError

ALL_UP: Final = "ll/1/box/+/up/+"
PROBE: Final = "ll/1/bridge/probe"
"""Empty messages of the bridge to nobody: whether the broker acknowledges them tells whether it lives."""
UP_KINDS: Final = ("hello", "beat", "log", "receipt", "fault", "order")

ENROL_PATH: Final = "/box/v1/enrol"
ROOTS_PATH: Final = "/box/v1/roots"
MANIFEST_PATH: Final = "/box/v1/manifest/{hash}"
BLOB_PATH: Final = "/box/v1/blob/{hash}"
CA_PATH: Final = "/box/v1/ca"
CERTIFICATE_PATH: Final = "/box/v1/certificate"
LIFELINE_PATH: Final = "/box/v1/lifeline/{roots}"
"""With the version of the roots that the box has; in the path, because that is what a box signs."""
ORDER_PATH: Final = "/box/v1/order"
LIVE_PATH: Final = "/box/v1/live/{session}"
"""A WebSocket; the session's id in hex."""
TALK_PATH: Final = "/box/v1/talk/{session}"
"""A WebSocket of a box at whose microphone somebody speaks to other boxes; the session's id in hex."""
APPROVE_PATH: Final = "/hop/duyet/"
"""The console's page to which the QR on a waiting box leads, with `?code=XXXX-XXXX`."""

_UP = re.compile(r"ll/1/box/([a-z2-7]{16})/up/(hello|beat|log|receipt|fault|order)")


def down(box: str) -> str:
    """To one box: assignment, acknowledgement, roots, orders sent again."""
    return f"ll/1/box/{box}/down"


def up(box: str, kind: str) -> str:
    """From one box; `kind` is one of UP_KINDS."""
    return f"ll/1/box/{box}/up/{kind}"


def orders(unit: str) -> str:
    """Orders to every box at or below a unit; a box subscribes to its own unit and all above."""
    return f"ll/1/unit/{unit}/orders"


def parse_up(topic: str) -> tuple[str, str]:
    """(box, kind) of a topic of ALL_UP."""
    match = _UP.fullmatch(topic)
    if match is None:
        raise ProtocolError("bad-topic", "not a topic of a box", field=topic[:80])
    return match[1], match[2]
