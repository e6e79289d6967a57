"""Certificates of boxes. Those of the controller itself are files."""

from django.db import models


class BoxCertificate(models.Model):
    serial = models.CharField(primary_key=True, max_length=40)
    """In hex."""
    box = models.CharField(max_length=16, db_index=True)
    """`protocol.ids.box_id`; the CN."""
    authority = models.CharField(max_length=64)
    """Fingerprint of the CA that issued it."""
    pem = models.TextField()
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-not_before", "serial"]

    def __str__(self) -> str:
        return f"{self.box} {self.serial[:8]}"
