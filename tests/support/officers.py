"""A ward with its people and boxes, for tests of bulletins and schedules.

Lan edits, Minh edits too, Hoa approves, Tuấn administers the province; two boxes stand in the ward and one in the next.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from controller.accounts.models import Person, Role
from controller.accounts.services import appoint
from controller.boxes.models import Box, Stage
from controller.core.times import ZONE
from controller.library import services as library
from controller.library.models import Bulletin
from controller.library.services import Words
from controller.units.models import Unit
from controller.worker.loop import do_all
from protocol.ids import box_id

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
    return Office(ward, lan, minh, hoa, tuan, (box(1, ward), box(2, ward), box(3, next_ward)))


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


def approved(here: Office, title: str = "Cúp điện", text: str = "UBND phường thông báo cúp điện.") -> Bulletin:
    """Written by Lan, spoken by the worker, approved by Hoa."""
    bulletin = library.write(Words(title, text), here.ward, here.lan)
    do_all(timezone.now())
    bulletin.refresh_from_db()
    assert bulletin.sound is not None, bulletin.error
    library.approve(bulletin, here.hoa, sound=bulletin.sound.hash, text_hash=bulletin.text_hash)
    return bulletin


def tomorrow(hour: int, minute: int = 0) -> dt.datetime:
    """Local wall time of the day after today."""
    day = dt.datetime.now(ZONE).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(hour, minute))
