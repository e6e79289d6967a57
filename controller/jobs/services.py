"""Asking for work, claiming it, and saying how it went.

Whoever needs work done calls `ask` inside the transaction that makes it necessary, so that either both are in the
database or neither is. A worker that was killed in the middle leaves a RUNNING row without signs of life; after
`LEASE` the row is claimed again, so what a job does must be harmless when done twice.
"""

import datetime as dt
import threading
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from controller.jobs.models import Job, State

LEASE: Final = dt.timedelta(minutes=2)
"""A running job without a sign of life for this long has lost its worker."""
MAX_ATTEMPTS: Final = 4
BACK_OFF: Final = (dt.timedelta(seconds=2), dt.timedelta(seconds=15), dt.timedelta(seconds=60))
KEEP: Final = dt.timedelta(days=30)
"""How long finished rows are kept to be looked at."""

wake: Final = threading.Event()
"""Set after the commit of every `ask` in this process; a worker in another process finds the row by polling."""


def ask(kind: str, subject: str = "", *, due: dt.datetime | None = None) -> Job:
    """Have this work done once from now (or `due`) on; a waiting job for the same is not doubled."""
    now = timezone.now()
    job, made = Job.objects.get_or_create(
        kind=kind, subject=subject, state=State.WAITING, defaults={"created": now, "due": due or now}
    )
    if not made and job.due > (due or now):
        Job.objects.filter(pk=job.pk, state=State.WAITING).update(due=due or now)
    transaction.on_commit(wake.set)
    return job


def claim(now: dt.datetime) -> Job | None:
    """The oldest job that is due, now ours alone; None when there is none."""
    open_now = Q(state=State.WAITING, due__lte=now) | Q(state=State.RUNNING, claimed__lt=now - LEASE)
    for job in Job.objects.filter(open_now).order_by("due", "id")[:5]:
        ours = Job.objects.filter(pk=job.pk, state=job.state, claimed=job.claimed).update(
            state=State.RUNNING, claimed=now, attempts=job.attempts + 1, progress=0
        )
        if ours == 1:
            job.refresh_from_db()
            return job
    return None


def report(job: Job, per_cent: int) -> None:
    """A sign of life, and how far it has come."""
    Job.objects.filter(pk=job.pk, state=State.RUNNING).update(
        progress=min(max(per_cent, 0), 99), claimed=timezone.now()
    )


class Progress:
    """`report` for work that has more to say than is worth writing: when the per cent changes, and every 10 s."""

    EVERY: Final = dt.timedelta(seconds=10)

    def __init__(self, job: Job) -> None:
        self._job = job
        self._said: tuple[int, dt.datetime] | None = None

    def report(self, per_cent: int) -> None:
        now = timezone.now()
        if self._said is None or self._said[0] != per_cent or now - self._said[1] >= self.EVERY:
            self._said = (per_cent, now)
            report(self._job, per_cent)


def finish(job: Job, now: dt.datetime) -> None:
    Job.objects.filter(pk=job.pk).update(state=State.DONE, progress=100, finished=now, error="")


def fail(job: Job, error: str, now: dt.datetime, *, again: bool, at_most: int | None = MAX_ATTEMPTS) -> bool:
    """Note why it failed; it waits for its next attempt if `again` and there is one left. Says whether it does.

    `at_most` attempts are made; None: it is tried until it succeeds. A waiting twin (asked for while this one ran)
    does the work instead: it takes over since when the work is owed and why it is late, and this one ends.
    """
    retry = again and (at_most is None or job.attempts < at_most)
    due = now + BACK_OFF[min(job.attempts, len(BACK_OFF)) - 1]
    with transaction.atomic():
        twin = Job.objects.filter(kind=job.kind, subject=job.subject, state=State.WAITING).first()
        if retry and twin is None:
            Job.objects.filter(pk=job.pk).update(state=State.WAITING, due=due, error=error, claimed=None)
            return True
        Job.objects.filter(pk=job.pk).update(state=State.FAILED, error=error, finished=now)
        if retry and twin is not None:
            Job.objects.filter(pk=twin.pk).update(created=job.created, due=min(twin.due, due), error=error)
    return retry


def clear_old(now: dt.datetime) -> int:
    """Forget finished work of more than `KEEP` ago; how many rows went."""
    count, _ = Job.objects.filter(state__in=[State.DONE, State.FAILED], finished__lt=now - KEEP).delete()
    return count


def owed(kind: str, now: dt.datetime, *, after: dt.timedelta) -> Job | None:
    """The oldest job of this kind that failed and is not yet made good, or that nobody took up within `after`."""
    late = Q(state__in=[State.WAITING, State.RUNNING]) & (~Q(error="") | Q(due__lt=now - after))
    return Job.objects.filter(late, kind=kind).order_by("created", "id").first()


def newest(kind: str, subject: str = "") -> Job | None:
    """The last job of this kind for this subject, to show how it goes."""
    return Job.objects.filter(kind=kind, subject=subject).order_by("-id").first()
