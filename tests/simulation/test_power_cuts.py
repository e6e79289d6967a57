"""Power goes at every write, fsync, rename and new name; a box that boots on what survived knows what it must know."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from agent.store.database import Database
from agent.store.memory import Memory
from agent.store.orders import Orders
from protocol.codec import encode
from protocol.delegation import Delegation
from protocol.gate import Accept
from protocol.order import Sound
from protocol.report import Grade, Stage
from tests.simulation.box import RECORDINGS
from tests.simulation.disk import DATABASE, Disk, Event, Loss, Recorder, Sync, connected
from tests.simulation.people import COMMUNE_A
from tests.simulation.thefts import Appoint, Rotate
from tests.simulation.world import Broker, Give, PowerCut, Step, Wait, World, run
from tests.support.box_parts import NOW_MS, NOW_S, assignment, signed_manifest
from tests.support.small_controller import Programme, alert, key, roots, signed, signed_roots

FLOOD: Final = alert(7, at_s=NOW_S)
HOA: Final = key("Hoa").public_key
EVERY: Final = tuple(Loss)
ORDERLY: Final = (Loss.ALL_LOST, Loss.ALL_KEPT)
SEEDS: Final = 3


@dataclass
class Opened:
    database: Database
    book: Orders
    memory: Memory


class Unheard:
    """A disk that nobody watches, and that need not wait for the real one."""

    def note(self, event: Event) -> None:
        pass


@contextlib.contextmanager
def opened(folder: Path, disk: Recorder | None = None) -> Iterator[Opened]:
    recorder = disk or Unheard()
    with contextlib.closing(Database(folder, lambda path: connected(path, recorder))) as database:
        assert database.put_aside is None
        yield Opened(database, Orders(database), Memory(database))


Act = Callable[[Opened], object]
Check = Callable[[Opened, bool], None]


def nothing(box: Opened) -> None:
    """The box is opened, and for the first time where there was none."""


def accept(box: Opened) -> None:
    box.book.accept(signed(FLOOD), Accept(FLOOD, FLOOD.id, (), 0, HOA), NOW_MS, 0)


def finish(box: Opened) -> None:
    box.book.progress(FLOOD.id, Stage.DONE, NOW_MS + 1_000, None, Grade.NONE)


def start(box: Opened) -> None:
    accept(box)
    box.book.progress(FLOOD.id, Stage.STARTED, NOW_MS + 1_000, NOW_MS + 1_000, Grade.CLAIMED)


def tell_that_nobody_heard(box: Opened) -> bool:
    return box.book.progress(FLOOD.id, Stage.NOT_HEARD, NOW_MS + 2_000, NOW_MS + 1_000, Grade.CLAIMED)


def tell_more_surely(box: Opened) -> bool:
    return box.book.progress(FLOOD.id, Stage.STARTED, NOW_MS + 2_000, NOW_MS + 1_000, Grade.RENDERED)


def keep_roots(version: int) -> Act:
    record = roots(version, at_s=NOW_S)

    def act(box: Opened) -> None:
        box.memory.keep_roots(signed_roots(record), record)

    return act


def keep_delegation(version: int) -> Act:
    record = Delegation("77-1001", 0, version, 1, NOW_S, NOW_S + 9, ())
    return lambda box: box.memory.keep_delegation(encode(record), record)


def keep_wanted(generation: int) -> Act:
    record = assignment(generation, signed_manifest(Programme().manifest()))
    return lambda box: box.memory.keep_wanted(encode(record), record)


def enumerated(
    tmp_path: Path, before: tuple[Act, ...], act: Act, losses: tuple[Loss, ...], seeds: int = 1
) -> Iterator[tuple[Path, bool]]:
    """Every folder that a power cut during `act` may leave, and whether `act` had returned by then."""
    folder = tmp_path / "box"
    folder.mkdir()
    if before:
        with opened(folder) as box:
            for step in before:
                step(box)
    disk = Disk(folder, tmp_path)
    with disk.recording(), opened(folder, disk) as box:
        act(box)
        disk.mark("returned")
    boots = 0
    for seed in range(seeds):
        kinds = tuple(loss for loss in losses if not seed or loss not in ORDERLY)  # those two leave nothing to chance
        for moment, _, image in disk.images(kinds, seed):
            boots += 1
            yield image, bool(disk.happened_before("returned", moment))
    print(f"{len(disk.events)} events, {boots} boots")  # noqa: T201
    assert boots > 2


def after_every_cut(
    tmp_path: Path, case: tuple[tuple[Act, ...], Act, Check], losses: tuple[Loss, ...], seeds: int = 1
) -> None:
    before, act, check = case
    for image, returned in enumerated(tmp_path, before, act, losses, seeds):
        with opened(image) as box:
            check(box, returned)


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


def told_once(tell: Callable[[Opened], bool]) -> Check:
    """What was told is not news; what was not is, once."""

    def check(box: Opened, returned: bool) -> None:
        assert not (tell(box) and returned)
        assert not tell(box)
        assert [held.stage for held in box.book.orders(0)] == [Stage.STARTED]

    return check


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


def usable(box: Opened, returned: bool) -> None:
    """A box that died while it was being made can still be one."""
    del returned
    assert box.memory.roots() is None
    keep_roots(1)(box)
    accept(box)
    accepted_or_comes_again(box, True)


ORDERS: Final[dict[str, tuple[tuple[Act, ...], Act, Check]]] = {
    "accept": ((nothing,), accept, accepted_or_comes_again),
    "done": ((accept,), finish, done_or_still_to_do),
    "not heard": ((start,), tell_that_nobody_heard, told_once(tell_that_nobody_heard)),
    "surer": ((start,), tell_more_surely, told_once(tell_more_surely)),
}
TRUST: Final[dict[str, tuple[tuple[Act, ...], Act, Check]]] = {
    "roots": ((keep_roots(1),), keep_roots(2), roots_old_or_new),
    "delegation": ((keep_delegation(1),), keep_delegation(2), delegation_old_or_new),
    "wanted": ((keep_wanted(1),), keep_wanted(2), wanted_old_or_new),
}


@pytest.mark.parametrize("name", ORDERS)
def test_fault_1_a_power_cut_at_any_write_leaves_an_order_accepted_or_to_come_again(name: str, tmp_path: Path) -> None:
    after_every_cut(tmp_path, ORDERS[name], ORDERLY)


@pytest.mark.parametrize("name", TRUST)
def test_fault_3_a_power_cut_while_trust_changes_leaves_the_old_or_the_new(name: str, tmp_path: Path) -> None:
    after_every_cut(tmp_path, TRUST[name], ORDERLY)


@pytest.mark.parametrize("name", ORDERS | TRUST)
def test_fault_5_torn_reordered_and_lost_writes_harm_nothing(name: str, tmp_path: Path) -> None:
    after_every_cut(tmp_path, (ORDERS | TRUST)[name], EVERY, SEEDS)


def test_fault_1_a_power_cut_while_a_box_makes_its_first_database_leaves_one_that_works(tmp_path: Path) -> None:
    after_every_cut(tmp_path, ((), nothing, usable), EVERY)


@pytest.mark.parametrize("damaged", [False, True], ids=["whole database", "damaged database"])
def test_fault_3_a_power_cut_between_the_steps_of_the_trust_file_leaves_the_old_one_or_the_new(
    damaged: bool, tmp_path: Path
) -> None:
    """With the database gone only the file is left to tell: whom to trust, and which numbers were used."""
    versions = set()
    for image, returned in enumerated(tmp_path, (keep_roots(1), accept), keep_roots(2), EVERY, SEEDS):
        folder = tmp_path / "booted"
        shutil.copytree(image, folder)
        if damaged:
            (folder / DATABASE).write_bytes(b"not a database, but long enough to be looked at" * 100)
            (folder / f"{DATABASE}-wal").unlink(missing_ok=True)
        with contextlib.closing(Database(folder)) as database:
            held, windows = Memory(database).roots(), Orders(database).windows()
            assert held is not None
            versions.add(held.version)
            assert held.version == 2 if returned else held.version in (1, 2)
            assert windows[HOA].high == FLOOD.sequence
            assert FLOOD.id in Orders(database).seen()
        shutil.rmtree(folder)
    assert versions == {1, 2}


def test_the_recorder_sees_the_steps_of_both_files(tmp_path: Path) -> None:
    folder = tmp_path / "box"
    folder.mkdir()
    with opened(folder):
        pass
    disk = Disk(folder, tmp_path)
    with disk.recording(), opened(folder, disk) as box:
        accept(box)
    kinds = [type(event).__name__ for event in disk.events]
    assert kinds.count("Sync") >= 2, "the database's log and the trust file"
    assert "Name" in kinds
    assert "SyncFolder" in kinds


def test_a_database_that_does_not_wait_for_the_disk_is_noticed(tmp_path: Path) -> None:
    """The sabotage: the sync of the database's log is forgotten, and so is an order that was taken."""

    class Hasty(Disk):
        def note(self, event: Event) -> None:
            if not (isinstance(event, Sync) and event.file == f"{DATABASE}-wal"):
                super().note(event)

    folder = tmp_path / "box"
    folder.mkdir()
    with opened(folder):
        pass
    disk = Hasty(folder, tmp_path)
    with opened(folder, disk) as box, disk.recording():
        accept(box)
    *_, (_, _, image) = disk.images((Loss.ALL_LOST,))
    with opened(image) as box:
        assert FLOOD.id not in box.book.seen()


