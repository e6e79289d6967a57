"""People and what they may do where. Their private keys are never here."""

import base64

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from controller.units.models import Unit
from protocol.curves import P256_BYTES, PASSKEY_ALG, RAW_ALG, Alg
from protocol.ids import sha256


class Role(models.TextChoices):
    """What somebody is appointed to, in one unit and everything below it."""

    EDITOR = "editor", _("biên tập")
    APPROVER = "approver", _("duyệt")
    SIGNER = "signer", _("ký lệnh khẩn cấp")
    TECHNICIAN = "technician", _("kỹ thuật")
    ADMINISTRATOR = "administrator", _("quản trị")
    VIEWER = "viewer", _("theo dõi")


class Person(AbstractUser):
    display_name = models.CharField(max_length=64)
    """As it stands in bulletins' histories and in the roots."""
    must_change_password = models.BooleanField(default=False)
    """The password was given by somebody else and works for one login."""

    REQUIRED_FIELDS = ["display_name"]

    def __str__(self) -> str:
        return self.display_name or self.username


class Appointment(models.Model):
    """A dated role in a unit; substitutes are appointments with an end."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="appointments")
    role = models.CharField(max_length=16, choices=Role)
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="appointments")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    """First day on which it no longer holds."""

    class Meta:
        ordering = ["person", "unit", "role"]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_role_display()}, {self.unit}"


class KeyKind(models.TextChoices):
    """Where the private half of a key is."""

    FILE = "file", _("tệp khóa")
    """A file that a passphrase opens (protocol/README §11)."""
    DEVICE = "device", _("khóa của trình duyệt")
    """A WebCrypto key in one browser, which cannot be exported from there."""
    PASSKEY = "passkey", _("khóa mở bằng vân tay, khuôn mặt hoặc PIN")
    """A WebAuthn credential; it signs assertions, never bytes."""


class PersonKey(models.Model):
    """The public half of a person's key."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="keys")
    kind = models.CharField(max_length=8, choices=KeyKind, default=KeyKind.FILE)
    public_key = models.BinaryField(max_length=P256_BYTES, unique=True)
    """Raw Ed25519 (32 bytes) or compressed P-256 (33)."""
    credential = models.BinaryField(max_length=1023, default=b"", blank=True)
    """Of a passkey: its id, which a page must name to have it used (WebAuthn §4, at most 1023 bytes)."""
    rp_id = models.CharField(max_length=100, default="", blank=True)
    """Of a passkey: the domain for which it was made."""
    label = models.CharField(max_length=64)
    created = models.DateTimeField()
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["person", "created"]

    def __str__(self) -> str:
        return f"{self.person}: {self.label}"

    @property
    def alg(self) -> Alg:
        """How it signs."""
        algorithms = PASSKEY_ALG if self.kind == KeyKind.PASSKEY else RAW_ALG
        return algorithms[len(bytes(self.public_key))]

    @property
    def name(self) -> str:
        """The public key as pages and key files write it: base64url without padding."""
        return base64.urlsafe_b64encode(bytes(self.public_key)).rstrip(b"=").decode()

    @property
    def fingerprint(self) -> str:
        """What people compare: the first 8 bytes of the key's SHA-256, in groups of four."""
        digits = sha256(bytes(self.public_key)).hex()[:16].upper()
        return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


class FailedLogin(models.Model):
    """Wrong passwords for a name from an address; see `accounts.attempts`."""

    username = models.CharField(max_length=150)
    """As it was typed; empty for all other names of an address that tries too many."""
    address = models.CharField(max_length=45)
    count = models.PositiveIntegerField()
    last = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address", "username"], name="one_count_per_name_and_address")]

    def __str__(self) -> str:
        return f"{self.username} {self.address}: {self.count}"


class Audit(models.Model):
    """Who did what to which thing; rows are only ever added."""

    at = models.DateTimeField(db_index=True)
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="audit")
    """Null for the machine itself."""
    action = models.CharField(max_length=48)
    """A stable word: "box.approved"."""
    object = models.CharField(max_length=120, db_index=True)
    """What it was done to: "box:abc…", "bulletin:17"."""
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.object}"
