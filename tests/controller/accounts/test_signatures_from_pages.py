"""What the signing kit offers and takes: signatures of the person's key, over these bytes, by a verified hand."""

import base64
import json
from dataclasses import replace

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from controller.accounts import signing
from controller.accounts.models import KeyKind, Person, PersonKey
from controller.core.errors import Refused
from protocol.curves import P256_ORDER, Alg
from protocol.passkey import Party
from protocol.signing import Domain, Family, SignedBy, Signer, assemble, open_signed
from tests.support.province import key
from tests.support.signing_kit import HERE, P256Signer, Passkey, as_fields, base64url, fields

DOMAIN = Domain("77", "test")
PAYLOAD = b"what is signed"
FAMILY = Family.APPROVAL


@pytest.fixture
def hoa(db: None) -> Person:
    return Person.objects.create(username="hoa", display_name="Trần Thị Hoa")


def registered(person: Person, public_key: bytes, kind: KeyKind, **more: object) -> PersonKey:
    return PersonKey.objects.create(
        person=person, public_key=public_key, kind=kind, label=str(kind.label), created=timezone.now(), **more
    )


@pytest.mark.parametrize("signer", [key("hoa"), P256Signer("hoa")])
def test_a_key_of_either_curve_signs_and_the_box_would_take_it(signer: Signer) -> None:
    for turn in range(8):
        payload = PAYLOAD + bytes([turn])
        signed = signing.read(fields(signer, payload, FAMILY, DOMAIN))
        signing.verify(signed, payload, FAMILY, DOMAIN, None)
        assert int.from_bytes(signed.value[32:], "big") <= P256_ORDER // 2 or signed.alg is Alg.EDDSA
        (row,) = open_signed(assemble(payload, FAMILY, (signed,)), FAMILY, DOMAIN).signatures
        assert row.verify(signer.public_key)


@pytest.mark.parametrize("alg", [Alg.PASSKEY_ES256, Alg.PASSKEY_EDDSA])
def test_a_passkeys_assertion_is_taken_whatever_form_its_signature_comes_in(alg: Alg) -> None:
    phone = Passkey("điện thoại của Hoa", alg=alg)
    signed = signing.read(phone.fields(PAYLOAD, FAMILY, DOMAIN))
    signing.verify(signed, PAYLOAD, FAMILY, DOMAIN, HERE)
    assert signing.read(as_fields(signed)) == signed, "already in its one spelling"


@pytest.mark.parametrize(
    ("phone", "party", "why"),
    [
        (Passkey("p", flags=0x01), HERE, "vân tay"),
        (Passkey("p", origin="https://evil.example"), HERE, "địa chỉ"),
        (Passkey("p"), Party("other", ("http://testserver",)), "địa chỉ"),
        (Passkey("p", more={"crossOrigin": True}), HERE, "đọc lại"),
        (Passkey("p"), None, "loại khác"),
    ],
)
def test_why_an_assertion_is_refused_is_said(phone: Passkey, party: Party | None, why: str) -> None:
    signed = signing.read(phone.fields(PAYLOAD, FAMILY, DOMAIN))
    with pytest.raises(Refused) as refused:
        signing.verify(signed, PAYLOAD, FAMILY, DOMAIN, party)
    assert refused.value.field == "signature"
    assert why in refused.value.way_out


def test_a_signature_counts_for_its_bytes_family_and_domain_only() -> None:
    signed = signing.read(fields(key("hoa"), PAYLOAD, FAMILY, DOMAIN))
    for payload, family, domain in (
        (PAYLOAD + b".", FAMILY, DOMAIN),
        (PAYLOAD, Family.ORDER, DOMAIN),
        (PAYLOAD, FAMILY, Domain("77", "demo")),
    ):
        with pytest.raises(Refused):
            signing.verify(signed, payload, family, domain, None)
    with pytest.raises(Refused):
        signing.verify(signed, PAYLOAD, FAMILY, DOMAIN, HERE)


