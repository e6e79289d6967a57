"""What people type in about themselves and others; the deciding is in `services`."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate, password_validation
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controller.accounts import attempts, signing
from controller.accounts.models import KeyKind, Person, Role
from controller.core.times import in_words
from controller.units.forms import UnitField


class LoginForm(forms.Form):
    username = forms.CharField(
        label=_("Tên đăng nhập"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Mật khẩu"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.person: Person | None = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        username, password = data.get("username", "").strip().lower(), data.get("password")
        if not username or not password:
            return data
        address = attempts.address_of(self.request.META.get("REMOTE_ADDR", ""))
        if wait := attempts.begin(username, address, timezone.now()):
            raise forms.ValidationError(
                _("Đã nhập sai quá nhiều lần. Hãy đợi %(wait)s rồi thử lại, hoặc nhờ quản trị viên cấp mật khẩu mới.")
                % {"wait": in_words(wait)}
            )
        person = authenticate(self.request, username=username, password=password)
        if not isinstance(person, Person):
            attempts.failed(username, address)
            raise forms.ValidationError(
                _("Tên đăng nhập hoặc mật khẩu không đúng. Nếu quên, hãy nhờ quản trị viên cấp mật khẩu mới.")
            )
        attempts.succeeded(username, address)
        self.person = person
        return data


class PasswordForm(forms.Form):
    old = forms.CharField(
        label=_("Mật khẩu hiện tại"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    new = forms.CharField(
        label=_("Mật khẩu mới"),
        strip=False,
        help_text=_("Ít nhất 10 ký tự. Ba từ ghép lại thì dễ nhớ và khó đoán."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("Nhập lại mật khẩu mới"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, person: Person, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        if person.must_change_password:
            # Whoever is here has just logged in with the one-time password: giving one out ends all other sessions.
            del self.fields["old"]
            self.fields["new"].widget.attrs["autofocus"] = True

    def clean_old(self) -> str:
        old = str(self.cleaned_data["old"])
        if not self.person.check_password(old):
            raise forms.ValidationError(_("Mật khẩu hiện tại không đúng."))
        return old

    def clean_new(self) -> str:
        new = str(self.cleaned_data["new"])
        password_validation.validate_password(new, self.person)
        if self.person.check_password(new):
            raise forms.ValidationError(_("Mật khẩu mới phải khác mật khẩu hiện tại."))
        return new

    def clean_again(self) -> str:
        again = str(self.cleaned_data["again"])
        if "new" in self.cleaned_data and again != self.cleaned_data["new"]:
            raise forms.ValidationError(_("Hai lần nhập mật khẩu mới không giống nhau."))
        return again


class KeyForm(forms.Form):
    """What goes with the proof that a key is at hand (`signing.read` reads that); the page's script fills it in."""

    kind = forms.ChoiceField(choices=KeyKind.choices, initial=KeyKind.FILE, widget=forms.HiddenInput)
    named = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    credential = forms.CharField(max_length=1400, required=False, widget=forms.HiddenInput)
    label = forms.CharField(
        label=_("Tên gợi nhớ"),
        max_length=64,
        required=False,
        help_text=_("Có thể để trống. Ví dụ: “điện thoại của Hoa”, “USB màu đỏ”."),
    )

    def clean_credential(self) -> bytes:
        try:
            return signing.from_base64url(str(self.cleaned_data["credential"]))
        except ValueError as error:
            raise forms.ValidationError(_("Không đọc được khóa. Hãy tải lại trang rồi đăng ký lại.")) from error


class AppointmentForm(forms.Form):
    role = forms.ChoiceField(label=_("Vai trò"), choices=Role.choices)
    unit = UnitField(label=_("Ở đơn vị"), help_text=_("Vai trò có hiệu lực ở đơn vị này và mọi đơn vị bên dưới."))
    valid_to = forms.DateField(
        label=_("Thôi giữ vai trò từ ngày"),
        required=False,
        help_text=_("Để trống nếu không có thời hạn."),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class PersonForm(AppointmentForm):
    display_name = forms.CharField(label=_("Họ và tên"), max_length=64)
    username = forms.CharField(
        label=_("Tên đăng nhập"),
        max_length=30,
        help_text=_("Chữ thường không dấu, ví dụ “hoa.vungtau”."),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off"}),
    )
    field_order = ("display_name", "username", "role", "unit", "valid_to")