# --- while it sounds

MESSAGE_MS: Final = RECORDINGS.lengths_ms["1"]
MOMENTS_S: Final = (0.05, 0.3, 1.2, 1.6, 2.4, 3.0, 5.5, 9.0, 11.0, 12.9, 13.4, 20.0)
SCRIPT: Final = (Give("flood"),)


@pytest.mark.parametrize("after_s", MOMENTS_S)
def test_fault_1_power_that_goes_while_an_alarm_sounds_leaves_it_heard_whole_and_never_again_after_done(
    tmp_path: Path, after_s: float
) -> None:
    """The referee asks I3 and I6 as well; the broker says it all again after the boot."""
    script = [*SCRIPT, Wait(after_s), PowerCut("a1", 2), Wait(90), PowerCut("a1", 2), Wait(60)]
    world = run(tmp_path, script, places=("a1",)).world
    assert world is not None
    box, order = world.boxes["a1"], world.orders["flood"][0].id
    whole = [row for row in box.sounded if row.to_ms - row.from_ms >= MESSAGE_MS - 20]
    assert len(whole) == 1
    assert len(box.sounded) <= 2
    assert Stage.DONE in world.stages("a1", order)


@dataclass
class Life:
    """A box's disk from an alarm's arrival to its end, and what happened on the way."""

    disk: Disk
    raw: bytes = b""


