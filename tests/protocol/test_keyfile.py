"""A person's key file: what opens it, what does not, and that a browser's primitives do."""

import base64
import hashlib
import json
from contextlib import suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.keyfile import MIN_ITERATIONS, read, seal, unseal
from tests.protocol.people import HOA, MINH

SALT, NONCE = bytes(range(16)), bytes(range(12))
PASSPHRASE = "mưa to gió lớn"


def sealed(person: str = "Hoa", passphrase: str = PASSPHRASE, **more: Any) -> str:
    given: dict[str, Any] = {"salt": SALT, "nonce": NONCE, "iterations": MIN_ITERATIONS}
    return seal(HOA, person, passphrase, **given | more)


FILE = sealed()


def altered(**fields: Any) -> str:
    return json.dumps(json.loads(FILE) | fields)


def code(text: str, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(ProtocolError) as caught:
        unseal(text, passphrase)
    return caught.value.code


def test_the_key_comes_back_for_its_passphrase() -> None:
    signer = unseal(FILE, PASSPHRASE)
    assert signer.public_key == HOA.public_key
    assert signer.sign(b"message") == HOA.sign(b"message")


def test_the_file_says_in_the_clear_whose_key_it_is() -> None:
    assert (read(FILE).person, read(FILE).public_key) == ("Hoa", HOA.public_key)


def test_a_wrong_passphrase_is_said_to_be_wrong() -> None:
    assert code(FILE, "mưa to gió nhẹ") == "wrong-passphrase"
    assert code(FILE, "") == "wrong-passphrase"


def test_a_passphrase_is_the_same_however_its_accents_are_typed() -> None:
    decomposed = "mu\u031ba to gio\u0301 lo\u031b\u0301n"
    assert decomposed != PASSPHRASE
    assert unseal(FILE, decomposed).public_key == HOA.public_key


def test_a_passphrase_of_seven_characters_is_too_short_though_its_bytes_are_more() -> None:
    with pytest.raises(ProtocolError, match="at least 8 characters") as caught:
        sealed(passphrase="mưa gió")
    assert caught.value.code == "short-passphrase"
    with pytest.raises(ProtocolError):
        sealed(passphrase="gio\u0301 mu\u031ba")
    assert sealed(passphrase="mưa gió!")


@pytest.mark.parametrize(
    "fields", [{"person": "Minh"}, {"public": base64.urlsafe_b64encode(MINH.public_key).decode().rstrip("=")}]
)
def test_a_file_whose_owner_was_exchanged_does_not_open(fields: dict[str, str]) -> None:
    assert code(altered(**fields)) == "wrong-passphrase"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        "\ud800",
        "[" * 4_000,
        "x" * 5_000,
        altered(loalang="key/2"),
        altered(person=""),
        altered(kdf="scrypt"),
        altered(cipher="AES-128-GCM"),
        altered(iterations=1),
        altered(iterations=10**9),
        altered(iterations="600000"),
        altered(salt="AA"),
        altered(salt="????"),
        altered(salt="AAECAwQFBgcICQoLDA0ODx"),
        altered(nonce=""),
        altered(nonce=read(FILE).nonce + "\n"),
        altered(sealed="A"),
        altered(public="AAAA"),
        altered(extra=1),
    ],
)
def test_what_is_no_key_file_is_said_to_be_none(text: str) -> None:
    assert code(text) == "not-a-key-file"


def test_a_sealed_thing_that_is_not_the_named_key_is_refused() -> None:
    file = json.loads(FILE)
    box = AESGCM(hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), SALT, MIN_ITERATIONS, 32))
    bound = f"loalang/key/1\n{file['public']}\nHoa".encode()
    for inside in (MINH.pkcs8(), b"no key at all"):
        forged = base64.urlsafe_b64encode(box.encrypt(NONCE, inside, bound)).decode().rstrip("=")
        assert code(altered(sealed=forged)) == "not-a-key-file"


@pytest.mark.parametrize(
    "more", [{"salt": b"short"}, {"nonce": b"short"}, {"iterations": 1}, {"person": ""}, {"person": "\ud800"}]
)
def test_nothing_is_sealed_that_could_not_be_read(more: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        sealed(**more)
    assert caught.value.code == "not-a-key-file"


def test_the_primitives_of_webcrypto_open_it_without_our_code() -> None:
    """PBKDF2 and AES-GCM over the fields as the README tells a browser to use them."""
    file = json.loads(FILE)

    def raw(name: str) -> bytes:
        return base64.urlsafe_b64decode(file[name] + "=" * (-len(file[name]) % 4))

    aes = hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), raw("salt"), file["iterations"], 32)
    bound = f"loalang/key/1\n{file['public']}\n{file['person']}".encode()
    der = AESGCM(aes).decrypt(raw("nonce"), raw("sealed"), bound)
    private = load_der_private_key(der, None)
    assert private.public_key().public_bytes_raw() == HOA.public_key  # type: ignore[union-attr]


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_key_file_or_a_protocol_error(text: str) -> None:
    with suppress(ProtocolError):
        read(text)


@settings(max_examples=20)
@given(st.text(min_size=1, max_size=64), st.text(min_size=16, max_size=40))
def test_any_name_and_passphrase_will_do(person: str, passphrase: str) -> None:
    assert unseal(sealed(person, passphrase), passphrase).public_key == HOA.public_key
