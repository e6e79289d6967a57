"""Live sessions: who spoke, where, from when to when. What was said is kept nowhere."""

from django.db import models

from controller.accounts.models import Person
from controller.orders.models import EmergencyOrder


class Speech(models.Model):
    """One session. The exact bytes that were signed are kept for good."""

    id = models.CharField(primary_key=True, max_length=32)
    """`LiveSession.id` in hex."""
    payload = models.BinaryField()
    """What is signed, fixed when it was prepared: `codec.encode` of the `LiveSession`."""
    envelope = models.BinaryField(null=True)
    """Payload and signature as they travel; null until the person has signed."""
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    """Who prepared it, signs it and speaks."""
    holder = models.CharField(max_length=64, blank=True)
    """The person's name in the roots, once it is signed."""
    area = models.JSONField()
    """Unit codes."""
    boxes = models.JSONField(default=list)
    """Ids of the boxes of the area that are to listen; empty for all."""
    attached = models.ForeignKey(EmergencyOrder, models.PROTECT, null=True, related_name="+")
    """The alarm inside which it speaks."""
    reason = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField()
    expires = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    """When it was signed and sent to the boxes."""
    began_at = models.DateTimeField(null=True)
    """When the first group came from the page."""
    ended_at = models.DateTimeField(null=True)
    """When somebody ended it; null: at `expires`."""
    ended_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-created"]
        indexes = [models.Index(fields=["ended_at", "expires"], name="live_by_end")]

    def __str__(self) -> str:
        return f"{self.id[:8]}: {self.person}"
