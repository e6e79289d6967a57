"""Work waits in rows, is claimed once, tried again, and given up with a reason."""

import datetime as dt
import itertools
import threading
from typing import Final

import pytest
from django.db import connection
from django.utils import timezone

from controller.core.errors import Refused
from controller.jobs import services as jobs
from controller.jobs.models import Job, State
from controller.worker.loop import do_all, do_one, run
from controller.worker.table import TABLE

pytestmark = pytest.mark.django_db

HOUR: Final = dt.timedelta(hours=1)


def test_the_same_wish_twice_is_one_job() -> None:
    first = jobs.ask("k", "7")
    assert jobs.ask("k", "7").pk == first.pk
    assert jobs.ask("k", "8").pk != first.pk


def test_a_wish_made_while_the_work_runs_is_a_new_job() -> None:
    first = jobs.ask("k")
    claimed = jobs.claim(timezone.now())
    assert claimed is not None
    assert claimed.pk == first.pk
    assert jobs.ask("k").pk != first.pk


def test_a_sooner_wish_brings_the_waiting_job_forward() -> None:
    now = timezone.now()
    jobs.ask("k", due=now + HOUR)
    jobs.ask("k")
    assert jobs.claim(timezone.now()) is not None


def test_a_job_is_claimed_by_one_worker_only() -> None:
    jobs.ask("k")
    assert jobs.claim(timezone.now()) is not None
    assert jobs.claim(timezone.now()) is None


def test_a_job_whose_worker_was_killed_is_claimed_again_after_its_lease() -> None:
    jobs.ask("k")
    now = timezone.now()
    first = jobs.claim(now)
    assert first is not None
    assert jobs.claim(now + jobs.LEASE / 2) is None
    again = jobs.claim(now + jobs.LEASE * 2)
    assert again is not None
    assert (again.pk, again.attempts) == (first.pk, 2)


def test_a_sign_of_life_keeps_the_job() -> None:
    before = timezone.now() - jobs.LEASE
    jobs.ask("k", due=before)
    job = jobs.claim(before)
    assert job is not None
    jobs.report(job, 40)
    assert jobs.claim(timezone.now() + jobs.LEASE / 2) is None
    assert Job.objects.get().progress == 40


def test_progress_is_written_when_it_changes() -> None:
    jobs.ask("k")
    job = jobs.claim(timezone.now())
    assert job is not None
    told = jobs.Progress(job)
    told.report(10)
    Job.objects.update(progress=0)
    told.report(10)
    assert Job.objects.get().progress == 0
    told.report(11)
    assert Job.objects.get().progress == 11


def test_an_unforeseen_error_is_tried_again_later_and_given_up_after_four_attempts() -> None:
    jobs.ask("nobody-knows-this")
    now = timezone.now()
    for attempt in range(jobs.MAX_ATTEMPTS):
        assert do_one(now + HOUR * attempt), attempt
        assert not do_one(timezone.now())
    row = Job.objects.get()
    assert (row.state, row.attempts) == (State.FAILED, jobs.MAX_ATTEMPTS)
    assert "KeyError" in row.error


def test_one_bad_job_does_not_stop_the_next() -> None:
    jobs.ask("nobody-knows-this")
    jobs.ask("another")
    assert do_all(timezone.now()) == 2


def test_a_refusal_is_final_and_keeps_its_sentence() -> None:
    jobs.ask("k")
    job = jobs.claim(timezone.now())
    assert job is not None
    jobs.fail(job, str(Refused("x", "Không được.", "Làm khác.")), timezone.now(), again=False)
    row = Job.objects.get()
    assert (row.state, row.error) == (State.FAILED, "Không được. Làm khác.")


def test_finished_work_is_forgotten_after_a_month() -> None:
    jobs.ask("k")
    job = jobs.claim(timezone.now())
    assert job is not None
    jobs.finish(job, timezone.now() - jobs.KEEP * 2)
    jobs.ask("k")
    assert jobs.clear_old(timezone.now()) == 1
    assert Job.objects.get().state == State.WAITING


def test_every_kind_of_work_has_its_doer() -> None:
    assert set(TABLE) == {"library.render", "schedules.compile"}


@pytest.mark.django_db(transaction=True)
def test_the_worker_stops_when_it_is_told_to() -> None:
    stop = threading.Event()
    stop.set()

    def work() -> None:
        run(stop)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(10)
    assert not worker.is_alive()


@pytest.mark.django_db(transaction=True)
def test_no_error_ends_the_worker() -> None:
    """Not one of a job, and not one of the loop itself: here the clock fails at first."""
    stop, asked = threading.Event(), itertools.count()
    jobs.ask("nobody-knows-this")

    def clock() -> dt.datetime:
        if next(asked) < 2:
            raise ValueError("no time")
        if Job.objects.filter(kind="nobody-knows-this", attempts=1).exists():
            stop.set()
        return timezone.now()

    def work() -> None:
        run(stop, clock)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(20)
    stop.set()
    assert not worker.is_alive()
    assert "KeyError" in Job.objects.get(kind="nobody-knows-this").error
