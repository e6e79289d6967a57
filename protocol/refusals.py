"""Why an order was refused: the gate's codes, and a sentence for people with each of them."""

import enum
from typing import Final


class RejectCode(enum.StrEnum):
    """In the order in which the gate asks. The value travels in receipts."""

    TOO_LONG = "TOO_LONG"
    MALFORMED = "MALFORMED"
    SHAPE = "SHAPE"
    DOMAIN = "DOMAIN"
    ROOTS_NEWER = "ROOTS_NEWER"
    SURPLUS = "SURPLUS"
    SIGNATURE = "SIGNATURE"
    THRESHOLD = "THRESHOLD"
    ROOTS_EXPIRED = "ROOTS_EXPIRED"
    SCOPE = "SCOPE"
    AREA = "AREA"
    EVENT = "EVENT"
    STATUS = "STATUS"
    DUPLICATE = "DUPLICATE"
    REPLAY = "REPLAY"
    AUTHORITY = "AUTHORITY"
    CANCELLED = "CANCELLED"
    NO_TIME = "NO_TIME"
    EXPIRED = "EXPIRED"
    FUTURE = "FUTURE"
    LIFETIME = "LIFETIME"
    RATE = "RATE"
    NO_SOUND = "NO_SOUND"


def sentence(code: RejectCode, language: str) -> str:
    """What to tell people, in "vi" or "en" (the default)."""
    vietnamese, english = _SENTENCES[code]
    return vietnamese if language.partition("-")[0] == "vi" else english


