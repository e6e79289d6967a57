"""The parts of the console in the order in which officers meet them."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True)
class Part:
    name: str
    """Name of the URL."""
    title: object
    """Lazy translation."""


PARTS = (
    Part("console:home", pgettext_lazy("part", "Trang chủ")),
    Part("library:list", pgettext_lazy("part", "Bản tin")),
    Part("schedules:list", pgettext_lazy("part", "Lịch phát")),
    Part("orders:list", pgettext_lazy("part", "Khẩn cấp")),
    Part("boxes:list", pgettext_lazy("part", "Hộp thiết bị")),
    Part("reports:log", pgettext_lazy("part", "Nhật ký phát")),
    Part("units:tree", pgettext_lazy("part", "Các đơn vị")),
    Part("trust:overview", pgettext_lazy("part", "Người được tin cậy")),
    Part("accounts:people", pgettext_lazy("part", "Người dùng")),
)


@dataclass(frozen=True)
class Link:
    title: object
    url: str
    here: bool
    """The page being shown is in this part."""
    urgent: bool


def links(path: str) -> list[Link]:
    """The parts; the one with the longest matching path is "here"."""
    found = [(part, reverse(part.name)) for part in PARTS]
    here = max((url for _, url in found if path == url or (url != "/" and path.startswith(url))), key=len, default="")
    return [Link(part.title, url, url == here, part.name == "orders:list") for part, url in found]
