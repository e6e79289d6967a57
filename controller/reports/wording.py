"""The play log in words. Rows keep what the box signed: codes, ids and English notes. Whoever reads them as evidence
needs titles, names of units, and notes in their own language; the codes stay beside them (CSV) so that nothing is lost.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from controller.library.models import Bulletin
from controller.orders import wording as orders
from controller.orders.models import EmergencyOrder
from controller.reports.models import PlayLogRow
from controller.schedules.models import Schedule, Station
from controller.units.models import Unit
from protocol.report import SHOWN
from protocol.timeline import Cut, RefusalCode

PASS: Final = re.compile(r"([0-9a-f]{32})#(\d+)")
"""The play of an emergency: the order's id and the number of the pass (`timeline.Segment.play`)."""
NUMBERED: Final = re.compile(r"([bs])(\d{1,18})")
"""Ids that manifests give to bulletins and schedules: "b17", "s3"."""


@dataclass(frozen=True)
class Names:
    """Titles and names behind the codes of some rows."""

    bulletins: Mapping[str, str] = field(default_factory=dict)
    causes: Mapping[str, str] = field(default_factory=dict)
    """Of schedules ("s3") and of orders (hex)."""
    stations: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def bulletin(self, row: PlayLogRow) -> str:
        """Its title; empty where there is none or it is not known any more."""
        return self.bulletins.get(row.bulletin, "")

    def cause(self, row: PlayLogRow) -> str:
        """Title of the schedule or the emergency; empty if not known."""
        return self.causes.get(row.cause, "")

    def unit(self, row: PlayLogRow) -> str:
        return self.units.get(row.unit_code, "")

    def sound(self, row: PlayLogRow) -> str:
        """What sounded: the prepared message, the station, or the bulletin."""
        kind, _colon, code = row.sound.partition(":")
        if kind == "message" and code.isdecimal():
            return orders.message_title(int(code))
        if kind == "station":
            return self.stations.get(code, "")
        return self.bulletin(row)

    def what(self, row: PlayLogRow) -> str:
        """The row's subject in a line: a bulletin's title, or the emergency with the number of its pass."""
        if row.sound.startswith(SHOWN):
            return _("Bảng tin: %(title)s") % {"title": self.bulletin(row) or self.cause(row) or row.cause}
        found = PASS.fullmatch(row.play)
        if found is None:
            return self.bulletin(row) or self.cause(row) or self.sound(row) or row.bulletin or row.cause
        title = self.cause(row) or _("Lệnh khẩn cấp %(code)s") % {"code": row.cause[:8]}
        return _("%(title)s, lượt %(n)s") % {"title": title, "n": found[2]}


def names_of(rows: Iterable[PlayLogRow]) -> Names:
    """The names behind these rows' codes: a handful of queries, however many rows."""
    rows = list(rows)
    noted = {word for row in rows for word in re.findall(r"[0-9a-f]{32}|\bs\d{1,18}\b", row.detail)}
    causes = {row.cause for row in rows} | noted
    stations = {row.sound.partition(":")[2] for row in rows if row.sound.startswith("station:")}
    found = EmergencyOrder.objects.select_related("ends__ends").filter(pk__in=[one for one in causes if len(one) == 32])
    schedules = Schedule.objects.filter(pk__in=_numbers("s", causes)).values_list("pk", "title")
    bulletins = Bulletin.objects.filter(pk__in=_numbers("b", {row.bulletin for row in rows}))
    return Names(
        bulletins={f"b{pk}": title for pk, title in bulletins.values_list("pk", "title")},
        causes={f"s{pk}": title for pk, title in schedules} | {order.pk: emergency(order) for order in found},
        stations=dict(Station.objects.filter(pk__in=stations).values_list("code", "name")),
        units=dict(Unit.objects.filter(code__in={row.unit_code for row in rows}).values_list("code", "name")),
    )


def emergency(order: EmergencyOrder) -> str:
    """Whether it was real, and its title: "THẬT: Bão, gió mạnh"."""
    return f"{orders.status_name(order.status)}: {orders.title(order)}"


