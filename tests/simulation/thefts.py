"""What is done with keys other than those of orders: rotations, lists, programmes and exceptions, honest and stolen."""

from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from protocol.approval import QuietException
from protocol.bulletin import BulletinClass
from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.manifest import PlaceInOrder
from protocol.report import FaultCode
from protocol.roles import Era, Holder, Role
from tests.simulation import people
from tests.simulation.people import PROVINCE, Charter
from tests.simulation.world import Step, World, _wall
from tests.support.small_controller import Programme, key, tone

FOREVER: Final = 0xFFFF_FFFF
VALID_S: Final = 100 * 86_400
LENGTH_S: Final = 20


# --- roots


@dataclass(frozen=True)
class Rotate(Step):
    """The province's next roots, signed by the old root keys and by the new ones."""

    without: tuple[str, ...] = ()
    """Who is not in them; everybody else is, also whom the roots before had left out."""
    new_root: bool = False
    """The first root key goes, and another comes."""
    anew: bool = False
    """All lists of people count no more: DELEGATION begins another era."""

    async def do(self, world: World) -> None:
        old = world.charter
        new = replace(old, version=old.version + 1, without=self.without)
        if self.new_root:
            new = replace(new, rooters=(old.rooters[1], f"root {new.version}"))
        if self.anew:
            new = with_next_era(new, Role.DELEGATION)
        world.charter = new
        world.trust(new.signed(*old.rooters))


@dataclass(frozen=True)
class Recover(Step):
    """The controller's key was stolen: new roots take it away, and count its successor's programmes anew."""

    async def do(self, world: World) -> None:
        old = world.charter
        new = replace(old, version=old.version + 1, machine=f"controller {old.version + 1}")
        world.charter = new = with_next_era(new, Role.SCHEDULE)
        world.trust(new.signed(*old.rooters))
        world.controller.signer = new.machine
        world.epoch, world.generation = 1, 0
        world.publish_programme(world.programme)


def with_next_era(charter: Charter, role: Role) -> Charter:
    others = tuple(row for row in charter.eras if row.role is not role)
    return replace(charter, eras=(*others, Era(role, charter.era(role) + 1)))


@dataclass(frozen=True)
class ForgeRoots(Step):
    """Roots in which a thief may sign everything, by too few of those who would have to sign them."""

    signers: tuple[str, ...] = ("root", "thief")
    rooters: tuple[str, ...] = people.ROOTERS
    """Whom they name as holders of the root keys."""
    ahead: int = 1
    """Of the version in force."""

    async def do(self, world: World) -> None:
        rooters = set(world.charter.rooters)
        assert len(rooters & set(self.signers)) < len(rooters), "these would be good"
        thieves = tuple(
            Holder(key(name).public_key, name, (Role.EMERGENCY, Role.CANCEL, Role.STOP, Role.CONTENT), (PROVINCE,))
            for name in ("thief", "thief's brother")
            if name not in self.rooters
        )
        version = min(world.charter.version + self.ahead, FOREVER)
        mine = replace(world.charter, version=version, rooters=self.rooters).record()
        raw = people.signed_roots(structs.replace(mine, holders=(*thieves, *mine.holders)), *self.signers)
        for name, box in world.boxes.items():
            held = world.referee.pictures[name].roots
            if held is not None and version > held.version:
                world.referee.must_show(box, FaultCode.TRUST)
        world.deliver_everywhere(raw)


# --- lists of people


@dataclass(frozen=True)
class Appoint(Step):
    """The next list of a unit's people. By two administrators; whoever else signs it does so in vain."""

    unit: str
    people: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    """Whose keys count no more."""
    signers: tuple[str, ...] = ("Sơn", "Thủy")
    from_s: int = 0
    """Of a dated substitute, from now; and until when."""
    until_s: int = VALID_S
    roles: tuple[Role, ...] = (Role.COMMUNE, Role.STOP)
    ahead: int = 1
    """Of the version of before."""

    @property
    def is_honest(self) -> bool:
        return set(self.signers) == {"Sơn", "Thủy"} and set(self.roles) <= {Role.COMMUNE, Role.STOP, Role.CONTENT}

    async def do(self, world: World) -> None:
        now, version = world.now_s, world.lists[self.unit] + self.ahead
        holders = tuple(
            Holder(key(name).public_key, name, self.roles, (self.unit,), now + self.from_s, now + self.until_s)
            for name in self.people
        )
        gone = tuple(sha256(key(name).public_key) for name in self.revoked)
        era, epoch = world.charter.era(Role.DELEGATION), world.charter.version
        record = Delegation(self.unit, era, version, epoch, now, now + VALID_S, holders, gone)
        raw = people.signed_delegation(record, *self.signers)
        if self.is_honest:
            world.lists[self.unit] = version
            world.trust(raw)
        else:
            world.deliver_everywhere(raw)


