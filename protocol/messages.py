"""Built-in messages: prepared emergency texts whose recording is in every box, so that an order needs no download.

Beside them one code stands for what an officer has written: the words of the order itself, which the box speaks.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PreparedMessage:
    """A prepared emergency message; its recording is `agent/sounds/<code>.ogg`, or an announcer's."""

    code: int
    event: str
    title_vi: str
    title_en: str
    text_vi: str


DRILL: Final = 90
"""Said before every order of status EXERCISE."""
OWN_WORDS: Final = 99
"""No recording: the box speaks the words for boards of the order that names it (`Order.board`)."""

PREPARED: Final = (
    PreparedMessage(
        1,
        "flood",
        "Lũ, ngập lụt",
        "Flood",
        "Báo động lũ. Nước đang lên nhanh. Đề nghị bà con khẩn trương di chuyển đến nơi cao, an toàn, và "
        "làm theo hướng dẫn của chính quyền địa phương.",
    ),
    PreparedMessage(
        2,
        "storm",
        "Bão, gió mạnh",
        "Storm",
        "Báo động bão. Đề nghị bà con ở yên trong nhà kiên cố, không ra khơi, không ra đường, và làm "
        "theo hướng dẫn của chính quyền địa phương.",
    ),
    PreparedMessage(
        3,
        "evac",
        "Sơ tán khẩn cấp",
        "Evacuate now",
        "Lệnh sơ tán khẩn cấp. Đề nghị toàn thể bà con rời khỏi khu vực nguy hiểm ngay bây giờ, theo "
        "hướng dẫn của lực lượng chức năng.",
    ),
    PreparedMessage(
        4,
        "fire",
        "Cháy lớn",
        "Large fire",
        "Báo động cháy. Đề nghị bà con tránh xa khu vực cháy, nhường đường cho xe chữa cháy, và làm theo "
        "hướng dẫn của lực lượng chức năng.",
    ),
    PreparedMessage(
        5,
        "tsunami",
        "Sóng thần",
        "Tsunami",
        "Báo động sóng thần. Đề nghị bà con ven biển di chuyển ngay lên vùng cao, xa bờ biển. Không quay "
        "lại cho đến khi có thông báo an toàn.",
    ),
    PreparedMessage(
        6,
        "health",
        "Dịch bệnh",
        "Epidemic",
        "Thông báo khẩn về dịch bệnh. Đề nghị bà con ở tại nhà, đeo khẩu trang khi cần ra ngoài, và làm "
        "theo hướng dẫn của cơ quan y tế.",
    ),
    PreparedMessage(
        7,
        "enviro",
        "Sự cố môi trường",
        "Environmental incident",
        "Thông báo khẩn về sự cố môi trường. Đề nghị bà con đóng kín cửa, không dùng nguồn nước khả "
        "nghi, và chờ hướng dẫn của chính quyền địa phương.",
    ),
    PreparedMessage(
        DRILL,
        "drill",
        "Đây là diễn tập",
        "This is a drill",
        "Đây là diễn tập. Đây là diễn tập. Không phải tình huống thật.",
    ),
)

BY_CODE: Final = {message.code: message for message in PREPARED}


def can_be_spoken(words: str) -> bool:
    """Whether a voice finds anything to say in them: a letter or a number (Unicode's general categories L and N)."""
    return any(unicodedata.category(letter)[0] in "LN" for letter in words)
