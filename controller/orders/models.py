"""Orders, who signed them, and what each box answered. The exact bytes that were signed are kept for good."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from controller.accounts.models import Person
from controller.boxes.models import Box
from protocol.curves import Alg
from protocol.signing import Assertion, SignedBy


class State(models.TextChoices):
    """How far an order has come. That its time is over is no state: ask `rules.standing`."""

    WAITING = "waiting", _("chờ ký")
    SENT = "sent", _("đã phát lệnh")
    CANCELLED = "cancelled", _("đã hủy")
    """By another order that was sent."""
    REPLACED = "replaced", _("đã được thay")
    """By an update that was sent."""
    LIFTED = "lifted", _("đã khôi phục")
    """A cancel or a stop, by a reinstatement that was sent."""
    DROPPED = "dropped", _("đã bỏ")
    """Before anybody sent it."""


class EmergencyOrder(models.Model):
    id = models.CharField(primary_key=True, max_length=32)
    """`Order.id` in hex."""
    payload = models.BinaryField()
    """What is signed, fixed when it was prepared: `codec.encode` of the `Order`."""
    envelope = models.BinaryField(null=True)
    """Payload and signatures as they travel; null until enough have signed."""
    state = models.CharField(max_length=12, choices=State, default=State.WAITING, db_index=True)
    role = models.PositiveSmallIntegerField()
    """As what its persons sign it: `protocol.roles.Role`."""
    type = models.PositiveSmallIntegerField()
    """`protocol.order.MessageType`."""
    status = models.PositiveSmallIntegerField()
    """`protocol.order.Status`."""
    severity = models.PositiveSmallIntegerField()
    event = models.CharField(max_length=12)
    message = models.PositiveIntegerField(null=True)
    """Code of the built-in message; null where nothing sounds."""
    area = models.JSONField()
    """Unit codes."""
    reason = models.CharField(max_length=200, blank=True)
    ends = models.ForeignKey("self", models.PROTECT, null=True, related_name="ended_by")
    """The order that this one ends: of a cancel or an update an alarm, of a reinstatement a cancel or a stop."""
    also_ends = models.ManyToManyField("self", symmetrical=False, related_name="also_ended_by")
    """Of a reinstatement: the other stops and cancels that its bytes name, so that one act takes all of them back."""
    created_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    """Null for what the button of a commune's panel has given."""
    created = models.DateTimeField()
    first_signer = models.BinaryField(max_length=33)
    """Public key whose sequence it counts in; its signature stands first."""
    sequence = models.PositiveBigIntegerField()
    level = models.PositiveSmallIntegerField(null=True)
    """Level of its signers, once it was sent; 0 is the province."""
    issued = models.DateTimeField()
    expires = models.DateTimeField()
    until = models.DateTimeField(null=True)
    """Of a stop: when its lock ends by itself; null: with its reinstatement."""
    sent_at = models.DateTimeField(null=True)
    """When the last signature that it needed was stored."""

    class Meta:
        ordering = ["-created"]
        indexes = [models.Index(fields=["state", "expires"], name="orders_by_state_and_expiry")]
        constraints = [models.UniqueConstraint(fields=["first_signer", "sequence"], name="one_order_per_sequence")]

    def __str__(self) -> str:
        return f"{self.event} {self.id[:8]}"

    @property
    def author(self) -> str:
        """Who prepared it, in words."""
        return str(_("nút bấm tại trụ sở")) if self.created_by is None else str(self.created_by)


class OrderSignature(models.Model):
    order = models.ForeignKey(EmergencyOrder, models.PROTECT, related_name="signatures")
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    """Null for a panel's token."""
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
            models.UniqueConstraint(fields=["order", "person"], name="one_signature_per_person"),
            models.UniqueConstraint(fields=["order", "public_key"], name="one_signature_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id[:8]}: {self.holder}"

    def signed_by(self) -> SignedBy:
        """As the envelope takes it."""
        data, client = self.authenticator_data, self.client_data
        assertion = Assertion(bytes(data), bytes(client)) if data is not None and client is not None else None
        return SignedBy(bytes(self.public_key), bytes(self.value), Alg(self.alg), assertion)


class Stranger(models.Model):
    """The last order that a box has obeyed and that this controller did not send: one row a box, whatever it says."""

    box = models.OneToOneField(Box, models.CASCADE, primary_key=True, related_name="+")
    order = models.CharField(max_length=32)
    """Its id in hex."""
    stage = models.PositiveSmallIntegerField()
    at = models.DateTimeField(db_index=True)
    """When its answer came."""

    def __str__(self) -> str:
        return f"{self.box_id}: {self.order[:8]}"


class RollCall(models.Model):
    """A box's signed answer, one row a stage."""

    order = models.ForeignKey(EmergencyOrder, models.PROTECT, related_name="answers")
    box = models.ForeignKey(Box, models.PROTECT, related_name="+")
    stage = models.PositiveSmallIntegerField()
    """`protocol.report.Stage`."""
    code = models.CharField(max_length=32, blank=True)
    """Why it was rejected."""
    first_sample_ms = models.PositiveBigIntegerField(null=True)
    """Epoch milliseconds on the box's clock."""
    grade = models.PositiveSmallIntegerField(default=0)
    at_ms = models.PositiveBigIntegerField()
    """Epoch milliseconds on the box's clock."""
    received = models.DateTimeField()

    class Meta:
        ordering = ["order", "box", "stage"]
        constraints = [models.UniqueConstraint(fields=["order", "box", "stage"], name="one_answer_per_stage")]

    def __str__(self) -> str:
        return f"{self.order_id[:8]} {self.box_id}: {self.stage}"
