"""Adversarial cases with a known truth: an order that is right in every way, then wrong in exactly one.

`legitimate` says what must come of it by how it was made: True, False, or None where several things were changed at
random and only the agreement of the two gates is asked for.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.oracle import envelope
from tests.oracle.cbor import read, write
from tests.oracle.judge import ENDS, OWN_WORDS, Known, OracleMe, Recent
from tests.oracle.persons import DOMAIN, ELSEWHERE, NOW_S, PATH, STRANGER, USELESS, Key, Row, World, sign, worlds
from tests.oracle.records import (
    ACTUAL,
    ALERT,
    CANCEL,
    CANCELLATION,
    COMMUNE,
    EMERGENCY,
    EXERCISE,
    REINSTATEMENT,
    STOP,
    STOPPING,
    TEST,
    UPDATE,
)

FIELDS: Final = (
    "id", "province", "environment", "role", "epoch", "sequence", "issued", "not_before", "expires", "status", "type",
    "severity", "event", "area", "sound", "references", "board", "cap", "reason", "until",
)  # fmt: skip
SIGNS: Final = {
    ALERT: (EMERGENCY, COMMUNE),
    UPDATE: (EMERGENCY, COMMUNE),
    CANCELLATION: (CANCEL, COMMUNE),
    STOPPING: (STOP, CANCEL, COMMUNE),
    REINSTATEMENT: (STOP, CANCEL, COMMUNE),
}
MAX_BYTES: Final = 900
BLOB: Final = b"\x07" * 32
SPOKEN: Final = ("Di dời ngay", "115", "½", "ⅷ", "漢", "… ơ", "x" * 99)
UNSPOKEN: Final = ("", " ", "\n", "…!", "_-_", "☎", "\u0301", "\u200b", "\x00")
"""Neither letters nor numbers."""
NOW_MS: Final = NOW_S * 1000

Order = dict[str, Any]
Signer = Callable[[bytes], list[Any]]


@dataclass(frozen=True)
class Case:
    """One question to both gates."""

    name: str
    world: int
    raw: bytes
    clock: tuple[int, int, int]
    me: OracleMe
    legitimate: bool | None
    sounding: bool
    """Whether it would sound, were it accepted: an alert or an update that is not a test."""


@dataclass
class Draft:
    """An order in the making. A defect changes one thing; who signs comes last."""

    rng: random.Random
    world: World
    number: int
    order: Order
    place: int
    takes: int
    signers: list[Row]
    me: OracleMe
    clock: tuple[int, int, int]
    rows: list[Signer] | None = None
    change: Callable[[bytes], bytes] = lambda data: data
    """What happens to the finished bytes."""
    shipped: dict[str, Any] | None = None
    """What is written into the order after it was signed."""

    def raw(self) -> bytes:
        payload = encoded(self.order)
        rows = [row(payload) for row in self.rows or [by(who.key) for who in self.signers]]
        if self.shipped:
            payload = encoded(self.order | self.shipped)
        return self.change(sign(payload, envelope.ORDER, rows))

    def remember(self, **fields: Any) -> None:
        self.me = replace(self.me, **fields)


def encoded(order: Order) -> bytes:
    return write([order[name] for name in FIELDS])


def by(key: Key, **odd: Any) -> Signer:
    return lambda payload: key.row(payload, envelope.ORDER, **odd)


def draft(rng: random.Random) -> Draft:
    """An order that every check lets pass, in any of the ways in which one may."""
    number = rng.randrange(len(worlds()))
    world = worlds()[number]
    while True:
        kind = rng.choices((ALERT, UPDATE, CANCELLATION, STOPPING, REINSTATEMENT), (5, 3, 2, 2, 2))[0]
        role, place = rng.choice(SIGNS[kind]), rng.randrange(len(PATH))
        able = _able(world, role, place)
        if len({row.person for row in able}) >= world.takes[role]:
            break
    signers = _enough(rng, able, world.takes[role])
    first = signers[0].key
    status = rng.choices((ACTUAL, EXERCISE, TEST), (6, 2, 1))[0]
    if status == {STOPPING: EXERCISE, CANCELLATION: TEST, REINSTATEMENT: TEST}.get(kind):
        status = ACTUAL
    issued = NOW_S - rng.randrange(600)
    longest = 3600 if role == COMMUNE and kind in (ALERT, UPDATE) else 7200
    expires = issued + rng.choice((longest, longest, 601 + rng.randrange(longest - 601)))
    sounds = kind in (ALERT, UPDATE)
    message: int | bytes = BLOB if role != COMMUNE and rng.random() < 0.2 else rng.choice((*range(1, 8), OWN_WORDS))
    order = {
        "id": first.id + rng.randbytes(12),
        "province": DOMAIN[0],
        "environment": DOMAIN[1],
        "role": role,
        "epoch": rng.choice((1, world.version, world.version)),
        "sequence": rng.randint(1, 2**32 - 1) if rng.random() < 0.2 else rng.randint(1, 99),
        "issued": issued,
        "not_before": rng.choice((0, issued, issued, expires - 1)),
        "expires": expires,
        "status": status,
        "type": kind,
        "severity": rng.randint(1, 4),
        "event": rng.choice(("flood", "fire")) if role == COMMUNE else rng.choice(("flood", "storm-3")),
        "area": _area(rng, place),
        "sound": [message, rng.randint(0, 9), rng.randint(1, 9), rng.randint(0, 9), rng.choice((0, -60))]
        if sounds
        else None,
        "references": [],
        "board": rng.choice(SPOKEN if message == OWN_WORDS else ("", "Di dời ngay")),
        "cap": rng.choice((None, b"\x01" * 32)) if rng.random() < 0.2 else None,
        "reason": "",
        "until": issued + 900 if kind == STOPPING and rng.random() < 0.5 else None,
    }
    me = OracleMe(*DOMAIN, PATH, frozenset(), {}, frozenset(), {}, (), frozenset(range(1, 8)), frozenset({BLOB}), True)
    hi = NOW_MS + rng.randrange(999)
    clock = (hi - rng.choice((0, 50, 600_000)), hi, rng.randint(2, 6))
    if message == BLOB and order["board"] and rng.random() < 0.5:
        me = replace(me, blobs=frozenset())  # it has words that a box can speak
    made = Draft(rng, world, number, order, place, world.takes[role], signers, me, clock)
    _refer(made)
    return made


def _able(world: World, role: int, place: int) -> list[Row]:
    return [row for row in world.good if row.speaks_for(role, PATH[place])]


def _enough(rng: random.Random, able: list[Row], takes: int) -> list[Row]:
    """Exactly so many distinct persons; of Lan's two lines only one, since they are one key."""
    rng.shuffle(able)
    chosen: list[Row] = []
    for row in able:
        if len(chosen) < takes and all(row.person != one.person and row.key != one.key for one in chosen):
            chosen.append(row)
    return chosen


