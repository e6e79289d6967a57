"""The simulated province: true time, boxes, a broker with every malice, a controller, and scripts of steps.

A script is a list of `Step`s; `run(script, …)` plays it in virtual time and lets the referee look after each step. When
an invariant breaks, the error carries the script as Python that can be pasted into a test.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from msgspec.structs import replace

from controller.orders.rules import Answer
from protocol.bulletin import BulletinClass
from protocol.compose import order_id
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.manifest import Assignment, PlaceInOrder
from protocol.order import MessageType, Order, Sound
from protocol.report import ClockQuality, Stage
from protocol.roles import Role
from protocol.signing import Family, family_of
from tests.simulation import people
from tests.simulation.box import SimBox
from tests.simulation.controller import Controller, Known
from tests.simulation.people import COMMUNE_A, COMMUNE_B, EPOCH_S, PROVINCE, QUIET, Pen
from tests.simulation.referee import Airing, Referee, ViolationError
from tests.simulation.voices import Air, speak
from tests.support import virtual_time
from tests.support.small_controller import Programme, key, tone

PLACES: Final = {
    "a1": (PROVINCE, COMMUNE_A, f"{COMMUNE_A}-01"),
    "a2": (PROVINCE, COMMUNE_A, f"{COMMUNE_A}-02"),
    "b1": (PROVINCE, COMMUNE_B, f"{COMMUNE_B}-01"),
}
RESEND_S: Final = 10
LOOK_EVERY_S: Final = 30
KEPT_BY_THE_BROKER: Final = 20
REPEAT_ROUNDS: Final = 6
"""After so many times `RESEND_S` a frozen broker says again what it kept."""


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
    frozen: bool = False
    """Nothing new goes down; what it kept of before is said again and again."""


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
        self.referee = Referee(self)
        self.malice = Malice()
        self.pen = Pen({})
        self.mail: list[Mail] = []
        self.orders: dict[str, tuple[Order, bytes]] = {}
        """By a short name that scripts use; the newest of that name."""
        self.given_ms: dict[bytes, int] = {}
        """When officers gave each order, true time."""
        self.controller = Controller(self.now_ms, self._down)
        self.charter = people.Charter()
        """What the newest roots of the province say."""
        self.trusted_ms = 0
        """When new roots or a new list were published last."""
        self.epoch = 1
        self.generation = 0
        self.programme = Programme()
        """What the controller has published last."""
        self.lists: Counter[str] = Counter()
        """By unit, the version of the newest list of its people."""
        self.air = Air()
        self.boxes = {
            name: SimBox(
                name, PLACES[name], folder / name, now_ms=self.now_ms, publish=self._up, line=self.air.line(name)
            )
            for name in places
        }
        for name, box in self.boxes.items():
            self.controller.known[name] = Known(box.id, box.units, box.signer.public_key)
        self._beginning = 0.0
        self._aside = folder / "aside"
        self._files: dict[bytes, bytes] = {}
        self._retained: list[bytes] = []
        """By a broker that is frozen."""
        self._tasks: list[asyncio.Task[None]] = []
        self._disturbed: dict[str, int] = {}
        self._changed: dict[str, int] = {}
        self._booted: dict[str, int] = {}

    def now_ms(self) -> int:
        return EPOCH_S * 1000 + round((asyncio.get_running_loop().time() - self._beginning) * 1000)

    @property
    def now_s(self) -> int:
        return self.now_ms() // 1000

    async def sleep(self, duration_s: float) -> None:
        """Time passes; the referee looks now and then."""
        most_s = max(LOOK_EVERY_S, duration_s / 50)
        while duration_s > most_s:
            await asyncio.sleep(most_s)
            duration_s -= most_s
            self.look()
        await asyncio.sleep(duration_s)

    def look(self) -> None:
        """Raises ViolationError."""
        for name in self.boxes:
            if not self._is_well(name):
                self._disturbed[name] = self.now_ms()
        self.referee.look()

    async def begin(self) -> None:
        """Every box is approved, has its roots and its place, and is connected."""
        self._beginning = asyncio.get_running_loop().time()
        first = self.charter.signed()
        self.controller.trust(first)
        for box in self.boxes.values():
            self.referee.watch(box)
            box.boot()
            self.referee.delivered(box, first, first=True)
            box.on.inbox.take_first(first)
        self.publish_programme(Programme())
        for name, box in self.boxes.items():
            box.connect()
            self._booted[name] = self.now_ms()
            self.disturb(name)
        self._tasks = [asyncio.create_task(self._send_what_is_owed())]
        await asyncio.sleep(1)

    async def end(self) -> None:
        for box in self.boxes.values():
            if box.has_power:
                await box.power_cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def beside(self, story: Coroutine[Any, Any, None]) -> None:
        """Something that takes its time while the script goes on."""
        self._tasks.append(asyncio.create_task(story))

    # --- whether a box has an excuse

    def disturb(self, *names: str) -> None:
        """Something happens to these boxes' power, lines or clocks, or to what carries their messages."""
        for name in names or tuple(self.boxes):
            self._disturbed[name] = self._changed[name] = self.now_ms()

    def _is_linked(self, name: str) -> bool:
        return self.controller.up and self.boxes[name].connected

    def _is_well(self, name: str) -> bool:
        box = self.boxes[name]
        return self._is_linked(name) and not self._is_withheld() and box.plugged_in and box.clock_is_right

    def _is_withheld(self) -> bool:
        return self.malice.drop or self.malice.frozen

    def well_ms(self, name: str) -> int:
        """For how long it has had power, a line, an honest broker, a sound device and the right time; 0: it has not."""
        return self.now_ms() - self._disturbed[name] if self._is_well(name) else 0

    def linked_ms(self, name: str) -> int:
        """For how long what it says has come through."""
        return self.now_ms() - self._changed[name] if self._is_linked(name) else 0

    def cut_off_ms(self, name: str) -> int:
        """For how long nothing that it says has come through."""
        return self.now_ms() - self._changed[name] if self.controller.up and not self.boxes[name].connected else 0

    def powered_ms(self, name: str) -> int:
        return self.now_ms() - self._booted[name] if self.boxes[name].has_power else 0

    async def power_cut(self, name: str) -> None:
        await self.boxes[name].power_cut()
        self.disturb(name)

    async def power_cut_while_it_writes(self, name: str, seed: int, within_s: float) -> None:
        await self.boxes[name].power_cut_while_it_writes(seed, self._aside / name, within_s)
        self.disturb(name)

    def boot(self, name: str) -> None:
        box = self.boxes[name]
        box.boot()
        self.referee.reborn(box)
        box.connect()
        self._booted[name] = self.now_ms()
        self.disturb(name)

    # --- downward

    def deliver(self, box: SimBox, raw: bytes) -> None:
        """These bytes are at the box, by whatever way."""
        if box.has_power:
            trusted = self.referee.delivered(box, raw)
            box.on.inbox.take(raw)
            if not box.has_power:
                self.referee.interrupted(box, trusted)

    def deliver_everywhere(self, raw: bytes) -> None:
        """By every way there is, and whoever wants may say it again."""
        self._remember(tuple(self.boxes), raw)
        for box in self.boxes.values():
            self.deliver(box, raw)

    def send(self, names: Sequence[str], raw: bytes, *, order: bool = False) -> None:
        """Through the broker, as it pleases."""
        targets = tuple(self.boxes) if self.malice.misdeliver else tuple(names)
        self._remember(targets, raw, order=order)
        if order and self.malice.drop:
            return
        for name in targets:
            for _ in range(self.malice.copies):
                self._later(self.boxes[name], raw)

    def _remember(self, to: tuple[str, ...], raw: bytes, *, order: bool = False) -> None:
        if all(raw != mail.raw for mail in self.mail):
            self.mail.append(Mail(to, raw, order))

    def carry_by(self, malice: Malice) -> None:
        """The broker changes its ways."""
        self.malice = malice
        self._retained = [mail.raw for mail in self.mail[-KEPT_BY_THE_BROKER:]] if malice.frozen else []
        self.disturb()

    def _later(self, box: SimBox, raw: bytes) -> None:
        if self.malice.frozen and raw not in self._retained:
            return
        delay_ms = 20 + self.rng.randrange(max(1, self.malice.shuffle_ms))

        def arrive() -> None:
            if box.connected:
                self.deliver(box, raw)

        asyncio.get_running_loop().call_later(delay_ms / 1000, arrive)

    def _down(self, name: str, raw: bytes, order: bool) -> None:
        """What the controller says to one box."""
        if order:
            self.send([name], raw, order=True)
        else:
            if family_of(raw) is Family.ASSIGNMENT:
                self._remember((name,), raw)
            self._later(self.boxes[name], raw)

    def give(self, order: Order, raw: bytes) -> None:
        """An order has its signatures: the controller keeps it and sends it."""
        self.given_ms[order.id] = self.now_ms()
        self.send(self.controller.give(order, raw), raw, order=True)

    def trust(self, raw: bytes) -> None:
        """New roots or a new delegation is published, and kept for those who are away."""
        self.controller.trust(raw)
        self.trusted_ms = self.now_ms()
        self.send(list(self.boxes), raw)

    def publish_programme(self, programme: Programme, exceptions: tuple[bytes, ...] = ()) -> None:
        """The controller compiles, signs and assigns it to every box; the referee knows what persons have approved."""
        self.programme = programme
        self.generation += 1
        place = (self.charter.era(Role.SCHEDULE), self.epoch, self.generation)
        manifest = self.compiled(programme, self.charter.machine, exceptions=exceptions)
        for name, box in self.boxes.items():
            known = self.controller.known[name]
            known.assignment, known.assigned = self.assignment(box, place, manifest, self.charter.machine), place
            self.referee.pictures[name].placed = True
            self._remember((name,), known.assignment)
            if not self._tasks or (box.connected and not self.malice.frozen):
                self.deliver(box, known.assignment)

    def compiled(self, programme: Programme, signer: str, **changes: Any) -> bytes:
        """The signed manifest, which every box can fetch now; the referee knows what of it may sound, and when."""
        manifest = replace(programme.manifest(), **changes)
        raw = people.signed_manifest(manifest, signer)
        self._files |= {sha256(raw): raw, **programme.sounds}
        for box in self.boxes.values():
            box.office.files = self._files
        for entry, bulletin in zip(programme.entries, programme.bulletins, strict=True):
            length_ms = programme.blobs[bulletin.sound].duration_ms
            airing = Airing(_instant_ms(entry.first), bulletin.sound.hex(), length_ms)
            self.referee.programme.setdefault(entry.id, set()).add(airing)
        self.referee.approvals.update(dict.fromkeys(manifest.approvals))
        self.referee.exceptions.update(dict.fromkeys(manifest.exceptions))
        return raw

    def assignment(self, box: SimBox, place: PlaceInOrder, manifest: bytes, signer: str) -> bytes:
        """`place` is (era, epoch, generation), `manifest` its signed bytes."""
        (era, epoch, generation), now = place, self.now_s
        name, size, until = sha256(manifest), len(manifest), now + 50 * 86_400
        record = Assignment(box.id, generation, name, size, box.units, now, until, epoch=epoch, era=era)
        return people.signed_assignment(record, signer)

    def is_led_astray(self, name: str) -> bool:
        """Whether this box holds another assignment than its controller's, and none below it: somebody has the key."""
        box, known = self.boxes[name], self.controller.known[name]
        desired = box.on.store.desired if box.has_power else None
        wanted = None if desired is None else desired.wanted()
        if desired is None or wanted is None:
            return False
        return wanted.place_in_order >= known.assigned and desired.wanted_bytes() != known.assignment

    # --- upward

    def _up(self, name: str, kind: str, payload: bytes) -> None:
        try:
            self.controller.take(name, kind, payload)
        except ProtocolError as error:
            self.controller.conflicts.append(f"{name} said what nobody can read: {error}")

    async def _send_what_is_owed(self) -> None:
        while True:
            await asyncio.sleep(RESEND_S)
            for name, box in self.boxes.items():
                box.connect()
                if self._is_linked(name):
                    self.controller.send_what_is_owed(name)
                if self.now_s // RESEND_S % REPEAT_ROUNDS == 0:
                    for raw in self._retained:
                        self._later(box, raw)

    def answers(self, name: str, order: bytes) -> list[Answer]:
        """What this box's receipts say of the order."""
        return self.controller.known[name].answers.get(order, [])

    def stages(self, name: str, order: bytes) -> set[Stage]:
        return {row.stage for row in self.answers(name, order)}


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
        await world.sleep(self.s)


