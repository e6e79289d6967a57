"""What a box adds to a fault, in the reader's language. Boxes write it for their log, in English.

A sentence that is not known here is quoted as the box's own words.
"""

import re
from typing import Final

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as _w

from protocol.refusals import RejectCode, sentence

NOBODY_SIGNED: Final = re.compile(r".*no holder of (?P<role>\w+) signed this .*", re.DOTALL)
"""How a box says (`protocol.trust`) that it knows no key of this role under what it was sent."""
_REFUSED: Final = re.compile(r"([A-Z_]+): .*", re.DOTALL)
_SEVERAL: Final = ", "
"""Between what the panel and the supply have to say at once."""

KNOWN: Final = (
    (
        NOBODY_SIGNED,
        _w(
            "hộp không nhận chữ ký này: không khóa nào trong danh sách của nó có vai trò %(role)s ký. Khóa của máy chủ "
            "đã bị thu hồi, hoặc chưa có trong danh sách gốc."
        ),
    ),
    *(
        (re.compile(pattern, re.DOTALL), words)
        for pattern, words in (
            ("it sounds again", _w("loa phát lại được")),
            ("it is heard again", _w("đã nghe lại được tiếng ở loa")),
            ("what sounds is no silence any more", _w("tiếng đang phát không còn là khoảng lặng")),
            ("the player process works", _w("bộ phận phát âm thanh chạy lại bình thường")),
            ("the player goes on", _w("bộ phận phát âm thanh chạy tiếp")),
            (
                "the player process ended: (?P<how>.*); it is started again",
                _w("bộ phận phát âm thanh đã dừng (%(how)s), hộp khởi động lại nó"),
            ),
            (
                "the daemon has started; what is wrong now is found anew",
                _w("phần mềm của hộp vừa khởi động; lỗi nào còn thì được báo lại"),
            ),
            ("the sound device did not answer", _w("thiết bị âm thanh không trả lời")),
            (
                "the sound device failed: (?P<why>.*)",
                _w("thiết bị âm thanh không hoạt động (%(why)s); hãy kiểm tra dây và nguồn"),
            ),
            (
                "no output is called (?P<name>.*); sound.device .* one of: (?P<known>.*)",
                _w("không có đầu ra âm thanh nào tên %(name)s; hộp có: %(known)s"),
            ),
            ("the amplifier's relay does not answer", _w("rơ le âm ly không trả lời")),
            ("every sound becomes a file: .*", _w("hộp không mở được thiết bị âm thanh, tiếng chỉ được ghi vào tệp")),
            (
                "the board has not taken a picture for (?P<s>[0-9]+) s",
                _w("bảng tin không nhận hình trong %(s)s giây"),
            ),
            ("the service switch keeps the amplifier off", _w("công tắc bảo trì đang ngắt âm ly")),
            ("the amplifier has been locked for (?P<n>[0-9]+) minutes", _w("âm ly bị khóa đã %(n)s phút")),
            ("the cabinet is open", _w("cửa tủ đang mở")),
            ("no mains", _w("mất điện lưới")),
            ("the battery is low", _w("ắc quy sắp cạn")),
            ("the emergency key is still turned", _w("chìa khóa khẩn cấp vẫn đang vặn")),
            ("(?P<name>[a-z_0-9]+) is stuck", _w("nút %(name)s bị kẹt")),
            ("the duress code was entered", _w("có người nhập mã bị ép buộc")),
            ("a day has passed", _w("đã qua một ngày")),
            ("the list of signers ends in (?P<n>[0-9]+) days", _w("danh sách người ký hết hạn sau %(n)s ngày")),
            ("live voice that nobody signed: .*", _w("có lời phát trực tiếp mà không ai ký")),
            (
                "the list of signers in this box cannot be read any more.*",
                _w("danh sách người ký trong hộp không đọc được nữa; kỹ thuật viên phải ghi lại dấu vân tay của nó"),
            ),
            ("(?P<name>[0-9a-f]{64})", _w("tệp %(name)s")),
        )
    ),
)


def fault_detail(detail: str) -> str:
    """In the reader's words where it is known; else quoted."""
    if not detail:
        return ""
    refused = _REFUSED.fullmatch(detail)
    if refused is not None and refused[1] in RejectCode.__members__:
        return sentence(RejectCode(refused[1]), get_language() or "vi")
    if whole := _known(detail):
        return whole
    said = [_known(part) for part in detail.split(_SEVERAL)]
    return _SEVERAL.join(said) if all(said) else _("hộp ghi: “%(words)s”") % {"words": detail}


def _known(part: str) -> str:
    for pattern, words in KNOWN:
        if (found := pattern.fullmatch(part)) is not None:
            return _(words) % found.groupdict()
    return ""
