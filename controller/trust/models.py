"""The signed lists by which boxes know whom to trust. The exact bytes are kept for good."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from controller.accounts.models import Person


class RootsFile(models.Model):
    """A version of the roots, made offline; the newest one counts, the older ones lead boxes up to it."""

    version = models.PositiveBigIntegerField(unique=True)
    data = models.BinaryField()
    """As it travels: COSE_Sign by the root keys."""
    root_keys = models.JSONField(default=list)
    """Public root keys that it names, in hex."""
    issued = models.DateTimeField()
    expires = models.DateTimeField()
    imported = models.DateTimeField()

    class Meta:
        ordering = ["-version"]
        db_table = "orders_rootsfile"

    def __str__(self) -> str:
        return f"roots {self.version}"


class State(models.TextChoices):
    """How far a delegation has come."""

    WAITING = "waiting", _("chờ ký")
    PUBLISHED = "published", _("đã phát hành")
    DROPPED = "dropped", _("đã bỏ")


class DelegationFile(models.Model):
    """One version of a unit's list."""

    unit = models.CharField(max_length=32, db_index=True)
    version = models.PositiveBigIntegerField()
    era = models.PositiveBigIntegerField()
    payload = models.BinaryField()
    """What is signed, fixed when it was prepared."""
    envelope = models.BinaryField(null=True)
    """As it travels; null until enough administrators have signed."""
    state = models.CharField(max_length=12, choices=State, default=State.WAITING, db_index=True)
    created_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    created = models.DateTimeField()
    published = models.DateTimeField(null=True)

    class Meta:
        ordering = ["unit", "-era", "-version", "-created"]
        constraints = [
            models.UniqueConstraint(
                fields=["unit", "era", "version"],
                condition=models.Q(state="published"),
                name="one_list_per_version",
            )
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.version}"


class DelegationSignature(models.Model):
    delegation = models.ForeignKey(DelegationFile, models.PROTECT, related_name="signatures")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    holder = models.CharField(max_length=64)
    """The person's name in the roots."""
    public_key = models.BinaryField(max_length=33)
    value = models.BinaryField(max_length=64)
    alg = models.IntegerField()
    authenticator_data = models.BinaryField(null=True)
    client_data = models.BinaryField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["delegation", "person"], name="one_delegation_signature_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.delegation_id}: {self.holder}"


class Installation(models.Model):
    """One row: what this controller is among all that have had its key."""

    epoch = models.PositiveBigIntegerField(default=1)
    era = models.PositiveBigIntegerField(default=0)
    """In which the epoch was raised; in a later one epochs begin anew."""

    def __str__(self) -> str:
        return f"epoch {self.epoch}"