@dataclass(frozen=True)
class Evening(Step):
    """Time passes until shortly before quiet hours begin."""

    async def do(self, world: World) -> None:
        second = (world.now_s + 7 * 3_600) % 86_400
        await world.sleep((QUIET.start - 90 - second) % 86_400)


@dataclass(frozen=True)
class Give(Step):
    """Officers give an order; `name` is how the script speaks of it."""

    name: str
    signers: tuple[str, ...] = ("Hoa", "Minh")
    area: tuple[str, ...] = (PROVINCE,)
    kind: MessageType = MessageType.ALERT
    about: tuple[str, ...] = ()
    changes: tuple[tuple[str, Any], ...] = ()
    until_s: int | None = None
    """For so long a stop holds; None: until somebody reinstates."""

    async def do(self, world: World) -> None:
        references = tuple(world.orders[name][0].id for name in self.about if name in world.orders)
        if self.about and not references:
            return
        changes = dict(self.changes)
        if isinstance(changes.get("sound"), tuple):
            changes["sound"] = replace(_SOUND, **dict(changes["sound"]))
        if self.until_s is not None:
            changes["until"] = world.now_s + self.until_s
        order, raw = world.pen.order(world.now_s, self.kind, self.signers, self.area, references=references, **changes)
        world.orders[self.name] = (order, raw)
        world.give(order, raw)


