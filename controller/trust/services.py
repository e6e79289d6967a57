"""The roots and the lists of units: taken over, kept by version, handed to boxes. None of them is made here: the
controller has neither a root's key nor an administrator's.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts.models import Person
from controller.boxes.models import Box, Stage
from controller.core.errors import Refused
from controller.outbox import services as outbox
from controller.outbox.models import Kind
from controller.trust.machine import domain, schedule_signer
from controller.trust.models import DelegationFile, RootsFile, State
from controller.trust.signals import trust_changed
from controller.units.rules import above
from protocol import topics
from protocol.codec import decode
from protocol.delegation import MAX_DELEGATION_BYTES, Delegation
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.roles import MAX_ROOTS_BYTES, Holder, Role, Roots, open_first_roots, open_next_roots
from protocol.signing import Domain, Family, open_signed
from protocol.trust import UNTOUCHABLE, Trust

AHEAD_S: Final = 300
"""By so much the clock of the machine that makes roots may be before ours.

A box takes `issued` for a moment that has passed: from roots of next year it would learn a wrong time, and keep it.
"""


def current() -> RootsFile | None:
    """The newest version, or None before the first import."""
    return RootsFile.objects.first()


def current_roots() -> Roots:
    """Who is trusted by the roots now. Raises `Refused` before the first import."""
    row = current()
    if row is None:
        raise Refused(
            "roots",
            _("Chưa có danh sách người ký."),
            _("Quản trị viên lập bằng “loalang roots make” rồi nhập bằng “loalang roots import”."),
        )
    return unverified(bytes(row.data))


def current_trust(units: Sequence[str] = ()) -> Trust:
    """Whom a box with this path of units trusts. Raises `Refused` before the first roots."""
    roots = current_roots()
    return Trust(roots, tuple(_read(row) for row in newest_lists(units).values()))


def trust_of(unit: str) -> Trust:
    """Whom a box of this unit trusts."""
    return current_trust(above(unit))


def newest_lists(units: Sequence[str]) -> dict[str, DelegationFile]:
    """Of each unit that has one the list in force; one of an older era than the roots name is in force no more."""
    published = DelegationFile.objects.filter(unit__in=list(units), state=State.PUBLISHED)
    if not published.exists():
        return {}
    era = current_roots().era(Role.DELEGATION)
    return {row.unit: row for row in published.filter(era=era).order_by("version")}


def lists_in_force() -> dict[str, Delegation]:
    """Of every unit that has one the list in force. Raises `Refused` before the first roots."""
    rows = DelegationFile.objects.filter(state=State.PUBLISHED, era=current_roots().era(Role.DELEGATION))
    return {row.unit: _read(row) for row in rows.order_by("version")}


def versions(units: Sequence[str]) -> dict[str, int]:
    """Of each unit the version of its list, for digests."""
    return {unit: row.version for unit, row in newest_lists(units).items()}


def roots_after(version: int) -> list[bytes]:
    """What leads a box from this version to the newest, step by step."""
    rows = RootsFile.objects.filter(version__gt=version).order_by("version")
    return [bytes(row.data) for row in rows]


def messages_for(units: Sequence[str], roots_version: int, delegations: Mapping[str, int]) -> list[bytes]:
    """What a box lacks of roots and lists, in the order in which it can take them."""
    lists = [
        bytes(row.envelope)
        for unit, row in sorted(newest_lists(units).items())
        if row.envelope is not None and delegations.get(unit) != row.version
    ]
    return [*roots_after(roots_version), *lists]


def names_this_controller() -> bool:
    """Whether boxes will believe what this controller's own key signs: schedules and acknowledgements."""
    machine = schedule_signer().public_key
    return any(row.key == machine and Role.SCHEDULE in row.roles for row in current_roots().holders)


def unverified(data: bytes) -> Roots:
    """What roots say, without asking who signed them: they were verified when they were imported."""
    return _roots_in(data, domain())


