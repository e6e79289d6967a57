"""Transactions on people: appointments, one-time passwords, public keys, and the audit that everybody writes to."""

import datetime as dt
import secrets
from collections.abc import Iterable
from importlib import import_module
from typing import Final

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts import rules, signing
from controller.accounts.models import Appointment, Audit, FailedLogin, KeyKind, Person, PersonKey, Role
from controller.accounts.rules import Action, Held
from controller.core.errors import NotAllowed, Refused
from controller.core.times import today as local_day
from controller.units.models import Unit
from controller.units.rules import above
from protocol import keyfile
from protocol.errors import ProtocolError
from protocol.passkey import Party
from protocol.signing import SignedBy

Actor = Person | AbstractBaseUser | AnonymousUser | None
"""Whoever asks: `request.user` fits."""

# Without the letters and digits that are mistaken for one another when somebody reads them out.
ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS: Final = 3
GROUP_LENGTH: Final = 4
USERNAME: Final = RegexValidator(r"^[a-z0-9._-]{2,30}\Z")


def audit(person: Actor, action: str, thing: str, **detail: object) -> Audit:
    """Add a row: who (None for the machine) did what to which thing. Call it inside the transaction that did it.

    `detail` holds JSON values only, and never a secret.
    """
    actor = person if isinstance(person, Person) else None
    return Audit.objects.create(at=timezone.now(), person=actor, action=action, object=thing, detail=detail)


def held(person: Actor) -> tuple[Held, ...]:
    """The person's appointments as values; none for a stranger or somebody who has left."""
    if not isinstance(person, Person) or not person.is_active:
        return ()
    rows = person.appointments.values_list("role", "unit__code", "valid_from", "valid_to")
    return tuple(Held(role, code, first, last) for role, code, first, last in rows)


def may(person: Actor, action: Action, unit: str) -> bool:
    """Whether the person may do this in this unit (code) today."""
    return rules.may(held(person), action, unit, local_day(timezone.now()))


def where(person: Actor, action: Action) -> tuple[str, ...]:
    """Codes of the units in which, with all below them, the person may do this today."""
    return rules.where(held(person), action, local_day(timezone.now()))


def require(person: Actor, action: Action, unit: str, *, field: str = "") -> Person:
    """The person, who may do this in this unit. Raises `NotAllowed` otherwise."""
    if isinstance(person, Person) and may(person, action, unit):
        return person
    name = Unit.objects.filter(code=unit).values_list("name", flat=True).first() or unit
    raise NotAllowed(field, _("Bạn không có quyền làm việc này ở đơn vị %(unit)s.") % {"unit": name}, _who_may(action))


def require_anywhere(person: Actor, action: Action) -> Person:
    """The person, who may do this at least in one unit. Raises `NotAllowed` otherwise."""
    if isinstance(person, Person) and where(person, action):
        return person
    raise NotAllowed("", _("Bạn không có quyền làm việc này."), _who_may(action))


def _who_may(action: Action) -> str:
    roles = ", ".join(str(role.label) for role in Role if role in rules.ALLOWED[action])
    return _("Việc này cần người có vai trò: %(roles)s. Hãy nhờ quản trị viên của đơn vị.") % {"roles": roles}


def administrators_of(person: Person) -> list[Person]:
    """Who administers the person's units, other than the person: whom to call about a lost key."""
    day = local_day(timezone.now())
    units = [one.unit for one in held(person) if one.on(day)] or [settings.LOALANG.province]
    return [one for one in administrators(*units) if one.pk != person.pk]


def administrators(*units: str) -> list[Person]:
    """Who administers one of these units, or one above it, today."""
    day = local_day(timezone.now())
    codes = {code for unit in units for code in above(unit)}
    rows = Appointment.objects.filter(role=Role.ADMINISTRATOR, unit__code__in=codes, person__is_active=True)
    rows = rows.filter(valid_from__lte=day).filter(Q(valid_to=None) | Q(valid_to__gt=day))
    return list(Person.objects.filter(pk__in=rows.values("person")).order_by("display_name"))


def may_manage(person: Actor, other: Person) -> bool:
    """Whether the person may give the other one a new password or close the account."""
    day = local_day(timezone.now())
    return rules.may_manage(held(person), held(other), day, root=settings.LOALANG.province)


def require_manage(person: Actor, other: Person) -> None:
    """Raises `NotAllowed` unless the person may administer every unit to which the other one belongs."""
    if not may_manage(person, other):
        raise NotAllowed(
            "",
            _("Bạn không quản lý được tài khoản của %(other)s.") % {"other": other},
            _(
                "Người này có vai trò ở đơn vị mà bạn không quản trị, hoặc không còn vai trò nào. "
                "Hãy nhờ quản trị viên cấp trên."
            ),
        )


