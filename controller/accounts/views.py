"""Pages about oneself: logging in and out, the password, one's roles and signing keys."""

import secrets
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from controller.accounts import services, signing
from controller.accounts.access import person_of, public
from controller.accounts.forms import KeyForm, LoginForm, PasswordForm
from controller.accounts.models import KeyKind, PersonKey
from controller.core.errors import Refused
from controller.core.pages import show_refusal
from controller.core.times import today
from protocol.ids import sha256
from protocol.passkey import Party

CHALLENGE: Final = "key_challenge"
"""In the session: what a key that is to be registered must sign."""


@public
@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    back = request.POST.get("next") or request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = resolve_url("console:home")
    form = LoginForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid() and form.person is not None:
        auth.login(request, form.person)
        services.audit(form.person, "person.logged_in", f"person:{form.person.username}")
        return redirect("accounts:password" if form.person.must_change_password else back)
    return render(request, "accounts/login.html", {"form": form, "next": back})


@public
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return redirect("accounts:login")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    form = PasswordForm(person, request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.change_password(person, form.cleaned_data["new"])
        auth.update_session_auth_hash(request, person)
        messages.success(request, _("Đã đổi mật khẩu."))
        return redirect("console:home")
    return render(request, "accounts/password.html", {"form": form, "forced": person.must_change_password})


@require_http_methods(["GET", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    """Roles and keys; a POST registers the public half of a key, with the proof that its private half is at hand."""
    person = person_of(request)
    challenge = request.session.setdefault(CHALLENGE, secrets.token_urlsafe(24))
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _register(request, form, challenge)
        except Refused as refused:
            show_refusal(form, refused)
        else:
            del request.session[CHALLENGE]
            messages.success(
                request,
                _("Đã đăng ký khóa. Khóa có hiệu lực khi hai người quản lý danh sách đưa vào danh sách người ký."),
            )
            return redirect("accounts:me")
    day = today(timezone.now())
    appointments = person.appointments.select_related("unit")
    keys = list(person.keys.all())
    return render(
        request,
        "accounts/me.html",
        {
            "form": form,
            "challenge": challenge,
            "appointments": [row for row in appointments if row.valid_to is None or day < row.valid_to],
            "keys": keys,
            "known": " ".join(signing.to_base64url(bytes(row.credential)) for row in keys if row.revoked is None),
            "account": signing.to_base64url(sha256(f"loalang {person.pk}".encode())),
        },
    )


def _register(request: HttpRequest, form: KeyForm, challenge: str) -> PersonKey:
    data = form.cleaned_data
    return services.register_key(
        person_of(request),
        signing.read(request),
        KeyKind(data["kind"]),
        data["label"],
        challenge=challenge,
        party=_here(request),
        credential=data["credential"],
        named=data["named"],
    )


def _here(request: HttpRequest) -> Party:
    """This console as the browser reaches it; behind a TLS proxy the scheme is what the configuration says."""
    host = request.get_host()
    return Party(urlsplit(f"//{host}").hostname or "", (f"{request.scheme}://{host}", *settings.LOALANG.origins))
