"""What an officer decides about an emergency, or about silence."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from controller.orders import composing, wording
from controller.orders.composing import Alarm, Stop
from protocol.messages import OWN_WORDS, PreparedMessage
from protocol.order import MAX_LIFETIME_S, Chime, Severity, Status
from protocol.roles import Role


class OwnWordsForm(forms.Form):
    """What an officer may write for the boxes to speak, what it is about, and what goes before it."""

    words = forms.CharField(
        label=gettext_lazy("Lời tự soạn"),
        required=False,
        widget=forms.Textarea({"rows": 4, "lang": "vi", "data-counted": composing.MAX_WORDS}),
        help_text=gettext_lazy(
            "Nhiều nhất 300 ký tự. Hộp đọc đúng từng chữ bằng giọng máy, bảng tin điện tử hiện cùng lời này; "
            "hãy viết câu ngắn, viết số và chữ tắt thành chữ."
        ),
    )
    event = forms.ChoiceField(label=gettext_lazy("Lời tự soạn nói về việc gì"), required=False)
    chime = forms.TypedChoiceField(
        label=gettext_lazy("Âm báo trước nội dung"),
        coerce=int,
        required=False,
        empty_value=None,
        help_text=gettext_lazy(
            "Theo mức độ: cực kỳ nghiêm trọng là còi hú, nghiêm trọng là còi hai giọng; "
            "nhẹ hơn, và mọi lần diễn tập, là chuông chú ý."
        ),
    )

    def __init__(self, events: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose(self, "event", [(event, wording.event_title(event)) for event in events])
        chimes = [(int(one), wording.chime_name(one)) for one in (*list(Chime)[1:], Chime.NONE)]
        choose(self, "chime", [("", _("theo mức độ")), *chimes])

    def make_room(self, room: int) -> None:
        """The page says while one writes whether words of more bytes than this would make the order too long."""
        self.fields["words"].widget.attrs |= {"data-room": room, "data-heavy": _("quá dài để gửi cùng các chữ ký")}

    def clean_words(self) -> str:
        """One space between words; how long they may be is for `services.prepare` to say."""
        return composing.tidied(self.cleaned_data["words"])

    def written(self) -> dict[str, Any]:
        """The checked answers, as fields of an `Alarm`."""
        data = self.cleaned_data
        chime = None if data["chime"] is None else Chime(data["chime"])
        return {"words": data["words"], "event": data["event"] or composing.OTHER_EVENT, "chime": chime}


class AlarmForm(OwnWordsForm):
    """Real, drill or test is asked each time: nothing is chosen beforehand."""

    field_order = ("message", "words", "event", "area", "status", "severity", "chime")

    message = forms.TypedChoiceField(label=gettext_lazy("Nội dung"), coerce=int, widget=forms.RadioSelect)
    area = forms.MultipleChoiceField(label=gettext_lazy("Khu vực"), widget=forms.CheckboxSelectMultiple)
    status = forms.TypedChoiceField(label=gettext_lazy("Đây là"), coerce=int, widget=forms.RadioSelect)
    severity = forms.TypedChoiceField(label=gettext_lazy("Mức độ"), coerce=int, initial=int(Severity.EXTREME))
    repeats = forms.IntegerField(label=gettext_lazy("Số lần phát"), initial=3, min_value=1, max_value=100)
    lifetime = forms.IntegerField(
        label=gettext_lazy("Hiệu lực (phút)"),
        initial=composing.DEFAULT_LIFETIME_S // 60,
        min_value=composing.MIN_LIFETIME_S // 60,
        max_value=MAX_LIFETIME_S // 60,
        help_text=gettext_lazy("Sau thời gian này không hộp nào phát nữa, dù nhận được muộn."),
    )
    reason = forms.CharField(label=gettext_lazy("Căn cứ, lý do"), max_length=200, required=False)

    def __init__(self, areas: Sequence[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__([composing.OTHER_EVENT, *(one.event for one in composing.OFFERED)], *args, **kwargs)
        prepared = [(one.code, wording.message_title(one.code)) for one in composing.OFFERED]
        choose(self, "message", [*prepared, (OWN_WORDS, _("Tự soạn nội dung"))])
        choose(self, "area", list(areas))
        choose(self, "status", [(int(one), wording.status_name(one)) for one in Status])
        choose(self, "severity", [(int(one), wording.severity_name(one)) for one in reversed(Severity)])

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
            **self.written(),
        )


class WarnForm(OwnWordsForm):
    """A commune's own alarm, by one signature: what is chosen is one button; the rest is there already."""

    message = forms.TypedChoiceField(label=gettext_lazy("Nội dung"), coerce=int)
    status = forms.TypedChoiceField(label=gettext_lazy("Đây là"), coerce=int, widget=forms.HiddenInput)
    area = forms.MultipleChoiceField(label=gettext_lazy("Khu vực"), widget=forms.CheckboxSelectMultiple)
    lifetime = forms.TypedChoiceField(
        label=gettext_lazy("Hiệu lực (phút)"),
        coerce=int,
        choices=[(minutes, str(minutes)) for minutes in (10, 30, 60)],
        initial=30,
        help_text=gettext_lazy("Sau thời gian này không hộp nào phát nữa, dù nhận được muộn."),
    )
    reason = forms.CharField(label=gettext_lazy("Căn cứ, lý do"), max_length=200, required=False)

    def __init__(
        self,
        areas: Sequence[tuple[str, str]],
        messages: Sequence[PreparedMessage],
        events: Sequence[str],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """`events`: of which a commune may warn, in words of its own too."""
        super().__init__(events, *args, **kwargs)
        choose(self, "event", [("", _("chọn một việc")), *((event, wording.event_title(event)) for event in events)])
        codes = [*(one.code for one in messages), *([OWN_WORDS] if events else ())]
        choose(self, "message", [(code, wording.message_title(code)) for code in codes])
        choose(self, "status", [(int(one), wording.status_name(one)) for one in Status])
        choose(self, "area", list(areas))
        self.fields["area"].initial = [code for code, _name in areas[:1]]

    def clean(self) -> dict[str, Any]:
        """Nothing is about the first event of the list because nobody has chosen."""
        data = self.cleaned_data
        if data.get("message") == OWN_WORDS and not data.get("event") and "event" not in self.errors:
            self.add_error("event", _("Chưa chọn lời tự soạn nói về việc gì. Hãy chọn một việc trong danh sách."))
        return data

    def alarm(self) -> Alarm:
        """The checked answers."""
        data = self.cleaned_data
        return Alarm(
            message=data["message"],
            area=tuple(data["area"]),
            status=Status(data["status"]),
            lifetime_s=data["lifetime"] * 60,
            reason=data["reason"],
            role=Role.COMMUNE,
            **self.written(),
        )


class StopForm(forms.Form):
    """Where speakers are to be silent, for how long, and why."""

    area = forms.MultipleChoiceField(label=gettext_lazy("Dừng và khóa loa ở"), widget=forms.CheckboxSelectMultiple)
    until = forms.TypedChoiceField(
        label=gettext_lazy("Khóa"),
        coerce=int,
        initial=0,
        widget=forms.RadioSelect,
        choices=[
            (0, gettext_lazy("đến khi có người mở lại")),
            (30, gettext_lazy("30 phút")),
            (60, gettext_lazy("1 giờ")),
            (240, gettext_lazy("4 giờ")),
            (1440, gettext_lazy("24 giờ")),
        ],
    )
    reason = forms.CharField(label=gettext_lazy("Lý do"), max_length=200, required=False)

    def __init__(self, areas: Sequence[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose(self, "area", list(areas))
        if len(areas) == 1:
            self.fields["area"].initial = [areas[0][0]]

    def stop(self) -> Stop:
        """The checked answers."""
        data = self.cleaned_data
        return Stop(tuple(data["area"]), data["until"] * 60 or None, data["reason"])


def choose(form: forms.Form, name: str, choices: Sequence[tuple[Any, str]]) -> None:
    """What this field of the form offers."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices
