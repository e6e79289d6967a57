"""Which part of the play log somebody wants to see."""

import datetime as dt

from django import forms
from django.utils.translation import gettext_lazy as _

from controller.core.times import ZONE
from controller.reports.services import Question, result_name
from controller.units.forms import UnitField
from protocol.report import Result


class LogFilter(forms.Form):
    unit = UnitField(label=_("Đơn vị"), required=False)
    since = forms.DateField(label=_("Từ ngày"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("Đến hết ngày"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    result = forms.TypedChoiceField(label=_("Kết quả"), required=False, coerce=int, empty_value=None)
    box = forms.RegexField("^[a-z2-7]{16}$", label=_("Mã hộp"), required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["result"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "–"), *((int(one), result_name(one)) for one in Result)]

    @property
    def asked(self) -> list[forms.BoundField]:
        """The fields that the page shows; `box` comes with links only."""
        return [self[name] for name in ("unit", "since", "until", "result")]

    def question(self, seen: tuple[str, ...]) -> Question:
        """What is asked for, inside the units that the person may see."""
        data = self.cleaned_data if self.is_valid() else {}
        unit = data.get("unit")
        result = data.get("result")
        return Question(
            units=(unit.code,) if unit is not None else seen,
            box=data.get("box") or "",
            since=_midnight(data.get("since")),
            until=_midnight(data.get("until"), days=1),
            result=Result(result) if result is not None else None,
        )


def _midnight(day: dt.date | None, *, days: int = 0) -> dt.datetime | None:
    if day is None or day == dt.date.max:
        return None
    return dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), ZONE)
