"""Messages are rows until the broker has acknowledged them: orders first, nothing worthless, nothing twice."""

import datetime as dt

import pytest
from django.db import transaction

from controller.outbox import services, wake
from controller.outbox.models import Kind, Message

NOW = dt.datetime(2026, 11, 24, 2, 0, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=5)

pytestmark = pytest.mark.django_db


def post(
    topic: str, payload: bytes, kind: Kind, *, now: dt.datetime | None = None, expires: dt.datetime | None = None
) -> Message:
    return services.post_many([(topic, payload)], kind, now=now, expires=expires)[0]


def test_orders_go_before_everything_that_waited_longer() -> None:
    for n in range(3):
        post(f"a/{n}", b"programme", Kind.ASSIGNMENT, now=NOW)
    post("o", b"order", Kind.ORDER, now=NOW)
    assert [message.topic for message in services.waiting(NOW)] == ["o", "a/0", "a/1", "a/2"]


def test_a_message_waits_until_it_is_acknowledged_and_is_then_not_sent_again() -> None:
    message = post("a", b"x", Kind.ACK, now=NOW)
    services.failed([message.pk])
    assert [one.pk for one in services.waiting(NOW)] == [message.pk]
    services.sent([message.pk], LATER)
    services.sent([message.pk], LATER + dt.timedelta(seconds=1))
    assert services.waiting(LATER) == []
    row = Message.objects.get()
    assert (row.sent_at, row.attempts) == (LATER, 2)


def test_an_expired_message_is_never_sent() -> None:
    post("o", b"order", Kind.ORDER, now=NOW, expires=LATER)
    assert len(services.waiting(LATER - dt.timedelta(seconds=1))) == 1
    assert services.waiting(LATER) == []


def test_old_messages_go_but_not_those_that_still_wait() -> None:
    sent = post("a", b"x", Kind.ASSIGNMENT, now=NOW)
    services.sent([sent.pk], NOW)
    post("o", b"expired", Kind.ORDER, now=NOW, expires=NOW)
    waits = post("b", b"y", Kind.ASSIGNMENT, now=NOW)
    assert services.prune(NOW + services.KEPT + dt.timedelta(seconds=1)) == 2
    assert Message.objects.get().pk == waits.pk


@pytest.mark.django_db(transaction=True)
def test_the_bridge_is_woken_after_the_commit_and_not_for_what_was_rolled_back() -> None:
    woken: list[int] = []
    forget = wake.on_message(lambda: woken.append(Message.objects.count()))
    with transaction.atomic():
        post("a", b"x", Kind.ORDER, now=NOW)
        assert woken == []
    assert woken == [1], "the row is there when the bridge looks"
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        _post_and_fail()
    forget()
    post("c", b"z", Kind.ORDER, now=NOW)
    assert woken == [1]


def test_how_long_there_is_a_link_counts_from_when_it_came_not_from_the_last_word() -> None:
    services.note_link(True, NOW)
    services.note_link(True, LATER)
    health = services.link_health(LATER)
    assert (health.good, health.at) == (True, LATER)
    services.note_link(False, LATER, "x" * 1000)
    assert not services.link_health(LATER).good


def _post_and_fail() -> None:
    post("b", b"y", Kind.ORDER, now=NOW)
    raise ZeroDivisionError
