"""A small province for tests of the controller: two communes, four people with keys, boxes with keys, and roots.

Hoa and Minh may sign for the province; Lan only for the commune of An Phú, where she may also warn alone of a flood, a
storm or a fire. Tuấn installs boxes and may sign nothing.
"""

import datetime as dt
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from controller.accounts.models import Person, PersonKey, Role
from controller.accounts.services import appoint
from controller.boxes.models import Box, BoxState, Stage
from controller.cli.roots import sign_roots
from controller.orders import services as orders
from controller.orders.models import EmergencyOrder
from controller.schedules.signing import schedule_signer
from controller.trust.services import import_roots
from controller.units.models import Unit
from protocol.ids import box_id
from protocol.roles import Holder, Roots, Threshold
from protocol.roles import Role as Trusted
from protocol.signing import Domain, Family, KeySigner, signed_by

NOW: Final = dt.datetime(2026, 11, 24, 2, 0, tzinfo=dt.UTC)
DOMAIN: Final = Domain("77", "test")
AN_PHU: Final = "77-1001"
BINH_MINH: Final = "77-1002"
SIGNERS: Final = {"hoa": "77", "minh": "77", "lan": AN_PHU}
EVENTS: Final = ("flood", "storm", "fire")
"""Of which a commune may warn."""


def key(name: str) -> KeySigner:
    """Somebody's key, always the same."""
    return KeySigner.from_seed(sha256(name.encode()).digest())


@dataclass
class Province:
    """What was made."""

    people: dict[str, Person] = field(default_factory=dict)
    boxes: dict[str, Box] = field(default_factory=dict)

    def box_key(self, name: str) -> KeySigner:
        return key(f"box {name}")


def make(now: dt.datetime = NOW) -> Province:
    """Units, people, boxes ("an phú 1", "an phú 2", "bình minh") and roots, in the database."""
    made = Province()
    top = Unit.objects.create(code="77", name="Tỉnh Bà Rịa – Vũng Tàu", kind="province")
    communes = {
        code: Unit.objects.create(code=code, name=name, kind="commune", parent=top)
        for code, name in ((AN_PHU, "Xã An Phú"), (BINH_MINH, "Xã Bình Minh"))
    }
    units = {"77": top, **communes}
    for username, name in (("hoa", "Trần Thị Hoa"), ("minh", "Lê Minh"), ("lan", "Nguyễn Lan"), ("tuan", "Phạm Tuấn")):
        person = Person.objects.create(username=username, display_name=name)
        made.people[username] = person
        if username in SIGNERS:
            appoint(person, Role.SIGNER, units[SIGNERS[username]], valid_from=dt.date(2026, 1, 1))
        PersonKey.objects.create(person=person, public_key=key(username).public_key, label="1", created=now)
    appoint(made.people["tuan"], Role.TECHNICIAN, top, valid_from=dt.date(2026, 1, 1))
    for name, code in (("an phú 1", AN_PHU), ("an phú 2", AN_PHU), ("bình minh", BINH_MINH)):
        public = made.box_key(name).public_key
        box = Box.objects.create(
            id=box_id(public), public_key=public, name=name, unit=units[code], state=Stage.APPROVED, enrolled_at=now
        )
        BoxState.objects.create(box=box)
        made.boxes[name] = box
    import_roots(sign_roots(roots(made, now), key("root")), now=now)
    return made


def roots(made: Province, now: dt.datetime = NOW, version: int = 1) -> Roots:
    """Two persons for an emergency, one for a commune's own; the controller's own key for schedules."""
    roles = {"lan": (Trusted.EMERGENCY, Trusted.CANCEL, Trusted.COMMUNE)}
    persons = tuple(
        Holder(
            key(name).public_key,
            made.people[name].display_name,
            roles.get(name, (Trusted.EMERGENCY, Trusted.CANCEL)),
            (SIGNERS[name],),
        )
        for name in SIGNERS
    )
    root = Holder(key("root").public_key, "Nguyễn Gốc", (Trusted.ROOT,), ("77",))
    machine = Holder(schedule_signer().public_key, "controller", (Trusted.SCHEDULE,), ("77",))
    at = int(now.timestamp())
    return Roots(
        version,
        DOMAIN.province,
        DOMAIN.environment,
        at,
        at + 86_400 * 365,
        (Threshold(Trusted.EMERGENCY, 2),),
        (*persons, root, machine),
        events=EVENTS,
    )


def signed(order: EmergencyOrder, here: Province, who: str, *, at: dt.datetime = NOW, by: str = "") -> EmergencyOrder:
    """`who` hands in a signature, made with their own key or with somebody else's (`by`)."""
    with_key = key(by or who)
    made = signed_by(with_key, bytes(order.payload), Family.ORDER, DOMAIN)
    return orders.sign(order, here.people[who], made, now=at)
