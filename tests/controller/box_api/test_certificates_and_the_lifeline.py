"""What a box may ask for with its key alone, and what only with a certificate that counts."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from agent.core.certificates import anchors, is_mine
from controller.boxes import services as boxes
from controller.boxes.models import Box
from controller.orders import services as orders
from controller.orders.composing import Alarm
from controller.pki import services as pki
from controller.pki.models import BoxCertificate
from protocol.lifeline import unpack
from protocol.order import Severity
from protocol.signing import Family, family_of, signed_by
from protocol.topics import CA_PATH, CERTIFICATE_PATH, LIFELINE_PATH, MANIFEST_PATH, ROOTS_PATH
from tests.support import province
from tests.support.boxes import SmallBox
from tests.support.installation import install
from tests.support.province import Province

NONE = "0" * 64
pytestmark = pytest.mark.django_db


@pytest.fixture
def here(settings: LazySettings, tmp_path: Path) -> Province:
    install(settings, tmp_path)
    settings.LOALANG = replace(settings.LOALANG, broker_public="mqtts://localhost:8883")
    return province.make(timezone.now())


def box_of(here: Province, name: str = "an phú 1") -> SmallBox:
    return SmallBox(here.box_key(name), province.DOMAIN)


def ask(box: SmallBox, method: str, path: str, signer: SmallBox | None = None) -> Any:
    headers = (signer or box).signed_headers(method, path)
    return Client().generic(method, path, headers=headers)


def with_pki() -> str:
    return pki.folder().add_authority("77/test", timezone.now()).fingerprint


def test_without_a_pki_it_is_said_that_there_are_no_certificates(here: Province) -> None:
    box = box_of(here)
    assert Client().get(CA_PATH).status_code == 404
    assert ask(box, "POST", CERTIFICATE_PATH).json()["error"] == "no-pki"
    assert ask(box, "GET", MANIFEST_PATH.format(hash=NONE)).json()["error"] == "not-yours", "and none is asked for"


def test_anybody_may_have_the_cas_and_only_the_pinned_one_is_believed(here: Province) -> None:
    del here
    pinned = with_pki()
    bundle = Client().get(CA_PATH).content
    assert anchors(bundle, pinned) == bundle
    assert anchors(bundle, NONE) is None


def test_a_box_gets_a_certificate_over_its_own_key_and_the_same_again_until_it_is_due(here: Province) -> None:
    with_pki()
    box = box_of(here)
    first = ask(box, "POST", CERTIFICATE_PATH)
    assert is_mine(first.content, box.id, box.signer.public_key)
    life = x509.load_pem_x509_certificate(first.content)
    assert life.not_valid_after_utc - timezone.now() < dt.timedelta(days=90)
    assert ask(box, "POST", CERTIFICATE_PATH).content == first.content
    start = timezone.now() - dt.timedelta(days=60)
    BoxCertificate.objects.update(not_before=start, not_after=start + dt.timedelta(days=90))
    assert ask(box, "POST", CERTIFICATE_PATH).content != first.content


def test_only_the_box_itself_gets_its_certificate_and_only_while_it_is_in_use(here: Province) -> None:
    with_pki()
    box, other = box_of(here), box_of(here, "an phú 2")
    assert Client().post(CERTIFICATE_PATH).status_code == 401
    forged = ask(box, "POST", CERTIFICATE_PATH, signer=SmallBox(province.key("thief"), province.DOMAIN))
    assert forged.status_code == 401
    assert ask(other, "POST", CERTIFICATE_PATH).status_code == 200
    boxes.retire(Box.objects.get(pk=other.id), here.people["tuan"])
    for method, path in (("POST", CERTIFICATE_PATH), ("GET", LIFELINE_PATH), ("GET", ROOTS_PATH)):
        assert ask(other, method, path).status_code == 401, path


def test_content_takes_a_certificate_and_the_lifeline_takes_none(here: Province) -> None:
    with_pki()
    box, manifest = box_of(here), MANIFEST_PATH.format(hash=NONE)
    assert ask(box, "GET", manifest).json()["error"] == "no-certificate"
    assert ask(box, "GET", LIFELINE_PATH).status_code == 200
    ask(box, "POST", CERTIFICATE_PATH)
    assert ask(box, "GET", manifest).json()["error"] == "not-yours"
    BoxCertificate.objects.update(not_after=timezone.now() - dt.timedelta(days=1))
    assert ask(box, "GET", manifest).json()["error"] == "no-certificate"
    assert ask(box, "GET", LIFELINE_PATH).status_code == 200


def test_the_identity_ends_after_ten_years(here: Province) -> None:
    with_pki()
    box = box_of(here)
    Box.objects.filter(pk=box.id).update(identity_until=timezone.now() - dt.timedelta(days=1))
    assert ask(box, "GET", LIFELINE_PATH).json()["error"] == "identity-over"
    assert ask(box, "POST", CERTIFICATE_PATH).json()["error"] == "identity-over"


def test_the_lifeline_carries_the_roots_first_and_every_order_that_the_box_is_owed(here: Province) -> None:
    order = orders.prepare(here.people["hoa"], Alarm(message=1, area=(province.AN_PHU,), severity=Severity.EXTREME))
    for name in ("hoa", "minh"):
        made = signed_by(province.key(name), bytes(order.payload), Family.ORDER, province.DOMAIN)
        orders.sign(order, here.people[name], made)
    order.refresh_from_db()
    messages = unpack(ask(box_of(here), "GET", LIFELINE_PATH).content)
    assert [family_of(message) for message in messages] == [Family.ROOTS, Family.ORDER]
    assert messages[-1] == bytes(order.envelope or b"")
    elsewhere = unpack(ask(box_of(here, "bình minh"), "GET", LIFELINE_PATH).content)
    assert [family_of(message) for message in elsewhere] == [Family.ROOTS]


def test_keys_on_the_disk_are_for_the_controllers_user_alone(here: Province, tmp_path: Path) -> None:
    del here
    with_pki()
    pki.folder().make_server(["localhost", "10.0.0.1"], timezone.now())
    pki.folder().make_bridge(timezone.now())
    secrets = list((tmp_path / "pki").rglob("*.key"))
    assert len(secrets) == 3
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in secrets)
    assert (tmp_path / "pki").stat().st_mode & 0o777 == 0o700
    assert pki.folder().server_names() == ["localhost", "10.0.0.1"]
