"""Messages that wait for the broker, and what is known of the way to it."""

from django.db import models


class Kind(models.TextChoices):
    """What a message is; orders go before everything else."""

    ORDER = "order"
    ROOTS = "roots"
    ASSIGNMENT = "assignment"
    ACK = "ack"


class Message(models.Model):
    """One publication. It is sent at least once: marked only when the broker has acknowledged it."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    topic = models.CharField(max_length=200)
    payload = models.BinaryField()
    created = models.DateTimeField()
    expires = models.DateTimeField(null=True)
    """After this moment it is not worth sending; None: always worth it."""
    sent_at = models.DateTimeField(null=True)
    """When the broker acknowledged it."""
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(sent_at=None), name="outbox_waiting"),
            models.Index(fields=["sent_at"], name="outbox_sent"),
        ]


class Link(models.Model):
    """The bridge's connection to the broker, in one row, so that a page can say how fresh its knowledge is."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    connected = models.BooleanField(default=False)
    since = models.DateTimeField()
    """When it became so."""
    at = models.DateTimeField()
    """When the broker last proved it, by an acknowledgement, or when the bridge last failed to reach it."""
    detail = models.CharField(max_length=300, blank=True)
    """Why there is no connection."""
