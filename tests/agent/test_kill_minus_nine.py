"""kill -9 at random moments: a real agent that plays, fetches and obeys loses nothing and does nothing twice.

The controller beside it keeps count. Whatever a box has ever said stands: one chain, no gap, no row with two contents,
no receipt with two contents; each order is accepted once and each of its passes is heard to the end once; each bulletin
too. What the output really took is counted beside it: a sound is whole twice only where a kill fell between its last
sample and its row, and then the log shows that it was interrupted.
"""

import datetime as dt
import json
import random
import statistics
import threading
import time
from collections import Counter
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from protocol.order import Sound
from protocol.report import LogRow, Result, Stage
from tests.support.agents import Agent, eventually
from tests.support.broker import Broker
from tests.support.small_controller import Programme, SmallController, alert, box_toml, signed, tone

KILLS = 32
ITEMS = 36
TONE_MS = 300
MOST_DOUBLED = 2
"""The gap between a last sample and its row is some milliseconds; of so many kills hardly one falls into it.

On a machine that is busy the gap is longer by as much as everything is."""
IDLE_START_S = 0.5
MOST_SLOWED = 3
"""However busy the machine: a box that doubles more than this is broken."""
"""At most so long a start takes on a machine that has nothing else to do."""
WINDOW_S = 3_600
"""Nothing that waits here, however busy the machine, is too late to be heard."""
STEADY_HZ = 400.0
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def programme(start: dt.datetime, generation: int) -> Programme:
    """A short bulletin every second from `start`; each generation brings a new sound, so that one must be fetched."""
    made = Programme()
    old, new = tone(TONE_MS, STEADY_HZ), tone(TONE_MS, 500 + 20 * generation)
    for number in range(ITEMS):
        first = (start + dt.timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S")
        made.add(f"item{number:02d}", first, old if number % 2 else new, TONE_MS, window_s=WINDOW_S)
    return made


@pytest.mark.broker
def test_nothing_is_lost_and_nothing_is_done_twice_when_the_agent_is_killed_at_random_moments(tmp_path: Path) -> None:
    chance = random.Random(77)
    pause = threading.Event()
    with Broker(tmp_path) as broker, SmallController(broker.port) as controller, ExitStack() as running:
        agent = running.enter_context(Agent(box_toml(tmp_path / "box", controller)))
        eventually(lambda: bool(controller.heard.hellos), "the first hello")
        start = dt.datetime.now(VIETNAM) + dt.timedelta(seconds=3)
        controller.publish(programme(start, 0))
        steady = sha256(tone(TONE_MS, STEADY_HZ)).digest()
        eventually(lambda: 'event="in force"' in agent.log(), "something to play, and the orders' sound")
        controller.cut_after = lambda: chance.choice((None, None, chance.randint(0, 2_000)))

        orders: dict[bytes, bytes] = {}
        starts_s: list[float] = []
        greeted = 0
        for kill in range(KILLS):
            if kill % 8 == 3:
                controller.publish(programme(start, kill))
            if kill % 6 == 4:
                at = int(time.time())
                sound = Sound(steady, chime=0, repeats=2, gap_s=0)
                order = alert(len(orders) + 1, at_s=at, expires=at + WINDOW_S, sound=sound)
                orders[order.id] = signed(order)
            if chance.random() < 0.7:  # else it may be killed before it has even greeted, on a busy machine the more so
                _until_it_greets(controller, greeted)
            for _ in range(5):
                _send_what_has_no_receipt(controller, orders)
                pause.wait(chance.uniform(0.0, 0.25))
            agent.kill()
            greeted = len(controller.heard.hellos)
            began_s = time.monotonic()
            agent.start()
            starts_s.append(time.monotonic() - began_s)
        controller.cut_after = lambda: None

        def settled() -> bool:
            _send_what_has_no_receipt(controller, orders)
            pause.wait(0.2)
            return _heard_to_the_end(_rows(controller)) >= _expected(orders)

        eventually(settled, "every bulletin and every pass", progress=lambda: len(controller.heard.rows))
        box = next(iter(controller.keys))
        eventually(
            lambda: all((box, order, Stage.DONE) in controller.heard.receipts for order in orders),
            "DONE",
            progress=lambda: len(controller.heard.receipts),
        )
        assert agent.stop() == 0

        rows = _rows(controller)
        assert controller.heard.conflicts == []
        assert len({hello.chain for hello in controller.heard.hellos}) == 1
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        assert _heard_to_the_end(rows) == _expected(orders)
        assert {row.result for row in rows} <= {Result.PLAYED, Result.CUT}
        stages = controller.heard.receipt_arrivals
        assert not any(stage is Stage.REJECTED for _, _, stage in stages)
        assert {order for _, order, stage in stages if stage is Stage.ACCEPTED} == orders.keys()
        taken, interrupted = _taken_whole(tmp_path / "box" / "sounded.jsonl"), _interrupted(rows)
        assert taken.keys() == _expected(orders).keys()
        doubled = {name: count - 1 for name, count in taken.items() if count > 1}
        assert all(times <= interrupted[name] for name, times in doubled.items()), (doubled, interrupted)
        slowness = min(max(1.0, statistics.median(starts_s) / IDLE_START_S), MOST_SLOWED)
        assert sum(doubled.values()) <= MOST_DOUBLED * slowness


def _until_it_greets(controller: SmallController, before: int) -> None:
    """So lives on a busy machine do as much as on an idle one."""
    eventually(lambda: len(controller.heard.hellos) > before, "a greeting in this life")


def _send_what_has_no_receipt(controller: SmallController, orders: dict[bytes, bytes]) -> None:
    box = next(iter(controller.keys))
    for order, raw in orders.items():
        if (box, order, Stage.ACCEPTED) not in controller.heard.receipts:
            controller.order(raw)


def _rows(controller: SmallController) -> list[LogRow]:
    return sorted(controller.heard.rows.copy().values(), key=lambda row: row.seq)


def _name(play: str, cause: str) -> str:
    """A pass of an order by its play, a bulletin by its entry."""
    return play if "#" in play and len(cause) == 32 else cause


def _heard_to_the_end(rows: list[LogRow]) -> Counter[str]:
    """By bulletin or pass: how often it was heard to its end."""
    return Counter(_name(row.play, row.cause) for row in rows if row.result is Result.PLAYED)


def _interrupted(rows: list[LogRow]) -> Counter[str]:
    """How often a kill left it open in the log."""
    return Counter(_name(row.play, row.cause) for row in rows if row.detail.startswith("interrupted"))


def _taken_whole(sounded: Path) -> Counter[str]:
    """How often the output took it from its first sample to its last, whatever the log says."""
    lines = [json.loads(line) for line in sounded.read_text(encoding="utf-8").splitlines()]
    return Counter(_name(line["play"], line["cause"]) for line in lines if line["complete"])


def _expected(orders: dict[bytes, bytes]) -> Counter[str]:
    passes = [f"{order.hex()}#{number}" for order in orders for number in (1, 2)]
    return Counter([*passes, *(f"item{number:02d}" for number in range(ITEMS))])
