"""What officers type in about schedules and regulations; the deciding is in `services`."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from controller.core.times import ZONE
from controller.library.models import Bulletin
from controller.schedules import lines
from controller.schedules.places import aimed
from controller.schedules.rules import TEMPLATES, Recurrence
from controller.schedules.services import MAX_BOARD_H, MAX_REPEATS, Draft
from controller.units.forms import UnitField
from protocol.quantities import EVERY_DAY

ONCE, DAILY, WEEKLY = "once", "daily", "weekly"
DAYS = [
    ("0", _("thứ hai")),
    ("1", _("thứ ba")),
    ("2", _("thứ tư")),
    ("3", _("thứ năm")),
    ("4", _("thứ sáu")),
    ("5", _("thứ bảy")),
    ("6", _("chủ nhật")),
]
TEMPLATE_NAMES = [
    ("province_default", _("Mẫu của tỉnh: yên lặng 21:00–05:00, và 05:00–06:00 nếu chưa có văn bản cho phép")),
    ("ward", _("Mẫu của phường: 2 buổi mỗi ngày, mỗi buổi 15 phút, thứ hai đến thứ sáu")),
    ("rural", _("Mẫu nông thôn: mỗi buổi dài nhất 45 phút")),
]
assert {name for name, _label in TEMPLATE_NAMES} == set(TEMPLATES)


class _Keys(forms.Field):
    """Any number of values under one name, as the page's checkboxes send them; the service knows which are good."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> Any:
        return tuple(value or ())


