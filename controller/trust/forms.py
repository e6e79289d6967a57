"""What an administrator decides about one person of a unit."""

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from controller.accounts.models import PersonKey
from controller.trust.wording import ROLES
from controller.units.forms import UnitField
from protocol.roles import Role

KEY = _("Khóa của người được giao")


class FindUnitForm(forms.Form):
    unit = UnitField(label=_("Đơn vị khác"))


class OfficerForm(forms.Form):
    key = forms.ChoiceField(label=KEY)
    roles = forms.MultipleChoiceField(label=_("Được làm gì"), widget=forms.CheckboxSelectMultiple)
    starts = forms.DateField(
        label=_("Từ ngày"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Trống: từ bây giờ."),
    )
    ends = forms.DateField(
        label=_("Đến hết ngày"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("Người thay thế có ngày hết; trống: đến khi có danh sách khác."),
    )
    reason = forms.CharField(label=_("Lý do"), max_length=200, required=False)

    def __init__(self, keys: list[PersonKey], *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        offered = [(str(row.pk), f"{row.person.display_name} · {row.label} · {row.fingerprint}") for row in keys]
        self.fields["key"].choices = [("", _("Chọn người và khóa")), *offered]  # type: ignore[attr-defined]
        self.fields["roles"].choices = [(role.name, words) for role, words in ROLES.items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        starts, ends = cleaned.get("starts"), cleaned.get("ends")
        if isinstance(starts, dt.date) and isinstance(ends, dt.date) and ends < starts:
            self.add_error("ends", _("Ngày hết nằm trước ngày bắt đầu. Chọn lại một trong hai."))
        return cleaned

    def chosen(self) -> tuple[Role, ...]:
        return tuple(Role[name] for name in self.cleaned_data["roles"])
