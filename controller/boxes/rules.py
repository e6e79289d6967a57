"""What is to be thought of a box: pure, from what it last said and `now`. Green is earned: silence, a fault or a clock
that nobody set is never shown as well."""

import datetime as dt
import enum
from dataclasses import dataclass, replace
from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _w

from controller.boxes.models import Stage
from protocol.manifest import NO_ASSIGNMENT, PlaceInOrder
from protocol.report import ClockQuality, Doing, FaultCode, Hello

SILENT_AFTER: Final = dt.timedelta(seconds=100)
"""Beats come every 60 s; after this long without one the box counts as lost (requirement 6)."""


class Level(TextChoices):
    """How urgent a box is, the most urgent first; the value is also the colour's name in the style sheet."""

    EMERGENCY = "emergency", gettext_lazy("Đang phát khẩn cấp")
    FAULT = "fault", gettext_lazy("Có lỗi")
    UNKNOWN = "unknown", gettext_lazy("Chưa rõ")
    WARNING = "warning", gettext_lazy("Cần chú ý")
    WAITING = "waiting", gettext_lazy("Chờ duyệt")
    GOOD = "good", gettext_lazy("Hoạt động tốt")
    RETIRED = "retired", gettext_lazy("Đã ngừng")


@dataclass(frozen=True)
class Said:
    """What a box last said of itself; None where it never said."""

    stage: str
    last_seen: dt.datetime | None = None
    doing: int | None = None
    clock: int | None = None
    faults: int = 0
    in_force: PlaceInOrder = NO_ASSIGNMENT
    wanted: PlaceInOrder = NO_ASSIGNMENT
    told: PlaceInOrder | None = None
    """What this controller last wrote for it; None for nothing yet."""
    cloned: bool = False


@dataclass(frozen=True)
class Health:
    level: Level
    sentence: str
    """In the reader's language."""
    age: dt.timedelta | None
    """Since the box was last heard; None for never."""


@dataclass(frozen=True)
class Mark:
    """The newest that a box has said, by its own clock. What is not newer is a repetition, whoever repeats it."""

    boot_ms: int | None = None
    """The latest start, epoch ms."""
    hello_ms: int | None = None
    beat_s: int | None = None


AHEAD_MS: Final = 5_000
"""By so much a box's clock may be before ours without being called wrong."""


