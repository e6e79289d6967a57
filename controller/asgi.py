"""The web part as an ASGI application, for `loalang serve` or any ASGI server: the pages, behind limits of length."""

import os
from typing import Final

from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application

from controller.core.bodies import MB, Receive, Scope, Send, limited

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controller.settings")
_pages = get_asgi_application()

LIMIT: Final = 5 * MB
UPLOAD_LIMIT: Final = 210 * MB
"""The longest recording, with the rest of its form."""
UPLOADS: Final = ("library:new", "library:edit")


async def limit_of(scope: Scope) -> int:
    """Bytes that this request may have: much only where recordings are handed in, by somebody who has logged in."""
    if scope["method"] == "POST" and _view(scope["path"]) in UPLOADS and await _logged_in(scope):
        return UPLOAD_LIMIT
    return LIMIT


def _view(path: str) -> str:
    from django.urls import Resolver404, resolve

    try:
        return resolve(path).view_name
    except Resolver404:
        return ""


async def _logged_in(scope: Scope) -> bool:
    """Cookies are read as the pages read them: one that another program set, however odd, hides nobody's login."""
    from django.conf import settings
    from django.http import parse_cookie

    sent = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    key = parse_cookie(sent).get(settings.SESSION_COOKIE_NAME)
    return key is not None and await sync_to_async(_is_somebodys)(key)


def _is_somebodys(key: str) -> bool:
    """Whether this session is one of a person whose account is open and whose password it was made with."""
    from controller.accounts.services import person_of_session

    return person_of_session(key) is not None


_limited = limited(_pages, limit_of)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Pages and the boxes' requests; Django knows no WebSockets, so those of live voice stand in front of it."""
    if scope["type"] != "websocket":
        await _limited(scope, receive, send)
        return
    from controller.box_api.live import listen
    from controller.box_api.talk import talk
    from controller.live.sockets import speak

    served = {"/box/v1/live/": listen, "/box/v1/talk/": talk}
    found = (serve for path, serve in served.items() if scope["path"].startswith(path))
    await next(found, speak)(scope, receive, send)
