"""The pages of a lost phone: what follows is read before the press, and can be taken back until a list is signed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from controller.accounts.access import person_of
from controller.accounts.models import Person, PersonKey
from controller.core.errors import Refused
from controller.trust import losing
from controller.trust.standing import standing


@require_http_methods(["GET", "POST"])
def report(request: HttpRequest, number: int) -> HttpResponse:
    """A GET says what follows, a POST does it; of one's own keys only."""
    person, now = person_of(request), timezone.now()
    key = get_object_or_404(PersonKey, pk=number, person=person)
    public = bytes(key.public_key)
    if key.revoked is not None:
        return redirect("accounts:me")
    if request.method == "GET":
        context = {"key": key, "loss": losing.consequences(public, now), "standing": standing(public, now)}
        return render(request, "trust/lost.html", context)
    made = losing.report(key, person, now)
    after = losing.consequences(public, now)
    said = _("Đã thu hồi “%(label)s”: từ bây giờ hệ thống không nhận chữ ký của khóa này.") % {"label": key.label}
    if made and not after.too_few:
        said += " " + _("Danh sách của %(units)s đã soạn và chờ ký; gọi ngay: %(who)s.") % {
            "units": after.lists,
            "who": after.signers,
        }
    elif made or after.untouchable:
        said += " " + _("Các hộp còn tin nó: báo ngay những người giữ khóa gốc lập danh sách gốc mới.")
    messages.warning(request, said)
    return redirect("accounts:me")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def take_back(request: HttpRequest, number: int) -> HttpResponse:
    """By the holder or who administers the account; with the password, since a lost phone may still be logged in."""
    person, key = person_of(request), get_object_or_404(PersonKey, pk=number)
    refused = ""
    if request.method == "POST":
        try:
            _require_password(person, request.POST.get("password", ""))
            losing.take_back(key, person)
        except Refused as problem:
            refused = str(problem)
        else:
            messages.success(request, _("Đã rút lại: hệ thống lại nhận chữ ký của “%(label)s”.") % {"label": key.label})
            return redirect("accounts:me") if key.person_id == person.pk else redirect("accounts:person", key.person_id)
    context = {"key": key, "refused": refused}
    return render(request, "trust/take_back.html", context, status=422 if refused else 200)


def _require_password(person: Person, password: str) -> None:
    if not person.check_password(password):
        raise Refused("password", _("Mật khẩu không đúng."), _("Nhập mật khẩu của bạn."))
