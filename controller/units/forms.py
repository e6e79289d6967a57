"""One way to name a unit in a form: type a name or a code, choose from today's units."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.core.times import today
from controller.units.models import Unit


class UnitField(forms.CharField):
    """A unit in force today, by its code; the browser offers names while one types (`units/options.html`)."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs={"list": "unit-options", "autocomplete": "off"}))
        super().__init__(max_length=160, **kwargs)

    def clean(self, value: Any) -> Any:
        text = str(super().clean(value)).strip()
        if not text:
            return None
        # The browser puts in "79-26506 Phường Vũng Tàu"; a person may type the code or the exact name.
        units = Unit.objects.on(today(timezone.now()))
        found = list(units.filter(code=text.split()[0])) or list(units.filter(name__iexact=text)[:2])
        if len(found) == 1:
            return found[0]
        if found:
            raise forms.ValidationError(
                _("Có nhiều đơn vị tên “%(text)s”. Hãy chọn một dòng trong danh sách gợi ý.") % {"text": text}
            )
        raise forms.ValidationError(
            _("Không có đơn vị “%(text)s”. Hãy gõ tên hoặc mã rồi chọn trong danh sách gợi ý.") % {"text": text}
        )
