"""The judge of live sessions (README §7, "Live voice"), written anew from the specification; and cases for both.

Unlike the oracle of orders it is by the hand that wrote the product's judge: it finds slips, not misreadings.

A case is a session that is right in every way, or that is wrong in exactly one, or whose fields and bytes were changed
at random.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.oracle import envelope, records
from tests.oracle import trust as trusted
from tests.oracle.cbor import RefusedError, write
from tests.oracle.hostile import ODD, mutated
from tests.oracle.persons import DOMAIN, NOW_S, PATH, STRANGER, Key, Row, World, sign, worlds
from tests.oracle.trust import Grant, OracleTrust

BOX: Final = "abcdefgh234567ij"
FIELDS: Final = (
    "id", "province", "environment", "role", "epoch", "issued", "not_before", "expires", "area", "boxes", "key",
    "attached", "reason",
)  # fmt: skip
_SILENT: Final = [role for role in range(11) if role not in (records.COMMUNE, records.EMERGENCY)]
"""Roles that speak nowhere."""


@dataclass(frozen=True)
class Me:
    """The box."""

    seen: frozenset[bytes] = frozenset()
    alarms: Mapping[bytes, int] | None = None
    box: str = BOX
    path: tuple[str, ...] = PATH


def judge(raw: bytes, trust: OracleTrust, clock: tuple[int, int, int], me: Me) -> str:
    """The code, or ACCEPT and the level."""
    return next(_answers(raw, trust, clock, me))


def _answers(raw: bytes, trust: OracleTrust, clock: tuple[int, int, int], me: Me) -> Iterator[str]:
    """Each question that fails says so; only the first answer is ever asked for."""
    if len(raw) > 4096:
        yield "TOO_LONG"
    try:
        opened = envelope.open_envelope(raw, envelope.LIVE)
        said = records.live(opened.payload)
    except RefusedError:
        yield "MALFORMED"
    roots, (_, latest, quality) = trust.roots, clock
    timed = quality > 1
    if said.role not in (records.COMMUNE, records.EMERGENCY):
        yield "SHAPE"
    if not (said.province, said.environment) == DOMAIN == (roots.province, roots.environment):
        yield "DOMAIN"
    if said.epoch > roots.version:
        yield "ROOTS_NEWER"
    takes = trusted.takes(roots, said.role)
    if len(opened.signatures) > takes:
        yield "SURPLUS"
    signed = trusted.signers(opened, roots, trust.grants, said.role, latest if timed else said.issued * 1000)
    if trusted.people(signed) < takes:
        yield "THRESHOLD" if signed else "SIGNATURE"
    if timed and roots.expires * 1000 <= latest:
        yield "ROOTS_EXPIRED"
    meant = not said.boxes or me.box in said.boxes
    named = [unit for unit in me.path if unit in said.area] if meant else []
    if named and trusted.people(_for(signed, named[-1], said.role)) < takes:
        yield "SCOPE"
    if not named:
        yield "AREA"
    level = next(place for place, unit in enumerate(me.path) if trusted.people(_for(signed, unit, said.role)) >= takes)
    yield from _of_past(said, level, me)
    yield from _of_time(said, latest, timed=timed)
    yield f"ACCEPT {level}"


def _of_past(said: records.Live, level: int, me: Me) -> Iterator[str]:
    if said.id in me.seen:
        yield "DUPLICATE"
    if said.attached is not None and (me.alarms or {}).get(said.attached, -1) < level:
        yield "AUTHORITY"


def _of_time(said: records.Live, latest: int, *, timed: bool) -> Iterator[str]:
    if not timed:
        yield "NO_TIME"
    if said.expires * 1000 <= latest:
        yield "EXPIRED"
    if said.issued * 1000 > latest + 300_000:
        yield "FUTURE"
    if said.expires <= max(said.issued, said.not_before) or said.expires - said.issued > 1800:
        yield "LIFETIME"


def _for(signed: list[Grant], unit: str, role: int) -> list[Grant]:
    """A commune's key never speaks as the province."""
    lowest = f"{DOMAIN[0]}-" if role == records.COMMUNE else DOMAIN[0]
    return [
        grant for grant in signed if any(trusted.covers(top, unit) and top.startswith(lowest) for top in grant.scope)
    ]


@dataclass(frozen=True)
class Case:
    name: str
    world: int
    raw: bytes
    clock: tuple[int, int, int]
    me: Me
    legitimate: bool | None


