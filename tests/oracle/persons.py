"""Keys of every kind, and worlds: signed roots and delegations with people who may and people who may not.

The rosters here are the ground truth of the simulated runs: which of the keys are good for which role and where is
written down by hand, and asked of neither gate.
"""

import base64
import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.oracle import envelope
from tests.oracle.cbor import write
from tests.oracle.envelope import P256_ORDER, key_id
from tests.oracle.records import (
    CANCEL,
    COMMUNE,
    CONTENT,
    DELEGATION,
    EMERGENCY,
    EXCEPTION,
    FIRMWARE,
    ROOT,
    SCHEDULE,
    STOP,
)

NOW_S: Final = 1_795_478_400
DAY_S: Final = 86_400
PATH: Final = ("77", "77-26506", "77-26506-03")
ELSEWHERE: Final = ("77-26560", "77-26506-04", "79", "77-2650")
DOMAIN: Final = ("77", "test")
PARTY: Final = ["console.example", ["https://console.example", "https://console.example:8443"]]


def aad(domain: tuple[str, str], family: int) -> bytes:
    return write(["loalang", 1, *domain, family])


@dataclass(frozen=True)
class Key:
    """One key: `ed` and `p256` sign bytes, `ed-passkey` and `p256-passkey` sign assertions."""

    name: str
    kind: str = "ed"

    @cached_property
    def _seed(self) -> bytes:
        return sha256(f"loalang test key of {self.name}".encode()).digest()

    @cached_property
    def _private(self) -> Any:
        if self.kind.startswith("ed"):
            return Ed25519PrivateKey.from_private_bytes(self._seed)
        return ec.derive_private_key(int.from_bytes(self._seed, "big") % P256_ORDER, ec.SECP256R1())

    @cached_property
    def public(self) -> bytes:
        if self.kind.startswith("ed"):
            return bytes(self._private.public_key().public_bytes_raw())
        return bytes(self._private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint))

    @property
    def id(self) -> bytes:
        return key_id(self.public)

    @property
    def is_passkey(self) -> bool:
        return self.kind.endswith("passkey")

    def raw(self, message: bytes, *, high: bool = False) -> bytes:
        if self.kind.startswith("ed"):
            return bytes(self._private.sign(message))
        r, s = decode_dss_signature(self._private.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True)))
        s = max(s, P256_ORDER - s) if high else min(s, P256_ORDER - s)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    @property
    def algorithm(self) -> int:
        return {"ed": -8, "p256": -7, "ed-passkey": -70008, "p256-passkey": -70007}[self.kind]

    def row(self, payload: bytes, family: int, domain: tuple[str, str] = DOMAIN, **odd: Any) -> list[Any]:
        """A COSE_Signature as it stands in the envelope; `odd` makes it wrong in one of the ways that it can be."""
        algorithm = odd.get("algorithm", self.algorithm)
        protected = write({1: algorithm})
        message = write(["Signature", write({16: family}), protected, aad(domain, family), payload])
        header: dict[Any, Any] = {4: odd.get("kid", self.id)}
        if algorithm in envelope.PASSKEY:
            authenticator, client = assertion(message, **odd)
            header[-70000] = short(authenticator, client, sha256(message).digest())
            message = authenticator + sha256(client).digest()
        return [protected, header, self.raw(message, high=odd.get("high", False))]


def assertion(message: bytes, **odd: Any) -> tuple[bytes, bytes]:
    challenge = base64.urlsafe_b64encode(sha256(message).digest()).decode().rstrip("=")
    said = {"type": "webauthn.get", "challenge": challenge, "origin": PARTY[1][0], "crossOrigin": False}
    said |= odd.get("said", {})
    client = json.dumps(
        {key: value for key, value in said.items() if value != "absent"}, separators=(",", ":")
    ).encode()
    authenticator = sha256(odd.get("rp_id", PARTY[0]).encode()).digest() + bytes([odd.get("flags", 5)]) + bytes(4)
    return odd.get("authenticator", lambda data: data)(authenticator), odd.get("client", lambda data: data)(client)