def note(detail: str, causes: Mapping[str, str]) -> str:
    """The box's note in the reader's language; what this version does not know stays as the box wrote it."""
    whole = _phrase(detail, causes)
    if whole is not None:
        return whole
    head, before, rest = detail.partition(_NEVER_BEGAN)
    if before and not rest:
        return _("%(what)s (chưa ra tiếng)") % {"what": note(head, causes)}
    parts = detail.split("; ")
    return "; ".join(_phrase(part, causes) or part for part in parts)


_NEVER_BEGAN: Final = " (before its first sample)"


def _phrase(text: str, causes: Mapping[str, str]) -> str | None:
    """One phrase of the agent in words; None if it is not known."""
    for pattern, words in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None:
            return words(found)
    code, colon, by = text.partition(": ")
    known = _codes().get(code)
    if known is None:
        return None
    return f"{known}: {causes.get(by, by)}" if colon else known


def _codes() -> dict[str, str]:
    """Words that stand alone or before a colon (agent: core/cueing, services/content, services/playing, player)."""
    return {
        Cut.EMERGENCY: _("lệnh khẩn cấp chen vào"),
        Cut.PRECEDENCE: _("nhường mục có mức ưu tiên cao hơn"),
        Cut.STOPPED: _("loa bị khóa"),
        Cut.QUIET: _("đến giờ yên lặng"),
        Cut.SESSION: _("hết thời lượng của một buổi phát"),
        Cut.SLOT: _("hết khung giờ"),
        Cut.VALIDITY: _("lịch phát hết hiệu lực"),
        Cut.ENDED: _("lệnh đã bị hủy hoặc thay thế"),
        RefusalCode.LATE: _("quá giờ cho phép bắt đầu: hộp mất điện, bị khóa hoặc đang phát khẩn cấp"),
        RefusalCode.SESSION_LENGTH: _("buổi phát sẽ dài quá quy định"),
        RefusalCode.SESSION_COUNT: _("đã đủ số buổi phát trong ngày"),
        RefusalCode.CUT_INTERRUPTED: _("bị ngắt quá lâu nên không phát tiếp"),
        RefusalCode.CUT_QUIET: _("dừng khi đến giờ yên lặng"),
        RefusalCode.CUT_SESSION: _("dừng khi hết thời lượng của một buổi phát"),
        RefusalCode.CUT_VALIDITY: _("dừng khi lịch phát hết hiệu lực"),
        "cancelled": _("lệnh đã bị hủy"),
        "replaced": _("lệnh đã được thay thế"),
        "the player failed": _("phần phát trên hộp gặp lỗi"),
        "the voice ended": _("người nói đã dừng"),
        "withdrawn": _("lịch hoặc bản tin đã được rút"),
        "the programme changed": _("lịch phát đã thay đổi"),
        "the speaker was closed": _("đầu phát của hộp đã đóng"),
        "the daemon was stopped": _("phần mềm trên hộp được dừng"),
        "interrupted": _("hộp mất điện hoặc phần mềm trên hộp dừng đột ngột"),
        "the sound device did not answer": _("thiết bị âm thanh không trả lời"),
        "sound device": _("thiết bị âm thanh báo lỗi"),
        "content not here": _("hộp chưa có tệp âm thanh"),
        "content damaged": _("tệp âm thanh bị hỏng"),
    }


def _without(why: str) -> str:
    """Why a sound was not at hand."""
    return _phrase(why, {}) or why


