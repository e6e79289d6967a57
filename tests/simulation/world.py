"""The simulated province: true time, boxes, a broker with every malice, a controller, and scripts of steps.

A script is a list of `Step`s; `run(script, …)` plays it in virtual time and lets the referee look after each step. When
an invariant breaks, the error carries the script as Python that can be pasted into a test.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from controller.orders.rules import Answer, owed
from protocol.bulletin import BulletinClass
from protocol.codec import decode, encode
from protocol.compose import order_id
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.manifest import Assignment
from protocol.order import MessageType, Order, Sound
from protocol.report import Ack, ClockQuality, Fault, Hello, LogBatch, Receipt, Stage
from protocol.signing import Family, sign1, verify1
from tests.simulation import people
from tests.simulation.box import SimBox
from tests.simulation.people import COMMUNE_A, COMMUNE_B, DOMAIN, EPOCH_S, PROVINCE, Pen
from tests.simulation.referee import Referee, ViolationError
from tests.support import virtual_time
from tests.support.small_controller import Programme, key, tone

PLACES: Final = {
    "a1": (PROVINCE, COMMUNE_A, f"{COMMUNE_A}-01"),
    "a2": (PROVINCE, COMMUNE_A, f"{COMMUNE_A}-02"),
    "b1": (PROVINCE, COMMUNE_B, f"{COMMUNE_B}-01"),
}
RESEND_S: Final = 10


@dataclass
class Malice:
    """What the broker does beside its work."""

    drop: bool = False
    """Orders vanish."""
    copies: int = 1
    shuffle_ms: int = 0
    """Each delivery waits up to so long: they overtake one another."""
    misdeliver: bool = False
    """What is for one box goes to all."""


@dataclass
class Mail:
    """One message that was published, for whoever wants to say it again."""

    to: tuple[str, ...]
    raw: bytes
    order: bool


class World:
    """Enter `run` with a coroutine that makes things happen."""

    def __init__(self, folder: Path, seed: int = 0, places: Sequence[str] = tuple(PLACES)) -> None:
        self.rng = random.Random(seed)
        self.referee = Referee(self.now_ms)
        self.malice = Malice()
        self.pen = Pen({})
        self.mail: list[Mail] = []
        self.orders: dict[str, tuple[Order, bytes]] = {}
        """By a short name that scripts use."""
        self.answers: dict[tuple[str, bytes], list[Answer]] = {}
        self.roots = people.roots()
        self.trusted: list[bytes] = []
        """Later roots and delegations, in order."""
        self.assignments: dict[str, bytes] = {}
        self.generation = 0
        self.controller_up = True
        self.boxes = {
            name: SimBox(name, PLACES[name], folder / name, now_ms=self.now_ms, publish=self._up) for name in places
        }
        self._beginning = 0.0
        self._files: dict[bytes, bytes] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def now_ms(self) -> int:
        return EPOCH_S * 1000 + round((asyncio.get_running_loop().time() - self._beginning) * 1000)

    @property
    def now_s(self) -> int:
        return self.now_ms() // 1000

    async def begin(self) -> None:
        """Every box is approved, has its roots and its place, and is connected."""
        self._beginning = asyncio.get_running_loop().time()
        first = people.signed_roots(self.roots)
        for box in self.boxes.values():
            self.referee.watch(box)
            box.boot()
            self.referee.delivered(box, first, first=True)
            box.on.inbox.take_first(first)
        self.publish_programme(Programme())
        for box in self.boxes.values():
            box.connect()
        self._tasks = [asyncio.create_task(self._send_what_is_owed())]
        await asyncio.sleep(1)

    async def end(self) -> None:
        for box in self.boxes.values():
            if box.has_power:
                await box.power_cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.referee.look()

    # --- downward

    def deliver(self, box: SimBox, raw: bytes) -> None:
        """These bytes are at the box, by whatever way."""
        if box.has_power:
            self.referee.delivered(box, raw)
            box.on.inbox.take(raw)

    def send(self, names: Sequence[str], raw: bytes, *, order: bool = False) -> None:
        """Through the broker, as it pleases."""
        targets = tuple(self.boxes) if self.malice.misdeliver else tuple(names)
        self.mail.append(Mail(targets, raw, order))
        if order and self.malice.drop:
            return
        for name in targets:
            for _ in range(self.malice.copies):
                self._later(self.boxes[name], raw)

    def _later(self, box: SimBox, raw: bytes) -> None:
        delay_ms = 20 + self.rng.randrange(max(1, self.malice.shuffle_ms))

        def arrive() -> None:
            if box.has_power and box.on.uplink.connected:
                self.deliver(box, raw)

        asyncio.get_running_loop().call_later(delay_ms / 1000, arrive)

    def concerned(self, area: Sequence[str]) -> list[str]:
        return [name for name, box in self.boxes.items() if any(unit in box.units for unit in area)]

    def trust(self, raw: bytes) -> None:
        """New roots or a new delegation is published, and kept for those who are away."""
        self.trusted.append(raw)
        self.send(list(self.boxes), raw)

    def publish_programme(self, programme: Programme, *, epoch: int = 1, era: int = 0) -> None:
        """The controller compiles, signs and assigns it to every box; the referee knows what persons have approved."""
        manifest = people.signed_manifest(programme.manifest())
        self._files |= {sha256(manifest): manifest, **programme.sounds}
        self.generation += 1
        for name, box in self.boxes.items():
            box.office.files = self._files
            record = Assignment(
                box.id,
                self.generation,
                sha256(manifest),
                len(manifest),
                box.units,
                self.now_s,
                self.now_s + 50 * 86_400,
                epoch=epoch,
                era=era,
            )
            raw = self.assignments[name] = people.signed_assignment(record)
            self.referee.pictures[name].placed = True
            self.deliver(box, raw)
        for entry in programme.entries:
            self.referee.programme[entry.id] = (0, 0)

    # --- upward

    def _up(self, name: str, kind: str, payload: bytes) -> bool:
        """The controller's side of the broker; True when it is acknowledged."""
        box = self.boxes[name]
        if not self.controller_up:
            return True
        try:
            if kind == "hello":
                self._greeted(box, decode(self._opened(box, payload, Family.HELLO), Hello))
            elif kind == "receipt":
                self._receipted(box, decode(self._opened(box, payload, Family.RECEIPT), Receipt))
            elif kind == "fault":
                fault = decode(self._opened(box, payload, Family.FAULT), Fault)
                self._acknowledge(box, faults=((fault.code, fault.at),))
            elif kind == "log":
                batch = decode(self._opened(box, payload, Family.LOG), LogBatch, max_bytes=131_072)
                self._acknowledge(box, log_seq=batch.rows[-1].seq, chain=batch.chain)
        except ProtocolError as error:
            raise ViolationError(f"{name} said what nobody can read: {error}") from error
        return True

    def _opened(self, box: SimBox, payload: bytes, family: Family) -> bytes:
        return verify1(payload, family, DOMAIN, box.signer.public_key)

    def _greeted(self, box: SimBox, hello: Hello) -> None:
        del hello  # the box drops what it has
        for raw in (*self.trusted, self.assignments[box.name]):
            self._later(box, raw)
        self._owe(box)

    def _receipted(self, box: SimBox, receipt: Receipt) -> None:
        rows = self.answers.setdefault((box.name, receipt.order), [])
        rows[:] = [row for row in rows if row.stage is not receipt.stage]
        rows.append(Answer(receipt.stage, receipt.code, receipt.first_sample, receipt.at, receipt.grade))
        self._acknowledge(box, receipts=((receipt.order, receipt.stage),))

    def _acknowledge(self, box: SimBox, chain: bytes | None = None, **what: Any) -> None:
        values = {"log_seq": 0} | what
        record = Ack(box.id, chain or box.on.store.outbox.chain(), **values)
        self._later(box, sign1(encode(record), Family.ACK, DOMAIN, key("controller")))

    def _owe(self, box: SimBox) -> None:
        for order, raw in self.orders.values():
            here = any(unit in box.units for unit in order.area)
            if here and order.expires > self.now_s and owed(self.answers.get((box.name, order.id), ())):
                self.send([box.name], raw, order=True)

    async def _send_what_is_owed(self) -> None:
        while True:
            await asyncio.sleep(RESEND_S)
            if self.controller_up:
                for box in self.boxes.values():
                    box.connect()
                    if box.has_power and box.on.uplink.connected:
                        self._owe(box)

    def stages(self, name: str, order: bytes) -> set[Stage]:
        return {row.stage for row in self.answers.get((name, order), [])}