def short(authenticator: bytes, client: bytes, challenge: bytes) -> list[Any]:
    """As it travels: the origin that stands there, and what follows. What is written otherwise travels as a rest."""
    head = envelope.client_data(challenge, "", b"")[:-1]
    origin, quote, rest = client.removeprefix(head).partition(b'"')
    if client.startswith(head) and quote:
        return [authenticator[-5:], origin.decode(), rest]
    return [authenticator[-5:], PARTY[1][0], b"," + client[:249]]


def sign(payload: bytes, family: int, rows: list[Any]) -> bytes:
    return b"\xd8\x62" + write([write({16: family}), {}, payload, rows])


@dataclass(frozen=True)
class Row:
    """A line of the roots or of a delegation."""

    key: Key
    person: str
    roles: tuple[int, ...]
    scope: tuple[str, ...] = ("77",)
    since: int = 0
    until: int = 2**32 - 1
    delegated: bool = False

    def fields(self) -> list[Any]:
        party = 1 if self.key.is_passkey else 0
        return [self.key.public, self.person, list(self.roles), list(self.scope), self.since, self.until, party]

    def speaks_for(self, role: int, unit: str) -> bool:
        """Whether this line gives the role for this unit; the province is not a commune's to speak for."""
        scope = [top for top in self.scope if role != COMMUNE or top != "77"]
        return role in self.roles and any(unit == top or unit.startswith(top + "-") for top in scope)


_ORDERS = (EMERGENCY, CANCEL, STOP)
GOOD: Final = (
    Row(Key("Hoa"), "Hoa", (*_ORDERS, CONTENT, DELEGATION, EXCEPTION)),
    Row(Key("Hoa's phone"), "Hoa", _ORDERS),
    Row(Key("Minh"), "Minh", (*_ORDERS, CONTENT, DELEGATION, EXCEPTION)),
    Row(Key("Minh's passkey", "p256-passkey"), "Minh", _ORDERS),
    Row(Key("Bình's passkey", "ed-passkey"), "Bình", _ORDERS),
    Row(Key("Cường's browser", "p256"), "Cường", _ORDERS),
    Row(Key("Lan"), "Lan", (*_ORDERS, CONTENT), ("77-26506",)),
    Row(Key("Dung"), "Dung", _ORDERS, ("77-26560", "77-26506")),
    Row(Key("Em's passkey", "p256-passkey"), "Em", (*_ORDERS, COMMUNE), ("77-26506-03",)),
    Row(Key("Hải's panel"), "Hải", (COMMUNE,), ("77-26506",)),
    Row(Key("stranger 13480"), "Song", _ORDERS),
    Row(Key("stranger 195040"), "Sinh", _ORDERS),
)
"""Who may order something here. The last two have one key id."""
USELESS: Final = (
    Row(Key("Xa"), "Xa", (*_ORDERS, COMMUNE), ("77-26560",)),
    Row(Key("Xuân"), "Xuân", (*_ORDERS, COMMUNE), ("77-26506-04", "79", "77-2650")),
    Row(Key("Quý"), "Quý", (COMMUNE,)),
    Row(Key("Cũ"), "Cũ", (*_ORDERS, COMMUNE), ("77", "77-26506"), until=NOW_S - 2 * DAY_S),
    Row(Key("Mới"), "Mới", (*_ORDERS, COMMUNE), ("77", "77-26506"), since=NOW_S + 20 * DAY_S),
    Row(Key("Tuấn"), "Tuấn", (FIRMWARE, CONTENT)),
    Row(Key("controller"), "controller", (SCHEDULE, 6)),
    Row(Key("root A"), "Sơn", (ROOT,)),
    Row(Key("root B"), "Thủy", (ROOT,)),
    Row(Key("root C"), "Hà", (ROOT,)),
    Row(Key("lost phone"), "Mất", (*_ORDERS, COMMUNE), ("77", "77-26506")),
)
"""Who may not: of another place, of another time, of other roles, and one whose key is revoked."""
MACHINES: Final = (
    Row(Key("commune's server"), "Máy chủ xã", (SCHEDULE,), ("77-26506",)),
    Row(Key("far server"), "Máy chủ xa", (SCHEDULE,), ("77-26560",)),
    Row(Key("old server"), "Máy chủ cũ", (SCHEDULE,), until=NOW_S - 2 * DAY_S),
    Row(Key("lost server"), "Máy chủ mất", (SCHEDULE,)),
)
"""Whose schedules count here, those of another place, those of another time; the last is revoked by a list."""
STRANGER: Final = Row(Key("nobody"), "Nobody", ())
DELEGATED: Final = (
    Row(Key("Nga's panel"), "Nga", (COMMUNE,), ("77-26506",), delegated=True),
    Row(Key("Quang"), "Quang", (STOP, COMMUNE), ("77-26506", "77-26506-03"), delegated=True),
    Row(Key("Lan"), "Lan under another name", (STOP, COMMUNE), ("77-26506",), delegated=True),
)
DELEGATED_LOWER: Final = (
    Row(Key("Tâm's passkey", "p256-passkey"), "Tâm", (COMMUNE, STOP), ("77-26506-03",), delegated=True),
)
BADLY_DELEGATED: Final = Row(Key("Bậy"), "Bậy", (COMMUNE, STOP), ("77-26506",), delegated=True)
ROOTS_SIGNERS: Final = (Key("root A"), Key("root B"))
BOUNDS: Final = ((COMMUNE, ("77",), 30), (STOP, ("77-26506", "77-26506-03"), 100), (CONTENT, ("77",), 400))


