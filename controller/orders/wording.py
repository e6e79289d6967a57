"""Orders and answers in the officers' words."""

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from controller.orders.models import EmergencyOrder
from controller.orders.rules import Level, Line, Standing
from controller.units.models import Unit
from protocol.messages import BY_CODE, DRILL
from protocol.order import MessageType, Severity, Status
from protocol.refusals import RejectCode, sentence
from protocol.report import Stage


def language() -> str:
    """ "vi" or "en"."""
    return "en" if (get_language() or "vi").startswith("en") else "vi"


def message_title(code: int | None) -> str:
    """The name of a built-in message; empty for none."""
    known = BY_CODE.get(code or 0)
    if known is None:
        return ""
    return known.title_en if language() == "en" else known.title_vi


def message_text(code: int | None) -> str:
    """What the boxes will say, in the language in which they say it."""
    known = BY_CODE.get(code or 0)
    return known.text_vi if known is not None else ""


def announcement(status: int) -> str:
    """What the boxes say before each pass of a drill (`agent.core.tape`); empty for any other order."""
    return message_text(DRILL) if status == Status.EXERCISE else ""


def status_name(status: int) -> str:
    names = {
        Status.ACTUAL: _("THẬT"),
        Status.EXERCISE: _("Diễn tập"),
        Status.TEST: _("Kiểm tra, không ra loa"),
    }
    return names[Status(status)]


def severity_name(severity: int) -> str:
    names = {
        Severity.EXTREME: _("cực kỳ nghiêm trọng"),
        Severity.SEVERE: _("nghiêm trọng"),
        Severity.MODERATE: _("vừa"),
        Severity.MINOR: _("nhẹ"),
    }
    return names[Severity(severity)]


def title(order: EmergencyOrder) -> str:
    """What it is, in a line."""
    if order.type == MessageType.CANCEL:
        about = order.cancels.message if order.cancels is not None else None
        return _("Hủy lệnh: %(what)s") % {"what": message_title(about) or order.event}
    return message_title(order.message) or order.event


def area_names(order: EmergencyOrder) -> str:
    """Names of the units, in the order in which they were signed."""
    names = dict(Unit.objects.filter(code__in=order.area).values_list("code", "name"))
    return ", ".join(names.get(code, code) for code in order.area)


def standing_name(standing: Standing, *, cancel: bool = False) -> str:
    """How it stands; a cancel is sent, and nothing of it is ever sounded."""
    if cancel and standing in (Standing.SENT, Standing.LAPSED, Standing.DROPPED):
        ends = {
            Standing.SENT: _("lệnh hủy đã gửi"),
            Standing.LAPSED: _("quá hạn ký, không gửi"),
            Standing.DROPPED: _("đã bỏ, không gửi"),
        }
        return ends[standing]
    names = {
        Standing.WAITING: _("chờ ký"),
        Standing.LAPSED: _("quá hạn ký, không phát"),
        Standing.DROPPED: _("đã bỏ, không phát"),
        Standing.SENT: _("đã phát lệnh"),
        Standing.CANCELLED: _("đã hủy"),
        Standing.ENDED: _("đã hết hiệu lực"),
    }
    return names[standing]


def answer_name(line: Line, *, cancel: bool = False, test: bool = False) -> str:
    """What a box answered; to a cancel, when `cancel`, or to a silent `test`."""
    silent = _("Đã dừng") if cancel else _("Đã kiểm tra xong, không ra loa") if test else ""
    if line.stage is None:
        return _("Chưa trả lời")
    if line.early and line.first_sample_ms is None:
        return _("Báo đã hết hiệu lực trước hạn: đồng hồ của hộp chạy nhanh; khởi động lại loalang-agent ở đó")
    if line.stage is Stage.REJECTED:
        known = line.code in {str(code) for code in RejectCode}
        why = sentence(RejectCode(line.code), language()) if known else line.code
        return _("Từ chối: %(why)s") % {"why": why}
    if line.level is Level.PLAYED:
        return _("Đã phát, chưa chứng minh") if line.stage is Stage.DONE else _("Đang phát, chưa chứng minh")
    if line.stage is Stage.DONE and line.level is Level.BAD:
        return _("Báo đã phát xong nhưng không có tiếng nào")
    names = {
        Stage.ACCEPTED: _("Đã nhận"),
        Stage.STARTED: _("Đang phát"),
        Stage.DONE: silent or _("Đã phát xong"),
        Stage.CANCELLED: _("Đã dừng theo lệnh hủy"),
        Stage.EXPIRED: _("Hết hiệu lực"),
    }
    return names[line.stage]
