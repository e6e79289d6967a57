"""How long a request may be, before anything of it is kept: a stranger must not fill the disk.

Django writes a body to the disk as it comes, before it knows the path, the person, or whether anybody wants it; so the
limit stands in front of it, as an ASGI application around the application. It counts what arrives: a Content-Length is
looked at first, since it spares the transfer, but not relied on.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
LimitOf = Callable[[Scope], Awaitable[int]]

MB: Final = 1024 * 1024
LINGER_BYTES: Final = 32 * MB
"""How much more is taken and thrown away, so that a browser in the middle of its upload gets to read the answer."""


def limited(application: Application, limit_of: LimitOf) -> Application:
    """The application, with requests longer than `limit_of` (bytes) answered 413 in its place."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        limit = await limit_of(scope)
        if _declared(scope) > limit:
            await _too_long(limit, receive, send)
            return
        counted = _Counted(limit, receive, send)
        await application(scope, counted.receive, counted.send)
        if counted.exceeded and not counted.answered:
            await _too_long(limit, receive, send)

    return answer


class _Counted:
    """One request on its way in. Beyond the limit the application is told that the sender has gone."""

    def __init__(self, limit: int, receive: Receive, send: Send) -> None:
        self.exceeded = False
        self.answered = False
        self._left = limit
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        if self.exceeded:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.exceeded = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        self.answered = True
        await self._send(message)


def _declared(scope: Scope) -> int:
    """Content-Length, or 0: a wrong one is the web server's affair."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _too_long(limit: int, receive: Receive, send: Send) -> None:
    """Both languages: which one the person reads is in a cookie that nobody has looked at yet."""
    most = limit // MB
    text = (
        f"Nội dung gửi lên quá lớn: nhiều nhất {most} MB. Hãy chọn tệp nhỏ hơn; nếu cần gửi bản ghi âm dài, hãy đăng "
        f"nhập lại rồi gửi ở trang viết bản tin.\n"
        f"Too much was sent: at most {most} MB. Choose a smaller file; for a long recording log in again and send it "
        f"on the page where bulletins are written.\n"
    ).encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": True})
    left = LINGER_BYTES
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    await send({"type": "http.response.body", "body": b""})
