"""Lengths of time in words."""

from django.utils.translation import gettext as _


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
