"""An order's way: prepared, signed by enough persons, sent; or dropped. Each step is one transaction, audited.

The controller fixes the bytes and collects signatures over them; it holds no person's key and can sign nothing that a
box would take for an emergency.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts import signing
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.core.errors import NotAllowed, Refused
from controller.orders import capacity, composing, locking, people, rules
from controller.orders.capacity import Capacity, Missing
from controller.orders.composing import Alarm, Slot, Stop
from controller.orders.models import EmergencyOrder, OrderSignature, RollCall, State
from controller.outbox import services as outbox
from controller.outbox.models import Kind
from controller.schedules.signing import domain
from controller.units.models import Unit
from protocol import topics
from protocol.codec import decode, encode
from protocol.compose import ENTROPY_BYTES, order_id
from protocol.errors import ProtocolError
from protocol.gate import Known, Reject
from protocol.ids import key_id
from protocol.messages import OWN_WORDS, can_be_spoken
from protocol.order import MAX_ORDER_BYTES, SOUNDING, MessageType, Order, Severity, Sound, Status
from protocol.refusals import RejectCode
from protocol.roles import Role
from protocol.signing import Family, SignedBy, assemble
from protocol.trust import Trust

MAX_AREA: Final = 32
MAX_LOCK_S: Final = 30 * 86_400
CONTESTED_FOR: Final = timedelta(days=1)
"""So long after a box refused a signer's number the next ones leap ahead."""
Compose = Callable[[Slot], Order]


def read(order: EmergencyOrder) -> Order:
    """The order that was, or will be, signed: from the very bytes.

    Orders of before roles stood in them can be read by no box any more; of these the record is given as it was listed.
    """
    try:
        return decode(bytes(order.payload), Order, max_bytes=MAX_ORDER_BYTES)
    except ProtocolError:
        if order.state == State.WAITING:
            raise
        return _as_listed(order)


@transaction.atomic
def prepare(by: Person, alarm: Alarm, *, now: datetime | None = None) -> EmergencyOrder:
    """Fix the bytes of an alert for others and `by` to sign; `by`'s key becomes its first signer.

    Raises `Refused` naming the field: message, words, event, area, repeats, lifetime, reason, key; `NotAllowed` without
    the role of signer.
    """
    now = now or timezone.now()
    _check_alarm(by, alarm)
    way = people.require(by, MessageType.ALERT, alarm.area, now, roles=(alarm.role,))
    trust = people.trust_of(alarm.area)
    if alarm.role is Role.COMMUNE and composing.event_of(alarm) not in trust.roots.events:
        raise Refused(
            "event" if alarm.message == OWN_WORDS else "message",
            _("Sự kiện này không nằm trong những sự kiện mà cấp xã được tự báo động."),
            _("Cần hai người ký của cấp có thẩm quyền: dùng trang “Ra lệnh khẩn cấp”."),
        )
    return _store(by, way, now, lambda slot: composing.alert(alarm, trust, slot))


@transaction.atomic
def stop_prepare(by: Person, wanted: Stop, *, now: datetime | None = None) -> EmergencyOrder:
    """Fix the bytes of the order that stops and locks the speakers of an area; one person signs it.

    One's own that waits for its signature and says the same is given back. Where a stop in force does all that this
    one would do, it is refused: a second lock would have to be opened too.

    Raises `Refused` naming the field: area, until, reason, key; `NotAllowed`.
    """
    now = now or timezone.now()
    _check_area(by, wanted.area)
    if wanted.lock_s is not None and not composing.MIN_LIFETIME_S <= wanted.lock_s <= MAX_LOCK_S:
        raise Refused("until", _("Thời gian khóa phải từ 5 phút đến 30 ngày."), _("Hoặc chọn khóa đến khi mở lại."))
    _check_reason(wanted.reason)
    way = people.require(by, MessageType.STOP, wanted.area, now)
    locking.must_lock_more(wanted, way.level, now)
    waiting = locking.waiting_stops(way.holder.key, wanted.area).filter(expires__gt=now, reason=wanted.reason)
    same = next((one for one in waiting if locking.lock_s(one) == wanted.lock_s), None)
    if same is not None:
        return same
    trust = people.trust_of(wanted.area)
    return _store(by, way, now, lambda slot: composing.stop(wanted, way.role, trust, slot))


