"""Schedules and rules in sentences: hours, weekdays, recurrences, why something may not sound."""

import datetime as dt
from typing import Literal

from django.utils.formats import number_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from controller.core.errors import Refused
from controller.library.wording import length
from controller.schedules.foresight import Left
from controller.schedules.rules import Conflict, Recurrence, Trouble
from controller.schedules.unheard import Unheard, Whose
from protocol.manifest import Hours, Policy
from protocol.quantities import EVERY_DAY
from protocol.timeline import RefusalCode, refusal_sentence


def hours(stretch: Hours) -> str:
    """`21:00–05:00`."""
    return f"{_clock(stretch.start)}–{_clock(stretch.end)}"


def weekdays(mask: int) -> str:
    """ "thứ hai, thứ tư"; bit 0 is Monday."""
    names = (_("thứ hai"), _("thứ ba"), _("thứ tư"), _("thứ năm"), _("thứ sáu"), _("thứ bảy"), _("chủ nhật"))
    return ", ".join(name for day, name in enumerate(names) if mask >> day & 1)


def recurrence(rule: str) -> str:
    """A rule of the form in words; any other rule as it stands."""
    known = Recurrence.of(rule)
    if known is None:
        return rule
    if known.weekdays == 0:
        return _("một lần")
    if known.weekdays == EVERY_DAY:
        return _("hằng ngày")
    return _("mỗi tuần vào %(days)s") % {"days": weekdays(known.weekdays)}


def moment(local: dt.datetime) -> str:
    """Local wall time: dd/mm/yyyy HH:MM, with seconds where they are not zero."""
    return f"{local:%d/%m/%Y %H:%M:%S}" if local.second else f"{local:%d/%m/%Y %H:%M}"


def refusal(found: Conflict, place: str, allowed: dt.datetime | None, *, by_roots: bool = False) -> Refused:
    """What the officer is told of a conflict in this place, with the next time that is allowed.

    `by_roots`: the roots say so, and no regulation of the server can allow it.
    """
    at = moment(found.start)
    stretch = hours(found.hours) if found.hours else ""
    match found.trouble:
        case Trouble.QUIET:
            message = _("Lúc %(at)s là giờ yên lặng (%(hours)s) ở %(place)s.")
        case Trouble.RUNS_INTO_QUIET:
            message = _("Bắt đầu lúc %(at)s thì chưa hết bản tin đã đến giờ yên lặng (%(hours)s) ở %(place)s.")
        case Trouble.EARLY:
            message = _("Lúc %(at)s: khung giờ %(hours)s ở %(place)s chỉ được phát khi cấp tỉnh cho phép bằng văn bản.")
        case Trouble.DAY:
            message = _("Lúc %(at)s: quy định ở %(place)s không cho phát vào ngày đó trong tuần.")
        case Trouble.TOO_LONG:
            message = _("Chương trình dài hơn %(limit)s, là thời lượng tối đa của một buổi phát ở %(place)s.")
    if by_roots:
        place = _("%(place)s, theo danh sách gốc của tỉnh") % {"place": place}
    limit = length((found.limit_s or 0) * 1000)
    field = "bulletins" if found.trouble is Trouble.TOO_LONG else "first"
    if found.trouble is Trouble.TOO_LONG:
        way_out = _("Hãy bớt bản tin hoặc số lần lặp, hoặc chia thành nhiều lịch phát.")
    elif allowed is None:
        way_out = _("Quy định hiện nay không có giờ nào đủ dài; hãy rút ngắn chương trình.")
    elif found.trouble is Trouble.EARLY:
        way_out = _("Giờ gần nhất được phép: %(allowed)s. Nếu đã có văn bản, quản trị viên ghi vào trang Quy định.")
    else:
        way_out = _("Giờ gần nhất được phép: %(allowed)s.")
    values = {"at": at, "hours": stretch, "place": place, "limit": limit}
    return Refused(field, message % values, way_out % {"allowed": moment(allowed)} if allowed else way_out)