GOOD = fields(key("hoa"), PAYLOAD, FAMILY, DOMAIN)
PHONE = Passkey("p").fields(PAYLOAD, FAMILY, DOMAIN)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        GOOD | {"signature": ""},
        GOOD | {"signature": "AAAA"},
        GOOD | {"signature": "kein!base64"},
        GOOD | {"public_key": base64url(bytes(31))},
        GOOD | {"alg": "-7"},
        GOOD | {"alg": "x"},
        GOOD | {"alg": "-70008"},
        PHONE | {"client_data": base64url(b"[]")},
        PHONE | {"client_data": base64url(b"\xff")},
        PHONE | {"client_data": base64url(b"[" * 501)},
        PHONE | {"client_data": base64url(b"{" + b" " * 500 + b"}")},
        PHONE | {"authenticator_data": base64url(bytes(38))},
        PHONE | {"signature": base64url(b"\x30" + bytes(70))},
    ],
)
def test_what_is_no_signature_is_refused_with_a_way_out(broken: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        signing.read(broken)
    assert (refused.value.field, bool(refused.value.way_out)) == ("signature", True)


def test_a_file_of_loalang_sign_and_a_json_body_are_read_alike() -> None:
    good = signing.read(GOOD)
    text = json.dumps(GOOD | {"alg": -8, "loalang": "signature/2", "family": "approval", "sha256": "0"}).encode()
    assert signing.read(text) == good
    body = RequestFactory().post("/", text, content_type="application/json")
    assert signing.read(body) == good
    assert signing.read(RequestFactory().post("/", GOOD)) == good
    for wrong in (b"", b"[]", b"{", text.replace(b"signature/2", b"signature/1"), text + b" " * 5000):
        with pytest.raises(Refused):
            signing.read(wrong)


def test_a_key_counts_while_it_is_registered_for_its_person(hoa: Person) -> None:
    signed = signing.read(GOOD)
    minh = Person.objects.create(username="minh", display_name="Lê Minh")
    row = registered(hoa, signed.public_key, KeyKind.FILE)
    assert signing.own_key(hoa, signed) == row
    for person, other in ((minh, signed), (hoa, replace(signed, public_key=bytes(32)))):
        with pytest.raises(Refused, match="không phải khóa đang dùng"):
            signing.own_key(person, other)
    PersonKey.objects.update(revoked=timezone.now())
    with pytest.raises(Refused):
        signing.own_key(hoa, signed)


def test_a_passkeys_key_signs_no_bytes_and_another_key_no_assertions(hoa: Person) -> None:
    phone = Passkey("p")
    registered(hoa, phone.public_key, KeyKind.PASSKEY)
    raw = SignedBy(phone.public_key, bytes(64), Alg.ES256)
    with pytest.raises(Refused):
        signing.own_key(hoa, raw)
    assert signing.own_key(hoa, signing.read(phone.fields(PAYLOAD, FAMILY, DOMAIN)))


def test_the_kit_offers_exactly_the_keys_of_the_person_that_count_here(hoa: Person) -> None:
    phone = Passkey("p")
    registered(hoa, phone.public_key, KeyKind.PASSKEY, credential=phone.credential, rp_id="testserver")
    registered(hoa, key("hoa").public_key, KeyKind.FILE)
    registered(hoa, P256Signer("hoa").public_key, KeyKind.DEVICE)
    registered(hoa, key("old").public_key, KeyKind.FILE, revoked=timezone.now())
    offered = signing.request(hoa, PAYLOAD, FAMILY, action="/ky/", fields={"seen": "ab"}, button="Duyệt")
    assert [one["kind"] for one in offered["keys"]] == ["passkey", "file", "device"]
    page = render_to_string("accounts/sign_with.html", {"signing": offered})
    for there in (
        'action="/ky/"',
        'name="seen" value="ab"',
        base64url(phone.credential),
        'data-alg="-7"',
        "loalang sign",
    ):
        assert there in page
    assert base64url(key("old").public_key) not in page
    only = signing.request(hoa, PAYLOAD, FAMILY, only={phone.public_key})
    assert [one["kind"] for one in only["keys"]] == ["passkey"]
    assert "data:application/json" not in render_to_string("accounts/sign_with.html", {"signing": only})


def test_the_request_for_loalang_sign_carries_the_very_bytes_and_the_code_that_people_compare(hoa: Person) -> None:
    offered = signing.request(hoa, PAYLOAD, FAMILY)
    text = json.loads(base64.b64decode(offered["request"]))
    assert text["loalang"] == "sign/2"
    assert text["family"] == "approval"
    assert text["payload"] == base64url(PAYLOAD)
    assert len(offered["code"].split()) == 4