def one_time_password() -> str:
    """Twelve characters (59 bits) that can be read out on the telephone."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))


@transaction.atomic
def add_person(
    username: str, display_name: str, appointments: Iterable[tuple[Role, Unit]] = (), *, by: Actor = None
) -> tuple[Person, str]:
    """A new person and the password for the first login, which must be changed there; it is kept nowhere else.

    Raises `Refused` for a name that is taken or malformed.
    """
    username, display_name = username.strip(), display_name.strip()
    try:
        USERNAME(username)
    except ValidationError as error:
        raise Refused(
            "username",
            _("Tên đăng nhập “%(name)s” không dùng được.") % {"name": username},
            _("Dùng 2 đến 30 chữ thường không dấu, chữ số, dấu chấm, gạch ngang: ví dụ “hoa.vungtau”."),
        ) from error
    if not 1 <= len(display_name) <= 64:
        raise Refused(
            "display_name", _("Họ tên phải có từ 1 đến 64 ký tự."), _("Ghi họ tên như trong quyết định phân công.")
        )
    if Person.objects.filter(username=username).exists():
        raise Refused(
            "username",
            _("Tên đăng nhập “%(name)s” đã có người dùng.") % {"name": username},
            _("Chọn tên khác, ví dụ thêm tên đơn vị."),
        )
    password = one_time_password()
    person = Person(username=username, display_name=display_name, must_change_password=True)
    person.set_password(password)
    person.save()
    audit(by, "person.added", f"person:{username}", display_name=display_name)
    for role, unit in appointments:
        appoint(person, role, unit, by=by)
    return person, password


@transaction.atomic
def reset_password(person: Person, *, by: Actor = None) -> str:
    """A new one-time password; the old one and every session of the person end."""
    password = one_time_password()
    person.set_password(password)
    person.must_change_password = True
    person.save(update_fields=["password", "must_change_password"])
    FailedLogin.objects.filter(username=person.username).delete()
    audit(by, "person.password_reset", f"person:{person.username}")
    return password


@transaction.atomic
def change_password(person: Person, password: str) -> None:
    """The person's own new password."""
    person.set_password(password)
    person.must_change_password = False
    person.save(update_fields=["password", "must_change_password"])
    audit(person, "person.password_changed", f"person:{person.username}")


@transaction.atomic
def appoint(
    person: Person,
    role: Role,
    unit: Unit,
    *,
    valid_from: dt.date | None = None,
    valid_to: dt.date | None = None,
    by: Actor = None,
) -> Appointment:
    """Give a role in a unit, from today unless said otherwise. Raises `Refused` for an end before the start."""
    first = valid_from or local_day(timezone.now())
    if valid_to is not None and valid_to <= first:
        raise Refused(
            "valid_to",
            _("Ngày kết thúc phải sau ngày bắt đầu (%(day)s).") % {"day": f"{first:%d/%m/%Y}"},
            _("Chọn ngày muộn hơn, hoặc để trống nếu không có thời hạn."),
        )
    row = Appointment.objects.create(person=person, role=role, unit=unit, valid_from=first, valid_to=valid_to)
    audit(
        by,
        "person.appointed",
        f"person:{person.username}",
        role=str(role),
        unit=unit.code,
        valid_from=first.isoformat(),
        valid_to=valid_to.isoformat() if valid_to else None,
    )
    return row


@transaction.atomic
def end_appointment(row: Appointment, *, by: Actor) -> None:
    """It no longer holds from this moment; the row stays, as the history of who was allowed what."""
    row.valid_to = local_day(timezone.now())
    row.save(update_fields=["valid_to"])
    audit(by, "person.appointment_ended", f"person:{row.person.username}", role=row.role, unit=row.unit.code)


@transaction.atomic
def set_active(person: Person, active: bool, *, by: Actor) -> None:
    """Close an account (its appointments and keys no longer count) or open it again; nothing is deleted."""
    person.is_active = active
    person.save(update_fields=["is_active"])
    audit(by, "person.opened" if active else "person.closed", f"person:{person.username}")


def register_key_file(person: Person, text: str, label: str) -> PersonKey:
    """Register the public half in a key file that the caller holds. Raises `Refused`. Nothing else of it is kept.

    For an installation's own set-up: pages ask for a proof (`register_key`), since anybody may know a public key.
    """
    try:
        file = keyfile.read(text)
    except ProtocolError as error:
        raise Refused(
            "public_key", _("Đây không phải tệp khóa của Loa Làng."), _("Chọn tệp do lệnh “loalang key new” tạo ra.")
        ) from error
    return _keep_key(person, file.public_key, label, file.person)


