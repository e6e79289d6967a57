"""Enrolment, roots, manifests and blobs over HTTP: signed by the box, and only what its assignment names."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import AsyncClient, Client
from django.utils import timezone

from controller.box_api import ranges
from controller.box_api.ranges import NotSatisfiable, Span
from controller.boxes.models import Box, Stage
from controller.library import files
from controller.library.models import BlobKind
from controller.schedules.models import AssignmentRow, Compiled
from protocol.ids import enrolment_code, sha256
from protocol.roles import open_first_roots
from protocol.topics import BLOB_PATH, CERTIFICATE_PATH, ENROL_PATH, MANIFEST_PATH, ROOTS_PATH
from tests.support import province
from tests.support.boxes import SmallBox
from tests.support.installation import install
from tests.support.province import Province, key

SOUND = bytes(range(256)) * 1024


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    return province.make(timezone.now())


def ask(box: SmallBox, path: str, client: Client | None = None, **headers: str) -> Any:
    return (client or Client()).get(path, headers=box.signed_headers("GET", path, b"", **headers))


def assign(here: Province, name: str, sound: bytes) -> tuple[str, str]:
    """A manifest that names one sound, assigned to this box; (manifest, sound) by hash."""
    now = timezone.now()
    blob = files.keep_bytes(sound, BlobKind.SOUND, now)
    manifest = files.keep_bytes(b"manifest of " + name.encode(), BlobKind.MANIFEST, now)
    compiled = Compiled.objects.create(
        content_hash=sha256(name.encode()).hex(), manifest=manifest, sounds=[blob.hash], created=now
    )
    AssignmentRow.objects.create(
        box=here.boxes[name], generation=1, compiled=compiled, facts="", message=b"", issued=now, valid_until=now
    )
    return manifest.hash, blob.hash


@pytest.mark.django_db
def test_a_new_box_waits_with_its_code_until_somebody_approves_it(here: Province) -> None:
    box = SmallBox(key("new box"), province.DOMAIN)
    body = box.enrolment()

    def enrol() -> Any:
        headers = box.signed_headers("POST", ENROL_PATH, body, **{"Content-Type": "application/json"})
        return Client().post(ENROL_PATH, body, content_type="application/json", headers=headers)

    first = enrol()
    assert first.status_code == 200
    assert first.json() == {"state": "waiting", "code": enrolment_code(box.id), "broker": "mqtt://127.0.0.1:1883"}
    assert ask(box, ROOTS_PATH).status_code == 401, "a box that waits is told nothing"
    Box.objects.filter(pk=box.id).update(state=Stage.APPROVED, unit=here.boxes["an phú 1"].unit)
    assert enrol().json()["state"] == "approved"
    assert open_first_roots(ask(box, ROOTS_PATH).content).version == 1
    Box.objects.filter(pk=box.id).update(state=Stage.RETIRED)
    assert enrol().status_code == 403


@pytest.mark.django_db
def test_nobody_enrols_with_a_key_that_is_not_theirs(here: Province) -> None:
    box, thief = SmallBox(key("new box"), province.DOMAIN), SmallBox(key("thief"), province.DOMAIN)
    body = box.enrolment()
    headers = thief.signed_headers("POST", ENROL_PATH, body, **{"Content-Type": "application/json"})
    answer = Client().post(ENROL_PATH, body, content_type="application/json", headers=headers)
    assert answer.status_code == 401
    assert not Box.objects.filter(pk=box.id).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"", b"{}", b'{"public_key":"AAAA","name":"a","version":"1"}', b"[" * 100_000])
def test_a_body_that_is_no_enrolment_is_refused_in_json(here: Province, body: bytes) -> None:
    answer = Client().post(ENROL_PATH, body, content_type="application/json")
    assert answer.status_code in (400, 413)
    assert set(answer.json()) == {"error", "message"}


@pytest.mark.django_db
def test_a_changed_body_a_changed_path_and_an_old_signature_are_refused(here: Province) -> None:
    box = SmallBox(key("new box"), province.DOMAIN)
    body = box.enrolment()
    headers = box.signed_headers("POST", ENROL_PATH, body, **{"Content-Type": "application/json"})
    changed = body.replace(b"Loa", b"loa").replace(b"C\\u1ee5m", b"Nh\\u00e0")
    assert changed != body
    answer = Client().post(ENROL_PATH, changed, content_type="application/json", headers=headers)
    assert answer.status_code == 401
    known = SmallBox(here.box_key("an phú 1"), province.DOMAIN)
    other_path = MANIFEST_PATH.format(hash="0" * 64)
    assert Client().get(other_path, headers=known.signed_headers("GET", ROOTS_PATH)).status_code == 401
    assert Client().get(ROOTS_PATH).status_code == 401
    old = known.signed_headers("GET", ROOTS_PATH)
    created = int(old["Signature-Input"].partition("created=")[2].partition(";")[0])
    old["Signature-Input"] = old["Signature-Input"].replace(str(created), str(created - 60))
    assert Client().get(ROOTS_PATH, headers=old).status_code == 401


@pytest.mark.django_db
def test_a_changed_method_an_added_query_and_an_added_body_are_refused(here: Province) -> None:
    box = SmallBox(here.box_key("an phú 1"), province.DOMAIN)
    signed = box.signed_headers("GET", ROOTS_PATH)
    assert Client().get(ROOTS_PATH, headers=signed).status_code == 200
    assert Client().get(f"{ROOTS_PATH}?version=1", headers=signed).status_code == 401
    assert Client().generic("GET", ROOTS_PATH, b"x", headers=signed).status_code == 401
    got = box.signed_headers("GET", CERTIFICATE_PATH)
    assert Client().post(CERTIFICATE_PATH, headers=got).status_code == 401
    posted = box.signed_headers("POST", CERTIFICATE_PATH)
    assert Client().post(CERTIFICATE_PATH, headers=posted).status_code != 401


@pytest.mark.django_db(transaction=True)
def test_a_box_fetches_its_own_manifest_and_no_other(here: Province) -> None:
    mine, _ = assign(here, "an phú 1", SOUND)
    theirs, secret = assign(here, "bình minh", b"something else")
    box = SmallBox(here.box_key("an phú 1"), province.DOMAIN)
    assert asyncio.run(fetched(box, MANIFEST_PATH.format(hash=mine)))[:2] == (200, b"manifest of an ph\xc3\xba 1")
    for path in (MANIFEST_PATH.format(hash=theirs), BLOB_PATH.format(hash=secret), BLOB_PATH.format(hash=mine)):
        answer = ask(box, path)
        assert answer.status_code == 404
        assert json.loads(answer.content)["error"] == "not-yours"


async def fetched(box: SmallBox, path: str, **headers: str) -> tuple[int, bytes, Any]:
    answer: Any = await AsyncClient().get(path, headers=box.signed_headers("GET", path, b"", **headers))
    content = b"".join([part async for part in answer]) if answer.streaming else answer.content
    return answer.status_code, content, answer.headers


@pytest.mark.django_db(transaction=True)
def test_a_download_goes_on_where_it_stopped(here: Province) -> None:
    _, sound = assign(here, "an phú 1", SOUND)
    box = SmallBox(here.box_key("an phú 1"), province.DOMAIN)
    path = BLOB_PATH.format(hash=sound)
    status, content, headers = asyncio.run(fetched(box, path))
    assert (status, content, headers["Content-Length"]) == (200, SOUND, str(len(SOUND)))
    etag = headers["ETag"]
    assert etag == f'"{sound}"'
    status, rest, headers = asyncio.run(fetched(box, path, Range="bytes=100000-", **{"If-Range": etag}))
    assert (status, rest) == (206, SOUND[100_000:])
    assert headers["Content-Range"] == f"bytes 100000-{len(SOUND) - 1}/{len(SOUND)}"
    status, whole, _ = asyncio.run(fetched(box, path, Range="bytes=100000-", **{"If-Range": '"another"'}))
    assert (status, whole) == (200, SOUND)
    status, _, headers = asyncio.run(fetched(box, path, Range=f"bytes={len(SOUND)}-"))
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(SOUND)}")


@pytest.mark.django_db
def test_a_file_that_the_controller_lost_is_said_to_be_missing(here: Province) -> None:
    _, sound = assign(here, "an phú 1", SOUND)
    files.path_of(sound).unlink()
    answer = ask(SmallBox(here.box_key("an phú 1"), province.DOMAIN), BLOB_PATH.format(hash=sound))
    assert answer.status_code == 503
    assert answer.json()["error"] == "missing"


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-", Span(0, 10)),
        ("bytes=4-6", Span(4, 7)),
        ("bytes=4-600", Span(4, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-30", Span(0, 10)),
        ("bytes=6-4", None),
        ("bytes=0-1,4-5", None),
        ("items=0-1", None),
        ("bytes=-", None),
    ],
)
def test_ranges_are_read_as_rfc_9110_says(header: str | None, span: Span | None) -> None:
    assert ranges.wanted(header, None, 10, '"x"') == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_behind_the_end_is_not_satisfiable(header: str) -> None:
    with pytest.raises(NotSatisfiable):
        ranges.wanted(header, None, 10, '"x"')
