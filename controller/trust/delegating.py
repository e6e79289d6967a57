"""The list of a unit's people: prepared by one administrator, signed by two, published to the boxes of the unit."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from msgspec.structs import replace

from controller.accounts import services as accounts
from controller.accounts.models import Person, PersonKey
from controller.accounts.signing import own_key, verify
from controller.boxes.models import Box, Stage
from controller.core.errors import NotAllowed, Refused
from controller.outbox import services as outbox
from controller.outbox.models import Kind
from controller.trust.machine import domain
from controller.trust.models import DelegationFile, DelegationSignature, State
from controller.trust.places import gone, places_of, revocable, untouchable
from controller.trust.services import current_roots, newest_lists, trust_of
from controller.trust.signals import trust_changed
from controller.units.models import Unit
from protocol import topics
from protocol.codec import decode, encode
from protocol.curves import Alg
from protocol.delegation import MAX_DELEGATION_BYTES, Delegation, covers, holders_in_force, open_delegation
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.quantities import DAY_S
from protocol.roles import DELEGABLE, MACHINES, Holder, Role, Roots
from protocol.signing import Assertion, Family, SignedBy, assemble

LASTS_S: Final = 400 * DAY_S


def in_force(unit: str) -> Delegation | None:
    """The unit's own list; None where it has none."""
    row = newest_lists([unit]).get(unit)
    return None if row is None else read(row)


def read(row: DelegationFile) -> Delegation:
    """What a list says, from the bytes that are signed."""
    return decode(bytes(row.payload), Delegation, max_bytes=MAX_DELEGATION_BYTES)


def waiting(unit: str) -> DelegationFile | None:
    """The list that waits for signatures."""
    return DelegationFile.objects.filter(unit=unit, state=State.WAITING).first()


def administrators(roots: Roots, unit: str, at_s: int) -> tuple[Holder, ...]:
    """Those who may sign a list of this unit."""
    return tuple(
        holder
        for holder in roots.holders
        if Role.DELEGATION in holder.roles
        and covers(holder.scope, unit)
        and holder.not_before <= at_s <= holder.not_after
    )


def who_signs(unit: str, now: datetime) -> tuple[str, ...]:
    """Names of those who can sign a list of this unit here: who reported their key as lost is left out."""
    lost = accounts.reported_keys()
    found = administrators(current_roots(), unit, int(now.timestamp()))
    return tuple(sorted({row.person for row in found if row.key not in lost}))


def lines_of(person: Person, unit: str, now: datetime) -> tuple[Holder, ...]:
    """As whom this person may sign a list of the unit: a line for each of their keys, none for who may not."""
    keys = {bytes(row.public_key) for row in PersonKey.objects.filter(person=person, revoked=None)}
    return tuple(row for row in administrators(current_roots(), unit, int(now.timestamp())) if row.key in keys)


def standing(unit: str) -> Delegation | None:
    """What the unit's next list goes on from: the one that waits for signatures, else the one in force."""
    row = waiting(unit)
    if row is not None and row.era == current_roots().era(Role.DELEGATION):
        return read(row)
    return in_force(unit)


def with_(before: Delegation | None, *added: Holder) -> tuple[Holder, ...]:
    """The list's people with these; whoever has the same key is taken out first."""
    keys = {row.key for row in added}
    return (*(row for row in (before.holders if before else ()) if row.key not in keys), *added)


@transaction.atomic
def prepare(
    by: Person,
    unit: str,
    holders: Sequence[Holder],
    *,
    revoked: Sequence[bytes] = (),
    reason: str = "",
    now: datetime | None = None,
) -> DelegationFile:
    """The next list of a unit; it counts when two administrators have signed it. Raises `Refused`.

    `revoked` are public keys that are taken away; those of the list before stay taken away. So do those of a list that
    waits for signatures, whose place this one takes: only `drop` forgets a lost key. Who adds to what is there already
    begins with `standing`.
    """
    now = now or timezone.now()
    if not Unit.objects.filter(code=unit).exists():
        raise Refused("unit", _("Không có đơn vị này."), _("Chọn một đơn vị trong danh sách."))
    _require_administrator(by, unit, now)
    return _compose(by, unit, holders, revoked=revoked, reason=reason, now=now)