@transaction.atomic
def import_roots(
    data: bytes,
    fingerprint: bytes | None = None,
    *,
    readmit: bool = False,
    by: Person | None = None,
    now: datetime | None = None,
) -> RootsFile:
    """Take over a new version and offer it to every box. Raises `Refused`.

    The first version is signed by its own root keys, and has this fingerprint where one is given; a later one is signed
    by the root keys of the version before it too. A new era of DELEGATION forgets what lists took away: roots that
    bring such a key back are refused without `readmit`.
    """
    now = now or timezone.now()
    before = current()
    if before is not None and bytes(before.data) == data:
        return before
    try:
        if before is None:
            roots = open_first_roots(data, fingerprint, int(now.timestamp()))
        else:
            roots = open_next_roots(data, unverified(bytes(before.data)))
        _expect_ours(roots)
        back = () if before is None or readmit else _coming_back(unverified(bytes(before.data)), roots)
    except ProtocolError as error:
        raise _refusal(error, before) from error
    if roots.issued > now.timestamp() + AHEAD_S:
        raise Refused(
            "issued",
            _("Danh sách người ký này ghi ngày lập %(issued)s, còn bây giờ mới là %(now)s.")
            % {"issued": _local(datetime.fromtimestamp(roots.issued, UTC)), "now": _local(now)},
            _("Chỉnh đồng hồ của máy không nối mạng rồi lập lại danh sách; nếu ngày đó đúng, chỉnh đồng hồ máy chủ."),
        )
    if back:
        raise Refused(
            "holders",
            _(
                "Kỷ nguyên DELEGATION mới làm mất hiệu lực mọi danh sách đơn vị, kể cả việc thu hồi khóa; danh sách "
                "này cho khóa đã thu hồi dùng lại: %(keys)s."
            )
            % {"keys": "; ".join(f"{row.person} ({sha256(row.key).hex()[:16].upper()})" for row in back)},
            _("Bỏ các khóa đó khỏi holders rồi lập lại; nếu việc thu hồi là giả, nhập với --readmit."),
        )
    return _publish(roots, data, by, now)


def _coming_back(before: Roots, after: Roots) -> tuple[Holder, ...]:
    """Lines of the new roots that a list had taken away, and that count again since the era is another."""
    if after.era(Role.DELEGATION) == before.era(Role.DELEGATION):
        return ()
    taken = {name for one in lists_in_force().values() for name in one.revoked}
    return tuple(row for row in after.holders if sha256(row.key) in taken and not set(row.roles) <= UNTOUCHABLE)


def _expect_ours(roots: Roots) -> None:
    if roots.domain != domain():
        raise ProtocolError("domain", f"roots of {roots.province}/{roots.environment}, not of this installation")


def _refusal(error: ProtocolError, before: RootsFile | None) -> Refused:
    if error.code == "not-newer" and before is not None:
        return Refused(
            "file",
            _("Danh sách này không mới hơn danh sách số %(old)d đang dùng: %(why)s")
            % {"old": before.version, "why": error},
            _("Tăng “version” trong tệp người ký rồi lập lại."),
        )
    return Refused(
        "file",
        _("Không nhận danh sách người ký này: %(why)s") % {"why": error},
        _("Kiểm tra tệp, chữ ký các khóa gốc cũ và mới, mã tỉnh, môi trường (LOALANG_PROVINCE, LOALANG_ENVIRONMENT)."),
    )


def _local(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%d-%m-%Y %H:%M}"


def _publish(roots: Roots, data: bytes, by: Person | None, now: datetime) -> RootsFile:
    """Keep the version and offer it to every box."""
    row = RootsFile.objects.create(
        version=roots.version,
        data=data,
        root_keys=[holder.key.hex() for holder in roots.holders if Role.ROOT in holder.roles],
        issued=datetime.fromtimestamp(roots.issued, UTC),
        expires=datetime.fromtimestamp(roots.expires, UTC),
        imported=now,
    )
    accounts.audit(by, "roots.imported", f"roots:{roots.version}", holders=[holder.person for holder in roots.holders])
    boxes = Box.objects.filter(state=Stage.APPROVED).values_list("id", flat=True)
    outbox.post_many([(topics.down(box), data) for box in boxes], Kind.ROOTS, now=now, expires=row.expires)
    transaction.on_commit(lambda: trust_changed.send(RootsFile, units=None))
    return row


def _read(row: DelegationFile) -> Delegation:
    return _list_in(bytes(row.payload))


@lru_cache(maxsize=8)
def _roots_in(data: bytes, where: Domain) -> Roots:
    """Every page asks whom the boxes trust: the same bytes are read once."""
    envelope = open_signed(data, Family.ROOTS, where, max_bytes=MAX_ROOTS_BYTES)
    return decode(envelope.payload, Roots, max_bytes=MAX_ROOTS_BYTES)


@lru_cache(maxsize=1024)
def _list_in(payload: bytes) -> Delegation:
    return decode(payload, Delegation, max_bytes=MAX_DELEGATION_BYTES)
