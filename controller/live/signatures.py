"""The signatures of a session: who speaks signs first, then whoever else must; with the last one it is sent.

Each signature is one transaction, audited. All of them are over the same bytes, which name the key of the page that
will speak: whoever signs second lets that page speak and no other.
"""

import functools
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts import signing
from controller.accounts.models import Person
from controller.accounts.rules import Action
from controller.core.errors import NotAllowed, Refused
from controller.live import rules, services
from controller.live.models import Speech, SpeechSignature
from controller.live.rules import Standing
from controller.orders import capacity, people, rollcall
from controller.orders.capacity import Capacity
from controller.orders.models import EmergencyOrder
from controller.outbox import services as outbox
from controller.outbox.models import Kind
from controller.units.rules import covers
from protocol import topics
from protocol.errors import ProtocolError
from protocol.live import LiveSession
from protocol.order import MessageType
from protocol.refusals import RejectCode, sentence
from protocol.roles import Role
from protocol.signing import Family, SignedBy, assemble
from protocol.trust import Trust


@transaction.atomic
def sign(speech: Speech, person: Person, signed: SignedBy, *, now: datetime | None = None) -> Speech:
    """Store one person's signature; with the last one that is needed the boxes listen. Raises `Refused`, `NotAllowed`.

    It is tried first on the boxes that are to listen: what one of them would refuse is not sent.
    """
    now = now or timezone.now()
    speech = Speech.objects.select_for_update().get(pk=speech.pk)
    if services.standing(speech, now) is not Standing.WAITING:
        raise Refused("session", _("Phiên phát này không còn chờ ký."), _("Bắt đầu một phiên phát mới."))
    signing.own_key(person, signed)
    way = next((one for one in _ways(speech, person, now) if one.holder.key == signed.public_key), None)
    if way is None:
        raise NotAllowed("key", _("Khóa của bạn không ký được phiên phát này."), who_else(speech, now))
    _in_turn(speech, person, way)
    trust = people.trust_of(speech.area)
    party = trust.roots.parties[way.holder.party - 1] if way.holder.party else None
    signing.verify(signed, bytes(speech.payload), Family.LIVE, trust.domain, party)
    SpeechSignature.objects.create(
        speech=speech,
        person=person,
        public_key=signed.public_key,
        holder=way.holder.person,
        value=signed.value,
        alg=int(signed.alg),
        authenticator_data=signed.assertion.authenticator_data if signed.assertion else None,
        client_data=signed.assertion.client_data if signed.assertion else None,
        at=now,
    )
    if person.pk == speech.person_id:
        speech.holder = way.holder.person
        speech.save(update_fields=["holder"])
    accounts.audit(person, "live.signed", f"live:{speech.pk}", area=speech.area, signer=way.holder.person)
    if not missing(speech):
        _send(speech, person, now)
    return speech


def missing(speech: Speech) -> int:
    """How many more persons must sign."""
    needed = people.trust_of(speech.area).persons_needed(Role(speech.role))
    return max(0, needed - speech.signatures.count())


def may_sign(person: Person, speech: Speech, now: datetime) -> Capacity | None:
    """As whom this person could sign now; None when there is no way, or it is not this person's turn."""
    if services.standing(speech, now) is not Standing.WAITING:
        return None
    return _first(speech, person, _ways(speech, person, now))


def _first(speech: Speech, person: Person, found: tuple[Capacity, ...]) -> Capacity | None:
    """The first of these ways; None when there is none, or it is not this person's turn."""
    try:
        for way in found:
            _in_turn(speech, person, way)
    except Refused:
        return None
    return found[0] if found else None


def to_sign(person: Person, now: datetime) -> list[Speech]:
    """Sessions that wait for this person's signature, and that somebody else will speak in."""
    rows = Speech.objects.filter(sent_at=None, ended_at=None, sign_by__gt=now).exclude(person=person)
    own, keys = accounts.where(person, Action.SIGN), people.keys_of(person)
    trust_of = functools.cache(people.trust_of)
    return [
        row
        for row in rows.select_related("person").prefetch_related("signatures")
        if _first(row, person, _ways_with(row, own, keys, trust_of, now)) is not None
    ]