class ScheduleForm(forms.Form):
    """A schedule. Its playlist comes as one field `item-<number>` for each bulletin, holding its place in the order."""

    title = forms.CharField(label=_("Tên lịch phát"), max_length=120)
    unit = UnitField(label=_("Lịch của đơn vị"))
    bulletins = _Keys(label=_("Bản tin"), required=False)
    first = forms.SplitDateTimeField(
        label=_("Lần phát đầu tiên"),
        widget=forms.SplitDateTimeWidget(
            date_attrs={"type": "date"}, time_attrs={"type": "time", "step": "1"}, date_format="%Y-%m-%d"
        ),
    )
    repeat = forms.ChoiceField(
        label=_("Lặp lại"),
        choices=[(ONCE, _("một lần")), (DAILY, _("hằng ngày")), (WEEKLY, _("một số ngày trong tuần"))],
        initial=ONCE,
    )
    days = forms.MultipleChoiceField(
        label=_("Vào các ngày"), choices=DAYS, required=False, widget=forms.CheckboxSelectMultiple
    )
    until = forms.DateField(
        label=_("Ngày cuối"),
        required=False,
        help_text=_("Để trống nếu không có thời hạn."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    targets = _Keys(label=_("Phát ở"), required=False)
    excluded = _Keys(label=_("Trừ ra"), required=False)
    repeats = forms.IntegerField(label=_("Đọc mấy lượt"), initial=1, min_value=1, max_value=MAX_REPEATS)
    gap_s = forms.IntegerField(label=_("Nghỉ giữa các lượt (giây)"), initial=2, min_value=0, max_value=3600)
    commune_order = forms.IntegerField(
        label=_("Thứ tự khi trùng giờ"),
        initial=0,
        min_value=0,
        max_value=1000,
        help_text=_("Trong các lịch cùng loại, số nhỏ phát trước."),
    )
    board_h = forms.IntegerField(
        label=_("Giữ chữ trên bảng tin (giờ)"),
        initial=0,
        min_value=0,
        max_value=MAX_BOARD_H,
        required=False,
        help_text=_("Tính từ mỗi lần bắt đầu phát; 0: chữ chỉ hiện trong lúc phát."),
    )

    def __init__(self, *args: Any, playing: Bulletin | None = None, **kwargs: Any) -> None:
        """`playing` is the bulletin that a new schedule begins with."""
        super().__init__(*args, **kwargs)
        self._playing = playing

    def clean_days(self) -> int:
        return sum(1 << int(day) for day in self.cleaned_data["days"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("repeat") == WEEKLY and not data.get("days") and "days" not in self.errors:
            self.add_error("days", _("Chưa chọn ngày nào. Hãy chọn ít nhất một ngày trong tuần."))
        for place in doubled(self.data):
            text = _("Có nhiều bản tin cùng mang số %(place)d. Ghi cho mỗi bản tin một số khác nhau.")
            self.add_error("bulletins", text % {"place": place})
        return data

    def draft(self) -> Draft:
        """The schedule that was asked for; only of a valid form."""
        data = self.cleaned_data
        mask = {ONCE: 0, DAILY: EVERY_DAY, WEEKLY: data["days"]}[data["repeat"]]
        return Draft(
            title=data["title"],
            unit=data["unit"].code,
            bulletins=order(self.data),
            first=_local(data["first"]),
            targets=aimed(data["targets"]),
            excluded=aimed(data["excluded"]),
            recurrence=Recurrence(mask),
            until=data["until"] if mask else None,
            repeats=data["repeats"],
            gap_s=data["gap_s"],
            commune_order=data["commune_order"],
            board_h=data["board_h"] or 0,
        )

    def playlist(self, bulletins: Iterable[Bulletin]) -> list[tuple[Bulletin, str]]:
        """The bulletins that are offered, with the place that was typed in."""
        places = self.data if self.is_bound else {f"item-{self._playing.pk}": "1"} if self._playing else {}
        return [(row, str(places.get(f"item-{row.pk}", ""))) for row in bulletins]


class PolicyForm(forms.Form):
    unit = UnitField(label=_("Đơn vị"))
    template = forms.ChoiceField(label=_("Quy định"), choices=TEMPLATE_NAMES, widget=forms.RadioSelect)


class PermissionForm(forms.Form):
    unit = UnitField(label=_("Đơn vị được phép"))
    number = forms.CharField(label=_("Số văn bản"), max_length=64)
    issued = forms.DateField(label=_("Ngày văn bản"), widget=forms.DateInput(attrs={"type": "date"}))
    valid_from = forms.DateField(label=_("Có hiệu lực từ ngày"), widget=forms.DateInput(attrs={"type": "date"}))
    valid_to = forms.DateField(
        label=_("Hết hiệu lực từ ngày"),
        required=False,
        help_text=_("Để trống nếu không có thời hạn."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )


class ExceptionForm(forms.Form):
    """Scheduled sound outside the allowed hours, once."""

    unit = UnitField(label=_("Được phát ở"), help_text=_("Gõ tên hoặc mã rồi chọn; cả các đơn vị cấp dưới."))
    start = forms.SplitDateTimeField(
        label=_("Từ lúc"),
        widget=forms.SplitDateTimeWidget(
            date_attrs={"type": "date"}, time_attrs={"type": "time"}, date_format="%Y-%m-%d"
        ),
    )
    end = forms.SplitDateTimeField(
        label=_("Đến lúc"),
        help_text=_("Nhiều nhất 24 giờ sau lúc bắt đầu."),
        widget=forms.SplitDateTimeWidget(
            date_attrs={"type": "date"}, time_attrs={"type": "time"}, date_format="%Y-%m-%d"
        ),
    )
    reason = forms.CharField(
        label=_("Lý do"), max_length=200, help_text=_("Người ký đọc dòng này: việc gì, theo văn bản nào.")
    )


class LineForm(forms.Form):
    """The line beside the time of day on boards."""

    text = forms.CharField(
        label=_("Dòng chữ"), max_length=lines.MAX_TEXT, help_text=_("Ví dụ: 28–34 °C, chiều có dông")
    )
    unit = UnitField(label=_("Hiện ở"), help_text=_("Gõ tên hoặc mã rồi chọn; cả các đơn vị cấp dưới."))
    hours = forms.TypedChoiceField(
        label=_("Hiện trong (giờ)"),
        coerce=int,
        choices=[(hours, str(hours)) for hours in lines.HOURS],
        initial=12,
        help_text=_("Tính từ lúc viết. Hết giờ thì bảng tin tự bỏ dòng này."),
    )


class StationForm(forms.Form):
    """An upper station that may be relayed."""

    name = forms.CharField(label=_("Tên đài"), max_length=120)
    url = forms.CharField(
        label=_("Địa chỉ luồng phát"),
        max_length=300,
        help_text=_("Địa chỉ http:// hoặc https:// mà hộp thiết bị mở để nghe."),
        widget=forms.URLInput(),
    )


class PreviewForm(forms.Form):
    """A moment to be asked about; now when nothing is typed in."""

    at = forms.SplitDateTimeField(
        label=_("Vào lúc"),
        required=False,
        widget=forms.SplitDateTimeWidget(
            date_attrs={"type": "date"}, time_attrs={"type": "time", "step": "1"}, date_format="%Y-%m-%d"
        ),
    )


LAST: Final = 10_000
"""The place of what was typed in and is no number."""


def order(data: Mapping[str, Any]) -> tuple[int, ...]:
    """Numbers of the bulletins that were given a place, by that place. What is no number comes last, as typed."""
    return tuple(number for _place, number in _placed(data))


def doubled(data: Mapping[str, Any]) -> list[int]:
    """The places that more than one bulletin was given: nobody can say which is heard first."""
    counts = Counter(place for place, _number in _placed(data))
    return sorted(place for place, count in counts.items() if count > 1 and place != LAST)


def _placed(data: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(place, number of the bulletin), the first place first."""
    placed = []
    for name, value in data.items():
        number, text = name.removeprefix("item-"), str(value).strip()
        if name != number and number.isdecimal() and text:
            placed.append((int(text) if text.isdecimal() else LAST, int(number)))
    return sorted(placed)


def _local(at: dt.datetime) -> dt.datetime:
    return at.astimezone(ZONE).replace(tzinfo=None)
