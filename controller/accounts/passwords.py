"""What a new password must be, refused in our own sentences: Django's Vietnamese catalogue lacks them, so an officer
read them in English. The rules are Django's own validators; only their words are replaced.

The sentences say what to do, not only what is wrong.
"""

from typing import Any

from django.contrib.auth import password_validation as django_rules
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class NotTooShort(django_rules.MinimumLengthValidator):
    def validate(self, password: str, user: Any = None) -> None:
        if len(password) < self.min_length:
            raise ValidationError(self.get_help_text(), code="password_too_short")

    def get_help_text(self) -> str:
        sentence = ngettext(
            "Mật khẩu quá ngắn: cần ít nhất %(n)d ký tự. Ba từ ghép lại là đủ.",
            "Mật khẩu quá ngắn: cần ít nhất %(n)d ký tự. Ba từ ghép lại là đủ.",
            self.min_length,
        )
        return sentence % {"n": self.min_length}


class NotCommon(django_rules.CommonPasswordValidator):
    def validate(self, password: str, user: Any = None) -> None:
        try:
            super().validate(password, user)
        except ValidationError as error:
            raise ValidationError(self.get_help_text(), code="password_too_common") from error

    def get_help_text(self) -> str:
        return _("Mật khẩu này nhiều người dùng nên dễ đoán. Hãy ghép ba từ không liên quan với nhau.")


class NotLikeThePerson(django_rules.UserAttributeSimilarityValidator):
    def __init__(self) -> None:
        super().__init__(user_attributes=("username", "display_name"))

    def validate(self, password: str, user: Any = None) -> None:
        try:
            super().validate(password, user)
        except ValidationError as error:
            raise ValidationError(self.get_help_text(), code="password_too_similar") from error

    def get_help_text(self) -> str:
        return _("Mật khẩu quá giống tên của bạn. Hãy ghép ba từ không liên quan với nhau.")
