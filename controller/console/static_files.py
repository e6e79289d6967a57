"""Style and scripts from the packages themselves, so that an installation has no collectstatic step to forget."""

from collections.abc import Callable

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware


def static_files(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """WhiteNoise, but its answer whole: it streams synchronously, about which Django warns under ASGI."""
    noise: Callable[[HttpRequest], HttpResponseBase] = WhiteNoiseMiddleware(get_response)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = noise(request)
        if not (isinstance(response, FileResponse) and request.path.startswith(settings.STATIC_URL)):
            return response
        whole = HttpResponse(b"".join(response), status=response.status_code, headers=dict(response.headers))
        response.close()
        return whole

    return middleware
