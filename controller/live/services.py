"""A session's way: prepared, signed by who speaks and by whoever else must (`signatures`), sent; ended.

Each step is one transaction, audited.

The controller carries the groups and cannot make one: they are signed with a key that is in the officer's page alone.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
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
from controller.schedules import facts
from controller.units.rules import above, covers
from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.ids import key_id
from protocol.live import MAX_BOXES, MAX_GROUP_BYTES, MAX_SESSION_BYTES, SPEAKING, LiveSession, VoiceGroup
from protocol.order import MessageType
from protocol.policy import EffectivePolicy
from protocol.quantities import DAY_MS
from protocol.roles import Role
from protocol.signing import Domain, Family, verify1

MAX_AREA: Final = 32


def read(speech: Speech) -> LiveSession:
    """What was, or will be, signed: from the very bytes."""
    return decode(bytes(speech.payload), LiveSession, max_bytes=MAX_SESSION_BYTES)


def standing(speech: Speech, now: datetime) -> Standing:
    return rules.standing(
        speech.sent_at, speech.ended_at, speech.sign_by, speech.expires, now, heard_at=speech.heard_at
    )


@transaction.atomic
def prepare(by: Person, wanted: Wanted, *, now: datetime | None = None) -> Speech:
    """Fix the bytes of a session for `by` to sign. Raises `Refused` naming area, minutes, attached, key."""
    now = now or timezone.now()
    if len(wanted.key) != 32:
        raise Refused(
            "key",
            _("Trình duyệt này không tạo được khóa Ed25519 cho phiên phát."),
            _("Dùng Chrome, Edge, Firefox hoặc Safari bản mới, trên trang https."),
        )
    way = _require(by, wanted, now)
    wanted = replace(wanted, boxes=_chosen(wanted))
    trust = people.trust_of(wanted.area)
    record = rules.session(wanted, way, trust, key_id(way.holder.key) + secrets.token_bytes(12), int(now.timestamp()))
    expires = datetime.fromtimestamp(record.expires, UTC)
    speech = Speech.objects.create(
        id=record.id.hex(),
        payload=encode(record),
        person=by,
        role=record.role,
        minutes=wanted.minutes,
        area=list(wanted.area),
        boxes=list(wanted.boxes),
        attached_id=wanted.attached or None,
        reason=wanted.reason,
        created=now,
        expires=expires,
        sign_by=expires if way.persons == 1 else now + timedelta(seconds=rules.WAIT_S),
    )
    accounts.audit(
        by,
        "live.prepared",
        f"live:{speech.pk}",
        role=way.role.name,
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


def _require(by: Person, wanted: Wanted, now: datetime) -> Capacity:
    """As whom this person speaks there. Raises `Refused`, `NotAllowed`."""
    area = wanted.area
    if not 1 <= len(area) <= MAX_AREA:
        raise Refused("area", _("Hãy chọn nơi sẽ nghe."), _("Nhiều nhất 32 đơn vị; chọn cả xã thay cho từng thôn."))
    for unit in area:
        accounts.require(by, Action.SIGN, unit, field="area")
    found = ways(by, area, now)
    if not found:
        raise NotAllowed(
            "key",
            _("Khóa của bạn không được phát trực tiếp ở khu vực này: cần quyền báo động ở đó."),
            _("Danh sách người ký do quản trị viên cấp tỉnh lập; hãy nhờ họ bổ sung."),
        )
    if not locking.boxes_in(area).exists():
        raise Refused("area", _("Ở đó chưa có hộp thiết bị nào."))
    alarm = next((one for one in attachable(by, area, now) if one.pk == wanted.attached), None)
    if wanted.attached and alarm is None:
        raise Refused(
            "attached",
            _("Không nói được trong lệnh báo động này: nó không còn hiệu lực, ở nơi khác, hoặc do cấp cao hơn ra."),
            _("Chọn lệnh khác, hoặc nói không kèm lệnh nào."),
        )
    way = next(one for one in found if alarm is None or one.level <= (alarm.level or 0))
    _can_be_signed(wanted, way, now)
    return way


def _can_be_signed(wanted: Wanted, way: Capacity, now: datetime) -> None:
    """There are enough people for it, and time for them to sign. Raises `Refused`."""
    offered = rules.minutes(way.persons)
    if wanted.minutes not in rules.MINUTES:
        raise Refused("minutes", _("Thời gian nói phải là một trong các mức đã cho."))
    if wanted.minutes not in offered:
        raise Refused(
            "minutes",
            _("Phiên cần %(persons)d người ký thì nói được nhiều nhất %(most)d phút: %(wait)d phút là để chờ ký.")
            % {"persons": way.persons, "most": max(offered), "wait": rules.WAIT_S // 60},
        )
    able = people.who_may(MessageType.ALERT, wanted.area, now, roles=(way.role,))
    if len(able) < way.persons:
        raise Refused(
            "key",
            _("Phiên này cần %(persons)d người ký, mà ở đó chỉ có: %(names)s.")
            % {"persons": way.persons, "names": ", ".join(able)},
            _("Danh sách người ký do quản trị viên cấp tỉnh lập; hãy nhờ họ bổ sung."),
        )


def ways(person: Person, area: Iterable[str], now: datetime) -> tuple[Capacity, ...]:
    """Every way in which the person may speak in the whole area: the fewest signatures first, then the highest."""
    units = tuple(area)
    trust, at = people.trust_of(units), int(now.timestamp())
    return capacity.capacities(people.keys_of(person), SPEAKING, units, trust, at)


def areas(person: Person, units: Iterable[str], now: datetime) -> dict[str, int]:
    """Those of the units in which the person may speak, and how many must sign there at least."""
    return {unit: way.persons for unit, way in people.units_where(person, SPEAKING, units, now).items()}


def attachable(person: Person, area: Iterable[str], now: datetime) -> list[EmergencyOrder]:
    """Alarms in force in the whole of this area that are of the person's level there or a lower one."""
    units = tuple(area)
    found = ways(person, units, now) if units else ()
    return [
        alarm
        for alarm in rollcall.alarms(now)
        if found
        and (alarm.level or 0) >= min(way.level for way in found)
        and all(any(covers(code, unit) for code in alarm.area) for unit in units)
    ]