@transaction.atomic
def prepare_loss(by: Person, unit: str, key: bytes, reason: str, now: datetime) -> DelegationFile:
    """The list that takes a key away, prepared by its own holder: it gives nobody anything. Raises `Refused`.

    One that waits and takes it away already is that list, with its signatures.
    """
    if not PersonKey.objects.filter(person=by, public_key=key).exists():
        _require_administrator(by, unit, now)
    row, before = waiting(unit), standing(unit)
    if row is not None and before == read(row) and sha256(key) in before.revoked:
        return row
    left = [one for one in (before.holders if before else ()) if one.key != key]
    return _compose(by, unit, left, revoked=(key,), reason=reason, now=now)


def _compose(
    by: Person, unit: str, holders: Sequence[Holder], *, revoked: Sequence[bytes], reason: str, now: datetime
) -> DelegationFile:
    roots, before = current_roots(), in_force(unit)
    era, base = roots.era(Role.DELEGATION), standing(unit)
    above = trust_of(unit).revoked
    _must_be_revocable(revoked, roots)
    _must_count([row for row in holders if base is None or row not in base.holders], above)
    away = {
        *(before.revoked if before else ()),
        *(base.revoked if base else ()),
        *(sha256(key) for key in revoked),
    }
    record = Delegation(
        unit=unit,
        era=era,
        version=before.version + 1 if before else 1,
        epoch=roots.version,
        issued=int(now.timestamp()),
        expires=int(now.timestamp()) + LASTS_S,
        holders=tuple(row for row in _with_force(holders, base, roots) if sha256(row.key) not in away | above),
        revoked=tuple(sorted(away)),
        reason=reason.strip()[:200],
    )
    _must_fit(record, roots)
    return _put(record, by, now)


def _put(record: Delegation, by: Person, now: datetime) -> DelegationFile:
    """In the place of what waited."""
    DelegationFile.objects.filter(unit=record.unit, state=State.WAITING).update(state=State.DROPPED)
    made = DelegationFile.objects.create(
        unit=record.unit, version=record.version, era=record.era, payload=encode(record), created_by=by, created=now
    )
    accounts.audit(by, "delegation.prepared", f"unit:{record.unit}", version=record.version, reason=record.reason)
    return made


@transaction.atomic
def spare(row: DelegationFile, by: Person, key: bytes, now: datetime) -> DelegationFile | None:
    """The list that waits, without taking this key away; None when nothing is left to sign.

    Whether `by` may take the loss back is asked by the caller.
    """
    record, before, lost = read(row), in_force(row.unit), sha256(key)
    holders = (*record.holders, *(one for one in (before.holders if before else ()) if one.key == key))
    revoked = tuple(name for name in record.revoked if name != lost)
    if set(holders) == set(before.holders if before else ()) and revoked == (before.revoked if before else ()):
        _give_up(row, by)
        return None
    at_s = int(now.timestamp())
    return _put(
        replace(record, holders=holders, revoked=revoked, issued=at_s, expires=at_s + LASTS_S, reason=""), by, now
    )


def _with_force(holders: Sequence[Holder], base: Delegation | None, roots: Roots) -> list[Holder]:
    """These, less the lines that stood there already and that newer roots do not let a list name any more."""
    good = {row.key for row in holders_in_force(base, roots)} if base else set()
    return [row for row in holders if base is None or row not in base.holders or row.key in good]


def _require_administrator(person: Person, unit: str, now: datetime) -> None:
    if not lines_of(person, unit, now):
        raise NotAllowed(
            "key",
            _("Bạn không phải người quản lý danh sách của đơn vị này."),
            _("Chỉ hai người quản lý danh sách (vai trò DELEGATION trong danh sách gốc) lập được."),
        )


