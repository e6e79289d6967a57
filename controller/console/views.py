"""The home page, the language switch, and the pages for what went wrong."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from controller.accounts.access import person_of, public
from controller.console.home import home as facts
from controller.core.pages import is_live


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    template = "console/home_live.html" if is_live(request) else "console/home.html"
    return render(request, template, {"home": facts(person_of(request), now), "now": now})


@public
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Keep the chosen language in a cookie and go back to the page."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, chosen, max_age=settings.LANGUAGE_COOKIE_AGE, samesite="Lax", httponly=True
        )
    return response


@public
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "console/problem.html", {"kind": "not_found"}, status=404)


@public
def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "console/problem.html", {"kind": "not_allowed"}, status=403)


@public
def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW: mostly a page that was left open over a new login."""
    return render(request, "console/problem.html", {"kind": "stale"}, status=403)


@public
def broken(request: HttpRequest) -> HttpResponse:
    """Without the database and without context processors: either may be what is broken."""
    return HttpResponse(render_to_string("console/broken.html"), status=500)
