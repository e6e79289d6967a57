"""A stranger cannot fill the disk: what is too long is refused before it is kept."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from controller.accounts import services as accounts
from controller.accounts.models import Person
from controller.asgi import LIMIT, UPLOAD_LIMIT, limit_of
from controller.core.bodies import Application, Message, Receive, Scope, Send, limited

TEN = 10


async def ten(scope: Scope) -> int:
    return TEN


class Keeper:
    """An application that keeps what comes, as Django does, and answers when it has all of it."""

    def __init__(self) -> None:
        self.kept = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.kept += message["body"]
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def ask(application: Application, chunks: list[bytes], *, declared: int | None = None) -> tuple[int, bytes, int]:
    """Status, body of the answer, and how many of the chunks were not even taken."""
    coming: Iterator[bytes] = iter(chunks)
    answers: list[Message] = []
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        chunk = next(coming, None)
        if chunk is None:
            return {"type": "http.disconnect"}
        taken += 1
        return {"type": "http.request", "body": chunk, "more_body": taken < len(chunks)}

    async def send(message: Message) -> None:
        answers.append(message)

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    asyncio.run(_call(application, {"type": "http", "headers": headers}, receive, send))
    body = b"".join(message.get("body", b"") for message in answers)
    return answers[0]["status"], body, len(chunks) - taken


async def _call(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    await application(scope, receive, send)


def test_what_fits_is_passed_on_to_the_byte() -> None:
    keeper = Keeper()
    assert ask(limited(keeper, ten), [b"12345", b"67890"], declared=10) == (200, b"ok", 0)
    assert keeper.kept == b"1234567890"


@pytest.mark.parametrize("declared", [None, 3])
def test_a_body_that_grows_too_long_on_its_way_is_counted_and_stopped(declared: int | None) -> None:
    """With no Content-Length, or with one that lies."""
    keeper = Keeper()
    status, body, _ = ask(limited(keeper, ten), [b"12345"] * 1000, declared=declared)
    assert status == 413
    assert "quá lớn" in body.decode()
    assert len(keeper.kept) == TEN


def test_a_body_that_says_itself_that_it_is_too_long_reaches_nobody() -> None:
    keeper = Keeper()
    assert ask(limited(keeper, ten), [b"12345"], declared=11)[0] == 413
    assert keeper.kept == b""


def test_only_so_much_is_taken_after_the_answer() -> None:
    """So much that a browser reads the answer, not so much that it can be kept busy for ever."""
    chunks = [bytes(1024 * 1024)] * 100
    assert ask(limited(Keeper(), ten), chunks)[2] > 60


def scope(path: str, cookie: str = "", method: str = "POST") -> dict[str, Any]:
    headers = [(b"cookie", cookie.encode())] if cookie else []
    return {"type": "http", "method": method, "path": path, "headers": headers}


def limit(path: str, cookie: str = "", method: str = "POST") -> int:
    found: int = async_to_sync(limit_of)(scope(path, cookie, method))
    return found


@pytest.mark.django_db(transaction=True)
def test_only_a_person_who_has_logged_in_may_hand_in_much_and_only_a_recording() -> None:
    lan, _ = accounts.add_person("lan", "Nguyễn Lan")
    session = session_of(lan)
    theirs = f"loalang_language=vi; sessionid={session.session_key}"
    for upload in ("/ban-tin/moi/", "/ban-tin/17/sua/"):
        assert limit(upload, theirs) == UPLOAD_LIMIT
        assert limit(upload) == LIMIT
        assert limit(upload, "sessionid=abcdefghijklmnopqrstuvwxyz012345") == LIMIT
    for other in ("/", "/dang-nhap/", "/ban-tin/", "/ban-tin/17/", "/khan-cap/x/ky/", "/api/1/enrol"):
        assert limit(other, theirs) == LIMIT
    assert limit("/ban-tin/moi/", theirs, "GET") == LIMIT

    for odd in ('prefs={"a": [1]}', "a/b=c", "tên=Lan"):
        assert limit("/ban-tin/moi/", f"{odd}; {theirs}") == UPLOAD_LIMIT, "a cookie of another program beside it"

    accounts.reset_password(lan)
    assert limit("/ban-tin/moi/", theirs) == LIMIT, "a password that was reset ends the session"


def session_of(person: Person) -> SessionStore:
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return session
