"""Boxes, and beside them what was last heard of each: two tables, because one changes with people and the other every
minute."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from controller.accounts.models import Person
from controller.units.models import Unit
from protocol.manifest import PlaceInOrder


class Stage(models.TextChoices):
    """Where a box is in its life."""

    WAITING = "waiting", _("chờ duyệt")
    APPROVED = "approved", _("đang dùng")
    RETIRED = "retired", _("đã ngừng")


class Box(models.Model):
    id = models.CharField(primary_key=True, max_length=16)
    """`protocol.ids.box_id` of its public key."""
    public_key = models.BinaryField(max_length=32, unique=True)
    name = models.CharField(max_length=64)
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, blank=True, related_name="boxes")
    """Null until somebody approves it."""
    state = models.CharField(max_length=16, choices=Stage, default=Stage.WAITING, db_index=True)
    site = models.CharField(max_length=200, blank=True)
    """Where it hangs, in words."""
    gain_cb = models.SmallIntegerField(default=0)
    """Added to the manifest's gain, in hundredths of a bel."""
    enrolled_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")
    identity_until = models.DateTimeField(null=True, blank=True)
    """So long its key alone opens the lifeline, whatever became of its certificates."""
    replaces = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="replaced_by")
    """The box whose place it took."""

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "boxes"

    def __str__(self) -> str:
        return self.name


class BoxState(models.Model):
    """What the box last said of itself. Numbers are those of `protocol.report`; null is "never said"."""

    box = models.OneToOneField(Box, models.CASCADE, primary_key=True, related_name="status")
    last_seen = models.DateTimeField(null=True)
    """When the controller last received anything of it."""
    connected_since = models.DateTimeField(null=True)
    """When the controller received the newest hello."""
    boot = models.DateTimeField(null=True)
    """Start of its daemon, by its own clock."""
    box_time = models.DateTimeField(null=True)
    """Its own clock in the newest message."""
    doing = models.PositiveSmallIntegerField(null=True)
    clock = models.PositiveSmallIntegerField(null=True)
    faults = models.PositiveBigIntegerField(default=0)
    """Bit n is `FaultCode` n."""
    generation = models.PositiveBigIntegerField(default=0)
    """Of the schedule in force."""
    wanted_generation = models.PositiveBigIntegerField(default=0)
    """Of the newest assignment that it has, as its newest hello said it: that is signed, a beat is not."""
    epoch = models.PositiveBigIntegerField(default=1)
    """With `era` and `generation`: the place in order of the assignment in force."""
    era = models.PositiveBigIntegerField(default=0)
    wanted_epoch = models.PositiveBigIntegerField(default=1)
    wanted_era = models.PositiveBigIntegerField(default=0)
    roots_version = models.PositiveBigIntegerField(default=0)
    delegations = models.JSONField(default=dict)
    """Of each unit of its place the version of the list that it holds."""
    version = models.CharField(max_length=64, blank=True)
    digest = models.BinaryField(max_length=16, default=bytes)
    hello_boot = models.BigIntegerField(null=True)
    """The latest `boot` of a hello that counted, epoch ms as the box said it."""
    hello_at = models.BigIntegerField(null=True)
    """`at` of the newest hello that counted, epoch ms."""
    beat_at = models.BigIntegerField(null=True)
    """`at` of the newest beat that counted, epoch s; a later beat must be later."""
    session = models.BinaryField(max_length=8, default=bytes)
    """Run of the daemon in the newest hello; empty for a box that does not say."""
    session_before = models.BinaryField(max_length=8, default=bytes)
    cloned_at = models.DateTimeField(null=True)
    """When two runs with one key took turns for the last time; null once somebody has looked into it."""
    log_chain = models.BinaryField(max_length=8, default=bytes)
    log_seq = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.box_id}: {self.last_seen}"

    @property
    def place_in_force(self) -> PlaceInOrder:
        return (self.era, self.epoch, self.generation)

    @property
    def place_wanted(self) -> PlaceInOrder:
        return (self.wanted_era, self.wanted_epoch, self.wanted_generation)


class Group(models.Model):
    """Boxes that are often addressed together."""

    name = models.CharField(max_length=64)
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="box_groups")
    """Whose group it is: it may be addressed by those who may address the unit."""
    boxes = models.ManyToManyField(Box, related_name="groups", blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["unit", "name"], name="one_group_name_per_unit")]

    def __str__(self) -> str:
        return self.name


class FaultEvent(models.Model):
    """A fault that came or went, as the box reported it."""

    box = models.ForeignKey(Box, models.CASCADE, related_name="fault_events")
    code = models.PositiveSmallIntegerField()
    raised = models.BooleanField()
    at = models.DateTimeField()
    """By the box's clock."""
    received = models.DateTimeField()
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            # Boxes deliver at least once; a repetition is the same row.
            models.UniqueConstraint(fields=["box", "code", "raised", "at"], name="one_row_per_fault_event")
        ]

    def __str__(self) -> str:
        return f"{self.box_id} {self.code} {'+' if self.raised else '-'}"
