"""Keeps the planner's holdings in step with the store.

The planner is told since when these holdings may start things: since the daemon started, or since a new programme came
into force. Whatever should have begun before counts as late, and what was heard before is not heard again (faults 31
and 33). What a jump of the clock means for a plan is the player's business.
"""

import asyncio

from agent.core import holdings as core
from agent.ports.clock import Clock
from agent.ports.store import Store
from protocol.timeline.model import Holdings


class Keeper:
    """Answers `holdings()` with one object until they change; `changed` wakes the player."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._desired = store.desired
        self._book = store.book
        self._journal = store.journal
        self._clock = clock
        self.changed = asyncio.Event()
        self._awake()

    def holdings(self) -> Holdings:
        return self._holdings

    def adopted(self) -> None:
        """Another programme is in force."""
        self._awake()
        self.changed.set()

    def touch(self) -> None:
        """An order came or went."""
        self._rebuild()
        self.changed.set()

    def _awake(self) -> None:
        self._awake_ms = self._clock.now_ms()
        self._finished = self._journal.finished(self._awake_ms - core.REMEMBER_MS)
        self._heard = self._journal.heard(self._awake_ms - core.REMEMBER_MS)
        self._rebuild()

    def _rebuild(self) -> None:
        force = self._desired.in_force()
        remembered = self._book.orders(self._awake_ms - core.REMEMBER_MS)
        orders = [
            core.held_order(
                each.order,
                accepted_ms=each.accepted_ms,
                level=each.level,
                tape_ms=each.tape_ms,
                stage=each.stage,
                ended_ms=each.ended_ms,
                awake_ms=self._awake_ms,
            )
            for each in remembered
        ]
        self._holdings = core.build(
            None if force is None else force.assignment,
            None if force is None else force.manifest,
            [order for order in orders if order is not None],
            awake_ms=self._awake_ms,
            finished=self._finished,
            heard=self._heard,
        )
