"""The people, keys and places of the tests. Keys come from fixed seeds: they are nobody's."""

from typing import Any, Final

import msgspec

from protocol.clock import ClockReading
from protocol.compose import order_id, signed_order
from protocol.gate import Me, ReplayWindow
from protocol.ids import box_id, sha256
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.report import ClockQuality
from protocol.roles import Holder, Role, Roots, Threshold
from protocol.signing import Domain, KeySigner


def key(name: str) -> KeySigner:
    """The test key of this name."""
    return KeySigner.from_seed(sha256(f"loalang test key of {name}".encode()))


HOA, HOA_PHONE, MINH, LAN, DUNG, TUAN = (key(name) for name in ("Hoa", "Hoa's phone", "Minh", "Lan", "Dung", "Tuấn"))
"""Hoa and Minh answer for the province, Lan and Dung for one commune; Tuấn is a technician and signs no orders."""
CONTROLLER, ROOT_A, ROOT_B, BOX = (key(name) for name in ("controller", "root A", "root B", "box"))

PROVINCE, COMMUNE, HAMLET = "77", "77-26506", "77-26506-03"
OTHER_COMMUNE: Final = "77-26560"
DOMAIN: Final = Domain(PROVINCE, "test")
BOX_ID: Final = box_id(BOX.public_key)

NOW_S: Final = 1_795_478_400  # 2026-11-24T00:00:00Z
NOW_MS: Final = NOW_S * 1000
CLOCK: Final = ClockReading(NOW_MS - 50, NOW_MS, ClockQuality.NTP)


def holder(signer: KeySigner, person: str, *roles: Role, scope: tuple[str, ...] = (PROVINCE,), **more: Any) -> Holder:
    return Holder(signer.public_key, person, roles, scope, **more)


SIGNS_ORDERS: Final = (Role.EMERGENCY, Role.CANCEL)

ROOTS: Final = Roots(
    version=7,
    province=PROVINCE,
    environment="test",
    issued=NOW_S - 86_400,
    expires=NOW_S + 365 * 86_400,
    thresholds=(Threshold(Role.EMERGENCY, 2), Threshold(Role.CANCEL, 1)),
    holders=(
        holder(HOA, "Hoa", *SIGNS_ORDERS),
        holder(HOA_PHONE, "Hoa", *SIGNS_ORDERS),
        holder(MINH, "Minh", *SIGNS_ORDERS),
        holder(LAN, "Lan", *SIGNS_ORDERS, scope=(COMMUNE,)),
        holder(DUNG, "Dung", *SIGNS_ORDERS, scope=(COMMUNE, OTHER_COMMUNE)),
        holder(TUAN, "Tuấn", Role.FIRMWARE),
        holder(CONTROLLER, "controller", Role.SCHEDULE, Role.TIMESTAMP),
    ),
)

FLOOD: Final = Order(
    id=order_id(HOA.public_key, b"flood at dam"),
    province=PROVINCE,
    environment="test",
    epoch=7,
    sequence=1,
    issued=NOW_S - 10,
    not_before=NOW_S - 10,
    expires=NOW_S + 3_590,
    status=Status.ACTUAL,
    type=MessageType.ALERT,
    severity=Severity.EXTREME,
    event="flood",
    area=(COMMUNE,),
    sound=Sound(1),
)

CANCEL: Final = msgspec.structs.replace(
    FLOOD,
    id=order_id(HOA.public_key, b"cancel flood"),
    sequence=2,
    type=MessageType.CANCEL,
    sound=None,
    references=(FLOOD.id,),
)


def changed(order: Order, **fields: Any) -> Order:
    """The order with other values in some fields."""
    return msgspec.structs.replace(order, **fields)


def signed(order: Order, *signers: KeySigner) -> bytes:
    """As it travels; Hoa and Minh sign unless others are named."""
    return signed_order(order, *(signers or (HOA, MINH)))


def box(**known: Any) -> Me:
    """A box in the hamlet that has every built-in message and remembers nothing but what is given."""
    fields: dict[str, Any] = {
        "domain": DOMAIN,
        "units": (PROVINCE, COMMUNE, HAMLET),
        "seen": frozenset[bytes](),
        "windows": dict[bytes, ReplayWindow](),
        "cancelled": dict[bytes, int](),
        "levels": dict[bytes, int](),
        "accepted_at_ms": (),
        "has_sound": lambda message: isinstance(message, int) and message <= 90,
    }
    return Me(**fields | known)
