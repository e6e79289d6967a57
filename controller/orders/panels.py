"""What the button of a commune's panel gives: judged like an order that is about to be sent, kept, and relayed.

The panel's box has sounded it already. The controller adds nothing to its authority: what boxes would refuse is refused
here, and logged; who carried it counts for nothing.
"""

from datetime import UTC, datetime
from typing import Final

import structlog
from django.db import transaction

from controller.accounts import services as accounts
from controller.core.errors import Refused
from controller.orders import capacity, people
from controller.orders.models import EmergencyOrder, OrderSignature, State
from controller.outbox import services as outbox
from controller.outbox.models import Kind
from protocol import topics
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.gate import Known, Reject
from protocol.ids import key_id
from protocol.order import MAX_ORDER_BYTES, MessageType, Order, Status
from protocol.roles import Holder, Role
from protocol.signing import Envelope, Family, open_signed
from protocol.trust import Trust

log = structlog.get_logger("orders")

GIVEN: Final = frozenset({MessageType.ALERT, MessageType.CANCEL})
"""What a panel gives for its commune: an alarm, and the end of its own."""


def relay(raw: bytes, box: str, now: datetime) -> EmergencyOrder | None:
    """Keep the order and post it to its units, in the caller's transaction; None where it is refused or known."""
    try:
        trust = people.trust_of(())
        envelope = open_signed(raw, Family.ORDER, trust.domain, max_bytes=MAX_ORDER_BYTES)
        order = decode(envelope.payload, Order, max_bytes=MAX_ORDER_BYTES)
        if EmergencyOrder.objects.filter(pk=order.id.hex()).exists():
            return None
        return _taken(raw, envelope, order, box, now)
    except (ProtocolError, Refused) as error:
        log.warning("an order of a panel was refused", box=box, why=str(error)[:200])
        return None


@transaction.atomic
def _taken(raw: bytes, envelope: Envelope, order: Order, box: str, now: datetime) -> EmergencyOrder | None:
    if order.role is not Role.COMMUNE or order.type not in GIVEN:
        log.warning("a panel gives no such order", box=box, role=order.role.name, type=order.type.name)
        return None
    ended = list(EmergencyOrder.objects.filter(pk__in=[name.hex() for name in order.references]))
    known = {bytes.fromhex(one.pk): Known(one.level or 0, Status(one.status), MessageType(one.type)) for one in ended}
    verdict = capacity.trial(raw, order, people.trusts(order.area), int(now.timestamp() * 1000), known=known)
    holder = _signer(envelope, order, people.trust_of(order.area))
    if isinstance(verdict, Reject) or holder is None:
        why = verdict.sentence("en") if isinstance(verdict, Reject) else "nobody who is known has signed it"
        log.warning("an order of a panel was refused", box=box, order=order.id.hex(), why=why)
        return None
    if EmergencyOrder.objects.filter(first_signer=holder.key, sequence=order.sequence).exists():
        log.warning("two orders of one number", box=box, order=order.id.hex(), signer=holder.person)
        return None
    row = _row(raw, envelope.payload, order, holder=holder, level=verdict, now=now)
    if order.type is MessageType.CANCEL:
        row.ends = ended[0] if ended else None
        row.save(update_fields=["ends"])
        EmergencyOrder.objects.filter(pk__in=[one.pk for one in ended], state=State.SENT).update(state=State.CANCELLED)
    OrderSignature.objects.create(
        order=row, public_key=holder.key, holder=holder.person, value=envelope.signatures[0].value, at=now
    )
    outbox.post_many([(topics.orders(unit), raw) for unit in order.area], Kind.ORDER, now=now, expires=row.expires)
    accounts.audit(None, "order.from-panel", f"order:{row.id}", box=box, signer=holder.person, area=list(order.area))
    return row


def _signer(envelope: Envelope, order: Order, trust: Trust) -> Holder | None:
    found = trust.signers(envelope, Role.COMMUNE, order.issued)
    return next((holder for holder in found if order.id.startswith(key_id(holder.key))), None)


def _row(raw: bytes, payload: bytes, order: Order, *, holder: Holder, level: int, now: datetime) -> EmergencyOrder:
    sound = order.sound
    return EmergencyOrder.objects.create(
        id=order.id.hex(),
        payload=payload,
        envelope=raw,
        state=State.SENT,
        role=order.role,
        type=order.type,
        status=order.status,
        severity=order.severity,
        event=order.event,
        message=sound.message if sound is not None and isinstance(sound.message, int) else None,
        area=list(order.area),
        reason=order.reason,
        created_by=None,
        created=now,
        first_signer=holder.key,
        sequence=order.sequence,
        level=level,
        issued=datetime.fromtimestamp(order.issued, UTC),
        expires=datetime.fromtimestamp(order.expires, UTC),
        sent_at=now,
    )