@dataclass(frozen=True)
class World:
    """Who is trusted by one box: bytes for both gates to open, and beside them the truth about the people."""

    roots: tuple[bytes, ...]
    """One version after the other."""
    delegations: tuple[bytes, ...]
    good: tuple[Row, ...]
    takes: dict[int, int] = field(hash=False)
    version: int
    expires: int
    useless: tuple[Row, ...] = USELESS


def roots(version: int, rows: tuple[Row, ...], thresholds: dict[int, int], **other: Any) -> list[Any]:
    fields = {
        "version": version,
        "province": "77",
        "environment": "test",
        "issued": NOW_S - 10 * DAY_S,
        "expires": NOW_S + 300 * DAY_S,
        "thresholds": [[role, persons] for role, persons in thresholds.items()],
        "holders": [row.fields() for row in rows],
        "eras": [],
        "policies": [],
        "parties": [PARTY],
        "bounds": [[role, list(scope), days] for role, scope, days in BOUNDS],
        "events": ["flood", "fire"],
    }
    return list((fields | other).values())


def delegation(unit: str, rows: tuple[Row, ...], *signers: Key, **other: Any) -> bytes:
    fields = {
        "unit": unit,
        "era": 0,
        "version": 1,
        "epoch": 1,
        "issued": NOW_S - 5 * DAY_S,
        "expires": NOW_S + 60 * DAY_S,
        "holders": [row.fields() for row in rows],
        "revoked": [],
        "reason": "",
    }
    payload = write(list((fields | other).values()))
    return sign(payload, envelope.DELEGATION, [key.row(payload, envelope.DELEGATION) for key in signers])


def signed_roots(fields: list[Any], *signers: Key) -> bytes:
    payload = write(fields)
    return sign(payload, envelope.ROOTS, [key.row(payload, envelope.ROOTS) for key in signers or ROOTS_SIGNERS])


BAD_DELEGATIONS: Final[dict[str, dict[str, Any]]] = {
    "of one administrator": {"signers": ("Hoa", "Hoa")},
    "of somebody else": {"signers": ("Lan", "Tuấn")},
    "of another era": {"era": 1},
    "of newer roots": {"epoch": 99},
    "ended": {"issued": NOW_S - 9 * DAY_S, "expires": NOW_S - DAY_S},
    "out of its bound's days": {"issued": NOW_S - 31 * DAY_S},
    "gives EMERGENCY": {"roles": (EMERGENCY, COMMUNE, STOP)},
    "gives another unit": {"scope": ("77-26506", "77-26560")},
    "expires before it is issued": {"expires": NOW_S - 5 * DAY_S},
    "dated ahead": {"issued": NOW_S + 301},
    "names a server's key": {"names": Row(Key("controller"), "Nga too", (COMMUNE,), ("77-26506",))},
    "writes a name in another way": {"names": Row(Key("Nga's panel"), "Nga ", (COMMUNE,), ("77-26506",))},
}


