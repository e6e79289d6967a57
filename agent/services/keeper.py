"""Keeps the planner's holdings in step with the store.

The planner is told since when these holdings may start things: since the daemon started, or since a new programme came
into force. Whatever should have begun before counts as late, and what was heard before is not heard again (faults 31
and 33). What is written down has happened: where the clock was set back since, it happened now. What a jump of the
clock means for a plan is else the player's business.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec

from agent.core import holdings as core
from agent.core.trusted import trust_at
from agent.ports.clock import Clock
from agent.ports.store import Remembered, Store
from protocol.manifest import Assignment, Manifest, Policy
from protocol.policy import Stretch
from protocol.quantities import SECOND_MS
from protocol.timeline.model import Holdings, Lock, Voice

MAX_STOPS_OVER: Final = 50
"""So many locks that are over may be in a plan, which explains what sounds now by what was; then it is made anew."""


@dataclass(frozen=True)
class _Programme:
    """What is in force, as far as persons who are trusted now have approved it."""

    assignment: Assignment | None
    manifest: Manifest | None
    bounds: tuple[Policy, ...]
    exceptions: tuple[Stretch, ...]


class Keeper:
    """Answers `holdings()` with one object until they change; `changed` wakes the player."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._trust = store.trust
        self._desired = store.desired
        self._book = store.book
        self._journal = store.journal
        self._clock = clock
        self.changed = asyncio.Event()
        self._newest_ms = 0
        """The latest instant in the holdings at which something came or ended."""
        self._set_back_ms = 0
        """Where the clock stood when it was last found to be set back."""
        self._voices: dict[str, Voice] = {}
        """Who speaks; a restart ends them all."""
        self._pressed: dict[bytes, Remembered | None] = {}
        """Alarms of this box's own button since it started; those that no disk took, in full."""
        self._locks_here: dict[str, Lock] = {}
        """Locks of this box's own that stand on no disk, by what they are for."""
        self._awake()

    def holdings(self) -> Holdings:
        now_ms = self._clock.now_ms()
        if now_ms < self._newest_ms:
            self._set_back_ms = now_ms
            self._rebuild()
        return self._holdings

    def adopted(self) -> None:
        """Another programme is in force."""
        self._awake()
        self.changed.set()

    def touch(self) -> None:
        """An order came or went."""
        if len(self._book.stops_over(self._awake_ms)) > MAX_STOPS_OVER:
            self._awake()
        else:
            self._rebuild()
        self.changed.set()

    def pressed(self, order: bytes, unwritten: Remembered | None = None) -> None:
        """This box's own button has raised this order. `unwritten`: where the disk does not take it."""
        self._pressed[order] = unwritten
        self._rebuild()
        self.changed.set()

    def forget_unwritten(self) -> None:
        """What no disk took is over."""
        self._pressed = {name: kept for name, kept in self._pressed.items() if kept is None}
        self._rebuild()
        self.changed.set()

    def is_locked_here(self, name: str) -> bool:
        return name in self._locks_here

    def lock_unwritten(self, name: str, lock: Lock | None) -> None:
        """A lock of this box's own that stands on no disk is in force, or is over."""
        if lock is None and name not in self._locks_here:
            return
        others = {other: held for other, held in self._locks_here.items() if other != name}
        self._locks_here = others if lock is None else {**others, name: lock}
        self._rebuild()
        self.changed.set()

    def speak(self, voice: Voice) -> None:
        """Somebody speaks, as the caller has judged; one of the same name is replaced."""
        self._voices[voice.name] = voice
        self._rebuild()
        self.changed.set()

    def end_voice(self, name: str) -> None:
        """It speaks no more; one that did not changes nothing."""
        if self._voices.pop(name, None) is not None:
            self._rebuild()
            self.changed.set()

    def look_again(self) -> None:
        """Approvals end with their day: whether something of the programme may sound no more."""
        if self._judged() != self._programme:
            self.adopted()

    def _awake(self) -> None:
        self._awake_ms = self._clock.now_ms()
        self._finished = self._journal.finished(self._awake_ms - core.REMEMBER_MS)
        self._heard = self._journal.heard(self._awake_ms - core.REMEMBER_MS)
        self._programme = self._judged()
        self._rebuild()

    def _judged(self) -> _Programme:
        force, roots = self._desired.in_force(), self._trust.roots()
        if force is None:
            return _Programme(None, None, (), ())
        if roots is None:  # nothing is approved where nobody is trusted
            return _Programme(force.assignment, msgspec.structs.replace(force.manifest, entries=(), line=None), (), ())
        units = force.assignment.units
        trust, at_s = trust_at(roots, self._trust.delegations(), units), self._clock.now_ms() // SECOND_MS
        return _Programme(
            force.assignment,
            core.approved(force.manifest, trust, units, at_s),
            roots.policies,
            core.exceptions(force.manifest, trust, units, at_s),
        )

    def _rebuild(self) -> None:
        now_ms = self._clock.now_ms()
        self._newest_ms = 0

        def passed(at_ms: int) -> int:
            at_ms = at_ms if at_ms <= now_ms else min(self._set_back_ms, now_ms)
            self._newest_ms = max(self._newest_ms, at_ms)
            return at_ms

        locks = tuple(
            core.lock_of(
                core.begun(stop.order, stop.accepted_ms, passed(stop.accepted_ms)),
                level=stop.level,
                accepted_ms=passed(stop.accepted_ms),
            )
            for stop in (*self._book.stops(), *self._book.stops_over(self._awake_ms))
        )
        locks += tuple(self._locks_here.values())
        remembered = self._book.orders(self._awake_ms - core.REMEMBER_MS)
        unwritten = [kept for kept in self._pressed.values() if kept is not None]
        orders = [
            core.held_order(
                core.begun(each.order, each.accepted_ms, passed(each.accepted_ms)),
                accepted_ms=passed(each.accepted_ms),
                level=each.level,
                tape_ms=each.tape_ms,
                stage=each.stage,
                ended_ms=None if each.ended_ms is None else passed(each.ended_ms),
                awake_ms=self._awake_ms,
                rounds=each.rounds,
                locks=locks,
                needs_no_clock=each.order.id in self._pressed,
            )
            for each in (*remembered, *unwritten)
        ]
        programme = self._programme
        self._holdings = core.build(
            programme.assignment,
            programme.manifest,
            [order for order in orders if order is not None],
            awake_ms=self._awake_ms,
            finished=self._finished,
            heard=self._heard,
            locks=locks,
            bounds=programme.bounds,
            exceptions=programme.exceptions,
            voices=tuple(self._voices.values()),
        )
