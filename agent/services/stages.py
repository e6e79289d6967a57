"""How far each order has come on this box: STARTED, then one of DONE, CANCELLED, EXPIRED (invariant I6).

STARTED is told again when a pass has ended that is surer than what was known: an alarm may go on for an hour, and one
that is cancelled in its last pass was heard all the same.
"""

from collections.abc import Callable, Collection

from agent.core.cueing import ended_at
from protocol.order import Status
from protocol.quantities import SECOND_MS
from protocol.report import Grade, Stage
from protocol.timeline.model import HeldOrder, Holdings

OnOrder = Callable[[str, Stage, int, int | None, Grade], None]
"""Order id in hex, stage, instant, first sample, how sure."""


class Stages:
    """Each stage is told once while the daemon runs, STARTED with each better grade; whoever listens drops what it knew
    from before a restart."""

    def __init__(self, tell: OnOrder, now_ms: Callable[[], int]) -> None:
        self._tell = tell
        self._now_ms = now_ms
        self._first_sample_ms: dict[str, int] = {}
        self._grades: dict[str, Grade] = {}
        self._mute: set[str] = set()
        self._concluded: set[tuple[str, int]] = set()
        """Order and round: an order that was reinstated comes to an end once more."""

    def sounded(self, order: str, first_sample_ms: int) -> None:
        """A pass has begun to sound."""
        if order not in self._first_sample_ms:
            self._first_sample_ms[order] = first_sample_ms
            self._tell(order, Stage.STARTED, first_sample_ms, first_sample_ms, Grade.CLAIMED)

    def proved(self, order: str, grade: Grade) -> None:
        """A pass has ended, and this is how sure it is; the best of its passes counts."""
        if grade > self._grades.get(order, Grade.CLAIMED) and order in self._first_sample_ms:
            self._grades[order] = grade
            first = self._first_sample_ms[order]
            self._tell(order, Stage.STARTED, first, first, grade)

    def not_heard(self, order: str) -> None:
        """It sounds, and the box's own ear does not hear it."""
        if order in self._first_sample_ms and order not in self._mute:
            self._mute.add(order)
            self._tell(order, Stage.NOT_HEARD, self._now_ms(), self._first_sample_ms[order], Grade.CLAIMED)

    def review(self, holdings: Holdings, finished: Collection[str], sounding: Collection[str], now_ms: int) -> None:
        """Conclude every order that has come to its end. `finished`: names of plays; `sounding`: ids of orders."""
        for held in holdings.orders:
            order = held.order.id.hex()
            if (order, held.rounds) in self._concluded or order in sounding:
                continue
            stage = _conclusion(held, holdings.orders, finished, now_ms)
            if stage is None:
                continue
            self._concluded.add((order, held.rounds))
            first = self._first_sample_ms.get(order)
            known = self._grades.get(order, Grade.CLAIMED)
            self._tell(order, stage, now_ms, first, Grade.NONE if first is None else known)
        self._forget({held.order.id.hex() for held in holdings.orders})

    def next_ms(self, holdings: Holdings, now_ms: int) -> int | None:
        """When the next order expires of those that are not concluded."""
        pending = (held for held in holdings.orders if (held.order.id.hex(), held.rounds) not in self._concluded)
        return min((at for held in pending if (at := held.order.expires * SECOND_MS) > now_ms), default=None)

    def _forget(self, held: set[str]) -> None:
        self._concluded = {row for row in self._concluded if row[0] in held}
        self._first_sample_ms = {order: at for order, at in self._first_sample_ms.items() if order in held}
        self._grades = {order: grade for order, grade in self._grades.items() if order in held}
        self._mute &= held


def _conclusion(held: HeldOrder, orders: Collection[HeldOrder], finished: Collection[str], now_ms: int) -> Stage | None:
    """What was stopped in its last pass is not done: it comes back when the stop is undone."""
    order = held.order
    stopped = ended_at(held, orders)
    if stopped is not None and stopped <= now_ms:
        return Stage.CANCELLED
    if order.sound is not None and f"{order.id.hex()}#{held.last_pass}" in finished:
        return Stage.DONE
    if order.status is Status.TEST:
        return Stage.DONE
    return Stage.EXPIRED if now_ms >= order.expires * SECOND_MS else None
