"""What the panel's lamps show: one table, asked from above; the first row of a lamp that is true holds. Pure.

`docs/panel.md` prints the same table for officers. No lamp flashes more than three times a second.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.core.panel import ENDS_SOON_MS, REMIND_MS, SHOWN_MS, TALK_MS, Contact, Panel


class Lamp(enum.StrEnum):
    """The values are keys of [panel] in box.toml."""

    STATUS = "status_lamp"
    FAULT = "fault_lamp"
    ON_AIR = "on_air_lamp"


class Pattern(enum.Enum):
    """Lengths in milliseconds: on, off, on, off …; empty for dark."""

    OFF = ()
    ON = (1_000,)
    SLOW = (1_000, 1_000)
    FAST = (250, 250)
    DOUBLE = (150, 250, 150, 1_450)
    QUICK = (170, 170)

    def is_lit(self, at_ms: int) -> bool:
        """Whether the lamp is on at this instant of the boot clock."""
        rest = at_ms % sum(self.value) if self.value else 0
        for place, length_ms in enumerate(self.value):
            if rest < length_ms:
                return place % 2 == 0
            rest -= length_ms
        return False

    def next_ms(self, at_ms: int) -> int | None:
        """When it changes next; None for a lamp that is steady."""
        if len(self.value) < 2:
            return None
        rest: int = at_ms % sum(self.value)
        passed_ms = 0
        for length_ms in self.value:
            passed_ms += length_ms
            if rest < passed_ms:
                break
        return at_ms - rest + passed_ms


@dataclass(frozen=True)
class Said:
    """One thing in both languages."""

    vi: str
    en: str


NAMES: Final[Mapping[Lamp, Said]] = {
    Lamp.STATUS: Said("TRẠNG THÁI", "status"),
    Lamp.FAULT: Said("LỖI", "fault"),
    Lamp.ON_AIR: Said("ĐANG NÓI", "on air"),
}
SHOWS: Final[Mapping[Pattern, Said]] = {
    Pattern.OFF: Said("tắt", "dark"),
    Pattern.ON: Said("sáng đều", "steady"),
    Pattern.SLOW: Said("nháy chậm, 2 giây một lần", "every 2 s"),
    Pattern.FAST: Said("nháy nhanh, 2 lần mỗi giây", "twice a second"),
    Pattern.DOUBLE: Said("nháy đôi, 2 giây một lần", "double, every 2 s"),
    Pattern.QUICK: Said("nháy dồn, gần 3 lần mỗi giây", "almost 3 a second"),
}


@dataclass(frozen=True)
class View:
    """What the lamps tell beside the panel's own state."""

    faults: bool
    """Whether there is a fault that may be shown: never DURESS."""
    on_air: bool = False
    """Whether the open microphone is what is heard."""


@dataclass(frozen=True)
class Meaning:
    """One row: when a lamp shows this, and what that tells an officer."""

    lamp: Lamp
    pattern: Pattern
    holds: Callable[[Panel, View, int], bool]
    vi: str
    en: str


def _taken(panel: Panel, _: View, at_ms: int) -> bool:
    return panel.taken_ms is not None and at_ms - panel.taken_ms < SHOWN_MS


def _held(panel: Panel, _: View, __: int) -> bool:
    held = (name for name in (Contact.EMERGENCY, Contact.STOP) if panel.is_on(name) and not panel.levels[name].spent)
    return panel.unlocked_ms is not None and any(held)


def _ends_soon(panel: Panel, view: View, at_ms: int) -> bool:
    return view.on_air and panel.speech is not None and at_ms >= panel.speech.since_ms + TALK_MS - ENDS_SOON_MS


def _service(panel: Panel, _: View, __: int) -> bool:
    return panel.is_on(Contact.SERVICE)


def _long_service(panel: Panel, _: View, at_ms: int) -> bool:
    return panel.is_on(Contact.SERVICE) and at_ms - panel.levels[Contact.SERVICE].since_ms >= REMIND_MS


