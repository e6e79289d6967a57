"""A session's way: prepared, signed by who speaks, sent; ended. Each step is one transaction, audited.

The controller carries the groups and cannot make one: they are signed with a key that is in the officer's page alone.
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts import signing
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.boxes.models import Box
from controller.core.errors import NotAllowed, Refused
from controller.core.times import ZONE
from controller.live import rules
from controller.live.models import Speech
from controller.live.rules import Standing, Wanted
from controller.orders import capacity, locking, people, rollcall
from controller.orders.capacity import Capacity
from controller.orders.models import EmergencyOrder
from controller.outbox import services as outbox
from controller.outbox.models import Kind
from controller.schedules import facts
from controller.units.rules import above, covers
from protocol import topics
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.ids import key_id
from protocol.live import MAX_BOXES, MAX_SESSION_BYTES, LiveSession
from protocol.policy import EffectivePolicy
from protocol.quantities import DAY_MS
from protocol.refusals import sentence
from protocol.roles import Role
from protocol.signing import Family, SignedBy, assemble

MAX_AREA: Final = 32


def read(speech: Speech) -> LiveSession:
    """What was, or will be, signed: from the very bytes."""
    return decode(bytes(speech.payload), LiveSession, max_bytes=MAX_SESSION_BYTES)


def standing(speech: Speech, now: datetime) -> Standing:
    return rules.standing(speech.sent_at, speech.ended_at, speech.expires, now)


@transaction.atomic
def prepare(by: Person, wanted: Wanted, *, now: datetime | None = None) -> Speech:
    """Fix the bytes of a session for `by` to sign. Raises `Refused` naming area, minutes, attached, key."""
    now = now or timezone.now()
    if wanted.minutes not in rules.MINUTES:
        raise Refused("minutes", _("Thời gian nói phải là một trong các mức đã cho."))
    if len(wanted.key) != 32:
        raise Refused(
            "key",
            _("Trình duyệt này không tạo được khóa Ed25519 cho phiên phát."),
            _("Dùng Chrome, Edge, Firefox hoặc Safari bản mới, trên trang https."),
        )
    way = _require(by, wanted.area, now)
    wanted = replace(wanted, boxes=_chosen(wanted))
    if wanted.attached and wanted.attached not in {alarm.pk for alarm in attachable(by, wanted.area, now)}:
        raise Refused(
            "attached",
            _("Không nói được trong lệnh báo động này: nó không còn hiệu lực, ở nơi khác, hoặc do cấp cao hơn ra."),
            _("Chọn lệnh khác, hoặc nói không kèm lệnh nào."),
        )
    trust = people.trust_of(wanted.area)
    record = rules.session(wanted, trust, key_id(way.holder.key) + secrets.token_bytes(12), int(now.timestamp()))
    speech = Speech.objects.create(
        id=record.id.hex(),
        payload=encode(record),
        person=by,
        area=list(wanted.area),
        boxes=list(wanted.boxes),
        attached_id=wanted.attached or None,
        reason=wanted.reason,
        created=now,
        expires=datetime.fromtimestamp(record.expires, UTC),
    )
    accounts.audit(
        by,
        "live.prepared",
        f"live:{speech.pk}",
        area=list(wanted.area),
        boxes=list(wanted.boxes),
        attached=wanted.attached,
    )
    return speech


def _chosen(wanted: Wanted) -> tuple[str, ...]:
    """The boxes that the session names: none where all of the area are meant. Raises `Refused` naming boxes."""
    chosen, here = set(wanted.boxes), set(locking.boxes_in(wanted.area).values_list("pk", flat=True))
    elsewhere = sorted(chosen - here)
    if elsewhere:
        names = Box.objects.filter(pk__in=elsewhere).values_list("name", flat=True)
        raise Refused(
            "boxes",
            _("Hộp %(boxes)s không ở khu vực đã chọn, hoặc không còn được dùng.")
            % {"boxes": ", ".join(sorted({*names, *(elsewhere if not names else ())}))},
            _("Chọn thêm khu vực của hộp đó, hoặc bỏ chọn nó."),
        )
    if chosen == here:
        return ()
    if len(chosen) > MAX_BOXES:
        raise Refused(
            "boxes",
            _("Chọn riêng được nhiều nhất %(most)d hộp; bạn đã chọn %(n)d.") % {"most": MAX_BOXES, "n": len(chosen)},
            _("Giữ nguyên tất cả các hộp, chọn thôn thay cho cả xã, hoặc mở hai phiên."),
        )
    return tuple(sorted(chosen))


def _require(by: Person, area: tuple[str, ...], now: datetime) -> Capacity:
    """As whom this person speaks there. Raises `Refused`, `NotAllowed`."""
    if not 1 <= len(area) <= MAX_AREA:
        raise Refused("area", _("Hãy chọn nơi sẽ nghe."), _("Nhiều nhất 32 đơn vị; chọn cả xã thay cho từng thôn."))
    for unit in area:
        accounts.require(by, Action.SIGN, unit, field="area")
    found = ways(by, area, now)
    if not found:
        raise NotAllowed(
            "key",
            _("Khóa của bạn không được phát trực tiếp ở khu vực này: cần vai trò COMMUNE của chính xã đó."),
            _("Danh sách người ký do quản trị viên cấp tỉnh lập; hãy nhờ họ bổ sung."),
        )
    if found[0].persons > 1:
        raise Refused(
            "key",
            _("Tỉnh quy định việc của cấp xã cần nhiều người ký; phát trực tiếp chỉ dùng được khi một người ký là đủ."),
        )
    if not locking.boxes_in(area).exists():
        raise Refused("area", _("Ở đó chưa có hộp thiết bị nào."))
    return found[0]


def ways(person: Person, area: Iterable[str], now: datetime) -> tuple[Capacity, ...]:
    """Every key with which the person may speak in the whole area."""
    units = tuple(area)
    trust, at = people.trust_of(units), int(now.timestamp())
    return capacity.capacities(people.keys_of(person), (Role.COMMUNE,), units, trust, at)


def attachable(person: Person, area: Iterable[str], now: datetime) -> list[EmergencyOrder]:
    """Alarms in force in the whole of this area that are of the person's level there or a lower one."""
    units = tuple(area)
    found = ways(person, units, now) if units else ()
    return [
        alarm
        for alarm in rollcall.alarms(now)
        if found
        and (alarm.level or 0) >= found[0].level
        and all(any(covers(code, unit) for code in alarm.area) for unit in units)
    ]


