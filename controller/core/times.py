"""Time as people here read it: the unit's wall clock, and ages in words. Pure: `now` comes in."""

import datetime as dt
import math
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")


def today(now: dt.datetime) -> dt.date:
    """The local day of this instant."""
    return now.astimezone(ZONE).date()


def shown(at: dt.datetime | None) -> str:
    """`dd/mm/yyyy HH:MM` on the local clock; a dash for never."""
    return f"{at.astimezone(ZONE):%d/%m/%Y %H:%M}" if at else "–"


def shown_to_the_second(at: dt.datetime | None) -> str:
    """`dd/mm/yyyy HH:MM:SS` on the local clock; a dash for never."""
    return f"{at.astimezone(ZONE):%d/%m/%Y %H:%M:%S}" if at else "–"


def age(at: dt.datetime | None, now: dt.datetime) -> str:
    """How long ago, in words: "5 giây trước"."""
    if at is None:
        return _("chưa bao giờ")
    seconds = int((now - at).total_seconds())
    if seconds < 0:
        return _("vừa xong")
    if seconds < 60:
        return ngettext("%(n)d giây trước", "%(n)d giây trước", seconds) % {"n": seconds}
    if seconds < 3600:
        return ngettext("%(n)d phút trước", "%(n)d phút trước", seconds // 60) % {"n": seconds // 60}
    if seconds < 86_400:
        return ngettext("%(n)d giờ trước", "%(n)d giờ trước", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)d ngày trước", "%(n)d ngày trước", seconds // 86_400) % {"n": seconds // 86_400}


def in_words(length: dt.timedelta) -> str:
    """How long to wait, in whole seconds below a minute, else in whole minutes, rounded up: "2 phút"."""
    seconds = math.ceil(length.total_seconds())
    if seconds < 60:
        return ngettext("%(n)d giây", "%(n)d giây", seconds) % {"n": seconds}
    minutes = math.ceil(seconds / 60)
    return ngettext("%(n)d phút", "%(n)d phút", minutes) % {"n": minutes}
