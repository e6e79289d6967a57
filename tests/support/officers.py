"""A ward with its people and boxes, for tests of bulletins and schedules.

Lan edits, Minh edits too, Hoa approves, Tuấn administers the province; two boxes stand in the ward and one in the next.
Hoa's key holds CONTENT for the ward; hers and Tuấn's hold EXCEPTION for the province.
"""

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from django.utils import timezone

from controller.accounts import signing
from controller.accounts.models import Person, PersonKey, Role
from controller.accounts.services import appoint
from controller.boxes.models import Box, Stage
from controller.cli.roots import sign_roots
from controller.core.times import ZONE
from controller.library import approving
from controller.library import services as library
from controller.library.models import Approval, Bulletin
from controller.library.services import Words
from controller.schedules.signing import schedule_signer
from controller.trust.services import import_roots, trust_of
from controller.units.models import Unit
from controller.worker.loop import do_all
from protocol.ids import box_id
from protocol.roles import Holder, Roots
from protocol.roles import Role as Trusted
from protocol.signing import Family, KeySigner, signed_by
from tests.support.signing_kit import fields

WARD: Final = "77-747-26506"
NEXT: Final = "77-747-26509"


@dataclass(frozen=True)
class Office:
    ward: Unit
    lan: Person
    minh: Person
    hoa: Person
    tuan: Person
    boxes: tuple[Box, Box, Box]
    """Two in the ward, one in the next."""


def key(name: str) -> KeySigner:
    """Somebody's key, always the same."""
    return KeySigner.from_seed(sha256(name.encode()).digest())


def office() -> Office:
    """Made in the database."""
    top = Unit.objects.create(code="77", name="Tỉnh Bà Rịa – Vũng Tàu", kind="province")
    city = Unit.objects.create(code="77-747", name="Thành phố Vũng Tàu", kind="district", parent=top)
    ward = Unit.objects.create(code=WARD, name="Phường 1", kind="ward", parent=city)
    next_ward = Unit.objects.create(code=NEXT, name="Phường Thắng Tam", kind="ward", parent=city)
    lan, minh, hoa, tuan = (
        Person.objects.create(username=username, display_name=name)
        for username, name in (
            ("lan", "Nguyễn Lan"),
            ("minh", "Lê Minh"),
            ("hoa", "Trần Thị Hoa"),
            ("tuan", "Phạm Tuấn"),
        )
    )
    appoint(lan, Role.EDITOR, ward)
    appoint(minh, Role.EDITOR, ward)
    appoint(hoa, Role.APPROVER, ward)
    appoint(tuan, Role.ADMINISTRATOR, top)
    for person in (lan, minh, hoa, tuan):
        PersonKey.objects.create(
            person=person, public_key=key(person.username).public_key, label="1", created=timezone.now()
        )
    trust(roots())
    return Office(ward, lan, minh, hoa, tuan, (box(1, ward), box(2, ward), box(3, next_ward)))


HOA: Final = Holder(key("hoa").public_key, "Trần Thị Hoa", (Trusted.CONTENT,), (WARD,))
HOA_ABOVE: Final = Holder(key("hoa 2").public_key, "Trần Thị Hoa", (Trusted.EXCEPTION,), ("77",))
TUAN: Final = Holder(key("tuan").public_key, "Phạm Tuấn", (Trusted.EXCEPTION,), ("77",))


def roots(version: int = 1, *holders: Holder, **changes: Any) -> Roots:
    """Those named, or Hoa and Tuấn; the controller's own key for schedules."""
    at = int(timezone.now().timestamp()) - 60
    root = Holder(key("root").public_key, "Nguyễn Gốc", (Trusted.ROOT,), ("77",))
    machine = Holder(schedule_signer().public_key, "controller", (Trusted.SCHEDULE,), ("77",))
    people = holders or (HOA, HOA_ABOVE, TUAN)
    values: dict[str, Any] = {"thresholds": (), "holders": (*people, root, machine)}
    return Roots(version, "77", "test", at, at + 86_400 * 365, **values | changes)


def trust(record: Roots) -> None:
    """Take over these roots."""
    import_roots(sign_roots(record, key("root")))


def box(number: int, unit: Unit) -> Box:
    """An approved box in this unit."""
    public = number.to_bytes(32, "big")
    return Box.objects.create(
        id=box_id(public),
        public_key=public,
        name=f"Cụm loa {number}",
        unit=unit,
        state=Stage.APPROVED,
        enrolled_at=timezone.now(),
    )


def ready(here: Office, title: str = "Cúp điện", text: str = "UBND phường thông báo cúp điện.") -> Bulletin:
    """Written by Lan, spoken by the worker."""
    bulletin = library.write(Words(title, text), here.ward, here.lan)
    do_all(timezone.now())
    bulletin.refresh_from_db()
    assert bulletin.sound is not None, bulletin.error
    return bulletin


def approved(here: Office, title: str = "Cúp điện", text: str = "UBND phường thông báo cúp điện.") -> Bulletin:
    """Written by Lan, spoken by the worker, approved by Hoa."""
    bulletin = ready(here, title, text)
    approve(bulletin, here.hoa)
    return bulletin


def payload_of(bulletin: Bulletin) -> bytes:
    """What an approver's page asks to be signed."""
    return approving.payload_for(bulletin, trust_of(bulletin.unit.code), timezone.now())


def approve(bulletin: Bulletin, by: Person, payload: bytes = b"", signs: bytes = b"") -> Approval:
    """Signed with the person's own key: what the page asks, or other bytes."""
    asked = payload or payload_of(bulletin)
    signed = signed_by(key(by.username), signs or asked, Family.APPROVAL, signing.domain())
    return library.approve(bulletin, by, signed, asked)


def approval_fields(bulletin: Bulletin, by: Person) -> dict[str, str]:
    """The form that the approver's browser sends."""
    asked = payload_of(bulletin)
    made = fields(key(by.username), asked, Family.APPROVAL, signing.domain())
    return {**made, "payload": signing.to_base64url(asked), "heard": "on"}


def tomorrow(hour: int, minute: int = 0) -> dt.datetime:
    """Local wall time of the day after today."""
    day = dt.datetime.now(ZONE).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(hour, minute))
