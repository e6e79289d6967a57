"""Bulletins and the files that carry them.

A file is named by its SHA-256 and never changes; a bulletin points at the sound that it has now. An approval names
exactly the text and the sound that were approved, so it stays in the history and stops counting when either changes.
"""

import hashlib

from django.db import models
from django.utils.translation import gettext_lazy as _

from controller.accounts.models import Person
from controller.library.papers import Paper, PaperSignature
from controller.units.models import Unit
from protocol.bulletin import BulletinClass


class BlobKind(models.TextChoices):
    SOUND = "sound", _("âm thanh đã chuẩn hoá")
    MANIFEST = "manifest", _("lịch đã ký")
    ORIGINAL = "original", _("tệp gốc")
    PICTURE = "picture", _("hình cho bảng tin")


class Blob(models.Model):
    """A file in the data folder, below `blobs/`; boxes fetch sounds, pictures and manifests by their hash."""

    hash = models.CharField(primary_key=True, max_length=64)
    """SHA-256 in lower-case hex."""
    kind = models.CharField(max_length=8, choices=BlobKind)
    size = models.PositiveBigIntegerField()
    """Bytes."""
    duration_ms = models.PositiveIntegerField(null=True)
    """Of a sound."""
    created = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.hash[:12]} ({self.kind}, {self.size} B)"


class Class(models.IntegerChoices):
    """`protocol.bulletin.BulletinClass` in people's words."""

    ORDINARY = BulletinClass.ORDINARY, _("thông thường")
    PRIORITY = BulletinClass.PRIORITY, _("ưu tiên")


class Voice(models.TextChoices):
    """The voices of espeak-ng; the value is its name for them."""

    NORTH = "vi", _("giọng miền Bắc")
    CENTRE = "vi-vn-x-central", _("giọng miền Trung")
    SOUTH = "vi-vn-x-south", _("giọng miền Nam")


class State(models.TextChoices):
    DRAFT = "draft", _("nháp")
    RENDERING = "rendering", _("đang tạo âm thanh")
    READY = "ready", _("chờ duyệt")
    APPROVED = "approved", _("đã duyệt")
    REFUSED = "refused", _("không duyệt")
    WITHDRAWN = "withdrawn", _("đã rút")


class Bulletin(models.Model):
    title = models.CharField(max_length=120)
    text = models.TextField(blank=True)
    """As written; what is spoken is `spoken.text_to_read` of it."""
    language = models.CharField(max_length=35, default="vi")
    """BCP 47."""
    voice = models.CharField(max_length=20, choices=Voice, default=Voice.SOUTH)
    klass = models.PositiveSmallIntegerField(choices=Class, default=Class.ORDINARY)
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="bulletins")
    author = models.ForeignKey(Person, models.PROTECT, related_name="bulletins")
    edited_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    """Who changed it last: like the author, they cannot approve it."""
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, db_index=True)
    revision = models.PositiveIntegerField(default=1)
    """Rises with every change of text, voice or recording; sound made for an older one is thrown away."""
    original = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="+")
    """The recording as it was uploaded; null where the text is spoken."""
    sound = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="bulletins")
    """What boxes sound; null until it is made."""
    picture = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="+")
    """What boards show beside the words; null for none."""
    error = models.TextField(blank=True)
    """Why no sound could be made, or why it was refused."""
    created = models.DateTimeField()
    edited_at = models.DateTimeField()
    """When its words or its recording were last changed, by `edited_by`."""
    changed = models.DateTimeField()
    """When anything of it last changed, its state too."""

    class Meta:
        ordering = ["-changed", "-id"]

    def __str__(self) -> str:
        return self.title

    @property
    def text_hash(self) -> str:
        """SHA-256 in hex over title and text: what an approval of the words is bound to."""
        return hashlib.sha256(f"{self.title}\n{self.text}".encode()).hexdigest()


class Approval(Paper):
    """Persons found exactly these words and this sound fit to be heard, and signed for it."""

    bulletin = models.ForeignKey(Bulletin, models.PROTECT, related_name="approvals")
    person = models.ForeignKey(Person, models.PROTECT, related_name="approvals")
    """Who signed first."""
    at = models.DateTimeField()
    sound = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    text_hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.bulletin}: {self.person}"


class ApprovalSignature(PaperSignature):
    paper = models.ForeignKey(Approval, models.PROTECT, related_name="signatures")

    class Meta(PaperSignature.Meta):
        constraints = [
            models.UniqueConstraint(fields=["paper", "person"], name="one_approval_signature_per_person"),
            models.UniqueConstraint(fields=["paper", "public_key"], name="one_approval_signature_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.paper_id}: {self.holder}"
