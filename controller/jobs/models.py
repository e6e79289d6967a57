"""One row for each piece of work: what it is, how far it has come, and why it failed."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    WAITING = "waiting", _("đang chờ")
    RUNNING = "running", _("đang làm")
    DONE = "done", _("xong")
    FAILED = "failed", _("không được")


class Job(models.Model):
    kind = models.CharField(max_length=32)
    """Which work; `worker.table` says what is done for it."""
    subject = models.CharField(max_length=64, blank=True)
    """What it is done to, such as a bulletin's number; empty for work that concerns everything."""
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created = models.DateTimeField()
    due = models.DateTimeField()
    """Not before this instant."""
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed = models.DateTimeField(null=True)
    """The last sign of life of whoever does it."""
    progress = models.PositiveSmallIntegerField(default=0)
    """Per cent."""
    error = models.TextField(blank=True)
    """Why the last attempt failed, for people."""
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["state", "due"], name="jobs_by_state_and_due")]
        constraints = [
            # The same work asked for twice before it was begun is done once.
            models.UniqueConstraint(fields=["kind", "subject"], condition=Q(state="waiting"), name="one_waiting_job")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.state}"
