"""What is to be read, before it is laid out: the pages of orders, of bulletins, and of the time of day."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from protocol.bulletin import Bulletin
from protocol.messages import BY_CODE, PREPARED
from protocol.order import Order, Status

WEEKDAYS: Final = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật")
UNNAMED: Final = "Báo động khẩn cấp"
"""An alarm of an event that no prepared message names, and without words for boards."""


class Look(enum.StrEnum):
    """How a page is laid out."""

    ALARM = "alarm"
    DRILL = "drill"
    CANCELLED = "cancelled"
    BULLETIN = "bulletin"
    NOTICE = "notice"
    """A bulletin that does not sound now and is still to be read."""
    CODE = "code"
    CLOCK = "clock"
    BLACK = "black"


@dataclass(frozen=True)
class Page:
    """What is to be read, before it is laid out."""

    look: Look
    title: str = ""
    text: str = ""
    cause: str = ""
    """Id of the schedule's entry, or the order's id in hex; empty where nobody ordered it."""
    bulletin: str = ""
    picture: bytes = b""
    """SHA-256 of the picture that goes with it; empty for none."""
    line: str = ""
    """Beside the time of day: a few words that persons have signed for; empty for none."""


BLACK: Final = Page(Look.BLACK)


def alarm(order: Order) -> Page:
    """An order that sounds, while it is in force."""
    look = Look.DRILL if order.status is Status.EXERCISE else Look.ALARM
    return Page(look, title_of(order), order.board or _prepared_text(order), order.id.hex())


def cancelled(order: Order) -> Page:
    """An order that sounded, once it was cancelled."""
    title = title_of(order)
    drill = "diễn tập " if order.status is Status.EXERCISE else ""
    return Page(Look.CANCELLED, title, f"Lệnh {drill}“{title}” đã được hủy.", order.id.hex())


def worded(bulletin: Bulletin, look: Look, cause: str) -> Page | None:
    """A bulletin's words and picture, which are approved; None where no words are: they say what a picture is."""
    if not (bulletin.title or bulletin.text):
        return None
    return Page(look, bulletin.title, bulletin.text, cause, bulletin.id, bulletin.picture or b"")


def clock(wall: datetime, name: str, line: str = "") -> Page:
    """The time of day on the clocks of the place, its date and its name; `line` is what is said beside it."""
    day = f"{WEEKDAYS[wall.weekday()]} {wall:%d/%m/%Y}"
    return Page(Look.CLOCK, f"{wall:%H:%M}", "\n".join(row for row in (day, name) if row), line=line)


def title_of(order: Order) -> str:
    """What an order is about, in a few words."""
    message = None if order.sound is None else order.sound.message
    if isinstance(message, int) and message in BY_CODE:
        return BY_CODE[message].title_vi
    return next((known.title_vi for known in PREPARED if known.event == order.event), UNNAMED)


def _prepared_text(order: Order) -> str:
    """The words of the recording that it sounds; empty for one whose words are not known here."""
    message = None if order.sound is None else order.sound.message
    return BY_CODE[message].text_vi if isinstance(message, int) and message in BY_CODE else ""