@transaction.atomic
def cancel_prepare(
    order: EmergencyOrder, by: Person, reason: str = "", *, now: datetime | None = None
) -> EmergencyOrder:
    """Fix the bytes of the order that ends this one. Raises `Refused`, `NotAllowed`.

    A cancel of one's own that waits for its signature already is given back instead of a second one. Anybody else's is
    not: it counts in the sequence of who prepared it, so only that person could complete it.
    """
    now = now or timezone.now()
    order = EmergencyOrder.objects.get(pk=order.pk)
    if order.state != State.SENT or order.type not in SOUNDING:
        raise Refused(
            "order", _("Chỉ hủy được lệnh đã phát và chưa bị hủy."), _("Mở danh sách lệnh để xem lệnh nào đang phát.")
        )
    if now >= order.expires:
        raise Refused("order", _("Lệnh này đã hết hiệu lực; các hộp đã tự dừng."), _("Không cần hủy nữa."))
    if order.status == Status.TEST:
        raise Refused("order", _("Lệnh kiểm tra không phát ra loa."), _("Không cần hủy."))
    return _prepare_end(order, MessageType.CANCEL, by, reason, now)


@transaction.atomic
def reinstate_prepare(
    order: EmergencyOrder, by: Person, reason: str = "", *, now: datetime | None = None
) -> EmergencyOrder:
    """Fix the bytes of the order that takes back this cancel or this stop, and every other one that would keep silent
    what this one silenced. Raises `Refused`, `NotAllowed`.
    """
    now = now or timezone.now()
    order = EmergencyOrder.objects.select_related("ends").get(pk=order.pk)
    if order.type == MessageType.CANCEL:
        if order.state != State.SENT or order.ends is None:
            raise Refused(
                "order", _("Chỉ khôi phục được khi lệnh hủy đã gửi và chưa bị thu hồi."), _("Tải lại trang để xem.")
            )
        if now >= order.ends.expires:
            raise Refused(
                "order",
                _("Lệnh đã bị hủy nay cũng đã hết hiệu lực, nên không còn gì để phát tiếp."),
                _("Nếu còn nguy hiểm, hãy ra lệnh mới."),
            )
    elif order.type != MessageType.STOP or not locking.locks(order, now):
        raise Refused("order", _("Loa ở khu vực này không còn bị khóa bởi lệnh này."), _("Tải lại trang để xem."))
    return _prepare_end(order, MessageType.REINSTATE, by, reason, now)


@transaction.atomic
def again(order: EmergencyOrder, by: Person, *, now: datetime | None = None) -> EmergencyOrder:
    """The same order under a new number, where boxes have refused its own. Raises `Refused`, `NotAllowed`."""
    now = now or timezone.now()
    order = EmergencyOrder.objects.select_related("ends").get(pk=order.pk)
    if order.state != State.SENT or not order.answers.filter(code=RejectCode.REPLAY).exists():
        raise Refused("order", _("Không hộp nào từ chối số thứ tự của lệnh này."), _("Không cần soạn lại."))
    content, kind, role = read(order), MessageType(order.type), Role(order.role)
    way = people.require(by, kind, order.area, now, roles=(role,))
    trust = people.trust_of(order.area)
    made = _store(by, way, now, lambda slot: composing.once_more(content, trust, slot))
    made.ends = order if kind in SOUNDING else order.ends
    made.save(update_fields=["ends"])
    made.also_ends.set(order.also_ends.all())
    return made


