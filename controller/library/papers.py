"""Records that persons sign: bytes that stay the same, and signatures that are collected until boxes take them.

A paper is an approval, or an exception to quiet hours. Whether it is good is asked of the same functions as in a box,
under the trust of today: what was good once may not be so any more.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from controller.accounts import signing
from controller.accounts.models import Person, PersonKey
from controller.core.errors import NotAllowed, Refused
from controller.trust import services as trusted
from protocol.curves import Alg
from protocol.delegation import covers
from protocol.errors import ProtocolError
from protocol.ids import key_id
from protocol.roles import Holder, Role, distinct
from protocol.signing import Assertion, Family, SignedBy, assemble, open_signed
from protocol.trust import Trust

Check = Callable[[bytes, Trust], object]
"""`open_approval` or `open_exception`: raises `ProtocolError` for what boxes would not take."""


class Paper(models.Model):
    """The record as it is signed."""

    payload = models.BinaryField(default=b"")
    """The record's bytes; empty for an approval from before there were signatures: it means nothing to boxes."""
    envelope = models.BinaryField(null=True)
    """The record with its signatures, once there are enough."""

    class Meta:
        abstract = True


class PaperSignature(models.Model):
    """One person's signature. `paper` is for the heirs."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    public_key = models.BinaryField(max_length=33)
    holder = models.CharField(max_length=64)
    """The person's name in the trust."""
    value = models.BinaryField(max_length=64)
    alg = models.IntegerField()
    """`protocol.curves.Alg`."""
    authenticator_data = models.BinaryField(max_length=37, null=True)
    """With `client_data`: a passkey's assertion."""
    client_data = models.BinaryField(max_length=400, null=True)
    at = models.DateTimeField()

    class Meta:
        abstract = True
        ordering = ["at", "id"]

    def signed_by(self) -> SignedBy:
        """As the envelope takes it."""
        assertion = None
        if self.authenticator_data is not None and self.client_data is not None:
            assertion = Assertion(bytes(self.authenticator_data), bytes(self.client_data))
        return SignedBy(bytes(self.public_key), bytes(self.value), Alg(self.alg), assertion)


def trust_or_none(unit: str) -> Trust | None:
    """Whom boxes in this unit trust; None before the first roots."""
    try:
        return trusted.trust_of(unit)
    except Refused:
        return None


def is_good(data: bytes | None, trust: Trust | None, check: Check) -> bool:
    """Whether boxes that trust like this would take it."""
    if data is None or trust is None:
        return False
    try:
        check(bytes(data), trust)
    except ProtocolError:
        return False
    return True


def trusts(units: Iterable[str]) -> dict[str, Trust | None]:
    """By unit, each asked once: whom boxes there trust; None before the first roots."""
    return {unit: trust_or_none(unit) for unit in set(units)}


def own_keys(person: Person) -> set[bytes]:
    """The person's registered public keys."""
    return {bytes(row.public_key) for row in PersonKey.objects.filter(person=person, revoked=None)}


def keys_of(person: Person, role: Role, scope: str, trust: Trust, now: datetime) -> list[bytes]:
    """The person's registered keys with which they hold this role here."""
    own = own_keys(person)
    return [holder.key for holder in holders(role, scope, trust, now) if holder.key in own]


def holders(role: Role, scope: str, trust: Trust, now: datetime) -> list[Holder]:
    """Who holds this role here today."""
    at = int(now.timestamp())
    return [
        holder
        for holder in trust.holders
        if role in holder.roles and holder.not_before <= at <= holder.not_after and covers(holder.scope, scope)
    ]


def who_may(role: Role, scope: str, trust: Trust | None, now: datetime) -> str:
    """Names of those who may sign, to be asked; in a sentence where there are none."""
    names = {} if trust is None else {holder.person: None for holder in holders(role, scope, trust, now)}
    return ", ".join(names) or _("quản trị viên cấp tỉnh (danh sách người ký chưa có ai)")


def sign(
    paper: Any,
    person: Person,
    signed: SignedBy,
    *,
    family: Family,
    role: Role,
    scope: str,
    issued: int,
    trust: Trust,
    check: Check,
    now: datetime,
) -> bool:
    """Store one person's signature over the stored bytes; whether there are enough now. Inside a transaction.

    Raises `Refused` or `NotAllowed` when the signature would not count.
    """
    payload = bytes(paper.payload)
    holder = _holder(person, signed, role=role, scope=scope, issued=issued, trust=trust, now=now)
    party = trust.roots.parties[holder.party - 1] if holder.party else None
    signing.verify(signed, payload, family, trust.domain, party)
    before = list(paper.signatures.all())
    if any(row.person_id == person.pk or bytes(row.public_key) == signed.public_key for row in before):
        raise Refused("signature", _("Bạn đã ký rồi."), _("Cần thêm chữ ký của một người khác."))
    row = paper.signatures.create(
        person=person,
        public_key=signed.public_key,
        holder=holder.person,
        value=signed.value,
        alg=int(signed.alg),
        authenticator_data=signed.assertion.authenticator_data if signed.assertion else None,
        client_data=signed.assertion.client_data if signed.assertion else None,
        at=now,
    )
    envelope = assemble(payload, family, tuple(each.signed_by() for each in (*before, row)))
    if not is_good(envelope, trust, check):
        return False
    paper.envelope = envelope
    paper.save(update_fields=["envelope"])
    return True


def count(paper: Any, *, family: Family, role: Role, issued: int, trust: Trust) -> int:
    """How many persons have signed it so far whose signatures count."""
    rows = tuple(row.signed_by() for row in paper.signatures.all())
    if not rows:
        return 0
    envelope = open_signed(assemble(bytes(paper.payload), family, rows), family, trust.domain)
    return distinct(trust.signers(envelope, role, issued))


def _holder(
    person: Person, signed: SignedBy, *, role: Role, scope: str, issued: int, trust: Trust, now: datetime
) -> Holder:
    signing.own_key(person, signed)
    kid = key_id(signed.public_key)
    listed = {holder.key for holder in trust.holders_of(kid, role, issued)}
    found = [
        holder
        for holder in holders(role, scope, trust, now)
        if holder.key == signed.public_key and holder.key in listed
    ]
    if not found:
        raise NotAllowed(
            "public_key",
            _("Khóa của bạn không có trong danh sách người ký việc này cho đơn vị này."),
            _("Hãy nhờ: %(names)s.") % {"names": who_may(role, scope, trust, now)},
        )
    return found[0]


def signers(rows: Iterable[PaperSignature]) -> str:
    """Who signed, in a line."""
    return ", ".join(row.holder for row in rows)