def case(rng: random.Random) -> Case:
    number = rng.randrange(len(worlds()))
    world = worlds()[number]
    role = rng.choice((records.COMMUNE, records.COMMUNE, records.EMERGENCY))
    place = rng.randrange(1 if role == records.COMMUNE else 0, len(PATH))
    who = _enough(rng, world, role, place)
    issued = NOW_S - rng.randrange(120)
    alarm = rng.randbytes(16)
    level = min(at for at in range(place + 1) if all(row.speaks_for(role, PATH[at]) for row in who))
    said: dict[str, Any] = {
        "id": rng.randbytes(16),
        "province": DOMAIN[0],
        "environment": DOMAIN[1],
        "role": role,
        "epoch": rng.choice((1, world.version)),
        "issued": issued,
        "not_before": rng.choice((0, issued, issued + 60)),
        "expires": issued + rng.choice((300, 1799, 1800)),
        "area": [PATH[place], *rng.sample(["77-26560", "79"], rng.randrange(2))],
        "boxes": rng.choice(([], [], [BOX], ["a" * 16, BOX], ["a" * 16] * 63 + [BOX])),
        "key": rng.randbytes(32),
        "attached": rng.choice((None, alarm)),
        "reason": "họp",
    }
    me = Me(alarms={alarm: rng.randint(level, 2)})
    clock = (NOW_S * 1000 - 50, NOW_S * 1000, 5)
    kind = rng.randrange(3)
    if kind == 0:
        return Case("right in every way", number, _signed(said, *_keys(who)), clock, me, True)
    if kind == 1:
        return _defective(rng, Case("", number, b"", clock, me, False), said, who, level)
    if rng.random() < 0.5:
        said[rng.choice(FIELDS)] = rng.choice(ODD)
        return Case("an odd value", number, _signed(said, *_keys(who)), clock, me, None)
    return Case("mutated bytes", number, mutated(_signed(said, *_keys(who)), rng), clock, me, None)


def _enough(rng: random.Random, world: World, role: int, place: int) -> list[Row]:
    """So many persons as the role takes, each of whom may speak for this unit of the path."""
    able = [row for row in world.good if row.speaks_for(role, PATH[place])]
    rng.shuffle(able)
    chosen: list[Row] = []
    for row in able:
        if len(chosen) < world.takes[role] and all(row.person != one.person and row.key != one.key for one in chosen):
            chosen.append(row)
    return chosen


def _keys(rows: list[Row]) -> list[Key]:
    return [row.key for row in rows]


def _signed(said: dict[str, Any], *keys: Key) -> bytes:
    payload = write([said[name] for name in FIELDS])
    return sign(payload, envelope.LIVE, [key.row(payload, envelope.LIVE) for key in keys])


def _defective(rng: random.Random, right: Case, said: dict[str, Any], who: list[Row], level: int) -> Case:
    world, clock, me = worlds()[right.world], right.clock, right.me
    useless = rng.choice(
        [row for row in world.useless if not row.speaks_for(said["role"], said["area"][0])] or [STRANGER]
    )
    stranger = rng.choice((STRANGER, useless))
    now = clock[1]
    defects: dict[str, dict[str, Any]] = {
        "somebody else signed": {"keys": (*_keys(who[1:]), stranger.key)},
        "one signature to spare": {"keys": (*_keys(who), Key("Ty"))},
        "one signature is missing": {"keys": tuple(_keys(who[1:]))},
        "of another role": {"said": {"role": rng.choice(_SILENT)}},
        "of another province": {"said": {"province": "79"}},
        "of another environment": {"said": {"environment": "demo"}},
        "under newer roots": {"said": {"epoch": world.version + 1}},
        "elsewhere": {"said": {"area": ["77-26560"]}},
        "to the province": {"said": {"area": ["77"], "role": records.COMMUNE}},
        "to other boxes": {"said": {"boxes": ["b" * 16]}},
        "to more boxes than a session names": {"said": {"boxes": [BOX] * 65}},
        "expired": {"said": {"issued": NOW_S - 900, "not_before": 0, "expires": NOW_S}},
        "from the future": {"said": {"issued": NOW_S + 301, "not_before": 0, "expires": NOW_S + 900}},
        "too long": {"said": {"expires": said["issued"] + 1801}},
        "begins at its end": {"said": {"not_before": said["expires"]}},
        "inside no alarm": {"said": {"attached": rng.randbytes(16)}},
        "inside a higher alarm": {"said": {"attached": bytes(16)}, "me": {"alarms": {bytes(16): level - 1}}},
        "heard before": {"me": {"seen": frozenset({said["id"]})}},
        "without time": {"clock": (0, now, 1)},
    }
    name = rng.choice(list(defects))
    wrong = defects[name]
    changed = said | wrong.get("said", {})
    raw = _signed(changed, *wrong.get("keys", tuple(_keys(who))))
    return Case(name, right.world, raw, wrong.get("clock", clock), replace(me, **wrong.get("me", {})), False)
