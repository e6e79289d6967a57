"""What officers type in about a bulletin; the deciding is in `services`."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from controller.library.models import Class, Voice
from controller.library.services import MAX_TEXT, MAX_TITLE, Words
from controller.library.wording import LANGUAGES
from controller.units.forms import UnitField

OTHER: Final = "other"


def language_fields(code: str) -> dict[str, str]:
    """What the two fields of a bulletin's language hold for this one."""
    return {"language": code} if code in dict(LANGUAGES) else {"language": OTHER, "other_language": code}


class BulletinForm(forms.Form):
    """A new bulletin. All that may be missing is judged by the service, in one place."""

    title = forms.CharField(label=_("Tiêu đề"), max_length=MAX_TITLE, widget=forms.TextInput(attrs={"autofocus": True}))
    unit = UnitField(label=_("Đơn vị"))
    klass = forms.TypedChoiceField(label=_("Loại bản tin"), choices=Class.choices, coerce=int, initial=Class.ORDINARY)
    text = forms.CharField(
        label=_("Nội dung để máy đọc"),
        required=False,
        max_length=MAX_TEXT,
        help_text=_("Viết như công văn: UBND, 07/5/2026, 6h30 sẽ được đọc đầy đủ. Mỗi đoạn cách nhau một hơi."),
        widget=forms.Textarea(attrs={"rows": 10}),
    )
    voice = forms.ChoiceField(label=_("Giọng đọc"), choices=Voice.choices, initial=Voice.SOUTH)
    audio = forms.FileField(
        label=_("Hoặc tệp ghi âm"),
        required=False,
        allow_empty_file=True,
        help_text=_("MP3, M4A, WAV, OGG, FLAC … tối đa 200 MB, 60 phút. Có tệp này thì máy không đọc chữ."),
        widget=forms.FileInput(attrs={"accept": "audio/*"}),
    )
    picture = forms.FileField(
        label=_("Hình cho bảng tin"),
        required=False,
        allow_empty_file=True,
        help_text=_("PNG hoặc JPEG, tối đa 15 MB. Hiện trên bảng tin cao từ 48 điểm trở lên, dưới tiêu đề."),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
    )
    language = forms.ChoiceField(
        label=_("Ngôn ngữ"),
        choices=[*LANGUAGES, (OTHER, _("Ngôn ngữ khác, ghi mã ở ô dưới"))],
        initial="vi",
        help_text=_("Máy chỉ đọc được tiếng Việt; ngôn ngữ khác cần tệp ghi âm."),
    )
    other_language = forms.CharField(
        label=_("Mã ngôn ngữ khác"),
        max_length=35,
        required=False,
        help_text=_("Mã BCP 47, ví dụ: sti là tiếng Xtiêng. Để trống nếu đã chọn ở trên."),
    )

    def words(self) -> Words:
        data = self.cleaned_data
        language = data["other_language"].strip() if data["language"] == OTHER else data["language"]
        return Words(data["title"], data["text"], language, data["voice"], data["klass"])


class EditForm(BulletinForm):
    """An existing bulletin: it keeps its unit."""

    unit = None  # type: ignore[assignment]  # Django's way to leave out an inherited field
    drop_recording = forms.BooleanField(
        label=_("Bỏ tệp ghi âm đang dùng, để máy đọc chữ"), required=False, widget=forms.CheckboxInput
    )

    drop_picture = forms.BooleanField(label=_("Bỏ hình đang dùng"), required=False, widget=forms.CheckboxInput)

    def __init__(self, *args: Any, has_recording: bool, has_picture: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_recording:
            del self.fields["drop_recording"]
        if not has_picture:
            del self.fields["drop_picture"]


class RefusalForm(forms.Form):
    reason = forms.CharField(
        label=_("Lý do"), required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )
