"""The walk "leaked online key" of docs/security.md: the real controller's services on one side, a real box's inbox,
store and fetcher on the other.

The thief has the key of SCHEDULE and drives to the last number whatever that key can drive: generation, epoch, floor of
time. Tuấn and Minh take the key away; the root holders name a new one in a higher era; the controller goes on.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from agent.errors import LinkError
from controller.boxes import rules
from controller.boxes import services as boxes
from controller.boxes.models import Box, Stage
from controller.boxes.overview import judge_all
from controller.bridge.absorb import Incoming, absorb
from controller.core.errors import Refused
from controller.library import files
from controller.library.models import Blob
from controller.schedules import services as schedules
from controller.schedules.compiling import compile_now
from controller.schedules.models import IN_FORCE, AssignmentRow
from controller.schedules.services import Aimed, Draft
from controller.trust import delegating
from controller.trust.machine import domain, key_file, schedule_signer
from controller.trust.models import RootsFile
from controller.worker.loop import do_all
from protocol import topics
from protocol.codec import encode
from protocol.ids import sha256
from protocol.manifest import Assignment, PlaceInOrder
from protocol.report import ClockQuality
from protocol.roles import Era, Holder, Role
from protocol.signing import Family, KeySigner, family_of, sign1, signed_by
from tests.support import virtual_time
from tests.support.box_parts import BOX, SIGNER, Parts, parts, signed_manifest
from tests.support.installation import install
from tests.support.officers import HOA, WARD, Office, approved, key, office, roots, tomorrow, trust
from tests.support.small_controller import Programme

pytestmark = pytest.mark.django_db

LAST = 0xFFFF_FFFF
ADMINISTRATORS = (
    Holder(key("tuan").public_key, "Phạm Tuấn", (Role.DELEGATION,), ("77",)),
    Holder(key("minh").public_key, "Lê Minh", (Role.DELEGATION,), ("77",)),
)


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    """Lan's bulletin is on for tomorrow; a real box hangs in the ward."""
    install(settings, tmp_path / "server")
    made = office()
    trust(roots(2, HOA, *ADMINISTRATORS))
    bulletin = approved(made)
    Box.objects.create(
        id=BOX,
        public_key=SIGNER.public_key,
        name="Cụm loa thật",
        unit=made.ward,
        state=Stage.APPROVED,
        enrolled_at=timezone.now(),
    )
    schedules.publish(Draft("Cúp điện", WARD, (bulletin.pk,), tomorrow(9), Aimed(units=(WARD,))), made.lan)
    do_all(timezone.now())
    return made


@dataclass
class Pole:
    """The box, started anew for each visit: what it knows lies on its disk. Its time is a clock chip's."""

    folder: Path
    said: list[tuple[str, bytes]] = field(default_factory=list)
    """(kind, payload) of what it said in the last visit."""

    def takes(self, *messages: bytes, first: bytes = b"") -> "State":
        """It reads these, fetches what it can, greets and beats."""
        sounds = {bytes.fromhex(row.hash): files.path_of(row.hash).read_bytes() for row in Blob.objects.all()}

        async def visit() -> State:
            with parts(self.folder, ClockQuality.RTC) as box:
                box.clock.jump(int(timezone.now().timestamp() * 1000) - box.clock.now_ms())
                box.office.files.update(sounds)
                if first:
                    box.inbox.take_first(first)
                for raw in messages:
                    box.inbox.take(raw)
                with contextlib.suppress(LinkError):
                    while await box.fetcher.step():
                        pass
                await _greeted(box)
                self.said = box.uplink.published
                box.watch.look()
                return _state(box)

        return virtual_time.run(visit())

    def asks(self) -> list[bytes]:
        """What the controller answers to all that the box said in the last visit."""
        batch = [Incoming(topics.up(BOX, kind), payload) for kind, payload in self.said]
        return [out.payload for out in absorb(batch, domain(), schedule_signer(), timezone.now())]


@dataclass(frozen=True)
class State:
    """Of the box, at the end of a visit."""

    wanted: PlaceInOrder
    in_force: PlaceInOrder
    entries: int
    """Of the programme that it plays by."""
    tells_time: bool
    lists: tuple[str, ...]


async def _greeted(box: Parts) -> None:
    running = asyncio.create_task(box.reporter.run())
    box.reporter.connected()
    await asyncio.sleep(5)
    running.cancel()


