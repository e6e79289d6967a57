"""The programs of other people that make sound: ffmpeg and espeak-ng, Debian packages of the same names."""

import shutil

from django.utils.translation import gettext as _

from controller.core.errors import Refused


def program(name: str, package: str) -> str:
    """Where this program is. Raises `Refused` with the way to install it."""
    found = shutil.which(name)
    if found is None:
        raise Refused(
            "",
            _("Máy chủ thiếu chương trình %(name)s nên không làm được âm thanh.") % {"name": name},
            _("Quản trị máy chủ cài bằng lệnh: apt-get install %(package)s") % {"package": package},
        )
    return found
