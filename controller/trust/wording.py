"""Lists of people in words."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from protocol.delegation import Delegation
from protocol.ids import sha256
from protocol.roles import MACHINES, Holder, Role

FOR_EVER: Final = 0xFFFF_FFFF
ROLES: Final[Mapping[Role, Promise]] = {
    Role.COMMUNE: gettext_lazy("báo động trong xã bằng nội dung soạn sẵn, hủy và dừng loa"),
    Role.CONTENT: gettext_lazy("duyệt bản tin"),
    Role.STOP: gettext_lazy("dừng và mở loa"),
}
"""What may be given; in the order of the form."""
OTHERS: Final[Mapping[Role, Promise]] = {
    Role.ROOT: gettext_lazy("giữ khóa gốc"),
    Role.EMERGENCY: gettext_lazy("ký lệnh khẩn cấp"),
    Role.CANCEL: gettext_lazy("hủy lệnh khẩn cấp"),
    Role.SCHEDULE: gettext_lazy("máy chủ: ký lịch phát"),
    Role.TIMESTAMP: gettext_lazy("máy chủ: ký giờ"),
    Role.FIRMWARE: gettext_lazy("ký bản cập nhật"),
    Role.DELEGATION: gettext_lazy("quản lý danh sách (thêm, bớt, thu hồi khóa)"),
    Role.EXCEPTION: gettext_lazy("cho phép phát ngoài giờ"),
}


def roles(holder: Holder) -> str:
    """What somebody may do, in words."""
    return "; ".join(role(one) for one in holder.roles)


def role(one: Role) -> str:
    return str({**ROLES, **OTHERS}[one])


def fingerprint(key: bytes) -> str:
    """As a person's own page shows it: signers compare it with its holder, by voice."""
    return mark(sha256(key))


def mark(hashed: bytes) -> str:
    """The same, of the key's SHA-256."""
    digits = hashed.hex()[:16].upper()
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def dates(holder: Holder) -> str:
    """From when to when; empty for always."""
    parts = []
    if holder.not_before:
        parts.append(_("từ %(day)s") % {"day": _day(holder.not_before)})
    if holder.not_after != FOR_EVER:
        parts.append(_("đến %(day)s") % {"day": _day(holder.not_after)})
    return " ".join(parts)


def changes(before: Delegation | None, after: Delegation, roots: Iterable[Holder] = ()) -> list[str]:
    """What signing does, line by line; from the bytes that are signed. `roots` are the people of the roots, whose keys
    a list may take away too.
    """
    held = before.holders if before else ()
    lines = [*_people(_by_key(held), _by_key(after.holders))]
    names = {sha256(row.key): row.person for row in (*roots, *after.holders, *held)}
    known = set(before.revoked if before else ())
    lines += [
        _("Thu hồi khóa %(key)s %(person)s: từ nay các hộp không nhận chữ ký của khóa này")
        % {"key": mark(name), "person": names.get(name, "")}
        for name in after.revoked
        if name not in known
    ]
    machines = {sha256(row.key) for row in roots if MACHINES & set(row.roles)}
    if machines & (set(after.revoked) - known):
        lines.append(
            _("Đó là khóa của máy chủ: các hộp sẽ không nhận lịch phát nào mới trước khi có danh sách gốc mới.")
        )
    lines += [
        _("Khóa %(key)s %(person)s không còn bị thu hồi ở đây: nơi nào danh sách gốc cho phép thì lại có giá trị")
        % {"key": mark(name), "person": names.get(name, "")}
        for name in sorted(known - set(after.revoked))
    ]
    return lines or [_("Không đổi người nào; chỉ kéo dài thời hạn.")]


def _people(old: Mapping[bytes, frozenset[Holder]], new: Mapping[bytes, frozenset[Holder]]) -> Iterator[str]:
    """Every line of a list that comes, goes or becomes another one: one key may stand in several."""
    for key, rows in new.items():
        if key not in old:
            yield from (_said(_("Thêm %(person)s, khóa %(key)s: %(what)s"), row) for row in _sorted(rows))
        elif rows != old[key]:
            yield from (
                _said(_("Đổi %(person)s, khóa %(key)s: thôi %(what)s"), row) for row in _sorted(old[key] - rows)
            )
            yield from (_said(_("Đổi %(person)s, khóa %(key)s: nay %(what)s"), row) for row in _sorted(rows - old[key]))
    for key, rows in old.items():
        if key not in new:
            yield from (_said(_("Bỏ %(person)s, khóa %(key)s: %(what)s"), row) for row in _sorted(rows))


def _by_key(holders: Iterable[Holder]) -> dict[bytes, frozenset[Holder]]:
    found: dict[bytes, frozenset[Holder]] = {}
    for row in holders:
        found[row.key] = found.get(row.key, frozenset()) | {row}
    return found


def _sorted(rows: Iterable[Holder]) -> list[Holder]:
    return sorted(rows, key=lambda row: (row.person, row.roles, row.scope, row.not_before, row.not_after))


def _said(sentence: str, row: Holder) -> str:
    what = " · ".join(part for part in (roles(row), ", ".join(row.scope), dates(row)) if part)
    return sentence % {"person": row.person, "key": fingerprint(row.key), "what": what}


def _day(at_s: int) -> str:
    return timezone.localtime(dt.datetime.fromtimestamp(at_s, dt.UTC)).strftime("%d/%m/%Y")