def bad_delegation(how: str) -> bytes:
    """A delegation from which nobody may sign anything now."""
    wrong = dict(BAD_DELEGATIONS[how])
    signers = [Key(name) for name in wrong.pop("signers", ("Hoa", "Minh"))]
    row = BADLY_DELEGATED
    row = Row(row.key, row.person, wrong.pop("roles", row.roles), wrong.pop("scope", row.scope), delegated=True)
    names = (wrong.pop("names"),) if "names" in wrong else ()
    return delegation("77-26506", (row, *names), *signers, **wrong)


@lru_cache
def worlds() -> tuple[World, ...]:
    """Every mixture of thresholds, delegations and roots that followed others."""
    found = []
    everybody = GOOD + USELESS + MACHINES
    lost = [sha256(Key(name).public).digest() for name in ("lost phone", "root A", "lost server")]
    good_delegations = (
        delegation("77-26506-03", DELEGATED_LOWER, Key("Minh"), Key("Hoa")),
        delegation("77-26506", DELEGATED, Key("Hoa"), Key("Minh"), revoked=lost),
    )
    for thresholds in ({ROOT: 2}, {ROOT: 2, EMERGENCY: 1, STOP: 2}, {ROOT: 2, EMERGENCY: 3, CANCEL: 2, COMMUNE: 1}):
        takes = {EMERGENCY: max(2, thresholds.get(EMERGENCY, 2)), COMMUNE: 1}
        takes |= {role: thresholds.get(role, 1) for role in (CANCEL, STOP)}
        first = signed_roots(roots(7, everybody, thresholds))
        good: tuple[Row, ...] = GOOD + DELEGATED + DELEGATED_LOWER
        found.append(World((first,), good_delegations, good, takes, 7, NOW_S + 300 * DAY_S))
        # No delegations at all: whose key was lost is left out, since nobody has revoked it.
        bare = tuple(row for row in USELESS if row.person != "Mất")
        found.append(World((first,), (), GOOD, takes, 7, NOW_S + 300 * DAY_S, bare))
        found += [
            World((first,), (good_delegations[0], bad_delegation(how)), GOOD + DELEGATED_LOWER, takes, 7,
                  NOW_S + 300 * DAY_S, (*bare, BADLY_DELEGATED))
            for how in BAD_DELEGATIONS
        ]  # fmt: skip
        # Minh administers and signs orders with one key: a list leaves it nothing but the administrator's role.
        minh = GOOD[2]
        lost_too = delegation("77-26506", (), Key("Hoa"), Key("Minh"), revoked=[sha256(minh.key.public).digest()])
        good = tuple(row for row in GOOD if row is not minh)
        found.append(World((first,), (lost_too,), good, takes, 7, NOW_S + 300 * DAY_S, (*bare, minh)))
        # The next version: Cường is gone, and DELEGATION begins a new era, so that the old lists count no more.
        rest = tuple(row for row in everybody if row.person not in ("Cường", "Mất"))
        new = roots(9, rest, thresholds, expires=NOW_S + 2 * DAY_S, eras=[[DELEGATION, 1]])
        good = tuple(row for row in GOOD if row.person != "Cường")
        gone = (*bare, GOOD[5], BADLY_DELEGATED)
        found.append(World((first, signed_roots(new)), good_delegations, good, takes, 9, NOW_S + 2 * DAY_S, gone))
        # A version that only one root key signed is not taken: Cường stays.
        lonely = signed_roots(new, Key("root A"), Key("root A"))
        found.append(World((first, lonely), (), GOOD, takes, 7, NOW_S + 300 * DAY_S, bare))
    return tuple(found)
