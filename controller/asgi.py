"""The web part as an ASGI application, for `loalang serve` or any ASGI server."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controller.settings")
application = get_asgi_application()
