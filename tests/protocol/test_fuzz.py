"""Hostile bytes: real messages of every family, mutated, raise `ProtocolError` and nothing else.

`LOALANG_FUZZ=n` sets the number of mutations of each message (400 in the normal run), `LOALANG_FUZZ_SEED` the seed.
"""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import cbor2
import msgspec
import pytest

from protocol.approval import open_approval, open_exception
from protocol.delegation import open_delegation
from protocol.errors import ProtocolError
from protocol.gate import Accept, Reject, judge
from protocol.roles import open_first_roots, open_next_roots
from protocol.signing import Family, family_of, sign, sign1, verify1
from tests.protocol.examples import MESSAGES
from tests.protocol.people import (
    BOX,
    CLOCK,
    CONTROLLER,
    DOMAIN,
    FLOOD,
    HOA,
    LAN,
    MINH,
    NOW_S,
    ROOT_A,
    ROOT_B,
    ROOTS,
    TRUST,
    box,
)

COUNT: Final = int(os.environ.get("LOALANG_FUZZ", "400"))
SEED: Final = int(os.environ.get("LOALANG_FUZZ_SEED", "2026"))

ODD_VALUES: Final[tuple[Any, ...]] = (
    0, -1, 2**32, 2**63, 2**64, -(2**64), 10**30, 1.0, 1.5, float("nan"), float("inf"), True, False, None,
    cbor2.undefined, cbor2.CBORSimpleValue(99), cbor2.CBORTag(0, "2026-11-24T00:00:00Z"), cbor2.CBORTag(35, ".*"),
    cbor2.CBORTag(99_999, []), "", "\x00", "x" * 400, "77\n", "é", b"", b"\x00" * 16, b"\xff" * 32, b"\x00" * 64,
    [], [[]], [[[[[[[[[[[[[[]]]]]]]]]]]]]], {}, {4: b"abcd"}, {1: -8, 16: 65004}, {1.0: 1}, {"a": {"b": {}}},
)  # fmt: skip


def flip_a_bit(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_some_bytes(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(data))] = rng.choice((0, 0xFF, 0x7F, 0x9F, 0xBF, 0xC0, 0xF9, rng.randrange(256)))
    return bytes(changed)


def cut_off(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def cut_out(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randint(1, 9) :]


def put_in(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randint(1, 9)) + data[at:]


def splice(data: bytes, rng: random.Random) -> bytes:
    other = rng.choice(list(MESSAGES.values())).data
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def operate(data: bytes, rng: random.Random) -> bytes:
    """Change one value somewhere in the CBOR, and write it well formed again."""
    tag = next((tag for tag in (b"\xd8\x62", b"\xd2") if data.startswith(tag)), b"")
    value = _operated(cbor2.loads(data[len(tag) :]), rng)
    return tag + cbor2.dumps(value, canonical=rng.random() < 0.9)


def _operated(value: Any, rng: random.Random) -> Any:
    if isinstance(value, list) and value and rng.random() < 0.85:
        changed = list(value)
        at = rng.randrange(len(changed))
        match rng.randrange(8):
            case 0:
                del changed[at]
            case 1:
                changed.insert(at, rng.choice(changed))
            case 2:
                changed.append(rng.choice(ODD_VALUES))
            case _:
                changed[at] = _operated(changed[at], rng)
        return changed
    if isinstance(value, bytes) and len(value) > 80 and rng.random() < 0.9:  # a payload is CBOR within
        return operate(value, rng)
    return rng.choice(ODD_VALUES)


MUTATIONS: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    flip_a_bit, set_some_bytes, cut_off, cut_out, put_in, splice, operate, operate, operate, operate,
)  # fmt: skip


def mutants(data: bytes, name: str) -> list[bytes]:
    rng = random.Random(f"{SEED} {name}")
    return [rng.choice(MUTATIONS)(data, rng) for _ in range(COUNT)]


def resigned(payload: bytes, family: Family) -> bytes:
    """Signed by those who may: what an insider, or a signer's broken program, could send."""
    if family is Family.ROOTS:
        return sign(payload, family, DOMAIN, ROOT_A, ROOT_B)
    if family in (Family.ORDER, Family.DELEGATION, Family.APPROVAL, Family.EXCEPTION):
        return sign(payload, family, DOMAIN, HOA, MINH)
    if family is Family.LIVE:
        return sign(payload, family, DOMAIN, LAN)
    return sign1(payload, family, DOMAIN, CONTROLLER if family < Family.HELLO else BOX)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_mutated_message_raises_protocol_errors_only(name: str) -> None:
    message = MESSAGES[name]
    for data in mutants(message.data, name):
        with suppress(ProtocolError):
            assert isinstance(message.read(data), type(message.record))
        with suppress(ProtocolError):
            family_of(data)


@pytest.mark.parametrize("name", [name for name in MESSAGES if name != "beat"])
def test_a_mutated_record_that_was_signed_all_the_same_raises_protocol_errors_only(name: str) -> None:
    message = MESSAGES[name]
    family = family_of(message.data)
    payload = cbor2.loads(message.data).value[2]
    read = 0
    for data in mutants(payload, f"{name} payload"):
        with suppress(ProtocolError):
            message.read(resigned(data, family))
            read += 1
    assert read < COUNT


@pytest.mark.parametrize("name", ["manifest", "assignment", "ack", "hello", "log", "receipt", "fault"])
def test_no_mutation_of_a_machines_message_is_believed(name: str) -> None:
    data = MESSAGES[name].data
    family = family_of(data)
    signer = CONTROLLER if family < Family.HELLO else BOX
    payload = verify1(data, family, DOMAIN, signer.public_key)
    for mutant in mutants(data, f"{name} believed"):
        with suppress(ProtocolError):
            assert verify1(mutant, family, DOMAIN, signer.public_key) == payload


def test_no_mutation_of_the_roots_is_believed() -> None:
    older = msgspec.structs.replace(ROOTS, version=6)
    for mutant in mutants(MESSAGES["roots"].data, "roots believed"):
        with suppress(ProtocolError):
            assert open_first_roots(mutant) == ROOTS
        with suppress(ProtocolError):
            assert open_next_roots(mutant, older) == ROOTS


def test_no_mutation_of_a_delegation_approval_or_exception_is_believed() -> None:
    openers: dict[str, Callable[[bytes], object]] = {
        "delegation": lambda data: open_delegation(data, ROOTS, None, NOW_S),
        "approval": lambda data: open_approval(data, TRUST),
        "exception": lambda data: open_exception(data, TRUST),
    }
    for name, opener in openers.items():
        for mutant in mutants(MESSAGES[name].data, f"{name} believed"):
            with suppress(ProtocolError):
                assert opener(mutant) == MESSAGES[name].record


def test_no_mutation_of_an_order_is_obeyed_unless_it_says_the_same() -> None:
    for mutant in mutants(MESSAGES["order"].data, "order judged"):
        verdict = judge(mutant, TRUST, CLOCK, box())
        assert isinstance(verdict, Reject) or verdict.order == FLOOD


def test_the_judge_answers_to_any_order_that_was_broken_before_it_was_signed() -> None:
    payload = cbor2.loads(MESSAGES["order"].data).value[2]
    verdicts = [judge(resigned(data, Family.ORDER), TRUST, CLOCK, box()) for data in mutants(payload, "signed orders")]
    assert any(isinstance(verdict, Reject) for verdict in verdicts)
    assert all(isinstance(verdict, Accept | Reject) for verdict in verdicts)