def _area(rng: random.Random, place: int) -> list[str]:
    area = [PATH[place], *rng.sample(PATH[:place], rng.randint(0, place)), *rng.sample(ELSEWHERE, rng.randint(0, 2))]
    rng.shuffle(area)
    return area


def _refer(made: Draft) -> None:
    """To something known of the own level or a lower one, to something unknown, or to both."""
    kind, rng = made.order["type"], made.rng
    if kind not in ENDS or (kind == UPDATE and (made.order["status"] == TEST or rng.random() < 0.3)):
        return
    names = [rng.randbytes(16) for _ in range(rng.randint(1, 3))]
    known = {
        name: Known(rng.randint(made.place, 3), made.order["status"], rng.choice(sorted(ENDS[kind])))
        for name in names
        if rng.random() < 0.6
    }
    made.order["references"] = names
    made.remember(known=known, seen=frozenset(known))


# Harmless: what may be there besides


def spice(made: Draft) -> None:
    """Things that change nothing about whether it is legitimate."""
    rng = made.rng
    first = made.signers[0].key.public
    if rng.random() < 0.4:  # a window in which this sequence is free, at its edges too
        sequence = made.order["sequence"]
        high = sequence + rng.choice((-50, -1, 1, 62, 63))
        used = {one for one in (high, high - 1, sequence - 1, sequence + 1) if 0 < one <= high} - {sequence}
        if used:
            made.remember(used={first: frozenset(used)})
    if rng.random() < 0.3:
        others = {made.rng.choice(USELESS).key.public: frozenset({made.order["sequence"]})}
        made.remember(used={**others, **made.me.used})
    if rng.random() < 0.3:
        made.remember(recent=tuple(_nearly_too_many(made)))
    if rng.random() < 0.2:  # an ending of another status or of a lower level says nothing here
        status = (made.order["status"] + 1) % 3
        ender = Known(0, status, CANCELLATION, (made.order["id"],))
        undone = Known(0, made.order["status"], CANCELLATION, (made.order["id"],))
        lower = Known(3, made.order["status"], CANCELLATION, (made.order["id"],))
        of_no_power = [kind for kind in range(5) if made.order["type"] not in ENDS.get(kind, ())]
        powerless = Known(0, made.order["status"], rng.choice(of_no_power), (made.order["id"],))
        more = {b"e" * 16: ender, b"u" * 16: undone, b"l" * 16: lower, b"p" * 16: powerless}
        made.remember(known={**made.me.known, **more}, ended=frozenset({b"u" * 16}))
    if rng.random() < 0.5:
        made.rows = [by(who.key) for who in made.signers]
        rng.shuffle(made.rows)