@transaction.atomic
def sign(speech: Speech, person: Person, signed: SignedBy, *, now: datetime | None = None) -> Speech:
    """Take the signature of who speaks, try it on a healthy box of each unit, and send it. Raises `Refused`."""
    now = now or timezone.now()
    speech = Speech.objects.select_related("attached").get(pk=speech.pk)
    if speech.person_id != person.pk:
        raise NotAllowed("key", _("Chỉ người sẽ nói mới ký phiên phát này."), str(speech.person))
    if standing(speech, now) is not Standing.WAITING:
        raise Refused("session", _("Phiên phát này không còn chờ ký."), _("Bắt đầu một phiên phát mới."))
    signing.own_key(person, signed)
    way = next((one for one in ways(person, speech.area, now) if one.holder.key == signed.public_key), None)
    if way is None:
        raise NotAllowed("key", _("Khóa của bạn không được phát trực tiếp ở khu vực này."), "")
    record, trust = read(speech), people.trust_of(speech.area)
    party = trust.roots.parties[way.holder.party - 1] if way.holder.party else None
    signing.verify(signed, bytes(speech.payload), Family.LIVE, trust.domain, party)
    try:
        envelope = assemble(bytes(speech.payload), Family.LIVE, (signed,))
    except ProtocolError as error:
        raise Refused("signature", error.message, _("Ký bằng trình duyệt khác, hoặc bằng tệp khóa.")) from error
    alarms = {bytes.fromhex(alarm.pk): alarm.level or 0 for alarm in rollcall.alarms(now)}
    places = _places(speech)
    trusts = people.trusts({unit for _box, unit in places})
    refusal = rules.trial(envelope, places, trusts, int(now.timestamp() * 1000), alarms)
    if refusal is not None:
        raise Refused("session", sentence(refusal.code, get_language() or "vi"))
    speech.envelope, speech.sent_at, speech.holder = envelope, now, way.holder.person
    speech.save(update_fields=["envelope", "sent_at", "holder"])
    outbox.post_many(
        [(topics.orders(unit), envelope) for unit in record.area], Kind.ORDER, now=now, expires=speech.expires
    )
    accounts.audit(person, "live.sent", f"live:{speech.pk}", area=speech.area, signer=way.holder.person)
    return speech


