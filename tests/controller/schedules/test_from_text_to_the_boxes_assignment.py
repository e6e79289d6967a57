"""The way of a bulletin from its text to the signed assignment of a box, with real speech and real signatures."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from controller.accounts.models import Audit
from controller.boxes.models import BoxState
from controller.core.errors import Refused
from controller.jobs.models import Job
from controller.library import files
from controller.library import services as library
from controller.library.approving import spoken_text
from controller.library.models import Bulletin
from controller.library.services import Words
from controller.outbox.models import Message
from controller.schedules import regulating, services
from controller.schedules.arrears import silent
from controller.schedules.compiling import COMPILE, compile_now
from controller.schedules.models import AssignmentRow, Compiled, PolicyRecord
from controller.schedules.rules import EARLY, NIGHT
from controller.schedules.services import Aimed, Draft
from controller.schedules.signing import domain, key_file, schedule_signer
from controller.trust.services import trust_of
from controller.units.models import Unit
from controller.worker.loop import do_all
from protocol import topics
from protocol.approval import judge_manifest
from protocol.codec import decode
from protocol.ids import sha256
from protocol.manifest import Assignment, Level, Manifest
from protocol.roles import Era
from protocol.roles import Role as Trusted
from protocol.signing import Family, verify1
from protocol.timeline import validate_manifest
from tests.support.installation import install
from tests.support.officers import (
    HOA_ABOVE,
    NEXT,
    TUAN,
    WARD,
    Office,
    approve,
    approved,
    box,
    office,
    roots,
    tomorrow,
    trust,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Office:
    install(settings, tmp_path)
    return office()


def published(here: Office, units: tuple[str, ...] = (WARD,)) -> Draft:
    return Draft("Bản tin sáng", WARD, (approved(here).pk,), tomorrow(9), Aimed(units=units))


def read(row: AssignmentRow) -> tuple[Assignment, Manifest]:
    """What the box makes of it; both signatures are checked."""
    key = schedule_signer().public_key
    assignment = decode(verify1(bytes(row.message), Family.ASSIGNMENT, domain(), key), Assignment)
    signed = files.path_of(assignment.manifest.hex()).read_bytes()
    assert sha256(signed) == assignment.manifest
    assert len(signed) == assignment.manifest_size
    return assignment, decode(verify1(signed, Family.MANIFEST, domain(), key), Manifest, max_bytes=1 << 20)


def assignment_of(box_id: str) -> AssignmentRow:
    row = services.assignment_for(box_id)
    assert row is not None
    return row


def test_a_text_becomes_sound_an_assignment_and_a_message_to_every_box_of_the_ward(here: Office) -> None:
    services.publish(published(here), here.lan)
    do_all(timezone.now())
    for target in here.boxes[:2]:
        row = assignment_of(target.pk)
        assignment, manifest = read(row)
        assert assignment.units == ("77", "77-747", WARD)
        assert [bulletin.title for bulletin in manifest.bulletins] == ["Cúp điện"]
        assert files.path_of(manifest.blobs[0].hash.hex()).stat().st_size == manifest.blobs[0].size
        assert Message.objects.filter(topic=topics.down(target.pk), payload=row.message).count() == 1
        validate_manifest(manifest)


def test_the_words_that_were_approved_go_to_the_boards_with_the_sound(here: Office) -> None:
    services.publish(published(here), here.lan)
    do_all(timezone.now())
    target = here.boxes[0].pk
    assignment, manifest = read(assignment_of(target))
    trust = trust_of(assignment.units[-1])
    (bulletin,) = judge_manifest(manifest, trust, assignment.units, assignment.issued).manifest.bulletins
    assert bulletin.title == "Cúp điện"
    assert bulletin.text == spoken_text(Bulletin.objects.get())
    assert bulletin.text
    wrong = msgspec.structs.replace(bulletin, text=bulletin.text + " Sai.")
    forged = msgspec.structs.replace(manifest, bulletins=(wrong,))
    assert judge_manifest(forged, trust, assignment.units, assignment.issued).manifest.bulletins[0].text == ""


def test_the_picture_that_was_approved_goes_to_the_boxes_as_a_file_of_their_own(here: Office, tmp_path: Path) -> None:
    upload = tmp_path / "map.png"
    Image.new("RGB", (60, 40), (255, 128, 0)).save(upload)
    made = library.write(Words("Sơ tán", "Theo bản đồ."), here.ward, here.lan, picture=upload)
    do_all(timezone.now())
    made.refresh_from_db()
    approve(made, here.hoa)
    services.publish(Draft("Sơ tán", WARD, (made.pk,), tomorrow(9), Aimed(units=(WARD,))), here.lan)
    do_all(timezone.now())
    target = here.boxes[0].pk
    assignment, manifest = read(assignment_of(target))
    assert made.picture is not None
    shown = bytes.fromhex(made.picture.hash)
    judged = judge_manifest(manifest, trust_of(WARD), assignment.units, assignment.issued)
    assert (judged.unapproved, judged.manifest.bulletins[0].picture) == ((), shown)
    assert [(blob.hash, blob.size) for blob in manifest.blobs if not blob.is_sound] == [(shown, made.picture.size)]
    assert services.may_fetch_sound(target, made.picture.hash)
    assert not services.may_fetch_sound(here.boxes[2].pk, made.picture.hash)
    validate_manifest(manifest)


def test_a_schedule_may_keep_its_words_on_the_boards(here: Office) -> None:
    draft = published(here)
    schedule = services.publish(dataclasses.replace(draft, board_h=6), here.lan)
    do_all(timezone.now())
    (entry,) = read(assignment_of(here.boxes[0].pk))[1].entries
    assert entry.board_s == 6 * 3600
    browser = Client()
    browser.force_login(here.lan)
    assert "6 giờ từ mỗi lần bắt đầu phát" in browser.get(reverse("schedules:schedule", args=[schedule.pk])).text
    for hours in (-1, 25):
        with pytest.raises(Refused) as refused:
            services.publish(dataclasses.replace(draft, board_h=hours), here.lan)
        assert refused.value.field == "board_h"


def test_boxes_with_one_programme_share_one_manifest(here: Office) -> None:
    services.publish(published(here), here.lan)
    do_all(timezone.now())
    first, second, other = (assignment_of(target.pk) for target in here.boxes)
    assert first.compiled == second.compiled
    assert first.compiled != other.compiled
    assert Compiled.objects.count() == 2


def test_a_box_outside_the_area_keeps_its_assignment_to_the_byte(here: Office) -> None:
    do_all(timezone.now())
    before = assignment_of(here.boxes[2].pk)
    services.publish(published(here), here.lan)
    do_all(timezone.now())
    after = assignment_of(here.boxes[2].pk)
    assert (after.generation, bytes(after.message)) == (before.generation, bytes(before.message))
    assert Message.objects.filter(topic=topics.down(here.boxes[2].pk)).count() == 1


def test_a_withdrawn_schedule_leaves_the_boxes_with_the_next_generation(here: Office) -> None:
    schedule = services.publish(published(here), here.lan)
    do_all(timezone.now())
    before = assignment_of(here.boxes[0].pk)
    services.withdraw(schedule, here.hoa)
    do_all(timezone.now())
    after = assignment_of(here.boxes[0].pk)
    assert after.generation > before.generation
    assert read(after)[1].entries == ()


def test_an_edited_bulletin_is_silent_until_somebody_approves_it_again(here: Office) -> None:
    bulletin = approved(here)
    services.publish(Draft("Sáng", WARD, (bulletin.pk,), tomorrow(9), Aimed(units=(WARD,))), here.lan)
    do_all(timezone.now())
    assert read(assignment_of(here.boxes[0].pk))[1].entries
    library.edit(bulletin, Words("Cúp điện", "Hoãn cúp điện."), here.minh)
    do_all(timezone.now())
    assert read(assignment_of(here.boxes[0].pk))[1].entries == ()
    bulletin.refresh_from_db()
    assert bulletin.sound is not None
    approve(bulletin, here.hoa)
    do_all(timezone.now())
    assert read(assignment_of(here.boxes[0].pk))[1].blobs[0].hash.hex() == bulletin.sound.hash


def test_a_box_that_is_approved_later_is_told_of_the_schedules_that_wait_for_it(here: Office) -> None:
    services.publish(published(here), here.lan)
    do_all(timezone.now())
    late = box(9, here.ward)
    do_all(timezone.now())
    assert assignment_of(late.pk).compiled == assignment_of(here.boxes[0].pk).compiled


def test_a_box_fetches_what_its_assignment_names_and_nothing_else(here: Office) -> None:
    services.publish(published(here), here.lan)
    do_all(timezone.now())
    row = assignment_of(here.boxes[0].pk)
    sound = row.compiled.sounds[0]
    assert services.may_fetch_manifest(here.boxes[0].pk, row.compiled.manifest_id)
    assert services.may_fetch_sound(here.boxes[0].pk, sound)
    assert not services.may_fetch_sound(here.boxes[0].pk, row.compiled.manifest_id)
    assert not services.may_fetch_sound(here.boxes[2].pk, sound)
    assert not services.may_fetch_manifest(here.boxes[2].pk, row.compiled.manifest_id)
    assert not services.may_fetch_sound("a" * 16, sound)


def test_the_generation_rises_above_what_a_box_has_seen_before_the_database_was_restored(here: Office) -> None:
    BoxState.objects.create(box=here.boxes[0], generation=41, wanted_generation=42)
    do_all(timezone.now())
    assert assignment_of(here.boxes[0].pk).generation == 43


def test_an_assignment_is_renewed_before_less_than_45_days_of_it_are_left(here: Office) -> None:
    do_all(timezone.now())
    row = assignment_of(here.boxes[0].pk)
    assert (row.valid_until - row.issued).days >= 45
    AssignmentRow.objects.update(valid_until=timezone.now() + dt.timedelta(days=45))
    assert compile_now().assigned == 3
    assert (assignment_of(here.boxes[0].pk).valid_until - timezone.now()).days >= 45
    assert compile_now().assigned == 0


def test_every_manifest_holds_the_night_of_the_province(here: Office) -> None:
    regulating.set_policy(here.ward, "ward", here.tuan)
    PolicyRecord.objects.create(unit=Unit.objects.get(code="77"), template="rural", changed=timezone.now())
    do_all(timezone.now())
    for target in here.boxes:
        first = read(assignment_of(target.pk))[1].policies[0]
        assert (first.level, first.quiet) == (Level.PROVINCE, (NIGHT, EARLY))


def test_the_key_that_signs_schedules_is_readable_by_the_server_alone(here: Office) -> None:
    signer = schedule_signer()
    assert key_file().stat().st_mode & 0o777 == 0o600
    assert schedule_signer().public_key == signer.public_key


def test_who_published_what_is_in_the_audit(here: Office) -> None:
    schedule = services.publish(published(here), here.lan)
    row = Audit.objects.get(action="schedule.published")
    assert (row.person, row.object) == (here.lan, f"schedule:{schedule.pk}")


def test_a_place_beside_is_not_reached(here: Office) -> None:
    hits = services.hit(Draft("x", WARD, (), tomorrow(9), Aimed(units=("77-747",)), Aimed(units=(NEXT,))))
    assert {place.box for place in hits} == {target.pk for target in here.boxes[:2]}


def test_a_box_believes_the_bulletins_of_its_manifest_by_the_approvals_in_it(here: Office) -> None:
    where = here.boxes[0]
    services.publish(published(here), here.lan)
    compile_now()
    assignment, manifest = read(assignment_of(where.id))
    judged = judge_manifest(manifest, trust_of(WARD), assignment.units, int(timezone.now().timestamp()))
    assert len(manifest.approvals) == 1
    assert judged.unapproved == ()
    assert judged.manifest == manifest


def test_a_bulletin_whose_approver_is_not_trusted_any_more_is_taken_off_the_air_and_named(here: Office) -> None:
    where = here.boxes[0]
    services.publish(published(here), here.lan)
    compile_now()
    trust(roots(2, HOA_ABOVE, TUAN))
    compile_now()
    assert read(assignment_of(where.id))[1].entries == ()
    assert [row.title for row in silent(timezone.now())] == ["Cúp điện"]


def test_new_roots_ask_for_a_compilation(here: Office, django_capture_on_commit_callbacks: Any) -> None:
    compile_now()
    with django_capture_on_commit_callbacks(execute=True):
        trust(roots(2))
    assert Job.objects.filter(kind=COMPILE, subject="").exists()


def test_an_assignment_carries_the_era_that_the_roots_name(here: Office) -> None:
    where = here.boxes[0]
    compile_now()
    assert read(assignment_of(where.id))[0].era == 0
    trust(roots(2, eras=(Era(Trusted.SCHEDULE, 3),)))
    compile_now()
    assert read(assignment_of(where.id))[0].era == 3
