"""Upper stations that may be relayed: boxes relay one only when persons of CONTENT have signed its record."""

import datetime as dt

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import audit, require
from controller.core.errors import Refused
from controller.library import papers
from controller.library.approving import LIFE_S, OPEN_FOR, read
from controller.schedules.compiling import ask_for_compilation
from controller.schedules.models import Station, StationApproval
from controller.trust.services import trust_of
from protocol import approval as wire
from protocol.bulletin import BulletinClass
from protocol.codec import encode
from protocol.manifest import Station as StationRecord
from protocol.roles import Role
from protocol.signing import Family, SignedBy


def record(station: Station, scope: str, *, epoch: int, issued: int) -> wire.Approval:
    """What is signed for a station as it is now, to be relayed at and below this unit."""
    return wire.Approval(
        subject=wire.Subject.STATION,
        hash=wire.station_hash(StationRecord(station.code, station.name, station.url)),
        text=None,
        klass=BulletinClass.PRIORITY,
        language="vi",
        scope=scope,
        epoch=epoch,
        issued=issued,
        expires=issued + LIFE_S,
        title=station.name,
    )


def payload_for(station: Station, scope: str, now: dt.datetime) -> bytes:
    """The bytes to sign: those that wait for another signature, else new ones. Raises `Refused` before any roots."""
    for row in station.approvals.filter(envelope=None, at__gt=now - OPEN_FOR):
        if _is_of(bytes(row.payload), station) and read(bytes(row.payload)).scope == scope:
            return bytes(row.payload)
    return encode(record(station, scope, epoch=trust_of(scope).version, issued=int(now.timestamp())))


@transaction.atomic
def approve_station(station: Station, by: Person, signed: SignedBy, payload: bytes) -> StationApproval:
    """Take the signature of somebody of CONTENT; with the last that is needed boxes relay the station.

    Raises `Refused` when its name or address was changed since the page was made, or the signature would not count.
    """
    now = timezone.now()
    station.refresh_from_db()
    asked = read(payload)
    require(by, Action.APPROVE, asked.scope)
    trust = trust_of(asked.scope)
    age = now - dt.datetime.fromtimestamp(asked.issued, dt.UTC)
    if not _is_of(payload, station) or asked.epoch > trust.version or not dt.timedelta(0) <= age <= OPEN_FOR:
        raise Refused(
            "", _("Đài này đã được sửa sau khi bạn mở trang."), _("Hãy tải lại trang, xem lại tên và địa chỉ rồi ký.")
        )
    paper = station.approvals.filter(payload=payload, envelope=None).first()
    if paper is None:
        paper = StationApproval.objects.create(station=station, payload=payload, at=now)
    complete = papers.sign(
        paper,
        by,
        signed,
        family=Family.APPROVAL,
        role=Role.CONTENT,
        scope=asked.scope,
        issued=asked.issued,
        trust=trust,
        check=wire.open_approval,
        now=now,
    )
    audit(by, "station.signed", f"station:{station.code}", scope=asked.scope, key=signed.public_key.hex())
    if complete:
        ask_for_compilation()
    return paper


def _is_of(payload: bytes, station: Station) -> bool:
    """Whether the bytes say what an approval of the station as it is now says, to the last byte."""
    asked = read(payload)
    return encode(record(station, asked.scope, epoch=asked.epoch, issued=asked.issued)) == payload
