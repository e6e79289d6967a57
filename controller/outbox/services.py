"""Writing messages, and what the bridge does with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import models, transaction
from django.utils import timezone

from controller.outbox import wake
from controller.outbox.models import Kind, Link, Message

KEPT: Final = timedelta(days=7)
"""How long a sent message stays, to be looked at."""
LINK_STALE: Final = timedelta(seconds=40)
"""Four times what the bridge lets pass between two words about the broker."""


def post_many(
    messages: Iterable[tuple[str, bytes]], kind: Kind, *, now: datetime | None = None, expires: datetime | None = None
) -> Sequence[Message]:
    """Write (topic, payload) pairs inside the caller's transaction; the bridge is woken after its commit."""
    created = now or timezone.now()
    rows = Message.objects.bulk_create(
        [
            Message(kind=kind, topic=topic, payload=payload, created=created, expires=expires)
            for topic, payload in messages
        ],
        batch_size=500,
    )
    transaction.on_commit(wake.wake)
    return rows


def waiting(now: datetime, limit: int = 200) -> list[Message]:
    """What is to be sent now: orders first, else in the order in which it was written."""
    due = models.Q(expires=None) | models.Q(expires__gt=now)
    first = models.Case(models.When(kind=Kind.ORDER, then=0), default=1)
    return list(Message.objects.filter(due, sent_at=None).order_by(first, "id")[:limit])


def sent(ids: Sequence[int], now: datetime) -> None:
    """The broker has acknowledged these."""
    Message.objects.filter(id__in=ids, sent_at=None).update(sent_at=now, attempts=models.F("attempts") + 1)


def failed(ids: Sequence[int]) -> None:
    """The broker did not acknowledge these; they stay waiting."""
    Message.objects.filter(id__in=ids).update(attempts=models.F("attempts") + 1)


def prune(now: datetime) -> int:
    """Delete what was sent, or became worthless, more than `KEPT` ago; how many rows."""
    old = models.Q(sent_at__lt=now - KEPT) | models.Q(expires__lt=now - KEPT)
    return Message.objects.filter(old).delete()[0]


def note_link(connected: bool, now: datetime, detail: str = "") -> None:
    """The bridge says whether it has a broker."""
    before = Link.objects.filter(id=1).first()
    since = before.since if before is not None and before.connected == connected else now
    Link.objects.update_or_create(
        id=1, defaults={"connected": connected, "since": since, "at": now, "detail": detail[:300]}
    )


@dataclass(frozen=True)
class LinkHealth:
    """What a page may say of the way to the boxes."""

    good: bool
    """Connected, and said so lately."""
    at: datetime | None
    """When the bridge last said anything; None: never."""
    detail: str


def link_health(now: datetime) -> LinkHealth:
    """Never good on old news: a bridge that has stopped talking counts as gone."""
    row = Link.objects.filter(id=1).first()
    if row is None:
        return LinkHealth(False, None, "")
    return LinkHealth(row.connected and now - row.at < LINK_STALE, row.at, row.detail)
