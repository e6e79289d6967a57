"""The worker's part: compile all schedules, sign what is new, and tell the boxes whose assignment changed.

Everything is compared with what is already there. Content that was signed once is not signed again; a box whose facts
are the same keeps its assignment until its end comes near, so a change in one commune moves no byte in another.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone

from controller.boxes.models import Box, BoxState
from controller.boxes.models import Stage as BoxStage
from controller.core.times import ZONE
from controller.jobs import services as jobs
from controller.jobs.models import Job
from controller.library import files
from controller.library.models import BlobKind
from controller.outbox.models import Kind as MessageKind
from controller.outbox.services import post_many
from controller.schedules import facts
from controller.schedules.compiler import Place, compile_all, facts_of
from controller.schedules.models import AssignmentRow, Compiled
from controller.schedules.signing import domain, schedule_signer
from controller.units.rules import above
from protocol import topics
from protocol.codec import encode
from protocol.ids import sha256
from protocol.manifest import Assignment, Manifest
from protocol.signing import Domain, Family, Signer, sign1
from protocol.timeline import validate_manifest

COMPILE: Final = "schedules.compile"
VALID: Final = dt.timedelta(days=60)
"""How long an assignment holds from its issue."""
AT_LEAST: Final = dt.timedelta(days=46)
"""An assignment with less than this left is renewed: a box has 45 days of schedule at any moment (design §2)."""
DAILY: Final = dt.timedelta(days=1)
BATCH: Final = 500


@dataclass(frozen=True)
class Outcome:
    """What a compilation did."""

    boxes: int
    manifests: int
    """Distinct ones."""
    signed: int
    """Of them, new."""
    assigned: int
    """Boxes that were told something new."""


def ask_for_compilation() -> None:
    """Have everything compiled soon; many wishes before it begins are one."""
    jobs.ask(COMPILE)


def compile_now(job: Job | None = None) -> Outcome:
    """Bring assignments in step with schedules, rules and boxes, and plan the daily renewal. Harmless to repeat."""
    now = timezone.now()
    with transaction.atomic():
        outcome = _compile(now)
        jobs.ask(COMPILE, "daily", due=now + DAILY)
    return outcome


def _compile(now: dt.datetime) -> Outcome:
    places = facts.places()
    compilation = compile_all(
        places,
        facts.programmes(now),
        zone=ZONE.key,
        contents=facts.contents(),
        stations=facts.stations(),
        rules=facts.rules(now),
    )
    signer, where = schedule_signer(), domain()
    rows, signed = _signed(compilation.manifests, signer, where, now)
    wanted = [(place, rows[compilation.of[place.box]]) for place in places]
    changed = _assign(wanted, signer, where, now)
    AssignmentRow.objects.exclude(box__state=BoxStage.APPROVED).delete()
    return Outcome(len(places), len(rows), signed, changed)


def _signed(
    manifests: Sequence[Manifest], signer: Signer, where: Domain, now: dt.datetime
) -> tuple[list[Compiled], int]:
    """The stored manifests, in the same order; and how many were new."""
    contents = [encode(manifest) for manifest in manifests]
    hashes = [sha256(content + signer.public_key).hex() for content in contents]
    known = {row.content_hash: row for row in _in_batches(hashes)}
    signed = 0
    for digest, content, manifest in zip(hashes, contents, manifests, strict=True):
        if digest not in known:
            validate_manifest(manifest)  # what a box would refuse is not signed; what it has stays in force
            message = sign1(content, Family.MANIFEST, where, signer)
            known[digest] = Compiled.objects.create(
                content_hash=digest,
                manifest=files.keep_bytes(message, BlobKind.MANIFEST, now),
                sounds=[blob.hash.hex() for blob in manifest.blobs],
                created=now,
            )
            signed += 1
    return [known[digest] for digest in hashes], signed


def _assign(wanted: Sequence[tuple[Place, Compiled]], signer: Signer, where: Domain, now: dt.datetime) -> int:
    """Write and post the assignments that changed; how many. `wanted` says which manifest each box is to hold."""
    current = {row.box_id: row for row in AssignmentRow.objects.defer("message")}
    heard = {box: max(held, wanted) for box, held, wanted in _generations()}
    made: list[AssignmentRow] = []
    for place, compiled in wanted:
        digest = facts_of(place, bytes.fromhex(compiled.manifest_id))
        old = current.get(place.box)
        if old is not None and old.facts == digest and old.valid_until - now > AT_LEAST:
            continue
        # Higher than anything the box has seen, also after the database was restored from a backup.
        generation = max(old.generation if old else 0, heard.get(place.box, 0)) + 1
        assignment = _assignment(place, compiled, generation, now)
        made.append(
            AssignmentRow(
                box_id=place.box,
                generation=generation,
                compiled=compiled,
                facts=digest,
                message=sign1(encode(assignment), Family.ASSIGNMENT, where, signer),
                issued=now,
                valid_until=now + VALID,
            )
        )
    AssignmentRow.objects.bulk_create(
        made,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["box"],
        update_fields=["generation", "compiled", "facts", "message", "issued", "valid_until"],
    )
    post_many(((topics.down(row.box_id), bytes(row.message)) for row in made), MessageKind.ASSIGNMENT, now=now)
    return len(made)


def _assignment(place: Place, compiled: Compiled, generation: int, now: dt.datetime) -> Assignment:
    return Assignment(
        box=place.box,
        generation=generation,
        manifest=bytes.fromhex(compiled.manifest_id),
        manifest_size=compiled.manifest.size,
        units=above(place.unit),
        issued=int(now.timestamp()),
        valid_until=int((now + VALID).timestamp()),
        policy=place.policy,
        gain_cb=place.gain_cb,
        site=place.site,
    )


def _in_batches(hashes: list[str]) -> list[Compiled]:
    """Rows of these contents; SQLite takes only so many values in one question."""
    wanted = Compiled.objects.select_related("manifest")
    return [
        row
        for start in range(0, len(hashes), BATCH)
        for row in wanted.filter(content_hash__in=hashes[start : start + BATCH])
    ]


def _generations() -> list[tuple[str, int, int]]:
    boxes = BoxState.objects.filter(box__in=Box.objects.filter(state=BoxStage.APPROVED))
    return list(boxes.values_list("box_id", "generation", "wanted_generation"))
