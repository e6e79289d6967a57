"""The gate of README §7, written anew from the specification alone: the oracle of every simulated run."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.oracle import envelope, records
from tests.oracle import trust as trusted
from tests.oracle.cbor import RefusedError
from tests.oracle.envelope import key_id
from tests.oracle.records import Order
from tests.oracle.trust import Grant, OracleTrust

Verdict = tuple[str, Any]
Clock = tuple[int, int, int]

CAN_SIGN = {
    records.ALERT: {records.EMERGENCY, records.COMMUNE},
    records.UPDATE: {records.EMERGENCY, records.COMMUNE},
    records.CANCELLATION: {records.CANCEL, records.COMMUNE},
    records.STOPPING: {records.STOP, records.CANCEL, records.COMMUNE},
    records.REINSTATEMENT: {records.STOP, records.CANCEL, records.COMMUNE},
}
SOUNDING = {records.ALERT, records.UPDATE}
OWN_WORDS = 99
ENDS = {
    records.UPDATE: SOUNDING,
    records.CANCELLATION: SOUNDING,
    records.REINSTATEMENT: {records.CANCELLATION, records.STOPPING},
}


@dataclass(frozen=True)
class Known:
    """What the box remembers of an order that it accepted."""

    level: int
    status: int
    type: int
    references: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Recent:
    """An order that was accepted at this instant (ms)."""

    at: int
    severity: int
    level: int
    status: int
    type: int


@dataclass(frozen=True)
class OracleMe:
    """The box, in plain values.

    `seen` are the ids of all orders ever accepted, `known` what is remembered of them, `ended` those of them that a
    reinstatement has ended; `used` every sequence by the signer's key; `recent` what was accepted lately.
    """

    province: str
    environment: str
    path: tuple[str, ...]
    seen: frozenset[bytes]
    known: Mapping[bytes, Known]
    ended: frozenset[bytes]
    used: Mapping[bytes, frozenset[int]]
    recent: tuple[Recent, ...]
    messages: frozenset[int]
    blobs: frozenset[bytes]
    drill: bool


def judge(raw: bytes, trust: OracleTrust, clock: Clock, me: OracleMe) -> Verdict:
    return next(_answers(raw, trust, clock, me))


def _answers(raw: bytes, trust: OracleTrust, clock: Clock, me: OracleMe) -> Iterator[Verdict]:
    """Each question that fails says so; only the first answer is ever asked for."""
    if len(raw) > 900:
        yield "REJECT", "TOO_LONG"
    try:
        opened = envelope.open_envelope(raw, envelope.ORDER)
        order = records.order(opened.payload)
    except RefusedError:
        yield "REJECT", "MALFORMED"
    _, latest, quality = clock
    timed = quality > 1
    roots = trust.roots
    if _misshapen(order):
        yield "REJECT", "SHAPE"
    if not (order.province, order.environment) == (me.province, me.environment) == (roots.province, roots.environment):
        yield "REJECT", "DOMAIN"
    if order.epoch > roots.version:
        yield "REJECT", "ROOTS_NEWER"
    takes = trusted.takes(roots, order.role)
    if len(opened.signatures) > takes:
        yield "REJECT", "SURPLUS"
    signed = trusted.signers(opened, roots, trust.grants, order.role, latest if timed else order.issued * 1000)
    firsts = sorted({grant.key for grant in signed if key_id(grant.key) == order.id[:4]})
    if not firsts:
        yield "REJECT", "SIGNATURE"
    if trusted.people(signed) < takes:
        yield "REJECT", "THRESHOLD"
    if timed and roots.expires * 1000 <= latest:
        yield "REJECT", "ROOTS_EXPIRED"
    named = [place for place, unit in enumerate(me.path) if unit in order.area]
    if named and trusted.people(_speaking(signed, order, me.path[named[-1]])) < takes:
        yield "REJECT", "SCOPE"
    if not named:
        yield "REJECT", "AREA"
    persons = trusted.people(_speaking(signed, order, me.path[named[-1]]))
    level = min(i for i, unit in enumerate(me.path) if trusted.people(_speaking(signed, order, unit)) >= takes)
    for codes in (
        _of_content(order, trust),
        _of_past(order, firsts[0], level, me),
        _of_time(order, timed, latest),
        _of_box(order, level, latest, me),
    ):
        yield from (("REJECT", code) for code in codes)
    yield "ACCEPT", {"level": level, "first_signer": firsts[0], "persons": persons}


def _misshapen(order: Order) -> bool:
    refers = order.type in (records.CANCELLATION, records.REINSTATEMENT)
    refers_not = order.type in (records.ALERT, records.STOPPING)
    return (
        order.role not in CAN_SIGN[order.type]
        or (order.sound is not None) != (order.type in SOUNDING)
        or (refers and not order.references)
        or (refers_not and bool(order.references))
        or (order.until is not None and (order.type != records.STOPPING or order.until <= order.issued))
        or (order.type == records.STOPPING and order.status == records.EXERCISE)
        or order.id in order.references
        or _is_wordless(order)
    )


def _is_wordless(order: Order) -> bool:
    """It is to be spoken, and there is nothing to speak."""
    kinds = {unicodedata.category(one)[:1] for one in order.board}
    return order.sound is not None and order.sound.message == OWN_WORDS and kinds.isdisjoint({"L", "N"})


def _speaking(signed: list[Grant], order: Order, unit: str) -> list[Grant]:
    """Those who may speak for this unit; a COMMUNE's scope counts below the province only."""
    return [
        grant
        for grant in signed
        if any(
            trusted.covers(top, unit) and (order.role != records.COMMUNE or top.startswith(order.province + "-"))
            for top in grant.scope
        )
    ]