def _must_be_revocable(revoked: Sequence[bytes], roots: Roots) -> None:
    """That a key counts no more is not said of one that goes on counting."""
    for holder in roots.holders:
        if holder.key in revoked and not revocable(holder):
            raise Refused(
                "key",
                _(
                    "Khóa của %(person)s là khóa gốc hoặc khóa của người quản lý danh sách: danh sách của đơn vị "
                    "không thu hồi được."
                )
                % {"person": holder.person},
                _("Những người giữ khóa gốc phải lập ngay danh sách gốc mới không có khóa này."),
            )


def _must_count(holders: Sequence[Holder], taken: Collection[bytes]) -> None:
    for holder in holders:
        if sha256(holder.key) in taken:
            raise Refused(
                "key",
                _("Khóa này của %(person)s đã bị thu hồi ở đơn vị này và không dùng lại được.")
                % {"person": holder.person},
                _("Người đó đăng ký khóa mới ở trang của mình, rồi chọn khóa mới."),
            )


def _must_fit(record: Delegation, roots: Roots) -> None:
    """What boxes would refuse is said before anybody signs it."""
    machines = {row.key for row in roots.holders if MACHINES & set(row.roles)}
    for holder in record.holders:
        if holder.key in machines:
            raise Refused(
                "key",
                _("Khóa ghi cho %(person)s là khóa của máy chủ; máy chủ không duyệt và không báo động được.")
                % {"person": holder.person},
                _("Báo cho quản trị viên cấp tỉnh: không ai được đăng ký khóa của máy chủ làm khóa của mình."),
            )
        for role in holder.roles:
            bounds = tuple(unit for row in roots.bounds if row.role is role for unit in row.scope)
            if role not in DELEGABLE or not all(covers(bounds, unit) for unit in holder.scope):
                raise Refused(
                    "role",
                    _("Danh sách gốc không cho giao vai trò %(role)s ở %(unit)s.")
                    % {"role": role.name, "unit": holder.scope[0]},
                    _("Chọn vai trò khác, hoặc nhờ những người giữ khóa gốc nới giới hạn (bounds)."),
                )
            if not all(covers((record.unit,), unit) for unit in holder.scope):
                raise Refused("unit", _("Phạm vi nằm ngoài đơn vị này."), _("Lập danh sách ở đơn vị đó."))
    try:
        encode(record)
    except ProtocolError as error:
        raise Refused(
            error.field, _("Danh sách không hợp lệ: %(why)s") % {"why": error.message}, _("Sửa lại.")
        ) from error


@transaction.atomic
def sign(row: DelegationFile, by: Person, signed: SignedBy, now: datetime | None = None) -> DelegationFile:
    """An administrator's signature; the second one publishes the list. Raises `Refused`."""
    now = now or timezone.now()
    row = DelegationFile.objects.select_for_update().get(pk=row.pk)
    if row.state != State.WAITING:
        raise Refused("list", _("Danh sách này không còn chờ ký."), _("Tải lại trang để xem tình trạng."))
    own_key(by, signed)
    roots, at_s = current_roots(), int(now.timestamp())
    holder = next((one for one in administrators(roots, row.unit, at_s) if one.key == signed.public_key), None)
    if holder is None:
        raise NotAllowed(
            "key",
            _("Khóa này không phải của người quản lý danh sách có tên trong danh sách gốc."),
            _("Ký bằng khóa đã có trong danh sách."),
        )
    if any(one.person_id == by.pk or one.holder == holder.person for one in row.signatures.all()):
        raise Refused("key", _("Bạn đã ký danh sách này."), _("Cần chữ ký của một người quản lý danh sách khác."))
    party = roots.parties[holder.party - 1] if holder.party else None
    verify(signed, bytes(row.payload), Family.DELEGATION, domain(), party)
    assertion = signed.assertion
    DelegationSignature.objects.create(
        delegation=row,
        person=by,
        holder=holder.person,
        public_key=signed.public_key,
        value=signed.value,
        alg=int(signed.alg),
        authenticator_data=None if assertion is None else assertion.authenticator_data,
        client_data=None if assertion is None else assertion.client_data,
        at=now,
    )
    accounts.audit(by, "delegation.signed", f"unit:{row.unit}", version=row.version)
    if len({one.holder for one in row.signatures.all()}) >= roots.persons_needed(Role.DELEGATION):
        _publish(row, by, roots, now)
    return row