class Live(Step):
    """The disk of a1 is watched while an alarm comes, sounds and ends."""

    def __init__(self, life: dict[str, Life], aside: Path) -> None:
        object.__setattr__(self, "what", (life, aside))

    async def do(self, world: World) -> None:
        life, aside = self.what  # type: ignore[attr-defined]
        box = world.boxes["a1"]
        disk = Disk(box.folder, aside)
        life["a1"] = Life(disk)
        box.watched_by = disk
        with disk.recording():
            await Give("flood").do(world)
            life["a1"].raw = world.orders["flood"][1]
            await world.sleep(20)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    lives: dict[str, Life] = {}
    folder = tmp_path_factory.mktemp("life")
    run(folder / "world", [Live(lives, folder)], places=("a1",))
    return lives["a1"]


def test_fault_1_and_5_a_power_cut_at_any_write_of_an_alarms_life_leaves_it_heard_once_more_or_done(
    life: Life, tmp_path: Path
) -> None:
    """Each image is booted half a minute later; the order comes again, twice, and once more after another boot."""
    assert life.disk.happened_before("DONE", len(life.disk.events)) == 1
    done = 0
    for moment, loss, image in life.disk.images(EVERY, in_turn=True):
        where = f"moment {moment} of {len(life.disk.events)}, {loss.value}"
        heard = heard_after(image, life.raw, tmp_path / f"{moment}")
        if life.disk.happened_before("DONE", moment):
            done += 1
            assert heard == 0, where
        else:
            assert heard <= 1, where
            assert heard == 1 or life.disk.happened_before("sounds", moment), where
    assert done > 0


def heard_after(image: Path, raw: bytes, folder: Path) -> int:
    class Again(Step):
        async def do(self, world: World) -> None:
            for _ in range(2):
                world.boxes["a1"].on.inbox.take(raw)

    def on_this_disk(world: World) -> None:
        box = world.boxes["a1"]
        shutil.copytree(image, box.folder)
        box.skew_ms = 30_000
        world.referee.only = ("I3", "I4", "I7", "I12", "alive")

    script = [Again(), Wait(30), PowerCut("a1", 2), Again(), Wait(30)]
    world = run(folder, script, places=("a1",), setup=on_this_disk).world
    assert world is not None
    return len(world.boxes["a1"].sounded)


@pytest.mark.parametrize("seed", range(24))
def test_fault_1_and_5_a_cut_while_orders_roots_lists_and_programmes_arrive_breaks_no_invariant(
    tmp_path: Path, seed: int
) -> None:
    """The referee asks all invariants: what was half written is there or is not, and all else is there."""
    arrive: tuple[Step, ...] = (
        Broker(shuffle_ms=2_000),
        Give("flood", changes=(("sound", Sound(1, chime=0, repeats=3, gap_s=5)),)),
        Rotate(new_root=True),
        Appoint(COMMUNE_A, ("Nga",)),
        PowerCut("a1", 3, torn=seed, within_s=5),
    )
    script = [*arrive, Give("rain", ("Minh", "Hoa")), PowerCut("a1", 3, torn=seed + 1_000), Wait(200)]
    world = run(tmp_path, script, seed=seed, places=("a1",)).world
    assert world is not None
    assert Stage.DONE in world.stages("a1", world.orders["flood"][0].id)
    assert Stage.DONE in world.stages("a1", world.orders["rain"][0].id)
    assert world.controller.known["a1"].roots_version == 2
