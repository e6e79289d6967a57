"""What an officer decides about speaking."""

import binascii
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from controller.accounts import signing
from controller.live.rules import Wanted


class _AnyOf(forms.MultipleChoiceField):
    """What was sent, whatever was offered: `services.prepare` says what is wrong with it."""

    def valid_value(self, value: object) -> bool:
        return isinstance(value, str)


class SpeakForm(forms.Form):
    """Where, for how long, and inside which alarm."""

    area = forms.MultipleChoiceField(label=gettext_lazy("Nơi sẽ nghe"), widget=forms.CheckboxSelectMultiple)
    boxes = _AnyOf(label=gettext_lazy("Hộp sẽ nghe"), required=False)
    offered = forms.BooleanField(required=False)
    """The page has shown boxes to choose: then none chosen is none, not all."""
    minutes = forms.TypedChoiceField(
        label=gettext_lazy("Nói tối đa (phút)"),
        coerce=int,
        initial=10,
        help_text=gettext_lazy("Hết thời gian này tự dừng phát, dù bạn quên tắt."),
    )
    attached = forms.ChoiceField(
        label=gettext_lazy("Nói trong lệnh báo động"),
        required=False,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("Chỉ khi đó lời nói mới được phát trong giờ yên tĩnh, và chen vào tiếng báo động."),
    )
    reason = forms.CharField(label=gettext_lazy("Lý do"), max_length=200, required=False)
    key = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        areas: Sequence[tuple[str, str]],
        alarms: Sequence[tuple[str, str]],
        minutes: Sequence[int],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, list[tuple[Any, Any]]] = {
            "area": list(areas),
            "minutes": [(one, str(one)) for one in minutes],
            "attached": [("", gettext_lazy("Không")), *alarms],
        }
        for name, offered in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = offered
        self.fields["area"].initial = [code for code, _name in areas[:1]]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("offered") and not data.get("boxes"):
            self.add_error("boxes", gettext_lazy("Hãy chọn ít nhất một hộp sẽ nghe."))
        return data

    def wanted(self) -> Wanted:
        """The checked answers; a key that cannot be read is an empty one."""
        data = self.cleaned_data
        try:
            key = signing.from_base64url(data["key"])
        except (ValueError, binascii.Error):
            key = b""
        return Wanted(tuple(data["area"]), key, data["minutes"], data["attached"], data["reason"], tuple(data["boxes"]))
