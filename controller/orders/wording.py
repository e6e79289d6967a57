"""Orders and answers in the officers' words."""

from enum import StrEnum

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from controller.orders.capacity import Reach
from controller.orders.composing import OTHER_EVENT
from controller.orders.models import EmergencyOrder
from controller.orders.rules import Level, Line, Standing
from controller.units import services as units
from controller.units.rules import above
from protocol.messages import BY_CODE, DRILL, OWN_WORDS, PREPARED
from protocol.order import SOUNDING, Chime, MessageType, Severity, Status
from protocol.refusals import RejectCode, sentence
from protocol.report import Stage
from protocol.roles import Role


class Speech(StrEnum):
    """Of what a page speaks: it decides its words."""

    ALARM = "alarm"
    CANCEL = "cancel"
    STOP = "stop"
    REOPEN = "reopen"
    """The reinstatement of a stop."""
    REINSTATE = "reinstate"
    """Of a cancel."""


def speech(kind: MessageType, about: MessageType | None) -> Speech:
    """`about` is the type of what it ends."""
    if kind in SOUNDING:
        return Speech.ALARM
    if kind is MessageType.REINSTATE:
        return Speech.REOPEN if about is MessageType.STOP else Speech.REINSTATE
    return Speech.STOP if kind is MessageType.STOP else Speech.CANCEL


def speech_of(order: EmergencyOrder) -> Speech:
    return speech(MessageType(order.type), MessageType(order.ends.type) if order.ends is not None else None)


def language() -> str:
    """ "vi" or "en"."""
    return "en" if (get_language() or "vi").startswith("en") else "vi"


def message_title(code: int | None) -> str:
    """The name of a built-in message, or of an order's own words; empty for none."""
    if code == OWN_WORDS:
        return _("Lời tự soạn")
    known = BY_CODE.get(code or 0)
    if known is None:
        return ""
    return known.title_en if language() == "en" else known.title_vi


def event_title(event: str) -> str:
    """What an alarm in an officer's own words is about; a code that is not known stays as it is."""
    if event == OTHER_EVENT:
        return _("Việc khác")
    known = next((message.code for message in PREPARED if message.event == event), None)
    return event if known is None else message_title(known)


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


def chime_name(chime: int) -> str:
    """What goes before the message (`Sound.chime`)."""
    names: dict[int, str] = {
        Chime.NONE: _("không có"),
        Chime.ATTENTION: _("chuông chú ý"),
        Chime.WAIL: _("còi hú"),
        Chime.YELP: _("còi gấp"),
        Chime.TWO_TONE: _("còi hai giọng"),
    }
    return names.get(chime, names[Chime.ATTENTION])


def role_name(role: Role) -> str:
    """As what an order is signed."""
    names = {
        Role.EMERGENCY: _("lệnh khẩn cấp, hai người ký"),
        Role.CANCEL: _("quyền hủy, dừng, khôi phục"),
        Role.COMMUNE: _("quyền tự báo động của cấp xã, một người ký"),
        Role.STOP: _("quyền dừng loa"),
    }
    return names.get(role, role.name)


def title(order: EmergencyOrder) -> str:
    """What it is, in a line."""
    what = speech_of(order)
    if what is Speech.STOP:
        return _("Dừng và khóa loa")
    if what is Speech.REOPEN:
        return _("Mở lại loa")
    alarm = _alarm_of(order)
    name = _name(alarm) or order.event
    if what is Speech.CANCEL:
        return _("Hủy lệnh: %(what)s") % {"what": name}
    if what is Speech.REINSTATE:
        return _("Khôi phục lệnh: %(what)s") % {"what": name}
    return name


def _name(alarm: EmergencyOrder | None) -> str:
    """What an alarm is about, in a few words; empty where that is not known."""
    if alarm is None:
        return ""
    if alarm.message == OWN_WORDS and alarm.event != OTHER_EVENT:
        return _("%(what)s (lời tự soạn)") % {"what": event_title(alarm.event)}
    return message_title(alarm.message)


def _alarm_of(order: EmergencyOrder) -> EmergencyOrder | None:
    """The alarm that it is, or that stands at the end of what it ends."""
    found: EmergencyOrder | None = order
    while found is not None and found.type not in SOUNDING:
        found = found.ends
    return found


def authority_name(order: EmergencyOrder) -> str:
    """The units as which its signers spoke: "Tỉnh …", "Xã An Phú"."""
    codes = {above(code)[min(order.level or 0, len(above(code)) - 1)] for code in order.area}
    return units.names(sorted(codes))


def standing_name(standing: Standing, what: Speech = Speech.ALARM) -> str:
    """How it stands; of a cancel, a stop or a reinstatement nothing is ever sounded."""
    special = {
        Speech.CANCEL: {
            Standing.SENT: _("lệnh hủy đã gửi"),
            Standing.ENDED: _("lệnh hủy đã gửi"),
            Standing.LIFTED: _("lệnh hủy đã được thu hồi"),
        },
        Speech.STOP: {
            Standing.SENT: _("loa đang bị khóa"),
            Standing.ENDED: _("đã hết thời gian khóa"),
            Standing.LIFTED: _("đã mở lại"),
        },
        Speech.REOPEN: {Standing.SENT: _("lệnh mở lại đã gửi"), Standing.ENDED: _("lệnh mở lại đã gửi")},
        Speech.REINSTATE: {Standing.SENT: _("lệnh khôi phục đã gửi"), Standing.ENDED: _("lệnh khôi phục đã gửi")},
    }
    silent = {Standing.LAPSED: _("quá hạn ký, không gửi"), Standing.DROPPED: _("đã bỏ, không gửi")}
    names = {
        Standing.WAITING: _("chờ ký"),
        Standing.LAPSED: _("quá hạn ký, không phát"),
        Standing.DROPPED: _("đã bỏ, không phát"),
        Standing.SENT: _("đã phát lệnh"),
        Standing.CANCELLED: _("đã hủy"),
        Standing.REPLACED: _("đã được thay bằng lệnh mới"),
        Standing.LIFTED: _("đã khôi phục"),
        Standing.ENDED: _("đã hết hiệu lực"),
    }
    return (names if what is Speech.ALARM else {**names, **silent, **special[what]})[standing]