def crowded(left: Left, place: str) -> Refused:
    """What the officer is told when the sessions of a day have no room for this schedule."""
    what = refusal_sentence(left.refusal, left.manifest, language())
    return Refused(
        "first",
        _("Thêm lịch này thì ở %(place)s có bản tin không được phát trọn vẹn: %(what)s")
        % {"place": place, "what": what},
        _("Chọn giờ khác, ngày khác hoặc nơi khác."),
    )


def unheard(row: Unheard) -> str:
    """What of a schedule is not heard, how often in the week ahead, and by whose rule."""
    stretch = hours(row.against.hours) if row.against.hours else ""
    match row.against.code:
        case RefusalCode.QUIET if stretch:
            why = _("không phát: rơi vào giờ yên lặng %(hours)s, %(whose)s")
        case RefusalCode.QUIET:
            why = _("không phát: ngày đó trong tuần không được phát, %(whose)s")
        case RefusalCode.CUT_QUIET:
            why = _("bị cắt giữa chừng: đến giờ yên lặng %(hours)s, %(whose)s")
        case RefusalCode.SESSION_COUNT:
            why = _("không phát: đã hết số buổi phát trong ngày, %(whose)s")
        case RefusalCode.SESSION_LENGTH:
            why = _("không phát: dài hơn một buổi phát cho phép, %(whose)s")
        case RefusalCode.CUT_SESSION:
            why = _("bị cắt giữa chừng: hết thời lượng một buổi phát, %(whose)s")
        case RefusalCode.CUT_INTERRUPTED:
            why = _("bị cắt giữa chừng: lịch khác được ưu tiên chiếm chỗ quá 30 phút")
        case _:
            why = _("không phát: lịch khác chiếm chỗ cho đến khi quá giờ được bắt đầu")
    often = ngettext("%(n)d lần trong 7 ngày tới", "%(n)d lần trong 7 ngày tới", row.times) % {"n": row.times}
    first = _("lần đầu %(at)s") % {"at": moment(row.first.replace(tzinfo=None))}
    return f"{why % {'hours': stretch, 'whose': whose(row.against.whose)}} ({often}, {first})"


def whose(who: Whose) -> str:
    """Whose rule it is, as a clause."""
    return {
        Whose.ROOTS: _("theo danh sách gốc của tỉnh"),
        Whose.PROVINCE: _("theo quy định chung của tỉnh"),
        Whose.UNIT: _("theo quy định của đơn vị"),
        Whose.BOX: _("theo giờ riêng của hộp"),
        Whose.NOBODY: "",
    }[who]


def policy(rule: Policy) -> list[str]:
    """What a policy says, each part a clause: hours, days, sessions, volume."""
    said = []
    if rule.quiet:
        said.append(_("yên lặng %(hours)s") % {"hours": ", ".join(_on_days(one) for one in rule.quiet)})
    if rule.days != EVERY_DAY:
        said.append(_("chỉ phát %(days)s") % {"days": weekdays(rule.days)})
    if rule.max_sessions is not None:
        said.append(
            ngettext("%(n)d buổi mỗi ngày", "%(n)d buổi mỗi ngày", rule.max_sessions) % {"n": rule.max_sessions}
        )
    if rule.max_session_s is not None:
        said.append(_("mỗi buổi dài nhất %(length)s") % {"length": length(rule.max_session_s * 1000)})
    said += [
        _("âm lượng lớn nhất %(gain)s dB lúc %(hours)s")
        % {"gain": number_format(volume.gain_cb / 10, 1), "hours": _on_days(volume.hours)}
        for volume in rule.volume
    ]
    return said


def _on_days(stretch: Hours) -> str:
    return hours(stretch) if stretch.days == EVERY_DAY else f"{hours(stretch)} ({weekdays(stretch.days)})"


def language() -> Literal["vi", "en"]:
    """Of the person who reads this."""
    return "en" if (get_language() or "vi").startswith("en") else "vi"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"
