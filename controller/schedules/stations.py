"""Upper stations that may be relayed: boxes relay one only when persons of CONTENT have signed its record."""

import datetime as dt
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.accounts.services import audit, require, require_anywhere, where
from controller.core.errors import Refused
from controller.library import papers
from controller.library.approving import LIFE_S, OPEN_FOR, read
from controller.schedules.compiling import ask_for_compilation
from controller.schedules.models import Station, StationApproval
from controller.trust.services import trust_of
from protocol import approval as wire
from protocol.bulletin import BulletinClass
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.manifest import Station as StationRecord
from protocol.roles import Role
from protocol.signing import Family, SignedBy

CODE: Final = "dai-{}"


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


def add_station(name: str, url: str, by: Person) -> Station:
    """Write down a station; no box relays it before somebody has signed for it. Raises `Refused`, `NotAllowed`."""
    if not any(where(by, action) for action in (Action.SCHEDULE, Action.ADMINISTER)):
        require_anywhere(by, Action.SCHEDULE)
    known = Station.objects.filter(url=url).first()
    if known is not None:
        raise Refused("url", _("Địa chỉ này là của đài “%(name)s”.") % {"name": known}, _("Dùng đài đó."))
    with transaction.atomic():
        numbers = (row.removeprefix(CODE.format("")) for row in Station.objects.values_list("code", flat=True))
        code = CODE.format(1 + max((int(number) for number in numbers if number.isdecimal()), default=0))
        station = Station.objects.create(**_checked(code, name, url))
        audit(by, "station.added", f"station:{code}", name=station.name, url=station.url)
    return station


def change_station(station: Station, name: str, url: str, by: Person) -> None:
    """What was signed for it means nothing any more: boxes leave it out until it is signed again. For administrators of
    the province, since it may be relayed anywhere. Raises `Refused`, `NotAllowed`.
    """
    require(by, Action.ADMINISTER, settings.LOALANG.province)
    with transaction.atomic():
        before = {"name": station.name, "url": station.url}
        for field, value in _checked(station.code, name, url).items():
            setattr(station, field, value)
        station.save()
        audit(by, "station.changed", f"station:{station.code}", before=before, name=station.name, url=station.url)


def _checked(code: str, name: str, url: str) -> dict[str, str]:
    """As a manifest can carry it. Raises `Refused`."""
    values = {"code": code, "name": name.strip(), "url": url.strip()}
    try:
        encode(StationRecord(**values))
    except ProtocolError as error:
        raise Refused(
            error.field if error.field in values else "url",
            _("Không dùng được tên hoặc địa chỉ này."),
            _("Tên dài nhất 120 ký tự; địa chỉ bắt đầu bằng http:// hoặc https://, dài nhất 300 ký tự."),
        ) from error
    return values


def standings(station: Station, now: dt.datetime) -> list[tuple[StationApproval, str, bool]]:
    """Its complete approvals, the newest first: each with who signed it, and whether boxes of its unit take it."""
    found = []
    for row in station.approvals.exclude(envelope=None):
        asked, envelope = read(bytes(row.payload)), bytes(row.envelope or b"")
        trusted = papers.is_good(envelope, papers.trust_or_none(asked.scope), wire.open_approval)
        good = trusted and _is_of(bytes(row.payload), station) and now.timestamp() < asked.expires
        found.append((row, papers.signers(row.signatures.all()), good))
    return found


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
