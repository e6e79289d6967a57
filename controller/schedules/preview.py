"""What a box will say, and why: the same planner that runs in the box, over what the box was last told."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import msgspec

from controller.core.times import ZONE
from controller.library import files
from controller.library.papers import trust_or_none
from controller.schedules import facts
from controller.schedules.models import AssignmentRow
from controller.schedules.signing import domain
from protocol import timeline
from protocol.approval import exceptions_at, judge_manifest
from protocol.codec import decode
from protocol.manifest import Assignment, Manifest
from protocol.policy import Stretch
from protocol.signing import MAX_MESSAGE_BYTES, Family, open1
from protocol.timeline import Holdings


@dataclass(frozen=True)
class Sounding:
    """One sound of the day."""

    title: str
    start: dt.datetime
    end: dt.datetime
    schedule: int | None
    """Number of the schedule that causes it."""


@dataclass(frozen=True)
class Preview:
    explained: str
    """What sounds at the moment, why, until when, and what comes next."""
    soundings: tuple[Sounding, ...]
    """Of the 24 hours that follow."""


def holdings(row: AssignmentRow, at: dt.datetime) -> Holdings:
    """What the box holds once it has fetched what it was told, less what it would not believe."""
    assignment = decode(_payload(bytes(row.message), Family.ASSIGNMENT), Assignment)
    signed = files.path_of(row.compiled.manifest_id).read_bytes()
    manifest = decode(_payload(signed, Family.MANIFEST), Manifest, max_bytes=MAX_MESSAGE_BYTES)
    trust = trust_or_none(assignment.units[-1])
    if trust is None:  # nothing is approved where nobody is trusted
        return Holdings(manifest=msgspec.structs.replace(manifest, entries=()), assignment=assignment)
    at_s = int(at.timestamp())
    return Holdings(
        manifest=judge_manifest(manifest, trust, assignment.units, at_s).manifest,
        assignment=assignment,
        bounds=trust.roots.policies,
        exceptions=tuple(
            Stretch(row.start * 1000, row.end * 1000) for row in exceptions_at(manifest, trust, assignment.units, at_s)
        ),
    )


def preview(row: AssignmentRow, at: dt.datetime, language: Literal["vi", "en"]) -> Preview:
    """What the box says at this instant and in the day after it."""
    held, now_ms = holdings(row, at), int(at.timestamp() * 1000)
    found = timeline.plan(held, now_ms, now_ms + 86_400_000)
    titles = {bulletin.id: bulletin.title for bulletin in held.manifest.bulletins} if held.manifest else {}
    return Preview(
        timeline.explain(held, now_ms, language),
        tuple(
            Sounding(
                titles.get(part.bulletin, part.station or ""), _at(part.start_ms), _at(part.end_ms), _number(part.cause)
            )
            for part in found.segments
        ),
    )


def _payload(message: bytes, family: Family) -> bytes:
    return open1(message, family, domain()).payload


def _at(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, ZONE)


def _number(cause: str) -> int | None:
    text = cause.removeprefix(facts.ENTRY.format(""))
    return int(text) if text.isdecimal() else None
