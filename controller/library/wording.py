"""Lengths of time and languages in words."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

LANGUAGES = (
    ("vi", gettext_lazy("Tiếng Việt")),
    ("km", gettext_lazy("Tiếng Khmer")),
    ("cjm", gettext_lazy("Tiếng Chăm")),
    ("crw", gettext_lazy("Tiếng Chơ Ro")),
    ("yue", gettext_lazy("Tiếng Hoa (Quảng Đông)")),
    ("cmn", gettext_lazy("Tiếng Hoa (phổ thông)")),
    ("en", gettext_lazy("Tiếng Anh")),
)
"""BCP 47, and how people call them: those in which communes speak to their people."""


def language_name(code: str) -> str:
    """A language in people's words; any other one by its code."""
    return str(dict(LANGUAGES).get(code, code))


def length(milliseconds: int) -> str:
    """ "3 phút 20 giây"; never less than a second."""
    minutes, seconds = divmod(max(1, round(milliseconds / 1000)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        _("%(hours)d giờ") % {"hours": hours} if hours else "",
        _("%(minutes)d phút") % {"minutes": minutes} if minutes else "",
        _("%(seconds)d giây") % {"seconds": seconds} if seconds else "",
    ]
    return " ".join(part for part in parts if part)
