"""A passkey's signature, checked offline: whatever is not exactly right is no signature."""

import base64
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from protocol import curves, passkey
from protocol.codec import encode
from protocol.compose import signed_order
from protocol.curves import Alg
from protocol.errors import ProtocolError
from protocol.gate import Accept, judge
from protocol.ids import key_id, sha256
from protocol.order import MAX_ORDER_BYTES
from protocol.passkey import Party
from protocol.roles import Holder
from protocol.signing import Assertion, Family, Signature, SignedBy, assemble, open_signed, signed_by, to_be_signed
from protocol.trust import Trust
from tests.protocol.examples import BY_PASSKEY
from tests.protocol.passkeys import VERIFIED, Passkey
from tests.protocol.people import CLOCK, DOMAIN, FLOOD, HOA, PASSKEY, ROOTS, SIGNS_ORDERS, TRUST, box, changed

PAYLOAD = encode(FLOOD)
EDWARDS = Passkey("Minh, on Ed25519", "console.example", "https://console.example", ed25519=True)


def signature(signed: SignedBy) -> Signature:
    """As the console sees it, before it travels."""
    message = to_be_signed(PAYLOAD, Family.ORDER, DOMAIN, signed.alg)
    return Signature(key_id(signed.public_key), message, signed.value, signed.alg, signed.assertion)


def travelled(signed: SignedBy) -> Signature:
    """As a box sees it."""
    return open_signed(assemble(PAYLOAD, Family.ORDER, (signed,)), Family.ORDER, DOMAIN).signatures[0]


def made(who: Passkey = PASSKEY, **changes: Any) -> Signature:
    return signature(who.sign(PAYLOAD, Family.ORDER, DOMAIN, **changes))


@pytest.mark.parametrize("who", [PASSKEY, EDWARDS])
def test_a_person_who_was_verified_signs_with_a_passkey_of_either_curve(who: Passkey) -> None:
    assert passkey.verify(made(who), who.public_key, who.party)
    there = travelled(who.sign(PAYLOAD, Family.ORDER, DOMAIN))
    assert passkey.verify(there, who.public_key, who.party)
    assert not passkey.verify(there, who.public_key, Party("other.example", who.party.origins))


def test_what_chromium_adds_at_random_travels_along_and_two_such_signers_and_a_text_fit_into_an_order() -> None:
    extra: dict[str, Any] = {
        "other_keys_can_be_added_here": "do not compare clientDataJSON against a template. See https://goo.gl/yabPex"
    }
    order = encode(changed(FLOOD, board="Nước dâng nhanh, khẩn trương lên cao. " * 4))
    both = (Passkey("Hoa", "console.baria.example", "https://console.baria.example"), PASSKEY)
    signed = tuple(who.sign(order, Family.ORDER, DOMAIN, **extra) for who in both)
    raw = assemble(order, Family.ORDER, signed)
    assert len(raw) <= MAX_ORDER_BYTES
    for who, row in zip(both, open_signed(raw, Family.ORDER, DOMAIN).signatures, strict=True):
        assert passkey.verify(row, who.public_key, who.party)


def test_a_browser_that_writes_its_client_data_in_another_order_is_told_so_before_anything_is_sent() -> None:
    signed = PASSKEY.sign(PAYLOAD, Family.ORDER, DOMAIN)
    assert signed.assertion is not None
    turned = b'{"origin":"https://console.example",' + signed.assertion.client_data[1:]
    other = SignedBy(
        signed.public_key, signed.value, signed.alg, Assertion(signed.assertion.authenticator_data, turned)
    )
    with pytest.raises(ProtocolError, match="in a way of its own"):
        assemble(PAYLOAD, Family.ORDER, (other,))


