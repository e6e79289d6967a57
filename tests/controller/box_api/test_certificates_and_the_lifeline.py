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
from controller.orders import rollcall
from controller.orders import services as orders
from controller.orders.composing import Alarm
from controller.orders.models import EmergencyOrder
from controller.pki import services as pki
from controller.pki.models import BoxCertificate
from controller.trust.models import RootsFile
from protocol.lifeline import unpack
from protocol.order import MessageType, Severity, Status
from protocol.signing import Family, family_of, signed_by
from protocol.topics import CA_PATH, CERTIFICATE_PATH, LIFELINE_PATH, MANIFEST_PATH, ROOTS_PATH
from tests.support import province
from tests.support.boxes import SmallBox
from tests.support.installation import install
from tests.support.province import Province

NONE = "0" * 64
LIFELINE = LIFELINE_PATH.format(roots=0)
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
    for method, path in (("POST", CERTIFICATE_PATH), ("GET", LIFELINE), ("GET", ROOTS_PATH)):
        assert ask(other, method, path).status_code == 401, path


def test_content_takes_a_certificate_and_the_lifeline_takes_none(here: Province) -> None:
    with_pki()
    box, manifest = box_of(here), MANIFEST_PATH.format(hash=NONE)
    assert ask(box, "GET", manifest).json()["error"] == "no-certificate"
    assert ask(box, "GET", LIFELINE).status_code == 200
    ask(box, "POST", CERTIFICATE_PATH)
    assert ask(box, "GET", manifest).json()["error"] == "not-yours"
    BoxCertificate.objects.update(not_after=timezone.now() - dt.timedelta(days=1))
    assert ask(box, "GET", manifest).json()["error"] == "no-certificate"
    assert ask(box, "GET", LIFELINE).status_code == 200


def test_the_identity_ends_after_ten_years(here: Province) -> None:
    with_pki()
    box = box_of(here)
    Box.objects.filter(pk=box.id).update(identity_until=timezone.now() - dt.timedelta(days=1))
    assert ask(box, "GET", LIFELINE).json()["error"] == "identity-over"
    assert ask(box, "POST", CERTIFICATE_PATH).json()["error"] == "identity-over"


def test_the_lifeline_carries_the_roots_first_and_every_order_that_the_box_is_owed(here: Province) -> None:
    envelope = alarm(here)
    messages = unpack(ask(box_of(here), "GET", LIFELINE).content)
    assert [family_of(message) for message in messages] == [Family.ROOTS, Family.ORDER]
    assert messages[-1] == envelope
    elsewhere = unpack(ask(box_of(here, "bình minh"), "GET", LIFELINE).content)
    assert [family_of(message) for message in elsewhere] == [Family.ROOTS]


def test_of_the_roots_the_lifeline_carries_only_what_is_newer_than_the_box_says_that_it_has(here: Province) -> None:
    versions = years_of_roots(2, 5)
    for held in (0, 1, 3):
        messages = unpack(ask(box_of(here), "GET", LIFELINE_PATH.format(roots=held)).content)
        assert messages == tuple(data for version, data in versions if version > held)
    for held in (5, 6, 0xFFFF_FFFF):
        assert unpack(ask(box_of(here), "GET", LIFELINE_PATH.format(roots=held)).content) == ()


def test_behind_however_many_roots_the_orders_are_in_the_answer_and_the_box_asks_on_from_where_it_is(
    here: Province,
) -> None:
    envelope = alarm(here)
    versions = years_of_roots(2, 600)
    held, answers = 0, 0
    while held < 600:
        messages = unpack(ask(box_of(here), "GET", LIFELINE_PATH.format(roots=held)).content)
        assert messages[-1] == envelope
        assert messages[:-1] == tuple(data for version, data in versions if version > held)[: len(messages) - 1]
        held += len(messages) - 1
        answers += 1
    assert answers == 3


def test_the_version_that_a_box_names_is_covered_by_its_signature(here: Province) -> None:
    headers = box_of(here).signed_headers("GET", LIFELINE_PATH.format(roots=1))
    assert Client().get(LIFELINE_PATH.format(roots=1), headers=headers).status_code == 200
    assert Client().get(LIFELINE_PATH.format(roots=0), headers=headers).status_code == 401


@pytest.mark.parametrize("nonsense", ["-1", "01", "1.0", "", "9" * 30, "x"])
def test_what_is_no_version_of_roots_has_no_lifeline(here: Province, nonsense: str) -> None:
    assert ask(box_of(here), "GET", LIFELINE_PATH.format(roots=nonsense)).status_code == 404


def test_of_too_many_orders_those_are_carried_that_are_most_earnest_of_the_highest_level_and_most_severe() -> None:
    def order(
        number: int, status: Status, level: int, severity: Severity, kind: MessageType = MessageType.ALERT
    ) -> EmergencyOrder:
        created = dt.datetime(2026, 7, 1, 8, 0, number, tzinfo=dt.UTC)
        return EmergencyOrder(id=str(number), status=status, level=level, severity=severity, created=created, type=kind)

    orders = [
        order(0, Status.ACTUAL, 1, Severity.EXTREME),
        order(1, Status.ACTUAL, 0, Severity.MINOR),
        order(2, Status.TEST, 0, Severity.EXTREME),
        order(3, Status.ACTUAL, 1, Severity.MINOR),
        order(4, Status.ACTUAL, 1, Severity.MINOR),
        order(5, Status.ACTUAL, 1, Severity.MINOR, MessageType.STOP),
    ]
    kept = [[row.id for row in rollcall.most_urgent(orders, limit)] for limit in range(7)]
    wanted = "", "5", "15", "015", "0145", "01345", "012345"
    assert kept == [list(names) for names in wanted], "what silences comes before all that sounds"


def years_of_roots(first: int, last: int) -> list[tuple[int, bytes]]:
    """Versions and bytes of all that are there then. Nobody reads them here: boxes verify them."""
    now = timezone.now()
    rows = [
        RootsFile(version=version, data=b"roots %d" % version, issued=now, expires=now, imported=now)
        for version in range(first, last + 1)
    ]
    RootsFile.objects.bulk_create(rows)
    return [(row.version, bytes(row.data)) for row in RootsFile.objects.order_by("version")]


def alarm(here: Province) -> bytes:
    """A sent order for An Phú, as it travels."""
    order = orders.prepare(here.people["hoa"], Alarm(message=1, area=(province.AN_PHU,), severity=Severity.EXTREME))
    for name in ("hoa", "minh"):
        made = signed_by(province.key(name), bytes(order.payload), Family.ORDER, province.DOMAIN)
        orders.sign(order, here.people[name], made)
    order.refresh_from_db()
    return bytes(order.envelope or b"")


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
