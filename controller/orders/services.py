"""An order's way: prepared, signed by enough persons, sent; or dropped. Each step is one transaction, audited.

The controller fixes the bytes and collects signatures over them; it holds no person's key and can sign nothing that a
box would take for an emergency.
"""

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts.models import Person, PersonKey
from controller.accounts.rules import Action
from controller.boxes.models import Box
from controller.boxes.models import Stage as BoxStage
from controller.core.errors import NotAllowed, Refused
from controller.orders import rules
from controller.orders.models import EmergencyOrder, OrderSignature, State
from controller.orders.roots import current_roots
from controller.orders.rules import Alarm
from controller.outbox import services as outbox
from controller.outbox.models import Kind
from controller.schedules.signing import domain
from controller.units.models import Unit
from controller.units.services import inside
from protocol import topics
from protocol.codec import decode, encode
from protocol.compose import ENTROPY_BYTES, order_id
from protocol.errors import ProtocolError
from protocol.gate import Reject
from protocol.order import MAX_LIFETIME_S, MAX_ORDER_BYTES, MessageType, Order, Status
from protocol.roles import Holder, Roots
from protocol.signing import Family, Signature, assemble, to_be_signed

MAX_AREA: Final = 32
Compose = Callable[[bytes, int, int], Order]
"""From identity, sequence and epoch seconds to the order."""


def read(order: EmergencyOrder) -> Order:
    """The order that was, or will be, signed."""
    return decode(bytes(order.payload), Order, max_bytes=MAX_ORDER_BYTES)


def signing_bytes(order: EmergencyOrder) -> bytes:
    """What each person signs (the Sig_structure of RFC 9052 §4.4)."""
    return to_be_signed(bytes(order.payload), Family.ORDER, domain())


@transaction.atomic
def prepare(by: Person, alarm: Alarm, *, now: datetime | None = None) -> EmergencyOrder:
    """Fix the bytes of an alert for others and `by` to sign; `by`'s key becomes its first signer.

    Raises `Refused` naming the field: message, area, repeats, lifetime, key; `NotAllowed` without the role of signer.
    """
    now = now or timezone.now()
    roots = current_roots()
    _check_alarm(by, alarm)
    holder = _own_holder(by, MessageType.ALERT, alarm.area, roots, now)
    return _store(
        by, holder, now, lambda identity, sequence, now_s: rules.compose_alert(alarm, roots, identity, sequence, now_s)
    )


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
    if order.state != State.SENT or order.type == MessageType.CANCEL:
        raise Refused(
            "order", _("Chỉ hủy được lệnh đã phát và chưa bị hủy."), _("Mở danh sách lệnh để xem lệnh nào đang phát.")
        )
    if now >= order.expires:
        raise Refused("order", _("Lệnh này đã hết hiệu lực; các hộp đã tự dừng."), _("Không cần hủy nữa."))
    if order.status == Status.TEST:
        raise Refused("order", _("Lệnh kiểm tra không phát ra loa."), _("Không cần hủy."))
    for unit in order.area:
        accounts.require(by, Action.SIGN, unit, field="order")
    roots = current_roots()
    holder = _own_holder(by, MessageType.CANCEL, tuple(order.area), roots, now)
    waiting = order.cancels_by.filter(state=State.WAITING, expires__gt=now, first_signer=holder.key).first()
    if waiting is not None:
        return waiting
    original = read(order)
    cancel = _store(
        by,
        holder,
        now,
        lambda identity, sequence, now_s: rules.compose_cancel(
            original, roots, identity, sequence, now_s, reason=reason[:200]
        ),
    )
    cancel.cancels = order
    cancel.save(update_fields=["cancels"])
    return cancel


@transaction.atomic
def sign(
    order: EmergencyOrder, person: Person, public_key: bytes, signature: bytes, *, now: datetime | None = None
) -> EmergencyOrder:
    """Store one person's signature; with the last one that is needed the order is sent in the same transaction.

    Raises `Refused` or `NotAllowed` and stores nothing when the signature does not count.
    """
    now = now or timezone.now()
    order = EmergencyOrder.objects.select_for_update().get(pk=order.pk)
    _must_wait(order, now)
    for unit in order.area:
        accounts.require(person, Action.SIGN, unit, field="key")
    roots = current_roots()
    holder = _signer(order, person, public_key, roots, now)
    if not Signature(b"", signing_bytes(order), signature).verify(public_key):
        raise Refused("signature", _("Chữ ký không đúng với lệnh này."), _("Hãy mở lại trang lệnh và ký lại."))
    OrderSignature.objects.create(
        order=order, person=person, public_key=public_key, holder=holder.person, value=signature, at=now
    )
    accounts.audit(person, "order.signed", f"order:{order.id}", key=public_key.hex(), holder=holder.person)
    if not missing(order, roots):
        _send(order, person, roots, now)
    return order