@transaction.atomic
def end(speech: Speech, by: Person, *, now: datetime | None = None) -> Speech:
    """End it: who speaks, or who may sign where it is heard. The boxes fall silent. Raises `NotAllowed`."""
    now = now or timezone.now()
    speech = Speech.objects.get(pk=speech.pk)
    if not may_end(speech, by):
        raise NotAllowed("session", _("Bạn không dừng được phiên phát này."), str(speech.person))
    if standing(speech, now) is not Standing.OVER:
        speech.ended_at, speech.ended_by = now, by
        speech.save(update_fields=["ended_at", "ended_by"])
        accounts.audit(by, "live.ended", f"live:{speech.pk}")
    return speech


def may_end(speech: Speech, person: Person) -> bool:
    """Who speaks, and who may sign in some unit where it is heard."""
    return speech.person_id == person.pk or any(accounts.may(person, Action.SIGN, unit) for unit in speech.area)


def quiet_until(area: Iterable[str], now: datetime) -> datetime | None:
    """Until when quiet hours hold back a voice in some unit of the area (24 hours at most); None where they do not."""
    regulations, bounds, now_ms = facts.rules(now), facts.bounds(), int(now.timestamp() * 1000)
    ends = [
        stretch.end_ms
        for unit in area
        for stretch in EffectivePolicy((*regulations.stack(unit), *bounds), ZONE).quiet(now_ms, now_ms + DAY_MS)
        if stretch.start_ms <= now_ms < stretch.end_ms
    ]
    return datetime.fromtimestamp(max(ends) / 1000, UTC) if ends else None


def on_air(now: datetime) -> list[Speech]:
    """Sessions that are on, those that speak first."""
    rows = Speech.objects.filter(sent_at__isnull=False, ended_at=None, expires__gt=now).select_related("person")
    return sorted(rows, key=lambda row: (row.began_at is None, row.sent_at))


def began(identity: str, now: datetime) -> None:
    """The first group has come from the page."""
    Speech.objects.filter(pk=identity, began_at=None).update(began_at=now)


def is_on(identity: str, now: datetime) -> bool:
    return any(speech.pk == identity for speech in on_air(now))


def speaks(identity: str, person: Person, now: datetime) -> bool:
    """Whether this person may send groups of this session now."""
    return any(speech.pk == identity and speech.person_id == person.pk for speech in on_air(now))


def is_for(speech: Speech, box: str, unit: str) -> bool:
    """Whether this box, in this unit, is one of those that are to listen."""
    return any(code in speech.area for code in above(unit)) and (not speech.boxes or box in speech.boxes)


def concerns(identity: str, box: str, unit: str, now: datetime) -> bool:
    """Whether this box, in this unit, is to hear this session now."""
    return any(speech.pk == identity and is_for(speech, box, unit) for speech in on_air(now))


def meant(speech: Speech) -> models.QuerySet[Box]:
    """The boxes that are to listen, as they are now."""
    found = locking.boxes_in(speech.area).order_by("unit__code", "name")
    return found.filter(pk__in=speech.boxes) if speech.boxes else found


def _places(speech: Speech) -> list[tuple[str, str]]:
    """Where it is tried before it is sent: the boxes that it names, or the units of its area."""
    if not speech.boxes:
        return [("", unit) for unit in speech.area]
    return [(box, unit or "") for box, unit in meant(speech).values_list("pk", "unit__code")]