def _nearly_too_many(made: Draft) -> list[Recent]:
    """One less than the limit, and many that do not count."""
    order, now = made.order, made.clock[1]
    few = 19 if order["sound"] else 59
    like = Recent(now, order["severity"] if order["sound"] else 1, made.place, order["status"], order["type"])
    rows = [replace(like, at=now - made.rng.choice((0, 59_999))) for _ in range(few)]
    others = [
        replace(like, at=now - 60_000),
        replace(like, at=now + 60_000),
        replace(like, level=3),
        replace(like, type=CANCELLATION if order["sound"] else ALERT),
    ]
    if order["status"] < TEST:
        others.append(replace(like, status=order["status"] + 1))
    if order["sound"] and order["severity"] > 1:
        others.append(replace(like, severity=order["severity"] - 1))
    return rows + [row for row in others for _ in range(made.rng.choice((0, 61)))]


def useless(made: Draft) -> Signer:
    """A signature that adds no person: of nobody who may, of who is counted already, or over something else."""
    rng, role = made.rng, made.order["role"]
    ways: list[Callable[[], Signer]] = [
        lambda: by(rng.choice(made.world.useless).key),
        lambda: by(rng.choice([row for row in made.world.useless if row.person != "Quý"] + [STRANGER]).key),
        lambda: _elsewhere(made),
        lambda: _broken(made),
    ]
    if made.signers:
        ways.append(lambda: by(rng.choice(made.signers).key))
        ways.append(lambda: _second_key(made))
    lacking = [row for row in made.world.good if not row.speaks_for(role, PATH[made.place]) and _only(row, made)]
    if lacking:
        ways.append(lambda: by(rng.choice(lacking).key))
    return rng.choice(ways)()


def _only(row: Row, made: Draft) -> bool:
    """Whether no other line of this key or person would make it count."""
    return not any(
        other.speaks_for(made.order["role"], PATH[made.place])
        for other in made.world.good
        if other.key == row.key or other.person == row.person
    )


def _second_key(made: Draft) -> Signer:
    persons = {row.person for row in made.signers}
    return by(made.rng.choice([row for row in made.world.good if row.person in persons]).key)


def _elsewhere(made: Draft) -> Signer:
    """A good key over other bytes, for another province, or for another family."""
    key, rng = made.rng.choice(made.world.good).key, made.rng
    other = encoded(made.order | {"sequence": made.order["sequence"] % 1000 + 1000})
    return rng.choice(
        (
            lambda payload: key.row(other, envelope.ORDER),
            lambda payload: key.row(payload, envelope.ORDER, ("79", "test")),
            lambda payload: key.row(payload, envelope.ORDER, ("77", "production")),
            lambda payload: key.row(payload, envelope.APPROVAL),
        )
    )


BROKEN_CLIENT: Final[tuple[dict[str, Any], ...]] = (
    {"flags": 1},
    {"flags": 4},
    {"flags": 0},
    {"flags": 0x45},
    {"flags": 0x85},
    {"flags": 0x07},
    {"rp_id": "console.example.evil"},
    {"said": {"type": "webauthn.create"}},
    {"said": {"type": "absent"}},
    {"said": {"challenge": "AAAA"}},
    {"said": {"challenge": "absent"}},
    {"said": {"challenge": 7}},
    {"said": {"origin": "https://console.example.evil"}},
    {"said": {"origin": "https://console.example/"}},
    {"said": {"origin": ["https://console.example"]}},
    {"said": {"origin": "absent"}},
    {"said": {"crossOrigin": True}},
    {"said": {"crossOrigin": 0}},
    {"said": {"crossOrigin": None}},
    {"client": lambda data: data.replace(b'"crossOrigin"', b'"type":"webauthn.get","crossOrigin"')},
    {"client": lambda data: data.replace(b"false", b"NaN")},
    {"client": lambda data: data[:-1] + b',"x":NaN}'},
    {"client": lambda data: data[:-1] + b',"x":{"a":1,"a":2}}'},
    {"client": lambda data: data[:-1]},
    {"client": lambda data: b"\xef\xbb\xbf" + data},
    {"client": lambda data: data.decode().encode("utf-16")},
    {"client": lambda data: b"[" + data + b"]"},
    {"client": lambda data: b"[" * 400},
    {"client": lambda data: b"\xff" + data},
    {"client": lambda data: b"7" * 400},
)


