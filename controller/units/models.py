"""Units and what became of them. A code is a path (`77-747-26506`), so it is unique for all time although the state's
statistical numbers are used again, and "at or below" is a question of text."""

import datetime as dt

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """What sort of unit it is; the depth of the tree is data, not this."""

    PROVINCE = "province", _("tỉnh, thành phố")
    DISTRICT = "district", _("huyện, thị xã, thành phố thuộc tỉnh")
    COMMUNE = "commune", _("xã")
    WARD = "ward", _("phường")
    TOWNSHIP = "township", _("thị trấn")
    SPECIAL_ZONE = "special_zone", _("đặc khu")
    HAMLET = "hamlet", _("thôn, ấp, khu phố")


class UnitQuerySet(models.QuerySet["Unit"]):
    def on(self, day: dt.date) -> "UnitQuerySet":
        """Those in force on this day."""
        return self.filter(Q(valid_from=None) | Q(valid_from__lte=day), Q(valid_to=None) | Q(valid_to__gt=day))

    def under(self, code: str) -> "UnitQuerySet":
        """The unit of this code and all below it, whenever they were in force."""
        return self.filter(Q(code=code) | Q(code__startswith=f"{code}-"))


class Unit(models.Model):
    code = models.CharField(max_length=32, unique=True)
    """Path of GSO codes, as `protocol.ids.UnitCode`."""
    name = models.CharField(max_length=120)
    """With its kind, as people write it: "Phường Vũng Tàu"."""
    kind = models.CharField(max_length=16, choices=Kind)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    valid_from = models.DateField(null=True, blank=True)
    """First day in force; null for "before our sources begin"."""
    valid_to = models.DateField(null=True, blank=True)
    """First day no longer in force; null for today's units."""

    objects = UnitQuerySet.as_manager()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Succession(models.Model):
    """A unit whose territory went, wholly or in part, to another."""

    old = models.ForeignKey(Unit, models.PROTECT, related_name="successions")
    new = models.ForeignKey(Unit, models.PROTECT, related_name="predecessions")
    decided_by = models.CharField(max_length=120)
    """Number of the resolution."""
    from_date = models.DateField()
    whole = models.BooleanField(null=True)
    """All of `old` went to `new`; False for a part of it, None where the source does not say."""

    class Meta:
        ordering = ["from_date", "old", "new"]
        constraints = [models.UniqueConstraint(fields=["old", "new", "from_date"], name="one_row_per_succession")]

    def __str__(self) -> str:
        return f"{self.old} → {self.new}"