_WHY: Final = (
    "content not here: the built-in sounds are gone, install the agent again"
    "|content damaged: not a sound that this box can decode|content not here|content damaged"
)
_Words = Callable[[re.Match[str]], str]
_PATTERNS: Final[tuple[tuple[re.Pattern[str], _Words], ...]] = (
    (
        re.compile(r"shown: (\w+), (\d+) pictures, SHA-256 ([0-9a-f]{16})[0-9a-f]{48}"),
        lambda found: _("%(n)s hình, SHA-256 %(hash)s…") % {"n": found[2], "hash": found[3]},
    ),
    (
        re.compile(r"not shown: (.+)", re.DOTALL),
        lambda found: _("bảng không hiện: %(why)s") % {"why": found[1]},
    ),
    (
        re.compile("interrupted: the box lost power or the daemon ended"),
        lambda _found: _codes()["interrupted"],
    ),
    (
        re.compile("content damaged: not a sound that this box can decode"),
        lambda _found: _("tệp âm thanh không giải mã được"),
    ),
    (
        re.compile("content not here: the built-in sounds are gone, install the agent again"),
        lambda _found: _("hộp mất các âm thanh có sẵn; hãy cài lại phần mềm của hộp"),
    ),
    (
        re.compile(rf"({_WHY}): sounded message (\d+) instead"),
        lambda found: (
            _("%(why)s, đã phát thông điệp “%(title)s” thay thế")
            % {"why": _without(found[1]), "title": orders.message_title(int(found[2])) or found[2]}
        ),
    ),
    (
        re.compile(rf"({_WHY}): sounded message (\d+) instead, spoken by the box"),
        lambda found: (
            _("%(why)s, đã phát thông điệp “%(title)s” thay thế rồi tự đọc chữ kèm theo lệnh")
            % {"why": _without(found[1]), "title": orders.message_title(int(found[2])) or found[2]}
        ),
    ),
    (
        re.compile(rf"({_WHY}): spoken by the box"),
        lambda found: _("%(why)s, hộp đã tự đọc thay thế") % {"why": _without(found[1])},
    ),
    (
        re.compile(rf"({_WHY}): sounded a siren instead"),
        lambda found: _("%(why)s, đã phát tiếng còi hoặc chuông thay thế") % {"why": _without(found[1])},
    ),
    (
        re.compile("the words of the order could not be spoken: sounded a siren instead"),
        lambda _found: _("hộp không đọc được lời tự soạn của lệnh, đã phát tiếng còi hoặc chuông thay thế"),
    ),
    (
        re.compile(r"fallback: station (\S+) cannot be received"),
        lambda found: _("không thu được đài %(station)s, đã phát nội dung dự phòng") % {"station": found[1]},
    ),
    (
        re.compile(r"station (\S+) cannot be received, and the entry has no fallback"),
        lambda found: _("không thu được đài %(station)s và mục này không có nội dung dự phòng") % {"station": found[1]},
    ),
    (
        re.compile(r"station (\S+) cannot be received; its fallback: (.+)"),
        lambda found: (
            _("không thu được đài %(station)s; nội dung dự phòng: %(why)s")
            % {"station": found[1], "why": _phrase(found[2], {}) or found[2]}
        ),
    ),
    (
        re.compile(r"acoustic (\S+) < (\S+)"),
        lambda found: (
            _("micrô không nghe thấy (điểm %(score)s, cần %(least)s)") % {"score": found[1], "least": found[2]}
        ),
    ),
    (
        re.compile(r"electrical (\S+) < (\S+)"),
        lambda found: (
            _("dòng điện ra loa không theo âm thanh (điểm %(score)s, cần %(least)s)")
            % {"score": found[1], "least": found[2]}
        ),
    ),
    (
        re.compile(r"(?:acoustic|electrical): heard in (\d+) of (\d+) parts"),
        lambda found: _("chỉ nghe thấy %(n)s trong %(all)s phần") % {"n": found[1], "all": found[2]},
    ),
    (
        re.compile(r"(?:acoustic|electrical): too short or too even to tell"),
        lambda found: _("quá ngắn hoặc quá đều để kết luận"),
    ),
    (
        re.compile(r"acoustic: (?:the microphone|PyAudio) .+"),
        lambda found: _("micrô ở hộp không hoạt động"),
    ),
    (
        re.compile(r"(?:acoustic|electrical): (?:what was played cannot be read again|the comparison failed): .+"),
        lambda found: _("không so sánh được với âm thanh đã phát"),
    ),
    (
        re.compile(r"electrical: .+: no measurement .+"),
        lambda found: _("mạch đo ở tăng âm không hoạt động"),
    ),
    (
        re.compile(r"clipped: (\S+%) of it at full scale"),
        lambda found: _("âm thanh bị vỡ tiếng (%(share)s chạm mức tối đa)") % {"share": found[1]},
    ),
)


def _numbers(letter: str, codes: Iterable[str]) -> list[int]:
    found = (NUMBERED.fullmatch(code) for code in codes)
    return [int(one[2]) for one in found if one is not None and one[1] == letter]