def sent_sentence(what: Speech) -> str:
    """What the page says when the last signature was given."""
    names = {
        Speech.ALARM: _("Đã đủ chữ ký. Lệnh đã được phát đi."),
        Speech.CANCEL: _("Lệnh hủy đã gửi."),
        Speech.STOP: _("Lệnh dừng đã gửi. Loa trong khu vực đang bị khóa."),
        Speech.REOPEN: _("Lệnh mở lại loa đã gửi."),
        Speech.REINSTATE: _("Lệnh khôi phục đã gửi."),
    }
    return names[what]


def dropped_sentence(what: Speech) -> str:
    """What the page says when somebody gave up an order that was not sent."""
    names = {
        Speech.ALARM: _("Đã bỏ lệnh này; không hộp nào phát."),
        Speech.CANCEL: _("Đã bỏ lệnh hủy này; các hộp không dừng."),
        Speech.STOP: _("Đã bỏ lệnh dừng này; các hộp không dừng."),
        Speech.REOPEN: _("Đã bỏ lệnh mở lại này; loa vẫn bị khóa."),
        Speech.REINSTATE: _("Đã bỏ lệnh khôi phục này; lệnh kia vẫn bị hủy."),
    }
    return names[what]


def sign_button(what: Speech, *, last: bool) -> str:
    """The words on the button with which somebody signs; `last`: with this signature it is sent."""
    names = {
        Speech.ALARM: _("Ký và phát lệnh ngay"),
        Speech.CANCEL: _("Ký lệnh hủy"),
        Speech.STOP: _("Ký và dừng loa ngay"),
        Speech.REOPEN: _("Ký và mở lại loa"),
        Speech.REINSTATE: _("Ký và khôi phục lệnh"),
    }
    return names[what] if last or what is Speech.CANCEL else _("Ký")


def reach_sentence(reach: Reach) -> str:
    """What a stop does to an alarm that runs."""
    names = {
        Reach.WHOLE: _("sẽ im hoàn toàn"),
        Reach.PART: _("sẽ im trong khu vực bị khóa, nơi khác vẫn phát"),
        Reach.ABOVE: _("vẫn phát: lệnh của cấp cao hơn"),
        Reach.NONE: "",
    }
    return names[reach]


def done_name(what: Speech) -> str:
    """What a box has done that obeyed a silent order."""
    names = {
        Speech.ALARM: _("Đã phát xong"),
        Speech.CANCEL: _("Đã dừng"),
        Speech.STOP: _("Đã dừng và khóa loa"),
        Speech.REOPEN: _("Đã mở lại loa"),
        Speech.REINSTATE: _("Đã khôi phục"),
    }
    return names[what]


def obeyed_name(what: Speech, *, test: bool = False) -> str:
    """What the tally of a silent order counts."""
    names = {
        Speech.CANCEL: _("đã nhận lệnh hủy"),
        Speech.STOP: _("đã nhận lệnh dừng"),
        Speech.REOPEN: _("đã nhận lệnh mở lại"),
        Speech.REINSTATE: _("đã nhận lệnh khôi phục"),
    }
    return _("đã nhận lệnh kiểm tra") if test else names.get(what, "")


def answer_name(line: Line, what: Speech = Speech.ALARM, *, test: bool = False, locked: bool = False) -> str:
    """What a box answered; to a silent order, or to a silent `test`; `locked`: it obeys a stop that is in force."""
    if line.stage is None:
        return _("Chưa trả lời")
    done = line.stage is Stage.DONE
    special = (
        (
            line.early and line.first_sample_ms is None,
            _("Báo đã hết hiệu lực trước hạn: đồng hồ của hộp chạy nhanh; khởi động lại loalang-agent ở đó"),
        ),
        (line.still_ended, _("Đã dừng; chưa nhận lệnh khôi phục hoặc mở lại")),
        (line.contested, _("Xung đột: hộp đã nhận một lệnh khác mang số này của cùng người ký")),
        (line.stage is Stage.REJECTED, _("Từ chối: %(why)s") % {"why": _why(line.code)}),
        (locked, _("Đang khóa theo lệnh dừng loa")),
        (line.not_heard, _("Đã phát nhưng không nghe thấy ở loa: kiểm tra tăng âm, dây và loa tại chỗ")),
        (line.level is Level.PLAYED and done, _("Đã phát, chưa chứng minh")),
        (line.level is Level.PLAYED, _("Đang phát, chưa chứng minh")),
        (done and line.level is Level.BAD, _("Báo đã phát xong nhưng không có tiếng nào")),
    )
    names = {
        Stage.REJECTED: "",
        Stage.ACCEPTED: _("Đã nhận"),
        Stage.STARTED: _("Đang phát"),
        Stage.DONE: _("Đã kiểm tra xong, không ra loa") if test else done_name(what),
        Stage.CANCELLED: _("Đã dừng theo lệnh hủy"),
        Stage.EXPIRED: _("Hết hiệu lực"),
    }
    return next((words for applies, words in special if applies), names[line.stage])


def _why(code: str) -> str:
    """The gate's sentence; a code that this version does not know stays as it is."""
    known = code in {str(one) for one in RejectCode}
    return sentence(RejectCode(code), language()) if known else code