def missing(order: EmergencyOrder, roots: Roots) -> rules.Missing:
    """Which signatures the order waits for."""
    signed = {bytes(row.public_key): row.holder for row in order.signatures.all()}
    return rules.missing(MessageType(order.type), bytes(order.first_signer), signed, roots)


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


def boxes_in(area: Iterable[str]) -> models.QuerySet[Box]:
    """The boxes in use at or below these units."""
    return Box.objects.filter(inside("unit__code", area), state=BoxStage.APPROVED).select_related("unit")


def may_sign(person: Person, order: EmergencyOrder, now: datetime | None = None) -> Holder | None:
    """The holder as whom this person could sign now; None when there is none or the person has signed."""
    now = now or timezone.now()
    signed = list(order.signatures.all())
    if any(row.person_id == person.pk for row in signed):
        return None
    try:
        roots = current_roots()
        holder = _own_holder(person, MessageType(order.type), tuple(order.area), roots, now)
        for unit in order.area:
            accounts.require(person, Action.SIGN, unit)
    except Refused:
        return None
    return None if holder.person in {row.holder for row in signed} else holder


def _check_alarm(by: Person, alarm: Alarm) -> None:
    if alarm.message not in {message.code for message in rules.OFFERED}:
        raise Refused("message", _("Không có nội dung soạn sẵn này."), _("Chọn một nội dung trong danh sách."))
    if not 1 <= len(alarm.area) <= MAX_AREA:
        raise Refused(
            "area",
            _("Chưa chọn khu vực, hoặc chọn quá 32 đơn vị."),
            _("Chọn từ 1 đến 32 đơn vị, hoặc một đơn vị cấp trên."),
        )
    known = set(Unit.objects.filter(code__in=alarm.area).values_list("code", flat=True))
    for code in alarm.area:
        if code not in known:
            raise Refused(
                "area", _("Không có đơn vị mã “%(code)s”.") % {"code": code}, _("Kiểm tra lại mã ở trang Đơn vị.")
            )
        accounts.require(by, Action.SIGN, code, field="area")
    if not boxes_in(alarm.area).exists():
        raise Refused(
            "area",
            _("Khu vực này chưa có hộp thiết bị nào đang dùng."),
            _("Chọn khu vực khác, hoặc duyệt hộp ở trang Hộp thiết bị."),
        )
    if not 1 <= alarm.repeats <= 100:
        raise Refused("repeats", _("Số lần phát phải từ 1 đến 100."), _("Thường là 3."))
    if not rules.MIN_LIFETIME_S <= alarm.lifetime_s <= MAX_LIFETIME_S:
        raise Refused(
            "lifetime", _("Hiệu lực phải từ 5 đến 120 phút."), _("Cần lâu hơn thì ra lệnh mới khi lệnh này sắp hết.")
        )
    if len(alarm.reason) > 200:
        raise Refused("reason", _("Lý do dài quá 200 ký tự."), _("Rút ngắn lại."))


def _own_holder(by: Person, kind: MessageType, area: Iterable[str], roots: Roots, now: datetime) -> Holder:
    """As whom this person may sign, by one of the keys that they registered."""
    units = tuple(area)
    keys = [bytes(key.public_key) for key in PersonKey.objects.filter(person=by, revoked=None).order_by("-created")]
    if not keys:
        raise Refused(
            "key", _("Bạn chưa đăng ký khóa ký."), _("Tạo khóa bằng “loalang key new”, rồi đăng ký ở trang của bạn.")
        )
    for key in keys:
        holder = rules.holder_for(key, kind, units, roots, int(now.timestamp()))
        if holder is not None:
            return holder
    raise NotAllowed(
        "key",
        _("Khóa của bạn không có trong danh sách người ký cho khu vực này."),
        _("Danh sách do các khóa gốc của tỉnh ký; hãy nhờ quản trị viên cấp tỉnh bổ sung."),
    )