def _state(box: Parts) -> State:
    wanted, force = box.store.desired.wanted(), box.store.desired.in_force()
    manifest = box.keeper.holdings().manifest
    return State(
        (0, 1, 0) if wanted is None else wanted.place_in_order,
        (0, 1, 0) if force is None else force.assignment.place_in_order,
        0 if manifest is None else len(manifest.entries),
        box.clock.reading().tells_time,
        tuple(row.unit for row in box.store.trust.delegations()),
    )


ANOTHERS = "Hộp theo lịch của một máy khác"


def sentence() -> str:
    """What the pages say of the box; the list of all boxes and its own page judge alike."""
    row, now = Box.objects.get(pk=BOX), timezone.now()
    found = rules.health(boxes.said(row), now)
    assert [judged.level for judged in judge_all(Box.objects.filter(pk=BOX), now)] == [found.level]
    return found.sentence


def theft(thief: KeySigner, era: int) -> bytes:
    """Everything at its last number, over a programme of the thief's."""
    manifest = signed_manifest(Programme().manifest())
    record = Assignment(
        BOX, LAST, sha256(manifest), len(manifest), ("77", "77-747", WARD), LAST, LAST, epoch=LAST, era=era
    )
    return sign1(encode(record), Family.ASSIGNMENT, domain(), thief)


def taken_away(here: Office, stolen: bytes) -> bytes:
    """Tuấn and Minh sign the province's list."""
    row = delegating.prepare(here.tuan, "77", [], revoked=[stolen], reason="máy chủ bị xâm nhập")
    for person in (here.tuan, here.minh):
        signed = signed_by(key(person.username), bytes(row.payload), Family.DELEGATION, domain())
        row = delegating.sign(row, person, signed)
    return bytes(row.envelope or b"")


def of(family: Family, messages: Iterable[bytes]) -> list[bytes]:
    return [raw for raw in messages if family_of(raw) is family]


def at_home(pole: Pole) -> State:
    """The box has roots, its place, and Lan's programme in force."""
    first, *_ = [bytes(row.data) for row in RootsFile.objects.order_by("version")]
    pole.takes(first=first)
    pole.takes(*pole.asks())
    return pole.takes(*pole.asks())


def test_the_walk_leaked_online_key_from_the_theft_to_the_next_schedule(here: Office, tmp_path: Path) -> None:
    pole, stolen = Pole(tmp_path / "box"), schedule_signer()
    state = at_home(pole)
    assert (state.in_force, state.entries, state.tells_time) == ((0, 1, 1), 1, True)

    state = pole.takes(theft(stolen, era=0))
    assert state.wanted == (0, LAST, LAST)
    assert not state.tells_time, "its floor of time is the last second that there is"
    assert (state.in_force, state.entries) == ((0, 1, 1), 1), "the thief's programme is not complete; Lan's goes on"
    assert of(Family.ASSIGNMENT, pole.asks()) == []
    assert ANOTHERS in sentence(), "the page of boxes says it as soon as the box has greeted"
    with pytest.raises(Refused, match=r"Cụm loa thật.*obeys epoch 4294967295"):
        compile_now()

    # 1. Two administrators take the key away.
    state = pole.takes(taken_away(here, stolen.public_key))
    assert state.lists == ("77",)

    # 2. A new key on a clean server; roots with it and a higher era.
    key_file().unlink()
    assert schedule_signer().public_key != stolen.public_key
    trust(roots(3, HOA, *ADMINISTRATORS, eras=(Era(Role.SCHEDULE, 1),)))

    # 3. All is compiled anew, and the box is told when it greets.
    compile_now()
    answer = pole.asks()
    assert [family_of(raw) for raw in answer] == [Family.ROOTS, Family.DELEGATION, Family.ASSIGNMENT, Family.ACK]
    state = pole.takes(*answer)
    assert (state.wanted, state.in_force, state.entries, state.tells_time) == ((1, 1, 1), (1, 1, 1), 1, True)

    # The thief tries again, with the old numbers and in the new era.
    assert pole.takes(theft(stolen, era=0), theft(stolen, era=1)) == state

    # The controller knows that the box is in step, and the next schedule follows the first.
    assert of(Family.ASSIGNMENT, pole.asks()) == []
    assert AssignmentRow.objects.filter(IN_FORCE, box=BOX).exists()
    assert ANOTHERS not in sentence()
    schedules.publish(
        Draft("Họp dân", WARD, (approved(here, "Họp dân", "Mời bà con.").pk,), tomorrow(10), Aimed(units=(WARD,))),
        here.lan,
    )
    do_all(timezone.now())
    state = pole.takes(*pole.asks())
    assert (state.in_force, state.entries) == ((1, 1, 2), 2)
