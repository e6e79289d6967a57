"""A lost phone: one press prepares its revocation wherever the key counts, and can be taken back until it is signed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts.models import Person, PersonKey
from controller.core.errors import NotAllowed, Refused
from controller.trust import delegating, services, wording
from controller.trust.models import DelegationFile, State
from controller.trust.places import places_of, revocable, topmost, untouchable
from controller.units.models import Unit
from controller.units.services import names
from protocol.delegation import covers
from protocol.ids import sha256
from protocol.roles import Role


@transaction.atomic
def lose(by: Person, unit: str, key: bytes, now: datetime | None = None) -> tuple[DelegationFile, ...]:
    """The next list of this unit and of every other unit that names the key and that `by` administers, without it.

    A unit that lies below another of them needs none: what is taken away above is taken away there. Raises `Refused`.
    """
    now = now or timezone.now()
    known = _known({unit, *places_of(key), *_waiting_with(key)})
    own = [code for code in known if code == unit or delegating.lines_of(by, code, now)]
    return tuple(_without(by, code, key, now) for code in topmost(own))


@transaction.atomic
def report(key: PersonKey, by: Person, now: datetime | None = None) -> tuple[DelegationFile, ...]:
    """The holder's own press: here the key counts no more at once, and the lists that tell the boxes wait for their
    signers. None where no list can say it, since the roots make it a root's or an administrator's and nothing else.
    """
    now, public = now or timezone.now(), bytes(key.public_key)
    units = lists_needed(public)
    accounts.revoke_key(key, by=by)
    return tuple(delegating.prepare_loss(by, unit, public, _said_by_holder(), now) for unit in units)


def lists_needed(key: bytes) -> tuple[str, ...]:
    """Units whose next lists take the key away wherever a list can."""
    try:
        roots = services.current_roots()
    except Refused:
        return ()
    if any(row.key == key and not revocable(row) for row in roots.holders):
        return ()
    return topmost(_known({*places_of(key), *_waiting_with(key)}))


@transaction.atomic
def take_back(key: PersonKey, by: Person, now: datetime | None = None) -> None:
    """It was found, before a list was signed. Raises `Refused`, `NotAllowed`."""
    now, public = now or timezone.now(), bytes(key.public_key)
    if by.pk != key.person_id and not accounts.may_manage(by, key.person):
        raise NotAllowed(
            "key", _("Chỉ chủ khóa hoặc quản trị viên của họ rút lại được."), _("Gọi cho chủ khóa hoặc quản trị viên.")
        )
    if key.revoked is None or not may_be_taken_back(public):
        raise Refused(
            "key",
            _("Việc thu hồi khóa này không rút lại được nữa."),
            _("Đăng ký khóa mới ở trang của bạn, rồi nhờ người quản lý danh sách đưa vào."),
        )
    for row in _waiting_against(public):
        delegating.spare(row, by, public, now)
    accounts.readmit_key(key, by=by)


def may_be_taken_back(key: bytes) -> bool:
    """Whether it still counts on boxes, and no list that was signed ever took it away."""
    published = DelegationFile.objects.filter(state=State.PUBLISHED)
    return _counts(key) and not any(sha256(key) in delegating.read(row).revoked for row in published)


@dataclass(frozen=True)
class Left:
    """Who remains for one role in one unit without a key."""

    what: str
    unit: str
    people: str
    persons: int
    needed: int

    @property
    def too_few(self) -> bool:
        return self.persons < self.needed


@dataclass(frozen=True)
class Loss:
    """What follows when a key is reported as lost, or what does not follow yet."""

    lists: str
    """Names of the units whose lists take it away once they are signed."""
    signers: str
    """Who can sign those lists."""
    too_few: bool
    """So few can that no list comes about."""
    in_roots: bool
    """The roots name it: only the next ones leave it out."""
    untouchable: bool
    """It goes on counting as a root's or an administrator's until then."""
    left: tuple[Left, ...]
    may_be_taken_back: bool


def consequences(key: bytes, now: datetime) -> Loss:
    """Of a key that is lost or is to be reported as lost; empty before the first roots."""
    try:
        roots = services.current_roots()
    except Refused:
        return Loss("", "", too_few=False, in_roots=False, untouchable=False, left=(), may_be_taken_back=False)
    units = lists_needed(key)
    lost = _names_of(key)
    able = {unit: [one for one in delegating.who_signs(unit, now) if one not in lost] for unit in units}
    needed = roots.persons_needed(Role.DELEGATION)
    return Loss(
        lists=names(units),
        signers=", ".join(sorted({one for people in able.values() for one in people})),
        too_few=any(len(people) < needed for people in able.values()),
        in_roots=any(row.key == key for row in roots.holders),
        untouchable=untouchable(key),
        left=tuple(_left(key, now)),
        may_be_taken_back=may_be_taken_back(key),
    )


def _left(key: bytes, now: datetime) -> Iterable[Left]:
    """For every role of the key, where it holds it: who else does, and whose keys are not reported."""
    at_s, gone = int(now.timestamp()), accounts.reported_keys() | {key}
    for unit in topmost(_known(places_of(key))):
        trust = services.trust_of(unit)
        held = [row for row in trust.holders if row.not_before <= at_s <= row.not_after and covers(row.scope, unit)]
        for role in sorted({role for row in held if row.key == key for role in row.roles}):
            people = sorted({row.person for row in held if role in row.roles and row.key not in gone})
            needed = trust.persons_needed(role)
            yield Left(wording.role(role), names([unit]), ", ".join(people), len(people), needed)


def _said_by_holder() -> str:
    return _("chủ khóa báo mất điện thoại hoặc lộ khóa")


def _names_of(key: bytes) -> set[str]:
    """Under which the roots list it: a person who lost this key may have another one that still signs."""
    rows = services.current_roots().holders
    others = {row.person for row in rows if row.key != key and row.key not in accounts.reported_keys()}
    return {row.person for row in rows if row.key == key} - others


def _counts(key: bytes) -> bool:
    try:
        return bool(places_of(key) or _waiting_with(key))
    except Refused:
        return False


def _known(codes: Iterable[str]) -> list[str]:
    return list(Unit.objects.filter(code__in=set(codes)).values_list("code", flat=True))


def _waiting_with(key: bytes) -> list[str]:
    """Units whose list that waits for signatures names the key."""
    rows = DelegationFile.objects.filter(state=State.WAITING)
    return [row.unit for row in rows if any(holder.key == key for holder in delegating.read(row).holders)]


def _waiting_against(key: bytes) -> list[DelegationFile]:
    """Lists that wait for signatures and take it away."""
    rows = DelegationFile.objects.filter(state=State.WAITING)
    return [row for row in rows if sha256(key) in delegating.read(row).revoked]


def _without(by: Person, unit: str, key: bytes, now: datetime) -> DelegationFile:
    before = delegating.standing(unit)
    left = [row for row in (before.holders if before else ()) if row.key != key]
    return delegating.prepare(by, unit, left, revoked=(key,), reason=_("mất điện thoại hoặc khóa"), now=now)
