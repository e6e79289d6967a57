"""Power goes at every call that reaches the disk; a box that boots on what survived knows what it must know."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from sqlite_utils import Database as Tables

from agent.store import trust_file
from agent.store.database import Database
from agent.store.memory import Memory
from agent.store.orders import Orders
from protocol.codec import encode
from protocol.delegation import Delegation
from protocol.gate import Accept
from protocol.report import Grade, Stage
from tests.simulation.disk import KINDS, Disk, Op, connected
from tests.support.box_parts import NOW_MS, NOW_S, assignment, signed_manifest
from tests.support.small_controller import Programme, alert, key, roots, signed, signed_roots

FLOOD: Final = alert(7, at_s=NOW_S)
HOA: Final = key("Hoa").public_key
SEEDS: Final = 3


@dataclass
class Opened:
    database: Database
    book: Orders
    memory: Memory


@contextlib.contextmanager
def opened(folder: Path, disk: Disk | None = None) -> Iterator[Opened]:
    def connect(path: Path) -> Tables:
        return Tables(path) if disk is None else connected(path, disk)

    def write(where: Path, kept: trust_file.Kept) -> None:
        trust_file.write(where, kept)
        if disk is not None:
            disk.ops.append(Op("replace", trust_file.FILE, data=(where / trust_file.FILE).read_bytes()))

    with contextlib.closing(Database(folder, connect, write)) as database:
        assert database.put_aside is None
        yield Opened(database, Orders(database), Memory(database))


def accept(box: Opened) -> None:
    box.book.accept(signed(FLOOD), Accept(FLOOD, FLOOD.id, (), 0, HOA), NOW_MS, 0)


def finish(box: Opened) -> None:
    box.book.progress(FLOOD.id, Stage.DONE, NOW_MS + 1_000, None, Grade.NONE)


def keep_roots(version: int) -> Callable[[Opened], None]:
    record = roots(version, at_s=NOW_S)

    def act(box: Opened) -> None:
        box.memory.keep_roots(signed_roots(record), record)

    return act


def keep_delegation(version: int) -> Callable[[Opened], None]:
    record = Delegation("77-1001", 0, version, 1, NOW_S, NOW_S + 9, ())
    return lambda box: box.memory.keep_delegation(encode(record), record)


def keep_wanted(generation: int) -> Callable[[Opened], None]:
    record = assignment(generation, signed_manifest(Programme().manifest()))
    return lambda box: box.memory.keep_wanted(encode(record), record)


@pytest.fixture
def cuts(tmp_path: Path) -> Callable[..., Iterator[tuple[Opened, bool]]]:
    """Every boot after a power cut during `act`, and whether `act` had returned by then."""

    def enumerate_cuts(
        before: tuple[Callable[[Opened], None], ...],
        act: Callable[[Opened], None],
        kinds: tuple[str, ...],
        seeds: int = 1,
    ) -> Iterator[tuple[Opened, bool]]:
        disk, folder = Disk(), tmp_path / "first"
        with opened(folder) as box:
            for step in before:
                step(box)
        disk.begin(folder)
        with opened(folder, disk) as box:
            begun = len(disk.ops)
            act(box)
            done = len(disk.ops)
        assert done > begun
        number = 0
        for after in range(len(disk.ops) + 1):
            for kind in kinds:
                for seed in range(seeds if kind in ("some", "torn") else 1):
                    number += 1
                    again = tmp_path / f"boot-{number}"
                    again.mkdir()
                    for name, data in disk.survived(after, kind, seed).items():
                        if not name.endswith("-shm"):
                            (again / name).write_bytes(data)
                    with opened(again) as box:
                        yield box, after >= done
        print(f"{len(disk.ops) + 1} crash points, {number} boots")  # noqa: T201

    return enumerate_cuts


Cuts = Callable[..., Iterator[tuple[Opened, bool]]]
ORDERLY: Final = ("none", "all")


def accepted_or_comes_again(box: Opened, returned: bool) -> None:
    if returned:
        assert FLOOD.id in box.book.seen()
    if FLOOD.id not in box.book.seen():
        assert HOA not in box.book.windows()
        accept(box)
    (held,) = box.book.orders(0)
    assert (held.order, held.stage, held.ended_ms) == (FLOOD, Stage.ACCEPTED, None)
    assert box.book.windows()[HOA].high == FLOOD.sequence


def done_or_still_to_do(box: Opened, returned: bool) -> None:
    (held,) = box.book.orders(0)
    assert held.stage in ((Stage.DONE,) if returned else (Stage.ACCEPTED, Stage.DONE))
    assert (held.ended_ms is None) is (held.stage is Stage.ACCEPTED)
    assert box.book.windows()[HOA].high == FLOOD.sequence


def roots_old_or_new(box: Opened, returned: bool) -> None:
    held = box.memory.roots()
    assert held is not None
    assert held.version in ((2,) if returned else (1, 2))


def delegation_old_or_new(box: Opened, returned: bool) -> None:
    (held,) = box.memory.delegations()
    assert held.version in ((2,) if returned else (1, 2))


def wanted_old_or_new(box: Opened, returned: bool) -> None:
    held = box.memory.wanted()
    assert held is not None
    assert held.generation in ((2,) if returned else (1, 2))


Act = Callable[[Opened], None]
ORDERS: Final[dict[str, tuple[tuple[Act, ...], Act, Callable[[Opened, bool], None]]]] = {
    "accept": ((), accept, accepted_or_comes_again),
    "done": ((accept,), finish, done_or_still_to_do),
}
TRUST: Final[dict[str, tuple[tuple[Act, ...], Act, Callable[[Opened, bool], None]]]] = {
    "roots": ((keep_roots(1),), keep_roots(2), roots_old_or_new),
    "delegation": ((keep_delegation(1),), keep_delegation(2), delegation_old_or_new),
    "wanted": ((keep_wanted(1),), keep_wanted(2), wanted_old_or_new),
}


@pytest.mark.parametrize("name", ORDERS)
def test_fault_1_a_power_cut_at_any_write_leaves_an_order_accepted_or_to_come_again(name: str, cuts: Cuts) -> None:
    before, act, check = ORDERS[name]
    for box, returned in cuts(before, act, ORDERLY):
        check(box, returned)


@pytest.mark.parametrize("name", TRUST)
def test_fault_3_a_power_cut_while_trust_changes_leaves_the_old_or_the_new(name: str, cuts: Cuts) -> None:
    before, act, check = TRUST[name]
    for box, returned in cuts(before, act, ORDERLY):
        check(box, returned)


@pytest.mark.parametrize("name", ORDERS | TRUST)
def test_fault_5_torn_reordered_and_lost_writes_harm_nothing(name: str, cuts: Cuts) -> None:
    before, act, check = (ORDERS | TRUST)[name]
    for box, returned in cuts(before, act, KINDS, SEEDS):
        check(box, returned)