@pytest.mark.parametrize(
    "changes",
    [
        {"flags": 0},
        {"flags": passkey.USER_PRESENT},
        {"flags": passkey.USER_VERIFIED},
        {"flags": VERIFIED | 0x80},
        {"flags": VERIFIED | 0x40},
        {"type": "webauthn.create"},
        {"challenge": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")},
        {"challenge": ""},
        {"origin": "https://console.example.evil"},
        {"origin": "http://console.example"},
        {"crossOrigin": True},
        {"crossOrigin": 1},
    ],
)
def test_whoever_was_not_verified_or_signed_elsewhere_or_something_else_has_not_signed(changes: dict[str, Any]) -> None:
    assert not passkey.verify(made(**changes), PASSKEY.public_key, PASSKEY.party)


@pytest.mark.parametrize("flags", [VERIFIED | 0x08, VERIFIED | 0x18])
def test_a_passkey_that_is_kept_in_a_cloud_counts(flags: int) -> None:
    assert passkey.verify(made(flags=flags), PASSKEY.public_key, PASSKEY.party)


def test_a_passkey_counts_for_its_own_party_alone() -> None:
    assert not passkey.verify(made(), PASSKEY.public_key, Party("other.example", ("https://console.example",)))


def test_a_name_that_stands_twice_in_what_the_browser_wrote_is_refused() -> None:
    signed = PASSKEY.sign(PAYLOAD, Family.ORDER, DOMAIN)
    assert signed.assertion is not None
    said = signed.assertion.client_data
    twice = b'{"type":"webauthn.create",' + said[1:]
    assertion = Assertion(signed.assertion.authenticator_data, twice)
    raw = PASSKEY._raw(passkey.covered(assertion))
    assert json.loads(twice)["type"] == "webauthn.get"
    again = SignedBy(PASSKEY.public_key, raw, PASSKEY.alg, assertion)
    assert not passkey.verify(signature(again), PASSKEY.public_key, PASSKEY.party)


@given(st.integers(0, 400), st.integers(1, 255))
def test_no_changed_byte_of_an_assertion_verifies(at: int, by: int) -> None:
    signed = PASSKEY.sign(PAYLOAD, Family.ORDER, DOMAIN)
    assert signed.assertion is not None
    parts = [signed.assertion.authenticator_data, signed.assertion.client_data, signed.value]
    place = at % sum(map(len, parts))
    for index, part in enumerate(parts):
        if place < len(part):
            parts[index] = part[:place] + bytes([part[place] ^ by]) + part[place + 1 :]
            break
        place -= len(part)
    forged = SignedBy(signed.public_key, parts[2], signed.alg, Assertion(parts[0], parts[1]))
    assert not passkey.verify(signature(forged), PASSKEY.public_key, PASSKEY.party)


def test_the_other_form_of_an_es256_signature_is_refused_and_can_be_brought_into_the_one() -> None:
    signed = PASSKEY.sign(PAYLOAD, Family.ORDER, DOMAIN)
    r, s = signed.value[:32], int.from_bytes(signed.value[32:], "big")
    other = r + (curves.P256_ORDER - s).to_bytes(32, "big")
    assert not passkey.verify(signature(valued(signed, other)), PASSKEY.public_key, PASSKEY.party)
    assert curves.smaller(other) == signed.value
    with pytest.raises(ProtocolError):
        curves.smaller(b"short")
    with pytest.raises(ProtocolError):
        curves.compact(b"not DER")


def valued(signed: SignedBy, value: bytes) -> SignedBy:
    return SignedBy(signed.public_key, value, signed.alg, signed.assertion)


def test_a_passkeys_key_signs_nothing_but_assertions_and_no_other_key_signs_assertions() -> None:
    order = FLOOD
    plain = Holder(EDWARDS.public_key, "Minh", SIGNS_ORDERS, ("77",))
    hoa = signed_by(HOA, PAYLOAD, Family.ORDER, DOMAIN)
    raw = assemble(PAYLOAD, Family.ORDER, (hoa, EDWARDS.sign(PAYLOAD, Family.ORDER, DOMAIN)))
    holders = tuple(row for row in ROOTS.holders if row.person != "Minh")
    as_passkey = Trust(_with(*holders, _passkey_of(plain)))
    as_plain = Trust(_with(*holders, plain))
    assert isinstance(judge(raw, as_passkey, CLOCK, box()), Accept)
    assert not isinstance(judge(raw, as_plain, CLOCK, box()), Accept)
    assert order.id.startswith(sha256(HOA.public_key)[:4])


def _with(*holders: Holder) -> Any:
    return msgspec.structs.replace(ROOTS, holders=holders)


def _passkey_of(row: Holder) -> Holder:
    return msgspec.structs.replace(row, party=1)


def test_an_alert_that_a_key_file_and_a_passkey_have_signed_is_obeyed_and_fits() -> None:
    assert isinstance(judge(BY_PASSKEY, TRUST, CLOCK, box()), Accept)
    assert len(signed_order(FLOOD, HOA, HOA)) <= 300
    assert len(BY_PASSKEY) <= 500


def test_a_key_of_a_browser_without_ed25519_signs_with_es256() -> None:
    secret = ec.derive_private_key(7, ec.SECP256R1())

    class Browser:
        public_key = curves.compressed(secret.public_key())

        def sign(self, message: bytes, /) -> bytes:
            return curves.compact(secret.sign(message, ec.ECDSA(SHA256())))

    signed = signed_by(Browser(), PAYLOAD, Family.ORDER, DOMAIN)
    assert signed.alg is Alg.ES256
    assert signature(signed).verify(Browser.public_key)
    assert not signature(signed).verify(HOA.public_key)
