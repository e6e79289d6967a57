"""Schedules as officers write them, the rules they stand under, and what was compiled of them for each box."""

from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from controller.accounts.models import Person
from controller.boxes.models import Box, Group
from controller.library.models import Blob, Bulletin, Class
from controller.library.papers import Paper, PaperSignature
from controller.units.models import Unit
from protocol.manifest import DEFAULT_WINDOW_S, Kind, PlaceInOrder
from protocol.quantities import EVERY_DAY


class State(models.TextChoices):
    ACTIVE = "active", _("đang dùng")
    WITHDRAWN = "withdrawn", _("đã rút")


class EntryKind(models.IntegerChoices):
    """`protocol.manifest.Kind` in people's words."""

    PROGRAMME = Kind.PROGRAMME, _("chương trình")
    RELAY = Kind.RELAY, _("tiếp sóng")
    FILLER = Kind.FILLER, _("nhạc chờ")


class Station(models.Model):
    """An upper station that may be relayed."""

    code = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=200)
    url = models.CharField(max_length=300)
    """http or https."""

    def __str__(self) -> str:
        return self.name


class Schedule(models.Model):
    """A playlist and the recurrence of its starts. It is not edited: it is withdrawn, and another one published."""

    title = models.CharField(max_length=120)
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="schedules")
    """Whose schedule it is."""
    klass = models.PositiveSmallIntegerField(choices=Class, default=Class.ORDINARY)
    kind = models.PositiveSmallIntegerField(choices=EntryKind, default=EntryKind.PROGRAMME)
    first_local = models.CharField(max_length=19)
    """First start as local wall time, `YYYY-MM-DDTHH:MM:SS`."""
    rule = models.CharField(max_length=200, blank=True)
    """RFC 5545 RRULE value without DTSTART; empty: once."""
    until_local = models.CharField(max_length=19, blank=True)
    """No start after this local wall time; empty: no end."""
    repeats = models.PositiveSmallIntegerField(default=1)
    """How often the playlist is said at each start."""
    gap_s = models.PositiveIntegerField(default=0)
    """Silence between repeats."""
    window_s = models.PositiveIntegerField(default=DEFAULT_WINDOW_S)
    """How late a start may be."""
    length_s = models.PositiveIntegerField(default=0)
    """Length of the slot of a relay or filler."""
    station = models.ForeignKey(Station, models.PROTECT, null=True, blank=True, related_name="schedules")
    commune_order = models.PositiveSmallIntegerField(default=0)
    """Among schedules of one class that start together the lower goes first."""
    gain_cb = models.SmallIntegerField(default=0)
    """Hundredths of a bel."""
    board_s = models.PositiveIntegerField(default=0)
    """So long after each start the words of its bulletins stand on boards while nothing sounds."""
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE, db_index=True)
    author = models.ForeignKey(Person, models.PROTECT, related_name="schedules")
    created = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(Person, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-created", "-id"]

    def __str__(self) -> str:
        return self.title

    @property
    def board_h(self) -> int:
        """`board_s` in hours, as people gave it."""
        return self.board_s // 3600


class ScheduleItem(models.Model):
    """One bulletin's place in a playlist."""

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    bulletin = models.ForeignKey(Bulletin, models.PROTECT, related_name="schedule_items")

    class Meta:
        ordering = ["schedule", "position"]
        constraints = [models.UniqueConstraint(fields=["schedule", "position"], name="one_item_per_position")]

    def __str__(self) -> str:
        return f"{self.position}. {self.bulletin}"


class Target(models.Model):
    """A unit with everything below it, a group, or a box: meant, or excepted."""

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="targets")
    unit = models.ForeignKey(Unit, models.PROTECT, null=True, related_name="+")
    group = models.ForeignKey(Group, models.PROTECT, null=True, related_name="+")
    box = models.ForeignKey(Box, models.PROTECT, null=True, related_name="+")
    excluded = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="a_target_is_one_thing",
                condition=Q(unit__isnull=False, group=None, box=None)
                | Q(unit=None, group__isnull=False, box=None)
                | Q(unit=None, group=None, box__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return str(self.unit or self.group or self.box)


class PolicyRecord(models.Model):
    """When scheduled sound is allowed in a unit, or at one box. Lower ones only tighten: all of them hold together."""

    unit = models.OneToOneField(Unit, models.PROTECT, null=True, blank=True, related_name="policy")
    box = models.OneToOneField(Box, models.CASCADE, null=True, blank=True, related_name="policy")
    template = models.CharField(max_length=32, blank=True)
    """Name of the template in `rules.TEMPLATES` from which it was made."""
    quiet = models.JSONField(default=list)
    """[[start, end, days], …]: seconds of the local day and a mask of weekdays, as `protocol.manifest.Hours`."""
    days = models.PositiveSmallIntegerField(default=EVERY_DAY)
    """Weekdays on which anything may sound; bit 0 is Monday."""
    max_sessions = models.PositiveSmallIntegerField(null=True, blank=True)
    """A day."""
    max_session_s = models.PositiveIntegerField(null=True, blank=True)
    changed = models.DateTimeField()
    changed_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="a_policy_is_of_a_unit_or_a_box",
                condition=Q(unit__isnull=False, box=None) | Q(unit=None, box__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.unit or self.box}: {self.template}"


class Permission(models.Model):
    """The province permits the early hour (05:00–06:00) in a unit, by a document."""

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="early_permissions")
    number = models.CharField(max_length=64)
    """Of the document: "123/STTTT-BCVT"."""
    issued = models.DateField()
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    """First day on which it no longer holds."""
    recorded_by = models.ForeignKey(Person, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["unit", "valid_from"]

    def __str__(self) -> str:
        return f"{self.unit}: {self.number}"


class Compiled(models.Model):
    """A signed manifest. Boxes with the same programme share it."""

    content_hash = models.CharField(max_length=64, unique=True)
    """SHA-256 in hex over the record's bytes and the key that signed: what need not be signed again."""
    manifest = models.OneToOneField(Blob, models.PROTECT, related_name="compiled")
    """The signed bytes."""
    sounds = models.JSONField(default=list)
    """SHA-256 in hex of every sound that it names."""
    created = models.DateTimeField()

    class Meta:
        verbose_name_plural = "compiled"

    def __str__(self) -> str:
        return self.manifest_id[:12]


class AssignmentRow(models.Model):
    """What a box is told now."""

    box = models.OneToOneField(Box, models.CASCADE, primary_key=True, related_name="assignment")
    generation = models.PositiveBigIntegerField()
    """Begins anew in each epoch and era."""
    epoch = models.PositiveBigIntegerField(default=1)
    era = models.PositiveBigIntegerField(default=0)
    compiled = models.ForeignKey(Compiled, models.PROTECT, related_name="assignments")
    facts = models.CharField(max_length=64)
    """SHA-256 in hex of everything in it but generation and dates: as long as it is the same, the box is left alone."""
    message = models.BinaryField()
    """The signed assignment."""
    issued = models.DateTimeField()
    valid_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.box_id} #{self.generation}"

    @property
    def place_in_order(self) -> PlaceInOrder:
        return (self.era, self.epoch, self.generation)