def possession(person: Person, public_key: bytes, challenge: str) -> bytes:
    """What somebody signs to show that they hold this key: text, so that it can be no order (COSE begins otherwise).

    `accounts/static/accounts/key.js` makes the same.
    """
    return f"loalang/possession/1\n{challenge}\n{person.username}\n{public_key.hex()}\n".encode()


def register_key(
    person: Person,
    proof: SignedBy,
    kind: KeyKind,
    label: str,
    *,
    challenge: str,
    party: Party | None = None,
    credential: bytes = b"",
    named: str = "",
) -> PersonKey:
    """Register the public half of the person's key.

    `proof` is the key's signature over `possession`; of a passkey, made for `party`, with the id of its `credential`.
    `named` is the name in a key file. Raises `Refused` when it is somebody else's, registered already, or not proven to
    be in the person's hand. An attestation is not asked for: the proof says more, that this key signs for this address
    with the person verified, as the boxes will want it.
    """
    is_passkey = kind is KeyKind.PASSKEY
    message = possession(person, proof.public_key, challenge)
    if (
        not challenge
        or is_passkey != bool(credential)
        or not signing.is_good(proof, message, party if is_passkey else None)
    ):
        raise Refused(
            "public_key",
            _("Chưa chứng minh được bạn giữ khóa này."),
            _("Tải lại trang rồi đăng ký lại; với điện thoại, hãy bật khóa màn hình trước."),
        )
    rp_id = party.id if is_passkey and party is not None else ""
    return _keep_key(person, proof.public_key, label, named, kind=kind, credential=credential, rp_id=rp_id)


@transaction.atomic
def _keep_key(
    person: Person,
    public_key: bytes,
    label: str,
    named: str,
    *,
    kind: KeyKind = KeyKind.FILE,
    credential: bytes = b"",
    rp_id: str = "",
) -> PersonKey:
    if named and named != person.display_name:
        raise Refused(
            "public_key",
            _("Tệp khóa này mang tên “%(named)s”, không phải “%(person)s”.")
            % {"named": named, "person": person.display_name},
            _("Chọn tệp khóa của chính bạn, hoặc tạo tệp mới đúng họ tên."),
        )
    try:
        with transaction.atomic():
            key = PersonKey.objects.create(
                person=person,
                kind=kind,
                public_key=public_key,
                credential=credential,
                rp_id=rp_id,
                label=label.strip()[:64] or usual_label(person, kind)[:64],
                created=timezone.now(),
            )
    except IntegrityError as error:
        raise Refused(
            "public_key", _("Khóa này đã được đăng ký."), _("Mỗi người một khóa riêng; hãy tạo khóa mới.")
        ) from error
    audit(
        person,
        "key.registered",
        f"person:{person.username}",
        kind=str(kind),
        public=public_key.hex(),
        label=key.label,
        rp_id=rp_id,
    )
    return key


def usual_label(person: Person, kind: KeyKind) -> str:
    """What a key is called when its holder does not say."""
    name = str(person).split()[-1]
    labels = {
        KeyKind.FILE: _("tệp khóa của %(name)s"),
        KeyKind.DEVICE: _("trình duyệt của %(name)s"),
        KeyKind.PASSKEY: _("điện thoại của %(name)s"),
    }
    return labels[kind] % {"name": name}


@transaction.atomic
def revoke_key(key: PersonKey, *, by: Actor) -> None:
    """Here it counts no more at once; boxes learn it when two administrators take it out of the list."""
    if key.revoked is None:
        key.revoked = timezone.now()
        key.save(update_fields=["revoked"])
        audit(by, "key.revoked", f"person:{key.person.username}", public=bytes(key.public_key).hex())


@transaction.atomic
def readmit_key(key: PersonKey, *, by: Actor) -> None:
    """What was reported as lost was found: here it counts again."""
    if key.revoked is not None:
        key.revoked = None
        key.save(update_fields=["revoked"])
        audit(by, "key.readmitted", f"person:{key.person.username}", public=bytes(key.public_key).hex())


def reported_keys() -> frozenset[bytes]:
    """Public keys of which nothing is taken here any more, whatever boxes believe of them still."""
    return frozenset(bytes(key) for key in PersonKey.objects.exclude(revoked=None).values_list("public_key", flat=True))


def person_of_session(key: str) -> Person | None:
    """Whose session this is, when there is no request yet to ask. None: nobody's, or not valid any more."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    person = get_user(request)
    return person if isinstance(person, Person) else None
