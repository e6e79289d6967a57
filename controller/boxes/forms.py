"""What technicians type in about boxes."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from controller.boxes.models import Box
from controller.boxes.rules import same_code
from controller.units.forms import UnitField
from protocol.ids import enrolment_code


class PlaceForm(forms.Form):
    name = forms.CharField(label=_("Tên cụm loa"), max_length=64, help_text=_("Ví dụ: “Nhà văn hóa ấp Phước Trinh”."))
    unit = UnitField(label=_("Đơn vị"), help_text=_("Gõ tên xã, phường rồi chọn trong danh sách gợi ý."))
    site = forms.CharField(label=_("Vị trí"), max_length=200, required=False, help_text=_("Cột, đường, mốc dễ tìm."))
    gain_db = forms.DecimalField(
        label=_("Âm lượng riêng (dB)"),
        decimal_places=1,
        max_digits=4,
        initial=0,
        help_text=_("0 là như lịch; số âm là nhỏ hơn. Từ −20 đến +6."),
    )

    @property
    def gain_cb(self) -> int:
        """Hundredths of a bel."""
        return int(self.cleaned_data["gain_db"] * 10)


class ApproveForm(PlaceForm):
    code = forms.CharField(
        label=_("Mã ghi trên hộp"),
        max_length=20,
        help_text=_("Tám ký tự trên nhãn hoặc trên trang tại chỗ của hộp, dạng XXXX-XXXX."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "class": "code"}),
    )
    field_order = ("code", "name", "unit", "site", "gain_db")

    def __init__(self, box: Box, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.box = box

    def clean_code(self) -> str:
        code = str(self.cleaned_data["code"])
        if not same_code(code, enrolment_code(self.box.pk)):
            raise forms.ValidationError(
                _("Mã này không phải của hộp đang xem. Đọc lại nhãn; nếu vẫn khác thì đây là hộp khác, đừng duyệt.")
            )
        return code


class CodeForm(forms.Form):
    """A code alone: of the box that somebody stands before."""

    code = forms.CharField(
        label=_("Mã ghi trên hộp mới"),
        max_length=20,
        help_text=_("Tám ký tự trên nhãn hoặc trên trang tại chỗ của hộp, dạng XXXX-XXXX."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "class": "code"}),
    )


class GroupForm(forms.Form):
    name = forms.CharField(label=_("Tên nhóm"), max_length=64, help_text=_("Ví dụ: “Các trường học”, “Ven biển”."))
    unit = UnitField(label=_("Đơn vị"))
    boxes = forms.ModelMultipleChoiceField(
        Box.objects.none(), label=_("Hộp trong nhóm"), widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(self, boxes: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["boxes"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = boxes
