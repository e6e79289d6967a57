"""Nothing is shown to a stranger, and nothing to somebody who still has the password that another person gave them."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from controller.accounts.access import is_public
from controller.core.errors import NotAllowed, Refused


class require_login:  # noqa: N801 - reads as a sentence in settings.MIDDLEWARE
    """Send strangers to the login page, and holders of a one-time password to the page that changes it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A refusal that no form caught gets a page of its own, with the way out."""
        if not isinstance(error, Refused):
            return None
        status = 403 if isinstance(error, NotAllowed) else 400
        return render(request, "accounts/refused.html", {"refused": error}, status=status)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Runs after the path was resolved, so that the view itself can say that it is public."""
        if is_public(view):
            return None
        person = request.user
        if not person.is_authenticated:
            return _go(request, f"{reverse('accounts:login')}?{urlencode({'next': request.get_full_path()})}")
        if getattr(person, "must_change_password", False) and request.path != reverse("accounts:password"):
            return _go(request, reverse("accounts:password"))
        return None


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """A redirect that a live part of a page (htmx) follows as a whole page."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