@transaction.atomic
def sign(order: EmergencyOrder, person: Person, signed: SignedBy, *, now: datetime | None = None) -> EmergencyOrder:
    """Store one person's signature; with the last one that is needed the order is sent in the same transaction.

    Raises `Refused` or `NotAllowed` and stores nothing when the signature does not count.
    """
    now = now or timezone.now()
    order = EmergencyOrder.objects.select_for_update().get(pk=order.pk)
    _must_wait(order, now)
    for unit in order.area:
        accounts.require(person, Action.SIGN, unit, field="key")
    trust = people.trust_of(order.area)
    way = _signer(order, person, signed, trust, now)
    party = trust.roots.parties[way.holder.party - 1] if way.holder.party else None
    signing.verify(signed, bytes(order.payload), Family.ORDER, trust.domain, party)
    _must_travel(order, signed)
    OrderSignature.objects.create(
        order=order,
        person=person,
        public_key=signed.public_key,
        holder=way.holder.person,
        value=signed.value,
        alg=int(signed.alg),
        authenticator_data=signed.assertion.authenticator_data if signed.assertion else None,
        client_data=signed.assertion.client_data if signed.assertion else None,
        at=now,
    )
    accounts.audit(person, "order.signed", f"order:{order.id}", key=signed.public_key.hex(), holder=way.holder.person)
    if not missing(order, trust):
        _send(order, person, now)
    return order


def missing(order: EmergencyOrder, trust: Trust) -> Missing:
    """Which signatures the order waits for."""
    signed = {bytes(row.public_key): row.holder for row in order.signatures.all()}
    return capacity.missing(Role(order.role), bytes(order.first_signer), signed, trust)


@transaction.atomic
def drop(order: EmergencyOrder, by: Person, reason: str = "") -> EmergencyOrder:
    """Give up an order that was not sent; the reason stays in the record. Raises `Refused`, `NotAllowed`."""
    order = EmergencyOrder.objects.select_for_update().get(pk=order.pk)
    if order.state != State.WAITING:
        raise Refused("order", _("Lệnh này không còn chờ ký."), _("Lệnh đã phát thì dùng nút “Hủy lệnh”."))
    for unit in order.area:
        accounts.require(by, Action.SIGN, unit, field="order")
    order.state = State.DROPPED
    order.save(update_fields=["state"])
    accounts.audit(by, "order.dropped", f"order:{order.id}", reason=reason.strip()[:200])
    return order


def may_sign(person: Person, order: EmergencyOrder, now: datetime | None = None) -> Capacity | None:
    """As whom this person could sign now; None when there is no way or the person has signed.

    Who prepared it signs with the key in whose sequence it counts: with another one it could never be sent.
    """
    now = now or timezone.now()
    signed = list(order.signatures.all())
    if any(row.person_id == person.pk for row in signed):
        return None
    try:
        found = people.ways(person, MessageType(order.type), order.area, now, roles=(Role(order.role),))
    except Refused:
        return None
    names, first = {row.holder for row in signed}, bytes(order.first_signer)
    prepared_it = order.created_by_id == person.pk
    fit = (one for one in found if one.holder.person not in names and (not prepared_it or one.holder.key == first))
    return next(fit, None)


def waits_for(person: Person, order: EmergencyOrder, now: datetime) -> bool:
    """Whether this person's signature would bring the order on: where one is enough, only the preparer's does."""
    way = may_sign(person, order, now)
    if way is None:
        return False
    lacking = missing(order, people.trust_of(order.area))
    return way.holder.key == bytes(order.first_signer) or lacking.persons > 1 or not lacking.preparer


def _as_listed(order: EmergencyOrder) -> Order:
    place = domain()
    return Order(
        id=bytes.fromhex(order.id),
        province=place.province,
        environment=place.environment,
        role=Role(order.role),
        epoch=1,
        sequence=order.sequence,
        issued=int(order.issued.timestamp()),
        not_before=int(order.issued.timestamp()),
        expires=int(order.expires.timestamp()),
        status=Status(order.status),
        type=MessageType(order.type),
        severity=Severity(order.severity),
        event=order.event,
        area=tuple(order.area),
        sound=Sound(order.message) if order.message else None,
        references=(bytes.fromhex(order.ends_id),) if order.ends_id else (),
        reason=order.reason,
    )


