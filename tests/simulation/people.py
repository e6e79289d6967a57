"""Who is who in the simulated province, and everything that anybody signs: honest officers and thieves alike."""

from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from protocol.approval import QuietException
from protocol.codec import encode
from protocol.compose import order_id, signed_order
from protocol.delegation import Delegation
from protocol.manifest import Assignment, Hours, Level, Manifest, Policy
from protocol.order import MessageType, Order, Severity, Sound, Status
from protocol.roles import Bound, Era, Holder, Role, Roots, Threshold
from protocol.signing import Domain, Family, KeySigner, sign, sign1
from tests.support.small_controller import key

PROVINCE: Final = "77"
COMMUNE_A, COMMUNE_B = "77-1001", "77-1002"
DOMAIN: Final = Domain(PROVINCE, "test")
EPOCH_S: Final = 1_795_500_000
"""When every simulation begins: 2026-11-24, 13:00 in Vietnam."""
QUIET: Final = Hours(21 * 3600, 5 * 3600)

_PEOPLE: Final = {
    "Hoa": (PROVINCE, (Role.EMERGENCY, Role.CANCEL, Role.STOP, Role.CONTENT)),
    "Minh": (PROVINCE, (Role.EMERGENCY, Role.CANCEL, Role.STOP)),
    "Lan": (COMMUNE_A, (Role.EMERGENCY, Role.CANCEL, Role.COMMUNE)),
    "Dung": (COMMUNE_B, (Role.EMERGENCY, Role.CANCEL, Role.COMMUNE)),
    "Sơn": (PROVINCE, (Role.DELEGATION, Role.EXCEPTION)),
    "Thủy": (PROVINCE, (Role.DELEGATION, Role.EXCEPTION)),
}
ROOTERS: Final = ("root", "second root")
"""Who holds the first root keys; both of them sign."""
MACHINE: Final = "controller"


def roots(
    version: int = 1,
    *,
    without: tuple[str, ...] = (),
    eras: tuple[Era, ...] = (),
    rooters: tuple[str, ...] = ROOTERS,
    machine: str = MACHINE,
    **changes: Any,
) -> Roots:
    """`without` are people who were taken out, `machine` is the name of the controller's key."""
    people = {
        **_PEOPLE,
        machine: (PROVINCE, (Role.SCHEDULE, Role.TIMESTAMP)),
        **dict.fromkeys(rooters, (PROVINCE, (Role.ROOT,))),
    }
    holders = tuple(
        Holder(key(name).public_key, name, roles, (scope,))
        for name, (scope, roles) in people.items()
        if name not in without
    )
    record = Roots(
        version,
        PROVINCE,
        "test",
        EPOCH_S - 3_600 + min(version, 3_600),
        EPOCH_S + 400 * 86_400,
        (Threshold(Role.ROOT, 2), Threshold(Role.EMERGENCY, 2)),
        holders,
        eras=eras,
        policies=(Policy(Level.PROVINCE, quiet=(QUIET,)),),
        bounds=tuple(Bound(role, (PROVINCE,), 400) for role in (Role.COMMUNE, Role.CONTENT, Role.STOP)),
        events=("flood", "fire"),
    )
    return replace(record, **changes)


def signed_roots(record: Roots, *signers: str) -> bytes:
    domain = Domain(record.province, record.environment)
    return sign(encode(record), Family.ROOTS, domain, *(key(name) for name in signers or ROOTERS))


def signed_delegation(record: Delegation, *signers: str) -> bytes:
    return sign(encode(record), Family.DELEGATION, DOMAIN, *(key(name) for name in signers or ("Sơn", "Thủy")))


def signed_exception(record: QuietException, *signers: str) -> bytes:
    return sign(encode(record), Family.EXCEPTION, DOMAIN, *(key(name) for name in signers or ("Sơn", "Thủy")))


def signed_manifest(record: Manifest, signer: str = "controller") -> bytes:
    return sign1(encode(record), Family.MANIFEST, DOMAIN, key(signer))


def signed_assignment(record: Assignment, signer: str = "controller") -> bytes:
    return sign1(encode(record), Family.ASSIGNMENT, DOMAIN, key(signer))


@dataclass(frozen=True)
class Charter:
    """What the province's newest roots say, as far as a script changes it."""

    version: int = 1
    without: tuple[str, ...] = ()
    rooters: tuple[str, ...] = ROOTERS
    machine: str = MACHINE
    eras: tuple[Era, ...] = ()

    def record(self) -> Roots:
        return roots(self.version, without=self.without, eras=self.eras, rooters=self.rooters, machine=self.machine)

    def signed(self, *more: str) -> bytes:
        """By its own root keys, and by `more`."""
        return signed_roots(self.record(), *dict.fromkeys((*self.rooters, *more)))

    def era(self, role: Role) -> int:
        return next((row.number for row in self.eras if row.role is role), 0)


@dataclass
class Pen:
    """Numbers orders as an honest controller does: one sequence for each first signer."""

    numbers: dict[str, int]

    def order(
        self, now_s: int, kind: MessageType, signers: tuple[str, ...], area: tuple[str, ...], **changes: Any
    ) -> tuple[Order, bytes]:
        """Composed and signed by these, the first of whom it is counted for."""
        first = signers[0]
        number = self.numbers[first] = self.numbers.get(first, 0) + 1
        usual = {
            MessageType.ALERT: Role.EMERGENCY,
            MessageType.UPDATE: Role.EMERGENCY,
            MessageType.CANCEL: Role.CANCEL,
            MessageType.STOP: Role.STOP,
            MessageType.REINSTATE: Role.CANCEL,
        }
        sounds = kind in (MessageType.ALERT, MessageType.UPDATE)
        values: dict[str, Any] = {
            "id": order_id(key(first).public_key, number.to_bytes(12, "big")),
            "province": PROVINCE,
            "environment": "test",
            "role": usual[kind],
            "epoch": 1,
            "sequence": number,
            "issued": now_s,
            "not_before": now_s,
            "expires": now_s + 900,
            "status": Status.ACTUAL,
            "type": kind,
            "severity": Severity.SEVERE,
            "event": "flood",
            "area": area,
            "sound": Sound(1, chime=0, repeats=1, gap_s=0) if sounds else None,
        }
        order = Order(**values | changes)
        return order, signed(order, *signers)


def signed(order: Order, *signers: str) -> bytes:
    return signed_order(order, *(key(name) for name in signers))


def signer(name: str) -> KeySigner:
    return key(name)
