"""The people, keys and places of the tests. Keys come from fixed seeds: they are nobody's."""

from typing import Any, Final

import msgspec

from protocol.clock import ClockReading
from protocol.compose import order_id, signed_order
from protocol.gate import Ending, Known, Me, ReplayWindow
from protocol.ids import box_id, sha256
from protocol.live import LiveSession
from protocol.manifest import Hours, Level, Policy
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.report import ClockQuality
from protocol.roles import Bound, Holder, Role, Roots, Threshold
from protocol.signing import Domain, KeySigner
from protocol.trust import Trust
from tests.protocol import passkeys


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


SIGNS_ORDERS: Final = (Role.EMERGENCY, Role.CANCEL, Role.CONTENT, Role.STOP)
ADMINISTERS: Final = (Role.DELEGATION, Role.EXCEPTION)
PASSKEY: Final = passkeys.Passkey("Minh", "console.example", "https://console.example")
"""Minh's phone."""

ROOTS: Final = Roots(
    version=7,
    province=PROVINCE,
    environment="test",
    issued=NOW_S - 86_400,
    expires=NOW_S + 365 * 86_400,
    thresholds=(Threshold(Role.ROOT, 2), Threshold(Role.EMERGENCY, 2), Threshold(Role.CANCEL, 1)),
    holders=(
        holder(HOA, "Hoa", *SIGNS_ORDERS, *ADMINISTERS),
        holder(HOA_PHONE, "Hoa", *SIGNS_ORDERS),
        holder(MINH, "Minh", *SIGNS_ORDERS, *ADMINISTERS),
        Holder(PASSKEY.public_key, "Minh", SIGNS_ORDERS, (PROVINCE,), party=1),
        holder(LAN, "Lan", *SIGNS_ORDERS, scope=(COMMUNE,)),
        holder(DUNG, "Dung", *SIGNS_ORDERS, scope=(COMMUNE, OTHER_COMMUNE)),
        holder(TUAN, "Tuấn", Role.FIRMWARE),
        holder(CONTROLLER, "controller", Role.SCHEDULE, Role.TIMESTAMP),
        holder(ROOT_A, "Sơn", Role.ROOT),
        holder(ROOT_B, "Thủy", Role.ROOT),
    ),
    policies=(Policy(Level.PROVINCE, quiet=(Hours(21 * 3600, 5 * 3600),)),),
    parties=(PASSKEY.party,),
    bounds=(
        Bound(Role.COMMUNE, (PROVINCE,), 400),
        Bound(Role.CONTENT, (PROVINCE,), 400),
        Bound(Role.STOP, (PROVINCE,), 400),
    ),
    events=("flood", "fire"),
)
TRUST: Final = Trust(ROOTS)

FLOOD: Final = Order(
    id=order_id(HOA.public_key, b"flood at dam"),
    province=PROVINCE,
    environment="test",
    role=Role.EMERGENCY,
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
    role=Role.CANCEL,
    type=MessageType.CANCEL,
    sound=None,
    references=(FLOOD.id,),
)

STOP: Final = msgspec.structs.replace(
    FLOOD,
    id=order_id(LAN.public_key, b"stop  speech"),
    role=Role.STOP,
    sequence=1,
    type=MessageType.STOP,
    sound=None,
    reason="loa hỏng",
)
"""Lan stops the speakers of her commune."""

REINSTATE: Final = msgspec.structs.replace(
    STOP,
    id=order_id(LAN.public_key, b"speech again"),
    sequence=2,
    type=MessageType.REINSTATE,
    references=(STOP.id,),
    reason="",
)


SPEAKER: Final = key("a page that speaks")
LIVE: Final = LiveSession(
    id=bytes(range(16)),
    province=PROVINCE,
    environment="test",
    role=Role.COMMUNE,
    epoch=7,
    issued=NOW_S - 5,
    not_before=NOW_S - 5,
    expires=NOW_S + 895,
    area=(COMMUNE,),
    boxes=(),
    key=SPEAKER.public_key,
    attached=None,
    reason="Nhắc bà con họp thôn",
)
"""Lan speaks to her commune for a quarter of an hour."""


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
        "known": dict[bytes, Known](),
        "ended": dict[bytes, tuple[Ending, ...]](),
        "recent": (),
        "has_sound": lambda message: isinstance(message, int) and message <= 90,
    }
    return Me(**fields | known)
