"""Live sessions: who spoke, where, from when to when. What was said is kept nowhere."""

from django.db import models
from django.utils.translation import gettext as _

from controller.accounts.models import Person
from controller.boxes.models import Box
from controller.orders.models import EmergencyOrder
from protocol.curves import Alg
from protocol.roles import Role
from protocol.signing import Assertion, SignedBy


class Speech(models.Model):
    """One session. The exact bytes that were signed are kept for good."""

    id = models.CharField(primary_key=True, max_length=32)
    """`LiveSession.id` in hex."""
    payload = models.BinaryField()
    """What is signed, fixed when it was prepared: `codec.encode` of the `LiveSession`."""
    envelope = models.BinaryField(null=True)
    """Payload and signatures as they travel; null until enough have signed."""
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    """Who prepared it, signs it first and speaks; null for whoever speaks at a box's microphone."""
    box = models.ForeignKey(Box, models.PROTECT, null=True, related_name="+")
    """At whose microphone somebody speaks, with the commune's token; null for a page."""
    holder = models.CharField(max_length=64, blank=True)
    """The speaker's name in the roots."""
    role = models.PositiveSmallIntegerField(default=int(Role.COMMUNE))
    """As what its persons sign it: `protocol.roles.Role`."""
    minutes = models.PositiveSmallIntegerField(default=10)
    """So long it lasts, from the last signature that it needed."""
    sign_by = models.DateTimeField()
    """Until then enough must have signed."""
    area = models.JSONField()
    """Unit codes."""
    boxes = models.JSONField(default=list)
    """Ids of the boxes of the area that are to listen; empty for all."""
    attached = models.ForeignKey(EmergencyOrder, models.PROTECT, null=True, related_name="+")
    """The alarm inside which it speaks."""
    reason = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField()
    expires = models.DateTimeField()
    """Never behind the end that was signed; brought forward by the time that nobody had to wait for signatures."""
    sent_at = models.DateTimeField(null=True)
    """When the last signature that it needed was stored, and it was sent to the boxes."""
    began_at = models.DateTimeField(null=True)
    """When the first group came that had sound in it."""
    spoke_at = models.DateTimeField(null=True)
    """When the last such group came, to the second or so."""
    heard_at = models.DateTimeField(null=True)
    """When the last group came, empty ones too, to the second or so: without any the session is over."""
    ended_at = models.DateTimeField(null=True)
    """When somebody ended it; null: at `expires`, or when groups stayed away (`rules.standing`)."""
    ended_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-created"]
        indexes = [models.Index(fields=["ended_at", "expires"], name="live_by_end")]

    def __str__(self) -> str:
        return f"{self.id[:8]}: {self.author}"

    @property
    def author(self) -> str:
        """Who speaks, in words."""
        return str(self.person) if self.box is None else str(_("micrô của hộp %(box)s") % {"box": self.box.name})


class SpeechSignature(models.Model):
    """One person's signature over a session."""

    speech = models.ForeignKey(Speech, models.PROTECT, related_name="signatures")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    public_key = models.BinaryField(max_length=33)
    holder = models.CharField(max_length=64)
    """The person's name in the roots."""
    value = models.BinaryField(max_length=64)
    alg = models.IntegerField(default=int(Alg.EDDSA))
    """`protocol.curves.Alg`."""
    authenticator_data = models.BinaryField(max_length=37, null=True)
    """With `client_data`: a passkey's assertion."""
    client_data = models.BinaryField(max_length=400, null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["speech", "person"], name="one_voice_signature_per_person"),
            models.UniqueConstraint(fields=["speech", "public_key"], name="one_voice_signature_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.speech_id[:8]}: {self.holder}"

    def signed_by(self) -> SignedBy:
        """As the envelope takes it."""
        data, client = self.authenticator_data, self.client_data
        assertion = Assertion(bytes(data), bytes(client)) if data is not None and client is not None else None
        return SignedBy(bytes(self.public_key), bytes(self.value), Alg(self.alg), assertion)