_SENTENCES: Final = {
    RejectCode.TOO_LONG: (
        "Lệnh dài quá 900 byte; hãy rút ngắn nội dung bảng tin hoặc lý do.",
        "The order is longer than 900 bytes; shorten its board text or its reason.",
    ),
    RejectCode.MALFORMED: (
        "Đây không phải là một lệnh mà hộp này đọc được; hãy soạn và ký lại.",
        "This is not an order that this box can read; compose and sign it again.",
    ),
    RejectCode.SHAPE: (
        "Nội dung lệnh không khớp với loại lệnh: lệnh báo động phải có âm thanh; lệnh hủy, dừng, khôi phục thì không; "
        "lệnh hủy và khôi phục phải nêu lệnh liên quan; không lệnh nào tự viện dẫn mình; vai trò ký phải đúng loại; "
        "lệnh tự soạn nội dung phải có lời để đọc.",
        "The order's content does not fit its type: an alarm has a sound; a cancel, stop or reinstatement has none; a "
        "cancel and a reinstatement name what they end; none refers to itself; its role is one that signs this type; "
        "an alarm in its own words has words that can be spoken.",
    ),
    RejectCode.DOMAIN: (
        "Lệnh dành cho tỉnh khác hoặc hệ thống khác (ví dụ hệ thống thử).",
        "The order is for another province or another system, such as a trial one.",
    ),
    RejectCode.ROOTS_NEWER: (
        "Lệnh được ký theo danh sách người ký mới hơn danh sách của hộp; hộp phải tải danh sách mới trước.",
        "The order was signed under a newer list of signers than this box holds; the box must fetch that list first.",
    ),
    RejectCode.ROOTS_EXPIRED: (
        "Danh sách người ký của hộp đã hết hạn; tỉnh phải ký và phát hành danh sách mới.",
        "The box's list of signers has expired; the province must sign and publish a new one.",
    ),
    RejectCode.SURPLUS: (
        "Lệnh có nhiều chữ ký hơn mức cần; hãy soạn lại và ký đúng số người.",
        "It bears more signatures than it needs; compose it again and let just as many sign as are needed.",
    ),
    RejectCode.SIGNATURE: (
        "Không có chữ ký hợp lệ nào của người có quyền ký loại lệnh này.",
        "It bears no valid signature of a person who may sign this kind of order.",
    ),
    RejectCode.THRESHOLD: (
        "Chưa đủ số người ký khác nhau; cần thêm người có quyền ký.",
        "Too few different persons have signed; another person with this right must sign.",
    ),
    RejectCode.SCOPE: (
        "Những người ký không đủ quyền trên địa bàn của hộp này.",
        "Too few of the signers have rights over the area of this box.",
    ),
    RejectCode.AREA: (
        "Địa bàn của lệnh không gồm nơi đặt hộp này.",
        "The order's area does not include the place of this box.",
    ),
    RejectCode.EVENT: (
        "Cấp xã ký một mình chỉ được báo những loại sự kiện đã được giao, bằng nội dung soạn sẵn; "
        "việc khác cần hai người ký của cấp có thẩm quyền.",
        "With one signature a commune warns only of the events given to it, in prepared words; anything else needs two "
        "signers of the level in charge.",
    ),
    RejectCode.STATUS: (
        "Lệnh thử hoặc lệnh diễn tập không được chấm dứt lệnh thật, và ngược lại; lệnh hủy chỉ hủy lệnh báo động, lệnh "
        "khôi phục chỉ dành cho lệnh hủy hoặc lệnh dừng.",
        "A test or a drill cannot end a real order, nor a real one a drill; a cancel ends alarms, and a reinstatement "
        "ends cancels and stops.",
    ),
    RejectCode.DUPLICATE: (
        "Hộp đã nhận đúng lệnh này rồi.",
        "The box has this order already.",
    ),
    RejectCode.REPLAY: (
        "Số thứ tự của lệnh đã dùng hoặc quá cũ: có thể là lệnh cũ bị phát lại.",
        "The order's sequence number is used or too old: it may be an old order played back.",
    ),
    RejectCode.AUTHORITY: (
        "Chỉ cấp đã ra lệnh hoặc cấp cao hơn mới được hủy, thay hay khôi phục lệnh đó.",
        "Only the level that gave an order, or a higher one, can cancel, replace or reinstate it.",
    ),
    RejectCode.CANCELLED: (
        "Lệnh này đã bị hủy hoặc đã được thay trước khi tới hộp.",
        "This order was cancelled or replaced before it reached the box.",
    ),
    RejectCode.NO_TIME: (
        "Hộp chưa biết giờ nên không thể biết lệnh còn hiệu lực hay không.",
        "The box does not know the time, so it cannot tell whether the order is still valid.",
    ),
    RejectCode.EXPIRED: (
        "Lệnh đã hết hiệu lực; nếu còn cần, hãy ra lệnh mới.",
        "The order has expired; if it is still needed, give a new one.",
    ),
    RejectCode.FUTURE: (
        "Lệnh ghi giờ ban hành ở tương lai; hãy kiểm tra đồng hồ nơi soạn lệnh và đồng hồ của hộp.",
        "The order says that it was issued in the future; check the clock where it was composed and the box's clock.",
    ),
    RejectCode.LIFETIME: (
        "Thời hạn của lệnh không hợp lệ: phải hết hiệu lực sau giờ ban hành và giờ bắt đầu, "
        "và trong vòng 2 giờ từ khi ban hành (1 giờ với báo động của riêng cấp xã).",
        "The order's times are wrong: it must expire after it is issued and begins, and within 2 hours of its issue "
        "(1 hour for a commune's own alarm).",
    ),
    RejectCode.RATE: (
        "Hộp đã nhận quá nhiều lệnh cùng mức hoặc nặng hơn trong một phút; lệnh chờ tới lượt, chưa cần gửi lại.",
        "The box has accepted too many orders of this severity or a higher one within a minute; this one waits for its "
        "turn and need not be sent again.",
    ),
    RejectCode.NO_SOUND: (
        "Hộp chưa có đủ âm thanh mà lệnh này cần; hãy dùng một bản tin soạn sẵn.",
        "The box does not have the sound that this order needs; use a prepared message.",
    ),
}