def _broken(made: Draft) -> Signer:
    """A signature of a good key that is not made as that key must make it."""
    rng = made.rng
    row = rng.choice(made.world.good)
    key = row.key
    if key.is_passkey:
        curve = "ed" if key.kind.startswith("ed") else "p256"
        odd = rng.choice(BROKEN_CLIENT)
        if rng.random() < 0.7:
            return by(key, **odd)
        # A passkey that signs the bytes themselves, or with the other curve's name.
        return by(key, algorithm=rng.choice((-8, -7, -70007 if curve == "ed" else -70008)))
    if key.kind == "p256" and rng.random() < 0.5:
        return by(key, high=True)
    wrong = [-70008, -70007, -7 if key.kind == "ed" else -8]
    return rng.choice((by(key, algorithm=rng.choice(wrong)), by(key, kid=rng.randbytes(4)), _flipped(key, rng)))


def _flipped(key: Key, rng: random.Random) -> Signer:
    bit = rng.randrange(512)

    def row(payload: bytes) -> list[Any]:
        protected, header, signature = key.row(payload, envelope.ORDER)
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        return [protected, header, bytes(changed)]

    return row


# Defects: each makes an order illegitimate, for certain


def too_few(made: Draft) -> None:
    """One person short, whoever else signs beside them."""
    rng = made.rng
    all_of_them = made.signers
    made.signers = all_of_them[:-1]
    rng.shuffle(all_of_them)
    rows = [by(who.key) for who in made.signers]
    if rows:
        made.order["id"] = made.signers[0].key.id + made.order["id"][4:]
    fewest, most = (0 if rows else 1), (made.takes if rng.random() < 0.8 else 8) - len(rows)
    extra = [useless(made) for _ in range(rng.randint(fewest, max(fewest, most)))]
    made.rows = rows + extra
    rng.shuffle(made.rows)


def one_person_twice(made: Draft) -> None:
    """All that sign are one person, with as many keys as they have."""
    persons = {row.person for row in made.signers}
    person = made.rng.choice(sorted(persons))
    rows = [row for row in made.world.good if row.person == person or row.person.startswith(f"{person} ")]
    many = made.takes if made.rng.random() < 0.8 else 8
    made.rows = [by(made.rng.choice(rows).key) for _ in range(made.rng.randint(min(2, many), many))]
    if made.takes == 1:
        too_few(made)


def names_no_signer(made: Draft) -> None:
    made.rows = [by(who.key) for who in made.signers]
    signing = {who.key.id for who in made.signers}
    strange = [row.key.id for row in made.world.good + made.world.useless if row.key.id not in signing]
    made.order["id"] = made.rng.choice([*strange, bytes(4)]) + made.order["id"][4:]


def first_signer_did_not_sign_well(made: Draft) -> None:
    """The signature of the one whose key begins the id is spoiled; enough others may be there."""
    first = made.signers[0].key
    if made.takes == 1 or made.rng.random() < 0.5:
        made.rows = [_flipped(first, made.rng), *(by(who.key) for who in made.signers[1:])]
    else:
        made.rows = [by(who.key) for who in made.signers[1:]]


def with_a_spare_signature(made: Draft) -> None:
    """Enough, and one or more besides: somebody else's who may sign, or anything."""
    rng = made.rng
    able = [by(row.key) for row in made.world.good if row.speaks_for(made.order["role"], PATH[made.place])]
    spare = [rng.choice(able) if rng.random() < 0.5 else useless(made) for _ in range(rng.randint(1, 3))]
    made.rows = [by(who.key) for who in made.signers] + spare
    rng.shuffle(made.rows)


def changed_after_signing(made: Draft) -> None:
    rng, order = made.rng, made.order
    other: dict[str, Any] = {
        "sequence": order["sequence"] % 2**31 + 1,
        "epoch": order["epoch"] + 1 if order["epoch"] == 1 else 1,
        "issued": order["issued"] - 1,
        "not_before": order["not_before"] + 1 if order["not_before"] < order["expires"] - 1 else 0,
        "expires": order["expires"] - 1,
        "severity": order["severity"] % 4 + 1,
        "area": [*order["area"], "77-1"],
        "board": order["board"] + "!",
        "reason": "khác",
        "id": order["id"][:4] + rng.randbytes(12),
    }
    name = rng.choice(sorted(other))
    made.shipped = {name: other[name]}