@dataclass(frozen=True)
class Step:
    """One thing that happens. `repr` of a step is the Python that makes it."""

    async def do(self, world: World) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Wait(Step):
    """Time passes."""

    s: float

    async def do(self, world: World) -> None:
        await asyncio.sleep(self.s)


@dataclass(frozen=True)
class Give(Step):
    """Officers give an order; `name` is how the script speaks of it."""

    name: str
    signers: tuple[str, ...] = ("Hoa", "Minh")
    area: tuple[str, ...] = (PROVINCE,)
    kind: MessageType = MessageType.ALERT
    about: tuple[str, ...] = ()
    changes: tuple[tuple[str, Any], ...] = ()

    async def do(self, world: World) -> None:
        references = tuple(world.orders[name][0].id for name in self.about if name in world.orders)
        if self.about and not references:
            return
        changes = dict(self.changes)
        if isinstance(changes.get("sound"), tuple):
            changes["sound"] = replace(_SOUND, **dict(changes["sound"]))
        order, raw = world.pen.order(world.now_s, self.kind, self.signers, self.area, references=references, **changes)
        world.orders[self.name] = (order, raw)
        world.send(world.concerned(self.area), raw, order=True)


_SOUND = Sound(1, chime=0, repeats=1, gap_s=0)


@dataclass(frozen=True)
class Cut(Step):
    """A box's link goes."""

    box: str

    async def do(self, world: World) -> None:
        world.boxes[self.box].link_up = False
        world.boxes[self.box].disconnect()


