"""Hands one case to the product's gate, in the product's own types. The only module here that knows the product."""

from dataclasses import dataclass

from agent.services.inbox import MAX_ASSIGNMENT_BYTES
from protocol.adoption import open_programme
from protocol.approval import exceptions_at, judge_manifest
from protocol.clock import ClockReading
from protocol.delegation import Delegation, open_delegation
from protocol.errors import ProtocolError
from protocol.gate import Accept, Accepted, Ending, Known, Me, Verdict, judge
from protocol.ids import sha256
from protocol.manifest import Assignment
from protocol.messages import DRILL
from protocol.order import MessageType, Severity, Status
from protocol.replay import WINDOW, ReplayWindow
from protocol.report import ClockQuality
from protocol.roles import Roots, open_first_roots, open_next_roots
from protocol.signing import Domain
from protocol.trust import Trust, open_assignment
from tests.oracle import records
from tests.oracle import trust as oracle
from tests.oracle.judge import OracleMe
from tests.oracle.judge import Verdict as OracleVerdict
from tests.oracle.persons import World
from tests.oracle.schedule import Answer, Brought


@dataclass(frozen=True)
class Trusted:
    """One world as each of the two has opened it."""

    product: Trust
    oracle: oracle.OracleTrust


class DisagreementError(AssertionError):
    """The two readings of the specification differ."""


def open_world(world: World, at_s: int) -> Trusted:
    """Both open the same bytes, each by itself; they must have taken the same of them."""
    mine, theirs = _roots(world), oracle.first_roots(world.roots[0])
    assert theirs is not None
    for raw in world.roots[1:]:
        theirs = oracle.next_roots(raw, theirs) or theirs
    if mine.version != theirs.version:
        raise DisagreementError(f"roots {mine.version} and {theirs.version}")
    product: dict[str, Delegation] = {}
    other: dict[str, records.Delegation] = {}
    for raw in world.delegations:
        try:
            opened = open_delegation(raw, mine, None, at_s)
            product[opened.unit] = opened
        except ProtocolError:
            pass
        taken = oracle.delegation(raw, theirs, None, at_s)
        if taken is not None:
            other[taken.unit] = taken
    if product.keys() != other.keys():
        raise DisagreementError(f"delegations of {sorted(product)} and {sorted(other)}")
    return Trusted(Trust(mine, tuple(product.values())), oracle.OracleTrust(theirs, tuple(other.values())))


def _roots(world: World) -> Roots:
    held = open_first_roots(world.roots[0])
    for raw in world.roots[1:]:
        try:
            held = open_next_roots(raw, held)
        except ProtocolError:
            continue
    return held


def product_me(me: OracleMe) -> Me:
    endings: dict[bytes, tuple[Ending, ...]] = {}
    for name, known in me.known.items():
        if name not in me.ended:
            for reference in known.references:
                ending = Ending(known.level, Status(known.status), MessageType(known.type))
                endings[reference] = (*endings.get(reference, ()), ending)
    return Me(
        domain=Domain(me.province, me.environment),
        units=me.path,
        seen=me.seen,
        windows={key: _window(used) for key, used in me.used.items()},
        known={
            name: Known(known.level, Status(known.status), MessageType(known.type)) for name, known in me.known.items()
        },
        ended=endings,
        recent=tuple(
            Accepted(row.at, Severity(row.severity), row.level, Status(row.status), MessageType(row.type))
            for row in me.recent
        ),
        has_sound=lambda message: (
            message in me.blobs
            if isinstance(message, bytes)
            else message in me.messages or (message == DRILL and me.drill)
        ),
    )


def _window(used: frozenset[int]) -> ReplayWindow:
    high = max(used, default=0)
    return ReplayWindow(high, sum(1 << high - one for one in used if high - one < WINDOW))


def product_verdict(raw: bytes, trust: Trust, clock: tuple[int, int, int], me: OracleMe) -> Verdict:
    return judge(raw, trust, ClockReading(clock[0], clock[1], ClockQuality(clock[2])), product_me(me))


def product_programme(brought: Brought, trust: Trust) -> Answer:
    """As the box's inbox and its fetcher ask, one after the other."""
    held = None if brought.held is None else _assignment_of(brought.held)
    try:
        taken = open_assignment(brought.assignment, trust, brought.at_s, max_bytes=MAX_ASSIGNMENT_BYTES)
    except ProtocolError:
        return "NOT TAKEN", (), (), ()
    if taken.box != brought.box or not taken.is_later(held):
        return "NOT TAKEN", (), (), ()
    if sha256(brought.manifest) != taken.manifest:
        return "NOT HERE", (), (), ()
    try:
        manifest = open_programme(brought.manifest, trust, taken, brought.at_s)
    except ProtocolError:
        return "REFUSED", (), (), ()
    judged = judge_manifest(manifest, trust, taken.units, brought.later_s).manifest
    passes = exceptions_at(manifest, trust, taken.units, brought.later_s)
    words = (
        *((row.title, row.text, row.picture) for row in judged.bulletins),
        ("", "" if judged.line is None else judged.line.text, None),
    )
    return "IN FORCE", tuple(row.id for row in judged.entries), tuple((row.start, row.end) for row in passes), words


def _assignment_of(order: tuple[int, int, int]) -> Assignment:
    era, epoch, generation = order
    return Assignment("a" * 16, generation, bytes(32), 1, ("77",), 0, 1, epoch=epoch, era=era)


def plain(verdict: Verdict) -> OracleVerdict:
    if isinstance(verdict, Accept):
        return "ACCEPT", {
            "level": verdict.level,
            "first_signer": verdict.first_signer_key,
            "persons": len(verdict.signers),
        }
    return "REJECT", str(verdict.code)
