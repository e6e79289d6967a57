"""A person's keys: three kinds, each shown to be in their hand before it counts, and taken back with one press."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from controller.accounts import services
from controller.accounts.models import Audit, KeyKind, Person, PersonKey, Role
from controller.core.errors import Refused
from controller.units.models import Unit
from protocol.curves import RAW_ALG, Alg
from protocol.signing import Domain, Family, KeySigner, SignedBy, Signer, to_be_signed
from tests.support.signing_kit import P256Signer, Passkey, as_fields, base64url

pytestmark = pytest.mark.django_db
HOA = "Trần Thị Hoa"


@pytest.fixture
def unit() -> Unit:
    return Unit.objects.create(code="79", name="Thành phố Hồ Chí Minh", kind="province")


@pytest.fixture
def hoa(unit: Unit) -> Person:
    person, _password = services.add_person("hoa", HOA, [(Role.SIGNER, unit)])
    services.change_password(person, "ba từ ghép lại")
    return person


@pytest.fixture
def browser(client: Client, hoa: Person) -> Client:
    client.force_login(hoa)
    return client


def key_form(person: Person, challenge: str, signer: Signer, holder: Signer | None = None) -> dict[str, str]:
    """What the page's script sends: `signer`'s public half, proven by `holder`'s key."""
    value = (holder or signer).sign(services.possession(person, signer.public_key, challenge))
    proof = SignedBy(signer.public_key, value, RAW_ALG[len(signer.public_key)])
    return as_fields(proof) | {"kind": "file", "named": HOA, "label": "USB"}


def passkey_form(person: Person, challenge: str, phone: Passkey) -> dict[str, str]:
    proof = phone.signs(services.possession(person, phone.public_key, challenge))
    return as_fields(proof) | {"kind": "passkey", "credential": base64url(phone.credential)}


def challenge_of(browser: Client) -> str:
    found = re.search(r'data-challenge="([^"]+)"', browser.get("/toi/").text)
    assert found is not None
    return found[1]


def test_only_the_public_half_of_a_key_is_registered_and_only_ones_own(browser: Client, hoa: Person) -> None:
    signer = KeySigner.from_seed(b"h" * 32)
    form = key_form(hoa, challenge_of(browser), signer)
    assert "Lê Minh" in browser.post("/toi/", form | {"named": "Lê Minh"}).text
    assert browser.post("/toi/", form).status_code == 302
    assert bytes(PersonKey.objects.get(person=hoa).public_key) == signer.public_key
    assert "đã được đăng ký" in browser.post("/toi/", key_form(hoa, challenge_of(browser), signer)).text


@pytest.mark.parametrize("alg", [Alg.PASSKEY_ES256, Alg.PASSKEY_EDDSA])
def test_a_phones_passkey_is_registered_with_its_address_and_a_name_that_nobody_had_to_type(
    browser: Client, hoa: Person, alg: Alg
) -> None:
    phone = Passkey("hoa", alg=alg)
    assert browser.post("/toi/", passkey_form(hoa, challenge_of(browser), phone)).status_code == 302
    row = hoa.keys.get()
    assert (row.kind, row.rp_id, row.label, row.alg) == (KeyKind.PASSKEY, "testserver", "điện thoại của Hoa", alg)
    assert (bytes(row.public_key), bytes(row.credential)) == (phone.public_key, phone.credential)
    assert "mở bằng vân tay" in browser.get("/toi/").text


def test_a_browser_without_ed25519_registers_a_key_on_the_other_curve(browser: Client, hoa: Person) -> None:
    signer = P256Signer("hoa")
    form = key_form(hoa, challenge_of(browser), signer) | {"kind": "device", "named": "", "label": ""}
    assert browser.post("/toi/", form).status_code == 302
    assert (hoa.keys.get().alg, hoa.keys.get().label) == (Alg.ES256, "trình duyệt của Hoa")


@pytest.mark.parametrize(
    "phone", [Passkey("hoa", flags=0x01), Passkey("hoa", origin="https://evil.example"), Passkey("hoa", flags=0x45)]
)
def test_a_passkey_that_boxes_would_not_believe_is_not_registered(browser: Client, hoa: Person, phone: Passkey) -> None:
    page = browser.post("/toi/", passkey_form(hoa, challenge_of(browser), phone)).text
    assert "Chưa chứng minh" in page
    assert "khóa màn hình" in page
    assert not PersonKey.objects.exists()