def misshapen(made: Draft) -> None:
    rng, order, kind = made.rng, made.order, made.order["type"]
    ways: list[dict[str, Any]] = [
        {"role": rng.choice([role for role in range(11) if role not in SIGNS[kind]])},
        {"until": order["issued"] + 9} if kind != STOPPING else {"until": order["issued"]},
    ]
    if kind in (ALERT, UPDATE):
        ways.append({"sound": None})
        ways.append({"sound": [OWN_WORDS, 1, 3, 5, 0], "board": rng.choice(UNSPOKEN)})
    else:
        ways.append({"sound": [1, 1, 3, 5, 0]})
    if kind in (ALERT, STOPPING):
        ways.append({"references": [bytes(16)]})
    if kind in (CANCELLATION, REINSTATEMENT):
        ways.append({"references": []})
    if kind in ENDS:
        ways.append({"references": [*order["references"], order["id"]]})
    if kind == STOPPING:
        ways.append({"status": EXERCISE})
    order |= rng.choice(ways)


def of_another_domain(made: Draft) -> None:
    """For somewhere else: signed for there, or said to be for here; or the box is elsewhere."""
    rng = made.rng
    domain = rng.choice((("79", "test"), ("77", "production"), ("77-26506", "test")))
    if rng.random() < 0.3:
        made.remember(province=domain[0], environment=domain[1])
        return
    made.rows = [by(who.key, domain=domain) for who in made.signers]
    if rng.random() < 0.5:
        made.order |= {"province": domain[0], "environment": domain[1]}


def of_newer_roots(made: Draft) -> None:
    made.order["epoch"] = made.world.version + made.rng.choice((1, 2, 1000))


def under_expired_roots(made: Draft) -> None:
    """The roots end this very millisecond, or long ago; the order is fresh."""
    late_ms = made.rng.choice((0, 1, 86_400_000))
    hi = made.world.expires * 1000 + late_ms
    shift = hi // 1000 - NOW_S
    made.clock = (hi - made.rng.choice((0, 60_000)), hi, made.clock[2])
    for name in ("issued", "not_before", "expires"):
        made.order[name] += shift
    if made.order["until"]:
        made.order["until"] += shift


def for_elsewhere(made: Draft) -> None:
    made.order["area"] = made.rng.sample(ELSEWHERE, made.rng.randint(1, 4))


def above_their_place(made: Draft) -> None:
    """The area names a unit of which too few of the signers may speak. The lowest of the box's units decides."""
    able = [row for row in made.world.good if row.key in {who.key for who in made.signers}]
    for place in range(made.place):
        if len({row.person for row in able if row.speaks_for(made.order["role"], PATH[place])}) < made.takes:
            made.order["area"] = [PATH[place], *made.rng.sample(ELSEWHERE, 1)]
            return
    for_elsewhere(made)


def beyond_the_commune(made: Draft) -> None:
    """What a COMMUNE may not warn of by one signature."""
    if made.order["role"] != COMMUNE or made.order["sound"] is None:
        for_elsewhere(made)
    elif made.rng.random() < 0.5:
        made.order["event"] = made.rng.choice(("storm", "Flood", "war", "floodx"))
    else:
        made.order["sound"][0] = BLOB


def of_another_status(made: Draft) -> None:
    order, rng = made.order, made.rng
    if order["type"] not in ENDS:
        for_elsewhere(made)
        return
    name = rng.randbytes(16)
    order["references"] = [*order["references"][:7], name]
    if rng.random() < 0.3:
        order["status"] = TEST
        return
    if rng.random() < 0.5:
        known = Known(made.place + 1, (order["status"] + rng.randint(1, 2)) % 3, min(ENDS[order["type"]]))
    else:
        known = Known(made.place + 1, order["status"], rng.choice(sorted(set(range(5)) - ENDS[order["type"]])))
    made.remember(known={**made.me.known, name: known})


def a_duplicate(made: Draft) -> None:
    made.remember(seen=made.me.seen | {made.order["id"]})


def a_replay(made: Draft) -> None:
    sequence = made.order["sequence"]
    ways = [
        {sequence},
        {sequence, sequence + 1},
        {sequence + 64},
        {sequence + 1000},
        {sequence, *range(sequence + 1, sequence + 64)},
    ]
    used = frozenset(made.rng.choice(ways))
    made.remember(used={who.key.public: used for who in made.signers})