@dataclass(frozen=True)
class Heal(Step):
    """A box's link comes back."""

    box: str

    async def do(self, world: World) -> None:
        world.boxes[self.box].link_up = True
        world.boxes[self.box].connect()


@dataclass(frozen=True)
class PowerCut(Step):
    """For so long a box has no power; what its clock is worth afterwards."""

    box: str
    s: float = 5
    quality: int = 5

    async def do(self, world: World) -> None:
        box = world.boxes[self.box]
        if box.has_power:
            await box.power_cut()
        await asyncio.sleep(self.s)
        box.quality = ClockQuality(self.quality)
        box.boot()
        box.connect()


@dataclass(frozen=True)
class Jump(Step):
    """A box's wall clock is set."""

    box: str
    ms: int

    async def do(self, world: World) -> None:
        world.boxes[self.box].jump(self.ms)


@dataclass(frozen=True)
class Broker(Step):
    """The broker changes its ways."""

    drop: bool = False
    copies: int = 1
    shuffle_ms: int = 0
    misdeliver: bool = False

    async def do(self, world: World) -> None:
        world.malice = Malice(self.drop, self.copies, self.shuffle_ms, self.misdeliver)


@dataclass(frozen=True)
class ReplayAll(Step):
    """Everything that was ever published is said again, to every box."""

    async def do(self, world: World) -> None:
        for mail in list(world.mail):
            for box in world.boxes.values():
                world._later(box, mail.raw)


@dataclass(frozen=True)
class Forge(Step):
    """Whoever has these keys signs an order of their own, and it reaches every box by every way."""

    signers: tuple[str, ...]
    area: tuple[str, ...] = (PROVINCE,)
    kind: MessageType = MessageType.ALERT
    changes: tuple[tuple[str, Any], ...] = ()
    number: int = 1

    async def do(self, world: World) -> None:
        first = self.signers[0]
        values = {"sequence": 1_000_000 + self.number, **dict(self.changes)}
        identity = order_id(key(first).public_key, b"forged" + self.number.to_bytes(6, "big"))
        order, _ = Pen({}).order(world.now_s, self.kind, (first,), self.area, id=identity, **values)
        raw = people.signed(order, *self.signers)
        world.mail.append(Mail(tuple(world.boxes), raw, order=True))
        for box in world.boxes.values():
            world.deliver(box, raw)


@dataclass(frozen=True)
class NoisyBits(Step):
    """A message of before, with one byte changed."""

    at: int
    by: int

    async def do(self, world: World) -> None:
        if world.mail:
            raw = bytearray(world.mail[self.at % len(world.mail)].raw)
            raw[self.at % len(raw)] ^= 1 + self.by % 255
            for box in world.boxes.values():
                world.deliver(box, bytes(raw))


@dataclass(frozen=True)
class Schedule(Step):
    """A bulletin, so many seconds from now, for so long; approved by Hoa."""

    name: str
    in_s: int
    length_s: int = 30

    async def do(self, world: World) -> None:
        programme = Programme()
        programme.add(
            self.name,
            _wall(world.now_s + self.in_s),
            tone(self.length_s * 1000),
            self.length_s * 1000,
            klass=BulletinClass.ORDINARY,
        )
        world.publish_programme(programme)


def _wall(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC) + timedelta(hours=7):%Y-%m-%dT%H:%M:%S}"


@dataclass
class Outcome:
    """What a run came to."""

    steps: int = 0
    sounds: int = 0
    verdicts: int = 0
    virtual_s: float = 0
    world: World | None = field(default=None, repr=False)


def run(
    folder: Path,
    script: Sequence[Step],
    *,
    seed: int = 0,
    setup: Callable[[World], None] | None = None,
    then: Callable[[World], None] | None = None,
    places: Sequence[str] = tuple(PLACES),
) -> Outcome:
    """Play the script; `then` may look at the world before it ends. Raises `ViolationError` with the script."""

    async def main() -> Outcome:
        world = World(folder, seed, places)
        if setup is not None:
            setup(world)
        await world.begin()
        done = 0
        try:
            for step in script:
                await step.do(world)
                await asyncio.sleep(0.1)
                world.referee.look()
                done += 1
            if then is not None:
                then(world)
        except ViolationError as error:
            raise ViolationError(f"{error}\n{as_python(script[: done + 1], seed)}") from error
        finally:
            passed_s = (world.now_ms() - EPOCH_S * 1000) / 1000
            await world.end()
        return Outcome(done, world.referee.sounds, world.referee.verdicts, passed_s, world)

    return virtual_time.run(main())


def as_python(script: Sequence[Step], seed: int) -> str:
    """The script, to be pasted into a test."""
    lines = "".join(f"    {step!r},\n" for step in script)
    return f"run(tmp_path, [\n{lines}], seed={seed})"
