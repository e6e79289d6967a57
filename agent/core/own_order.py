"""Orders that this box gives to itself when somebody stands at it and presses (docs/decisions/0013). Pure.

They have the form of every other order, so that store, planner, log, restart and receipts treat them alike; they are
signed by the box's own key, which no other box takes for anybody's.
"""

from typing import Any, Final

from protocol.compose import order_id
from protocol.messages import BY_CODE
from protocol.order import MAX_COMMUNE_LIFETIME_S, MessageType, Order, Severity, Sound, Status, usual_chime
from protocol.roles import Role
from protocol.signing import Domain

LIFETIME_S: Final = 600
"""After so long an alarm of the button begins no further pass."""
REPEATS: Final = 6
GAP_S: Final = 5
MAX_REFERENCES: Final = 8
NOWHERE: Final = Domain("00", "none")
"""Where a box stands that no province has taken in yet: its button works all the same."""


def order(
    kind: MessageType,
    *,
    key: bytes,
    domain: Domain,
    area: str,
    epoch: int,
    after: int,
    now_s: int,
    entropy: bytes,
    message: int | None = None,
    references: tuple[bytes, ...] = (),
    reason: str = "",
) -> Order:
    """`key`: raw public key of the signer; `after`: its highest sequence yet; `entropy`: 12 fresh random bytes.

    The sequence is the time, where that is later: a box that has lost its memory does not repeat itself.
    """
    rest: dict[str, Any] = {}
    event = kind.name.lower()
    if message is not None:
        built_in = BY_CODE.get(message)
        event = "alarm" if built_in is None else built_in.event
        chime = usual_chime(Severity.EXTREME, Status.ACTUAL)
        rest["sound"] = Sound(message, chime=chime, repeats=REPEATS, gap_s=GAP_S)
    return Order(
        id=order_id(key, entropy),
        province=domain.province,
        environment=domain.environment,
        role=Role.COMMUNE,
        epoch=max(1, epoch),
        sequence=max(after + 1, now_s),
        issued=now_s,
        not_before=now_s,
        expires=now_s + (LIFETIME_S if message is not None else MAX_COMMUNE_LIFETIME_S),
        status=Status.ACTUAL,
        type=kind,
        severity=Severity.EXTREME,
        event=event,
        area=(area,),
        references=references[-MAX_REFERENCES:],
        reason=reason,
        **rest,
    )