_SOUND = Sound(1, chime=0, repeats=1, gap_s=0)


@dataclass(frozen=True)
class Cut(Step):
    """A box's link goes."""

    box: str

    async def do(self, world: World) -> None:
        world.boxes[self.box].link_up = False
        world.boxes[self.box].disconnect()
        world.disturb(self.box)


@dataclass(frozen=True)
class Heal(Step):
    """A box's link comes back."""

    box: str

    async def do(self, world: World) -> None:
        world.boxes[self.box].link_up = True
        world.boxes[self.box].connect()
        world.disturb(self.box)


@dataclass(frozen=True)
class PowerCut(Step):
    """For so long a box has no power; what its clock is worth afterwards."""

    box: str
    s: float = 5
    quality: int = 5
    torn: int | None = None
    """A seed: at one of the next calls that the disk hears, and what was not synced may be lost, torn, out of order."""
    within_s: float = 10

    async def do(self, world: World) -> None:
        box = world.boxes[self.box]
        if box.has_power and self.torn is None:
            await world.power_cut(self.box)
        elif box.has_power and self.torn is not None:
            await world.power_cut_while_it_writes(self.box, self.torn, self.within_s)
        await world.sleep(self.s)
        box.quality = ClockQuality(self.quality)
        world.boot(self.box)


