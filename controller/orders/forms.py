"""What an officer decides about an emergency, and a signature that comes from a page or a file."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controller.core.errors import Refused
from controller.orders import rules, wording
from controller.orders.rules import Alarm
from protocol.order import MAX_LIFETIME_S, Severity, Status

MAX_SIGNATURE_FILE: Final = 4_096


class AlarmForm(forms.Form):
    """Real, drill or test is asked each time: nothing is chosen beforehand."""

    message = forms.TypedChoiceField(label=gettext_lazy("Nội dung"), coerce=int, widget=forms.RadioSelect)
    area = forms.MultipleChoiceField(label=gettext_lazy("Khu vực"), widget=forms.CheckboxSelectMultiple)
    status = forms.TypedChoiceField(label=gettext_lazy("Đây là"), coerce=int, widget=forms.RadioSelect)
    severity = forms.TypedChoiceField(label=gettext_lazy("Mức độ"), coerce=int, initial=int(Severity.EXTREME))
    repeats = forms.IntegerField(label=gettext_lazy("Số lần phát"), initial=3, min_value=1, max_value=100)
    lifetime = forms.IntegerField(
        label=gettext_lazy("Hiệu lực (phút)"),
        initial=rules.DEFAULT_LIFETIME_S // 60,
        min_value=rules.MIN_LIFETIME_S // 60,
        max_value=MAX_LIFETIME_S // 60,
        help_text=gettext_lazy("Sau thời gian này không hộp nào phát nữa, dù nhận được muộn."),
    )
    reason = forms.CharField(label=gettext_lazy("Căn cứ, lý do"), max_length=200, required=False)

    def __init__(self, areas: Sequence[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choose("message", [(one.code, wording.message_title(one.code)) for one in rules.OFFERED])
        self._choose("area", list(areas))
        self._choose("status", [(int(one), wording.status_name(one)) for one in Status])
        self._choose("severity", [(int(one), wording.severity_name(one)) for one in reversed(Severity)])

    def _choose(self, name: str, choices: Sequence[tuple[Any, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def alarm(self) -> Alarm:
        """The checked answers."""
        data = self.cleaned_data
        return Alarm(
            message=data["message"],
            area=tuple(data["area"]),
            severity=Severity(data["severity"]),
            status=Status(data["status"]),
            repeats=data["repeats"],
            lifetime_s=data["lifetime"] * 60,
            reason=data["reason"],
        )


@dataclass(frozen=True)
class Signed:
    """A signature as it was handed in."""

    public_key: bytes
    value: bytes


class _File(msgspec.Struct, frozen=True):
    """What `loalang sign` writes."""

    loalang: str
    order: str
    public: str
    signature: str


def from_fields(public: str, value: str) -> Signed:
    """From the hidden fields that the page's script filled. Raises `Refused`."""
    return Signed(_bytes(public, 32), _bytes(value, 64))


def from_file(data: bytes, order: str) -> Signed:
    """From a file of `loalang sign`. Raises `Refused`."""
    try:
        file = msgspec.json.decode(data[:MAX_SIGNATURE_FILE], type=_File)
    except msgspec.DecodeError as error:
        raise Refused("file", _("Đây không phải tệp chữ ký."), _("Chọn tệp do lệnh “loalang sign” tạo ra.")) from error
    if file.loalang != "signature/1" or file.order != order:
        raise Refused("file", _("Tệp chữ ký này thuộc lệnh khác."), _("Tải yêu cầu ký của đúng lệnh này rồi ký lại."))
    return Signed(_bytes(file.public, 32), _bytes(file.signature, 64))


def _bytes(text: str, length: int) -> bytes:
    text = text.strip().rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != length:
        raise Refused("signature", _("Chưa có chữ ký."), _("Chọn tệp khóa, nhập mật khẩu rồi bấm “Ký”."))
    return data
