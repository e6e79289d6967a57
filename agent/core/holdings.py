"""From what the store remembers to what the planner plans with. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from protocol.approval import exceptions_at, judge_manifest
from protocol.manifest import Assignment, Manifest, Policy
from protocol.order import Order
from protocol.policy import Stretch
from protocol.quantities import DAY_MS, SECOND_MS
from protocol.report import Stage
from protocol.timeline.model import HeldOrder, Holdings, Lock, Voice
from protocol.trust import Trust

REMEMBER_MS = 2 * DAY_MS
"""How far back finished plays and expired orders still matter to a plan: longer than any pass, session or window."""


def begun(order: Order, accepted_ms: int, moved_ms: int) -> Order:
    """The order with a `not_before` that has passed, if it begins at once or had begun when the clock was set back.

    What begins when it was issued begins when it is here: a clock that is behind must not hold back an alarm, nor a
    stop. `moved_ms`: what counts as its acceptance by the clock of now.
    """
    had_come = order.not_before <= order.issued or order.not_before * SECOND_MS <= accepted_ms
    if had_come and moved_ms < order.not_before * SECOND_MS:
        return replace(order, not_before=moved_ms // SECOND_MS)
    return order


def held_order(
    order: Order,
    *,
    accepted_ms: int,
    level: int,
    tape_ms: int,
    stage: Stage,
    ended_ms: int | None,
    awake_ms: int,
    rounds: int,
    locks: Sequence[Lock],
    needs_no_clock: bool = False,
) -> HeldOrder | None:
    """What the planner is told of an accepted order; None for one that has no sound.

    A stop holds back the orders of its level and of lower ones; they go on when it is over, by a
    reinstatement or by its own end.

    An order that was done before the box woke is over whatever its tape's length says now: what is done never starts
    again. One that was done since stays as it is, since the plan of the past explains what sounds now.
    """
    if order.sound is None:
        return None
    over = stage is Stage.CANCELLED or (ended_ms is not None and ended_ms < awake_ms)
    held_back = [max(lock.from_ms, accepted_ms) for lock in locks if lock.level <= level and _meets(lock, accepted_ms)]
    ends = [*held_back, *([ended_ms] if over and ended_ms is not None else [])]
    return HeldOrder(order, accepted_ms, level, tape_ms, min(ends, default=None), rounds, needs_no_clock)


def _meets(lock: Lock, accepted_ms: int) -> bool:
    """Whether the lock was there when the order came, or came after it."""
    return lock.until_ms is None or accepted_ms < lock.until_ms


def lock_of(stop: Order, *, level: int, accepted_ms: int) -> Lock:
    """What a stop does to the programme here."""
    until_ms = None if stop.until is None else stop.until * SECOND_MS
    return Lock(max(accepted_ms, stop.not_before * SECOND_MS), until_ms, stop.reason or stop.id.hex(), level)


def approved(manifest: Manifest, trust: Trust, units: tuple[str, ...], at_s: int) -> Manifest:
    """The programme in force, less what nobody who is trusted now has approved."""
    return judge_manifest(manifest, trust, units, at_s).manifest


def exceptions(manifest: Manifest, trust: Trust, units: tuple[str, ...], at_s: int) -> tuple[Stretch, ...]:
    """When scheduled sound may pass quiet hours here."""
    found = exceptions_at(manifest, trust, units, at_s)
    return tuple(Stretch(row.start * SECOND_MS, row.end * SECOND_MS) for row in found)


def build(
    assignment: Assignment | None,
    manifest: Manifest | None,
    orders: Sequence[HeldOrder],
    *,
    awake_ms: int,
    finished: frozenset[str],
    heard: tuple[tuple[int, int], ...] | None = None,
    locks: tuple[Lock, ...] = (),
    bounds: tuple[Policy, ...] = (),
    exceptions: tuple[Stretch, ...] = (),
    voices: tuple[Voice, ...] = (),
) -> Holdings:
    """The planner's holdings; before any assignment there is no programme, but orders sound."""
    return Holdings(
        manifest=manifest,
        assignment=assignment,
        orders=tuple(orders),
        locks=locks,
        awake_ms=awake_ms,
        finished=finished,
        heard=heard,
        bounds=bounds,
        exceptions=exceptions,
        voices=voices,
    )


def live_ids(orders: Sequence[Order], now_ms: int) -> tuple[bytes, ...]:
    """Ids of orders that have not expired, sorted, the newest 64: what hello and digest name."""
    live = sorted((order for order in orders if order.expires * SECOND_MS > now_ms), key=lambda order: order.issued)
    return tuple(sorted(order.id for order in live[-64:]))
