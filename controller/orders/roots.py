"""The roots in the controller: imported, kept by version, handed to boxes. It cannot make them: it has no root key."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts import services as accounts
from controller.accounts.models import Person
from controller.boxes.models import Box, Stage
from controller.core.errors import Refused
from controller.orders.models import RootsFile
from controller.outbox import services as outbox
from controller.outbox.models import Kind
from controller.schedules.signing import domain, schedule_signer
from protocol import topics
from protocol.codec import decode
from protocol.errors import ProtocolError
from protocol.roles import Role, Roots, open_first_roots
from protocol.signing import Family, open_signed

AHEAD_S: Final = 300
"""By so much the clock of the machine that makes roots may be before ours.

A box takes `issued` for a moment that has passed: from roots of next year it would learn a wrong time, and keep it.
"""


def current() -> RootsFile | None:
    """The newest version, or None before the first import."""
    return RootsFile.objects.first()


def current_roots() -> Roots:
    """Who is trusted now. Raises `Refused` before the first import."""
    row = current()
    if row is None:
        raise Refused(
            "roots",
            _("Chưa có danh sách người ký."),
            _("Quản trị viên lập bằng “loalang roots make” rồi nhập bằng “loalang roots import”."),
        )
    return unverified(bytes(row.data))


def names_this_controller() -> bool:
    """Whether boxes will believe what this controller's own key signs: schedules and acknowledgements."""
    machine = schedule_signer().public_key
    return any(row.key == machine and Role.SCHEDULE in row.roles for row in current_roots().holders)


def unverified(data: bytes) -> Roots:
    """What roots say, without asking who signed them: they were verified when they were imported."""
    envelope = open_signed(data, Family.ROOTS, domain())
    return decode(envelope.payload, Roots, max_bytes=1_048_576)


@transaction.atomic
def import_roots(
    data: bytes, root_keys: Sequence[bytes] = (), *, by: Person | None = None, now: datetime | None = None
) -> RootsFile:
    """Take over a new version and offer it to every box. Raises `Refused`.

    `root_keys` (raw public keys) are needed for the first version; later ones must be signed by one of the same.
    """
    now = now or timezone.now()
    before = current()
    keys = _root_keys(before, root_keys)
    try:
        roots = open_first_roots(data)
    except ProtocolError as error:
        raise Refused(
            "file",
            _("Không nhận danh sách người ký này: %(why)s") % {"why": error},
            _("Kiểm tra tệp, khóa gốc, mã tỉnh và môi trường (LOALANG_PROVINCE, LOALANG_ENVIRONMENT)."),
        ) from error
    if before is not None and roots.version == before.version and bytes(before.data) == data:
        return before
    if before is not None and roots.version <= before.version:
        raise Refused(
            "file",
            _("Danh sách số %(new)d không mới hơn số %(old)d đang dùng.")
            % {"new": roots.version, "old": before.version},
            _("Tăng “version” trong tệp người ký rồi lập lại."),
        )
    if roots.issued > now.timestamp() + AHEAD_S:
        raise Refused(
            "issued",
            _("Danh sách người ký này ghi ngày lập %(issued)s, còn bây giờ mới là %(now)s.")
            % {"issued": _local(datetime.fromtimestamp(roots.issued, UTC)), "now": _local(now)},
            _("Chỉnh đồng hồ của máy không nối mạng rồi lập lại danh sách; nếu ngày đó đúng, chỉnh đồng hồ máy chủ."),
        )
    return _publish(roots, data, keys, by, now)


def _local(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%d-%m-%Y %H:%M}"


def _root_keys(before: RootsFile | None, given: Sequence[bytes]) -> tuple[bytes, ...]:
    """Those by which the next version must be signed. Raises `Refused`."""
    keys = tuple(given) or tuple(bytes.fromhex(key) for key in (before.root_keys if before else ()))
    if not keys:
        raise Refused(
            "root-key",
            _("Lần nhập đầu tiên phải nêu khóa công khai gốc."),
            _("Thêm --root-public với khóa mà “loalang roots make” đã in ra."),
        )
    if before is not None and not {key.hex() for key in keys} <= set(before.root_keys):
        raise Refused(
            "root-key",
            _("Khóa gốc khác với lần nhập trước."),
            _("Thay khóa gốc là việc của tất cả các hộp: hỏi nhóm kỹ thuật tỉnh."),
        )
    return keys


def _publish(roots: Roots, data: bytes, keys: Sequence[bytes], by: Person | None, now: datetime) -> RootsFile:
    """Keep the version and offer it to every box."""
    row = RootsFile.objects.create(
        version=roots.version,
        data=data,
        root_keys=[key.hex() for key in keys],
        issued=datetime.fromtimestamp(roots.issued, UTC),
        expires=datetime.fromtimestamp(roots.expires, UTC),
        imported=now,
    )
    accounts.audit(by, "roots.imported", f"roots:{roots.version}", holders=[holder.person for holder in roots.holders])
    boxes = Box.objects.filter(state=Stage.APPROVED).values_list("id", flat=True)
    outbox.post_many([(topics.down(box), data) for box in boxes], Kind.ROOTS, now=now, expires=row.expires)
    return row
