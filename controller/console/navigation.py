"""The parts of the console in the order in which officers meet them."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Part:
    name: str
    """Name of the URL."""
    title: object
    """Lazy translation."""


PARTS = (
    Part("console:home", _("Trang chủ")),
    Part("library:list", _("Bản tin")),
    Part("schedules:list", _("Lịch phát")),
    Part("orders:list", _("Khẩn cấp")),
    Part("boxes:list", _("Hộp thiết bị")),
    Part("reports:log", _("Nhật ký phát")),
    Part("units:tree", _("Các đơn vị")),
    Part("accounts:people", _("Người dùng")),
)


@dataclass(frozen=True)
class Link:
    title: object
    url: str
    here: bool
    """The page being shown is in this part."""
    urgent: bool


def links(path: str) -> list[Link]:
    """The parts that this installation has; the one with the longest matching path is "here"."""
    found = []
    for part in PARTS:
        try:
            found.append((part, reverse(part.name)))
        except NoReverseMatch:  # an installation may leave an app out
            continue
    here = max((url for _, url in found if path == url or (url != "/" and path.startswith(url))), key=len, default="")
    return [Link(part.title, url, url == here, part.name == "orders:list") for part, url in found]
