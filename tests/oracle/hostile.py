"""Bytes that nobody made with good intent: mutations of real messages, noise, and records of trust with odd values."""

import random
from collections.abc import Callable
from typing import Any, Final

from tests.oracle import envelope
from tests.oracle.cbor import read, write
from tests.oracle.persons import DAY_S, DELEGATED, GOOD, NOW_S, ROOTS_SIGNERS, USELESS, Key, delegation, roots, sign
from tests.oracle.records import ROOT

ODD: Final[tuple[Any, ...]] = (
    0, 1, -1, 7, 255, 2**16, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -(2**64), True, False, None, "", "x", "77", "77-26506",
    "77\n", "é", "x" * 64, "x" * 65, "x" * 201, "x" * 301, b"", bytes(4), bytes(16), bytes(31), bytes(32), bytes(33),
    b"\x02" + bytes(32), b"\xff" * 32, [], [[]], [0], [[0, 1]], [0] * 40, {}, {4: b"abcd"}, {1: -8}, {"a": 1},
    [[[[[[[[[[[[[[]]]]]]]]]]]]]], [[[[[[[[[[[]]]]]]]]]]],
)  # fmt: skip
NOISE: Final = (0, 0xFF, 0x7F, 0x9F, 0xBF, 0xC0, 0xF9, 0x18, 0x1B, 0x5B, 0x9B, 0xD8)
MANIPULATORS: Final = tuple(Key(name) for name in ("Hoa", "Minh", "Hoa's phone", "Lan", "root A", "Cũ"))


def flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(data))] = rng.choice((*NOISE, rng.randrange(256)))
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def cut_out(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randint(1, 9) :]


def put_in(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randint(1, 9)) + data[at:]


def noise(data: bytes, rng: random.Random) -> bytes:
    start = rng.choice((b"", b"\xd8\x62", b"\xd8\x62\x84\x45\xa1\x10\x19\xfd\xec\xa0", data[: rng.randrange(60)]))
    return start + rng.randbytes(rng.randrange(200))


MUTATIONS: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (flip, overwrite, cut, cut_out, put_in, noise)


def mutated(data: bytes, rng: random.Random) -> bytes:
    return rng.choice(MUTATIONS)(data, rng) if data else rng.randbytes(9)


def odd_value(value: Any, rng: random.Random) -> Any:
    """One value somewhere in it is another one; lists may lose, repeat or gain an element."""
    if isinstance(value, list) and value and rng.random() < 0.85:
        changed = list(value)
        at = rng.randrange(len(changed))
        match rng.randrange(9):
            case 0:
                del changed[at]
            case 1:
                changed.insert(at, rng.choice(changed))
            case 2:
                changed.append(rng.choice(ODD))
            case 3:
                del changed[at:]
            case _:
                changed[at] = odd_value(changed[at], rng)
        return changed
    if isinstance(value, int) and not isinstance(value, bool) and rng.random() < 0.3:
        return max(-(2**64), min(value + rng.choice((-1, 1, -DAY_S, DAY_S, 300, 301, 366 * DAY_S)), 2**64 - 1))
    if isinstance(value, str) and value and rng.random() < 0.3:
        return rng.choice((value + " ", " " + value, value + "\u200b", value + "\u0301", value.replace(" ", "\u00a0")))
    return rng.choice(ODD)


def _records() -> dict[int, list[Any]]:
    approval = [1, bytes(32), bytes(32), 1, "vi", "77-26506", 7, NOW_S - 60, NOW_S + DAY_S, "Tiêm chủng"]
    exception = [7, NOW_S - 60, ["77"], NOW_S, NOW_S + DAY_S, "Giao thừa"]
    list_of_people = delegation("77-26506", DELEGATED, Key("Hoa"), Key("Minh"))
    return {
        envelope.ROOTS: roots(8, GOOD + USELESS[:9], {ROOT: 2}),
        envelope.DELEGATION: read(read(list_of_people[2:])[2]),
        envelope.APPROVAL: approval,
        envelope.EXCEPTION: exception,
    }


RECORDS: Final = _records()
WHO: Final = {envelope.ROOTS: ROOTS_SIGNERS, envelope.APPROVAL: (Key("Lan"),)}
ADMINISTRATORS: Final = (Key("Hoa"), Key("Minh"))


def message_of_trust(rng: random.Random) -> tuple[int, bytes]:
    """Roots, a delegation, an approval or an exception, wrong in what it says, in who signed it, or in its bytes."""
    family = rng.choice(sorted(RECORDS))
    fields, signers = RECORDS[family], list(WHO.get(family, ADMINISTRATORS))
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        fields = odd_value(fields, rng)
    if rng.random() < 0.15:
        signers[rng.randrange(len(signers))] = rng.choice(MANIPULATORS)
    payload = write(fields)
    raw = sign(payload, family, [key.row(payload, family) for key in signers])
    return family, mutated(raw, rng) if rng.random() < 0.2 else raw