IN_FORCE: Final = Q(
    generation=F("box__status__generation"),
    epoch=F("box__status__epoch"),
    era=F("box__status__era"),
)
"""Of an `AssignmentRow`: the box says that this one is in force."""


class StationApproval(Paper):
    """Persons of CONTENT signed that this station may be relayed."""

    station = models.ForeignKey(Station, models.CASCADE, related_name="approvals")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.station}"


class StationSignature(PaperSignature):
    paper = models.ForeignKey(StationApproval, models.CASCADE, related_name="signatures")

    class Meta(PaperSignature.Meta):
        constraints = [
            models.UniqueConstraint(fields=["paper", "person"], name="one_station_signature_per_person"),
            models.UniqueConstraint(fields=["paper", "public_key"], name="one_station_signature_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.paper_id}: {self.holder}"


class QuietException(Paper):
    """Scheduled sound may pass the quiet hours once, here, from then to then, when two persons have signed it."""

    area = models.JSONField(default=list)
    """Codes of units."""
    start = models.DateTimeField()
    end = models.DateTimeField()
    reason = models.CharField(max_length=200)
    prepared_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    """When it was prepared."""
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-start", "-id"]

    def __str__(self) -> str:
        return self.reason


class ExceptionSignature(PaperSignature):
    paper = models.ForeignKey(QuietException, models.PROTECT, related_name="signatures")

    class Meta(PaperSignature.Meta):
        constraints = [
            models.UniqueConstraint(fields=["paper", "person"], name="one_exception_signature_per_person"),
            models.UniqueConstraint(fields=["paper", "public_key"], name="one_exception_signature_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.paper_id}: {self.holder}"


class BoardLine(Paper):
    """A few words beside the time of day on boards: the weather. `payload` is their `protocol.approval.Approval`."""

    unit = models.ForeignKey(Unit, models.PROTECT, related_name="+")
    text = models.CharField(max_length=80)
    until = models.DateTimeField()
    author = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    """When it was written."""
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(
                fields=["until"], condition=Q(envelope__isnull=False, dropped_at=None), name="lines_that_count"
            ),
            models.Index(fields=["until"], condition=Q(envelope=None, dropped_at=None), name="lines_to_sign"),
            models.Index(fields=["-at", "-id"], name="lines_by_age"),
        ]

    def __str__(self) -> str:
        return self.text


class LineSignature(PaperSignature):
    paper = models.ForeignKey(BoardLine, models.PROTECT, related_name="signatures")

    class Meta(PaperSignature.Meta):
        constraints = [
            models.UniqueConstraint(fields=["paper", "person"], name="one_line_signature_per_person"),
            models.UniqueConstraint(fields=["paper", "public_key"], name="one_line_signature_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.paper_id}: {self.holder}"


class Unapproved(models.Model):
    """What a schedule names and boxes are not given, since no signature that counts today approves it. Written by each
    compilation."""

    bulletin = models.ForeignKey(Bulletin, models.CASCADE, null=True, related_name="unapproved")
    station = models.ForeignKey(Station, models.CASCADE, null=True, related_name="unapproved")
    units = models.JSONField(default=list)
    """Codes of the units whose boxes go without."""
    since = models.DateTimeField()

    class Meta:
        verbose_name_plural = "unapproved"
        constraints = [
            models.UniqueConstraint(fields=["bulletin"], name="a_bulletin_is_unapproved_once"),
            models.UniqueConstraint(fields=["station"], name="a_station_is_unapproved_once"),
        ]

    def __str__(self) -> str:
        return str(self.bulletin or self.station)
