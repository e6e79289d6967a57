"""The way of a bulletin from its text to the signed assignment of a box, with real speech and real signatures."""

import datetime as dt
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import timezone

from controller.accounts.models import Person, Role
from controller.accounts.services import appoint
from controller.boxes.models import Box, Stage
from controller.core.times import ZONE
from controller.library import files
from controller.library import services as library
from controller.library.models import State
from controller.library.services import Words
from controller.outbox.models import Message
from controller.schedules import services as schedules
from controller.schedules.services import Aimed, Draft
from controller.schedules.signing import domain, schedule_signer
from controller.units.models import Unit
from controller.worker.loop import do_all
from protocol import topics
from protocol.codec import decode
from protocol.ids import box_id, sha256
from protocol.manifest import Assignment, Manifest
from protocol.signing import Family, verify1

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(tmp_path: Path, settings) -> Path:
    settings.LOALANG = replace(settings.LOALANG, data=tmp_path, province="77", environment="test")
    return tmp_path


def test_a_text_becomes_sound_an_assignment_and_a_message_to_the_box() -> None:
    province = Unit.objects.get_or_create(code="77", defaults={"name": "Tỉnh Bà Rịa – Vũng Tàu", "kind": "province"})[0]
    ward = Unit.objects.get_or_create(code="77-747-26506", defaults={"name":"Phường 1","kind":"ward","parent":province})[0]
    lan = Person.objects.create(username="lan", display_name="Lan")
    hoa = Person.objects.create(username="hoa", display_name="Hoa")
    appoint(lan, Role.EDITOR, ward)
    appoint(hoa, Role.APPROVER, ward)
    key = bytes(range(32))
    now = timezone.now()
    Box.objects.create(id=box_id(key), public_key=key, name="Cụm loa 1", unit=ward, state=Stage.APPROVED, enrolled_at=now)
    bulletin = library.write(Words("Cúp điện", "UBND phường 1 thông báo cúp điện."), ward, lan)
    assert do_all(timezone.now()) >= 1
    bulletin.refresh_from_db()
    assert bulletin.state == State.READY
    assert bulletin.sound
    library.approve(bulletin, hoa, sound=bulletin.sound.hash, text_hash=bulletin.text_hash)
    at = dt.datetime.now(ZONE).replace(tzinfo=None) + dt.timedelta(days=1)
    schedules.publish(Draft("Sáng", ward.code, (bulletin.pk,), at.replace(hour=9), Aimed(units=(ward.code,))), lan)
    do_all(timezone.now())
    row = schedules.assignment_for(box_id(key))
    assert row
    public = schedule_signer().public_key
    assignment = decode(verify1(bytes(row.message), Family.ASSIGNMENT, domain(), public), Assignment)
    signed = files.path_of(assignment.manifest.hex()).read_bytes()
    assert sha256(signed) == assignment.manifest
    manifest = decode(verify1(signed, Family.MANIFEST, domain(), public), Manifest)
    assert assignment.units == ("77", "77-747", "77-747-26506")
    assert [e.playlist for e in manifest.entries] == [(f"b{bulletin.pk}",)]
    assert files.path_of(manifest.blobs[0].hash.hex()).exists()
    assert Message.objects.filter(topic=topics.down(box_id(key)), payload=row.message).count() == 1