def _store(by: Person, holder: Holder, now: datetime, compose: Compose) -> EmergencyOrder:
    now_s = int(now.timestamp())
    last = EmergencyOrder.objects.filter(first_signer=holder.key).order_by("-sequence").first()
    longest = EmergencyOrder.objects.filter(first_signer=holder.key).aggregate(at=models.Max("expires"))["at"]
    sequence = rules.next_sequence(last.sequence if last else 0, int(longest.timestamp()) if longest else 0, now_s)
    order = compose(order_id(holder.key, secrets.token_bytes(ENTROPY_BYTES)), sequence, now_s)
    try:
        payload = encode(order)
    except ProtocolError as error:
        raise Refused(
            error.field, _("Lệnh không hợp lệ: %(why)s") % {"why": error.message}, _("Sửa lại nội dung của lệnh.")
        ) from error
    row = EmergencyOrder.objects.create(
        id=order.id.hex(),
        payload=payload,
        type=order.type,
        status=order.status,
        severity=order.severity,
        event=order.event,
        message=order.sound.message if order.sound is not None and isinstance(order.sound.message, int) else None,
        area=list(order.area),
        reason=order.reason,
        created_by=by,
        created=now,
        first_signer=holder.key,
        sequence=order.sequence,
        issued=datetime.fromtimestamp(order.issued, UTC),
        expires=datetime.fromtimestamp(order.expires, UTC),
    )
    accounts.audit(
        by,
        "order.prepared",
        f"order:{row.id}",
        type=order.type.name,
        status=order.status.name,
        event=order.event,
        area=list(order.area),
        sequence=order.sequence,
    )
    return row


def _must_wait(order: EmergencyOrder, now: datetime) -> None:
    standing = rules.standing(order.state, order.expires.timestamp(), now.timestamp())
    if standing is rules.Standing.LAPSED:
        raise Refused("order", _("Lệnh này đã quá hạn mà chưa đủ chữ ký."), _("Soạn lệnh mới và ký ngay."))
    if standing is not rules.Standing.WAITING:
        raise Refused("order", _("Lệnh này không còn chờ ký."), _("Tải lại trang để xem tình trạng."))


def _signer(order: EmergencyOrder, person: Person, public_key: bytes, roots: Roots, now: datetime) -> Holder:
    """As whom this key counts; refuses a key that is not this person's, and a second signature of the same person."""
    if not PersonKey.objects.filter(person=person, public_key=public_key, revoked=None).exists():
        raise Refused(
            "key",
            _("Khóa này không phải khóa đang dùng của bạn."),
            _("Chọn tệp khóa mà bạn đã đăng ký ở trang của bạn."),
        )
    holder = rules.holder_for(public_key, MessageType(order.type), order.area, roots, int(now.timestamp()))
    if holder is None:
        raise NotAllowed(
            "key",
            _("Khóa của bạn không có trong danh sách người ký cho khu vực này."),
            _("Danh sách do các khóa gốc của tỉnh ký; hãy nhờ quản trị viên cấp tỉnh bổ sung."),
        )
    for row in order.signatures.all():
        if row.person_id == person.pk or row.holder == holder.person:
            raise Refused("key", _("Bạn đã ký lệnh này."), _("Cần chữ ký của một người khác."))
    return holder


def _send(order: EmergencyOrder, by: Person, roots: Roots, now: datetime) -> None:
    """Assemble, try it on a healthy box of each unit, then one row for each unit's topic."""
    content = read(order)
    rows = sorted(order.signatures.all(), key=lambda row: bytes(row.public_key) != bytes(order.first_signer))
    envelope = assemble(
        bytes(order.payload), Family.ORDER, tuple((bytes(row.public_key), bytes(row.value)) for row in rows)
    )
    cancelled = order.cancels
    verdict = rules.trial(
        envelope,
        content,
        roots,
        int(now.timestamp() * 1000),
        levels={bytes.fromhex(cancelled.id): cancelled.level or 0} if cancelled else {},
        statuses={bytes.fromhex(cancelled.id): Status(cancelled.status)} if cancelled else {},
    )
    if isinstance(verdict, Reject):
        raise Refused("order", verdict.sentence(get_language() or "vi"), _("Lệnh chưa được phát; hãy sửa rồi ký lại."))
    order.envelope = envelope
    order.state = State.SENT
    order.sent_at = now
    order.level = verdict
    order.save(update_fields=["envelope", "state", "sent_at", "level"])
    if cancelled is not None:
        cancelled.state = State.CANCELLED
        cancelled.save(update_fields=["state"])
        _drop_rivals(order, by)
    outbox.post_many(
        [(topics.orders(unit), envelope) for unit in content.area], Kind.ORDER, now=now, expires=order.expires
    )
    accounts.audit(by, "order.sent", f"order:{order.id}", signers=[row.holder for row in rows])


def _drop_rivals(cancel: EmergencyOrder, by: Person) -> None:
    """Other cancels of the same order, which wait for nothing any more."""
    for rival in EmergencyOrder.objects.filter(cancels=cancel.cancels_id, state=State.WAITING):
        rival.state = State.DROPPED
        rival.save(update_fields=["state"])
        accounts.audit(by, "order.dropped", f"order:{rival.id}", instead=cancel.id)
