"""Orders signed by passkeys: Minh's phone signs an assertion in place of the bytes, and it counts as Minh."""

from typing import Any

import msgspec
import pytest

from protocol.clock import ClockReading
from protocol.codec import encode
from protocol.compose import order_id
from protocol.curves import P256_ORDER, Alg
from protocol.errors import ProtocolError
from protocol.gate import Accept, Reject, RejectCode, judge
from protocol.order import MAX_ORDER_BYTES, Order
from protocol.passkey import Party
from protocol.roles import Roots
from protocol.signing import Assertion, Family, SignedBy, assemble, signed_by
from protocol.trust import Trust
from tests.protocol.passkeys import VERIFIED, Passkey
from tests.protocol.people import CLOCK, DOMAIN, FLOOD, HOA, MINH, PASSKEY, ROOTS, box, changed

PAYLOAD = encode(FLOOD)
NOTHING = (RejectCode.THRESHOLD, "bad-assertion")
"""It counts for nothing, or cannot even be sent: no browser that signs for a box writes it so."""


def verdict(
    *signatures: SignedBy, order: Order = FLOOD, roots: Roots = ROOTS, clock: ClockReading = CLOCK
) -> str | None:
    """The code with which the box refuses it; None where it accepts."""
    try:
        raw = assemble(encode(order), Family.ORDER, signatures)
    except ProtocolError as error:
        return error.code
    found = judge(raw, Trust(roots), clock, box())
    return found.code if isinstance(found, Reject) else None


def hoa() -> SignedBy:
    return signed_by(HOA, PAYLOAD, Family.ORDER, DOMAIN)


def minh(**odd: Any) -> SignedBy:
    return PASSKEY.sign(PAYLOAD, Family.ORDER, DOMAIN, **odd)


def with_assertion(signature: SignedBy, **parts: bytes) -> SignedBy:
    assert signature.assertion is not None
    whole = {
        "authenticator_data": signature.assertion.authenticator_data,
        "client_data": signature.assertion.client_data,
    }
    return SignedBy(signature.public_key, signature.value, signature.alg, Assertion(**whole | parts))


def resigned(authenticator_data: bytes, client_data: bytes) -> SignedBy:
    """Signed by Minh's phone, whatever stands in it."""
    return PASSKEY.over(Assertion(authenticator_data, client_data))


def test_a_key_and_a_passkey_are_two_persons() -> None:
    assert verdict(hoa(), minh()) is None


def test_an_order_with_two_passkeys_and_a_text_for_boards_fits_in_900_bytes() -> None:
    other = Passkey("Bình", "console.example", "https://console.example", ed25519=True)
    line = msgspec.structs.replace(ROOTS.holders[3], key=other.public_key, person="Bình")
    roots = msgspec.structs.replace(ROOTS, holders=(*ROOTS.holders, line))
    order = changed(FLOOD, id=order_id(PASSKEY.public_key, b"flood at dam"), board="Di dời lên nơi cao ngay.")
    payload = encode(order)
    both = tuple(key.sign(payload, Family.ORDER, DOMAIN) for key in (PASSKEY, other))
    raw = assemble(payload, Family.ORDER, both)
    assert len(raw) <= MAX_ORDER_BYTES
    found = judge(raw, Trust(roots), CLOCK, box())
    assert isinstance(found, Accept)
    assert found.first_signer_key == PASSKEY.public_key


@pytest.mark.parametrize("flags", [VERIFIED, VERIFIED | 0x08, VERIFIED | 0x10, VERIFIED | 0x18])
def test_a_passkey_may_be_kept_in_a_cloud(flags: int) -> None:
    assert verdict(hoa(), minh(flags=flags)) is None


@pytest.mark.parametrize(
    "flags", [0, 0x01, 0x04, 0x08, VERIFIED | 0x02, VERIFIED | 0x20, VERIFIED | 0x40, VERIFIED | 0x80]
)
def test_nobody_was_there_or_something_else_was_said(flags: int) -> None:
    assert verdict(hoa(), minh(flags=flags)) in NOTHING


@pytest.mark.parametrize(
    "client",
    [
        {"type": "webauthn.create"},
        {"type": None},
        {"challenge": "AAAA"},
        {"challenge": None},
        {"origin": "https://console.example.evil"},
        {"origin": "https://console.example/"},
        {"origin": ["https://console.example"]},
        {"crossOrigin": True},
        {"crossOrigin": 0},
        {"crossOrigin": None},
    ],
    ids=str,
)
def test_a_page_of_somebody_else_made_this(client: dict[str, Any]) -> None:
    assert verdict(hoa(), minh(**client)) in NOTHING


def test_each_origin_of_the_party_counts_and_no_other_party_does() -> None:
    two = Party("console.example", ("https://other.example", "https://console.example"))
    assert verdict(hoa(), minh(), roots=msgspec.structs.replace(ROOTS, parties=(two,))) is None
    for party in (Party("evil.example", two.origins), Party("console.example", two.origins[:1])):
        assert verdict(hoa(), minh(), roots=msgspec.structs.replace(ROOTS, parties=(party,))) in NOTHING


