"""The referee sees what it is there to see: each invariant is broken on purpose, and must be named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.drivers.audio.fake import Heard
from protocol.gate import Accept, ReplayWindow
from protocol.report import Stage
from tests.simulation.people import PROVINCE
from tests.simulation.referee import ViolationError
from tests.simulation.world import Give, Step, Wait, World, run
from tests.support.small_controller import key

FLOOD = Give("flood")


class Do(Step):
    """Break something while the script runs."""

    def __init__(self, what: Callable[[World], None]) -> None:
        object.__setattr__(self, "what", what)

    def __repr__(self) -> str:
        return "Do(...)"

    async def do(self, world: World) -> None:
        what: Callable[[World], None] = self.__dict__["what"]
        what(world)


def caught(folder: Path, number: str, *script: Step) -> None:
    with pytest.raises(ViolationError, match=rf"^{number}"):
        run(folder, script, places=("a1",))


def say(world: World, cause: str, play: str, *, ago_ms: int = 2_000, length_ms: int = 1_000) -> None:
    """The horn says something that nobody asked of it."""
    box = world.boxes["a1"]
    from_ms = box.clock.now_ms() - ago_ms
    box.on.speaker._tell(Heard(play, cause, (), from_ms, from_ms + length_ms, True))


def slip(world: World) -> None:
    """A gate that lets a thief's order through."""
    order, raw = world.pen.order(world.now_s, FLOOD.kind, ("thief",), (PROVINCE,))
    verdict = Accept(order, order.id, (), 0, key("thief").public_key)
    world.boxes["a1"].on.store.book.accept(raw, verdict, world.now_ms(), 0)


def flood_again(world: World) -> None:
    cause = world.orders["flood"][0].id.hex()
    say(world, cause, f"{cause}#9", ago_ms=1_000)


def test_i1_a_gate_that_accepts_a_forged_order_is_seen(tmp_path: Path) -> None:
    caught(tmp_path, "I1/I6", Do(slip), Wait(1))


def test_i1_a_sound_that_no_order_and_no_bulletin_explains_is_seen(tmp_path: Path) -> None:
    caught(tmp_path, "I1:", Do(lambda world: say(world, "ab" * 16, "x#1")))


def test_i1_an_entry_that_nobody_approved_is_seen(tmp_path: Path) -> None:
    caught(tmp_path, "I1:", Do(lambda world: say(world, "pirate", "pirate@1")))


def test_i2_a_pass_that_begins_after_the_orders_expiry_is_seen(tmp_path: Path) -> None:
    caught(tmp_path, "I2", FLOOD, Wait(1_000), Do(flood_again))


def test_i3_a_pass_after_done_is_seen(tmp_path: Path) -> None:
    caught(tmp_path, "I3", FLOOD, Wait(120), Wait(5), Do(flood_again))


def test_i3_a_book_that_forgets_that_an_order_is_done_is_seen(tmp_path: Path) -> None:
    def forget(world: World) -> None:
        held = world.boxes["a1"].on.store.book._held  # type: ignore[attr-defined]
        for name, row in held.items():
            held[name] = row.__class__(**{**row.__dict__, "stage": Stage.ACCEPTED})

    caught(tmp_path, "I3", FLOOD, Wait(120), Do(forget))


def test_i4_a_book_that_forgets_its_windows_is_seen(tmp_path: Path) -> None:
    def forget(world: World) -> None:
        windows = world.boxes["a1"].on.store.book._windows  # type: ignore[attr-defined]
        for name in windows:
            windows[name] = ReplayWindow()

    caught(tmp_path, "I4", FLOOD, Wait(5), Do(forget))


def test_i6_an_order_that_vanished_from_the_book_is_seen(tmp_path: Path) -> None:
    def forget(world: World) -> None:
        world.boxes["a1"].on.store.book._held.clear()  # type: ignore[attr-defined]

    caught(tmp_path, "I1/I6", FLOOD, Wait(5), Do(forget))


def test_i7_a_bulletin_under_an_alarm_is_seen(tmp_path: Path) -> None:
    def mix(world: World) -> None:
        world.referee.programme["news"] = (0, 0)
        heard = world.boxes["a1"].sounded[-1]
        ago_ms = world.now_ms() - heard.from_ms
        say(world, "news", "news@1", ago_ms=ago_ms, length_ms=ago_ms)

    caught(tmp_path, "I7", FLOOD, Wait(120), Do(mix))


def test_i11_a_bulletin_in_the_quiet_hours_is_seen(tmp_path: Path) -> None:
    def at_night(world: World) -> None:
        world.referee.programme["news"] = (0, 0)
        say(world, "news", "news@1")

    caught(tmp_path, "I11", Wait(9 * 3_600), Do(at_night))


def test_i12_an_amplifier_that_is_left_on_is_seen(tmp_path: Path) -> None:
    def leave_on(world: World) -> None:
        box = world.boxes["a1"]
        box.switched += [(world.now_ms() - 60_000, True), (world.now_ms(), False)]

    caught(tmp_path, "I12", Wait(100), Do(leave_on))