def below_what_it_ends(made: Draft) -> None:
    """A commune ends what the province ordered."""
    order = made.order
    signing = [row for row in made.world.good if row.key in {who.key for who in made.signers}]
    levels = [
        place
        for place, unit in enumerate(PATH)
        if len({row.person for row in signing if row.speaks_for(order["role"], unit)}) >= made.takes
    ]
    level = min(levels, default=0)
    if order["type"] not in ENDS or level == 0:
        a_duplicate(made)
        return
    name = made.rng.randbytes(16)
    order["references"] = [*order["references"][:7], name]
    if order["status"] == TEST:
        return
    known = Known(made.rng.randrange(level), order["status"], min(ENDS[order["type"]]))
    made.remember(known={**made.me.known, name: known})


def ended_before(made: Draft) -> None:
    able = [kind for kind in ENDS if made.order["type"] in ENDS[kind]]
    if not able:
        for_elsewhere(made)
        return
    ender = Known(0, made.order["status"], made.rng.choice(able), (made.order["id"],))
    made.remember(known={**made.me.known, made.rng.randbytes(16): ender})


def without_time(made: Draft) -> None:
    made.clock = made.rng.choice(((0, 2**48, 0), (made.clock[0], made.clock[1], 1), (0, made.clock[1], 0)))


def expired(made: Draft) -> None:
    """At the end of the clock's interval, if only just."""
    rng = made.rng
    hi = made.order["expires"] * 1000 + rng.choice((0, 1, 999, 3_600_000))
    made.clock = (rng.choice((hi, hi - 1, hi - 7_200_000)), hi, made.clock[2])


def from_the_future(made: Draft) -> None:
    ahead_ms = made.rng.choice((300_001, 301_000, 900_000))
    hi = made.order["issued"] * 1000 - ahead_ms
    made.clock = (hi - made.rng.choice((0, 60_000)), hi, made.clock[2])


def too_long_a_life(made: Draft) -> None:
    order = made.order
    longest = 3600 if order["role"] == COMMUNE and order["type"] in (ALERT, UPDATE) else 7200
    order |= made.rng.choice(
        (
            {"expires": order["issued"] + longest + 1},
            {"expires": order["issued"] + 2 * longest},
            {"not_before": order["expires"]},
            {"not_before": order["expires"] + 1},
            {"issued": order["expires"]},
        )
    )
    if order["issued"] == order["expires"]:
        order["until"] = None


def one_too_many(made: Draft) -> None:
    hi, rng, order = made.clock[1], made.rng, made.order
    severest = order["severity"] if order["sound"] else 1
    like = (ALERT, UPDATE) if order["sound"] else (CANCELLATION, STOPPING, REINSTATEMENT)
    rows = [
        Recent(
            at=hi - rng.choice((0, 1, 59_999)),
            severity=rng.randint(severest, 4),
            level=0,
            status=rng.randint(0, order["status"]),
            type=rng.choice(like),
        )
        for _ in range(20 if order["sound"] else 60)
    ]
    made.remember(recent=tuple(rows))


def without_its_sound(made: Draft) -> None:
    order = made.order
    if order["sound"] is None:
        for_elsewhere(made)
    elif order["status"] == EXERCISE and made.rng.random() < 0.6:
        made.remember(drill=False)
    elif isinstance(order["sound"][0], bytes) or (order["role"] != COMMUNE and made.rng.random() < 0.5):
        order["sound"][0] = b"\x08" * 32
        order["board"] = ""
    else:
        order["sound"][0] = made.rng.choice((8, 89, 91, 98, 100, 65535))


def of_a_broken_passkey(made: Draft) -> None:
    """Exactly enough persons, and one of them signs with a passkey in a way in which none may."""
    able = _able(made.world, made.order["role"], made.place)
    passkeys = [row for row in able if row.key.is_passkey]
    if not passkeys:
        too_few(made)
        return
    spoiled = made.rng.choice(passkeys)
    others = _enough(made.rng, [row for row in able if row.person != spoiled.person], made.takes - 1)
    first = made.rng.choice([*others, spoiled])
    made.order["id"] = first.key.id + made.order["id"][4:]
    odd = made.rng.choice(BROKEN_CLIENT)
    made.rows = [by(spoiled.key, **odd), *(by(row.key) for row in others)]


