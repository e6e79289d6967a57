"""What every template is given."""

from django.conf import settings
from django.http import HttpRequest

from controller.console import navigation as parts


def navigation(request: HttpRequest) -> dict[str, object]:
    """The links of the header and where we are: province and environment."""
    person = getattr(request, "user", None)
    return {
        "navigation": parts.links(request.path) if person is not None and person.is_authenticated else [],
        "environment": settings.LOALANG.environment,
        "languages": settings.LANGUAGES,
    }