def after_hello(mark: Mark, hello: Hello, now_ms: int) -> Mark | None:
    """The mark after this hello; None for one that is not newer, which somebody has kept and says again.

    Newer is a later moment or a later start. A box that does not know the time cannot be held to it. One whose clock
    was ahead and has been set right seems older: a hello from our own future gives way to one nearer to our time. One
    that is said again is further from our time than what we hold, and rewinds nothing.
    """
    if mark.boot_ms is not None and mark.hello_ms is not None:
        if hello.at == mark.hello_ms:
            return None
        later = hello.at > mark.hello_ms or hello.boot > mark.boot_ms or hello.clock <= ClockQuality.FLOOR
        ahead_ms = mark.hello_ms - now_ms
        corrected = ahead_ms > AHEAD_MS and abs(hello.at - now_ms) < ahead_ms
        if not later and not corrected:
            return None
    boot_ms = hello.boot if mark.boot_ms is None or mark.boot_ms - now_ms > AHEAD_MS else max(mark.boot_ms, hello.boot)
    # A hello is signed: it also sets back what unsigned beats have claimed. A beat of its own second still counts.
    return Mark(boot_ms, hello.at, min(hello.at, now_ms) // 1000 - 1)


def after_beat(mark: Mark, at_s: int, now_s: int) -> Mark | None:
    """The mark after this beat; None for one that is not newer.

    Nobody signs a beat, and clocks are set back: so one from our own future marks no more than now, and the next beat
    at the right time counts.
    """
    if mark.beat_s is not None and at_s <= mark.beat_s:
        return None
    return replace(mark, beat_s=min(at_s, now_s))


@dataclass(frozen=True)
class Runs:
    """The last two runs of a box's daemon, by the random bytes that each of them says."""

    newest: bytes = b""
    before: bytes = b""
    said_ms: int = 0
    """`at` of the newest hello that counted."""


def after_session(runs: Runs, session: bytes, at_ms: int) -> tuple[Runs, bool]:
    """The runs after this hello, and whether two boxes have this key: A, then B, then A again.

    A run that has ended does not come back. One that seems to, by an older message, is only a late copy of it.
    """
    if session == runs.newest:
        return replace(runs, said_ms=max(runs.said_ms, at_ms)), False
    if session == runs.before:
        if at_ms <= runs.said_ms:
            return runs, False
        return Runs(session, runs.newest, at_ms), True
    return Runs(session, runs.newest, max(runs.said_ms, at_ms)), False


def health(said: Said, now: dt.datetime) -> Health:
    """Level and sentence of a box."""
    level, words = judge(said, now)
    age = None if said.last_seen is None else max(now - said.last_seen, dt.timedelta(0))
    return Health(level, _(words) if words else "; ".join(fault_names(said.faults)), age)


def judge(said: Said, now: dt.datetime) -> tuple[Level, str]:
    """The first row of the table that applies: level and Vietnamese sentence, empty where the faults are the words."""
    doing, clock, seen = said.doing, said.clock, said.last_seen
    table = (
        (said.stage == Stage.WAITING, Level.WAITING, _w("Chờ duyệt: so mã trên hộp rồi duyệt.")),
        (said.stage == Stage.RETIRED, Level.RETIRED, _w("Đã ngừng dùng.")),
        (seen is None, Level.UNKNOWN, _w("Chưa liên lạc lần nào từ khi duyệt.")),
        (
            seen is not None and now - seen > SILENT_AFTER,
            Level.FAULT,
            _w("Mất liên lạc. Kiểm tra điện và mạng tại chỗ."),
        ),
        (
            said.cloned and doing != Doing.EMERGENCY,
            Level.FAULT,
            _w("Hai thiết bị đang dùng chung khóa của hộp này. Kiểm tra tại chỗ, rồi thay hộp."),
        ),
        (
            # Hellos tell what it wants, beats what is in force: the thief may have come since the last hello.
            said.told is not None and max(said.wanted, said.in_force) > said.told and doing != Doing.EMERGENCY,
            Level.FAULT,
            _w("Hộp theo lịch của một máy khác có cùng khóa máy chủ. Nếu không phải máy của tỉnh, khóa đã lộ."),
        ),
        (doing == Doing.EMERGENCY, Level.EMERGENCY, _w("Đang phát lệnh khẩn cấp.")),
        (said.faults != 0, Level.FAULT, ""),
        (doing is None or clock is None, Level.UNKNOWN, _w("Đã kết nối, chưa báo trạng thái.")),
        (
            doing == Doing.WITHOUT_TIME or (clock or 0) <= ClockQuality.FLOOR,
            Level.FAULT,
            _w("Không biết giờ nên giữ im lặng. Kiểm tra mạng và pin đồng hồ."),
        ),
        (doing == Doing.STOPPED, Level.WARNING, _w("Loa đang bị dừng tại chỗ hoặc theo lệnh.")),
        (said.in_force <= NO_ASSIGNMENT, Level.WARNING, _w("Chưa có lịch phát.")),
        (said.wanted > said.in_force, Level.WARNING, _w("Đang tải lịch mới.")),
        (doing == Doing.SOUNDING, Level.GOOD, _w("Đang phát.")),
        (doing == Doing.SILENT, Level.GOOD, _w("Sẵn sàng.")),
        (True, Level.UNKNOWN, _w("Hộp báo một trạng thái mà hệ thống này chưa biết.")),
    )
    return next((level, words) for applies, level, words in table if applies)


def fault_names(faults: int) -> list[str]:
    """The faults whose bits are set, in words; a bit that this version does not know by its number."""
    names = {
        FaultCode.AUDIO_DEVICE: _("Thiết bị âm thanh hỏng hoặc bị rút"),
        FaultCode.CONTENT_DAMAGED: _("Tệp âm thanh bị hỏng, đang tải lại"),
        FaultCode.DISK_FULL: _("Hết chỗ lưu trữ"),
        FaultCode.STORE: _("Kho dữ liệu trong hộp bị lỗi"),
        FaultCode.CLOCK: _("Đồng hồ sai"),
        FaultCode.FETCH: _("Không tải được nội dung"),
        FaultCode.MANIFEST_REFUSED: _("Hộp từ chối lịch phát"),
        FaultCode.ORDER_REFUSED: _("Hộp từ chối lệnh khẩn cấp"),
        FaultCode.CONFLICT: _("Hai máy chủ cùng dùng một khóa"),
        FaultCode.TRUST: _("Danh sách người ký hết hạn, sắp hết hạn hoặc bị từ chối"),
        FaultCode.ANNOUNCER: _("Bản ghi của phát thanh viên không dùng được, hộp phát bản có sẵn"),
        FaultCode.PLAYER: _("Bộ phận phát âm thanh bị treo, đã khởi động lại"),
        FaultCode.NOT_HEARD: _("Đã phát nhưng không nghe thấy ở loa"),
        FaultCode.BOARD: _("Bảng tin hỏng hoặc bị rút"),
        FaultCode.PANEL: _(
            "Bảng điều khiển có lỗi: nút, khóa bị kẹt, hoặc dây, micrô, rơ le, tệp khóa không dùng được"
        ),
        FaultCode.SERVICE: _("Công tắc bảo trì đang khóa âm ly"),
        FaultCode.TAMPER: _("Tủ thiết bị bị mở"),
        FaultCode.MAINS: _("Mất điện lưới, đang chạy bằng ắc quy"),
        FaultCode.DURESS: _("Có người bị ép bấm nút"),
    }
    bits = [bit for bit in range(faults.bit_length()) if faults >> bit & 1]
    return [names[FaultCode(bit)] if bit in names else _("Lỗi số %(n)d") % {"n": bit} for bit in bits]


def clock_name(quality: int | None) -> str:
    """Where the box has its time from, in words."""
    names: dict[int, str] = {
        ClockQuality.NONE: _("không có"),
        ClockQuality.FLOOR: _("chỉ biết mốc đã lưu"),
        ClockQuality.NITZ: _("giờ nhà mạng"),
        ClockQuality.RTC: _("đồng hồ của chính hộp"),
        ClockQuality.GNSS: _("vệ tinh"),
        ClockQuality.NTP: _("mạng (NTP)"),
        ClockQuality.SIGNED: _("giờ có chữ ký"),
    }
    return names.get(-1 if quality is None else quality, _("chưa rõ"))


def same_code(typed: str, code: str) -> bool:
    """Whether somebody typed this enrolment code, however they wrote its dash and letters."""
    return "".join(c for c in typed.upper() if c.isalnum()) == code.replace("-", "").upper()


class Change(enum.StrEnum):
    """What a person may do to a box in its stage."""

    APPROVE = "approve"
    PLACE = "place"
    RETIRE = "retire"


CHANGES: Final = {
    Stage.WAITING: frozenset({Change.APPROVE, Change.RETIRE}),
    Stage.APPROVED: frozenset({Change.PLACE, Change.RETIRE}),
    Stage.RETIRED: frozenset({Change.APPROVE}),
}