@dataclass(frozen=True)
class Jump(Step):
    """A box's wall clock is set."""

    box: str
    ms: int

    async def do(self, world: World) -> None:
        world.boxes[self.box].jump(self.ms)
        world.disturb(self.box)


@dataclass(frozen=True)
class Unplug(Step):
    """A box's sound device is pulled out."""

    box: str

    async def do(self, world: World) -> None:
        world.boxes[self.box].plug(in_=False)
        world.disturb(self.box)


@dataclass(frozen=True)
class PlugIn(Step):
    """It is back."""

    box: str

    async def do(self, world: World) -> None:
        world.boxes[self.box].plug(in_=True)
        world.disturb(self.box)


@dataclass(frozen=True)
class Mend(Step):
    """A technician was there: line, sound device and clock are good, and the box was started anew."""

    box: str

    async def do(self, world: World) -> None:
        box = world.boxes[self.box]
        if box.has_power:
            await world.power_cut(self.box)
        await world.sleep(1)
        box.skew_ms, box.quality, box.link_up, box.plugged_in = 0, ClockQuality.NTP, True, True
        world.boot(self.box)


@dataclass(frozen=True)
class ControllerDown(Step):
    """For so long the controller hears and says nothing."""

    s: float = 60

    async def do(self, world: World) -> None:
        world.controller.up = False
        world.disturb()
        await world.sleep(self.s)
        world.controller.up = True
        world.disturb()


@dataclass(frozen=True)
class Broker(Step):
    """The broker changes its ways."""

    drop: bool = False
    copies: int = 1
    shuffle_ms: int = 0
    misdeliver: bool = False
    frozen: bool = False

    async def do(self, world: World) -> None:
        world.carry_by(Malice(self.drop, self.copies, self.shuffle_ms, self.misdeliver, self.frozen))


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
        world.deliver_everywhere(raw)


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
class Speak(Step):
    """Somebody speaks to commune A, perhaps inside an alarm; `voice`: whose key says it, if not the session's own."""

    who: str
    number: int
    """Each session has its own; one that was there before is said again."""
    attached: str = ""
    for_s: int = 5
    voice: str = ""

    async def do(self, world: World) -> None:
        await speak(world, who=self.who, attached=self.attached, for_s=self.for_s, voice=self.voice, number=self.number)


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


def _instant_ms(wall: str) -> int:
    """Of a wall time in Vietnam."""
    return round(datetime.fromisoformat(f"{wall}+07:00").timestamp() * 1000)


def _wall(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC) + timedelta(hours=7):%Y-%m-%dT%H:%M:%S}"


@dataclass
class Outcome:
    """What a run came to."""

    steps: int = 0
    sounds: int = 0
    verdicts: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    """How often the invariants that need good conditions could be asked."""
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
                virtual_time.expect_no_failure()
                world.look()
                done += 1
            if then is not None:
                then(world)
        except Exception as error:  # a crash breaks what was promised too, and its script must not be lost
            what = str(error) if isinstance(error, ViolationError) else f"crash: {type(error).__name__}: {error}"
            raise ViolationError(f"{what}\n{as_python(script[: done + 1], seed)}") from error
        finally:
            passed_s = (world.now_ms() - EPOCH_S * 1000) / 1000
            await world.end()
        referee = world.referee
        return Outcome(done, referee.sounds, referee.verdicts, referee.asked, passed_s, world)

    with _quiet():
        return virtual_time.run(main())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The daemons' logs are of no use here, and cost more than the daemons."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[_drop])
    try:
        yield
    finally:
        structlog.configure(**before)


def _drop(*_: object) -> Any:
    raise structlog.DropEvent


def as_python(script: Sequence[Step], seed: int) -> str:
    """The script, to be pasted into a test."""
    lines = "".join(f"    {step!r},\n" for step in script)
    return f"run(tmp_path, [\n{lines}], seed={seed})"