def _check_alarm(by: Person, alarm: Alarm) -> None:
    if alarm.message not in {OWN_WORDS, *(message.code for message in composing.OFFERED)}:
        raise Refused("message", _("Không có nội dung soạn sẵn này."), _("Chọn một nội dung trong danh sách."))
    _check_words(alarm)
    _check_area(by, alarm.area)
    if not 1 <= alarm.repeats <= 100:
        raise Refused("repeats", _("Số lần phát phải từ 1 đến 100."), _("Thường là 3."))
    longest_s = composing.longest_s(alarm.role)
    if not composing.MIN_LIFETIME_S <= alarm.lifetime_s <= longest_s:
        raise Refused(
            "lifetime",
            _("Hiệu lực phải từ 5 đến %(longest)d phút.") % {"longest": longest_s // 60},
            _("Cần lâu hơn thì ra lệnh mới khi lệnh này sắp hết."),
        )
    _check_reason(alarm.reason)


def _check_words(alarm: Alarm) -> None:
    """An alarm says what was written or what was prepared: no officer writes what nobody will hear."""
    if alarm.message != OWN_WORDS:
        if alarm.words:
            raise Refused(
                "words",
                _("Đã viết lời, nhưng lại chọn bản tin soạn sẵn."),
                _("Chọn “Tự soạn nội dung” để loa đọc lời này, hoặc xóa lời đi."),
            )
        return
    if not can_be_spoken(alarm.words):
        raise Refused(
            "words", _("Chưa có lời nào để đọc."), _("Viết điều bà con cần nghe, hoặc chọn một bản tin soạn sẵn.")
        )
    if len(alarm.words) > composing.MAX_WORDS:
        raise Refused(
            "words",
            _("Lời dài %(n)d ký tự; nhiều nhất %(limit)d.") % {"n": len(alarm.words), "limit": composing.MAX_WORDS},
            _("Bớt đi %(n)d ký tự.") % {"n": len(alarm.words) - composing.MAX_WORDS},
        )


def _check_reason(reason: str) -> None:
    if len(reason) > 200:
        raise Refused("reason", _("Lý do dài quá 200 ký tự."), _("Rút ngắn lại."))


def _check_area(by: Person, area: tuple[str, ...]) -> None:
    if not 1 <= len(area) <= MAX_AREA:
        raise Refused(
            "area",
            _("Chưa chọn khu vực, hoặc chọn quá 32 đơn vị."),
            _("Chọn từ 1 đến 32 đơn vị, hoặc một đơn vị cấp trên."),
        )
    known = set(Unit.objects.filter(code__in=area).values_list("code", flat=True))
    for code in area:
        if code not in known:
            raise Refused(
                "area", _("Không có đơn vị mã “%(code)s”.") % {"code": code}, _("Kiểm tra lại mã ở trang Đơn vị.")
            )
        accounts.require(by, Action.SIGN, code, field="area")
    if not locking.boxes_in(area).exists():
        raise Refused(
            "area",
            _("Khu vực này chưa có hộp thiết bị nào đang dùng."),
            _("Chọn khu vực khác, hoặc duyệt hộp ở trang Hộp thiết bị."),
        )


def _prepare_end(of: EmergencyOrder, kind: MessageType, by: Person, reason: str, now: datetime) -> EmergencyOrder:
    """A cancel or a reinstatement of the level of what it ends, or of a higher one; one's own that waits comes back."""
    way = people.require(by, kind, of.area, now, level=of.level or 0, field="order")
    waiting = of.ended_by.filter(state=State.WAITING, type=kind, expires__gt=now, first_signer=way.holder.key).first()
    others = [] if kind is MessageType.CANCEL else locking.with_it(of, way.level, now)
    if waiting is not None and {one.pk for one in others} == set(waiting.also_ends.values_list("pk", flat=True)):
        return waiting
    original, trust, more = read(of), people.trust_of(of.area), [bytes.fromhex(one.id) for one in others]

    def compose(slot: Slot) -> Order:
        if kind is MessageType.CANCEL:
            return composing.cancel(original, way.role, trust, slot, reason=reason[:200])
        return composing.reinstatement(original, way.role, trust, slot, reason=reason[:200], more=more)

    made = _store(by, way, now, compose)
    made.ends = of
    made.save(update_fields=["ends"])
    made.also_ends.set(others)
    return made


def _next_sequence(key: bytes, now: datetime) -> int:
    mine = EmergencyOrder.objects.filter(first_signer=key)
    last = mine.aggregate(sequence=models.Max("sequence"), expires=models.Max("expires"))
    contested = RollCall.objects.filter(
        order__first_signer=key, code=RejectCode.REPLAY, received__gt=now - CONTESTED_FOR
    ).exists()
    expires_s = int(last["expires"].timestamp()) if last["expires"] else 0
    return composing.next_sequence(last["sequence"] or 0, expires_s, int(now.timestamp()), contested=contested)


def _store(by: Person, way: Capacity, now: datetime, compose: Compose) -> EmergencyOrder:
    key = way.holder.key
    slot = Slot(order_id(key, secrets.token_bytes(ENTROPY_BYTES)), _next_sequence(key, now), int(now.timestamp()))
    order = compose(slot)
    try:
        payload = encode(order)
    except ProtocolError as error:
        raise Refused(
            error.field, _("Lệnh không hợp lệ: %(why)s") % {"why": error.message}, _("Sửa lại nội dung của lệnh.")
        ) from error
    too_long = composing.size_signed(payload, way.persons, people.trust_of(order.area)) - MAX_ORDER_BYTES
    if too_long > 0:
        raise _too_long(order, too_long)
    row = EmergencyOrder.objects.create(
        id=order.id.hex(),
        payload=payload,
        role=order.role,
        type=order.type,
        status=order.status,
        severity=order.severity,
        event=order.event,
        message=order.sound.message if order.sound is not None and isinstance(order.sound.message, int) else None,
        area=list(order.area),
        reason=order.reason,
        created_by=by,
        created=now,
        first_signer=key,
        sequence=order.sequence,
        issued=datetime.fromtimestamp(order.issued, UTC),
        expires=datetime.fromtimestamp(order.expires, UTC),
        until=datetime.fromtimestamp(order.until, UTC) if order.until is not None else None,
    )
    accounts.audit(
        by,
        "order.prepared",
        f"order:{row.id}",
        type=order.type.name,
        role=order.role.name,
        status=order.status.name,
        event=order.event,
        area=list(order.area),
        sequence=order.sequence,
    )
    return row


def _too_long(order: Order, bytes_over: int) -> Refused:
    why = _("Lệnh sẽ dài quá %(limit)d byte khi đủ chữ ký, nên không hộp nào nhận.") % {"limit": MAX_ORDER_BYTES}
    if order.board:
        spare = composing.words_to_spare(order.board, bytes_over)
        return Refused("words", why, _("Bớt lời khoảng %(n)d ký tự, hoặc bỏ bớt lý do, đơn vị.") % {"n": spare})
    way_out = _("Rút ngắn lý do khoảng %(n)d chữ, hoặc chọn ít đơn vị hơn.") % {"n": bytes_over // 2 + 1}
    return Refused("reason", why, way_out)


def _must_wait(order: EmergencyOrder, now: datetime) -> None:
    standing = rules.standing(order.state, order.expires.timestamp(), now.timestamp())
    if standing is rules.Standing.LAPSED:
        raise Refused("order", _("Lệnh này đã quá hạn mà chưa đủ chữ ký."), _("Soạn lệnh mới và ký ngay."))
    if standing is not rules.Standing.WAITING:
        raise Refused("order", _("Lệnh này không còn chờ ký."), _("Tải lại trang để xem tình trạng."))


def _signer(order: EmergencyOrder, person: Person, signed: SignedBy, trust: Trust, now: datetime) -> Capacity:
    """As whom this key counts; refuses a key that is not this person's, and a second signature of the same person."""
    signing.own_key(person, signed)
    way = capacity.capacity(signed.public_key, Role(order.role), order.area, trust, int(now.timestamp()))
    if way is None:
        raise NotAllowed(
            "key",
            _("Khóa của bạn không có trong danh sách người ký việc này cho khu vực này."),
            people.who_else(MessageType(order.type), order.area, now, roles=(Role(order.role),)),
        )
    for row in order.signatures.all():
        if row.person_id == person.pk or row.holder == way.holder.person:
            raise Refused("key", _("Bạn đã ký lệnh này."), _("Cần chữ ký của một người khác."))
    if order.created_by_id == person.pk and signed.public_key != bytes(order.first_signer):
        raise Refused(
            "key",
            _("Lệnh này được soạn cho một khóa khác của bạn; ký bằng khóa này thì không phát được."),
            _("Ký bằng khóa có mã %(mark)s, hoặc bỏ lệnh này rồi soạn lại.")
            % {"mark": key_id(bytes(order.first_signer)).hex().upper()},
        )
    return way


def _must_travel(order: EmergencyOrder, signed: SignedBy) -> None:
    """Found out with the signature, not when the last one is there: boxes do not take every browser's assertions."""
    try:
        assemble(bytes(order.payload), Family.ORDER, (signed,))
    except ProtocolError as error:
        raise Refused(
            "signature",
            _("Chữ ký của trình duyệt này không gửi tới các hộp được: %(why)s") % {"why": error.message},
            _("Ký bằng trình duyệt khác, hoặc bằng tệp khóa."),
        ) from error


def _send(order: EmergencyOrder, by: Person, now: datetime) -> None:
    """Assemble, try it on a healthy box of each unit, then one row for each unit's topic.

    Boxes take no more signatures than are needed: the first signer's, and of the others the earliest.
    """
    content, trust = read(order), people.trust_of(order.area)
    signed = order.signatures.order_by("at", "pk")
    rows = sorted(signed, key=lambda row: bytes(row.public_key) != bytes(order.first_signer))
    rows = rows[: trust.persons_needed(content.role)]
    envelope = assemble(bytes(order.payload), Family.ORDER, tuple(row.signed_by() for row in rows))
    verdict = capacity.trial(
        envelope, content, people.trusts(content.area), int(now.timestamp() * 1000), known=_known(_ended(order))
    )
    if isinstance(verdict, Reject):
        raise Refused("order", verdict.sentence(get_language() or "vi"), _("Lệnh chưa được phát; hãy sửa rồi ký lại."))
    order.envelope = envelope
    order.state = State.SENT
    order.sent_at = now
    order.level = verdict
    order.save(update_fields=["envelope", "state", "sent_at", "level"])
    for ended in _ended(order):
        _end(order, ended, by)
    if order.type == MessageType.STOP:
        _drop(locking.waiting_stops(bytes(order.first_signer), order.area), order, by)
    outbox.post_many(
        [(topics.orders(unit), envelope) for unit in content.area], Kind.ORDER, now=now, expires=order.expires
    )
    accounts.audit(by, "order.sent", f"order:{order.id}", role=content.role.name, signers=[row.holder for row in rows])


def _ended(order: EmergencyOrder) -> list[EmergencyOrder]:
    """All that this one ends."""
    return [] if order.ends is None else [order.ends, *order.also_ends.all()]


def _known(ended: Iterable[EmergencyOrder]) -> Mapping[bytes, Known]:
    """What a box remembers of the orders that another one ends."""
    return {bytes.fromhex(one.id): Known(one.level or 0, Status(one.status), MessageType(one.type)) for one in ended}


def _end(by_order: EmergencyOrder, ended: EmergencyOrder, by: Person) -> None:
    """What was sent takes effect here as it does in the boxes. What a lifted cancel had ended goes on."""
    becomes = {MessageType.CANCEL: State.CANCELLED, MessageType.UPDATE: State.REPLACED}
    ended.state = becomes.get(MessageType(by_order.type), State.LIFTED)
    ended.save(update_fields=["state"])
    alarm = ended.ends
    if ended.type == MessageType.CANCEL and alarm is not None and alarm.state == State.CANCELLED:
        alarm.state = State.SENT
        alarm.save(update_fields=["state"])
        accounts.audit(by, "order.reinstated", f"order:{alarm.id}", by=by_order.id)
    _drop(EmergencyOrder.objects.filter(ends=ended, type=by_order.type, state=State.WAITING), by_order, by)


def _drop(rivals: Iterable[EmergencyOrder], instead: EmergencyOrder, by: Person) -> None:
    """Give up what waits and is done by another order now."""
    for rival in rivals:
        rival.state = State.DROPPED
        rival.save(update_fields=["state"])
        accounts.audit(by, "order.dropped", f"order:{rival.id}", instead=instead.id)
