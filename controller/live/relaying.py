"""Who speaks at a box's own microphone to other boxes: the session comes from the box, signed with its commune's token.

The controller judges it as its boxes will, keeps it and sends it down. It adds nothing to its authority: which box
carried it counts for nothing, and its groups are signed with a key that is in that box alone.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import transaction

from controller.accounts import services as accounts
from controller.boxes.models import Box, Stage
from controller.core.errors import Refused
from controller.live import services, signatures
from controller.live.models import Speech
from controller.live.rules import Standing
from controller.orders import people
from controller.orders.models import EmergencyOrder
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.ids import enrolment_code
from protocol.live import MAX_SESSION_BYTES, LiveSession
from protocol.refusals import RejectCode, sentence
from protocol.roles import Role
from protocol.signing import Envelope, Family, open_signed


class Rejected(Refused):
    """Boxes would refuse the session, and say this."""

    def __init__(self, code: RejectCode) -> None:
        super().__init__("session", sentence(code, "vi"))
        self.code = code


def boxes_of(codes: Iterable[str], caller: str) -> tuple[str, ...]:
    """The ids of the boxes with these codes, but for the caller's. Raises `Refused` naming what no box in use has."""
    here = {enrolment_code(box): box for box in Box.objects.filter(state=Stage.APPROVED).values_list("pk", flat=True)}
    wanted = [code.upper() for code in codes]
    unknown = [code for code in wanted if code not in here]
    if unknown:
        raise Refused("boxes", ", ".join(unknown))
    found = {here[code] for code in wanted} - {caller}
    if not found:
        raise Refused("boxes", ", ".join(wanted))
    return tuple(sorted(found))


@transaction.atomic
def take(raw: bytes, identity: str, box: Box, now: datetime) -> Speech:
    """The session in these bytes, sent to its boxes; once more, where that box's connection broke. Raises `Refused`."""
    try:
        domain = people.trust_of(()).domain
        envelope = open_signed(raw, Family.LIVE, domain, max_bytes=MAX_SESSION_BYTES)
        record = decode(envelope.payload, LiveSession, max_bytes=MAX_SESSION_BYTES)
    except ProtocolError as error:
        raise Rejected(RejectCode.MALFORMED) from error
    if record.id.hex() != identity:
        raise Rejected(RejectCode.MALFORMED)
    held = Speech.objects.filter(pk=identity).first()
    if held is not None:
        if held.box_id == box.pk and bytes(held.envelope or b"") == raw and services.standing(held, now) is Standing.ON:
            return held
        raise Rejected(RejectCode.DUPLICATE)
    if record.role is not Role.COMMUNE:
        raise Rejected(RejectCode.SHAPE)
    return _kept(raw, envelope, record, box, now)


def _kept(raw: bytes, envelope: Envelope, record: LiveSession, box: Box, now: datetime) -> Speech:
    expires = datetime.fromtimestamp(record.expires, UTC)
    attached = EmergencyOrder.objects.filter(pk=record.attached.hex()).first() if record.attached else None
    speech = Speech(
        id=record.id.hex(),
        payload=envelope.payload,
        envelope=raw,
        box=box,
        role=record.role,
        minutes=max(1, (record.expires - record.issued) // 60),
        area=list(record.area),
        boxes=list(record.boxes),
        attached=attached,
        reason=record.reason,
        created=now,
        sign_by=expires,
        expires=expires,
        sent_at=now,
    )
    if (code := signatures.refusal(speech, raw, now)) is not None:
        raise Rejected(code)
    speech.holder = people.trust_of(record.area).signers(envelope, record.role, record.issued)[0].person
    Speech.objects.filter(box=box, ended_at=None).update(ended_at=now)
    speech.save(force_insert=True)
    signatures.post(record, raw, expires, now)
    accounts.audit(
        None,
        "live.from-box",
        f"live:{speech.pk}",
        box=box.pk,
        signer=speech.holder,
        area=speech.area,
        boxes=speech.boxes,
    )
    return speech


def end(identity: str, now: datetime) -> None:
    """Whoever spoke at the box has let go, or the box has gone."""
    Speech.objects.filter(pk=identity, ended_at=None).update(ended_at=now)