def test_a_passkey_is_of_the_party_that_its_line_names() -> None:
    strange = Party("evil.example", ("https://evil.example",))
    roots = msgspec.structs.replace(ROOTS, parties=(strange, PASSKEY.party))
    assert verdict(hoa(), minh(), roots=roots) in NOTHING
    lines = tuple(msgspec.structs.replace(row, party=2) if row.party else row for row in ROOTS.holders)
    assert verdict(hoa(), minh(), roots=msgspec.structs.replace(roots, holders=lines)) is None
    assert verdict(hoa(), minh(), roots=msgspec.structs.replace(ROOTS, holders=lines)) in NOTHING


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"crossOrigin":false', b'"type":"webauthn.get"'),
        (b'"crossOrigin":false', b'"x":{"a":1,"a":2}'),
        (b"false", b"NaN"),
        (b'"crossOrigin":false', b'"x":Infinity'),
        (b'"crossOrigin":false', b'"x":-Infinity'),
        (b"}", b""),
        (b"{", b"\xef\xbb\xbf{"),
        (b"{", b"\xff{"),
        (b"{", b"[{"),
        (b"}", b"}}"),
    ],
)
def test_client_data_that_two_readers_could_read_differently_counts_for_nothing(before: bytes, after: bytes) -> None:
    good = minh().assertion
    assert good is not None
    assert verdict(hoa(), resigned(good.authenticator_data, good.client_data)) is None
    client = good.client_data.replace(before, after)
    assert verdict(hoa(), resigned(good.authenticator_data, client)) in NOTHING


@pytest.mark.parametrize("client", [b"[" * 400, b"7" * 400, b"null", b'"webauthn.get"', b"[]", b"{}", b""])
def test_client_data_that_is_no_object_counts_for_nothing(client: bytes) -> None:
    good = minh().assertion
    assert good is not None
    assert verdict(hoa(), resigned(good.authenticator_data, client)) in NOTHING


def test_client_data_without_a_word_on_frames_and_with_more_than_is_asked_counts() -> None:
    good = minh().assertion
    assert good is not None
    for more in (b"", b',"topOrigin":"x"', b',"x":' + b"1" * 200):
        client = good.client_data.replace(b',"crossOrigin":false', more)
        assert verdict(hoa(), resigned(good.authenticator_data, client)) is None


def test_an_assertion_has_its_length() -> None:
    good = minh().assertion
    assert good is not None
    rest = len(good.client_data) - good.client_data.index(b',"crossOrigin"')
    longest = good.client_data[:-1] + b" " * (250 - rest) + b"}"
    assert verdict(hoa(), resigned(good.authenticator_data, longest)) is None
    assert verdict(hoa(), resigned(good.authenticator_data, longest + b" ")) in NOTHING
    for data in (good.authenticator_data[:4], good.authenticator_data + b"\x00"):
        assert verdict(hoa(), resigned(data, good.client_data)) in (*NOTHING, RejectCode.MALFORMED)


def test_an_assertion_over_another_order_counts_for_nothing() -> None:
    other = PASSKEY.sign(encode(changed(FLOOD, sequence=9)), Family.ORDER, DOMAIN)
    assert verdict(hoa(), other) in NOTHING


def test_an_assertion_that_was_changed_after_it_was_signed_counts_for_nothing() -> None:
    good = minh(flags=VERIFIED | 0x08)
    assert good.assertion is not None
    changed_flags = bytearray(good.assertion.authenticator_data)
    changed_flags[32] = VERIFIED
    assert verdict(hoa(), with_assertion(good, authenticator_data=bytes(changed_flags))) in NOTHING
    spaced = good.assertion.client_data.replace(b'"type":', b'"type": ')
    assert verdict(hoa(), with_assertion(good, client_data=spaced)) in NOTHING


def test_a_passkey_signs_nothing_else_and_no_other_key_signs_assertions() -> None:
    lines = tuple(msgspec.structs.replace(row, party=0) if row.party else row for row in ROOTS.holders)
    assert verdict(hoa(), minh(), roots=msgspec.structs.replace(ROOTS, holders=lines)) in NOTHING
    plain = SignedBy(PASSKEY.public_key, minh().value, Alg.ES256)
    assert verdict(hoa(), plain) in NOTHING


def test_the_algorithm_is_that_of_the_passkeys_curve() -> None:
    good = minh()
    assert verdict(hoa(), SignedBy(good.public_key, good.value, Alg.PASSKEY_EDDSA, good.assertion)) in NOTHING
    young = Passkey("Minh", "console.example", "https://console.example", ed25519=True)
    lines = (ROOTS.holders[0], msgspec.structs.replace(ROOTS.holders[3], key=young.public_key))
    roots = msgspec.structs.replace(ROOTS, holders=lines)
    signature = young.sign(PAYLOAD, Family.ORDER, DOMAIN)
    assert verdict(hoa(), signature, roots=roots) is None
    named = SignedBy(signature.public_key, signature.value, Alg.PASSKEY_ES256, signature.assertion)
    assert verdict(hoa(), named, roots=roots) in NOTHING


def test_an_ecdsa_signature_has_one_form() -> None:
    good = minh()
    r, s = good.value[:32], int.from_bytes(good.value[32:], "big")
    other = SignedBy(good.public_key, r + (P256_ORDER - s).to_bytes(32, "big"), good.alg, good.assertion)
    assert verdict(hoa(), other) in NOTHING
    for value in (bytes(64), r + bytes(32), bytes(32) + good.value[32:], b"\xff" * 64):
        assert verdict(hoa(), SignedBy(good.public_key, value, good.alg, good.assertion)) in NOTHING


def test_minhs_phone_and_minhs_key_are_one_person() -> None:
    order = changed(FLOOD, id=order_id(PASSKEY.public_key, b"flood at dam"))
    payload = encode(order)
    both = (PASSKEY.sign(payload, Family.ORDER, DOMAIN), signed_by(MINH, payload, Family.ORDER, DOMAIN))
    assert verdict(*both, order=order) in NOTHING