@transaction.atomic
def drop(row: DelegationFile, by: Person, now: datetime | None = None) -> None:
    """Give up a list that was not published. Raises `Refused`."""
    _require_administrator(by, row.unit, now or timezone.now())
    if row.state != State.WAITING:
        raise Refused("list", _("Danh sách này không còn chờ ký."), _("Tải lại trang để xem tình trạng."))
    _give_up(row, by)


def _give_up(row: DelegationFile, by: Person) -> None:
    row.state = State.DROPPED
    row.save(update_fields=["state"])
    accounts.audit(by, "delegation.dropped", f"unit:{row.unit}", version=row.version)


def _publish(row: DelegationFile, by: Person, roots: Roots, now: datetime) -> None:
    """As boxes would judge it; then one row for each box of the unit."""
    envelope = assemble(bytes(row.payload), Family.DELEGATION, tuple(_signed(one) for one in row.signatures.all()))
    try:
        open_delegation(envelope, roots, in_force(row.unit), int(now.timestamp()))
    except ProtocolError as error:
        raise Refused(
            "list", _("Các hộp sẽ không nhận danh sách này: %(why)s") % {"why": error}, _("Lập lại danh sách.")
        ) from error
    record, before = read(row), in_force(row.unit)
    taken = _registered(set(record.revoked) - set(before.revoked if before else ()))
    places = {one.pk: places_of(bytes(one.public_key)) for one in taken}
    row.envelope, row.state, row.published = envelope, State.PUBLISHED, now
    row.save(update_fields=["envelope", "state", "published"])
    accounts.audit(by, "delegation.published", f"unit:{row.unit}", version=row.version)
    for one in taken:
        _retire(one, places[one.pk], by)
    boxes = Box.objects.filter(state=Stage.APPROVED).values_list("id", "unit__code")
    targets = [box for box, code in boxes if code and covers((row.unit,), code)]
    expires = datetime.fromtimestamp(record.expires, now.tzinfo)
    outbox.post_many([(topics.down(box), envelope) for box in targets], Kind.ROOTS, now=now, expires=expires)
    transaction.on_commit(lambda: trust_changed.send(DelegationFile, units=[row.unit]))


def _registered(names: Collection[bytes]) -> list[PersonKey]:
    """The keys of persons of which these are the SHA-256."""
    rows = PersonKey.objects.filter(revoked=None).select_related("person") if names else ()
    return [row for row in rows if sha256(bytes(row.public_key)) in names]


def _retire(key: PersonKey, places: Collection[str], by: Person) -> None:
    """What was lost signs nothing here either, once no box that counted it does; a root's or administrator's key only
    the next roots take away.
    """
    public = bytes(key.public_key)
    if places and gone(public, places) and not untouchable(public):
        accounts.revoke_key(key, by=by)


def _signed(row: DelegationSignature) -> SignedBy:
    assertion = None
    if row.authenticator_data is not None and row.client_data is not None:
        assertion = Assertion(bytes(row.authenticator_data), bytes(row.client_data))
    return SignedBy(bytes(row.public_key), bytes(row.value), Alg(row.alg), assertion)


__all__ = [
    "administrators",
    "drop",
    "in_force",
    "lines_of",
    "prepare",
    "prepare_loss",
    "read",
    "sign",
    "spare",
    "standing",
    "waiting",
    "who_signs",
    "with_",
]