def _of_content(order: Order, trust: OracleTrust) -> Iterator[str]:
    if order.role != records.COMMUNE or order.sound is None:
        return
    if order.event not in trust.roots.events or isinstance(order.sound.message, bytes):
        yield "EVENT"


def _of_past(order: Order, first: bytes, level: int, me: OracleMe) -> Iterator[str]:
    referred = [me.known[one] for one in order.references if one in me.known]
    if order.status == records.TEST and order.references:
        yield "STATUS"
    if any(one.status != order.status or one.type not in ENDS.get(order.type, ()) for one in referred):
        yield "STATUS"
    if order.id in me.seen:
        yield "DUPLICATE"
    used = me.used.get(first, frozenset())
    if order.sequence in used or (used and order.sequence <= max(used) - 64):
        yield "REPLAY"
    if any(level > one.level for one in referred):
        yield "AUTHORITY"
    for key, one in me.known.items():
        ends = order.id in one.references and order.type in ENDS.get(one.type, ())
        if ends and key not in me.ended and one.level <= level and one.status == order.status:
            yield "CANCELLED"


def _of_time(order: Order, timed: bool, latest: int) -> Iterator[str]:
    if not timed:
        yield "NO_TIME"
    if order.expires * 1000 <= latest:
        yield "EXPIRED"
    if order.issued * 1000 > latest + 300_000:
        yield "FUTURE"
    longest = 3600 if order.role == records.COMMUNE and order.type in SOUNDING else 7200
    if order.expires <= max(order.issued, order.not_before) or order.expires > order.issued + longest:
        yield "LIFETIME"


def _of_box(order: Order, level: int, latest: int, me: OracleMe) -> Iterator[str]:
    near = [row for row in me.recent if -60_000 < row.at - latest < 60_000]
    weighty = [row for row in near if row.level <= level and row.status <= order.status]
    if order.sound is None:
        if len([row for row in weighty if row.type not in SOUNDING]) >= 60:
            yield "RATE"
        return
    if len([row for row in weighty if row.type in SOUNDING and row.severity >= order.severity]) >= 20:
        yield "RATE"
    message = order.sound.message
    there = message in me.blobs if isinstance(message, bytes) else message in me.messages
    if message == OWN_WORDS or (isinstance(message, bytes) and len(order.board) > 0):
        there = True
    if not there or (order.status == records.EXERCISE and not me.drill):
        yield "NO_SOUND"
