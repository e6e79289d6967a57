"""From what the store remembers to what the planner plans with. Pure."""

from collections.abc import Sequence

from protocol.manifest import Assignment, Manifest
from protocol.order import MessageType, Order
from protocol.quantities import DAY_MS, SECOND_MS
from protocol.report import Stage
from protocol.timeline.model import HeldOrder, Holdings, Lock

REMEMBER_MS = 2 * DAY_MS
"""How far back finished plays and expired orders still matter to a plan: longer than any pass, session or window."""


def held_order(
    order: Order, *, accepted_ms: int, level: int, tape_ms: int, stage: Stage, ended_ms: int | None, awake_ms: int
) -> HeldOrder | None:
    """What the planner is told of an accepted order; None for one that has no sound.

    An order that was done before the box woke is over whatever its tape's length says now: what is done never starts
    again. One that was done since stays as it is, since the plan of the past explains what sounds now.
    """
    if order.type is MessageType.CANCEL or order.sound is None:
        return None
    over = stage is Stage.CANCELLED or (ended_ms is not None and ended_ms < awake_ms)
    return HeldOrder(order, accepted_ms, level, tape_ms, ended_ms if over else None)


def build(
    assignment: Assignment | None,
    manifest: Manifest | None,
    orders: Sequence[HeldOrder],
    *,
    awake_ms: int,
    finished: frozenset[str],
    heard: tuple[tuple[int, int], ...] | None = None,
    locks: tuple[Lock, ...] = (),
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
    )


def live_ids(orders: Sequence[Order], now_ms: int) -> tuple[bytes, ...]:
    """Ids of orders that have not expired, sorted, the newest 64: what hello and digest name."""
    live = sorted((order for order in orders if order.expires * SECOND_MS > now_ms), key=lambda order: order.issued)
    return tuple(sorted(order.id for order in live[-64:]))