def who_else(speech: Speech, now: datetime) -> str:
    """Whom to call for the signatures that are missing, in a sentence."""
    signed = {row.holder for row in speech.signatures.all()}
    able = people.who_may(MessageType.ALERT, speech.area, now, roles=(Role(speech.role),))
    return _("Người ký được: %(names)s.") % {"names": ", ".join(name for name in able if name not in signed)}


def _ways(speech: Speech, person: Person, now: datetime) -> tuple[Capacity, ...]:
    own, keys = accounts.where(person, Action.SIGN), people.keys_of(person)
    return _ways_with(speech, own, keys, people.trust_of, now)


def _ways_with(
    speech: Speech,
    own: Iterable[str],
    keys: Iterable[bytes],
    trust_of: Callable[[tuple[str, ...]], Trust],
    now: datetime,
) -> tuple[Capacity, ...]:
    """`own`: the units in which the person signs; `keys`: the person's."""
    area = tuple(speech.area)
    if not all(any(covers(code, unit) for code in own) for unit in area):
        return ()
    return capacity.capacities(keys, (Role(speech.role),), area, trust_of(area), int(now.timestamp()))


def _in_turn(speech: Speech, person: Person, way: Capacity) -> None:
    """Who speaks signs first, and nobody twice. Raises `Refused`."""
    signed = list(speech.signatures.all())
    if any(row.person_id == person.pk or row.holder == way.holder.person for row in signed):
        raise Refused("key", _("Bạn đã ký phiên phát này."), _("Cần chữ ký của một người khác."))
    if not signed and person.pk != speech.person_id:
        raise Refused("key", _("Người sẽ nói phải ký trước."), speech.author)


def _send(speech: Speech, person: Person, now: datetime) -> None:
    record = services.read(speech)
    try:
        rows = tuple(row.signed_by() for row in speech.signatures.all())
        envelope = assemble(bytes(speech.payload), Family.LIVE, rows)
    except ProtocolError as error:
        raise Refused("signature", error.message, _("Ký bằng trình duyệt khác, hoặc bằng tệp khóa.")) from error
    if (code := refusal(speech, envelope, now)) is not None:
        raise Refused("session", sentence(code, get_language() or "vi"))
    speech.envelope, speech.sent_at = envelope, now
    speech.expires = min(speech.expires, now + timedelta(minutes=speech.minutes))
    speech.save(update_fields=["envelope", "sent_at", "expires"])
    post(record, envelope, speech.expires, now)
    names = [row.holder for row in speech.signatures.all()]
    accounts.audit(person, "live.sent", f"live:{speech.pk}", area=speech.area, signers=names)


def refusal(speech: Speech, envelope: bytes, now: datetime) -> RejectCode | None:
    """What the first box that is to listen, and would not, says of it; None where all of them would, if they are well.

    Where a box that it names is not there any more, nobody is known who could listen.
    """
    record = services.read(speech)
    places = _places(speech, record)
    if len(places) < len(record.boxes):
        return RejectCode.AREA
    units = {unit for _box, unit in places}
    given = rollcall.alarms(now)
    alarms = {unit: _alarms(unit, given) for unit in units}
    denied = rules.trial(envelope, places, people.trusts(units), int(now.timestamp() * 1000), alarms)
    return None if denied is None else denied.code


def _alarms(unit: str, orders: Iterable[EmergencyOrder]) -> dict[bytes, int]:
    """Those of the alarms that are in force in all of this unit, with the levels of their signers."""
    return {
        bytes.fromhex(order.pk): order.level or 0 for order in orders if any(covers(code, unit) for code in order.area)
    }


def _places(speech: Speech, record: LiveSession) -> list[tuple[str, str]]:
    """Where it is tried: the boxes that it names, or the units of its area."""
    if not record.boxes:
        return [("", unit) for unit in record.area]
    return [(box, unit or "") for box, unit in services.meant(speech).values_list("pk", "unit__code")]


def post(record: LiveSession, envelope: bytes, expires: datetime, now: datetime) -> None:
    """Down to the boxes of its area."""
    outbox.post_many([(topics.orders(unit), envelope) for unit in record.area], Kind.ORDER, now=now, expires=expires)