@transaction.atomic
def end(speech: Speech, by: Person, *, now: datetime | None = None) -> Speech:
    """End it: who speaks, or who may sign where it is heard. The boxes fall silent. Raises `NotAllowed`."""
    now = now or timezone.now()
    speech = Speech.objects.get(pk=speech.pk)
    if not may_end(speech, by):
        raise NotAllowed("session", _("Bạn không dừng được phiên phát này."), speech.author)
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
    there = models.Q(heard_at=None) | models.Q(heard_at__gte=now - rules.GONE)
    rows = Speech.objects.filter(there, sent_at__isnull=False, ended_at=None, expires__gt=now)
    rows = rows.select_related("person", "box")
    return sorted(rows, key=lambda row: (row.began_at is None, row.sent_at))


@dataclass
class Said:
    """What has come on one connection of who speaks."""

    record: LiveSession
    heard_at: datetime | None = None
    """The last group."""
    began_at: datetime | None = None
    """The first group with sound in it."""
    spoke_at: datetime | None = None
    """The last one."""

    def take(self, raw: bytes, now: datetime) -> None:
        """Note a group; one that its session's key has not signed is none."""
        domain = Domain(self.record.province, self.record.environment)
        try:
            payload = verify1(raw, Family.VOICE, domain, self.record.key, max_bytes=MAX_GROUP_BYTES)
            group = decode(payload, VoiceGroup, max_bytes=MAX_GROUP_BYTES)
        except ProtocolError:
            return
        if group.session != self.record.id:
            return
        self.heard_at = now
        if group.frames:
            self.began_at = self.began_at or now
            self.spoke_at = now


def spoken(now: datetime) -> list[Speech]:
    """Those of them in which somebody has spoken, the highest level first, then who spoke first."""
    rows = [row for row in on_air(now) if row.began_at is not None and row.spoke_at is not None]
    return sorted(rows, key=lambda row: row.role != Role.EMERGENCY)


def said_in(identity: str) -> Said:
    """Nothing yet, in this session."""
    return Said(read(Speech.objects.get(pk=identity)))


def note(said: Said) -> None:
    """Write down that who speaks is there and, with the first sound, that somebody has begun to speak."""
    if said.heard_at is None:
        return
    row = Speech.objects.filter(pk=said.record.id.hex(), ended_at=None)
    row.update(heard_at=said.heard_at, **({} if said.spoke_at is None else {"spoke_at": said.spoke_at}))
    if said.began_at is not None:
        row.filter(began_at=None).update(began_at=said.began_at)


def is_on(identity: str, now: datetime) -> bool:
    return any(speech.pk == identity for speech in on_air(now))


def speaks(identity: str, person: Person, now: datetime) -> bool:
    """Whether this person may send groups of this session now."""
    return any(speech.pk == identity and speech.person_id == person.pk for speech in on_air(now))


def is_for(speech: Speech, box: str, unit: str) -> bool:
    """Whether this box, in this unit, is one of those that are to listen; not the one at whose microphone it is."""
    if box == speech.box_id:
        return False
    return any(code in speech.area for code in above(unit)) and (not speech.boxes or box in speech.boxes)


def concerns(identity: str, box: str, unit: str, now: datetime) -> bool:
    """Whether this box, in this unit, is to hear this session now."""
    return any(speech.pk == identity and is_for(speech, box, unit) for speech in on_air(now))


def meant(speech: Speech) -> models.QuerySet[Box]:
    """The boxes that are to listen, as they are now."""
    found = locking.boxes_in(speech.area).exclude(pk=speech.box_id or "").order_by("unit__code", "name")
    return found.filter(pk__in=speech.boxes) if speech.boxes else found
