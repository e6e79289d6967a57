"""Power goes at every write while somebody presses: what was pressed is written, or can be pressed again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from agent.drivers.clock import FakeClock
from agent.ports.store import Store
from agent.services.faults import Faults
from agent.services.keeper import Keeper
from agent.services.own_orders import OwnOrders
from agent.services.wake import Wakes
from agent.store.blobs import BlobShelf
from agent.store.outbox import Outgoing
from agent.store.plays import Plays
from protocol.order import MessageType
from protocol.priority import OWN_LEVEL
from protocol.report import Stage
from tests.simulation.box import RECORDINGS
from tests.simulation.test_power_cuts import EVERY, Opened, enumerated, opened
from tests.support import virtual_time
from tests.support.box_parts import BOX, NOW_MS, SIGNER


@dataclass
class Button:
    """Whoever stands at the box."""

    own: OwnOrders
    store: Store
    keeper: Keeper


def at_the_button(box: Opened, press: Callable[[Button], None], at_ms: int) -> None:
    """What the daemon makes of the store, and then this press."""

    async def main() -> None:
        await asyncio.sleep(0)
        clock, wakes = FakeClock(at_ms), Wakes()
        store = Store(
            trust=box.memory,
            desired=box.memory,
            book=box.book,
            outbox=Outgoing(box.database, BOX),
            shelf=BlobShelf(box.database, Path()),
            journal=Plays(box.database, clock.now_ms, wakes.reporter.set),
        )
        keeper = Keeper(clock, store)
        own = OwnOrders(
            SIGNER,
            clock,
            store,
            recordings=RECORDINGS,
            keeper=keeper,
            faults=Faults(store.outbox, clock, wakes.reporter),
            wakes=wakes,
            take=lambda _: None,
            entropy=lambda: len(store.book.orders(0)).to_bytes(12, "big"),
        )
        press(Button(own, store, keeper))

    virtual_time.run(main())


def alarm(button: Button) -> None:
    button.own.alarm(1, None)


def stop(button: Button) -> None:
    button.own.stop(None)


def sounds(button: Button) -> bool:
    """Whether an alarm of the button has passes to come."""
    return any(held.ended_ms is None and held.level == OWN_LEVEL for held in button.keeper.holdings().orders)


def before(press: Callable[[Button], None]) -> Callable[[Opened], None]:
    return lambda box: at_the_button(box, press, NOW_MS)


@pytest.mark.parametrize("locked", [False, True])
def test_fault_1_a_press_is_an_alarm_or_can_be_pressed_again(tmp_path: Path, locked: bool) -> None:
    def check(button: Button, returned: bool) -> None:
        if returned:
            assert sounds(button)
        button.own.alarm(2, None)
        assert sounds(button)
        assert not button.own.is_locked
        newest = max(button.store.book.orders(0), key=lambda held: held.order.sequence)
        assert newest.order.event == "storm"

    steps = (before(stop),) if locked else (lambda _: None,)
    for image, returned in enumerated(tmp_path, steps, before(alarm), EVERY):
        with opened(image) as box:
            at_the_button(box, partial(check, returned=returned), NOW_MS + 5_000)


def test_fault_1_a_stop_that_is_cut_short_never_leaves_an_alarm_that_cannot_be_stopped(tmp_path: Path) -> None:
    def check(button: Button, returned: bool) -> None:
        if returned:
            assert not sounds(button)
            assert button.own.is_locked
        button.own.stop(None)
        assert not sounds(button)
        assert button.own.is_locked
        alarms = [held for held in button.store.book.orders(0) if held.order.type is MessageType.ALERT]
        assert {held.stage for held in alarms} == {Stage.CANCELLED}

    for image, returned in enumerated(tmp_path, (before(alarm),), before(stop), EVERY):
        with opened(image) as box:
            at_the_button(box, partial(check, returned=returned), NOW_MS + 5_000)
