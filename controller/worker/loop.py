"""Claim a job, do it, say how it went; the same loop in a thread of `loalang serve` and in a process of its own.

Long work must not hold up schedules, so there may be several loops: a claim is an UPDATE that changes exactly one row.
"""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Final

import structlog
from django.db import OperationalError, close_old_connections
from django.utils import timezone

from controller.core.errors import Refused
from controller.jobs import services as jobs
from controller.jobs.models import Job
from controller.pki import services as pki
from controller.schedules import compiling
from controller.worker.table import TABLE

LOOK_S: Final = 0.5
"""How often jobs of other processes are looked for; those of this process wake the loop at once."""
CLEAR_EVERY: Final = dt.timedelta(hours=6)
REVOKE_EVERY: Final = dt.timedelta(seconds=10)
"""How often the broker's files are compared with what was revoked."""

log = structlog.get_logger(__name__)


def run(stop: threading.Event, clock: Callable[[], dt.datetime] = timezone.now) -> None:
    """Work until `stop` is set; a job that was begun is finished first. No error ends it: the rows stay."""
    cleared: dt.datetime | None = None
    revoked: dt.datetime | None = None
    while not stop.is_set():
        jobs.wake.clear()
        try:
            close_old_connections()
            if cleared is None:
                compiling.ask_for_compilation()  # also plans the daily renewal
            if cleared is None or clock() - cleared >= CLEAR_EVERY:
                jobs.clear_old(clock())
                cleared = clock()
            if revoked is None or abs(clock() - revoked) >= REVOKE_EVERY:
                pki.publish_calmly()
                revoked = clock()
            if do_one(clock()):
                continue
        except OperationalError as error:  # the database is busy or away
            log.warning("worker.database", error=str(error))
        except Exception:
            # How a job went could not be said; without a sign of life its row is claimed again after `jobs.LEASE`.
            log.exception("worker.trouble")
        jobs.wake.wait(LOOK_S)
    close_old_connections()


def do_one(now: dt.datetime) -> bool:
    """Do the oldest due job; False when there is none."""
    job = jobs.claim(now)
    if job is None:
        return False
    try:
        TABLE[job.kind].do(job)
    except Refused as refused:
        at_most = TABLE[job.kind].attempts
        jobs.fail(job, str(refused), timezone.now(), again=at_most is None, at_most=at_most)
        log.info("worker.refused", kind=job.kind, subject=job.subject, why=str(refused))
    except Exception as error:
        _failed(job, error)
    else:
        jobs.finish(job, timezone.now())
    return True


def do_all(now: dt.datetime) -> int:
    """Do every due job; how many. For tools and tests that want to see the result at once."""
    count = 0
    while do_one(now):
        count += 1
    return count


def _failed(job: Job, error: Exception) -> None:
    at_most = TABLE[job.kind].attempts if job.kind in TABLE else jobs.MAX_ATTEMPTS
    again = jobs.fail(job, f"{type(error).__name__}: {error}", timezone.now(), again=True, at_most=at_most)
    log.exception("worker.failed", kind=job.kind, subject=job.subject, attempt=job.attempts, again=again)
    if not again and job.kind in TABLE:
        TABLE[job.kind].give_up(job)