MEANINGS: Final = (
    Meaning(
        Lamp.STATUS,
        Pattern.QUICK,
        _taken,
        "Đã nhận lệnh của nút bấm. Thả tay ra.",
        "The press has been taken. Let go.",
    ),
    Meaning(Lamp.STATUS, Pattern.FAST, _held, "Đang đếm: giữ tiếp cho đủ 3 giây.", "Counting: hold on for 3 seconds."),
    Meaning(
        Lamp.STATUS,
        Pattern.DOUBLE,
        lambda panel, _, __: panel.unlocked_ms is not None,
        "Đã mở khóa (đã vặn chìa hoặc nhập đúng mã): nút khẩn cấp có tác dụng.",
        "Unlocked (key turned, or a code entered): the emergency button works.",
    ),
    Meaning(
        Lamp.STATUS,
        Pattern.SLOW,
        lambda panel, _, __: panel.locked,
        "Loa của hộp này đã bị dừng bằng nút DỪNG. Muốn phát lại: vặn chìa, giữ nút DỪNG 3 giây.",
        "This box was silenced by the STOP button. To open it: turn the key, hold STOP for 3 seconds.",
    ),
    Meaning(Lamp.STATUS, Pattern.ON, lambda *_: True, "Hộp đang chạy, sẵn sàng.", "The box runs and is ready."),
    Meaning(
        Lamp.FAULT,
        Pattern.FAST,
        _long_service,
        "Công tắc bảo trì đã khóa âm ly hơn 60 phút. Xong việc thì phải gạt lại.",
        "The service switch has kept the amplifier off for more than 60 minutes. Switch it back when done.",
    ),
    Meaning(
        Lamp.FAULT,
        Pattern.SLOW,
        _service,
        "Công tắc bảo trì đang khóa âm ly: không gì phát ra loa, kể cả báo động.",
        "The service switch keeps the amplifier off: nothing sounds, no alarm either.",
    ),
    Meaning(
        Lamp.FAULT,
        Pattern.ON,
        lambda _, view, __: view.faults,
        "Hộp có lỗi. Xem trang quản trị, hoặc gõ loalang-agent status.",
        "The box has a fault. Look at the console, or type loalang-agent status.",
    ),
    Meaning(Lamp.FAULT, Pattern.OFF, lambda *_: True, "Không có lỗi.", "No fault."),
    Meaning(
        Lamp.ON_AIR,
        Pattern.FAST,
        _ends_soon,
        "Micrô sắp bị ngắt (còn dưới 10 giây trong 120 giây).",
        "The microphone is about to be closed (less than 10 of 120 seconds are left).",
    ),
    Meaning(
        Lamp.ON_AIR,
        Pattern.ON,
        lambda panel, view, _: panel.speech is not None and view.on_air,
        "Micrô đang mở: mọi người nghe thấy.",
        "The microphone is open: everybody hears it.",
    ),
    Meaning(
        Lamp.ON_AIR,
        Pattern.DOUBLE,
        lambda panel, _, __: panel.speech is not None,
        "Micrô đã mở nhưng chưa ai nghe thấy: âm ly đang khởi động, đang có báo động, giờ yên lặng, hoặc loa bị khóa.",
        "The microphone is open, unheard yet: the amplifier settles, or an alarm, quiet hours or a lock holds.",
    ),
    Meaning(Lamp.ON_AIR, Pattern.OFF, lambda *_: True, "Micrô đóng.", "The microphone is closed."),
)


def meanings(panel: Panel, view: View, at_ms: int) -> Mapping[Lamp, Meaning]:
    """The row of each lamp that holds at this instant of the boot clock."""
    return {lamp: next(row for row in MEANINGS if row.lamp is lamp and row.holds(panel, view, at_ms)) for lamp in Lamp}


def patterns(panel: Panel, view: View, at_ms: int) -> Mapping[Lamp, Pattern]:
    """What each lamp shows at this instant of the boot clock."""
    return {lamp: row.pattern for lamp, row in meanings(panel, view, at_ms).items()}
