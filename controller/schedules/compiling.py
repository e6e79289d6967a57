"""The worker's part: compile all schedules, sign what is new, and tell the boxes whose assignment changed.

Everything is compared with what is already there. Content that was signed once is not signed again; a box whose facts
are the same keeps its assignment until its end comes near, so a change in one commune moves no byte in another.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from controller.accounts.services import audit
from controller.boxes.models import Box, BoxState
from controller.boxes.models import Stage as BoxStage
from controller.core.errors import Refused
from controller.core.times import ZONE
from controller.jobs import services as jobs
from controller.jobs.models import Job
from controller.library import files
from controller.library.models import BlobKind
from controller.library.papers import trust_or_none
from controller.outbox.models import Kind as MessageKind
from controller.outbox.services import post_many
from controller.schedules import approved, facts
from controller.schedules.compiler import Place, Reign, compile_all, facts_of, next_generation
from controller.schedules.models import AssignmentRow, Compiled, Unapproved
from controller.schedules.signing import domain, schedule_signer
from controller.trust.epochs import epoch, era
from controller.units.rules import above
from protocol import topics
from protocol.approval import Subject, judge_manifest
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.ids import sha256
from protocol.manifest import NO_ASSIGNMENT, Assignment, Manifest, PlaceInOrder
from protocol.signing import Domain, Family, Signer, sign1
from protocol.timeline import validate_manifest

COMPILE: Final = "schedules.compile"
VALID: Final = dt.timedelta(days=60)
"""How long an assignment holds from its issue."""
AT_LEAST: Final = dt.timedelta(days=46)
"""An assignment with less than this left is renewed: a box has 45 days of schedule at any moment (design §2)."""
DAILY: Final = dt.timedelta(days=1)
RENEWAL: Final = "daily"
"""Subject of the job that asks for a compilation once a day."""
BATCH: Final = 500
NAMED: Final = 5
"""Boxes that a complaint names."""


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


def recompile_all(reason: str) -> None:
    """Have everything compiled soon, and say in the record why."""
    audit(None, "schedules.recompiled", "schedules", reason=reason)
    ask_for_compilation()


def compile_now(job: Job | None = None) -> Outcome:
    """Bring assignments in step with schedules, rules and boxes. Harmless to repeat.

    The daily renewal is planned before anything that may fail, and when its day has come asks for this like any other
    change. Raises `Refused` when boxes could not be told, which then keep what they have; all others are told.
    """
    now = timezone.now()
    with transaction.atomic():
        if job is not None and job.subject == RENEWAL:
            ask_for_compilation()
        jobs.ask(COMPILE, RENEWAL, due=now + DAILY)
    if job is not None and job.subject == RENEWAL:
        return Outcome(0, 0, 0, 0)
    with transaction.atomic():
        outcome, refused = _compile(now)
    if refused:
        raise _untellable(refused)
    return outcome


def _compile(now: dt.datetime) -> tuple[Outcome, dict[str, ProtocolError]]:
    """What was done; and by box what is wrong with the manifest that it should have got."""
    places = facts.places()
    contents, stations = facts.contents(), facts.stations()
    compilation = compile_all(
        places,
        facts.programmes(now),
        zone=ZONE.key,
        contents=contents,
        stations=stations,
        rules=facts.rules(now),
        signed=approved.signed({place.unit for place in places}, contents, stations, now),
    )
    _name(compilation.unapproved, now)
    signer, where = schedule_signer(), domain()
    rows, bad, signed = _signed(compilation.manifests, signer, where, now)
    numbers = [(place, compilation.of[place.box]) for place in places]
    unheard = _unapproved(numbers, compilation.manifests, now)
    changed, refused = _assign(
        [(place, rows[number]) for place, number in numbers if number in rows and place.box not in unheard],
        signer,
        where,
        now,
    )
    refused |= unheard
    AssignmentRow.objects.exclude(box__state=BoxStage.APPROVED).delete()
    refused |= {place.box: bad[number] for place, number in numbers if number in bad}
    return Outcome(len(places), len(compilation.manifests), signed, changed), refused


def _name(unapproved: Mapping[tuple[Subject, str], frozenset[str]], now: dt.datetime) -> None:
    """Write down what boxes are not given since no signature that counts approves it: pages name it, and whom to ask.

    All else goes on.
    """
    since = {(row.bulletin_id, row.station_id): row.since for row in Unapproved.objects.all()}
    Unapproved.objects.all().delete()
    for (what, name), units in sorted(unapproved.items()):
        bulletin = int(name.removeprefix(facts.BULLETIN.format(""))) if what is Subject.BULLETIN else None
        station = name if what is Subject.STATION else None
        Unapproved.objects.create(
            bulletin_id=bulletin,
            station_id=station,
            units=sorted(units),
            since=since.get((bulletin, station), now),
        )


def _unapproved(
    numbers: Sequence[tuple[Place, int]], manifests: Sequence[Manifest], now: dt.datetime
) -> dict[str, ProtocolError]:
    """By box what it would refuse as approved by nobody: judged as the box judges, under the trust of its place.

    The compiler has left all of that out; what is found here is its mistake, and no box is told it.
    """
    judged: dict[tuple[int, str], tuple[str, ...]] = {}
    found = {}
    for place, number in numbers:
        if (number, place.unit) not in judged:
            trust = trust_or_none(place.unit)
            manifest = manifests[number]
            judged[number, place.unit] = (
                tuple(entry.id for entry in manifest.entries)
                if trust is None
                else judge_manifest(manifest, trust, above(place.unit), int(now.timestamp())).unapproved
            )
        names = judged[number, place.unit]
        if names:
            said = f"nobody who is trusted there has approved {', '.join(names[:NAMED])}"
            found[place.box] = ProtocolError("unapproved", said, field="bulletins")
    return found


def _signed(
    manifests: Sequence[Manifest], signer: Signer, where: Domain, now: dt.datetime
) -> tuple[dict[int, Compiled], dict[int, ProtocolError], int]:
    """By number: the stored manifests, and what boxes would refuse in the others; and how many were new.

    What a box would refuse is not signed: what it has stays in force.
    """
    refused: dict[int, ProtocolError] = {}
    contents: dict[int, bytes] = {}
    for number, manifest in enumerate(manifests):
        try:
            contents[number] = encode(manifest)
            validate_manifest(manifest)
        except ProtocolError as error:
            refused[number] = error
    hashes = {
        number: sha256(contents[number] + signer.public_key).hex() for number in contents if number not in refused
    }
    known = {row.content_hash: row for row in _in_batches(list(hashes.values()))}
    signed = 0
    for number, digest in hashes.items():
        if digest not in known:
            message = sign1(contents[number], Family.MANIFEST, where, signer)
            known[digest] = Compiled.objects.create(
                content_hash=digest,
                manifest=files.keep_bytes(message, BlobKind.MANIFEST, now),
                sounds=[blob.hash.hex() for blob in manifests[number].blobs],
                created=now,
            )
            signed += 1
    return {number: known[digest] for number, digest in hashes.items()}, refused, signed


def _untellable(refused: Mapping[str, ProtocolError]) -> Refused:
    """Names the first few boxes, and what their boxes would refuse."""
    names = list(Box.objects.filter(pk__in=sorted(refused)[:NAMED]).values_list("name", flat=True))
    why = "; ".join(sorted({str(error) for error in refused.values()}))
    more = "…" if len(refused) > NAMED else ""
    overtaken = any(error.code in ("outranked", "used-up") for error in refused.values())
    return Refused(
        "",
        _("%(n)d hộp không nhận được lịch mới (%(names)s): %(why)s.")
        % {"n": len(refused), "names": ", ".join(names) + more, "why": why},
        _(
            "Máy chủ khác cùng khóa đã đánh số vượt máy này: nhập danh sách gốc mới nhất, chạy “loalang epoch raise”. "
            "Nếu vẫn bị vượt, khóa máy chủ đã lộ: xem docs/security.md. Các hộp khác vẫn được báo."
        )
        if overtaken
        else _(
            "Số sau chữ “s” là số của lịch phát bị từ chối: hãy rút lịch đó rồi lập lại. Các hộp khác vẫn được báo."
        ),
    )


def _assign(
    wanted: Sequence[tuple[Place, Compiled]], signer: Signer, where: Domain, now: dt.datetime
) -> tuple[int, dict[str, ProtocolError]]:
    """Write and post the assignments that changed; how many, and by box what is wrong with one that cannot be written.

    `wanted` says which manifest each box is to hold.
    """
    current = {row.box_id: row for row in AssignmentRow.objects.defer("message")}
    heard = _heard()
    reign = (era(), epoch())
    made: list[AssignmentRow] = []
    refused: dict[str, ProtocolError] = {}
    for place, compiled in wanted:
        digest = facts_of(place, bytes.fromhex(compiled.manifest_id), reign)
        old, seen = current.get(place.box), heard.get(place.box, NO_ASSIGNMENT)
        if old is not None and _holds(old, digest, seen, now):
            continue
        try:
            generation = next_generation(reign, NO_ASSIGNMENT if old is None else old.place_in_order, seen)
            content = encode(_assignment(place, compiled, generation, now, reign))
        except ProtocolError as error:
            refused[place.box] = error
            continue
        made.append(
            AssignmentRow(
                box_id=place.box,
                generation=generation,
                epoch=reign[1],
                era=reign[0],
                compiled=compiled,
                facts=digest,
                message=sign1(content, Family.ASSIGNMENT, where, signer),
                issued=now,
                valid_until=now + VALID,
            )
        )
    AssignmentRow.objects.bulk_create(
        made,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["box"],
        update_fields=["generation", "epoch", "era", "compiled", "facts", "message", "issued", "valid_until"],
    )
    post_many(((topics.down(row.box_id), bytes(row.message)) for row in made), MessageKind.ASSIGNMENT, now=now)
    return len(made), refused


def _holds(row: AssignmentRow, facts: str, seen: PlaceInOrder, now: dt.datetime) -> bool:
    """Whether what the box was told is what it is to have: for long enough, and with nothing later in its hands."""
    return row.facts == facts and row.valid_until - now > AT_LEAST and seen <= row.place_in_order


def _assignment(place: Place, compiled: Compiled, generation: int, now: dt.datetime, reign: Reign) -> Assignment:
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
        era=reign[0],
        epoch=reign[1],
    )


def _in_batches(hashes: list[str]) -> list[Compiled]:
    """Rows of these contents; SQLite takes only so many values in one question."""
    wanted = Compiled.objects.select_related("manifest")
    return [
        row
        for start in range(0, len(hashes), BATCH)
        for row in wanted.filter(content_hash__in=hashes[start : start + BATCH])
    ]


def _heard() -> dict[str, PlaceInOrder]:
    """By box the newest assignment that it says to have. Of signed words only: a beat may be anybody's, and would have
    this controller use up its numbers."""
    boxes = BoxState.objects.filter(box__in=Box.objects.filter(state=BoxStage.APPROVED))
    return {row.box_id: row.place_wanted for row in boxes.only("wanted_era", "wanted_epoch", "wanted_generation")}
