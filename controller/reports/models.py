"""The rows of the boxes' play logs, and how far the chain of each is known."""

from django.db import models

from controller.boxes.models import Box


class PlayLogRow(models.Model):
    """One sound, from first sample to last, as `protocol.report.LogRow` says it."""

    box = models.ForeignKey(Box, models.PROTECT, related_name="play_log")
    chain = models.BinaryField(max_length=8)
    seq = models.PositiveBigIntegerField()
    unit_code = models.CharField(max_length=32, blank=True)
    """Where the box hung when the row came home: units change, the log does not."""
    play = models.CharField(max_length=160)
    cause = models.CharField(max_length=64)
    bulletin = models.CharField(max_length=64, blank=True)
    sound = models.CharField(max_length=64, blank=True)
    planned_ms = models.PositiveBigIntegerField()
    """Epoch milliseconds on the box's clock, as are the next two; a box without time may say anything."""
    started_ms = models.PositiveBigIntegerField(null=True)
    ended_ms = models.PositiveBigIntegerField(null=True)
    result = models.PositiveSmallIntegerField()
    grade = models.PositiveSmallIntegerField()
    start_error_ms = models.IntegerField()
    detail = models.CharField(max_length=200, blank=True)
    received = models.DateTimeField()

    class Meta:
        ordering = ["-planned_ms", "-id"]
        constraints = [models.UniqueConstraint(fields=["box", "chain", "seq"], name="one_row_per_box_chain_seq")]
        indexes = [
            models.Index(fields=["planned_ms"], name="log_by_time"),
            models.Index(fields=["unit_code", "planned_ms"], name="log_by_unit"),
            models.Index(fields=["cause"], name="log_by_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.box_id} {self.seq}: {self.play}"


class LogChain(models.Model):
    """How far one chain of one box is in the table, without a gap."""

    box = models.ForeignKey(Box, models.PROTECT, related_name="log_chains")
    chain = models.BinaryField(max_length=8)
    seq = models.PositiveBigIntegerField(default=0)
    """Every row up to this one is stored, but for what `ChainAnomaly` names."""
    hash = models.BinaryField(max_length=32)
    """`chain_hash` up to that row."""
    ahead = models.PositiveSmallIntegerField(default=0)
    """How often in a row the box has sent rows that begin after a gap."""
    updated = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["box", "chain"], name="one_chain_per_box")]

    def __str__(self) -> str:
        return f"{self.box_id}: {self.seq}"


class ChainAnomaly(models.Model):
    """A log that does not fit together: rows are missing, or the history was rewritten."""

    box = models.ForeignKey(Box, models.PROTECT, related_name="log_anomalies")
    chain = models.BinaryField(max_length=8)
    seq = models.PositiveBigIntegerField()
    """The first row that does not fit."""
    kind = models.CharField(max_length=16)
    """"gap" or "rewritten"."""
    detail = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["box", "chain", "seq", "kind"], name="one_row_per_anomaly")]

    def __str__(self) -> str:
        return f"{self.box_id} {self.seq}: {self.kind}"