# --- programmes


def lesson(world: World, name: str, in_s: int, length_s: int = LENGTH_S) -> Programme:
    """One bulletin that Hoa has approved, so many seconds from now."""
    programme = Programme()
    sound = tone(length_s * 1000)
    programme.add(name, _wall(world.now_s + in_s), sound, length_s * 1000, klass=BulletinClass.ORDINARY)
    return programme


@dataclass(frozen=True)
class Night(Step):
    """A bulletin that may pass quiet hours, if these are two persons of the province who except it."""

    name: str = "tet"
    in_s: int = 20
    signers: tuple[str, ...] = ("Sơn", "Thủy")
    area: tuple[str, ...] = (PROVINCE,)
    for_s: int = 3_600

    async def do(self, world: World) -> None:
        world.publish_programme(lesson(world, self.name, self.in_s), (excepted(world, self),))


def excepted(world: World, night: Night) -> bytes:
    now = world.now_s
    record = QuietException(world.charter.version, now, night.area, now, now + night.for_s, "Tết")
    return people.signed_exception(record, *night.signers)


@dataclass(frozen=True)
class StealSchedule(Step):
    """A thief has the controller's key: manifests and assignments of their own reach every box."""

    what: str = "unapproved"
    """A sound that nobody approved, an "approved" one at another hour, one by "night" with an exception that one
    person signed, or the letters of "another" box, to all."""
    epochs: int = 0
    generations: int = 1
    """How far above the controller's newest; below it where it is negative."""
    signer: str = ""
    """Whose key they have; the controller's of today where nobody is named."""

    async def do(self, world: World) -> None:
        signer, programme = self.signer or world.charter.machine, lesson(world, "lies", 20)
        changes: dict[str, tuple[bytes, ...]] = {}
        if self.what == "unapproved":
            programme = Programme()
            sound = tone(LENGTH_S * 1000, 880.0)
            programme.add("lies", _wall(world.now_s + 20), sound, LENGTH_S * 1000, klass=BulletinClass.ORDINARY)
            changes = {"approvals": ()}
        elif self.what == "night":
            changes = {"exceptions": (excepted(world, Night(signers=("Sơn",))),)}
        manifest = world.compiled(programme, signer, **changes)
        letters = [world.assignment(box, self._place(world), manifest, signer) for box in world.boxes.values()]
        for box, letter in zip(world.boxes.values(), letters, strict=True):
            for one in letters if self.what == "another" else (letter,):
                world.deliver(box, one)

    def _place(self, world: World) -> PlaceInOrder:
        epoch = max(1, min(world.epoch + self.epochs, FOREVER))
        generation = max(1, min(world.generation + self.generations, FOREVER))
        return (world.charter.era(Role.SCHEDULE), epoch, generation)


@dataclass(frozen=True)
class Restore(Step):
    """The controller came back from a backup, or another took over: it counts on in the next epoch."""

    async def do(self, world: World) -> None:
        world.epoch, world.generation = min(world.epoch + 1, FOREVER), 0
        world.publish_programme(world.programme)


@dataclass(frozen=True)
class TwoControllers(Step):
    """The controller of before was never switched off, and goes on writing with the same key."""

    async def do(self, world: World) -> None:
        world.epoch, world.generation = world.epoch + 1, 0
        world.publish_programme(world.programme)
        await world.sleep(2)
        machine, era = world.charter.machine, world.charter.era(Role.SCHEDULE)
        manifest = world.compiled(Programme(), machine)
        for box in world.boxes.values():
            wanted = box.on.store.desired.wanted() if box.has_power else None
            if wanted is None:
                continue
            roots = box.on.store.trust.roots()
            knows = roots is not None and any(row.key == key(machine).public_key for row in roots.holders)
            if wanted.place_in_order == (era, world.epoch, 1) and knows:
                world.referee.must_show(box, FaultCode.CONFLICT)
            world.deliver(box, world.assignment(box, (era, world.epoch - 1, FOREVER), manifest, machine))