def test_a_passkey_is_no_key_that_signs_bytes_nor_the_other_way_round(browser: Client, hoa: Person) -> None:
    challenge = challenge_of(browser)
    for form in (
        passkey_form(hoa, challenge, Passkey("hoa")) | {"kind": "device"},
        passkey_form(hoa, challenge, Passkey("hoa")) | {"credential": ""},
        key_form(hoa, challenge, P256Signer("hoa")) | {"kind": "passkey", "credential": "AAAA"},
    ):
        assert "Chưa chứng minh" in browser.post("/toi/", form).text
    assert not PersonKey.objects.exists()


def test_a_key_that_is_not_in_the_persons_hand_is_not_registered(browser: Client, hoa: Person, unit: Unit) -> None:
    """Anybody can read somebody else's public key, and would sign in their place or keep them from registering it."""
    minhs, hoas = KeySigner.from_seed(b"m" * 32), KeySigner.from_seed(b"h" * 32)
    minh, _ = services.add_person("minh", "Lê Minh", [(Role.SIGNER, unit)])
    challenge = challenge_of(browser)
    for form in (
        key_form(hoa, challenge, minhs, holder=hoas),
        key_form(minh, challenge, minhs),
        key_form(hoa, "an older challenge", minhs),
        key_form(hoa, challenge, minhs) | {"alg": "-7"},
        key_form(hoa, challenge, minhs) | {"signature": ""},
        key_form(hoa, challenge, minhs) | {"signature": "kein!base64"},
        key_form(hoa, challenge, minhs) | {"kind": "brain"},
    ):
        assert "errorlist" in browser.post("/toi/", form).text
    assert not PersonKey.objects.exists()


def test_a_proof_is_good_for_one_registration(browser: Client, hoa: Person) -> None:
    challenge = challenge_of(browser)
    assert browser.post("/toi/", key_form(hoa, challenge, KeySigner.from_seed(b"h" * 32))).status_code == 302
    assert challenge_of(browser) != challenge
    assert "Chưa chứng minh" in browser.post("/toi/", key_form(hoa, challenge, KeySigner.from_seed(b"i" * 32))).text


def test_a_proof_cannot_be_the_signature_of_an_order(hoa: Person) -> None:
    """What is signed for an order is CBOR, and begins with the head of an array; a proof begins with a letter."""
    order = to_be_signed(b"", Family.ORDER, Domain("79", "prod"))
    assert services.possession(hoa, bytes(32), "")[0] != order[0]


def test_a_lost_phone_that_no_list_names_is_taken_back_with_one_confirmed_press(browser: Client, hoa: Person) -> None:
    browser.post("/toi/", passkey_form(hoa, challenge_of(browser), Passkey("hoa")))
    url = reverse("trust:lost", args=[hoa.keys.get().pk])
    assert "chưa có trong danh sách nào" in browser.get(url).text
    assert hoa.keys.get().revoked is None
    page = browser.post(url, follow=True).text
    assert hoa.keys.get().revoked is not None
    assert "không nhận chữ ký của khóa này" in page
    assert Audit.objects.filter(action="key.revoked", person=hoa).exists()


def test_an_administrator_reads_the_line_that_the_roots_file_needs(client: Client, hoa: Person, unit: Unit) -> None:
    tuan, _ = services.add_person("tuan", "Phạm Tuấn", [(Role.ADMINISTRATOR, unit)])
    services.change_password(tuan, "ba từ ghép lại")
    client.force_login(hoa)
    client.post("/toi/", passkey_form(hoa, challenge_of(client), Passkey("hoa")))
    client.force_login(tuan)
    page = client.get(reverse("accounts:person", args=[hoa.pk])).text
    assert f'"public": "{base64url(Passkey("hoa").public_key)}", "party": "testserver"' in page


def test_nobody_takes_back_the_key_of_somebody_else(browser: Client, hoa: Person, unit: Unit) -> None:
    minh, _ = services.add_person("minh", "Lê Minh", [(Role.ADMINISTRATOR, unit)])
    browser.post("/toi/", key_form(hoa, challenge_of(browser), KeySigner.from_seed(b"h" * 32)))
    browser.force_login(minh)
    services.change_password(minh, "ba từ ghép lại")
    browser.force_login(minh)
    assert browser.post(reverse("trust:lost", args=[hoa.keys.get().pk])).status_code == 404
    assert hoa.keys.get().revoked is None


def test_a_file_that_is_no_key_file_is_refused(hoa: Person) -> None:
    with pytest.raises(Refused):
        services.register_key_file(hoa, "{}", "USB")
