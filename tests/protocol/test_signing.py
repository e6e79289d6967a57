"""COSE envelopes: the published vectors, who signed what, and for whom."""

from contextlib import suppress

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.curves import Alg
from protocol.errors import ProtocolError, SignatureError
from protocol.ids import key_id
from protocol.roles import Role
from protocol.signing import (
    Domain,
    Family,
    KeySigner,
    Signature,
    SignedBy,
    assemble,
    family_of,
    open1,
    open_signed,
    sig_structure,
    sig_structure1,
    sign,
    sign1,
    to_be_signed,
    verify1,
)
from protocol.trust import Trust, open_assignment, open_machine
from tests.protocol.examples import ASSIGNMENT, MESSAGES
from tests.protocol.people import (
    BOX,
    COMMUNE,
    CONTROLLER,
    DOMAIN,
    HAMLET,
    HOA,
    MINH,
    NOW_S,
    PROVINCE,
    ROOTS,
    TRUST,
    holder,
)

# cose-wg/Examples, eddsa-examples/eddsa-sig-01.json and eddsa-01.json; the key is that of RFC 8032 §7.1 TEST 1.
VECTOR_KEY = KeySigner.from_seed(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
VECTOR_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
VECTOR_SIGN1 = bytes.fromhex(
    "d28445a201270300a10442313154546869732069732074686520636f6e74656e742e58407142fd2ff96d56db85bee905a76ba1d0b7321a95"
    "c8c4d3607c5781932b7afb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d"
)
VECTOR_SIGN = bytes.fromhex(
    "d8628443a10300a054546869732069732074686520636f6e74656e742e818343a10127a104423131584077f3eacd11852c4bf9cb1d72fabe"
    "6b26fba1d76092b2b5b7ec83b83557652264e69690dbc1172ddc0bf88411c0d25a507fdb247a20c40d5e245fabd3fc9ec106"
)
# ecdsa-examples/ecdsa-sig-01.json and sign1-tests/sign-pass-02.json; the key is their "11", compressed.
VECTOR_P256_PUBLIC = bytes.fromhex("02bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff")
VECTOR_P256 = bytes.fromhex(
    "d28445a201260300a10442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e"
    "56a551ce5705b793914348e172727f48461fabbba2e343492ddecac3983686250bc68e9f1a7a07d41225b59f"
)
VECTOR_EXTERNAL = bytes.fromhex(
    "d28443a10126a10442313154546869732069732074686520636f6e74656e742e5840eae868ecc176883766c5dc5ba5b8dca25dab3c2e56a5"
    "51ce5705b793914348e155388b10c4f1b59a6733eab416870a945111a4b2fbdbef33a77234b1deff2f9b"
)


def test_the_published_cose_sign1_vector_is_reproduced() -> None:
    protected, _, payload, value = cbor2.loads(VECTOR_SIGN1[1:])
    covered = sig_structure1(protected, b"", payload)
    assert VECTOR_KEY.public_key == VECTOR_PUBLIC
    assert VECTOR_KEY.sign(covered) == value
    assert Signature(b"11", covered, value).verify(VECTOR_PUBLIC)


def test_the_published_cose_sign_vector_is_reproduced() -> None:
    body_protected, _, payload, [[sign_protected, _, value]] = cbor2.loads(VECTOR_SIGN[2:])
    covered = sig_structure(body_protected, sign_protected, b"", payload)
    assert VECTOR_KEY.sign(covered) == value
    assert Signature(b"11", covered, value).verify(VECTOR_PUBLIC)


def test_the_published_p256_vectors_verify_the_one_with_external_data_only_over_it() -> None:
    protected, _, payload, value = cbor2.loads(VECTOR_P256[1:])
    assert Signature(b"11", sig_structure1(protected, b"", payload), value, Alg.ES256).verify(VECTOR_P256_PUBLIC)
    protected, _, payload, value = cbor2.loads(VECTOR_EXTERNAL[1:])
    external = bytes.fromhex("11aa22bb33cc44dd55006699")
    assert Signature(b"11", sig_structure1(protected, external, payload), value, Alg.ES256).verify(VECTOR_P256_PUBLIC)
    for other in (b"", external[:-1], external + b"\0"):
        forged = Signature(b"11", sig_structure1(protected, other, payload), value, Alg.ES256)
        assert not forged.verify(VECTOR_P256_PUBLIC)


def test_our_messages_are_cose_messages_by_the_published_structure() -> None:
    protected, unprotected, payload, value = cbor2.loads(sign1(b"payload", Family.ACK, DOMAIN, CONTROLLER)[1:])
    assert cbor2.loads(protected) == {1: -8, 16: 65005}
    assert unprotected == {4: key_id(CONTROLLER.public_key)}
    covered = cbor2.dumps(["Signature1", protected, DOMAIN.aad(Family.ACK), payload])
    assert CONTROLLER.sign(covered) == value


def test_the_payload_comes_out_only_for_the_key_that_signed() -> None:
    data = sign1(b"payload", Family.HELLO, DOMAIN, BOX)
    assert verify1(data, Family.HELLO, DOMAIN, BOX.public_key) == b"payload"
    with pytest.raises(SignatureError):
        verify1(data, Family.HELLO, DOMAIN, CONTROLLER.public_key)


@pytest.mark.parametrize("domain", [Domain("79", "test"), Domain("77", "production")])
def test_a_signature_counts_in_one_domain_only(domain: Domain) -> None:
    data = sign1(b"payload", Family.HELLO, DOMAIN, BOX)
    with pytest.raises(SignatureError):
        verify1(data, Family.HELLO, domain, BOX.public_key)


def test_a_message_of_one_family_does_not_pass_for_another() -> None:
    data = sign1(b"payload", Family.RECEIPT, DOMAIN, BOX)
    with pytest.raises(ProtocolError) as caught:
        verify1(data, Family.FAULT, DOMAIN, BOX.public_key)
    assert caught.value.code == "bad-header"


def test_a_header_rewritten_to_another_family_breaks_the_signature() -> None:
    data = sign1(b"payload", Family.RECEIPT, DOMAIN, BOX)
    forged = data.replace(int(Family.RECEIPT).to_bytes(2, "big"), int(Family.FAULT).to_bytes(2, "big"))
    with pytest.raises(SignatureError):
        verify1(forged, Family.FAULT, DOMAIN, BOX.public_key)


def test_every_signer_signs_the_same_bytes_and_may_do_so_elsewhere() -> None:
    message = to_be_signed(b"payload", Family.ORDER, DOMAIN)
    apart = assemble(
        b"payload", Family.ORDER, tuple(SignedBy(who.public_key, who.sign(message)) for who in (HOA, MINH))
    )
    assert apart == sign(b"payload", Family.ORDER, DOMAIN, HOA, MINH)


def test_an_envelope_says_who_may_have_signed_and_each_is_verified_alone() -> None:
    envelope = open_signed(sign(b"payload", Family.ORDER, DOMAIN, HOA, MINH), Family.ORDER, DOMAIN)
    first, second = envelope.signatures
    assert (first.kid, second.kid) == (key_id(HOA.public_key), key_id(MINH.public_key))
    assert (first.verify(HOA.public_key), second.verify(MINH.public_key)) == (True, True)
    assert (first.verify(MINH.public_key), first.verify(b"\xff" * 32), first.verify(b"short")) == (False, False, False)


@pytest.mark.parametrize("count", [0, 9])
def test_an_envelope_has_one_to_eight_signatures(count: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        open_signed(sign(b"payload", Family.ORDER, DOMAIN, *[HOA] * count), Family.ORDER, DOMAIN)
    assert caught.value.code == "bad-signatures"


@pytest.mark.parametrize("name", [name for name in MESSAGES if name != "beat"])
def test_a_message_says_its_family_before_it_is_opened(name: str) -> None:
    kind = "ORDER" if name in ("cancel", "stop", "reinstate", "order-passkey", "order-words") else name.upper()
    assert family_of(MESSAGES[name].data) is Family[kind]


@given(st.binary(max_size=200))
def test_any_bytes_have_a_family_or_a_protocol_error(data: bytes) -> None:
    for start in (b"", b"\xd2", b"\xd8\x62"):
        with suppress(ProtocolError):
            assert family_of(start + data) in Family


def test_a_machine_is_believed_in_its_role_and_in_no_other() -> None:
    data = MESSAGES["manifest"].data
    payload = open_machine(data, Family.MANIFEST, TRUST, Role.SCHEDULE, NOW_S, max_bytes=10_000)
    assert payload == open1(data, Family.MANIFEST, DOMAIN).payload
    for role in (Role.EMERGENCY, Role.CONTENT, Role.FIRMWARE):
        with pytest.raises(SignatureError, match="no holder"):
            open_machine(data, Family.MANIFEST, TRUST, role, NOW_S, max_bytes=10_000)


@pytest.mark.parametrize("at_s", [NOW_S - 11, NOW_S + 11])
def test_a_machine_is_not_believed_outside_its_dates(at_s: int) -> None:
    dated = holder(CONTROLLER, "controller", Role.SCHEDULE, not_before=NOW_S - 10, not_after=NOW_S + 10)
    roots = msgspec.structs.replace(ROOTS, holders=(dated,))
    data = MESSAGES["manifest"].data
    open_machine(data, Family.MANIFEST, Trust(roots), Role.SCHEDULE, NOW_S, max_bytes=10_000)
    with pytest.raises(SignatureError):
        open_machine(data, Family.MANIFEST, Trust(roots), Role.SCHEDULE, at_s, max_bytes=10_000)


@pytest.mark.parametrize(("scope", "good"), [(PROVINCE, True), (COMMUNE, True), (HAMLET, True), ("77-1", False)])
def test_an_assignment_counts_from_a_machine_whose_scope_has_a_unit_of_the_boxs_place(scope: str, good: bool) -> None:
    machine = msgspec.structs.replace(holder(CONTROLLER, "controller", Role.SCHEDULE), scope=(scope,))
    roots = msgspec.structs.replace(ROOTS, holders=(machine,))
    data = MESSAGES["assignment"].data
    if good:
        assert open_assignment(data, Trust(roots), NOW_S, max_bytes=4096) == ASSIGNMENT
    else:
        with pytest.raises(SignatureError, match="controller may not make schedules for") as caught:
            open_assignment(data, Trust(roots), NOW_S, max_bytes=4096)
        assert caught.value.code == "scope"


def test_a_machine_message_above_its_limit_is_refused() -> None:
    data = MESSAGES["manifest"].data
    with pytest.raises(ProtocolError) as caught:
        open_machine(data, Family.MANIFEST, TRUST, Role.SCHEDULE, NOW_S, max_bytes=len(data) - 1)
    assert caught.value.code == "too-long"
