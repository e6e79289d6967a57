"""The records of README §4–§6 as the oracle reads them: a checker for each type, a list of checkers for each table."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.oracle.cbor import RefusedError, read

Checker = Callable[[Any], Any]

ROOT, EMERGENCY, CANCEL, COMMUNE, CONTENT, SCHEDULE, TIMESTAMP, FIRMWARE, DELEGATION, EXCEPTION, STOP = range(11)
ALERT, UPDATE, CANCELLATION, STOPPING, REINSTATEMENT = range(5)
ACTUAL, EXERCISE, TEST = range(3)
FOREVER = 2**32 - 1


def uint(low: int = 0, high: int = FOREVER) -> Checker:
    def check(item: Any) -> int:
        if type(item) is not int or not low <= item <= high:
            raise RefusedError("not such a number")
        return item

    return check


def text(pattern: str) -> Checker:
    expression = re.compile(pattern, re.DOTALL)

    def check(item: Any) -> str:
        if type(item) is not str or not expression.fullmatch(item):
            raise RefusedError("not such a text")
        return item

    return check


def octets(*lengths: int) -> Checker:
    def check(item: Any) -> bytes:
        if type(item) is not bytes or len(item) not in lengths:
            raise RefusedError("not such bytes")
        return item

    return check


def unit(item: Any) -> str:
    code: str = text(r"[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8}){0,5}")(item)
    if len(code) > 32:
        raise RefusedError("too long a unit")
    return code


def many(of: Checker, low: int, high: int) -> Checker:
    def check(item: Any) -> tuple[Any, ...]:
        if type(item) is not list or not low <= len(item) <= high:
            raise RefusedError("not such a list")
        return tuple(of(element) for element in item)

    return check


def optional(of: Checker) -> Checker:
    return lambda item: None if item is None else of(item)


def row(item: Any, checkers: list[Checker], *defaults: Any, strict: bool = False) -> list[Any]:
    """The fields of one record, missing ones at the end filled, unknown ones behind them ignored."""
    if type(item) is not list:
        raise RefusedError("not a record")
    needed = len(checkers) - len(defaults)
    if len(item) < needed or (strict and len(item) != len(checkers)):
        raise RefusedError("too few or too many fields")
    found = [check(element) for check, element in zip(checkers, item, strict=False)]
    return found + list(defaults[len(found) - needed :])


seconds = uint(0, FOREVER)
role = uint(0, 10)
digest = octets(32)
language = text(r"(?=.{2,35}\Z)[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
public_key = octets(32, 33)
environment = text("[a-z]{1,12}")
event = text("[A-Za-z0-9_-]{1,12}")
order_id = octets(16)


@dataclass(frozen=True)
class Holder:
    key: bytes
    person: str
    roles: tuple[int, ...]
    scope: tuple[str, ...]
    not_before: int
    not_after: int
    party: int


def holder(item: Any) -> Holder:
    checkers = [public_key, text(".{1,64}"), many(role, 1, 11), many(unit, 1, 64), seconds, seconds, uint(0, 4)]
    return Holder(*row(item, checkers, 0, FOREVER, 0))


@dataclass(frozen=True)
class Party:
    id: str
    origins: tuple[str, ...]


def party(item: Any) -> Party:
    return Party(*row(item, [text(r"[a-z0-9.-]{1,100}"), many(text(r"https?://[a-z0-9.:-]{1,120}"), 1, 4)]))


@dataclass(frozen=True)
class Bound:
    role: int
    scope: tuple[str, ...]
    days: int


def bound(item: Any) -> Bound:
    return Bound(*row(item, [role, many(unit, 1, 64), uint(1, 3660)]))


def pair(first: Checker, second: Checker) -> Checker:
    return lambda item: tuple(row(item, [first, second]))


def hours(item: Any) -> list[Any]:
    return row(item, [uint(0, 86400), uint(0, 86400), uint(0, 127)], 127)


def gain(item: Any) -> int:
    if type(item) is not int or not -960 <= item <= 120:
        raise RefusedError("not a gain")
    return item


def policy(item: Any) -> tuple[Any, ...]:
    volume = pair(hours, gain)
    checkers = [
        uint(0, 2),
        many(hours, 0, 32),
        uint(0, 127),
        optional(uint(0, 96)),
        optional(uint(0, 366 * 86400)),
        many(volume, 0, 16),
    ]
    return tuple(row(item, checkers, (), 127, None, None, ()))


@dataclass(frozen=True)
class Roots:
    version: int
    province: str
    environment: str
    issued: int
    expires: int
    thresholds: tuple[tuple[int, int], ...]
    holders: tuple[Holder, ...]
    eras: tuple[tuple[int, int], ...]
    policies: tuple[Any, ...]
    parties: tuple[Party, ...]
    bounds: tuple[Bound, ...]
    events: tuple[str, ...]


def roots(payload: bytes) -> Roots:
    checkers = [
        uint(1),
        unit,
        environment,
        seconds,
        seconds,
        many(pair(role, uint(1, 8)), 0, 11),
        many(holder, 1, 2000),
        many(pair(role, uint(1)), 0, 11),
        many(policy, 0, 4),
        many(party, 0, 4),
        many(bound, 0, 16),
        many(event, 0, 32),
    ]
    return Roots(*row(read(payload), checkers, (), (), (), (), ()))


@dataclass(frozen=True)
class Delegation:
    unit: str
    era: int
    version: int
    epoch: int
    issued: int
    expires: int
    holders: tuple[Holder, ...]
    revoked: tuple[bytes, ...]
    reason: str


def delegation(payload: bytes) -> Delegation:
    checkers = [
        unit,
        uint(),
        uint(1),
        uint(1),
        seconds,
        seconds,
        many(holder, 0, 200),
        many(digest, 0, 200),
        text(".{0,200}"),
    ]
    return Delegation(*row(read(payload), checkers, (), ""))


@dataclass(frozen=True)
class Approval:
    subject: int
    hash: bytes
    text: bytes | None
    klass: int
    language: str
    scope: str
    epoch: int
    issued: int
    expires: int
    title: str
    picture: bytes | None


def approval(payload: bytes) -> Approval:
    checkers = [
        uint(1, 3),
        digest,
        optional(digest),
        uint(1, 2),
        language,
        unit,
        uint(1),
        seconds,
        seconds,
        text(".{0,200}"),
        optional(digest),
    ]
    return Approval(*row(read(payload), checkers, "", None))


@dataclass(frozen=True)
class QuietException:
    epoch: int
    issued: int
    area: tuple[str, ...]
    start: int
    end: int
    reason: str


def exception(payload: bytes) -> QuietException:
    checkers = [uint(1), seconds, many(unit, 1, 32), seconds, seconds, text(".{1,200}")]
    return QuietException(*row(read(payload), checkers))


@dataclass(frozen=True)
class Sound:
    message: int | bytes
    chime: int
    repeats: int
    gap_s: int
    gain_cb: int


def sound(item: Any) -> Sound:
    def message(one: Any) -> Any:
        return digest(one) if type(one) is bytes else uint(1, 65535)(one)

    return Sound(*row(item, [message, uint(0, 9), uint(1, 100), uint(0, 300), gain], strict=True))


@dataclass(frozen=True)
class Order:
    id: bytes
    province: str
    environment: str
    role: int
    epoch: int
    sequence: int
    issued: int
    not_before: int
    expires: int
    status: int
    type: int
    severity: int
    event: str
    area: tuple[str, ...]
    sound: Sound | None
    references: tuple[bytes, ...]
    board: str
    cap: bytes | None
    reason: str
    until: int | None


@dataclass(frozen=True)
class Live:
    id: bytes
    province: str
    environment: str
    role: int
    epoch: int
    issued: int
    not_before: int
    expires: int
    area: tuple[str, ...]
    boxes: tuple[str, ...]
    key: bytes
    attached: bytes | None
    reason: str


def live(payload: bytes) -> Live:
    checkers = [
        order_id,
        unit,
        environment,
        role,
        uint(1, 2**32 - 1),
        seconds,
        seconds,
        seconds,
        many(unit, 1, 32),
        many(text("[a-z2-7]{16}"), 0, 64),
        octets(32),
        optional(order_id),
        text(".{0,200}"),
    ]
    return Live(*row(read(payload), checkers, strict=True))


def order(payload: bytes) -> Order:
    checkers = [
        order_id,
        unit,
        environment,
        role,
        uint(1, 2**32 - 1),
        uint(1, 2**32 - 1),
        seconds,
        seconds,
        seconds,
        uint(0, 2),
        uint(0, 4),
        uint(1, 4),
        event,
        many(unit, 1, 32),
        optional(sound),
        many(order_id, 0, 8),
        text(".{0,300}"),
        optional(digest),
        text(".{0,200}"),
        optional(seconds),
    ]
    return Order(*row(read(payload), checkers, strict=True))