def with_a_flipped_bit(made: Draft) -> None:
    """Anywhere, where no signature is there that is not needed."""
    made.rows = [by(who.key) for who in made.signers]
    bit = made.rng.randrange(10**6)

    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[bit // 8 % len(data)] ^= 1 << bit % 8
        return bytes(changed)

    made.change = flip


def cut_off(made: Draft) -> None:
    share = made.rng.random()
    made.change = lambda data: data[: int(share * len(data))]


def with_more_behind(made: Draft) -> None:
    more = made.rng.randbytes(made.rng.randint(1, 9))
    made.change = lambda data: data + more


def spelled_differently(made: Draft) -> None:
    """The same content, in a second spelling."""
    ways: list[Callable[[bytes], bytes]] = [
        lambda data: data.replace(b"\xd8\x62\x84", b"\xd8\x62\x9f", 1) + b"\xff",
        lambda data: data.replace(b"\xd8\x62\x84", b"\xd8\x62\x98\x04", 1),
        lambda data: data.replace(b"\xd8\x62", b"\xd9\x00\x62", 1),
        lambda data: data.replace(b"\xd8\x62", b"\xd9\xd9\xf7\xd8\x62", 1),
        lambda data: data.replace(b"\xa1\x10\x19\xfd\xec", b"\xa1\x10\x1a\x00\x00\xfd\xec", 1),
        lambda data: data.replace(b"\x45\xa1\x10\x19\xfd\xec\xa0", b"\x45\xa1\x10\x19\xfd\xec\xbf\xff", 1),
        lambda data: data.replace(b"\xa1\x04\x44", b"\xa1\x18\x04\x44", 1),
        lambda data: data.replace(b"\xa1\x04\x44", b"\xa1\x04\x58\x04", 1),
        lambda data: data.replace(b"\x58\x40", b"\x59\x00\x40", 1),
        lambda data: data[2:],
        lambda data: b"\xd2" + data[2:],
    ]
    way = made.rng.choice(ways)
    made.change = lambda data: ways[0](data) if way(data) == data else way(data)


def with_another_envelope(made: Draft) -> None:
    """Every part of the envelope is there, and one of them is not what it must be."""
    rng = made.rng

    def rebuilt(data: bytes) -> bytes:  # noqa: PLR0912 - one line a part
        protected, unprotected, payload, rows = read(data[2:])
        row = rng.choice(rows)
        way = rng.randrange(17)
        if way == 0:
            protected = write({16: rng.choice((65001, 65003, 65005, 65006, 65007, 65008, 0, "order"))})
        elif way == 1:
            protected = write({1: -8, 16: 65004})
        elif way == 2:
            unprotected = {4: row[1][4]}
        elif way == 3:
            rows = []
        elif way == 4:
            rows = [rng.choice(rows) for _ in range(9)]
        elif way == 5:
            row[2] += b"\x00"
        elif way == 6:
            row[2] = row[2][:-1]
        elif way == 7:
            row[1][4] = row[1][4][:3]
        elif way == 8:
            row[1][rng.choice((1, 5, 33, -1, "kid"))] = 0
        elif way == 9:
            row[1] = {}
        elif way == 10:
            row[0] = write({1: rng.choice((-35, -257, 5, -19, -9, "EdDSA"))})
        elif way == 11:
            row[0] = write({1: -8, 4: row[1][4]})
        elif way == 12:
            row[0] = b""
        elif way == 13:
            row.append(b"")
        elif way == 14:
            payload = None
        elif way == 15:
            row[1][-70000] = [bytes(36), b"{}"]
        else:
            row[1][-70000] = [bytes(37), bytes(401)] if -70000 in row[1] else [bytes(37), b"{}"]
        return b"\xd8\x62" + write([protected, unprotected, payload, rows])

    made.change = rebuilt


ODD_FIELDS: Final[dict[str, tuple[Any, ...]]] = {
    "id": (bytes(15), bytes(17), "x" * 16, 0, None),
    "province": ("", "77-", "x" * 9, "77\n", "é", 77, "1-2-3-4-5-6-7"),
    "environment": ("", "Test", "test1", "a" * 13, None),
    "role": (11, -1, None, "EMERGENCY", True),
    "epoch": (0, -1, 2**32, None),
    "sequence": (0, -1, 2**32, "1", True),
    "issued": (-1, 2**32, None),
    "not_before": (-1, 2**32, None, True),
    "expires": (-1, 2**32, None, False),
    "status": (3, -1, None, False),
    "type": (5, -1, None, True),
    "severity": (0, 5, None),
    "event": ("", "x" * 13, "flood!", "flood\n", "lũ", None),
    "area": ([], ["77"] * 33, "77", ["77", ""], [77], None),
    "sound": ([], [1], [0, 1, 3, 5, 0], [65536, 1, 3, 5, 0], [1, 10, 3, 5, 0], [1, 1, 0, 5, 0], [1, 1, 3, 301, 0],
              [1, 1, 3, 5, 121], [1, 1, 3, 5, -961], [1, 1, 3, 5, 0, 0], [bytes(31), 1, 3, 5, 0], 1,
              [True, 1, 3, 5, 0]),
    "references": ([bytes(15)], [bytes(16)] * 9, None, [0], {}),
    "board": ("x" * 301, None, b"x"),
    "cap": (bytes(31), bytes(33), "x" * 32, 0),
    "reason": ("x" * 201, None, 0),
    "until": (-1, 2**32, "0", False),
}  # fmt: skip


def with_an_odd_field(made: Draft) -> None:
    name = made.rng.choice(FIELDS)
    made.order[name] = made.rng.choice(ODD_FIELDS[name])
    made.rows = [by(who.key) for who in made.signers]


def of_another_length(made: Draft) -> None:
    """A field is missing at the end, or one more is there; signed so."""
    rng = made.rng
    payload = read(encoded(made.order))
    payload = payload[: -rng.randint(1, 3)] if rng.random() < 0.5 else [*payload, rng.choice((None, 0, [], "x"))]
    spelled = write(payload)
    rows = [who.key.row(spelled, envelope.ORDER) for who in made.signers]
    made.change = lambda _: sign(spelled, envelope.ORDER, rows)


ODD_CBOR: Final = (
    "f90000", "f97e00", "fb3ff0000000000000", "c11a6b04d380", "f7", "f0", "f8ff", "9fff", "7f6161ff", "1800", "190001",
    "63eda080", "c249010000000000000000", "bfff", "a200010002", "61ff", "5f4100ff", "81" * 20 + "00", "d81800",
    "1bffffffffffffffff",
)  # fmt: skip


def with_odd_values(made: Draft) -> None:
    """CBOR that no record has, signed so: floats, tags, simple values, indefinite lengths, surrogates, depth."""
    at = made.rng.randrange(len(FIELDS))
    odd = made.rng.choice(ODD_CBOR)
    parts = [write(made.order[name]) for name in FIELDS]
    parts[at] = bytes.fromhex(odd)
    spelled = b"\x94" + b"".join(parts)
    rows = [who.key.row(spelled, envelope.ORDER) for who in made.signers]
    made.change = lambda _: sign(spelled, envelope.ORDER, rows)


def too_long(made: Draft) -> None:
    made.order |= {"board": "x" * 300, "reason": "x" * 200, "cap": bytes(32), "area": ["77-26506-03", "77-26506"] * 16}
    made.change = lambda data: data if len(data) > 900 else data + bytes(901 - len(data))


DEFECTS: Final = (
    too_few, too_few, too_few, too_few, one_person_twice, names_no_signer, first_signer_did_not_sign_well,
    with_a_spare_signature, changed_after_signing, misshapen, of_another_domain, of_newer_roots, under_expired_roots,
    for_elsewhere, above_their_place, beyond_the_commune, of_another_status, a_duplicate, a_replay,
    below_what_it_ends, ended_before, without_time, expired, from_the_future, too_long_a_life,
    one_too_many, without_its_sound, of_a_broken_passkey, of_a_broken_passkey, with_a_flipped_bit, cut_off,
    with_more_behind, spelled_differently, with_another_envelope,
    with_an_odd_field, of_another_length, with_odd_values, too_long,
)  # fmt: skip


def finish(made: Draft, name: str, legitimate: bool | None) -> Case:
    sounding = made.order["type"] in (ALERT, UPDATE) and made.order["status"] != TEST
    return Case(name, made.number, made.raw(), made.clock, made.me, legitimate, sounding)


def legitimate_case(rng: random.Random) -> Case:
    while True:
        made = draft(rng)
        spice(made)
        if len(made.raw()) > MAX_BYTES:
            made.rows = None
        if len(made.raw()) <= MAX_BYTES:  # three passkeys do not fit
            return finish(made, "legitimate", True)


def defective_case(rng: random.Random) -> Case:
    made = draft(rng)
    defect = rng.choice(DEFECTS)
    if rng.random() < 0.5:
        spice(made)
    if made.rows is not None and defect in (misshapen, of_another_domain):
        made.rows = None
    defect(made)
    return finish(made, defect.__name__, False)


def mixed_case(rng: random.Random) -> Case:
    """Several things at once: the order of the questions decides what is said."""
    made = draft(rng)
    spice(made)
    signers = made.signers
    defects = sorted(set(rng.sample(DEFECTS, rng.randint(2, 4))), key=DEFECTS.index)  # those of the encoding come last
    for defect in defects:
        defect(made)
        made.signers = signers
    return finish(made, "+".join(defect.__name__ for defect in defects), None)


def any_case(rng: random.Random) -> Case:
    return rng.choices((legitimate_case, defective_case, mixed_case), (2, 6, 2))[0](rng)
